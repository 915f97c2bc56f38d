use super::*;
use crate::catalog::Settings;
use crate::facts::Run;
use crate::judge::kept::staged::{NOW, Told, answers, compared, words};
use crate::model::report::Intent;
use crate::model::{Answer, Status, TroubleCause};

const AGENT: &str = "pf9-hostagent.service";
const RELAY: &str = "pf9-comms.service";

fn spec() -> Spec {
    let unit = |name: &str| name.to_owned().try_into().unwrap();
    let packages = vec!["pf9-hostagent".to_owned(), "pf9-comms".to_owned()];
    Spec { agent: unit(AGENT), relay: unit(RELAY), packages, grace_seconds: 120 }
}

fn unit(active: &str) -> Reading<Answer> {
    let load = if active == "gone" { "not-found" } else { "loaded" };
    let active = if active == "gone" { "inactive" } else { active };
    Reading::Known(Answer::Unit(Unit { load: load.to_owned(), active: active.to_owned(), ..Unit::default() }))
}

fn connection(local: &str, peer: &str, unit: &str) -> Connection {
    let own = str::to_owned;
    Connection { local: own(local), peer: own(peer), unit: Some(own(unit)), ..Connection::default() }
}

fn known(connections: &[Connection]) -> Reading<Answer> {
    Reading::Known(Answer::Connections(connections.to_vec()))
}

/// The agent's loopback connection, and the relay's to the outside.
fn inner() -> Connection {
    connection("127.0.0.1:40000", "127.0.0.1:5672", AGENT)
}

fn outer() -> Connection {
    connection("192.0.2.7:40001", "198.51.100.9:443", RELAY)
}

fn judged(units: [&str; 2], agent: Reading<Answer>, relay: Reading<Answer>, more: &[Told<'_>]) -> Outcome {
    let mut told = vec![
        ("unit:pf9-hostagent.service", unit(units[0])),
        ("unit:pf9-comms.service", unit(units[1])),
        ("connections:pf9-hostagent.service", agent),
        ("connections:pf9-comms.service", relay),
    ];
    told.extend_from_slice(more);
    let (answers, settings) = (answers(&told), Settings::default());
    judge(&spec(), &Facts::new(&answers, &settings, Run { intent: Intent::After, asked_at: NOW }), None).remove(0)
}

const RUN: [&str; 2] = ["active", "active"];

#[test]
fn a_way_out_of_either_or_of_whom_the_agent_speaks_through_is_a_connection() {
    let relays = Connection { relays: true, ..connection("192.0.2.7:40002", "198.51.100.9:443", "other.service") };
    let direct = connection("[2001:db8::7]:40003", "[2001:db8::9]:443", AGENT);
    for (agent, relay, through) in [
        (vec![inner()], vec![outer()], " through pf9-comms.service"),
        (vec![inner(), relays], vec![], " through other.service"),
        (vec![direct], vec![], ""),
    ] {
        let outcome = judged(RUN, known(&agent), known(&relay), &[]);
        assert_eq!(outcome.status, Status::Pass, "{outcome:?}");
        assert!(outcome.detail.ends_with(&format!(":443{through}")), "{}", outcome.detail);
    }
    let outcome = judged(RUN, known(&[inner()]), known(&[outer(), outer()]), &[]);
    assert_eq!(outcome.observed["peers"], serde_json::json!(["198.51.100.9:443"]));
}

#[test]
fn what_leads_nowhere_is_none() {
    let own_address = connection("192.0.2.7:40004", "192.0.2.7:5672", AGENT);
    let came_in = Connection { accepted: true, ..connection("192.0.2.7:22", "203.0.113.5:50000", AGENT) };
    let silent = Connection { unanswered: 9, ..outer() };
    for (agent, relay, why) in [
        (vec![], vec![], "it holds no connection at all"),
        (vec![inner()], vec![], "it reaches 127.0.0.1:5672, from where nothing leads to the outside"),
        (vec![own_address], vec![], "it reaches 192.0.2.7:5672, from where nothing leads to the outside"),
        (vec![came_in], vec![], "it holds no connection at all"),
        (vec![inner()], vec![silent], "198.51.100.9:443 has not answered 9 times in a row"),
    ] {
        let outcome = judged(RUN, known(&agent), known(&relay), &[]);
        assert_eq!(words(std::slice::from_ref(&outcome)), ["fail not-connected"]);
        assert_eq!(outcome.detail, format!("{AGENT} runs and is not connected; {why}"));
    }
    let stopped = judged(["active", "inactive"], known(&[]), known(&[]), &[]);
    assert!(stopped.detail.ends_with("; pf9-comms.service does not run"), "{}", stopped.detail);
    assert_eq!(stopped.caused_by.map(|cause| cause.subject).as_deref(), Some(RELAY));
}

#[test]
fn the_way_by_which_it_was_connected_is_remembered() {
    let way = |own: &str, peer: &str| Part::Way(own.parse().unwrap(), peer.parse().unwrap());
    let told = |relay: &[Connection]| {
        vec![
            ("unit:pf9-hostagent.service", unit("active")),
            ("connections:pf9-hostagent.service", known(&[inner()])),
            ("connections:pf9-comms.service", known(relay)),
        ]
    };
    let silent = Connection { unanswered: 9, ..connection("192.0.2.8:40001", "198.51.100.10:443", RELAY) };
    for (then, now, part) in [
        (vec![outer()], vec![], way("192.0.2.7", "198.51.100.9")),
        (vec![outer()], vec![silent.clone()], way("192.0.2.7", "198.51.100.9")),
        (vec![], vec![silent], way("192.0.2.8", "198.51.100.10")),
        (vec![], vec![], Part::Peer(String::new())),
    ] {
        let outcomes = compared(&told(&then), &told(&now), |facts, before| judge(&spec(), facts, Some(before)));
        assert_eq!(words(&outcomes), ["fail not-connected"]);
        let units = [AGENT, RELAY].map(|unit| Part::Unit(unit.to_owned()));
        assert_eq!(outcomes[0].touches, [&units[..], &[part]].concat());
    }
}

#[test]
fn who_does_not_run_is_not_connected_and_who_is_not_there_need_not_be() {
    let told = |units| words(&[judged(units, known(&[]), known(&[outer()]), &[])]);
    assert_eq!(told(["inactive", "active"]), ["fail not-running"]);
    assert_eq!(told(["failed", "active"]), ["fail not-running"]);
    assert_eq!(told(["activating", "active"]), ["fail not-running at most warn"]);
    assert_eq!(told(["gone", "gone"]), ["skip not-present"]);
    assert_eq!(told(["reloading", "active"]), ["pass"]);
    let stopped = judged(["inactive", "active"], known(&[]), known(&[]), &[]);
    assert_eq!(stopped.caused_by.map(|cause| cause.subject).as_deref(), Some(AGENT));
}

#[test]
fn after_an_upgrade_it_may_take_a_moment_to_connect() {
    let now = humantime::parse_rfc3339(NOW).unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (age, said) in [(10, "fail not-connected at most warn"), (500, "fail not-connected")] {
        let seconds = i64::try_from(now).unwrap() - age;
        let modified = Reading::Known(Answer::Modified(crate::model::answer::Modified { seconds }));
        let upgraded = [("modified:/var/lib/dpkg/info/pf9-comms.list", modified)];
        assert_eq!(words(&[judged(RUN, known(&[inner()]), known(&[]), &upgraded)]), [said]);
    }
}

#[test]
fn what_could_not_be_looked_at_is_unknown_unless_the_rest_suffices() {
    let denied = || Reading::unreadable(TroubleCause::Denied, "no");
    assert_eq!(words(&[judged(RUN, denied(), known(&[]), &[])]), ["unknown denied"]);
    assert_eq!(words(&[judged(RUN, known(&[inner()]), denied(), &[])]), ["unknown denied"]);
    assert_eq!(words(&[judged(RUN, denied(), known(&[outer()]), &[])]), ["pass"]);
    let silent = [("unit:pf9-hostagent.service", Reading::unreadable(TroubleCause::TimedOut, "late"))];
    assert_eq!(words(&[judged(RUN, known(&[]), known(&[]), &silent)]), ["unknown timed-out"]);
}
