//! What is new since the baseline, and what was so before.

use super::outcome::{EXCLUDED, NOT_CONFIGURED};
use crate::catalog::Check;
use crate::model::gather::Gather as _;
use crate::model::sorted::SortedSet;
use crate::model::{Finding, Status, TroubleCause};

/// Says of each finding that is wrong or unknown whether it was so before: the same check, the same thing, the same
/// cause. Nothing is said where the baseline cannot tell, because nobody looked then or nobody could. What is compared
/// with the baseline is new by itself.
pub fn mark(findings: &mut [Finding], checks: &[&Check], then: &[Finding]) {
    let compared: SortedSet<&str> = checks.iter().filter(|it| it.needs_baseline).map(|it| it.id.as_str()).gather();
    let before = Then::new(then);
    for finding in findings.iter_mut().filter(|it| is_wrong(it)) {
        finding.new = if compared.contains(finding.id.as_str()) { Some(true) } else { before.lacks(finding) };
    }
}

fn is_wrong(finding: &Finding) -> bool {
    matches!(finding.status, Status::Fail | Status::Unknown)
}

#[derive(Default)]
struct Then<'t> {
    /// Ids of which anything was judged.
    judged: SortedSet<&'t str>,
    wrong: SortedSet<(&'t str, &'t str, Status, Option<&'t str>)>,
    /// Nobody could look.
    unknown: SortedSet<(&'t str, &'t str)>,
}

impl<'t> Then<'t> {
    fn new(findings: &'t [Finding]) -> Self {
        let mut then = Self::default();
        for finding in findings {
            let (id, subject, cause) = (finding.id.as_str(), finding.subject.as_str(), finding.cause.as_deref());
            match finding.status {
                Status::Skip if matches!(cause, Some(EXCLUDED | NOT_CONFIGURED)) => continue,
                Status::Unknown => drop(then.unknown.insert((id, subject))),
                _ => {}
            }
            then.judged.insert(id);
            if is_wrong(finding) {
                then.wrong.insert((id, subject, finding.status, cause));
            }
        }
        then
    }

    fn lacks(&self, finding: &Finding) -> Option<bool> {
        let (id, subject) = (finding.id.as_str(), finding.subject.as_str());
        // It was not asked yet, and may be told by then.
        let is_open = finding.cause.as_deref() == Some(TroubleCause::NotAsked.as_str());
        if is_open || !self.judged.contains(id) {
            return None;
        }
        if self.wrong.contains(&(id, subject, finding.status, finding.cause.as_deref())) {
            return Some(false);
        }
        let nobody_knew = [subject, ""].iter().any(|subject| self.unknown.contains(&(id, *subject)));
        (!nobody_knew).then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::judge::headlines::tests::finding;

    fn row(id: &str, subject: &str, status: Status, cause: Option<&str>) -> Finding {
        Finding { subject: subject.to_owned(), cause: cause.map(str::to_owned), ..finding(id, status, None) }
    }

    #[test]
    fn what_was_so_before_is_not_new() {
        use Status::{Fail, Pass, Skip, Unknown};
        let then = [
            row("disk.space", "/var", Fail, None),
            row("disk.space", "/opt", Pass, None),
            row("packages.state", "curl", Fail, Some("unpacked")),
            row("services.failed", "", Pass, None),
            row("ovs.uplink", "", Unknown, Some("timed-out")),
            row("ovs.flows", "", Skip, Some("not-present")),
            row("management.reachable", "", Skip, Some("not-configured")),
            row("disk.inodes", "", Skip, Some("excluded")),
        ];
        for (now, new) in [
            (row("disk.space", "/var", Fail, None), Some(false)),
            (row("disk.space", "/opt", Fail, None), Some(true)),
            (row("disk.space", "/opt", Pass, None), None),
            (row("packages.state", "curl", Fail, Some("unpacked")), Some(false)),
            (row("packages.state", "curl", Fail, Some("half-configured")), Some(true)),
            (row("packages.state", "curl", Unknown, Some("denied")), Some(true)),
            (row("services.failed", "x.service", Fail, None), Some(true)),
            // Nobody could look then.
            (row("ovs.uplink", "br-ex/ens7", Fail, Some("link-down")), None),
            (row("ovs.uplink", "", Unknown, Some("timed-out")), Some(false)),
            (row("ovs.flows", "br-int", Fail, None), Some(true)),
            (row("management.reachable", "https://pcd.example/", Fail, None), None),
            (row("disk.inodes", "/var", Fail, None), None),
            (row("packages.lock", "", Fail, None), None),
            (row("network.address-kept", "br-ex 192.0.2.7/24", Fail, Some("missing")), Some(true)),
        ] {
            let catalog = Catalog::load(&[], &[]).unwrap();
            let checks: Vec<&Check> = catalog.checks.iter().collect();
            let mut findings = [now];
            mark(&mut findings, &checks, &then);
            assert_eq!(findings[0].new, new, "{:?}", findings[0]);
        }
    }
}
