use super::super::stage::{lines, planned};
use super::*;
use crate::facts::nics::tests::{answers, links};
use crate::judge::kept::{routes, rules};
use crate::model::answer::{Asked, Link, MAIN, NextHop};
use crate::model::{Answer, Answers, Reading};

fn route(destination: &str, gateway: &str, protocol: &str) -> Route {
    let hop = NextHop { gateway: Some(gateway.to_owned()), link: Some("eno1".to_owned()), ..NextHop::default() };
    Route {
        ipv6: gateway.contains(':'),
        table: MAIN,
        destination: destination.to_owned(),
        kind: "unicast".to_owned(),
        protocol: protocol.to_owned(),
        scope: "global".to_owned(),
        next_hops: vec![hop],
        ..Route::default()
    }
}

fn rule(ipv6: bool, table: u32) -> Rule {
    Rule {
        ipv6,
        priority: 100,
        from: Some("192.0.2.7".to_owned()),
        action: "lookup".to_owned(),
        table,
        ..Rule::default()
    }
}

/// A card of this name, up or not, and these routes and rules.
fn host(name: &str, admin_up: bool, routes: Vec<Route>, rules: Vec<Rule>) -> Answers {
    let mac = Some("52:54:00:00:00:0a".to_owned());
    let card = Link { mac: mac.clone(), permanent_mac: mac, admin_up, ..Link::default() };
    let mut host = answers([
        links([(name, card), ("lo", Link::default())]),
        (Query::Routes, Answer::Routes(routes)),
        (Query::Rules, Answer::Rules(rules)),
        (Query::Addresses, Answer::Addresses(Vec::new())),
    ]);
    let socket = crate::catalog::Settings::default().ovs.socket();
    host.0.insert(Query::Ovsdb(socket), Asked { reading: Reading::Absent, micros: 0 });
    host
}

fn of(then: &Answers, now: &Answers) -> Vec<Planned> {
    planned([then, now], ("network.route-kept", "route.restore"), routes::judge)
}

#[test]
fn a_route_comes_back_as_it_was() {
    let several = Route {
        next_hops: ["192.0.2.1", "192.0.2.2"].map(|it| route("default", it, "").next_hops[0].clone()).into(),
        table: 100,
        ..route("10.0.0.0/8", "192.0.2.1", "static")
    };
    let then = host(
        "eno1",
        true,
        vec![route("default", "192.0.2.1", "boot"), route("default", "2001:db8::1", "static"), several],
        vec![],
    );
    let now = host("eno1", true, vec![], vec![]);
    assert_eq!(
        lines(&of(&then, &now)),
        [
            "ip -4 route add default via 192.0.2.1 dev eno1 <- ip -4 route del default via 192.0.2.1 dev eno1",
            "ip -6 route add default via 2001:db8::1 dev eno1 proto static <- \
             ip -6 route del default via 2001:db8::1 dev eno1 proto static",
            "ip -4 route add 10.0.0.0/8 table 100 proto static nexthop via 192.0.2.1 dev eno1 weight 1 nexthop via \
             192.0.2.2 dev eno1 weight 1 <- ip -4 route del 10.0.0.0/8 table 100 proto static nexthop via 192.0.2.1 \
             dev eno1 weight 1 nexthop via 192.0.2.2 dev eno1 weight 1",
        ]
    );
}

#[test]
fn what_is_in_its_place_comes_back_with_the_undo() {
    let then = host("eno1", true, vec![route("default", "192.0.2.1", "static")], vec![]);
    let now = host("eno1", true, vec![route("default", "192.0.2.254", "static")], vec![]);
    assert_eq!(
        lines(&of(&then, &now)),
        ["ip -4 route replace default via 192.0.2.1 dev eno1 proto static <- \
          ip -4 route replace default via 192.0.2.254 dev eno1 proto static && \
          ip -4 route del default via 192.0.2.1 dev eno1 proto static"]
    );
    assert_eq!(of(&then, &now)[0].touches, ["eno1"]);
}

#[test]
fn it_follows_its_card_and_waits_for_it() {
    let then = host("eno1", true, vec![route("default", "192.0.2.1", "boot")], vec![]);
    let renamed = of(&then, &host("ens3", true, vec![], vec![]));
    assert!(lines(&renamed)[0].starts_with("ip -4 route add default via 192.0.2.1 dev ens3"), "{renamed:?}");
    let down = host("eno1", false, vec![], vec![]);
    assert_eq!(
        lines(&of(&then, &down)),
        [
            "ip link set dev eno1 up <- ip link set dev eno1 down",
            "ip -4 route add default via 192.0.2.1 dev eno1 <- ip -4 route del default via 192.0.2.1 dev eno1",
        ]
    );
    let was_down = host("eno1", false, vec![route("default", "192.0.2.1", "boot")], vec![]);
    assert_eq!(lines(&of(&was_down, &down)), ["refused: eno1 is down, as it was: it has to be up first"]);
    let leased = host("eno1", true, vec![route("default", "192.0.2.1", "dhcp")], vec![]);
    let lost = lines(&of(&leased, &host("eno1", true, vec![], vec![])));
    assert_eq!(lost, ["refused: it was made by dhcp, which has to make it again"]);
}

#[test]
fn a_rule_comes_back_in_its_family() {
    let then = host("eno1", true, vec![], vec![rule(false, 7), rule(true, 7)]);
    let now = host("eno1", true, vec![], vec![rule(false, 7)]);
    let planned = planned([&then, &now], ("network.rule-kept", "rule.restore"), rules::judge);
    assert_eq!(
        lines(&planned),
        ["ip -6 rule add priority 100 from 192.0.2.7 lookup 7 <- ip -6 rule del priority 100 from 192.0.2.7 lookup 7"]
    );
}

/// What it names is what it may interrupt; what names nothing may interrupt all.
#[test]
fn a_rule_touches_those_whose_packets_it_turns() {
    let address = |link: &str, address: &str| Address {
        link: link.to_owned(),
        address: address.to_owned(),
        scope: "global".to_owned(),
        permanent: true,
    };
    let touched = |rule: Rule| {
        let then = host("eno1", true, vec![], vec![rule]);
        let mut now = host("eno1", true, vec![], vec![]);
        let addresses = Answer::Addresses(vec![address("eno1", "192.0.2.7/24"), address("eno2", "198.51.100.7/24")]);
        now.0.insert(Query::Addresses, Asked { reading: Reading::Known(addresses), micros: 0 });
        planned([&then, &now], ("network.rule-kept", "rule.restore"), rules::judge)[0].touches.clone()
    };
    let own = |word: &str| Some(word.to_owned());
    assert_eq!(touched(rule(false, 7)), ["eno1"]);
    assert_eq!(touched(Rule { from: own("198.51.100.0/24"), ..rule(false, 7) }), ["eno2"]);
    assert_eq!(touched(Rule { from: own("10.0.0.0/8"), ..rule(false, 7) }), [] as [&str; 0]);
    assert_eq!(touched(Rule { from: None, input: own("eno2"), ..rule(false, 7) }), ["eno2"]);
    for all in [Rule { from: None, ..rule(false, 7) }, Rule { invert: true, ..rule(false, 7) }] {
        assert_eq!(touched(all), ["eno1", "eno2"]);
    }
}
