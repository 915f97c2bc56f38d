use super::*;
use crate::facts::nics::tests::{answers, compared, links};
use crate::model::answer::{Answer, Asked, Link};
use crate::model::{Answers, Reading, Status};

fn link(mac: &str, kind: Option<&str>) -> Link {
    let mac = Some(mac.to_owned());
    Link {
        permanent_mac: mac.clone().filter(|_| kind.is_none()),
        mac,
        kind: kind.map(str::to_owned),
        admin_up: true,
        carrier: true,
        ..Link::default()
    }
}

fn address(link: &str, address: &str) -> Address {
    let scope = if address.starts_with("fe80:") { "link" } else { "global" };
    Address { link: link.to_owned(), address: address.to_owned(), scope: scope.to_owned(), permanent: true }
}

/// Two cards, a bridge that has the second, and these addresses.
fn host(addresses: Vec<Address>, change: impl FnOnce(&mut Vec<(&'static str, Link)>)) -> Answers {
    let mut devices = vec![
        ("lo", Link::default()),
        ("ens3", link("52:54:00:00:00:0a", None)),
        (
            "ens4",
            Link {
                master: Some("br0".to_owned()),
                member_kind: Some("bridge".to_owned()),
                ..link("52:54:00:00:00:0b", None)
            },
        ),
        ("br0", link("52:54:00:00:00:0b", Some("bridge"))),
    ];
    change(&mut devices);
    let (query, _) = links([]);
    let devices = devices.into_iter().map(|(name, link)| (name.to_owned(), link)).collect();
    let mut host = answers([(query, Answer::Links(devices)), (Query::Addresses, Answer::Addresses(addresses))]);
    let socket = crate::catalog::Settings::default().ovs.socket();
    host.0.insert(Query::Ovsdb(socket), Asked { reading: Reading::Absent, micros: 0 });
    host
}

fn addresses() -> Vec<Address> {
    vec![address("br0", "192.0.2.7/24"), address("ens3", "198.51.100.7/24"), address("ens3", "2001:db8::7/64")]
}

fn shown(then: &Answers, now: &Answers) -> Vec<String> {
    let shown = |outcome: Outcome| {
        let mild = if outcome.at_most.is_some() { "!" } else { "" };
        let cause = outcome.cause.unwrap_or(outcome.status.word());
        format!("{} {cause}{mild}: {}", outcome.subject, outcome.detail)
    };
    compared(then, now, judge).into_iter().map(shown).collect()
}

trait Word {
    fn word(&self) -> &'static str;
}

impl Word for Status {
    fn word(&self) -> &'static str {
        if *self == Status::Pass { "pass" } else { "-" }
    }
}

fn unchanged(addresses: Vec<Address>) -> Answers {
    host(addresses, |_| {})
}

#[test]
fn leased_temporary_and_local_addresses_are_not_compared() {
    let leased = |link, text| Address { permanent: false, ..address(link, text) };
    let own = Address { scope: "host".to_owned(), ..address("lo", "127.0.0.1/8") };
    let more =
        vec![leased("ens3", "203.0.113.9/24"), leased("ens3", "2001:db8::99/64"), address("ens3", "fe80::7/64"), own];
    let then = unchanged(addresses().into_iter().chain(more.clone()).collect());
    let now = unchanged(addresses());
    assert_eq!(
        shown(&then, &now),
        [" pass: 3 addresses are where they were; 2 leased or made by the kernel not compared"]
    );
    assert_eq!(
        shown(&unchanged(more), &now),
        [
            " not-present: the baseline has no address that somebody configured; 2 leased or made by the kernel not compared"
        ]
    );
    // That a lease brings what was configured before is well.
    let by_lease: Vec<Address> = addresses().into_iter().map(|it| Address { permanent: false, ..it }).collect();
    assert_eq!(shown(&now, &unchanged(by_lease)), [" pass: 3 addresses are where they were"]);
}

#[test]
fn addresses_of_the_loopback_device_are_compared() {
    let then = unchanged(vec![address("lo", "203.0.113.1/32")]);
    assert_eq!(shown(&then, &unchanged(Vec::new())), ["lo 203.0.113.1/32 missing: lo has no 203.0.113.1/32"]);
}

/// keepalived's; but one that stands alone on its device is the device's own.
#[test]
fn a_single_address_beside_a_network_may_float() {
    let floating = address("ens3", "198.51.100.200/32");
    let then = unchanged(addresses().into_iter().chain([floating, address("br0", "2001:db8::1/128")]).collect());
    let told = shown(&then, &unchanged(addresses()));
    assert_eq!(
        told[..2],
        [
            "ens3 198.51.100.200/32 missing!: ens3 has no 198.51.100.200/32; a single address beside a network's may \
             belong to a service that has moved to another host",
            "br0 2001:db8::1/128 missing: br0 has no 2001:db8::1/128",
        ]
    );
}

#[test]
fn an_address_below_its_bridge_does_not_answer() {
    let moved =
        vec![address("ens4", "192.0.2.7/24"), address("ens3", "198.51.100.7/24"), address("ens3", "2001:db8::7/64")];
    assert_eq!(
        shown(&unchanged(addresses()), &unchanged(moved))[0],
        "br0 192.0.2.7/24 on-enslaved-nic: 192.0.2.7/24 is on ens4, which is in br0: it does not answer there"
    );
    let taken = host(addresses(), |devices| {
        devices[1].1.master = Some("br0".to_owned());
        devices[1].1.member_kind = Some("bridge".to_owned());
    });
    let told = shown(&unchanged(addresses()), &taken);
    assert_eq!(
        told[0],
        "ens3 198.51.100.7/24 on-enslaved-nic: 198.51.100.7/24 is on ens3, which is in br0 now: it does not answer there"
    );
    // It was so before, and people live with it.
    assert_eq!(shown(&taken, &taken), [" pass: 3 addresses are where they were"]);
    // A VRF takes nothing away from its members.
    let in_vrf = host(addresses(), |devices| {
        devices[1].1.master = Some("vrf0".to_owned());
        devices[1].1.member_kind = Some("vrf".to_owned());
    });
    assert_eq!(shown(&unchanged(addresses()), &in_vrf), [" pass: 3 addresses are where they were"]);
}

#[test]
fn the_rename_of_its_device_comes_first() {
    let renamed = |devices: &mut Vec<(&'static str, Link)>| devices[1].0 = "eth0";
    let told = shown(&unchanged(addresses()), &host(vec![address("br0", "192.0.2.7/24")], renamed));
    assert_eq!(told[0], "ens3 198.51.100.7/24 missing: ens3 is now called eth0; eth0 has no 198.51.100.7/24");
    let followed = ["198.51.100.7/24", "2001:db8::7/64"].map(|it| address("eth0", it));
    let followed = followed.into_iter().chain([address("br0", "192.0.2.7/24")]).collect();
    assert_eq!(shown(&unchanged(addresses()), &host(followed, renamed)), [" pass: 3 addresses are where they were"]);
    let gone = shown(&unchanged(addresses()), &host(Vec::new(), |devices| drop(devices.remove(1))));
    assert_eq!(gone[1], "ens3 198.51.100.7/24 missing: ens3 is gone; 198.51.100.7/24 went with it");
}

/// Two cards of one address of their own: one row, and the follow-up is asked where they sit.
#[test]
fn a_device_that_nobody_can_find_has_one_row() {
    let twins = |name: &'static str| {
        move |devices: &mut Vec<(&'static str, Link)>| {
            devices.push((name, link("52:54:00:00:00:0a", None)));
        }
    };
    let told = shown(&host(addresses(), twins("ens5")), &host(addresses(), twins("ens9")));
    assert_eq!(told, ["ens3 not-asked: `nic:ens3` was not asked", " pass: 1 address is where it was"]);
}

#[test]
fn what_could_not_be_read_is_unknown() {
    let whole = unchanged(addresses());
    let mut blind = unchanged(addresses());
    blind.0.remove(&Query::Addresses);
    assert_eq!(shown(&whole, &blind), [" not-asked: `addresses` was not asked"]);
    assert_eq!(shown(&blind, &whole), [" not-asked: in the baseline: `addresses` was not asked"]);
}

#[test]
fn who_manages_the_device_is_named() {
    let then = unchanged(addresses());
    let with = |path: &str, text: &str| {
        let mut now = unchanged(vec![address("br0", "192.0.2.7/24"), address("ens3", "2001:db8::7/64")]);
        let (directory, name) = path.rsplit_once('/').unwrap();
        let content = crate::model::answer::Content(text.as_bytes().to_vec());
        let files = [(name.to_owned(), Reading::Known(content))].into();
        let (pattern, answer) = match name.ends_with(".yaml") {
            true => (Query::Files(format!("{directory}/*.yaml")), Answer::Files(files)),
            false => (Query::Files(format!("{directory}/*")), Answer::Files(files)),
        };
        now.0.extend(answers([(pattern, answer)]).0);
        for other in ["/lib/netplan", "/etc/netplan", "/run/netplan"] {
            let query = Query::Files(format!("{other}/*.yaml"));
            now.0.entry(query).or_insert(Asked { reading: Reading::Absent, micros: 0 });
        }
        shown(&then, &now)[0].clone()
    };
    let told = "ens3 198.51.100.7/24 missing: ens3 has no 198.51.100.7/24";
    let advice = "change it there, a repair by hand is undone";
    assert_eq!(
        with("/etc/netplan/01.yaml", "network: {ethernets: {ens3: {addresses: [198.51.100.7/24]}}}"),
        format!("{told}; netplan manages ens3 (/etc/netplan/01.yaml): {advice}")
    );
    assert_eq!(
        with("/etc/network/interfaces.d/lan", "iface ens3 inet static\n"),
        format!("{told}; ifupdown manages ens3 (/etc/network/interfaces.d/lan): {advice}")
    );
    assert_eq!(with("/etc/network/interfaces.d/lan", "iface ens9 inet static\n"), told);
}

/// Whoever is logged in by the address that is to go must not be cut off before the other is there.
#[test]
fn an_address_is_added_before_the_other_goes() {
    let typed = |was: &str, is: &str| {
        let (was, is) = (address("ens3", was), address("ens3", is));
        by_hand(&was, Some("ens3"), Some(&is)).iter().map(|argv| argv[2].clone()).collect::<Vec<_>>()
    };
    assert_eq!(typed("192.0.2.9/24", "192.0.2.9/16"), ["add", "del"]);
    assert_eq!(typed("2001:db8::9/64", "2001:db8::9/56"), ["del", "add"], "the kernel takes no second one");
}
