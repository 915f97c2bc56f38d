//! Findings that a person accepted until a date.

use crate::catalog::settings::{self, WaiverEntry};
use crate::model::finding::Waiver;
use crate::model::sorted::SortedMap;
use crate::model::{Finding, Status};

/// Waives what is waived and not yet expired at `now`, an RFC 3339 time in UTC. A waived finding stays in
/// the report and blocks nothing.
pub fn apply<'w>(findings: &mut [Finding], waivers: impl Iterator<Item = &'w WaiverEntry>, now: &str) {
    // Of several for one finding the one that holds the longest counts.
    let mut longest: SortedMap<(&str, &str), &WaiverEntry> = SortedMap::new();
    for waiver in waivers {
        let counts = longest.entry((&waiver.id, &waiver.subject)).or_insert(waiver);
        if waiver.expires.to_string() > counts.expires.to_string() {
            *counts = waiver;
        }
    }
    for waiver in longest.into_values() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::headlines::tests::finding;

    fn waiver(expires: &str) -> WaiverEntry {
        WaiverEntry {
            id: "a.b".to_owned(),
            subject: String::new(),
            reason: format!("until {expires}"),
            expires: expires.parse().unwrap(),
        }
    }

    fn applied(days: &[&str]) -> Finding {
        let waivers: Vec<WaiverEntry> = days.iter().map(|day| waiver(day)).collect();
        let mut findings = [finding("a.b", Status::Fail, None)];
        apply(&mut findings, waivers.iter(), "2026-11-21T07:00:00Z");
        let [finding] = findings;
        finding
    }

    #[test]
    fn the_longest_of_several_counts() {
        for days in [["2020-01-01", "2030-01-01"], ["2030-01-01", "2020-01-01"], ["2029-01-01", "2030-01-01"]] {
            let finding = applied(&days);
            assert_eq!((finding.detail.as_str(), finding.blocking), ("", false), "{days:?}");
            let waiver = finding.waiver.unwrap();
            assert_eq!((waiver.expires.as_str(), waiver.reason.as_str()), ("2030-01-01", "until 2030-01-01"));
        }
        for days in [["2019-01-01", "2020-01-01"], ["2020-01-01", "2019-01-01"]] {
            let finding = applied(&days);
            assert_eq!(finding.detail, "; its waiver expired on 2020-01-01", "told once");
            assert!(finding.blocking && finding.waiver.is_none());
        }
    }
}
