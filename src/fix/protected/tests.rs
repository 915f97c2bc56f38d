use serde_json::json;

use super::*;
use crate::catalog::Settings;
use crate::facts::Run;
use crate::judge::kept::staged::{NOW, Told, answers};
use crate::model::answer::{Link, NextHop};
use crate::model::report::Intent;
use crate::model::{Answer, TroubleCause};

/// A VLAN on a bond of two cards has the address and the default route; a third card has a network of its own.
fn host(gateway: Contact, sessions: &[(&str, &str)]) -> Vec<Told<'static>> {
    let link = |lower: Option<&str>, master: Option<&str>| Link {
        lower: lower.map(str::to_owned),
        master: master.map(str::to_owned),
        carrier: true,
        ..Link::default()
    };
    let links = [
        ("bond0", link(None, None)),
        ("bond0.7", link(Some("bond0"), None)),
        ("eno1", link(None, Some("bond0"))),
        ("eno2", link(None, Some("bond0"))),
        ("eno3", link(None, None)),
        ("eno4", link(None, None)),
    ];
    let address = |link: &str, address: &str| Address {
        link: link.to_owned(),
        address: address.to_owned(),
        scope: "global".to_owned(),
        permanent: true,
    };
    let hop = NextHop { gateway: Some("192.0.2.1".to_owned()), link: Some("bond0.7".to_owned()), ..NextHop::default() };
    let route = Route {
        destination: "default".to_owned(),
        kind: "unicast".to_owned(),
        table: MAIN,
        next_hops: vec![hop],
        ..Route::default()
    };
    let session = |(local, peer): &(&str, &str)| Connection {
        local: (*local).to_owned(),
        peer: (*peer).to_owned(),
        accepted: true,
        ..Connection::default()
    };
    let own = vec![address("bond0.7", "192.0.2.10/24"), address("eno3", "198.51.100.3/24")];
    vec![
        ("links", Reading::Known(Answer::Links(links.map(|(name, link)| (name.to_owned(), link)).into()))),
        ("addresses", Reading::Known(Answer::Addresses(own))),
        ("routes", Reading::Known(Answer::Routes(vec![route]))),
        ("ssh-connections", Reading::Known(Answer::Connections(sessions.iter().map(session).collect()))),
        ("ping:192.0.2.1", Reading::Known(Answer::Contact(gateway))),
    ]
}

fn reached() -> Contact {
    Contact::Reached { status: None, verified: None }
}

fn found(told: &[Told<'_>], session: Option<&str>) -> Protected {
    let (answers, settings) = (answers(told), Settings::default());
    let facts = Facts::new(&answers, &settings, Run { intent: Intent::Agent, asked_at: NOW });
    paths(&facts, Asker { session, service: None })
}

fn names(protected: &Protected) -> serde_json::Value {
    json!(protected.devices.keys().collect::<Vec<_>>())
}

#[test]
fn default_route_is_protected_with_all_below_it() {
    let protected = found(&host(reached(), &[]), None);
    assert_eq!(names(&protected), json!(["bond0", "bond0.7", "eno1", "eno2"]));
    let why = protected.forbids(&["eno2".to_owned()]).unwrap();
    assert_eq!(why, "eno2 lies below bond0.7, which has the default route");
    assert_eq!(protected.forbids(&["eno3".to_owned()]), None);
    assert_eq!(protected.forbids(&[]), None);
}

#[test]
fn sessions_are_protected_and_a_silent_gateway_is_no_branch_to_sit_on() {
    let silent = || Contact::NotReached { reason: "silent".to_owned() };
    assert_eq!(names(&found(&host(silent(), &[]), None)), json!([]));
    let asks = found(&host(silent(), &[]), Some("198.51.100.9 51000 198.51.100.3 22"));
    assert!(asks.forbids(&["eno3".to_owned()]).unwrap().contains("session that asks"), "{asks:?}");
    // Somebody else's session over the silent way keeps it.
    let other = found(&host(silent(), &[("192.0.2.10:22", "192.0.2.9:51000")]), None);
    assert!(other.forbids(&["eno1".to_owned()]).unwrap().contains("an ssh session"), "{other:?}");
}

#[test]
fn what_lies_below_a_dead_way_is_dead_with_it_whatever_is_said_to_lead_there() {
    let mut told = host(Contact::NotReached { reason: "silent".to_owned() }, &[]);
    let mut settings = Settings::default();
    let url = |text: &str| crate::units::Target::try_from(text.to_owned()).unwrap();
    settings.management.urls = vec![url("https://198.51.100.77/"), url("https://203.0.113.5/")];
    let names_of = |told: &[Told<'_>]| {
        let answers = answers(told);
        let facts = Facts::new(&answers, &settings, Run { intent: Intent::Agent, asked_at: NOW });
        names(&paths(&facts, Asker::default()))
    };
    assert_eq!(names_of(&told), json!([]));
    told[4].1 = Reading::Known(Answer::Contact(reached()));
    assert_eq!(names_of(&told), json!(["bond0", "bond0.7", "eno1", "eno2"]));
    // Somebody waits in vain for an answer: that session is as dead as its gateway.
    let mut told = host(Contact::NotReached { reason: "silent".to_owned() }, &[("192.0.2.10:22", "192.0.2.9:51000")]);
    let Reading::Known(Answer::Connections(sessions)) = &mut told[3].1 else { panic!() };
    sessions[0].unanswered = 3;
    assert_eq!(names(&found(&told, Some("192.0.2.9 51000 192.0.2.10 22"))), json!([]));
    // Without carrier nobody speaks, whatever the kernel has not noticed yet.
    let mut told = host(reached(), &[("192.0.2.10:22", "192.0.2.9:51000")]);
    let Reading::Known(Answer::Links(links)) = &mut told[0].1 else { panic!() };
    links.get_mut("bond0.7").unwrap().carrier = false;
    assert_eq!(names(&found(&told, None)), json!([]));
}

#[test]
fn a_service_whose_connections_cannot_be_read_may_hang_on_any_device() {
    let mut told = host(reached(), &[]);
    let of_service = |told: &[Told<'_>]| {
        let (answers, settings) = (answers(told), Settings::default());
        let facts = Facts::new(&answers, &settings, Run { intent: Intent::Agent, asked_at: NOW });
        names(&paths(&facts, Asker { session: None, service: Some("salt-minion.service") }))
    };
    told.push(("connections:salt-minion.service", Reading::Absent));
    assert_eq!(of_service(&told), json!(["bond0", "bond0.7", "eno1", "eno2"]));
    let to_the_master = Connection {
        local: "198.51.100.3:40000".to_owned(),
        peer: "198.51.100.9:4506".to_owned(),
        ..Connection::default()
    };
    told[5].1 = Reading::Known(Answer::Connections(vec![to_the_master]));
    assert_eq!(of_service(&told), json!(["bond0", "bond0.7", "eno1", "eno2", "eno3"]));
    told[5].1 = Reading::unreadable(TroubleCause::Denied, "no");
    assert_eq!(of_service(&told), json!(["bond0", "bond0.7", "eno1", "eno2", "eno3"]));
}

#[test]
fn a_route_that_would_answer_a_session_by_another_way_is_one_of_its_own() {
    let protected = found(&host(reached(), &[("192.0.2.10:22", "10.1.2.3:51000")]), None);
    let makes = |words: &str| {
        let until = Holds::Route { words: words.to_owned(), there: true };
        let does = Deed::Run(crate::model::plan::Run::new(&["ip"]).until(until));
        let step = crate::model::plan::Step { does, undoes: Vec::new() };
        let planned = Planned { steps: vec![step], ..crate::fix::tests::planned("route.restore", "") };
        protected.turns_away(&planned)
    };
    let why = makes("-4 10.0.0.0/8 via 198.51.100.1 dev eno3").unwrap();
    assert_eq!(why, "`10.0.0.0/8 via 198.51.100.1 dev eno3` leads to 10.1.2.3, and another way carries an ssh session");
    assert!(makes("-4 blackhole 10.1.0.0/16").is_some());
    for other in ["-4 default via 192.0.2.9 dev eno3", "-4 10.2.0.0/16 dev eno3", "-4 10.0.0.0/8 dev eno3 table 7"] {
        assert_eq!(makes(other), None, "{other}");
    }
}

#[test]
fn what_cannot_be_read_protects_whatever_has_an_address() {
    let mut told = host(reached(), &[]);
    told[3].1 = Reading::unreadable(TroubleCause::Denied, "no");
    assert_eq!(names(&found(&told, None)), json!(["bond0", "bond0.7", "eno1", "eno2", "eno3"]));
    told[1].1 = Reading::unreadable(TroubleCause::Denied, "no");
    assert!(found(&told, None).forbids(&["eno4".to_owned()]).is_some());
}
