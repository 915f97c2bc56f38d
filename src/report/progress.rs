//! What is said while a verb waits: a line for a person, an event for a program.

use std::time::Duration;

use serde_json::json;

use super::layout::{WIDTH, printable};
use crate::model::Finding;

/// What a wait is about at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Waiting<'a> {
    pub waited: Duration,
    pub limit: Duration,
    pub for_findings: &'a [&'a Finding],
}

/// One line that fits a terminal.
pub fn line(waiting: &Waiting<'_>) -> String {
    let first = waiting.for_findings.first().map_or("", |finding| finding.detail.as_str());
    let more = match waiting.for_findings.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let whole = format!("waited {} of {}{more}: {first}", clock(waiting.waited), clock(waiting.limit));
    printable(&whole).chars().take(WIDTH - 1).collect()
}

/// One JSON object, on one line.
pub fn event(waiting: &Waiting<'_>) -> String {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let row = |finding: &&Finding| json!({"id": finding.id, "subject": finding.subject, "detail": finding.detail});
    let findings: Vec<_> = waiting.for_findings.iter().map(row).collect();
    json!({
        "event": "waiting", "waited_ms": millis(waiting.waited), "limit_ms": millis(waiting.limit), "for": findings,
    })
    .to_string()
}

/// `1:05`
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::headlines::tests::finding;
    use crate::model::Status;

    #[test]
    fn the_line_fits_a_terminal_and_the_event_a_line() {
        let mut held = finding("packages.lock", Status::Fail, None);
        held.detail =
            "apt-get\u{1b}[31m (pid 812) holds /var/lib/dpkg/lock-frontend, and has done so for ages".to_owned();
        let both = [&held, &held];
        let waiting = Waiting { waited: Duration::from_secs(65), limit: Duration::from_secs(600), for_findings: &both };
        let line = line(&waiting);
        assert!(line.starts_with("waited 1:05 of 10:00 (and 1 more): apt-get"), "{line}");
        assert!(line.chars().count() < 80 && !line.contains('\u{1b}'), "{line:?}");
        let event = event(&waiting);
        assert!(!event.contains('\n') && event.contains("\"waited_ms\":65000"), "{event}");
    }
}
