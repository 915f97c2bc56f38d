//! The parsers against what a real host said, whole and damaged.

use serde_json::Value;

use super::ovs::Ovs;
use super::packages::{Package, Packages};

/// The text that the recorded hypervisor answered to a question.
fn recorded(question: &str) -> String {
    let bundle: Value = serde_json::from_str(include_str!("../../tests/hosts/bases/hypervisor.json")).unwrap();
    bundle["answers"][question]["reading"]["known"]["text"].as_str().unwrap().to_owned()
}

/// Every `step`th way to cut the text off, and to damage one byte of it.
fn damaged(text: &str, step: usize) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..text.len()).step_by(step).flat_map(|at| {
        let mut flipped = text.as_bytes().to_vec();
        flipped[at] ^= 0x15;
        [text.as_bytes()[..at].to_vec(), flipped]
    })
}

#[test]
fn a_real_dpkg_database_is_read_whole() {
    let text = recorded("file:/var/lib/dpkg/status");
    let packages = Packages::parse(text.as_bytes()).unwrap();
    assert_eq!(packages.0.len(), text.matches("\nPackage: ").count() + 1);
    assert!(packages.0.iter().all(|package| package.broken().is_none() && !package.version.is_empty()));
    let is_there = |name: &str| packages.find(name).is_some_and(Package::is_there);
    assert!(is_there("openvswitch-switch") && is_there("dpkg"));
}

#[test]
fn a_damaged_dpkg_database_never_panics_and_never_gains_packages() {
    let text = recorded("file:/var/lib/dpkg/status");
    let whole = Packages::parse(text.as_bytes()).unwrap().0.len();
    for bytes in damaged(&text, 997) {
        if let Ok(packages) = Packages::parse(&bytes) {
            assert!(packages.0.len() <= whole);
            let _ = packages.0.iter().filter(|package| Package::is_there(package)).count();
        }
    }
}

#[test]
fn a_real_switch_is_read_whole() {
    let text = recorded("ovsdb:/run/openvswitch/db.sock");
    let ovs = Ovs::parse(text.as_bytes()).unwrap();
    let bridges: Vec<&str> = ovs.bridges.iter().map(|bridge| bridge.name.as_ref()).collect();
    assert_eq!(bridges, ["br-data", "br-ex", "br-int", "br-stor"]);
    let bond = ovs.ports(&ovs.bridges[0]).into_iter().find(|port| port.name == "bond0").unwrap();
    let members: Vec<_> = ovs.interfaces(bond).into_iter().map(|it| (it.name.as_ref(), it.link_up)).collect();
    assert_eq!(members, [("ens8", Some(true)), ("ens9", Some(true))]);
    assert!(ovs.bridges[2].is_secure && ovs.uses_ovn() && ovs.switch.is_initialised);
}

#[test]
fn a_damaged_reply_is_an_error_or_an_answer_and_never_a_panic() {
    let text = recorded("ovsdb:/run/openvswitch/db.sock");
    for bytes in damaged(&text, 7) {
        let is_cut = bytes.len() < text.len();
        assert!(!(is_cut && Ovs::parse(&bytes).is_ok()), "half a reply is no reply");
    }
}
