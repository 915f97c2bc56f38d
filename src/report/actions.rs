//! What would be done to the host, or what was.

use serde_json::{Map, Value};

use super::layout::{Paint, command_line, entry, paragraph, printable, time};
use crate::model::finding::Severity;
use crate::model::report::{Action, ActionState};
use crate::model::{Finding, Report, Status};
use crate::units::Bytes;

/// More rows or files than this are counted; fewer of what is not done.
const SHOWN: usize = 20;
const REFUSED_SHOWN: usize = 3;

/// The report of a verb that speaks of repairs first.
fn is_of_fixes(report: &Report) -> bool {
    matches!(report.verb.as_str(), "fix" | "undo")
}

/// Whether what becomes of a finding is told with the repairs, so that it needs only be named.
pub fn is_named(report: &Report, finding: &Finding) -> bool {
    let is_open = |state| matches!(state, ActionState::Planned | ActionState::Applied | ActionState::Pending);
    let mends = |action: &&Action| action.mends.as_ref() == Some(&finding.reference());
    report.verb == "undo" || report.actions.iter().filter(mends).any(|action| is_open(action.state))
}

pub fn render(report: &Report, paint: &Paint) -> String {
    let mut out = String::new();
    for (state, title) in [
        (ActionState::Applied, if report.verb == "undo" { paint.yellow("STAYS") } else { paint.green("DONE") }),
        (ActionState::Pending, paint.yellow("DONE, AND TAKEN BACK UNLESS CONFIRMED")),
        (ActionState::Reverted, paint.yellow("TAKEN BACK")),
        (ActionState::Failed, paint.red("FAILED")),
        (ActionState::Refused, paint.red("REFUSED")),
        (ActionState::Planned, "WOULD BE DONE".to_owned()),
    ] {
        let mut actions = report.actions.iter().filter(|action| action.state == state).peekable();
        if actions.peek().is_some() {
            out.push_str(&format!("\n{title}\n"));
        }
        for action in actions {
            show(&mut out, action, report);
        }
    }
    if let Some(pending) = &report.pending {
        let words = if pending.survives_reboot { "" } else { "; after a power cut nothing takes it back" };
        let until = time(&pending.deadline);
        out.push_str(&paragraph(
            "  ",
            &format!("`hostready confirm` keeps it, over a new connection, until {until}{words}"),
        ));
    }
    if is_of_fixes(report) && report.actions.is_empty() {
        let words = match report.verb.as_str() {
            "fix" if report.findings.iter().any(|it| it.is_headline()) => {
                "no fix repairs what was asked for; what to type by hand stands below"
            }
            "fix" if report.findings.iter().any(warns) => {
                "nothing that blocks is to be repaired; what warns is repaired by its name: see `hostready explain ID`"
            }
            "fix" => "nothing to repair",
            _ => "nothing to take back",
        };
        out.push_str(&format!("\n{}", paragraph("  ", words)));
    }
    out.push_str(&how_to_go_on(report));
    out
}

fn warns(finding: &Finding) -> bool {
    finding.status == Status::Fail
        && finding.waiver.is_none()
        && !finding.blocking
        && finding.severity != Severity::Info
}

fn show(out: &mut String, action: &Action, report: &Report) {
    let name = if action.subject.is_empty() { action.id.clone() } else { format!("{} {}", action.id, action.subject) };
    out.push_str(&entry(&name));
    let mut line = |words: &str| out.push_str(&paragraph("    ", words));
    if let Some(error) = &action.error {
        line(error);
    }
    let is_open = action.state == ActionState::Planned;
    if !action.why.is_empty() && (is_open || action.state == ActionState::Refused) {
        action.why.split("; ").for_each(&mut line);
    }
    // What was taken back is not always as it was: the words of its undo say how.
    if !matches!(action.state, ActionState::Refused | ActionState::Reverted) {
        change(&action.before, &action.after).iter().for_each(|words| line(words));
    }
    if let Some(bytes) = action.frees_bytes.filter(|_| is_open) {
        line(&format!("would free {}", Bytes(bytes)));
    }
    show_steps(out, action);
    let mut line = |words: &str| out.push_str(&paragraph("    ", words));
    if matches!(action.state, ActionState::Planned | ActionState::Reverted)
        || action.state == ActionState::Applied && action.error.is_none()
    {
        line(&format!("undo: {}", action.undo));
    }
    if let Some(risk) = action.risk.as_ref().filter(|_| is_open) {
        line(&format!("risk: {risk}"));
    }
    if !action.needs.is_empty() {
        line(&format!("needs {}", action.needs.join(" ")));
    }
    let explained =
        report.findings.iter().filter(|it| is_open && it.caused_by.is_some() && it.caused_by == action.mends);
    let names: Vec<String> = explained.map(Finding::name).collect();
    if !names.is_empty() {
        let more = names.len().checked_sub(SHOWN).filter(|more| *more > 0);
        let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
        let names = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        line(&format!("then, if they are still wrong: {names}{more}"));
    }
}

fn show_steps(out: &mut String, action: &Action) {
    if !matches!(action.state, ActionState::Planned | ActionState::Refused | ActionState::Failed) {
        return;
    }
    let mut lines: Vec<String> = Vec::new();
    for step in &action.steps {
        lines.extend(step.argv.iter().map(|argv| format!("    $ {}\n", command_line(argv))));
        lines.extend(step.words.iter().map(|words| format!("    - {}\n", printable(words))));
    }
    let shown = if action.state == ActionState::Refused { REFUSED_SHOWN } else { SHOWN };
    lines.iter().take(shown).for_each(|line| out.push_str(line));
    if let Some(more) = lines.len().checked_sub(shown).filter(|more| *more > 0) {
        out.push_str(&format!("      and {more} more; --json has all\n"));
    }
}

/// `mtu: 1500 -> 9000`, a line for each that differs.
fn change(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let shown = |key: &str, value: Option<&Value>| match value {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if key.ends_with("_bytes") => {
            number.as_u64().map_or_else(|| number.to_string(), |bytes| Bytes(bytes).to_string())
        }
        Some(value) => value.to_string(),
    };
    let keys = before.keys().chain(after.keys().filter(|key| !before.contains_key(*key)));
    let of_key = |key: &String| match (before.get(key), after.get(key)) {
        (was, is) if was == is => Vec::new(),
        // A name each, as packages have.
        (Some(Value::Object(was)), Some(Value::Object(is))) => {
            change(was, is).iter().map(|words| format!("{key}: {words}")).collect()
        }
        (was, is) => {
            let name = key.strip_suffix("_bytes").unwrap_or(key);
            vec![format!("{name}: {} -> {}", shown(key, was), shown(key, is))]
        }
    };
    keys.flat_map(of_key).collect()
}

fn how_to_go_on(report: &Report) -> String {
    let planned: Vec<&Action> = report.actions.iter().filter(|action| action.state == ActionState::Planned).collect();
    if !planned.is_empty() {
        let flags: crate::model::sorted::SortedSet<&str> = planned
            .iter()
            .flat_map(|action| &action.needs)
            .map(String::as_str)
            .fold(Default::default(), |mut all, it| {
                all.insert(it);
                all
            });
        let flags: String = flags.iter().map(|flag| format!(" {flag}")).collect();
        return format!(
            "\n{}",
            paragraph("", &format!("to do it: the same command with --apply{flags}, and --all where it names nothing"))
        );
    }
    if report.verb == "fix" && !report.changed && report.actions.iter().all(|it| it.state == ActionState::Refused) {
        let words = if report.actions.is_empty() { "" } else { "\nnothing was changed: each says above why not\n" };
        return words.to_owned();
    }
    if report.verb != "fix" || !report.changed {
        return String::new();
    }
    let can_be_undone = |action: &Action| action.changed && !action.undo.starts_with("none");
    let undo = if report.actions.iter().any(can_be_undone) { "; `hostready undo` takes it back" } else { "" };
    format!("\n{}", paragraph("", &format!("run {}{undo}", report.run_id)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(state: &str, error: Option<&str>) -> Report {
        let action = json!({
            "id": "nic.rename-back", "subject": "eno1", "state": state, "changed": state == "applied",
            "before": {"name": "ens11", "mtu": 9000}, "after": {"name": "eno1", "mtu": 9000},
            "undo": "the same backwards", "error": error, "why": "eno1 is now called ens11",
            "mends": {"id": "ovs.port-kept", "subject": "br-ex/eno1"}, "risk": "eno1 is down for a moment",
            "needs": ["--accept disruption"],
            "steps": [{"argv": ["ip", "link", "set", "ens11", "name", "eno1"]}, {"words": ["write a \u{1b}[31mfile"]}],
        });
        let explained = json!({
            "id": "network.address-kept", "subject": "br-ex", "status": "fail", "severity": "high", "blocking": true,
            "new": true, "title": "", "detail": "", "cause": null,
            "caused_by": {"id": "ovs.port-kept", "subject": "br-ex/eno1"}, "expected": {}, "observed": {},
            "waiver": null, "fixes": [], "by_hand": [], "duration_us": 0,
        });
        serde_json::from_value(json!({
            "schema": "", "schema_version": "", "tool": {"name": "", "version": "", "catalog_digest": ""},
            "run_id": "0198", "verb": "fix", "intent": "after", "complete": true, "scope": {"only": [], "skip": []},
            "host": {"hostname": null, "machine_id": null, "boot_id": null, "os": {"id": null, "version": null},
                "kernel": null, "hypervisor": {"qemu": null, "libvirt": null}, "profiles": [], "roles": [],
                "cluster": null, "ids": {}, "labels": {}},
            "baseline": null, "started_at": "", "duration_ms": 0, "verdict": "blocked", "exit_code": 3,
            "changed": state == "applied", "failed": true, "msg": "", "comment": "",
            "summary": {"pass": 0, "fail": 1, "unknown": 0, "skip": 0, "waived": 0, "blocking": 1},
            "findings": [explained], "actions": [action],
        }))
        .unwrap()
    }

    #[test]
    fn plan_says_what_why_how_it_is_undone_and_what_allows_it() {
        let expected = "
WOULD BE DONE
  nic.rename-back eno1
    eno1 is now called ens11
    name: ens11 -> eno1
    $ ip link set ens11 name eno1
    - write a \u{fffd}[31mfile
    undo: the same backwards
    risk: eno1 is down for a moment
    needs --accept disruption
    then, if they are still wrong: network.address-kept br-ex

to do it: the same command with --apply --accept disruption, and --all where it
names nothing
";
        assert_eq!(render(&report("planned", None), &Paint { color: false }), expected);
    }

    #[test]
    fn what_was_done_says_how_it_is_taken_back_and_what_failed_says_why() {
        let done = render(&report("applied", None), &Paint { color: false });
        assert!(done.contains("DONE\n") && done.ends_with("run 0198; `hostready undo` takes it back\n"), "{done}");
        let failed = render(&report("failed", Some("`ip` exited 2: busy")), &Paint { color: false });
        assert!(failed.contains("FAILED\n") && failed.contains("    `ip` exited 2: busy\n"), "{failed}");
        assert!(!failed.contains("takes it back"), "nothing was changed: {failed}");
        let back = render(&report("reverted", None), &Paint { color: false });
        assert!(back.contains("undo: the same backwards") && !back.contains("->"), "{back}");
        let refused = render(&report("refused", Some("it is busy")), &Paint { color: false });
        assert!(refused.contains("    it is busy\n    eno1 is now called ens11\n    $ ip link"), "{refused}");
        assert!(refused.ends_with("\nnothing was changed: each says above why not\n"), "{refused}");
    }

    #[test]
    fn what_has_a_name_each_is_a_line_each() {
        let of = |value: serde_json::Value| value.as_object().cloned().unwrap_or_default();
        let before = of(json!({"packages": {"a": "1 unpacked", "b": "2 installed"}, "free_bytes": 1 << 30}));
        let after = of(json!({"packages": {"a": "1 installed", "b": "2 installed"}, "free_bytes": 2_u64 << 30}));
        assert_eq!(change(&before, &after), ["free: 1 GiB -> 2 GiB", "packages: a: 1 unpacked -> 1 installed"]);
    }
}
