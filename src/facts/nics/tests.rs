use super::Whereabouts::{Gone, Renamed, Same, Unknown};
use super::*;
use crate::catalog::Settings;
use crate::facts::Run;
use crate::model::answer::{Answer, Asked, BondMember, Nic, PciFunction};
use crate::model::report::{Host, Intent, Tool};
use crate::model::snapshot::{Remembered, Snapshot};
use crate::model::sorted::SortedMap;
use crate::model::{Answers, Query};

/// What a host answers.
pub fn answers(known: impl IntoIterator<Item = (Query, Answer)>) -> Answers {
    Answers(known.into_iter().map(|(query, it)| (query, Asked { reading: Reading::Known(it), micros: 0 })).collect())
}

/// A baseline of nothing.
pub fn snapshot() -> Snapshot {
    let tool = Tool { name: String::new(), version: String::new(), catalog_digest: String::new() };
    Snapshot {
        schema: String::new(),
        schema_version: String::new(),
        tool,
        name: String::new(),
        taken_at: "2026-11-20T09:14:02Z".to_owned(),
        changed: true,
        exit_code: 0,
        failed: false,
        msg: String::new(),
        comment: String::new(),
        kept: None,
        armed_until: None,
        host: Host::default(),
        unreadable: Vec::new(),
        findings: Vec::new(),
        answers: Remembered::default(),
    }
}

/// Hands two moments of a host to `look`: then, and now.
pub fn compared<T>(then: &Answers, now: &Answers, look: impl FnOnce(&Facts<'_>, &Before<'_>) -> T) -> T {
    let settings = Settings::default();
    let run = Run { intent: Intent::After, asked_at: "2026-11-21T09:14:02Z" };
    let snapshot = snapshot();
    let before = Before { facts: Facts::new(then, &settings, run), snapshot: &snapshot };
    look(&Facts::new(now, &settings, run), &before)
}

pub fn links<const N: usize>(links: [(&str, Link); N]) -> (Query, Answer) {
    let named = links.into_iter().map(|(name, link)| (name.to_owned(), link));
    (Query::Links, Answer::Links(named.collect()))
}

/// A card with this permanent address.
fn card(mac: &str) -> Link {
    Link { mac: Some(mac.to_owned()), permanent_mac: Some(mac.to_owned()), ..Link::default() }
}

/// A device with an address that it was given.
fn device(kind: Option<&str>, mac: &str) -> Link {
    Link { mac: Some(mac.to_owned()), kind: kind.map(str::to_owned), ..Link::default() }
}

fn on_pci(name: &str, address: &str) -> (Query, Answer) {
    let pci = Some(PciFunction { address: address.to_owned(), ..PciFunction::default() });
    (Query::Nic(name.to_owned()), Answer::Nic(Nic { pci, bus: Some("pci".to_owned()), ..Nic::default() }))
}

const A: &str = "52:54:00:00:00:0a";
const B: &str = "52:54:00:00:00:0b";
const C: &str = "52:54:00:00:00:0c";

/// Where the devices are, by name.
fn places<const N: usize>(then: &Answers, now: &Answers, names: [&str; N]) -> [String; N] {
    compared(then, now, |facts, before| {
        let nics = Nics::new(facts, before);
        names.map(|name| match nics.place(name) {
            Same => "same".to_owned(),
            Renamed(new) => {
                assert_eq!(nics.before(new), Some(name));
                new.to_owned()
            }
            Gone => nics.replacement(name).map_or("gone".to_owned(), |other| format!("gone for {other}")),
            Unknown => format!("unknown: {}", nics.doubt(name).cause.as_str()),
        })
    })
}

#[test]
fn a_nic_is_followed_by_its_permanent_address() {
    let bridge = || device(Some("openvswitch"), A);
    let then = answers([links([("ens7", card(A)), ("ens8", card(B)), ("ens9", card(C)), ("br-ex", bridge())])]);
    let now = answers([links([("ens11", card(A)), ("ens8", card(B)), ("br-ex", bridge())])]);
    let names = ["ens7", "ens8", "ens9", "br-ex", "ens1"];
    assert_eq!(places(&then, &now, names), ["ens11", "same", "gone", "same", "unknown: failed"]);
}

#[test]
fn two_that_swapped_their_names_are_told() {
    let then = answers([links([("ens7", card(A)), ("ens8", card(B))])]);
    let now = answers([links([("ens7", card(B)), ("ens8", card(A))])]);
    assert_eq!(places(&then, &now, ["ens7", "ens8"]), ["ens8", "ens7"]);
}

#[test]
fn a_member_of_a_bond_is_known_by_its_own_address() {
    let member = |own: &str| {
        let bond_member = Some(BondMember { permanent_mac: Some(own.to_owned()), ..BondMember::default() });
        Link { bond_member, ..card(A) }
    };
    let then = answers([links([("ens7", member(A)), ("ens8", member(B))])]);
    // No longer in the bond, they say their own addresses themselves.
    let now = answers([links([("ens8", card(A)), ("ens7", card(B))])]);
    assert_eq!(places(&then, &now, ["ens7", "ens8"]), ["ens8", "ens7"]);
    assert_eq!(places(&now, &then, ["ens7", "ens8"]), ["ens8", "ens7"]);
}

#[test]
fn another_card_in_the_same_slot_is_another_card() {
    let then = answers([links([("ens7", card(A))]), on_pci("ens7", "0000:00:07.0")]);
    let now = answers([links([("ens7", card(B))])]);
    assert_eq!(places(&then, &now, ["ens7"]), ["gone"]);
    let now = answers([links([("ens7", card(B))]), on_pci("ens7", "0000:00:07.0")]);
    assert_eq!(places(&then, &now, ["ens7"]), ["gone for ens7"]);
}

#[test]
fn of_several_with_one_address_the_slot_tells() {
    let then = [on_pci("ens7", "0000:00:07.0"), on_pci("ens8", "0000:00:08.0")];
    let then = answers(then.into_iter().chain([links([("ens7", card(A)), ("ens8", card(A))])]));
    // Nothing to be seen without the slots, and nothing has changed.
    let unread = answers([links([("ens7", card(A)), ("ens8", card(A))])]);
    assert_eq!(places(&then, &unread, ["ens7", "ens8"]), ["same", "same"]);
    let unread = answers([links([("ens7", card(A)), ("ens11", card(A))])]);
    assert_eq!(places(&then, &unread, ["ens7", "ens8"]), ["unknown: not-asked", "unknown: not-asked"]);
    let slots = [on_pci("ens7", "0000:00:08.0"), on_pci("ens11", "0000:00:07.0")];
    let read = answers(slots.into_iter().chain([links([("ens7", card(A)), ("ens11", card(A))])]));
    assert_eq!(places(&then, &read, ["ens7", "ens8"]), ["ens11", "ens7"]);
    let slots = [on_pci("ens7", "0000:00:08.0"), on_pci("ens8", "0000:00:07.0")];
    let swapped = answers(slots.into_iter().chain([links([("ens7", card(A)), ("ens8", card(A))])]));
    assert_eq!(places(&then, &swapped, ["ens7", "ens8"]), ["ens8", "ens7"]);
}

#[test]
fn a_function_whose_address_is_made_up_at_every_boot_is_known_by_its_slot() {
    let then = answers([links([("ens7v0", device(None, A))]), on_pci("ens7v0", "0000:00:07.1")]);
    let unread = answers([links([("ens7v0", device(None, B))])]);
    assert_eq!(places(&then, &unread, ["ens7v0"]), ["unknown: not-asked"]);
    let same = answers([links([("ens7v0", device(None, B))]), on_pci("ens7v0", "0000:00:07.1")]);
    assert_eq!(places(&then, &same, ["ens7v0"]), ["same"]);
    let renamed = answers([links([("eth4", device(None, B))]), on_pci("eth4", "0000:00:07.1")]);
    assert_eq!(places(&then, &renamed, ["ens7v0"]), ["eth4"]);
    let gone = answers([links([("eth4", device(None, B))]), on_pci("eth4", "0000:00:09.1")]);
    assert_eq!(places(&then, &gone, ["ens7v0"]), ["gone"]);
}

#[test]
fn without_a_permanent_address_the_present_one_tells_if_it_is_the_only_one() {
    let veth = |mac: &str| device(Some("veth"), mac);
    let then = answers([links([("eno1", veth(A)), ("tap1", device(Some("tun"), B)), ("eno2", veth(C))])]);
    let now =
        answers([links([("eno9", veth(A)), ("tap2", device(Some("tun"), B)), ("br-ex", device(Some("tun"), A))])]);
    assert_eq!(places(&then, &now, ["eno1", "tap1", "eno2"]), ["eno9", "gone", "gone"]);
    // An older kernel said nothing of permanent addresses.
    let newer = answers([links([("eno9", card(A)), ("eno2", card(C))])]);
    let then = answers([links([("eno1", device(None, A)), ("eno2", device(None, C))])]);
    assert_eq!(places(&then, &newer, ["eno1", "eno2"]), ["eno9", "same"]);
    let twice = answers([links([("cali1", veth(A)), ("cali2", veth(A))])]);
    let one = answers([links([("cali1", veth(A)), ("cali3", veth(A))])]);
    assert_eq!(places(&twice, &one, ["cali1", "cali2"]), ["unknown: failed", "unknown: failed"]);
    assert_eq!(places(&twice, &twice, ["cali1", "cali2"]), ["same", "same"]);
}

#[test]
fn hardware_without_any_address_is_known_by_its_names() {
    let wwan = |alternative: &[&str]| Link {
        alternative_names: alternative.iter().map(|name| (*name).to_owned()).collect(),
        ..Link::default()
    };
    let then = answers([links([("wwan0", wwan(&[])), ("lo", wwan(&[]))])]);
    let now = answers([links([("wwp0s20", wwan(&["wwan0"])), ("lo", wwan(&[]))])]);
    compared(&then, &now, |facts, before| {
        let nics = Nics::new(facts, before);
        assert_eq!((nics.place("wwan0"), nics.place("lo")), (Renamed("wwp0s20"), Same));
    });
}

#[test]
fn links_that_could_not_be_read_leave_everything_open() {
    let then = answers([links([("ens7", card(A))])]);
    assert_eq!(places(&then, &answers([]), ["ens7"]), ["unknown: not-asked"]);
    assert_eq!(places(&answers([]), &then, ["ens7"]), ["unknown: not-asked"]);
}

#[test]
fn none_of_thousands_of_links_of_one_address_is_known_by_it() {
    let many = |from: usize| {
        let links: SortedMap<String, Link> =
            (from..from + 5000).map(|at| (format!("cali{at}"), device(Some("veth"), A))).collect();
        answers([(Query::Links, Answer::Links(links))])
    };
    assert_eq!(places(&many(0), &many(1), ["cali4"]), ["unknown: failed"]);
}
