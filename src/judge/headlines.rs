//! One fault, one headline: what another finding explains hangs below it.

use std::collections::BTreeSet;

use crate::model::finding::FindingRef;
use crate::model::{Finding, Status};

/// Keeps `caused_by` only where the cause is itself a finding that is wrong or unknown, and leads it to
/// the first cause of all.
pub fn link(findings: &mut [Finding]) {
    let wrong: BTreeSet<FindingRef> = findings
        .iter()
        .filter(|finding| matches!(finding.status, Status::Fail | Status::Unknown))
        .map(Finding::reference)
        .collect();
    for finding in findings {
        let counts = matches!(finding.status, Status::Fail | Status::Unknown);
        let is_cause_wrong = finding.caused_by.as_ref().is_some_and(|cause| wrong.contains(cause));
        if !counts || !is_cause_wrong || finding.caused_by.as_ref() == Some(&finding.reference()) {
            finding.caused_by = None;
        }
    }
}
