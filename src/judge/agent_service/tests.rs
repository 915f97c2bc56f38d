use super::*;
use crate::catalog::Settings;
use crate::facts::Run;
use crate::judge::kept::staged::{NOW, Told, answers, words};
use crate::model::{Answer, TroubleCause};

const AGENT: &str = "pf9-hostagent.service";
const RELAY: &str = "pf9-comms.service";

fn spec() -> Spec {
    let unit = |name: &str| name.to_owned().try_into().unwrap();
    let units =
        [(AGENT, "pf9-hostagent"), (RELAY, "pf9-comms")].map(|(name, package)| (unit(name), package.to_owned()));
    Spec { units: units.into(), starter: unit(AGENT), grace_seconds: 120 }
}

/// `loaded active running enabled`
fn unit(states: &str) -> Reading<Answer> {
    let [load, active, sub, file_state] = states.split(' ').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
    let file_state = if file_state == "-" { String::new() } else { file_state };
    Reading::Known(Answer::Unit(Unit { load, active, sub, file_state, ..Unit::default() }))
}

fn installed(names: &[&str]) -> Reading<Answer> {
    let stanza = |name: &&str| format!("Package: {name}\nStatus: install ok installed\nVersion: 1\n\n");
    Reading::Known(Answer::Text(["base-files"].iter().chain(names).map(stanza).collect::<String>().into_bytes()))
}

fn judged(agent: &str, relay: &str, more: &[Told<'_>], intent: Intent) -> Vec<String> {
    let mut told = vec![
        ("unit:pf9-hostagent.service", unit(agent)),
        ("unit:pf9-comms.service", unit(relay)),
        ("file:/var/lib/dpkg/status", installed(&["pf9-hostagent", "pf9-comms"])),
    ];
    told.extend_from_slice(more);
    let (answers, settings) = (answers(&told), Settings::default());
    let said = words(&judge(&spec(), &Facts::new(&answers, &settings, Run { intent, asked_at: NOW }), None));
    let mut said: Vec<String> =
        said.into_iter().map(|words| words.replace(AGENT, "agent").replace(RELAY, "relay")).collect();
    said.sort();
    said
}

/// The package's list of files was written so long before the look.
fn upgraded(package: &str, seconds: i64) -> (String, Reading<Answer>) {
    let now = humantime::parse_rfc3339(NOW).unwrap().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seconds = i64::try_from(now).unwrap() - seconds;
    (format!("modified:/var/lib/dpkg/info/{package}.list"), Reading::Known(Answer::Modified(Modified { seconds })))
}

const RUNS: &str = "loaded active running enabled";

#[test]
fn each_state_has_its_cause() {
    for (agent, relay, said) in [
        (RUNS, RUNS, ["pass agent", "pass relay"]),
        (RUNS, "loaded active running disabled", ["pass agent", "pass relay"]),
        ("loaded active running disabled", RUNS, ["fail disabled agent at most warn", "pass relay"]),
        (RUNS, "loaded inactive dead disabled", ["fail inactive relay", "pass agent"]),
        ("loaded failed failed enabled", RUNS, ["fail failed agent", "pass relay"]),
        ("loaded activating auto-restart enabled", RUNS, ["fail crash-loop agent", "pass relay"]),
        ("loaded activating start-pre enabled", RUNS, ["fail starting agent", "pass relay"]),
        ("masked inactive dead masked", RUNS, ["fail masked agent", "pass relay"]),
        ("not-found active running -", RUNS, ["fail not-found-but-running agent", "pass relay"]),
        ("not-found inactive dead -", RUNS, ["fail missing agent", "pass relay"]),
    ] {
        assert_eq!(judged(agent, relay, &[], Intent::After), said, "{agent}, {relay}");
    }
    assert_eq!(
        judged("loaded active running disabled", RUNS, &[], Intent::Reboot),
        ["fail disabled agent", "pass relay"],
        "the reboot is the end of it"
    );
}

#[test]
fn a_package_that_is_not_installed_needs_no_unit() {
    let only_agent = [("file:/var/lib/dpkg/status", installed(&["pf9-hostagent"]))];
    for relay in ["not-found inactive dead -", "masked inactive dead masked"] {
        let said = judged(RUNS, relay, &only_agent, Intent::Agent);
        assert_eq!(said, ["pass agent", "skip not-present relay"], "{relay}");
    }
    let left = judged(RUNS, "not-found active running -", &only_agent, Intent::Agent);
    assert_eq!(left, ["fail not-found-but-running relay", "pass agent"]);
    let denied = [("file:/var/lib/dpkg/status", Reading::unreadable(TroubleCause::Denied, "no"))];
    assert_eq!(
        judged(RUNS, "not-found inactive dead -", &denied, Intent::Agent),
        ["pass agent", "unknown denied relay"]
    );
    let rpm = [("file:/var/lib/dpkg/status", Reading::Absent)];
    assert_eq!(
        judged(RUNS, "not-found inactive dead -", &rpm, Intent::Agent),
        ["pass agent", "skip not-present relay"]
    );
}

#[test]
fn after_its_package_was_upgraded_it_has_a_moment() {
    for (agent, seconds, said) in [
        ("loaded inactive dead enabled", 5, "fail starting agent"),
        ("loaded deactivating stop-sigterm enabled", 5, "fail starting agent"),
        ("loaded inactive dead enabled", 119, "fail starting agent"),
        ("loaded inactive dead enabled", 121, "fail inactive agent"),
        ("loaded inactive dead enabled", -3600, "fail inactive agent"),
        ("loaded failed failed enabled", 5, "fail failed agent"),
        ("masked inactive dead masked", 5, "fail masked agent"),
    ] {
        let (key, modified) = upgraded("pf9-hostagent", seconds);
        let said_of_it = judged(agent, RUNS, &[(&key, modified)], Intent::After);
        assert_eq!(said_of_it, [said, "pass relay"], "{agent} {seconds}");
    }
}

#[test]
fn without_systemd_there_is_no_agent_and_a_silent_one_is_unknown() {
    let absent = [("unit:pf9-hostagent.service", Reading::Absent), ("unit:pf9-comms.service", Reading::Absent)];
    assert_eq!(judged(RUNS, RUNS, &absent, Intent::After), ["skip not-present agent", "skip not-present relay"]);
    let silent = [("unit:pf9-hostagent.service", Reading::unreadable(TroubleCause::TimedOut, "late"))];
    assert_eq!(judged(RUNS, RUNS, &silent, Intent::After), ["pass relay", "unknown timed-out agent"]);
}

#[test]
fn one_that_gave_up_is_about_the_network_too() {
    for (agent, gave_up) in [
        ("loaded failed failed enabled", true),
        ("loaded activating auto-restart enabled", true),
        ("masked inactive dead masked", false),
        ("loaded inactive dead enabled", false),
    ] {
        let answers = answers(&[
            ("unit:pf9-hostagent.service", unit(agent)),
            ("file:/var/lib/dpkg/status", installed(&["pf9-hostagent", "pf9-comms"])),
        ]);
        let settings = Settings::default();
        let outcomes =
            judge(&spec(), &Facts::new(&answers, &settings, Run { intent: Intent::After, asked_at: NOW }), None);
        let outside = Part::Peer(String::new());
        assert_eq!(outcomes.iter().any(|it| it.touches.contains(&outside)), gave_up, "{agent}");
    }
}
