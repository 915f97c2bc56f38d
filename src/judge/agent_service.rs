//! Do the units of the agent run?

use std::time::{Duration, UNIX_EPOCH};

use super::agent_connected;
use super::causes::Part;
use super::outcome::{NOT_PRESENT, Outcome};
use super::unit_state;
use crate::catalog::Level;
use crate::catalog::kind::agent::{self, Service as Spec};
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::model::answer::{Modified, Unit};
use crate::model::report::Intent;
use crate::model::{Query, Reading, Status};
use crate::units::UnitName;

pub fn judge(spec: &Spec, facts: &Facts<'_>, before: Option<&Before<'_>>) -> Vec<Outcome> {
    let judged = spec.units.iter().map(|(unit, package)| {
        let mut outcome = judge_unit(spec, unit, package, facts);
        // What starts and gives up may do so for want of whom it speaks with.
        if matches!(outcome.cause, Some("failed" | "crash-loop")) {
            outcome.touches.extend(agent_connected::ways(spec.units.keys(), facts, before));
        }
        outcome
    });
    judged.collect()
}

fn judge_unit(spec: &Spec, name: &UnitName, package: &str, facts: &Facts<'_>) -> Outcome {
    let outcome = unit_state::judge_unit(name, facts);
    let unit = facts.reading::<Unit>(&Query::Unit(name.to_string())).known();
    let is_installed = facts.packages().map(|packages| packages.find(package).is_some_and(|found| found.is_there()));
    let is_idle = unit.is_some_and(|unit| !unit_state::is_active(&unit.active));
    let outcome = match (&is_installed, outcome.status, outcome.cause) {
        // Of a package that was removed, a mask may be left.
        (Reading::Known(false), Status::Fail, _) if is_idle => {
            Outcome::skip(&**name, NOT_PRESENT, format!("{package} is not installed"))
        }
        (Reading::Known(true), Status::Skip, _) if unit.is_some() => {
            Outcome::fail(&**name, Some("missing"), format!("{package} is installed, and there is no unit {name}"))
        }
        (Reading::Unreadable(trouble), Status::Skip, _) if unit.is_some() => Outcome::unknown(&**name, trouble),
        (_, Status::Fail, Some("inactive")) => may_be_starting(spec, outcome, unit, package, facts),
        (_, Status::Fail, Some("disabled")) if *name == spec.starter => match facts.run.intent {
            Intent::Reboot => outcome,
            _ => outcome.at_most(Level::Warn),
        },
        (_, Status::Fail, Some("disabled")) => {
            let mut started = Outcome::pass(&**name, format!("{name} runs; {} starts it", spec.starter));
            (started.expected, started.observed) = (outcome.expected, outcome.observed);
            started
        }
        _ => outcome,
    };
    outcome.touching(Part::Unit(name.to_string())).asking(Query::Unit(name.to_string()))
}

/// What stands still because it is on its way is told as such: it counts less, and is waited for.
fn may_be_starting(spec: &Spec, outcome: Outcome, unit: Option<&Unit>, package: &str, facts: &Facts<'_>) -> Outcome {
    let name = outcome.subject.clone();
    let detail = match age_of_installation(package, facts) {
        _ if unit.is_some_and(|unit| unit.active == "activating") => format!("{name} is about to start"),
        Some(age) if age.as_secs() < spec.grace_seconds => {
            let seconds = age.as_secs();
            format!("{name} does not run yet; {package} was installed {seconds} s ago")
        }
        _ => return outcome,
    };
    Outcome { cause: Some("starting"), detail, ..outcome }
}

/// Whether one of these packages was installed so recently that what runs of it need not be settled.
pub fn is_settling(packages: &[String], grace_seconds: u64, facts: &Facts<'_>) -> bool {
    let ages = packages.iter().filter_map(|package| age_of_installation(package, facts));
    ages.into_iter().any(|age| age.as_secs() < grace_seconds)
}

/// How long ago dpkg installed it. None where it did not, or where the clock has been set back since.
fn age_of_installation(package: &str, facts: &Facts<'_>) -> Option<Duration> {
    let installed = facts.reading::<Modified>(&agent::installed(package)).known()?.seconds;
    let installed = UNIX_EPOCH.checked_add(Duration::from_secs(installed.try_into().ok()?))?;
    humantime::parse_rfc3339(facts.run.asked_at).ok()?.duration_since(installed).ok()
}

#[cfg(test)]
mod tests;
