//! What a look at a host that is armed means, and what a person at its console is told.

use std::path::Path;

use crate::catalog::Check;
use crate::commands::sight::Sighted;
use crate::exit::Exit;
use crate::fix::{told, unattended};
use crate::host::snapshots::Snapshots;
use crate::judge::outlook::passes;
use crate::model::report::{ActionState, Intent};
use crate::model::{Finding, Report, Status};

const SWITCH: &str = "ovs.daemons";

fn is_open(finding: &Finding) -> bool {
    finding.blocking && matches!(finding.status, Status::Fail | Status::Unknown)
}

/// The network as the baseline has it. An agent, a package, a full disk are no business of ours.
fn is_ours(finding: &Finding, checks: &[Check]) -> bool {
    let is_mended = |check: &Check| check.fixes.iter().any(|fix| unattended::FIXES.contains(&fix.as_str()));
    finding.id == SWITCH || checks.iter().any(|check| check.id == finding.id && is_mended(check))
}

/// What blocks of what is ours; the host is whole where nothing does.
pub fn wrong(findings: &[Finding], checks: &[Check]) -> Vec<Finding> {
    findings.iter().filter(|it| is_open(it) && is_ours(it, checks)).cloned().collect()
}

/// What counts and is no business of ours. A moment after the boot what could not be read says nothing yet, nor what may
/// come up by itself.
pub fn beside(findings: &[Finding], checks: &[Check]) -> Option<Finding> {
    findings.iter().find(|it| it.is_headline() && !passes(it, checks, Intent::After)).cloned()
}

/// Whether to look again before anything is done: Open vSwitch is not up, a device has not appeared, or nothing can be done
/// yet and what is wrong may pass by itself. What is written in the network's configuration is left to whoever reads that.
pub fn awaits(seen: &Sighted, checks: &[Check]) -> bool {
    let wrong = wrong(&seen.report.findings, checks);
    let has_not_come = |it: &Finding| it.id == "network.link-kept" && it.cause.as_deref() == Some("missing");
    if wrong.iter().any(|it| it.id == SWITCH || has_not_come(it)) {
        return true;
    }
    // Whoever made the bond puts its members in.
    let is_ready = seen.planned.iter().any(|it| it.refused.is_none() && it.fix != "bond.member.readd");
    !is_ready && may_pass(&wrong, checks)
}

/// Whether what was repaired brings up what is still missing.
pub fn comes_up(seen: &Sighted, checks: &[Check]) -> bool {
    may_pass(&wrong(&seen.report.findings, checks), checks)
}

fn may_pass(wrong: &[Finding], checks: &[Check]) -> bool {
    wrong.iter().any(|finding| passes(finding, checks, Intent::After))
}

/// The host as it was seen last, and what was done before that.
pub fn with_what_was_done(last: Report, acted: Report) -> Report {
    let has_missed = |state| matches!(state, ActionState::Failed | ActionState::Refused);
    let mut exit = Exit::from_code(last.exit_code);
    if acted.actions.iter().any(|action| has_missed(action.state)) {
        exit = exit.merge(Exit::Unmended);
    }
    let mut report = Report {
        run_id: acted.run_id,
        actions: acted.actions,
        changed: acted.changed,
        exit_code: exit.code(),
        failed: exit.is_failure(),
        ..last
    };
    told::mention(&mut report);
    report
}

pub struct Ended {
    /// What was found, and what is left of it.
    pub wrong: Vec<Finding>,
    pub left: Vec<Finding>,
    /// What is wrong beside the network.
    pub beside: Option<Finding>,
    pub report: Report,
    /// A step was taken back because somebody did not answer any more.
    pub is_harmed: bool,
}

/// No console shows more at once.
const MOST: usize = 5;

impl Ended {
    /// Why nothing is done at the next boot; none where it is.
    pub fn disarms(&self, boots_left: u32) -> Option<String> {
        if self.left.is_empty() {
            Some("it is not armed any more".to_owned())
        } else if self.is_harmed {
            Some("it is not armed any more: what was tried did harm, and a person has to decide".to_owned())
        } else {
            (boots_left == 0).then(|| "it is not armed any more: this was the last of its three boots".to_owned())
        }
    }

    /// What was wrong, what was done, how it ended, and what to type next.
    pub fn lines(&self, state: &Path, since: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let is_explained = |it: &Finding| self.wrong.iter().any(|other| it.caused_by == Some(other.reference()));
        let heads: Vec<&Finding> = self.wrong.iter().filter(|it| !is_explained(it)).collect();
        lines.extend(heads.iter().take(MOST).map(|it| format!("wrong: {}: {}", it.name(), brief(&it.detail))));
        if heads.len() > MOST {
            lines.push(format!("wrong: {} more", heads.len() - MOST));
        }
        for action in &self.report.actions {
            let name = format!("{} {}", action.id, action.subject);
            lines.push(match (action.state, &action.error) {
                (ActionState::Applied, _) => format!("done: {name}"),
                (ActionState::Reverted, _) => format!("taken back: {name}, which was cut off"),
                (_, error) => format!("not done: {name}: {}", error.as_deref().unwrap_or("it failed")),
            });
        }
        lines.push(self.verdict(state, since));
        lines
    }

    fn verdict(&self, state: &Path, since: &str) -> String {
        let Some(first) = self.left.first() else {
            let since = if since.is_empty() { String::new() } else { format!(", {since}") };
            let rest = match &self.beside {
                Some(it) => {
                    format!("; what else is wrong, `hostready verify` tells: {}: {}", it.name(), brief(&it.detail))
                }
                None => String::new(),
            };
            return format!("the network is whole{since}{rest}");
        };
        let card = Snapshots { state: state.to_owned() }.console_card();
        format!(
            "the network is NOT whole: {}: {}\nhint: log in here and type `hostready fix`; what to type without it is in {}",
            first.name(),
            brief(&first.detail),
            card.display()
        )
    }
}

fn brief(detail: &str) -> &str {
    detail.split("; ").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::judge::headlines::tests::finding;

    #[test]
    fn what_may_come_up_a_moment_later_is_not_told_as_wrong() {
        let checks = Catalog::load(&[], &[]).unwrap().checks;
        let fail = |id, cause: &str| Finding { cause: Some(cause.to_owned()), ..finding(id, Status::Fail, None) };
        let young = [fail("ssh.reachable", "no-listener"), finding("agent.service", Status::Unknown, None)];
        assert!(beside(&young, &checks).is_none());
        let [listener, agent] = young;
        let gone = fail("agent.service", "missing");
        assert_eq!(beside(&[listener, agent, gone.clone()], &checks), Some(gone));
    }
}
