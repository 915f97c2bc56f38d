//! Will sshd let anybody in, now and after the next boot?

mod configuration;
mod listeners;
mod units;

use super::outcome::{NOT_PRESENT, Outcome};
use crate::catalog::Level;
use crate::catalog::kind::ssh::CONFIGURATION;
use crate::facts::Facts;
use crate::model::{Query, Reading, Status, Trouble, TroubleCause};
use configuration::Read;
use units::Units;

const ID: &str = "ssh.reachable";

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    match Sshd::of(facts) {
        Ok(sshd) => sshd.judge(facts),
        Err(NotJudged::NotThere(detail)) => vec![Outcome::skip("", NOT_PRESENT, detail)],
        // Who does not know the units does not connect: that might start one of them.
        Err(NotJudged::UnitsUnread(unit, trouble)) => {
            let outcome = Outcome::unknown(unit, &trouble).asking(Query::Unit(unit.to_owned()));
            vec![configuration::judge(&Read::of(facts), facts), outcome]
        }
    }
}

/// What must be read before it can be judged.
pub fn open_questions(facts: &Facts<'_>) -> Vec<Query> {
    let Ok(sshd) = Sshd::of(facts) else { return Read::of(facts).open_questions() };
    let running = sshd.units.main_pid().map(|pid| Query::File(format!("/proc/{pid}/cmdline")));
    let banners = listeners::plan(&sshd, facts).into_iter().filter_map(|planned| planned.question());
    sshd.read.open_questions().into_iter().chain(banners).chain(running).collect()
}

/// An sshd that is meant to run.
struct Sshd {
    /// None where there is no systemd.
    units: Units,
    read: Read,
}

enum NotJudged {
    NotThere(String),
    UnitsUnread(&'static str, Trouble),
}

impl Sshd {
    fn of(facts: &Facts<'_>) -> Result<Self, NotJudged> {
        let units = Units::of(facts).map_err(|(unit, trouble)| NotJudged::UnitsUnread(unit, trouble))?;
        let read = Read::of(facts);
        if units.are_of_systemd && units.is_none() {
            return Err(NotJudged::NotThere("no sshd is installed: there is no unit of it".to_owned()));
        }
        if units.is_none() && matches!(read.configuration, Reading::Absent) {
            return Err(NotJudged::NotThere(format!("no sshd is installed: there is no {CONFIGURATION}")));
        }
        Ok(Self { units, read })
    }

    fn judge(&self, facts: &Facts<'_>) -> Vec<Outcome> {
        if let Some(unit) = self.units.switched_off() {
            return vec![self.judge_switched_off(unit, facts)];
        }
        let mut outcomes = vec![configuration::judge(&self.read, facts)];
        outcomes.extend(self.units.judge_boot(facts));
        outcomes.extend(listeners::judge(self, facts));
        outcomes
    }

    /// Off, or in the hands of something else than `unit`: who answers all the same tells.
    fn judge_switched_off(&self, unit: &str, facts: &Facts<'_>) -> Outcome {
        let listeners = listeners::judge(self, facts);
        let not_asked = |outcome: &&Outcome| outcome.cause == Some(TroubleCause::NotAsked.as_str());
        if let Some(listener) = listeners.iter().find(|outcome| outcome.status == Status::Pass) {
            let detail = format!("{}; the next boot does not start {unit}: something else must", listener.detail);
            return Outcome::fail(unit, Some("not-enabled"), detail).at_most(Level::Info);
        }
        if let Some(open) = listeners.iter().find(not_asked) {
            let trouble = Trouble::new(TroubleCause::NotAsked, open.detail.clone());
            return Outcome::unknown(unit, &trouble).at_most(Level::Warn);
        }
        let detail = format!("{unit} is installed and switched off: neither enabled nor running");
        Outcome::skip("", NOT_PRESENT, detail)
    }
}

#[cfg(test)]
mod tests;
