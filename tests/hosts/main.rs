//! Recorded hosts and what hostready says of them. A scenario is a folder: no code is needed for a new one.
//!
//! `tests/hosts/scenarios/NAME/scenario.json` names a recorded base, a merge patch over it, edits of long
//! texts, and the arguments; `expected.txt` is what comes out. `HOSTREADY_BLESS=1` writes it anew: read
//! the difference before you commit it.
//!
//! With `"verb": "verify"` the host is compared with a snapshot of its base, or of what `baseline` says in the
//! same words, and is in another boot.

// A test stages files and starts programs, and may stop at the first thing that is not as expected.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod card;
mod recording;
mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use scenario::{Document, Outcome, Scenario};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let scenarios = Scenario::all();
    let mut trials: Vec<Trial> = scenarios
        .iter()
        .map(|scenario| {
            let scenario = scenario.clone();
            Trial::test(format!("scenario::{}", scenario.name), move || is_as_expected(&scenario))
        })
        .collect();
    let bases = recording::bases().into_iter();
    trials.extend(bases.map(|base| Trial::test(format!("recovery_card::{base}"), move || card::is_as_expected(&base))));
    trials.push(Trial::test("every_check_passes_somewhere_and_fails_somewhere", move || covers_all(&scenarios)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn is_as_expected(scenario: &Scenario) -> Result<(), Failed> {
    let outcome = scenario.run()?;
    scenario::validate(&outcome.report, Document::Report)?;
    let shown = outcome.shown();
    scenario::holds_no_password(&format!("{shown}{}", outcome.report))?;
    is_expected(&scenario.folder.join("expected.txt"), &shown)
}

/// Holds what was shown against a file, or writes the file anew.
fn is_expected(path: &Path, shown: &str) -> Result<(), Failed> {
    if std::env::var_os("HOSTREADY_BLESS").is_some() {
        fs::write(path, shown).map_err(|error| error.to_string())?;
        return Ok(());
    }
    let expected = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if shown == expected {
        return Ok(());
    }
    let mut difference = String::new();
    for (number, (is, was)) in shown.lines().zip(expected.lines()).enumerate() {
        if is != was {
            difference.push_str(&format!("line {}\n- {was}\n+ {is}\n", number + 1));
        }
    }
    Err(format!("{} differs:\n{difference}\n--- now ---\n{shown}", path.display()).into())
}

/// Causes that no recorded host shows, and the test that shows them instead.
const SHOWN_ELSEWHERE: &[(&str, &str, &str)] = &[
    ("agent.service", "disabled", "the rule of services.unit"),
    ("agent.service", "failed", "the rule of services.unit"),
    ("agent.service", "masked", "the rule of services.unit"),
    ("agent.service", "missing", "tests/lab/agent.rs, its unit gone"),
    ("network.dns-kept", "link-changed", "tests/lab/network_kept.rs"),
    ("network.dns-kept", "servers-changed", "tests/lab/network_kept.rs"),
    ("network.link-kept", "changed", "src/judge/kept/links/tests.rs"),
    ("network.link-kept", "detached", "src/judge/kept/links/tests.rs"),
    ("packages.kept", "downgraded", "tests/lab/services_kept.rs"),
    ("services.kept", "masked", "tests/lab/services_kept.rs"),
    ("services.kept", "missing", "tests/lab/services_kept.rs"),
    ("services.unit", "crash-loop", "src/judge/unit_state.rs"),
    ("services.unit", "not-found-but-running", "src/judge/unit_state.rs"),
    ("ovs.uplink", "stale-guest-port", "tests/lab/ovs.rs"),
    ("ovn.controller", "crash-loop", "the rule of services.unit"),
    ("ovn.controller", "disabled", "the rule of services.unit"),
    ("ovn.controller", "failed", "the rule of services.unit"),
    ("ovn.controller", "not-found-but-running", "the rule of services.unit"),
    ("ovn.controller", "not-running", "tests/lab/ovn.rs, killed with its PID file left"),
];

/// A check that no scenario passes, or none fails, is a check that nobody has seen work; and so is a cause.
fn covers_all(scenarios: &[Scenario]) -> Result<(), Failed> {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for outcome in scenarios.iter().map(Scenario::run) {
        let Outcome { report, .. } = outcome?;
        for finding in report["findings"].as_array().into_iter().flatten() {
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            let seen = seen.entry(text("id")).or_default();
            seen.insert(text("status"));
            if finding["status"] == "fail" {
                seen.insert(text("cause"));
            }
        }
    }
    let mut missing = Vec::new();
    for (id, causes) in scenario::catalog_ids()? {
        let seen = seen.remove(&id).unwrap_or_default();
        let elsewhere = |cause: &str| SHOWN_ELSEWHERE.iter().any(|(of, it, _)| *of == id && *it == cause);
        for wanted in ["pass", "fail"].into_iter().chain(causes.iter().map(String::as_str)) {
            if seen.contains(wanted) == elsewhere(wanted) {
                let what = if elsewhere(wanted) { "a scenario by now" } else { "no scenario" };
                missing.push(format!("{what} in which {id} is `{wanted}`"));
            }
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(missing.join("\n").into()) }
}
