use super::super::stage::{lines, planned};
use super::*;
use crate::facts::nics::tests::answers;
use crate::judge::unit_state;
use crate::model::{Answer, Answers};

const X: &str = "x.service";

/// State of its file, its load, active and sub state, and how it ended.
fn host(name: &str, [file, load, active, sub, result]: [&str; 5]) -> Answers {
    let own = str::to_owned;
    let one = Unit {
        load: own(load),
        active: own(active),
        sub: own(sub),
        file_state: own(file),
        result: own(result),
        ..Unit::default()
    };
    let loaded = LoadedUnit { load: own(load), active: own(active), sub: own(sub) };
    answers([
        (unit(name), Answer::Unit(one)),
        (Query::UnitFiles, Answer::UnitFiles([(own(name), own(file))].into())),
        (Query::Units, Answer::Units([(own(name), loaded)].into())),
    ])
}

const RUNS: [&str; 5] = ["enabled", "loaded", "active", "running", "success"];

fn of(name: &str, then: [&str; 5], now: [&str; 5], fix: &str) -> Vec<Planned> {
    let judge = |facts: &crate::facts::Facts<'_>, _: &crate::facts::before::Before<'_>| {
        vec![unit_state::judge_unit(&name.to_owned().try_into().unwrap(), facts)]
    };
    planned([&host(name, then), &host(name, now)], ("services.unit", fix), judge)
}

fn starts(then: [&str; 5], now: [&str; 5]) -> Vec<String> {
    lines(&of(X, then, now, "unit.start"))
}

fn enables(then: &str, now: &str) -> Vec<String> {
    let state = |file| [file, if now == file { "masked" } else { "loaded" }, "active", "running", "success"];
    lines(&of(X, state(then), state(now), "unit.enable"))
}

#[test]
fn what_stopped_is_started_and_what_failed_restarted_once() {
    let stopped = ["enabled", "loaded", "inactive", "dead", "success"];
    assert_eq!(
        starts(RUNS, stopped),
        ["systemctl start x.service <- systemctl stop x.service && systemctl reset-failed x.service"]
    );
    let failed = ["enabled", "loaded", "failed", "failed", "exit-code"];
    assert_eq!(
        starts(RUNS, failed),
        ["systemctl reset-failed x.service", "systemctl restart x.service <- systemctl stop x.service"]
    );
    let plan = &of(X, RUNS, failed, "unit.start")[0];
    assert_eq!(plan.why, "x.service has failed (exit-code); `journalctl -b -n 20 -u x.service` says why");
    assert!(plan.undo.contains("inactive then"), "{}", plan.undo);
    assert!(of(X, RUNS, failed, "unit.enable").is_empty());
}

#[test]
fn what_failed_says_why_and_what_stopped_needs_not() {
    let failed = ["enabled", "loaded", "failed", "failed", "start-limit-hit"];
    let mut now = host(X, failed);
    now.0.extend(answers([(log(X), Answer::Text(b"x: no /etc/x.conf\nsystemd: status=3".to_vec()))]).0);
    let judge = |facts: &crate::facts::Facts<'_>, _: &crate::facts::before::Before<'_>| {
        vec![unit_state::judge_unit(&X.to_owned().try_into().unwrap(), facts)]
    };
    let plan = planned([&host(X, RUNS), &now], ("services.unit", "unit.start"), judge).remove(0);
    assert_eq!(
        plan.why,
        "x.service keeps failing (start-limit-hit, 0 restarts); it said: x: no /etc/x.conf; it said: systemd: status=3"
    );
    let stopped = &of(X, RUNS, ["enabled", "loaded", "inactive", "dead", "success"], "unit.start")[0];
    assert!(!stopped.undo.contains("failed") && !stopped.why.contains("journalctl"), "{stopped:?}");
}

#[test]
fn what_systemd_starts_itself_and_what_did_not_run_is_left_alone() {
    let looping = ["enabled", "loaded", "activating", "auto-restart", "exit-code"];
    let lines = starts(RUNS, looping);
    assert!(lines[0].starts_with("refused: systemd starts x.service again by itself"), "{lines:?}");
    let idle = ["disabled", "loaded", "inactive", "dead", "success"];
    assert_eq!(starts(idle, idle), ["refused: x.service did not run in the baseline (disabled), and stays so"]);
    let broken = ["enabled", "bad-setting", "inactive", "dead", "success"];
    assert_eq!(starts(RUNS, broken), ["refused: systemd cannot load x.service: bad-setting"]);
}

#[test]
fn it_is_enabled_as_it_was() {
    assert_eq!(enables("enabled", "disabled"), ["systemctl enable x.service <- systemctl disable x.service"]);
    assert_eq!(
        enables("enabled", "masked"),
        [
            "systemctl unmask x.service <- systemctl mask x.service",
            "systemctl enable x.service <- systemctl disable x.service"
        ]
    );
    assert_eq!(
        enables("static", "masked-runtime"),
        ["systemctl unmask --runtime x.service <- systemctl mask --runtime x.service"]
    );
    assert_eq!(enables("disabled", "disabled"), ["refused: x.service was disabled in the baseline, and stays so"]);
    assert_eq!(enables("masked", "masked"), ["refused: x.service was masked in the baseline, and stays so"]);
    assert!(enables("enabled", "linked")[0].contains("linked from elsewhere"));
}

#[test]
fn what_guests_hang_on_needs_consent() {
    let stopped = ["enabled", "loaded", "inactive", "dead", "success"];
    for name in ["ovs-vswitchd.service", "libvirtd.service"] {
        assert_eq!(of(name, RUNS, stopped, "unit.start")[0].needs, ["disruption"], "{name}");
    }
    assert!(of("ssh.service", RUNS, stopped, "unit.start")[0].needs.is_empty());
}
