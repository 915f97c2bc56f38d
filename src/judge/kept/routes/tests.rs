use super::*;
use crate::facts::nics::tests::{answers, compared, links};
use crate::model::answer::{Answer, Asked, Link};
use crate::model::{Answers, Reading, Status};

fn card(mac: &str) -> Link {
    Link { mac: Some(mac.to_owned()), permanent_mac: Some(mac.to_owned()), ..Link::default() }
}

fn hop(gateway: &str, link: &str) -> NextHop {
    NextHop { gateway: Some(gateway.to_owned()), link: Some(link.to_owned()), ..NextHop::default() }
}

fn route(destination: &str, protocol: &str, next_hops: Vec<NextHop>) -> Route {
    Route {
        ipv6: destination.contains(':') || next_hops.iter().any(|it| it.gateway.as_deref().unwrap_or("").contains(':')),
        table: MAIN,
        destination: destination.to_owned(),
        kind: "unicast".to_owned(),
        protocol: protocol.to_owned(),
        scope: "global".to_owned(),
        next_hops,
        ..Route::default()
    }
}

/// Two cards, the first of this name, a bridge of Docker, and these routes.
fn host(first: &str, routes: Vec<Route>) -> Answers {
    let docker = Link { kind: Some("bridge".to_owned()), ..Link::default() };
    let devices = [
        (first, card("52:54:00:00:00:0a")),
        ("ens4", card("52:54:00:00:00:0b")),
        ("docker0", docker),
        ("lo", Link::default()),
    ];
    let mut host = answers([links(devices), (Query::Routes, Answer::Routes(routes))]);
    let socket = crate::catalog::Settings::default().ovs.socket();
    host.0.insert(Query::Ovsdb(socket), Asked { reading: Reading::Absent, micros: 0 });
    host
}

fn shown(then: &Answers, now: &Answers) -> Vec<String> {
    let shown = |outcome: Outcome| {
        let mild = if outcome.at_most.is_some() { "!" } else { "" };
        format!("{} {:?}{mild}: {}", outcome.subject, outcome.status, outcome.detail)
    };
    compared(then, now, judge).into_iter().map(shown).collect()
}

#[test]
fn what_makes_itself_is_not_compared() {
    let way = || vec![hop("192.0.2.1", "ens3")];
    let others = ["kernel", "ra", "dhcp", "redirect", "12", "18", "84", "186"];
    let routes: Vec<Route> =
        others.iter().enumerate().map(|(at, it)| route(&format!("10.{at}.0.0/16"), it, way())).collect();
    let fleeting = route("172.17.0.0/16", "boot", vec![hop("172.17.0.2", "docker0")]);
    let then = host("ens3", routes.into_iter().chain([fleeting, route("10.99.0.0/16", "static", way())]).collect());
    assert_eq!(
        shown(&then, &host("ens3", Vec::new())),
        ["10.99.0.0/16 table main Fail: 10.99.0.0/16 via 192.0.2.1 dev ens3 is gone"]
    );
    // Who made it is no matter.
    let by_hand = host("ens3", vec![route("10.99.0.0/16", "boot", way())]);
    assert_eq!(shown(&then, &by_hand), [" Pass: 1 route is there; 8 that make themselves not compared"]);
}

#[test]
fn that_no_default_route_is_left_is_told_whoever_made_it() {
    let leased = |gateway| route("default", "dhcp", vec![hop(gateway, "ens3")]);
    let advertised = || route("default", "ra", vec![hop("fe80::1", "ens3")]);
    let then = host("ens3", vec![leased("192.0.2.1"), advertised()]);
    assert_eq!(
        shown(&then, &host("ens3", Vec::new())),
        [
            "default table main Fail: the host has no IPv4 default route any more; it had default via 192.0.2.1 dev ens3, by dhcp",
            "default (IPv6) table main Fail!: the host has no IPv6 default route any more; it had default via fe80::1 dev ens3, by ra",
        ]
    );
    let other = shown(&then, &host("ens3", vec![leased("192.0.2.254"), advertised()]));
    assert_eq!(
        other,
        [" Skip: the baseline has no route that somebody configured; 2 that make themselves not compared",]
    );
    // A static one that is gone is told once.
    let both = host("ens3", vec![leased("192.0.2.1"), route("default", "static", vec![hop("192.0.2.2", "ens3")])]);
    assert_eq!(shown(&both, &host("ens3", Vec::new())).len(), 1);
}

#[test]
fn what_is_there_instead_is_told_and_replaced_by_hand() {
    let then = host("ens3", vec![route("10.1.0.0/16", "static", vec![hop("192.0.2.1", "ens3")])]);
    let now = host("ens3", vec![route("10.1.0.0/16", "static", vec![hop("192.0.2.9", "ens4")])]);
    compared(&then, &now, |facts, before| {
        let outcomes = judge(facts, before);
        assert_eq!(
            outcomes[0].detail,
            "10.1.0.0/16 via 192.0.2.1 dev ens3 is gone; there is 10.1.0.0/16 via 192.0.2.9 dev ens4"
        );
        let typed: Vec<&str> = outcomes[0].by_hand[0].iter().map(String::as_str).collect();
        assert_eq!(typed, ["ip", "route", "replace", "10.1.0.0/16", "via", "192.0.2.1", "dev", "ens3"]);
        assert_eq!(outcomes[0].touches, [Part::Device("ens3".to_owned())]);
    });
}

#[test]
fn a_route_follows_its_device() {
    let over = |link| route("10.1.0.0/16", "static", vec![hop("192.0.2.1", link)]);
    let then = host("ens3", vec![over("ens3")]);
    assert_eq!(shown(&then, &host("eth0", vec![over("eth0")])), [" Pass: 1 route is there"]);
    compared(&then, &host("eth0", Vec::new()), |facts, before| {
        let outcome = &judge(facts, before)[0];
        assert_eq!(outcome.detail, "ens3 is now called eth0; 10.1.0.0/16 via 192.0.2.1 dev ens3 is gone");
        assert_eq!(outcome.expected["route"], "10.1.0.0/16 via 192.0.2.1 dev ens3");
        let [name, route] = outcome.by_hand.as_slice() else { panic!("{:?}", outcome.by_hand) };
        assert!(name.iter().any(|word| word.contains("ip link set eth0 name ens3")), "{name:?}");
        assert!(route.ends_with(&["dev".to_owned(), "ens3".to_owned()]), "{route:?}");
    });
}

#[test]
fn the_ways_of_a_route_are_in_no_order() {
    let weighted = |hops: [NextHop; 2]| {
        let hops = hops.into_iter().map(|it| NextHop { weight: Some(1), ..it }).collect();
        host("ens3", vec![route("10.1.0.0/16", "static", hops)])
    };
    let (one, other) = (|| hop("192.0.2.1", "ens3"), || hop("198.51.100.1", "ens4"));
    assert_eq!(shown(&weighted([one(), other()]), &weighted([other(), one()])), [" Pass: 1 route is there"]);
}

#[test]
fn subjects_tell_routes_apart() {
    let by = |gateway, metric| Route { metric, ..route("default", "static", vec![hop(gateway, "ens3")]) };
    let six = route("default", "static", vec![hop("2001:db8::1", "ens3")]);
    let then = vec![by("192.0.2.1", 0), by("192.0.2.2", 10), by("192.0.2.3", 20), by("192.0.2.4", 20), six];
    let told: SortedSet<String> =
        compared(&host("ens3", then), &host("ens3", Vec::new()), judge).into_iter().map(|it| it.subject).collect();
    let expected = [
        "default (IPv6) table main",
        "default table main metric 0",
        "default table main metric 10",
        "default via 192.0.2.3 dev ens3 metric 20 table main",
        "default via 192.0.2.4 dev ens3 metric 20 table main",
    ];
    assert_eq!(told.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

/// Two that differ in one thing take a row each, and one thing that differs is not overlooked.
#[test]
fn every_part_of_a_route_counts() {
    let whole = || Route {
        source: Some("10.9.0.0/16".to_owned()),
        preferred_source: Some("192.0.2.7".to_owned()),
        mtu: Some(1400),
        metric: 7,
        ..route("10.1.0.0/16", "static", vec![hop("192.0.2.1", "ens3")])
    };
    let altered = [
        Route { table: 100, ..whole() },
        Route { kind: "blackhole".to_owned(), ..whole() },
        Route { metric: 8, ..whole() },
        Route { source: None, ..whole() },
        Route { preferred_source: None, ..whole() },
        Route { mtu: None, ..whole() },
        Route { next_hops: vec![hop("192.0.2.2", "ens3")], ..whole() },
        Route { next_hops: vec![hop("192.0.2.1", "ens4")], ..whole() },
        Route { next_hops: vec![NextHop { on_link: true, ..hop("192.0.2.1", "ens3") }], ..whole() },
        Route { destination: "10.1.0.0/17".to_owned(), ..whole() },
    ];
    for other in altered {
        let outcomes = compared(&host("ens3", vec![whole()]), &host("ens3", vec![other.clone()]), judge);
        assert!(outcomes.len() == 1 && outcomes[0].status == Status::Fail, "{other}: {outcomes:?}");
    }
}

#[test]
fn each_of_ten_thousand_routes_is_compared() {
    let many = |gateway| {
        let routes = (0..10_000).map(|at| Route {
            metric: at % 2,
            ..route(&format!("10.{}.{}.0/24", at / 256, at % 256), "static", vec![hop(gateway, "ens3")])
        });
        host("ens3", routes.collect())
    };
    assert_eq!(shown(&many("192.0.2.1"), &many("192.0.2.1")), [" Pass: 10000 routes are there"]);
    assert_eq!(shown(&many("192.0.2.1"), &many("192.0.2.2")).len(), 10_000);
}
