use super::*;
use crate::facts::nics::tests::{answers, compared, links};
use crate::model::answer::{Address, Answer, Bond, BondMember, Nic};
use crate::model::{Answers, Status};

const MACS: [&str; 4] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b", "52:54:00:00:00:0c", "52:54:00:00:00:0d"];

fn card(at: usize) -> Link {
    let mac = Some(MACS[at].to_owned());
    Link { mac: mac.clone(), permanent_mac: mac, mtu: 1500, admin_up: true, carrier: true, ..Link::default() }
}

fn device(kind: &str) -> Link {
    Link { kind: Some(kind.to_owned()), permanent_mac: None, ..card(3) }
}

fn member(at: usize) -> Link {
    let bond_member = BondMember { active: true, link_up: true, permanent_mac: Some(MACS[at].to_owned()) };
    Link {
        master: Some("bond0".to_owned()),
        member_kind: Some("bond".to_owned()),
        bond_member: Some(bond_member),
        ..card(at)
    }
}

fn bond(mode: &str) -> Link {
    Link { bond: Some(Bond { mode: mode.to_owned(), ..Bond::default() }), ..device("bond") }
}

fn vlan(id: u16, lower: &str) -> Link {
    Link { vlan_id: Some(id), lower: Some(lower.to_owned()), ..device("vlan") }
}

/// A host without a switch, with an address on each of these links.
fn host<const N: usize>(devices: [(&str, Link); N], addressed: &[&str]) -> Answers {
    let address = |link: &&str| Address {
        link: (*link).to_owned(),
        address: "192.0.2.7/24".to_owned(),
        scope: "global".to_owned(),
        permanent: true,
    };
    let addresses = Answer::Addresses(addressed.iter().map(address).collect());
    let mut host = answers([links(devices), (Query::Addresses, addresses)]);
    let socket = crate::catalog::Settings::default().ovs.socket();
    host.0.insert(
        Query::Ovsdb(socket),
        crate::model::answer::Asked { reading: crate::model::Reading::Absent, micros: 0 },
    );
    host
}

/// `subject cause: detail` of what is wrong, a `!` where it cannot block.
fn wrong(then: &Answers, now: &Answers) -> Vec<String> {
    let outcomes = compared(then, now, judge);
    let shown = |outcome: Outcome| {
        let mild = if outcome.at_most.is_some() { "!" } else { "" };
        format!("{} {}{mild}: {}", outcome.subject, outcome.cause.unwrap_or("-"), outcome.detail)
    };
    outcomes.into_iter().filter(|it| matches!(it.status, Status::Fail | Status::Unknown)).map(shown).collect()
}

fn bonded() -> [(&'static str, Link); 4] {
    [("ens3", member(0)), ("ens4", member(1)), ("bond0", bond("active-backup")), ("bond0.10", vlan(10, "bond0"))]
}

#[test]
fn a_host_as_it_was_has_one_row() {
    let host = host(bonded(), &["bond0.10"]);
    compared(&host, &host, |facts, before| {
        let outcomes = judge(facts, before);
        assert_eq!(outcomes.len(), 1, "{outcomes:?}");
        assert_eq!((outcomes[0].status, outcomes[0].detail.as_str()), (Status::Pass, "4 links are as they were"));
    });
}

#[test]
fn a_member_that_left_its_bond_is_told_by_the_bond() {
    let then = host(bonded(), &["bond0.10"]);
    let [ens3, _, bond0, tagged] = bonded();
    let alone = host([ens3.clone(), ("ens4", card(1)), bond0.clone(), tagged.clone()], &["bond0.10"]);
    assert_eq!(
        wrong(&then, &alone),
        ["bond0 bond-member-missing: ens4 is no longer in bond0; the bond has a live member"]
    );
    let renamed = host([ens3.clone(), ("eth9", card(1)), bond0.clone(), tagged.clone()], &["bond0.10"]);
    assert_eq!(
        wrong(&then, &renamed),
        [
            "bond0 bond-member-missing: ens4, now called eth9, is no longer in bond0; the bond has a live member",
            "ens4 renamed: ens4 is now called eth9",
        ]
    );
    let followed = host([ens3.clone(), ("eth9", member(1)), bond0.clone(), tagged.clone()], &["bond0.10"]);
    assert_eq!(wrong(&then, &followed), ["ens4 renamed: ens4 is now called eth9"]);
    let gone = host([ens3, bond0, tagged], &["bond0.10"]);
    assert_eq!(
        wrong(&then, &gone),
        ["bond0 bond-member-missing: ens4 of bond0 is gone; the bond has a live member", "ens4 missing: ens4 is gone",]
    );
}

#[test]
fn a_dead_member_of_a_living_bond_is_a_warning() {
    let then = host(bonded(), &["bond0.10"]);
    let dead = |link: Link| Link { carrier: false, ..link };
    let [ens3, ens4, bond0, tagged] = bonded();
    let one = host([ens3.clone(), ("ens4", dead(ens4.1.clone())), bond0.clone(), tagged.clone()], &["bond0.10"]);
    assert_eq!(
        wrong(&then, &one),
        ["bond0 bond-member-missing!: ens4 of bond0 has no link; the bond has a live member"]
    );
    let [ens3, ens4, bond0, tagged] = bonded().map(|(name, link)| (name, dead(link)));
    let all = wrong(&then, &host([ens3, ens4, bond0, tagged], &["bond0.10"]));
    assert_eq!(
        all,
        [
            "bond0 down: bond0 has no carrier",
            "bond0.10 down: bond0.10 has no carrier",
            "ens3 down: ens3 has no carrier",
            "ens4 down: ens4 has no carrier",
        ]
    );
}

#[test]
fn what_a_vlan_and_a_bond_are_made_of_is_compared() {
    let then = host(bonded(), &["bond0.10"]);
    let [ens3, ens4, bond0, tagged] = bonded();
    let with = |bond: (&'static str, Link), tagged: (&'static str, Link)| {
        host([ens3.clone(), ens4.clone(), bond, tagged], &["bond0.10"])
    };
    assert_eq!(
        wrong(&then, &with(bond0.clone(), ("bond0.10", vlan(11, "bond0")))),
        ["bond0.10 changed: the VLAN of bond0.10 is 11, and was 10"]
    );
    assert_eq!(
        wrong(&then, &with(bond0.clone(), ("bond0.10", vlan(10, "ens3")))),
        ["bond0.10 changed: bond0.10 is a VLAN of ens3, and was one of bond0"]
    );
    assert_eq!(
        wrong(&then, &with(("bond0", bond("802.3ad")), tagged.clone())),
        ["bond0 changed: the mode of bond0 is 802.3ad, and was active-backup"]
    );
    let dummy = ("bond0.10", Link { mtu: 9000, ..device("dummy") });
    assert_eq!(
        wrong(&then, &with(bond0, dummy)),
        ["bond0.10 changed: bond0.10 is of the kind dummy, and was vlan; the MTU of bond0.10 is 9000, and was 1500"]
    );
}

/// A VLAN of a card that has another name now is a VLAN of the same card.
#[test]
fn a_vlan_follows_the_card_below() {
    let then = host([("ens3", card(0)), ("vlan10", vlan(10, "ens3"))], &["vlan10"]);
    let now = host([("eth0", card(0)), ("vlan10", vlan(10, "eth0"))], &["vlan10"]);
    assert_eq!(wrong(&then, &now), ["ens3 renamed: ens3 is now called eth0"]);
}

#[test]
fn one_row_says_all_that_is_wrong_with_a_link() {
    let then = host([("ens3", card(0))], &["ens3"]);
    let now = host([("eth0", Link { carrier: false, mtu: 9000, ..card(0) })], &["eth0"]);
    let told =
        "ens3 down: ens3, now called eth0, has no carrier; the MTU of ens3, now called eth0, is 9000, and was 1500";
    assert_eq!(wrong(&then, &now), [told]);
}

#[test]
fn what_nothing_used_is_no_more_than_a_warning() {
    let then = host([("ens3", card(0)), ("ens4", card(1))], &["ens3"]);
    let now = host([("ens3", card(0))], &["ens3"]);
    assert_eq!(wrong(&then, &now), ["ens4 missing!: ens4 is gone; nothing used it"]);
    let dead = host([("ens3", card(0)), ("ens4", Link { carrier: false, ..card(1) })], &["ens3"]);
    assert_eq!(wrong(&then, &dead), ["ens4 down!: ens4 has no carrier; nothing used it"]);
    assert_eq!(wrong(&dead, &then), [""; 0], "what was dead and lives is welcome");
}

#[test]
fn what_comes_and_goes_is_not_compared() {
    let fleeting = [
        ("docker0", device("bridge")),
        ("br-0123456789ab", device("bridge")),
        ("virbr0", device("bridge")),
        ("vnet3", device("tun")),
        ("tap0a1b2c3d-4e", device("tun")),
        ("genev_sys_6081", device("geneve")),
        ("ovs-system", device("openvswitch")),
        ("cali0123456789a", device("veth")),
        ("vethabc", Link { master: Some("docker0".to_owned()), ..device("veth") }),
        ("ifb0", device("ifb")),
        ("flannel.1", device("vxlan")),
        ("lo", Link { mac: None, permanent_mac: None, ..card(0) }),
    ];
    let (then, now) = (host(fleeting, &["docker0", "vnet3", "vethabc"]), host([], &[]));
    compared(&then, &now, |facts, before| {
        let outcomes = judge(facts, before);
        assert_eq!(outcomes.iter().map(|it| it.cause).collect::<Vec<_>>(), [Some("not-present")], "{outcomes:?}");
    });
}

/// A guest takes a virtual function away; one that the host uses itself is compared.
#[test]
fn virtual_functions_count_where_the_host_uses_them() {
    let with_function = |addressed: &[&str]| {
        let mut host = host([("ens3", card(0)), ("ens3v0", card(1)), ("ens3v1", card(2))], addressed);
        for name in ["ens3v0", "ens3v1"] {
            let nic = Answer::Nic(Nic { virtual_function: Some(0), ..Nic::default() });
            host.0.extend(answers([(Query::Nic(name.to_owned()), nic)]).0);
        }
        host
    };
    let now = host([("ens3", card(0))], &["ens3"]);
    assert_eq!(wrong(&with_function(&["ens3", "ens3v1"]), &now), ["ens3v1 missing: ens3v1 is gone"]);
}

#[test]
fn what_could_not_be_read_is_unknown() {
    let whole = host(bonded(), &[]);
    for (then, now, told) in [
        (&answers([]), &whole, " not-asked: in the baseline: `links` was not asked"),
        (&whole, &answers([]), " not-asked: `links` was not asked"),
    ] {
        assert_eq!(wrong(then, now), [told]);
    }
    // Without the switch nobody can tell which of its ports are configured.
    let mut blind = host(bonded(), &[]);
    blind.0.retain(|query, _| !matches!(query, Query::Ovsdb(_)));
    let told = wrong(&blind, &whole);
    assert!(told.len() == 1 && told[0].starts_with(" not-asked: in the baseline: `ovsdb:"), "{told:?}");
}

/// What the findings are about, beside the link that each is named by.
fn touched(then: &Answers, now: &Answers) -> Vec<(String, Vec<Part>)> {
    let of = |outcome: Outcome| {
        let own = Part::Device(outcome.subject.clone());
        (outcome.subject, outcome.touches.into_iter().filter(|part| *part != own).collect())
    };
    compared(then, now, judge).into_iter().filter(|it| it.status == Status::Fail).map(of).collect()
}

#[test]
fn a_bond_tells_of_the_members_that_it_left_switched_off() {
    let then = host(bonded(), &["bond0.10"]);
    let off = |at| Link { admin_up: false, carrier: false, ..card(at) };
    let unplugged = |at| Link { carrier: false, ..card(at) };
    let part = |name: &str| Part::Device(name.to_owned());
    let now = host([("ens3", off(0)), ("ens4", off(1))], &[]);
    assert!(touched(&then, &now).contains(&("bond0".to_owned(), vec![part("ens3"), part("ens4")])));
    let now = host([("eth3", off(0)), ("ens4", unplugged(1)), ("bond0", bond("active-backup"))], &[]);
    assert!(touched(&then, &now).contains(&("bond0".to_owned(), vec![part("ens3")])));
    let commands = compared(&then, &now, judge).into_iter().find(|it| it.subject == "bond0").map(|it| it.by_hand);
    assert!(commands.unwrap()[0].iter().any(|word| word.contains("ip link set eth3 name ens3")));
}

#[test]
fn a_nic_that_the_switch_let_go_switched_off_is_about_its_port() {
    let held =
        || Link { master: Some("ovs-system".to_owned()), member_kind: Some("openvswitch".to_owned()), ..card(0) };
    let then = host([("ens3", held())], &["ens3"]);
    for (now, parts) in [
        (Link { admin_up: false, carrier: false, ..card(0) }, vec![Part::Port("ens3".to_owned())]),
        (Link { carrier: false, ..card(0) }, Vec::new()),
        (Link { admin_up: false, carrier: false, ..held() }, Vec::new()),
    ] {
        assert_eq!(touched(&then, &host([("ens3", now)], &["ens3"])), [("ens3".to_owned(), parts)]);
    }
}

#[test]
fn what_is_small_or_off_is_typed_back() {
    let typed = |now: Link| {
        let then = Link { mtu: 9000, ..card(0) };
        let outcomes = compared(&host([("eno1", then)], &[]), &host([("eno1", now)], &[]), judge);
        outcomes[0].by_hand.iter().map(|argv| argv.join(" ")).collect::<Vec<_>>()
    };
    let (size, up) = ("ip link set dev eno1 mtu 9000", "ip link set dev eno1 up");
    assert_eq!(typed(card(0)), [size]);
    assert_eq!(typed(Link { admin_up: false, carrier: false, ..card(0) }), [size, up]);
    let pulled = Link { mtu: 9000, carrier: false, ..card(0) };
    assert!(typed(pulled).is_empty(), "nobody types a plug into its socket");
}
