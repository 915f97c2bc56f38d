//! What becomes of the findings when one waits.

use crate::catalog::{Check, Level};
use crate::model::gather::Gather as _;
use crate::model::report::Intent;
use crate::model::sorted::SortedSet;
use crate::model::{Finding, Severity, Status, TroubleCause};

#[derive(Debug, PartialEq)]
pub enum Outlook<'f> {
    /// Nothing is wrong that waiting would change.
    Settled,
    /// These may be gone after a while.
    MayPass(Vec<&'f Finding>),
    /// Something blocks that waiting does not change.
    Stuck,
}

/// `checks` are those of the run, their levels settled: what only informs is not waited for.
pub fn outlook<'f>(findings: &'f [Finding], checks: &[Check], intent: Intent) -> Outlook<'f> {
    let wrong = || findings.iter().filter(|finding| is_wrong(finding, intent));
    let passing = |finding: &&Finding| passes(finding, checks, intent);
    let found: SortedSet<(&str, &str)> = wrong().filter(passing).map(key).gather();
    let is_found = |id: &str| found.iter().any(|(it, _)| *it == id);
    let along: SortedSet<&str> = checks
        .iter()
        .filter(|check| check.passes_with.as_deref().is_some_and(is_found))
        .map(|check| check.id.as_str())
        .gather();
    // What another finding explains goes with it.
    let goes = |finding: &&Finding| {
        let cause = finding.caused_by.as_ref().map(|cause| (cause.id.as_str(), cause.subject.as_str()));
        found.contains(&key(finding))
            || along.contains(finding.id.as_str())
            || cause.is_some_and(|cause| found.contains(&cause))
    };
    let (may_pass, stays): (Vec<&Finding>, Vec<&Finding>) = wrong().partition(goes);
    if stays.iter().any(|finding| finding.blocking) {
        Outlook::Stuck
    } else if may_pass.is_empty() {
        Outlook::Settled
    } else {
        Outlook::MayPass(may_pass)
    }
}

fn key(finding: &Finding) -> (&str, &str) {
    (&finding.id, &finding.subject)
}

/// After a boot what is not known counts, too: a service may not be up yet.
fn is_wrong(finding: &Finding, intent: Intent) -> bool {
    let counts = match finding.status {
        Status::Fail => true,
        Status::Unknown => intent == Intent::After,
        Status::Pass | Status::Skip => false,
    };
    counts && finding.waiver.is_none()
}

/// Whether it may be gone after a while by itself.
pub fn passes(finding: &Finding, checks: &[Check], intent: Intent) -> bool {
    let cause = finding.cause.as_deref();
    if finding.status == Status::Unknown {
        let not_yet = [TroubleCause::Refused, TroubleCause::TimedOut].map(TroubleCause::as_str);
        return finding.severity > Severity::Info && cause.is_some_and(|cause| not_yet.contains(&cause));
    }
    // After a boot what a check itself made a note stays one, whatever level its cause has. Before an upgrade a lock that
    // was just taken is a note, and what one waits for.
    if finding.severity == Severity::Info && intent == Intent::After {
        return false;
    }
    let mut own = checks.iter().filter(|check| check.id == finding.id && check.level_of(cause) >= Level::Warn);
    own.any(|check| {
        check.passes_by_itself.may_pass(cause) || intent == Intent::After && check.passes_after_boot.may_pass(cause)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, Layer, Source};
    use crate::judge::headlines::tests::finding;

    const CHECKS: &str = r#"
[override."guests.running"]
level = "info"
"#;

    /// The outlook for findings, each `id`, `id:cause`, or `id?cause` where it is not known; `!` before those that block,
    /// and `id<other` for one that another explains.
    fn of(intent: Intent, rows: &[&str]) -> String {
        let source = Source { name: "config.toml", text: CHECKS, layer: Layer::Config };
        let catalog = Catalog::load(&[source], &[]).unwrap();
        let findings: Vec<Finding> = rows
            .iter()
            .map(|row| {
                let (name, explained) = row.trim_start_matches('!').split_once('<').unzip();
                let name = name.unwrap_or(row.trim_start_matches('!'));
                let (id, cause) = name.split_once([':', '?']).unzip();
                let status = if name.contains('?') { Status::Unknown } else { Status::Fail };
                let mut finding = finding(id.unwrap_or(name), status, explained);
                finding.cause = cause.map(str::to_owned);
                finding.blocking = row.starts_with('!');
                finding
            })
            .collect();
        match outlook(&findings, &catalog.checks, intent) {
            Outlook::Settled => "settled".to_owned(),
            Outlook::Stuck => "stuck".to_owned(),
            Outlook::MayPass(findings) => {
                findings.iter().map(|finding| finding.id.as_str()).collect::<Vec<_>>().join(" ")
            }
        }
    }

    fn before(rows: &[&str]) -> String {
        of(Intent::Agent, rows)
    }

    fn after(rows: &[&str]) -> String {
        of(Intent::After, rows)
    }

    #[test]
    fn a_lock_is_waited_for_and_what_merely_informs_is_not() {
        assert_eq!(before(&[]), "settled");
        assert_eq!(before(&["packages.lock"]), "packages.lock");
        assert_eq!(before(&["guests.running", "services.failed"]), "settled");
    }

    #[test]
    fn a_package_is_whole_again_when_dpkg_is_done_and_never_by_itself() {
        assert_eq!(before(&["packages.lock", "!packages.state"]), "packages.lock packages.state");
        assert_eq!(before(&["!packages.state"]), "stuck");
    }

    #[test]
    fn what_waiting_does_not_change_ends_the_wait() {
        assert_eq!(before(&["packages.lock", "!disk.space"]), "stuck");
        assert_eq!(before(&["packages.lock", "disk.inodes"]), "packages.lock");
        assert_eq!(after(&["!network.address-kept:missing", "!ovs.port-kept:nic-renamed"]), "stuck");
        assert_eq!(after(&["!network.address-kept:on-enslaved-nic"]), "stuck");
        assert_eq!(after(&["network.link-kept:mtu"]), "settled");
        assert_eq!(after(&["network.dns-kept:link-changed"]), "settled");
        assert_eq!(after(&["network.dns-kept:missing"]), "network.dns-kept");
    }

    #[test]
    fn a_host_that_is_not_yet_up_is_waited_for_after_a_boot_alone() {
        let daemons = "!ovs.daemons:vswitchd-not-running";
        assert_eq!(before(&[daemons]), "stuck");
        assert_eq!(after(&[daemons, "!ovs.port-kept:detached<ovs.daemons"]), "ovs.daemons ovs.port-kept");
        assert_eq!(after(&[daemons, "!ovs.port-kept:detached"]), "stuck");
        assert_eq!(after(&["!network.link-kept:down", "!agent.service:inactive"]), "network.link-kept agent.service");
        assert_eq!(after(&["!agent.service:masked"]), "stuck");
    }

    #[test]
    fn what_is_not_known_yet_may_be_known_soon_and_what_never_will_be_ends_the_wait() {
        assert_eq!(after(&["!ovs.daemons?timed-out", "!services.kept?refused"]), "ovs.daemons services.kept");
        // A check that calls it a note, though its cause is one to wait for.
        let note = Finding { severity: Severity::Info, ..finding("network.route-kept", Status::Fail, None) };
        let checks = Catalog::load(&[], &[]).unwrap().checks;
        assert_eq!(outlook(&[Finding { blocking: false, ..note }], &checks, Intent::After), Outlook::Settled);
        for cause in ["no-baseline", "denied", "malformed", "not-recorded"] {
            assert_eq!(after(&[&format!("!services.kept?{cause}"), "!network.route-kept"]), "stuck", "{cause}");
        }
        assert_eq!(before(&["!ovs.daemons?timed-out"]), "settled");
    }
}
