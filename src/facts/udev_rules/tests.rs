//! What udev makes of rules is in the tests of `link_files`, beside the files that they go before.

use super::*;
use crate::facts::Files;
use crate::model::TroubleCause;
use crate::model::answer::{Nic, PciFunction};

fn named(text: &str, nic: &Nic) -> Named {
    let files: Files = [("70-a.rules".to_owned(), Reading::Known(Content(text.as_bytes().to_vec())))].into();
    let rules = Rules::read(&[("/etc/udev/rules.d".to_owned(), Reading::Known(&files))]).unwrap();
    let possible_names = ["eth0", "eth1", "ens3"].map(str::to_owned).to_vec();
    let mac = Some("52:54:00:a0:00:07");
    rules.name(&Device { nic, mac, permanent_mac: mac, possible_names, command_line: None })
}

#[test]
fn a_rule_that_may_hold_is_unclear_and_one_that_cannot_is_not() {
    let nic = Nic { hardware_type: 1, driver: Some("igb".to_owned()), bus: Some("pci".to_owned()), ..Nic::default() };
    let by = Named::By { path: "/etc/udev/rules.d/70-a.rules".to_owned(), name: "lan0".to_owned() };
    // Whatever the reason.
    let may_be = |names| Named::Unclear { path: "/etc/udev/rules.d/70-a.rules".to_owned(), why: String::new(), names };
    let unclear = may_be(Some(["lan0".to_owned()].into()));
    let told = |text: &str| match named(text, &nic) {
        Named::Unclear { path, why, names } if !why.is_empty() => Named::Unclear { path, why: String::new(), names },
        other => other,
    };
    for (conditions, wanted) in [
        ("KERNEL==\"e*\"", &by),
        ("KERNEL==\"eth0\"", &unclear),
        ("KERNEL==\"wlan*\"", &Named::Not),
        ("DRIVERS==\"?*\"", &by),
        ("DRIVERS==\"igb|e1000e\"", &by),
        ("DRIVERS==\"mlx5_core\"", &Named::Not),
        ("PROGRAM=\"/bin/true\"", &unclear),
        ("TEST==\"/etc/flag\"", &unclear),
        ("ENV{ID_PATH}==\"pci-*\"", &unclear),
        ("ATTR{address}==\"52:54:00:a0:00:07\"", &by),
        ("ATTR{address}!=\"52:54:00:a0:00:07\", TEST==\"/etc/flag\"", &Named::Not),
        ("ACTION==\"add|change\"", &by),
        ("ACTION==\"remove\"", &Named::Not),
        ("ATTR{mtu}==\"1500\"", &unclear),
    ] {
        assert_eq!(told(&format!("SUBSYSTEM==\"net\", {conditions}, NAME=\"lan0\"\n")), *wanted, "{conditions}");
    }
    assert_eq!(told("NAME=\"$env{X}\""), may_be(None));
    let both = "NAME=\"lan1\"\nTEST==\"/x\", NAME=\"lan0\"\n";
    assert_eq!(told(both), may_be(Some(["lan0".to_owned(), "lan1".to_owned()].into())));
    assert_eq!(told("NAME=\"lan0\"\nTEST==\"/x\", NAME=\"lan0\"\n"), by);
    assert_eq!(told("TEST==\"/x\", GOTO=\"end\"\nNAME=\"lan0\"\nLABEL=\"end\"\n"), unclear);
    assert_eq!(told("TEST==\"/x\", GOTO=\"end\"\nLABEL=\"end\"\nNAME=\"lan0\"\n"), by);
    let Named::Unclear { why, .. } = named("ATTR{mtu}==\"1500\", NAME=\"lan0\"\n", &nic) else { panic!() };
    assert_eq!(why, "whether ATTR{mtu}==\"1500\" holds is not known beforehand");
}

/// Rules for other hardware, as vendors and people write them.
#[test]
fn a_rule_for_usb_is_none_for_a_nic_on_pci() {
    let on = |bus: &str| Nic {
        hardware_type: 1,
        driver: Some("x".to_owned()),
        bus: Some(bus.to_owned()),
        pci: Some(PciFunction { address: "0000:01:00.0".to_owned(), ..PciFunction::default() }),
        ..Nic::default()
    };
    for (conditions, is_told, told_of_usb) in [
        (r#"SUBSYSTEMS=="usb""#, false, Some(true)),
        (r#"SUBSYSTEMS=="usb|vmbus|platform|xen""#, false, Some(true)),
        (r#"ATTRS{idVendor}=="413c", ATTRS{idProduct}=="a102""#, false, None),
        (r#"ATTRS{idVendor}!="413c""#, false, None),
        (r#"ATTRS{bInterfaceNumber}=="00""#, false, None),
        (r#"ATTRS{manufacturer}=="Linux*", ATTRS{serial}=="1""#, false, None),
        (r#"SUBSYSTEMS=="pci""#, true, None),
        (r#"SUBSYSTEMS!="usb""#, true, Some(true)),
        (r#"SUBSYSTEMS!="pci""#, true, Some(true)),
    ] {
        let rule = format!("ACTION==\"add\", SUBSYSTEM==\"net\", {conditions}, NAME=\"idrac\"\n");
        let told = |bus| match named(&rule, &on(bus)) {
            Named::By { .. } => Some(true),
            Named::Not => Some(false),
            Named::Unclear { .. } => None,
        };
        assert_eq!((told("pci"), told("usb")), (Some(is_told), told_of_usb), "{conditions}");
    }
    // What may be above it is not told.
    assert!(matches!(named("SUBSYSTEMS==\"acpi\", NAME=\"lan0\"", &on("pci")), Named::Unclear { .. }));
    let board = Nic { has_device_tree_node: true, ..on("pci") };
    assert!(matches!(named("SUBSYSTEMS==\"platform\", NAME=\"lan0\"", &board), Named::Unclear { .. }));
}

#[test]
fn damaged_rules_name_nothing_new_and_never_panic() {
    let nic = Nic { hardware_type: 1, ..Nic::default() };
    let text = "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", \\\n ATTR{address}==\"52:54:00:a0:00:é\", NAME=\"lan0\"\n";
    for at in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 0x15;
        let _ = named(&String::from_utf8_lossy(&bytes), &nic);
        let _ = named(&String::from_utf8_lossy(&text.as_bytes()[..at]), &nic);
    }
    for text in ["NAME", "NAME=", "NAME=\"", "=\"x\"", "{", "NAME{=\"a\"", "\\", "NAME=\"a\\"] {
        assert_eq!(named(text, &nic), Named::Not, "{text}");
    }
}

#[test]
fn rules_that_cannot_be_read_leave_it_open() {
    let files: Files = [(APPLIES_LINK_FILES.to_owned(), Reading::unreadable(TroubleCause::Denied, "no"))].into();
    let rules = Rules::read(&[("/etc/udev/rules.d".to_owned(), Reading::Known(&files))]).unwrap();
    assert_eq!(rules.apply_link_files(), Err((format!("/etc/udev/rules.d/{APPLIES_LINK_FILES}"), "no".to_owned())));
    let no_directory = Reading::unreadable(TroubleCause::Denied, "no");
    assert!(Rules::read(&[("/etc/udev/rules.d".to_owned(), no_directory)]).is_err());
}
