use serde_json::json;

use super::super::recorded_switch::{Switch, outcomes};
use super::*;
use crate::catalog::Level;
use crate::model::Status;

/// What is wrong with a host that was well before.
fn wrong(now: &Switch) -> Vec<Outcome> {
    wrong_since(&Switch::default(), now)
}

fn wrong_since(then: &Switch, now: &Switch) -> Vec<Outcome> {
    outcomes(then, now, judge).into_iter().filter(|outcome| outcome.status != Status::Pass).collect()
}

/// Subject, cause and message of each.
fn told(outcomes: &[Outcome]) -> Vec<(&str, &str, &str)> {
    outcomes
        .iter()
        .map(|it| (&*it.subject, it.cause.unwrap_or_default(), it.detail.split("; ").next().unwrap()))
        .collect()
}

fn typed(outcome: &Outcome) -> Vec<String> {
    outcome.by_hand.iter().map(|words| words.join(" ")).collect()
}

#[test]
fn a_switch_that_is_as_it_was_has_one_row_a_bridge() {
    let outcomes = outcomes(&Switch::default(), &Switch::default(), judge);
    let details: Vec<&str> = outcomes.iter().map(|outcome| outcome.detail.as_str()).collect();
    assert_eq!(
        details,
        [
            "1 port belongs to guests or to OVN on br-data: not compared",
            "1 port belongs to guests or to OVN on br-int: not compared",
            "9 ports are as they were",
        ]
    );
    assert_eq!(outcomes[0].observed["owned_by_others"], 1);
}

#[test]
fn a_renamed_nic_is_told_as_such() {
    let mut now = Switch::default();
    now.rename_link("eno1", "eno1np0");
    let outcomes = wrong(&now);
    assert_eq!(told(&outcomes), [("br-ex/eno1", "nic-renamed", "eno1 is now called eno1np0")]);
    assert_eq!(
        typed(&outcomes[0]),
        ["sh -c ip link set eno1np0 down && ip link set eno1np0 name eno1 && ip link set eno1 up"],
        "in one line: the first of its commands may cut the session off"
    );
    assert_eq!(outcomes[0].observed["device"], "eno1np0");
    assert_eq!(outcomes[0].touches, [Part::Port("eno1".to_owned())]);
}

/// A card that was added has taken the first name, and all after it moved on.
#[test]
fn names_that_moved_on_are_given_back_from_the_free_end() {
    let mut now = Switch::default();
    now.rename_link("eno3", "eno9");
    now.rename_link("eno2", "eno3");
    let outcomes = wrong(&now);
    let lines: Vec<Vec<String>> =
        outcomes.iter().map(typed).map(|it| it.into_iter().filter(|line| line.starts_with("sh")).collect()).collect();
    let lines: Vec<&String> = lines.iter().flatten().collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line == &lines[0]), "{lines:?}");
    let at = |step: &str| lines[0].find(step).unwrap_or_else(|| panic!("{step}: {}", lines[0]));
    assert!(lines[0].contains("sh -c ip -o link show eno9 | grep -qi "), "not twice: {}", lines[0]);
    assert!(at("ip link set eno3 name eno2") < at("ip link set eno9 name eno3"), "{}", lines[0]);
}

#[test]
fn under_its_new_name_on_its_bridge_it_is_kept() {
    let mut now = Switch::default();
    now.rename_link("eno1", "eno1np0");
    now.row("Port", "eno1")["name"] = "eno1np0".into();
    now.row("Interface", "eno1")["name"] = "eno1np0".into();
    assert_eq!(wrong(&now), []);
    now.row("Port", "eno1np0")["tag"] = 7.into();
    assert_eq!(told(&wrong(&now))[0].1, "attributes-changed");
}

#[test]
fn two_that_swapped_their_names_are_told_with_where_they_are() {
    let mut then = Switch::default();
    then.row("Port", "tap1")["name"] = "eno4".into();
    *then.row("Interface", "tap1") = json!({"_uuid": then.row("Interface", "tap1")["_uuid"], "name": "eno4"});
    let mut now = Switch::default();
    now.row("Port", "tap1")["name"] = "eno4".into();
    *now.row("Interface", "tap1") = json!({"_uuid": now.row("Interface", "tap1")["_uuid"], "name": "eno4"});
    now.rename_link("eno1", "aside");
    now.rename_link("eno4", "eno1");
    now.rename_link("aside", "eno4");
    let outcomes = wrong_since(&then, &now);
    assert_eq!(
        told(&outcomes),
        [
            ("br-data/eno4", "nic-renamed", "eno4 is now called eno1"),
            ("br-ex/eno1", "nic-renamed", "eno1 is now called eno4"),
        ]
    );
    assert!(outcomes[1].detail.contains("what is called eno1 now was eno4"), "{}", outcomes[1].detail);
    assert!(outcomes[1].detail.contains("eno4 is on br-data"), "{}", outcomes[1].detail);
    assert_eq!(typed(&outcomes[0]), typed(&outcomes[1]), "the same, and once");
    let [line] = typed(&outcomes[1]).try_into().unwrap();
    assert!(line.ends_with("ip link set aside0 down && ip link set aside0 name eno1 && ip link set eno1 up"), "{line}");
}

#[test]
fn a_member_of_a_bond_that_swapped_with_a_port_says_how_it_is_mended() {
    let mut now = Switch::default();
    now.rename_link("eno1", "aside");
    now.rename_link("eno2", "eno1");
    now.rename_link("aside", "eno2");
    let outcomes = wrong(&now);
    let causes: Vec<_> = told(&outcomes).into_iter().map(|(subject, cause, _)| (subject, cause)).collect();
    assert_eq!(causes, [("br-data/bond1/eno2", "nic-renamed"), ("br-ex/eno1", "nic-renamed")]);
    assert_eq!(typed(&outcomes[0]), typed(&outcomes[1]));
    assert_eq!(typed(&outcomes[0]).len(), 1);
}

#[test]
fn the_kernel_gives_no_nic_a_name_that_it_has_beside_its_own() {
    let it = by_hand::Move { called: "ens3", wanted: "eno1", is_alternative: true };
    let [line] = by_hand::names_back(&[it], None).try_into().unwrap();
    let script = "ip link set ens3 down && ip link property del dev ens3 altname eno1 && \
                  ip link set ens3 name eno1 && ip link set eno1 up";
    assert_eq!(line, ["sh", "-c", script]);
    // Nobody names a device so that something is run.
    assert!(by_hand::names_back(&[by_hand::Move { called: "a;b", ..it }], None).is_empty());
}

#[test]
fn of_two_that_swapped_on_one_bridge_only_a_difference_matters() {
    let mut now = Switch::default();
    now.rename_link("eno2", "aside");
    now.rename_link("eno3", "eno2");
    now.rename_link("aside", "eno3");
    let outcomes = wrong(&now);
    let causes: Vec<_> = told(&outcomes).into_iter().map(|(subject, cause, _)| (subject, cause)).collect();
    assert_eq!(causes, [("br-data/bond1/eno2", "nic-renamed"), ("br-data/bond1/eno3", "nic-renamed")]);
    now.row("Interface", "eno2").as_object_mut().unwrap().remove("options");
    let mut then = Switch::default();
    then.row("Interface", "eno2").as_object_mut().unwrap().remove("options");
    assert_eq!(wrong_since(&then, &now), [], "both are in the bond");
}

#[test]
fn a_port_that_was_taken_out_is_told_with_the_commands_to_have_it_again() {
    let mut now = Switch::default();
    now.move_port("eno1", "br-ex", None);
    let outcomes = wrong(&now);
    assert_eq!(told(&outcomes), [("br-ex/eno1", "detached", "eno1 is in no bridge, and was on br-ex")]);
    assert!(outcomes[0].detail.contains("netplan manages it: change it there"), "{}", outcomes[0].detail);
    let mut now = Switch::default();
    now.move_port("bond1", "br-data", None);
    let outcomes = wrong(&now);
    assert_eq!(
        told(&outcomes),
        [("br-data/bond1", "detached", "bond1 is gone from br-data")],
        "one fault for the whole bond"
    );
    assert_eq!(outcomes[0].touches, ["eno2", "eno3"].map(|member| Part::Port(member.to_owned())));
    assert_eq!(
        typed(&outcomes[0]),
        ["ovs-vsctl -t 10 add-bond br-data bond1 eno2 eno3 bond_mode=balance-tcp \
          lacp=active other_config:bond-miimon-interval=100 other_config:lacp-time=fast trunks=100,200 \
          -- set Interface eno2 options:n_rxq=4"]
    );
}

#[test]
fn what_is_on_another_bridge_is_told() {
    let mut now = Switch::default();
    now.move_port("eno1", "br-ex", Some("br-data"));
    now.move_port("patch-data", "br-data", Some("br-ex"));
    let outcomes = wrong(&now);
    assert_eq!(
        told(&outcomes),
        [
            ("br-data/patch-data", "wrong-bridge", "patch-data is on br-ex, and was on br-data"),
            ("br-ex/eno1", "wrong-bridge", "eno1 is on br-data, and was on br-ex"),
        ]
    );
    assert_eq!(typed(&outcomes[0])[0], "ovs-vsctl -t 10 del-port br-ex patch-data");
}

#[test]
fn a_device_that_is_gone_is_missing_whatever_has_its_name() {
    let mut now = Switch::default();
    now.links.retain(|(name, _)| name != "eno1");
    assert_eq!(told(&wrong(&now)), [("br-ex/eno1", "missing", "eno1 of br-ex is gone")]);
    now.rename_link("eno4", "eno1");
    let outcomes = wrong(&now);
    assert_eq!(outcomes[0].cause, Some("missing"));
    assert!(outcomes[0].detail.contains("what is called eno1 now is another device"), "{}", outcomes[0].detail);
    assert_eq!(outcomes[0].at_most, None);
}

#[test]
fn what_has_no_hardware_is_missing_with_its_row() {
    let mut now = Switch::default();
    now.move_port("patch-ex", "br-ex", None);
    now.move_port("br-vlan100", "br-ex", None);
    let outcomes = wrong(&now);
    assert_eq!(
        told(&outcomes),
        [
            ("br-ex/br-vlan100", "missing", "br-vlan100 is gone from br-ex"),
            ("br-ex/patch-ex", "missing", "patch-ex is gone from br-ex"),
        ]
    );
    assert_eq!(typed(&outcomes[0]), ["ovs-vsctl -t 10 add-br br-vlan100 br-ex 100"]);
    assert_eq!(
        typed(&outcomes[1]),
        ["ovs-vsctl -t 10 add-port br-ex patch-ex -- set Interface patch-ex options:peer=patch-data type=patch"]
    );
}

#[test]
fn attributes_that_differ_are_told_old_and_new_and_no_others() {
    let mut now = Switch::default();
    now.row("Port", "bond1")["trunks"] = json!(["set", [200]]);
    now.row("Port", "bond1")["tag"] = 5.into();
    now.row("Interface", "eno2")["mtu_request"] = 9000.into();
    now.row("Interface", "patch-ex")["options"] = json!(["map", [["peer", "patch-none"]]]);
    let outcomes = wrong(&now);
    assert_eq!(
        told(&outcomes),
        [
            ("br-data/bond1/eno2", "attributes-changed", "br-data/bond1/eno2: mtu_request is 9000, and was not set"),
            ("br-data/bond1", "attributes-changed", "br-data/bond1: tag is 5, and was not set"),
            ("br-ex/patch-ex", "attributes-changed", "br-ex/patch-ex: options:peer is patch-none, and was patch-data"),
        ]
    );
    assert_eq!(json!(outcomes[1].expected), json!({"tag": null, "trunks": [100, 200]}));
    assert_eq!(json!(outcomes[1].observed), json!({"tag": 5, "trunks": [200]}));
    assert_eq!(
        typed(&outcomes[1]),
        ["ovs-vsctl -t 10 set Port bond1 trunks=100,200", "ovs-vsctl -t 10 clear Port bond1 tag"]
    );
    assert_eq!(json!(outcomes[2].observed), json!({"options:peer": "patch-none"}));
}

#[test]
fn a_member_that_left_its_bond_is_told_by_its_own_name() {
    let mut now = Switch::default();
    let uuid = now.row("Interface", "eno3")["_uuid"].clone();
    now.row("Port", "bond1")["interfaces"] = now.row("Interface", "eno2")["_uuid"].clone();
    let outcomes = wrong(&now);
    assert_eq!(told(&outcomes), [("br-data/bond1/eno3", "detached", "eno3 is in no bridge, and was in bond1")]);
    assert_eq!(typed(&outcomes[0]), ["ovs-vsctl -t 10 add-bond-iface bond1 eno3"]);
    // Beside its bond it is on its bridge, and makes a loop.
    now.row("Port", "tap1")["interfaces"] = uuid;
    assert_eq!(told(&wrong(&now))[0].0, "br-data/bond1/eno3");
}

#[test]
fn ports_of_guests_and_of_ovn_come_and_go() {
    let mut now = Switch::default();
    now.move_port("tap1", "br-data", None);
    now.move_port("ovn-hv2-0", "br-int", None);
    assert_eq!(wrong(&now), []);
    assert_eq!(wrong_since(&now, &Switch::default()), [], "what is new is no finding");
}

#[test]
fn devices_that_could_not_be_told_apart_are_unknown() {
    let mut now = Switch::default();
    let twin = now.links[0].1.clone();
    now.rename_link("eno1", "eno7");
    now.links.push(("eno8".to_owned(), twin));
    let outcomes = wrong(&now);
    assert_eq!((outcomes[0].status, &*outcomes[0].subject), (Status::Unknown, "br-ex/eno1"));
}

#[test]
fn a_row_that_had_no_device_before_is_nothing_to_lose() {
    let mut then = Switch::default();
    then.links.retain(|(name, _)| name != "eno1");
    assert_eq!(wrong_since(&then, &Switch::default()), []);
    let mut now = Switch::default();
    now.move_port("eno1", "br-ex", None);
    assert_eq!(wrong_since(&then, &now)[0].at_most, Some(Level::Info));
}

/// Typed as a snapshot shows it, it would be another secret, and the tunnel would be up and carry nothing.
#[test]
fn a_secret_is_not_typed_again() {
    let with_secret = || {
        let mut switch = Switch::default();
        switch.row("Interface", "patch-ex")["options"] = json!(["map", [["peer", "patch-data"], ["psk", "***"]]]);
        switch
    };
    let mut now = with_secret();
    now.move_port("patch-ex", "br-ex", None);
    let outcomes = wrong_since(&with_secret(), &now);
    assert_eq!(
        typed(&outcomes[0]),
        ["ovs-vsctl -t 10 add-port br-ex patch-ex -- set Interface patch-ex options:peer=patch-data type=patch"]
    );
    let told = "the baseline does not hold its options:psk, a secret";
    assert!(outcomes[0].detail.contains(told), "{}", outcomes[0].detail);
}

#[test]
fn another_card_in_the_same_slot_under_the_same_name_is_a_warning() {
    use crate::model::answer::{Answer, Nic, PciFunction};
    let in_slot = |switch: &mut Switch| {
        let pci = Some(PciFunction { address: "0000:00:07.0".to_owned(), ..PciFunction::default() });
        let nic = Nic { pci, bus: Some("pci".to_owned()), ..Nic::default() };
        switch.others.push((Query::Nic("eno1".to_owned()), Answer::Nic(nic)));
    };
    let (mut then, mut now) = (Switch::default(), Switch::default());
    in_slot(&mut then);
    in_slot(&mut now);
    for (_, link) in now.links.iter_mut().filter(|(name, _)| name == "eno1") {
        link.permanent_mac = Some("52:54:00:0a:00:99".to_owned());
        link.mac = link.permanent_mac.clone();
    }
    let outcomes = wrong_since(&then, &now);
    assert_eq!(told(&outcomes), [("br-ex/eno1", "missing", "eno1 of br-ex is gone")]);
    assert_eq!(outcomes[0].at_most, Some(Level::Warn));
}
