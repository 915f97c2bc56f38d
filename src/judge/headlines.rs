//! One fault, one headline: what another finding explains hangs below it.

use std::collections::BTreeMap;

use crate::model::finding::FindingRef;
use crate::model::{Finding, Status};

/// Keeps `caused_by` only where the cause is itself a finding that is wrong or unknown, and leads it to
/// the first cause of all.
pub fn link(findings: &mut [Finding]) {
    let wrong: BTreeMap<FindingRef, Option<FindingRef>> = findings
        .iter()
        .filter(|finding| matches!(finding.status, Status::Fail | Status::Unknown))
        .map(|finding| (finding.reference(), finding.caused_by.clone()))
        .collect();
    for finding in findings {
        let own = finding.reference();
        let is_wrong = wrong.contains_key(&own);
        finding.caused_by = finding.caused_by.take().filter(|_| is_wrong).and_then(|cause| first(&wrong, cause, &own));
    }
}

/// Where the causes lead from `cause`; nowhere when they lead to a finding that is right, or round in a circle.
fn first(wrong: &BTreeMap<FindingRef, Option<FindingRef>>, cause: FindingRef, own: &FindingRef) -> Option<FindingRef> {
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
mod tests {
    use super::*;
    use crate::model::Severity;

    fn finding(id: &str, status: Status, cause: Option<&str>) -> Finding {
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
    fn a_circle_explains_nothing() {
        let circle = vec![finding("a", Status::Fail, Some("b")), finding("b", Status::Fail, Some("a"))];
        assert_eq!(causes(circle), [None, None]);
        assert_eq!(causes(vec![finding("a", Status::Fail, Some("a"))]), [None]);
    }
}
