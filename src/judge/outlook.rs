//! What becomes of the findings when one waits.

use std::collections::BTreeSet;

use crate::catalog::{Check, Level};
use crate::model::{Finding, Status};

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
pub fn outlook<'f>(findings: &'f [Finding], checks: &[Check]) -> Outlook<'f> {
    let ids = |counts: &dyn Fn(&Check) -> bool| -> BTreeSet<&str> {
        checks.iter().filter(|check| counts(check)).map(|check| check.id.as_str()).collect()
    };
    let passing = ids(&|check| check.passes_by_itself && check.level >= Level::Warn);
    let is_wrong = |finding: &&Finding| finding.status == Status::Fail && finding.waiver.is_none();
    let found: BTreeSet<&str> =
        findings.iter().filter(is_wrong).map(|finding| finding.id.as_str()).filter(|id| passing.contains(id)).collect();
    let along = ids(&|check| check.passes_with.as_deref().is_some_and(|id| found.contains(id)));

    let (may_pass, stays): (Vec<&Finding>, Vec<&Finding>) = findings
        .iter()
        .filter(is_wrong)
        .partition(|finding| found.contains(finding.id.as_str()) || along.contains(finding.id.as_str()));
    if stays.iter().any(|finding| finding.blocking) {
        Outlook::Stuck
    } else if may_pass.is_empty() {
        Outlook::Settled
    } else {
        Outlook::MayPass(may_pass)
    }
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

    /// The outlook for failed findings of these ids, `!` before those that block.
    fn of(ids: &[&str]) -> String {
        let source = Source { name: "config.toml", text: CHECKS, layer: Layer::Config };
        let catalog = Catalog::load(&[source], &[]).unwrap();
        let findings: Vec<Finding> = ids
            .iter()
            .map(|id| {
                let mut finding = finding(id.trim_start_matches('!'), Status::Fail, None);
                finding.blocking = id.starts_with('!');
                finding
            })
            .collect();
        match outlook(&findings, &catalog.checks) {
            Outlook::Settled => "settled".to_owned(),
            Outlook::Stuck => "stuck".to_owned(),
            Outlook::MayPass(findings) => {
                findings.iter().map(|finding| finding.id.as_str()).collect::<Vec<_>>().join(" ")
            }
        }
    }

    #[test]
    fn a_lock_is_waited_for_and_what_merely_informs_is_not() {
        assert_eq!(of(&[]), "settled");
        assert_eq!(of(&["packages.lock"]), "packages.lock");
        assert_eq!(of(&["guests.running", "services.failed"]), "settled");
    }

    #[test]
    fn a_package_is_whole_again_when_dpkg_is_done_and_never_by_itself() {
        assert_eq!(of(&["packages.lock", "!packages.state"]), "packages.lock packages.state");
        assert_eq!(of(&["!packages.state"]), "stuck");
    }

    #[test]
    fn what_waiting_does_not_change_ends_the_wait() {
        assert_eq!(of(&["packages.lock", "!disk.space"]), "stuck");
        assert_eq!(of(&["packages.lock", "disk.inodes"]), "packages.lock");
    }
}
