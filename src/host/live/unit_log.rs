//! What a unit said last: why it failed is read before anybody starts it again.

use serde_json::Value;

use super::exec;
use crate::host::scrub;
use crate::model::plan::Run;
use crate::model::{Reading, TroubleCause};

/// As long as the question may take, with what it takes to end it.
const TO_READ: u64 = 2;
/// How many lines tell it, and how much of each.
const LINES: usize = 3;
const LENGTH: usize = 160;

/// One line each, the last one last, since this boot.
pub fn last(unit: &str) -> Reading<Vec<u8>> {
    let unit = format!("--unit={unit}");
    let fields = "--output-fields=MESSAGE,SYSLOG_IDENTIFIER";
    let argv = ["journalctl", "--quiet", "--no-pager", "--boot", "--lines=40", "--output=json", fields, unit.as_str()];
    match exec::run(&Run { deadline_s: Some(TO_READ), ..Run::new(&argv) }) {
        Ok(said) => Reading::Known(scrub::bytes(telling(&said.out).into_bytes())),
        Err(not_done) => Reading::unreadable(TroubleCause::Failed, not_done.why),
    }
}

/// A loop says the same again and again, and systemd adds that it started and stopped it.
fn telling(journal: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for entry in journal.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let Some(line) = line(&entry) else { continue };
        if !lines.contains(&line) {
            lines.push(line);
        }
        if lines.len() == LINES {
            break;
        }
    }
    lines.reverse();
    lines.join("\n")
}

fn line(entry: &Value) -> Option<String> {
    // What is no text comes as a list of bytes.
    let message = entry.get("MESSAGE")?.as_str()?.lines().next()?.trim();
    let who = entry.get("SYSLOG_IDENTIFIER").and_then(Value::as_str).unwrap_or_default();
    let is_about_its_end = || [" code=", "Dependency failed", ": Failed to "].iter().any(|it| message.contains(it));
    if message.is_empty() || who == "systemd" && !is_about_its_end() {
        return None;
    }
    Some(format!("{who}: {message}").chars().take(LENGTH).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_the_cause_is_kept_once_and_the_last() {
        let entry = |who: &str, message: &str| format!(r#"{{"SYSLOG_IDENTIFIER":"{who}","MESSAGE":"{message}"}}"#);
        let round = [
            entry("systemd", "Starting x.service - X..."),
            entry("x", "cannot read /etc/x.conf"),
            entry("systemd", "x.service: Main process exited, code=exited, status=3/NOTIMPLEMENTED"),
            entry("systemd", "x.service: Failed with result 'exit-code'."),
            entry("systemd", "x.service: Start request repeated too quickly."),
            r#"{"SYSLOG_IDENTIFIER":"x","MESSAGE":[255,1]}"#.to_owned(),
        ];
        let journal = [&round[..], &round[..]].concat().join("\n");
        let expected =
            "x: cannot read /etc/x.conf\nsystemd: x.service: Main process exited, code=exited, status=3/NOTIMPLEMENTED";
        assert_eq!(telling(&journal), expected);
        let many: Vec<String> = (0..9).map(|number| entry("x", &format!("{number}{}", "y".repeat(999)))).collect();
        let told = telling(&many.join("\n"));
        assert_eq!(told.lines().map(|line| line[..4].to_owned()).collect::<Vec<_>>(), ["x: 6", "x: 7", "x: 8"]);
        assert!(told.lines().all(|line| line.len() == LENGTH));
    }
}
