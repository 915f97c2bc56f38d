//! One fault, one headline: what another finding explains hangs below it.

use crate::model::finding::FindingRef;
use crate::model::gather::Gather as _;
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Finding, Severity, Status};

/// Keeps `caused_by` only where the cause is itself a finding that is wrong or unknown, and leads it to
/// the first cause of all. A cause that a person waived, or that counts less than what it explains, would
/// hide what blocks: it explains nothing.
pub fn link(findings: &mut [Finding]) {
    // A switch may have thousands of findings, and few of them explain another.
    let named: SortedSet<(&str, &str)> = findings
        .iter()
        .filter_map(|finding| finding.caused_by.as_ref())
        .map(|cause| (cause.id.as_str(), cause.subject.as_str()))
        .gather();
    let causes_for = |least: u8| -> SortedMap<FindingRef, Option<FindingRef>> {
        findings
            .iter()
            .filter(|finding| matches!(finding.status, Status::Fail | Status::Unknown) && finding.waiver.is_none())
            .filter(|finding| weight(finding) >= least)
            .filter(|finding| named.contains(&(finding.id.as_str(), finding.subject.as_str())))
            .map(|finding| {
                let own = finding.reference();
                let cause = finding.caused_by.clone().filter(|cause| *cause != own);
                (own, cause)
            })
            .gather()
    };
    let causes = [causes_for(0), causes_for(1), causes_for(2)];
    for finding in findings {
        let Some(cause) = finding.caused_by.take() else { continue };
        let [of_notes, of_warnings, of_blocking] = &causes;
        let causes = match weight(finding) {
            0 => of_notes,
            1 => of_warnings,
            _ => of_blocking,
        };
        if matches!(finding.status, Status::Fail | Status::Unknown) {
            finding.caused_by = first(causes, cause, &finding.reference());
        }
    }
}

/// How much a finding counts: a note, a warning, or what blocks. Nothing is explained by what counts less.
pub fn weight(finding: &Finding) -> u8 {
    match (finding.blocking, finding.severity) {
        (true, _) => 2,
        (false, Severity::Info) => 0,
        (false, _) => 1,
    }
}

/// Where the causes lead from `cause`; nowhere when they lead to a finding that is right, or round in a circle.
fn first(wrong: &SortedMap<FindingRef, Option<FindingRef>>, cause: FindingRef, own: &FindingRef) -> Option<FindingRef> {
    let mut cause = wrong.contains_key(&cause).then_some(cause)?;
    for _ in 0..wrong.len() {
        match wrong.get(&cause).cloned().flatten().filter(|next| wrong.contains_key(next)) {
            Some(next) => cause = next,
            None => return (cause != *own).then_some(cause),
        }
    }
    None
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn finding(id: &str, status: Status, cause: Option<&str>) -> Finding {
        Finding {
            id: id.to_owned(),
            subject: String::new(),
            status,
            severity: Severity::High,
            blocking: true,
            new: None,
            title: String::new(),
            detail: String::new(),
            cause: None,
            caused_by: cause.map(|id| FindingRef { id: id.to_owned(), subject: String::new() }),
            expected: Default::default(),
            observed: Default::default(),
            waiver: None,
            fixes: Vec::new(),
            by_hand: Vec::new(),
            duration_us: 0,
        }
    }

    fn causes(mut findings: Vec<Finding>) -> Vec<Option<String>> {
        link(&mut findings);
        findings.into_iter().map(|finding| finding.caused_by.map(|cause| cause.id)).collect()
    }

    #[test]
    fn causes_lead_to_the_first() {
        let chain = vec![
            finding("a", Status::Fail, None),
            finding("b", Status::Fail, Some("a")),
            finding("c", Status::Unknown, Some("b")),
            finding("d", Status::Pass, Some("a")),
            finding("e", Status::Fail, Some("d")),
            finding("f", Status::Fail, Some("gone")),
        ];
        assert_eq!(causes(chain), [None, Some("a".to_owned()), Some("a".to_owned()), None, None, None]);
    }

    #[test]
    fn what_counts_less_or_is_waived_does_not_hide_what_blocks() {
        let mut note = finding("a", Status::Fail, None);
        note.blocking = false;
        assert_eq!(causes(vec![note.clone(), finding("b", Status::Fail, Some("a"))]), [None, None]);
        let mut mild = finding("c", Status::Fail, Some("a"));
        mild.blocking = false;
        assert_eq!(causes(vec![note, mild]), [None, Some("a".to_owned())]);
        let mut waived = finding("a", Status::Fail, None);
        waived.waiver = Some(crate::model::finding::Waiver { reason: String::new(), expires: String::new() });
        assert_eq!(causes(vec![waived, finding("b", Status::Unknown, Some("a"))]), [None, None]);
    }

    #[test]
    fn a_circle_explains_nothing() {
        let circle = vec![finding("a", Status::Fail, Some("b")), finding("b", Status::Fail, Some("a"))];
        assert_eq!(causes(circle), [None, None]);
        let own = vec![finding("a", Status::Fail, Some("a")), finding("b", Status::Fail, Some("a"))];
        assert_eq!(causes(own), [None, Some("a".to_owned())]);
    }
}
