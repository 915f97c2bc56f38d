use super::super::staged::{compared, words};
use super::*;
use crate::model::{Answer, TroubleCause};

fn spec() -> Spec {
    let groups = [
        ("ssh", vec!["ssh.service", "ssh.socket"]),
        ("openvswitch", vec!["openvswitch-switch.service"]),
        ("ovn", vec!["ovn-controller.service", "ovn-host.service"]),
    ];
    let own = |names: Vec<&str>| names.into_iter().map(|name| name.to_owned().try_into().unwrap()).collect();
    Spec { services: groups.into_iter().map(|(group, names)| (group.to_owned(), own(names))).collect() }
}

/// `ssh.service enabled active running`: unit, state of its file (`-` where there is none), states.
fn host(units: &[&str]) -> [Reading<Answer>; 2] {
    let (mut files, mut loaded) = (SortedMap::new(), SortedMap::new());
    for unit in units {
        let [name, file, states @ ..] = &unit.split(' ').map(str::to_owned).collect::<Vec<_>>()[..] else { panic!() };
        if file != "-" {
            files.insert(name.clone(), file.clone());
        }
        if let [active, sub] = states {
            let load = match file.as_str() {
                "-" => "not-found",
                "masked" => "masked",
                _ => "loaded",
            };
            let row = LoadedUnit { load: load.to_owned(), active: active.clone(), sub: sub.clone() };
            loaded.insert(name.clone(), row);
        }
    }
    [Reading::Known(Answer::UnitFiles(files)), Reading::Known(Answer::Units(loaded))]
}

fn read(then: [Reading<Answer>; 2], now: [Reading<Answer>; 2]) -> Vec<Outcome> {
    let keyed = |[files, units]: [Reading<Answer>; 2]| [("unit-files", files), ("units", units)];
    compared(&keyed(then), &keyed(now), |facts, before| judge(&spec(), facts, before))
}

fn told(then: &[&str], now: &[&str]) -> Vec<String> {
    words(&read(host(then), host(now)))
}

const SSH: &str = "ssh.service enabled active running";
const SWITCH: &str = "openvswitch-switch.service enabled active exited";
const CRON: &str = "cron.service enabled active running";

#[test]
fn a_service_that_matters_is_told_with_its_cause() {
    for (now, said) in [
        (SSH, "pass"),
        ("ssh.service disabled active running", "fail disabled ssh.service"),
        ("ssh.service disabled", "fail disabled ssh.service"),
        ("ssh.service enabled-runtime active running", "fail disabled ssh.service"),
        ("ssh.service masked active running", "fail masked ssh.service"),
        ("ssh.service masked", "fail masked ssh.service"),
        ("ssh.service enabled inactive dead", "fail stopped ssh.service"),
        ("ssh.service enabled", "fail stopped ssh.service"),
        ("ssh.service enabled failed failed", "fail stopped ssh.service"),
        ("ssh.service enabled activating auto-restart", "fail stopped ssh.service"),
        ("ssh.service enabled activating start-pre", "fail stopped ssh.service at most warn"),
        ("ssh.service enabled reloading reload", "pass"),
        ("other.service enabled active running", "fail missing ssh.service"),
        ("ssh.service - active running", "fail missing ssh.service"),
    ] {
        assert_eq!(told(&[SSH], &[now]), [said], "{now}");
    }
}

#[test]
fn any_one_unit_of_a_service_suffices_unless_one_has_failed() {
    let socket = "ssh.socket enabled active listening";
    assert_eq!(told(&[SSH], &["ssh.service disabled inactive dead", socket]), ["pass"]);
    assert_eq!(told(&["ssh.service disabled", socket], &[SSH, "ssh.socket disabled"]), ["pass"]);
    assert_eq!(told(&[SSH], &["ssh.service masked", "ssh.socket enabled"]), ["fail masked ssh.service"]);
    assert_eq!(told(&[SSH], &["ssh.service disabled failed failed", socket]), ["fail disabled ssh.service"]);
    let ovn = ["ovn-host.service enabled active exited", "ovn-controller.service static active running"];
    assert_eq!(told(&ovn, &ovn), ["pass"]);
    let failed = [ovn[0], "ovn-controller.service static failed failed"];
    assert_eq!(told(&ovn, &failed), ["fail stopped ovn-controller.service"]);
}

#[test]
fn what_was_not_enabled_or_did_not_run_need_not() {
    for then in ["ssh.service disabled active running", "ssh.service masked", "ssh.service static active running"] {
        assert_eq!(told(&[then], &["ssh.service disabled"]), ["pass"], "{then}");
    }
    assert_eq!(told(&["ssh.service enabled failed failed"], &["ssh.service enabled failed failed"]), ["pass"]);
    assert_eq!(told(&["cron.service enabled failed failed"], &["cron.service enabled failed failed"]), ["pass"]);
    assert_eq!(told(&["cron.service disabled"], &["cron.service disabled"]), ["pass"]);
}

#[test]
fn what_else_was_enabled_counts_less() {
    for (now, said) in [
        ("cron.service disabled active running", "fail disabled cron.service at most warn"),
        ("cron.service masked", "fail masked cron.service at most warn"),
        ("cron.service enabled inactive dead", "fail stopped cron.service at most warn"),
        ("cron.service enabled failed failed", "fail stopped cron.service at most warn"),
        ("cron.service static active running", "pass"),
        ("cron.service alias active running", "pass"),
    ] {
        assert_eq!(told(&[CRON], &[now]), [said], "{now}");
    }
}

#[test]
fn a_clean_upgrade_of_the_release_raises_nothing_but_notes() {
    let then = [
        SSH,
        SWITCH,
        "systemd-timesyncd.service enabled active running",
        "ifup-once.service enabled active exited",
        "cups.service enabled active running",
        "logrotate.service enabled active running",
        "getty@.service enabled",
        "e2scrub_reap.service enabled inactive dead",
    ];
    let now = [
        "ssh.service disabled inactive dead",
        "ssh.socket enabled active listening",
        "openvswitch-switch.service enabled active exited",
        "chrony.service enabled active running",
        "ifup-once.service enabled inactive dead",
        "cups.service enabled inactive dead",
        "cups.socket enabled active listening",
        "logrotate.service disabled",
        "logrotate.timer enabled active waiting",
        "e2scrub_reap.service enabled inactive dead",
    ];
    let all = told(&then, &now);
    assert_eq!(all, ["pass", "fail missing systemd-timesyncd.service at most info"]);
}

#[test]
fn the_switch_is_touched_with_its_unit() {
    let outcomes = read(host(&[SWITCH]), host(&["openvswitch-switch.service disabled active exited"]));
    assert_eq!(outcomes[0].touches, [Part::Unit("openvswitch-switch.service".to_owned()), Part::Switch]);
    assert_eq!(
        outcomes[0].detail,
        "openvswitch-switch.service was enabled and is not enabled, so that the next boot does not start it"
    );
}

#[test]
fn a_unit_is_told_by_what_starts_it_or_judges_the_agent() {
    for (unit, teller) in [
        ("ovs-record-hostname.service", ("services.kept", "openvswitch-switch.service")),
        ("pf9-hostagent.service", ("agent.service", "pf9-hostagent.service")),
    ] {
        let then = format!("{unit} enabled active exited");
        let outcomes = read(host(&[SSH, &then]), host(&[SSH, &format!("{unit} disabled inactive dead")]));
        let cause = outcomes[0].caused_by.as_ref().or(outcomes.last().unwrap().caused_by.as_ref()).unwrap();
        assert_eq!((cause.id.as_str(), cause.subject.as_str()), teller);
    }
}

#[test]
fn what_cannot_be_read_is_unknown_and_a_systemd_that_is_gone_is_a_loss() {
    let absent = || [Reading::Absent, Reading::Absent];
    assert_eq!(words(&read(absent(), absent())), ["skip not-present"]);
    assert_eq!(words(&read(host(&[SSH]), absent())), ["fail missing"]);
    for (side, at) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let mut sides = [host(&[SSH]), host(&[SSH])];
        sides[side][at] = Reading::unreadable(TroubleCause::TimedOut, "late");
        let [then, now] = sides;
        let outcomes = read(then, now);
        assert_eq!(words(&outcomes), ["unknown timed-out"], "{side} {at}");
        assert_eq!(outcomes[0].detail, ["in the baseline: late", "late"][side]);
    }
}
