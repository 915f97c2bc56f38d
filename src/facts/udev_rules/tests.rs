//! What udev makes of rules is in the tests of `link_files`, beside the files that they go before.

use super::*;
use crate::facts::Files;
use crate::model::TroubleCause;
use crate::model::answer::Nic;

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
    let unclear = Named::Unclear { path: "/etc/udev/rules.d/70-a.rules".to_owned(), why: String::new() };
    let told = |text: &str| match named(text, &nic) {
        Named::Unclear { path, why } if !why.is_empty() => Named::Unclear { path, why: String::new() },
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
    assert_eq!(told("NAME=\"$env{X}\""), unclear);
    assert_eq!(told("TEST==\"/x\", GOTO=\"end\"\nNAME=\"lan0\"\nLABEL=\"end\"\n"), unclear);
    assert_eq!(told("TEST==\"/x\", GOTO=\"end\"\nLABEL=\"end\"\nNAME=\"lan0\"\n"), by);
    let Named::Unclear { why, .. } = named("ATTR{mtu}==\"1500\", NAME=\"lan0\"\n", &nic) else { panic!() };
    assert_eq!(why, "whether ATTR{mtu}==\"1500\" holds is not known beforehand");
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
