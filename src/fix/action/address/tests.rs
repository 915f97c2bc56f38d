use super::super::stage::{lines, planned};
use super::*;
use crate::facts::nics::tests::{answers, links};
use crate::judge::kept::addresses::judge;
use crate::model::answer::{Asked, MAIN, NextHop};
use crate::model::sorted::SortedMap;
use crate::model::{Answer, Answers, Reading};

fn card(mac: &str, master: Option<&str>) -> Link {
    let mac = Some(mac.to_owned());
    Link {
        permanent_mac: mac.clone(),
        mac,
        admin_up: true,
        carrier: true,
        mtu: 1500,
        master: master.map(str::to_owned),
        member_kind: master.map(|_| "bridge".to_owned()),
        ..Link::default()
    }
}

fn address(link: &str, address: &str) -> Address {
    Address { link: link.to_owned(), address: address.to_owned(), scope: "global".to_owned(), permanent: true }
}

fn route(destination: &str, gateway: &str, link: &str) -> Route {
    let hop = NextHop { gateway: Some(gateway.to_owned()), link: Some(link.to_owned()), ..NextHop::default() };
    Route {
        ipv6: gateway.contains(':'),
        table: MAIN,
        destination: destination.to_owned(),
        kind: "unicast".to_owned(),
        protocol: "static".to_owned(),
        scope: "global".to_owned(),
        next_hops: vec![hop],
        ..Route::default()
    }
}

/// A card of its own, and a bridge with another.
fn host(addresses: Vec<Address>, routes: Vec<Route>, change: impl FnOnce(&mut SortedMap<String, Link>)) -> Answers {
    let bridge = Link { kind: Some("bridge".to_owned()), permanent_mac: None, ..card("52:54:00:00:00:0b", None) };
    let devices = [
        ("eno1", card("52:54:00:00:00:0a", None)),
        ("eno2", card("52:54:00:00:00:0b", Some("br0"))),
        ("br0", bridge),
        ("lo", Link::default()),
    ];
    let (query, mut devices) = links(devices);
    if let Answer::Links(devices) = &mut devices {
        change(devices);
    }
    let mut host = answers([
        (query, devices),
        (Query::Addresses, Answer::Addresses(addresses)),
        (Query::Routes, Answer::Routes(routes)),
    ]);
    let socket = crate::catalog::Settings::default().ovs.socket();
    host.0.insert(Query::Ovsdb(socket), Asked { reading: Reading::Absent, micros: 0 });
    host
}

fn of(then: &Answers, now: &Answers, fix: &str) -> Vec<Planned> {
    planned([then, now], ("network.address-kept", fix), judge)
}

const ID: &str = "address.restore";

#[test]
fn a_lost_address_comes_back_with_what_its_device_lost() {
    let then = host(vec![address("eno1", "198.51.100.7/24"), address("eno1", "2001:db8::7/64")], vec![], |_| {});
    let now = host(vec![], vec![], |links| {
        let link = links.get_mut("eno1").unwrap();
        (link.admin_up, link.mtu) = (false, 1400);
    });
    let planned = of(&then, &now, ID);
    assert_eq!(
        lines(&planned),
        [
            "ip link set dev eno1 mtu 1500 <- ip link set dev eno1 mtu 1400",
            "ip link set dev eno1 up <- ip link set dev eno1 down",
            "ip address add 198.51.100.7/24 broadcast + dev eno1 <- ip address del 198.51.100.7/24 dev eno1",
            "ip link set dev eno1 mtu 1500 <- ip link set dev eno1 mtu 1400",
            "ip link set dev eno1 up <- ip link set dev eno1 down",
            "ip address add 2001:db8::7/64 dev eno1 <- ip address del 2001:db8::7/64 dev eno1",
        ]
    );
    assert_eq!(planned[0].touches, ["eno1"]);
    assert!(of(&then, &now, "address.move").is_empty());
}

#[test]
fn what_took_its_place_goes_and_its_neighbours_stay() {
    let then = host(vec![address("eno1", "198.51.100.7/24")], vec![], |_| {});
    let found = vec![address("eno1", "198.51.100.7/16"), address("eno1", "198.51.3.3/16")];
    let now = host(found, vec![route("default", "198.51.100.1", "eno1")], |_| {});
    assert_eq!(
        lines(&of(&then, &now, ID)),
        [
            "ip address add 198.51.100.7/24 broadcast + dev eno1 <- ip address del 198.51.100.7/24 dev eno1",
            "ip address del 198.51.100.7/16 dev eno1 <- ip address add 198.51.100.7/16 broadcast + dev eno1 && \
             ip -4 route replace default via 198.51.100.1 dev eno1 proto static",
            "ip address add 198.51.3.3/16 broadcast + dev eno1",
        ]
    );
    // Of IPv6 a device has no address twice.
    let then = host(vec![address("eno1", "2001:db8::7/64")], vec![], |_| {});
    let now = host(vec![address("eno1", "2001:db8::7/128")], vec![], |_| {});
    assert_eq!(
        lines(&of(&then, &now, ID)),
        [
            "ip address del 2001:db8::7/128 dev eno1 <- ip address add 2001:db8::7/128 dev eno1 nodad",
            "ip address add 2001:db8::7/64 dev eno1 nodad <- ip address del 2001:db8::7/64 dev eno1",
        ]
    );
}

/// A card with two addresses of a network speaks by the one that it got first.
#[test]
fn what_comes_back_behind_another_of_its_network_is_said_to() {
    let of_kernel = |source: &str| Route {
        protocol: "kernel".to_owned(),
        preferred_source: Some(source.to_owned()),
        ..route("198.51.100.0/24", "198.51.100.1", "eno1")
    };
    let both = || vec![address("eno1", "198.51.100.7/24"), address("eno1", "198.51.100.9/24")];
    let then = host(both(), vec![of_kernel("198.51.100.7")], |_| {});
    let now = host(vec![address("eno1", "198.51.100.9/24")], vec![of_kernel("198.51.100.9")], |_| {});
    let risk = of(&then, &now, ID)[0].risk.clone();
    assert_eq!(
        risk.as_deref(),
        Some("packets that have no address yet still leave with 198.51.100.9, which is there already")
    );
    let was_second = host(both(), vec![of_kernel("198.51.100.9")], |_| {});
    assert_eq!(of(&was_second, &now, ID)[0].risk, None);
}

/// What comes back from another device is announced, and so is its way back.
#[test]
fn an_address_from_another_device_is_announced() {
    let then = host(vec![address("eno1", "198.51.100.7/24")], vec![], |_| {});
    let now = host(vec![address("br0", "198.51.100.7/24")], vec![], |_| {});
    assert_eq!(
        lines(&of(&then, &now, ID)),
        [
            "ip address add 198.51.100.7/24 broadcast + dev eno1 <- ip address del 198.51.100.7/24 dev eno1 && \
             announce 198.51.100.7 on br0: gratuitous ARP",
            "ip address del 198.51.100.7/24 dev br0 <- ip address add 198.51.100.7/24 broadcast + dev br0",
            "announce 198.51.100.7 on eno1: gratuitous ARP",
        ]
    );
}

/// Its name comes first, and where that cannot be it is taken as it is called.
#[test]
fn an_address_follows_its_card() {
    let then = host(vec![address("eno1", "198.51.100.7/24")], vec![], |_| {});
    let renamed = |links: &mut SortedMap<String, Link>| {
        let card = links.remove("eno1").unwrap();
        links.insert("ens3".to_owned(), card);
    };
    let now = host(vec![], vec![], renamed);
    let renames = lines(&of(&then, &now, "nic.rename-back"));
    assert!(renames.iter().any(|line| line.contains("ens3") && line.contains("name eno1")), "{renames:?}");
    let taken = host(vec![address("ens3", "198.51.100.99/24")], vec![], renamed);
    assert!(of(&then, &taken, "nic.rename-back").is_empty());
    assert_eq!(
        lines(&of(&then, &taken, ID)),
        ["ip address add 198.51.100.7/24 broadcast + dev ens3 <- ip address del 198.51.100.7/24 dev ens3"]
    );
}

#[test]
fn an_address_of_a_service_that_moves_is_left_alone() {
    let then = host(vec![address("eno1", "198.51.100.7/24"), address("eno1", "198.51.100.9/32")], vec![], |_| {});
    let now = host(vec![address("eno1", "198.51.100.7/24")], vec![], |_| {});
    assert!(of(&then, &now, ID).is_empty());
}

#[test]
fn without_its_device_it_waits() {
    let then = host(vec![address("br0", "192.0.2.7/24")], vec![], |_| {});
    let now = host(vec![], vec![], |links| drop(links.remove("br0")));
    assert_eq!(lines(&of(&then, &now, ID)), ["refused: br0 is gone: it has to come back first"]);
}

/// There before it leaves, with the routes that it alone reaches, and the neighbours hear of it.
#[test]
fn it_moves_from_the_member_to_the_bridge() {
    let routes = vec![route("default", "192.0.2.1", "br0"), route("10.0.0.0/8", "198.51.100.1", "br0")];
    let then = host(vec![address("br0", "192.0.2.7/24")], routes, |_| {});
    let lost = vec![route("default", "192.0.2.1", "eno2")];
    let now = host(vec![address("eno2", "192.0.2.7/24")], lost, |_| {});
    let planned = of(&then, &now, "address.move");
    assert_eq!(
        lines(&planned),
        [
            "ip address add 192.0.2.7/24 broadcast + dev br0 <- ip address del 192.0.2.7/24 dev br0 && \
             announce 192.0.2.7 on eno2: gratuitous ARP",
            "ip -4 route replace default via 192.0.2.1 dev br0 proto static <- \
             ip -4 route replace default via 192.0.2.1 dev eno2 proto static && \
             ip -4 route del default via 192.0.2.1 dev br0 proto static",
            "ip address del 192.0.2.7/24 dev eno2 <- ip address add 192.0.2.7/24 broadcast + dev eno2 && \
             ip -4 route replace default via 192.0.2.1 dev eno2 proto static",
            "announce 192.0.2.7 on br0: gratuitous ARP",
        ]
    );
    assert_eq!(planned[0].touches, ["br0", "eno2"]);
    assert!(of(&then, &now, ID).is_empty());
}

#[test]
fn a_device_that_was_enslaved_since_is_a_decision() {
    let then = host(vec![address("eno1", "198.51.100.7/24")], vec![], |_| {});
    let now = host(vec![address("eno1", "198.51.100.7/24")], vec![], |links| {
        *links.get_mut("eno1").unwrap() = card("52:54:00:00:00:0a", Some("br0"));
    });
    let lines = lines(&of(&then, &now, "address.move"));
    assert!(lines.len() == 1 && lines[0].starts_with("refused: eno1 was in no bridge"), "{lines:?}");
}
