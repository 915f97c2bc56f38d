//! Findings that a person accepted until a date.

use crate::catalog::settings::{self, WaiverEntry};
use crate::model::finding::Waiver;
use crate::model::{Finding, Status};

/// Waives what is waived and not yet expired at `now`, an RFC 3339 time in UTC. A waived finding stays in
/// the report and blocks nothing.
pub fn apply<'w>(findings: &mut [Finding], waivers: impl Iterator<Item = &'w WaiverEntry>, now: &str) {
    for waiver in waivers {
        let expires = waiver.expires.to_string();
        let is_expired = !settings::holds(&waiver.expires, now);
        let matching = |finding: &&mut Finding| finding.id == waiver.id && finding.subject == waiver.subject;
        for finding in findings.iter_mut().filter(matching) {
            if !matches!(finding.status, Status::Fail | Status::Unknown) {
                continue;
            }
            if is_expired {
                finding.detail.push_str(&format!("; its waiver expired on {expires}"));
            } else {
                finding.waiver = Some(Waiver { reason: waiver.reason.clone(), expires: expires.clone() });
                finding.blocking = false;
            }
        }
    }
}
