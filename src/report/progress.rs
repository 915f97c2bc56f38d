//! What is said while a verb waits: a line for a person, an event for a program.

use std::time::Duration;

use serde_json::json;

use super::layout::{WIDTH, printable};
use crate::fix::standing::Standing;
use crate::model::Finding;
use crate::model::plan::Planned;
use crate::model::run::{Entry, Line};

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

/// One line of a run's journal, and how far the run is with it.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    pub run: &'a str,
    pub line: &'a Line,
    pub standing: &'a Standing,
}

/// The same with how long it takes, as soon as that is of interest.
pub fn timed(doing: &str, since: Duration) -> String {
    let since = if since.as_secs() < 2 { String::new() } else { format!("{} ", clock(since)) };
    printable(&format!("{since}{doing}")).chars().take(WIDTH - 1).collect()
}

/// What a person is shown of it; most is of no interest.
pub fn step_line(step: &Step<'_>) -> Option<String> {
    let whole = match &step.line.what {
        Entry::Intent { action, step: number } => {
            let planned = &step.standing.actions.get(*action)?.planned;
            let deed = &planned.steps.get(*number)?.does;
            let count = planned.steps.len();
            format!("{} ({} of {count}): {}", planned.name(), number + 1, deed.lines().first()?)
        }
        Entry::UndoIntent { action, step: number } => {
            let planned = &step.standing.actions.get(*action)?.planned;
            let deed = planned.steps.get(*number)?.undoes.first()?;
            format!("taking back {}: {}", planned.name(), deed.lines().first()?)
        }
        Entry::Done { .. } if step.standing.actions.iter().all(|acted| acted.is_made() || acted.judged.is_some()) => {
            "looking at the host again".to_owned()
        }
        _ => return None,
    };
    Some(whole)
}

/// One JSON object, on one line.
pub fn step_event(step: &Step<'_>) -> Option<String> {
    let name = |action: &usize| {
        let planned = step.standing.actions.get(*action).map(|acted| &acted.planned);
        planned.map(|planned| (planned.fix.as_str(), planned.subject.as_str())).unwrap_or_default()
    };
    let event = |event: &str, action: &usize, number: Option<usize>, error: Option<&str>| {
        let (id, subject) = name(action);
        json!({"event": event, "run": step.run, "at": step.line.at, "action": {"id": id, "subject": subject},
            "step": number.map(|number| number + 1), "error": error})
    };
    let told = match &step.line.what {
        Entry::Begun { .. } => json!({"event": "begun", "run": step.run, "at": step.line.at}),
        Entry::Planned { actions } => {
            let row = |planned: &Planned| json!({"id": planned.fix, "subject": planned.subject, "steps": planned.steps.len()});
            let actions: Vec<_> = actions.iter().map(row).collect();
            json!({"event": "planned", "run": step.run, "at": step.line.at, "actions": actions})
        }
        Entry::Intent { action, step } => event("step", action, Some(*step), None),
        Entry::Failed { action, step, error, .. } => event("step-failed", action, Some(*step), Some(error)),
        Entry::UndoIntent { action, step } => event("undo", action, Some(*step), None),
        Entry::UndoFailed { action, step, error } => event("undo-failed", action, Some(*step), Some(error)),
        Entry::Judged { action, state, error } => {
            let mut told = event("judged", action, None, error.as_deref());
            told["state"] = json!(state);
            told
        }
        _ => return None,
    };
    Some(told.to_string())
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
        assert_eq!(timed("a step", Duration::from_millis(1999)), "a step");
        let long = timed(&"word\u{1b} ".repeat(99), Duration::from_secs(65));
        assert!(long.starts_with("1:05 word\u{fffd}") && long.chars().count() == WIDTH - 1, "{long:?}");
        let event = event(&waiting);
        assert!(!event.contains('\n') && event.contains("\"waited_ms\":65000"), "{event}");
    }
}
