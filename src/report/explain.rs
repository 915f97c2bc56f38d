//! The catalog for a person who asks what is checked, and why.

use serde_json::{Value, json};

use super::layout::{command_line, paragraph};
use crate::catalog::passing::Passing;
use crate::catalog::settings::Attestation;
use crate::catalog::{Catalog, Check, Fix};
use crate::model::gather::Gather as _;
use crate::model::report::Intent;
use crate::model::sorted::SortedMap;

/// One line a check. A level with a star is another one for some intents.
pub fn list(checks: &[Check]) -> String {
    let width = |of: &dyn Fn(&Check) -> usize, least: usize| checks.iter().map(of).fold(least, usize::max);
    let (id, profile) = (width(&|check| check.id.len(), 5), width(&|check| check.profile.len(), 7));
    let mut out = format!("{:<id$} LEVEL  {:<profile$} FAILS WHEN\n", "CHECK", "PROFILE");
    for check in checks {
        let level = format!("{}{}", check.level.as_str(), if check.level_for.is_empty() { "" } else { "*" });
        let head = format!("{:<id$} {level:<6} {:<profile$} ", check.id, check.profile);
        out.push_str(&hanging(&head, &check.title));
    }
    out.push_str("\n* another level for some intents. `hostready explain ID` says more of one check.\n");
    out
}

fn waiting(what: &str, how: &str, passing: &Passing) -> String {
    match passing {
        Passing::Any(false) => String::new(),
        Passing::Any(true) => field("waiting", &format!("{what} may pass {how}: `--wait` waits for it")),
        Passing::Causes(causes) => {
            field("waiting", &format!("{what} may pass {how}: `--wait` waits for {}", causes.join(", ")))
        }
    }
}

/// The text beside its head, and further lines below the text.
fn hanging(head: &str, text: &str) -> String {
    let whole = paragraph(&" ".repeat(head.len()), text);
    format!("{head}{}", whole.get(head.len()..).unwrap_or(&whole))
}

/// All that there is to say of the entries of one id.
pub fn text(checks: &[&Check], catalog: &Catalog) -> String {
    checks.iter().map(|check| one(check, catalog)).collect::<Vec<_>>().join("\n")
}

fn one(check: &Check, catalog: &Catalog) -> String {
    let mut out = format!("{}: {}\n\n", check.id, check.title);
    out.push_str(&field("why", &check.why));
    let intents: Vec<&str> = check.intents.iter().map(|intent| intent_word(*intent)).collect();
    let profile = catalog.profiles.iter().find(|profile| profile.name == check.profile);
    let whose = profile.map_or_else(|| "any Linux host".to_owned(), |profile| format!("hosts with {}", profile.title));
    out.push_str(&field("asked", &format!("for {}, of {whose}", intents.join(", "))));
    out.push_str(&field("severity", severity_word(check)));
    if check.needs_baseline {
        out.push_str(&field("needs", "a baseline to compare with"));
    }
    out.push_str("settings\n");
    for setting in &check.settings {
        out.push_str(&paragraph("    ", &format!("{} = {}  ({})", setting.key, setting.value, setting.origin)));
    }
    out.push_str(&waiting("what it finds", "by itself", &check.passes_by_itself));
    out.push_str(&waiting("after a boot what it finds", "once the host is up", &check.passes_after_boot));
    if let Some(other) = &check.passes_with {
        out.push_str(&field("waiting", &format!("`--wait` waits for it as long as {other} finds something")));
    }
    if !check.kind.causes().is_empty() {
        let causes: Vec<String> =
            check.kind.causes().iter().map(|cause| format!("{cause} ({})", levels(check, cause))).collect();
        out.push_str(&field("causes", &causes.join(", ")));
    }
    for attestation in catalog.settings.attestations(&check.id) {
        let Attestation { who, what, until, .. } = attestation;
        out.push_str(&field("attested", &format!("{who} vouches for it until {until}: {what}")));
    }
    for fix in check.fixes.iter().filter_map(|id| catalog.fix(id)) {
        out.push_str(&field("fix", &format!("{}: {}; undo: {}", fix.id, fix.title, fix.undo)));
        for argv in &fix.by_hand {
            out.push_str(&format!("    $ {}\n", command_line(argv)));
        }
    }
    if !check.by_hand.is_empty() {
        out.push_str("by hand\n");
    }
    for argv in &check.by_hand {
        out.push_str(&format!("    $ {}\n", command_line(argv)));
    }
    if !check.source.is_empty() {
        out.push_str(&field("source", &check.source));
    }
    out
}

/// `warn; block for reboot`
fn levels(check: &Check, cause: &str) -> String {
    let mut words = vec![check.level_of(Some(cause)).as_str().to_owned()];
    let others = check.levels_for(cause);
    words.extend(others.iter().map(|(intent, level)| format!("{} for {}", level.as_str(), intent_word(*intent))));
    words.join("; ")
}

/// What a fix does, and how the same is done by hand.
pub fn fix(fix: &Fix) -> String {
    let mut out = format!("{}: {}\n\n", fix.id, fix.title);
    out.push_str(&field("undo", &fix.undo));
    if fix.by_hand.is_empty() {
        out.push_str("by hand\n    it depends on the host: `hostready fix` shows each command\n");
    } else {
        out.push_str("by hand\n");
    }
    for argv in &fix.by_hand {
        out.push_str(&format!("    $ {}\n", command_line(argv)));
    }
    out
}

fn field(name: &str, text: &str) -> String {
    format!("{name}\n{}", paragraph("    ", text))
}

fn intent_word(intent: Intent) -> &'static str {
    match intent {
        Intent::Agent => "agent",
        Intent::Os => "os",
        Intent::Reboot => "reboot",
        Intent::After => "after",
    }
}

fn severity_word(check: &Check) -> &'static str {
    use crate::model::Severity;
    match check.severity {
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
    }
}

/// The same for a program.
pub fn json(checks: &[&Check], catalog: &Catalog) -> serde_json::Result<String> {
    let rows: Vec<Value> = checks.iter().map(|check| json_row(check, catalog)).collect();
    let mut text = serde_json::to_string_pretty(&json!({
        "schema": "hostready/explain", "schema_version": "1.0", "checks": rows,
    }))?;
    text.push('\n');
    Ok(text)
}

fn json_row(check: &Check, catalog: &Catalog) -> Value {
    let settings: Vec<Value> = check
        .settings
        .iter()
        .map(|setting| json!({"key": setting.key, "value": setting.value, "origin": setting.origin}))
        .collect();
    let fixes: Vec<Value> = check
        .fixes
        .iter()
        .filter_map(|id| catalog.fix(id))
        .map(|fix| json!({"id": fix.id, "title": fix.title, "undo": fix.undo, "by_hand": fix.by_hand}))
        .collect();
    let causes: serde_json::Map<String, Value> = check
        .kind
        .causes()
        .iter()
        .map(|cause| ((*cause).to_owned(), json!(check.level_of(Some(cause)).as_str())))
        .gather();
    let attestations: Vec<Value> = catalog
        .settings
        .attestations(&check.id)
        .map(|it| json!({"what": it.what, "who": it.who, "until": it.until.to_string()}))
        .collect();
    json!({
        "id": check.id, "profile": check.profile, "title": check.title, "why": check.why,
        "for": check.intents, "level": check.level.as_str(), "severity": check.severity, "causes": causes,
        "level_for": check.level_for.iter().map(|(intent, level)| (intent_word(*intent), level.as_str())).gather::<SortedMap<_, _>>(),
        "settings": settings, "fixes": fixes, "by_hand": check.by_hand, "source": check.source,
        "needs_baseline": check.needs_baseline, "passes_by_itself": check.passes_by_itself,
        "passes_after_boot": check.passes_after_boot,
        "attestations": attestations,
    })
}
