//! A host with one NIC that a real udev named, and what is done to it.

pub mod host;
mod next_boot;

use host::Host;
use serde_json::json;

use super::*;
use crate::catalog::Settings;
use crate::catalog::kind::packages::STATUS;
use crate::facts::Run;
use crate::model::TroubleCause;
use crate::model::answer::{Answer, Answers, Asked, BondMember};
use crate::model::sorted::SortedMap;

const NOT_PINNED: Option<&str> = Some("not-pinned");
const WILL_RENAME: Option<&str> = Some("will-rename");

fn some(name: &str) -> Option<String> {
    Some(name.to_owned())
}

#[test]
fn a_name_that_udev_gives_again_is_fine_for_a_reboot_and_a_warning_for_a_release() {
    let host = Host::new();
    assert_eq!(host.told(Intent::Reboot), (Status::Pass, None, some("ens7")));
    assert_eq!(host.told(Intent::Os), (Status::Fail, NOT_PINNED, some("ens7")));
}

#[test]
fn a_pinned_name_is_fine_for_both_and_one_pinned_to_another_is_not() {
    for (name, wanted) in [("ens7", (Status::Pass, None)), ("lan0", (Status::Fail, WILL_RENAME))] {
        let mut host = Host::new();
        host.link_file(&format!("[Match]\nPermanentMACAddress=52:54:00:a0:00:07\n[Link]\nName={name}\n"));
        for intent in [Intent::Os, Intent::Reboot] {
            assert_eq!(host.told(intent), (wanted.0, wanted.1, some(name)));
        }
        assert_eq!(host.judge(Intent::Os)[0].observed["pinned_by"], "/etc/systemd/network/10-a.link");
    }
}

#[test]
fn a_pin_that_may_not_hold_is_none() {
    let mut host = Host::new();
    host.link_file("[Match]\nOriginalName=eth0\n[Link]\nName=ens7\n");
    assert_eq!(host.told(Intent::Reboot), (Status::Fail, NOT_PINNED, None));
}

#[test]
fn a_rule_that_may_hold_hides_no_file_that_comes_to_the_same() {
    let rule = |name: &str| format!("SUBSYSTEM==\"net\", TEST==\"/etc/flag\", NAME=\"{name}\"\n");
    for (file, rule, wanted) in [
        ("ens7", rule("ens7"), (Status::Pass, None, some("ens7"))),
        ("ens7", rule("idrac"), (Status::Fail, NOT_PINNED, None)),
        ("lan0", rule("ens7"), (Status::Fail, NOT_PINNED, None)),
        ("lan0", rule("idrac"), (Status::Fail, WILL_RENAME, some("lan0"))),
        ("ens7", rule("$env{X}"), (Status::Fail, NOT_PINNED, None)),
        // It is for other hardware.
        (
            "ens7",
            rule("idrac").replace("TEST==\"/etc/flag\"", "SUBSYSTEMS==\"usb\""),
            (Status::Pass, None, some("ens7")),
        ),
    ] {
        let mut host = Host::new();
        host.link_file(&format!("[Match]\nPermanentMACAddress=52:54:00:a0:00:07\n[Link]\nName={file}\n"));
        host.files("/etc/udev/rules.d", "rules", &[("70-a.rules", &rule)]);
        assert_eq!(host.told(Intent::Os), wanted, "{file}, {rule}");
        let by_rule = host.judge(Intent::Os)[0].detail.contains("/etc/udev/rules.d/70-a.rules");
        assert_eq!(by_rule, wanted.1 == NOT_PINNED, "{file}, {rule}");
    }
}

#[test]
fn a_member_of_a_bond_is_known_by_its_own_address() {
    let mut host = Host::new();
    host.link_file("[Match]\nMACAddress=52:54:00:a0:00:07\n[Link]\nName=ens7\n");
    let link = host.links.get_mut("ens7").unwrap();
    let own = link.permanent_mac.replace("02:00:00:00:00:99".to_owned());
    link.mac = link.permanent_mac.clone();
    link.bond_member = Some(BondMember { permanent_mac: own, ..BondMember::default() });
    assert_eq!(host.told(Intent::Os), (Status::Pass, None, some("ens7")));
}

/// What only the next boot shows: the kernel's name, and that nobody has renamed it yet.
const ONLY_THEN: [&str; 5] = [
    "the default file is hidden",
    "the policies, in their order",
    "no policy and no name",
    "names that nobody can have",
    "a name that the NIC has today",
];

#[test]
fn udev_itself_gives_the_names_that_are_foreseen() {
    let recorded: Value = serde_json::from_str(include_str!("../../../tests/hosts/naming/cases.json")).unwrap();
    let mut compared = 0;
    for case in recorded["cases"].as_array().unwrap() {
        let about = case["about"].as_str().unwrap();
        let Some(wanted) = case["outcomes"]["ens7"]["name"].as_str() else { continue };
        if ONLY_THEN.contains(&about) || about.ends_with("(not foreseen)") {
            continue;
        }
        let files = case["files"].as_object().unwrap();
        if files.keys().any(|path| path.starts_with("/run/")) {
            continue; // gone after the next boot
        }
        let mut host = Host::new();
        host.text(COMMAND_LINE, recorded["command_line"].as_str().unwrap());
        let mut added = SortedMap::<&str, Vec<String>>::new();
        for directory in LINK_DIRECTORIES.into_iter().chain(RULE_DIRECTORIES) {
            for end in ["link", "rules"] {
                host.files(directory, end, &within(files, directory, end));
            }
        }
        for path in files.keys().filter(|path| path.contains(".link.d/")) {
            let (directory, _) = path.rsplit_once('/').unwrap();
            let (parent, name) = directory.rsplit_once('/').unwrap();
            added.entry(parent).or_default().push(name.to_owned());
            host.files(directory, "conf", &within(files, directory, "conf"));
        }
        for (parent, names) in added {
            host.say(Query::Directory(parent.to_owned()), Answer::Names(names));
        }
        assert_eq!(host.told(Intent::Reboot).2.as_deref(), Some(wanted), "{about}");
        compared += 1;
    }
    assert!(compared > 20, "only {compared} were compared");
}

fn within<'t>(files: &'t serde_json::Map<String, Value>, directory: &str, end: &str) -> Vec<(&'t str, &'t str)> {
    let of_file = |(path, text): (&'t String, &'t Value)| {
        let name = path.strip_prefix(directory)?.strip_prefix('/')?;
        (!name.contains('/') && name.ends_with(&format!(".{end}"))).then_some((name, text.as_str()?))
    };
    files.iter().filter_map(of_file).collect()
}

#[test]
fn renamed_by_hand_comes_back_as_udev_names_it() {
    let mut host = Host::new();
    host.renamed("lan0");
    for intent in [Intent::Os, Intent::Reboot] {
        assert_eq!(host.told(intent), (Status::Fail, WILL_RENAME, some("ens7")));
    }
    assert_eq!(host.judge(Intent::Reboot)[0].subject, "lan0");
}

#[test]
fn a_port_that_the_driver_names_since_is_part_of_the_next_name() {
    let mut host = Host::new();
    let nic = host.known_nic();
    host.nic("ens7", Nic { physical_port: Some("p0".to_owned()), ..nic });
    for intent in [Intent::Os, Intent::Reboot] {
        assert_eq!(host.told(intent), (Status::Fail, WILL_RENAME, some("ens7np0")));
    }
}

/// Behind a bridge in a slot, beside other functions: it had the number of the slot from v251 to v254.
#[test]
fn the_rules_of_the_release_to_come_are_followed() {
    let machine: Value = serde_json::from_str(include_str!("../../../tests/hosts/naming/native.json")).unwrap();
    let mut host = Host::new();
    let link = host.links.remove("ens7").unwrap();
    host.links.insert("ens5f0".to_owned(), link);
    host.nic("ens5f0", serde_json::from_value(machine["ens5f0"]["nic"].clone()).unwrap());
    assert_eq!(host.told(Intent::Reboot), (Status::Pass, None, some("ens5f0")));
    assert_eq!(host.told(Intent::Os), (Status::Fail, WILL_RENAME, some("enp8s5f0")));
    // The upgrade is done and the reboot is to come.
    host.udev("257.7-1");
    assert_eq!(host.told(Intent::Reboot), (Status::Fail, WILL_RENAME, some("enp8s5f0")));
    // The command line keeps the old rules.
    host.text(COMMAND_LINE, "quiet net.naming-scheme=v252\n");
    assert_eq!(host.told(Intent::Reboot), (Status::Pass, None, some("ens5f0")));
    assert_eq!(host.told(Intent::Os), (Status::Fail, NOT_PINNED, some("ens5f0")));
}

/// Debian 12 calls it `enp1s2`, Debian 13 `ens2`, by the number that the firmware gives its slot behind a bridge.
#[test]
fn a_nic_that_the_next_release_really_renames() {
    let machine: Value = serde_json::from_str(include_str!("../../../tests/hosts/naming/i440fx.json")).unwrap();
    let mut host = Host::new();
    let link = host.links.remove("ens7").unwrap();
    host.links.insert("enp1s2".to_owned(), link);
    host.nic("enp1s2", serde_json::from_value(machine["enp1s2"]["nic"].clone()).unwrap());
    assert_eq!(host.told(Intent::Reboot), (Status::Pass, None, some("enp1s2")));
    assert_eq!(host.told(Intent::Os), (Status::Fail, WILL_RENAME, some("ens2")));
    host.os("ubuntu", "22.04").udev("249.11-0ubuntu3.12");
    assert_eq!(host.told(Intent::Os), (Status::Fail, NOT_PINNED, some("enp1s2")), "24.04 follows v255");
}

#[test]
fn a_name_that_two_nics_are_to_have_is_not_safe() {
    let machine: Value = serde_json::from_str(include_str!("../../../tests/hosts/naming/i440fx.json")).unwrap();
    let mut host = Host::new();
    host.renamed("ens2").link_file("[Match]\nPath=pci-0000:00:07.0\n[Link]\nName=ens2\n");
    assert_eq!(host.told(Intent::Os), (Status::Pass, None, some("ens2")));
    host.links.insert("enp1s2".to_owned(), Link { master: Some("br0".to_owned()), ..Link::default() });
    host.nic("enp1s2", serde_json::from_value(machine["enp1s2"]["nic"].clone()).unwrap());
    let told: Vec<_> = host.judge(Intent::Os).into_iter().map(|it| (it.subject, it.cause)).collect();
    assert_eq!(told, [("enp1s2".to_owned(), WILL_RENAME), ("ens2".to_owned(), WILL_RENAME)]);
}

#[test]
fn what_cannot_be_done_again_is_not_foreseen() {
    let mut host = Host::new();
    let mut nic = host.known_nic();
    nic.udev.as_mut().unwrap().insert("ID_NET_NAME_PATH".to_owned(), "enp9s9".to_owned());
    host.nic("ens7", nic.clone());
    // By the same rules udev's own words still count.
    assert_eq!(host.told(Intent::Reboot), (Status::Pass, None, some("ens7")));
    host.udev("257.7-1");
    assert_eq!(host.told(Intent::Reboot), (Status::Fail, NOT_PINNED, None));
    host.udev("999-1");
    assert_eq!(host.told(Intent::Reboot), (Status::Fail, NOT_PINNED, None));
    host.udev("252.39-1").nic("ens7", Nic { udev: None, ..nic });
    assert_eq!(host.told(Intent::Reboot), (Status::Fail, NOT_PINNED, None));
}

#[test]
fn without_dpkg_udev_is_taken_to_be_the_same() {
    let mut host = Host::new();
    host.answers.insert(Query::File(STATUS.to_owned()), Reading::Absent);
    let mut nic = host.known_nic();
    nic.udev.as_mut().unwrap().insert("ID_NET_NAMING_SCHEME".to_owned(), "rhel-9.0".to_owned());
    host.nic("ens7", nic).os("rhel", "9.4");
    assert_eq!(host.told(Intent::Reboot), (Status::Pass, None, some("ens7")));
    assert_eq!(host.told(Intent::Os), (Status::Fail, NOT_PINNED, None));
}

#[test]
fn the_kernel_counts_where_nothing_names() {
    let mut host = Host::new();
    host.text(COMMAND_LINE, "quiet net.ifnames=0 biosdevname=0\n");
    assert_eq!(host.told(Intent::Reboot), (Status::Fail, WILL_RENAME, None), "ens7 is no name of the kernel's");
    host.renamed("eth0");
    assert_eq!(host.told(Intent::Reboot), (Status::Pass, None, None), "the only one");
    assert_eq!(host.told(Intent::Os), (Status::Fail, NOT_PINNED, None));
    host.links.insert("eth1".to_owned(), Link::default());
    assert_eq!(host.told(Intent::Reboot), (Status::Fail, NOT_PINNED, None), "there is another");
    // A file still names, whatever the command line says.
    host.link_file("[Match]\nPath=pci-0000:00:07.0\n[Link]\nName=eth0\n");
    assert_eq!(host.told(Intent::Os), (Status::Pass, None, some("eth0")));
}

const BY_ADDRESS: &str = "[Match]\nPermanentMACAddress=52:54:00:a0:00:07\n[Link]\nName=ens7\n";

#[test]
fn what_leaves_it_open_is_told() {
    let mut host = Host::new();
    host.link_file("[Match]\nPath=pci-0000:00:07.0\n[Link]\nName=ens7\n");
    let nic = Nic { udev: None, ..host.known_nic() };
    host.nic("ens7", nic);
    let detail = |host: &Host| host.judge(Intent::Os)[0].detail.clone();
    assert_eq!(
        detail(&host),
        "it cannot be foreseen whether /etc/systemd/network/10-a.link names ens7: udev has no record of the device"
    );
    host.link_file("[Match]\nHost=hv-*\n[Link]\nName=ens7\n");
    assert!(detail(&host).ends_with("Host=hv-* asks about the system of the next boot"), "{}", detail(&host));
    host.link_file("[Match]\nOriginalName=eth0\n[Link]\nName=ens7\n");
    assert!(detail(&host).ends_with("some of the names that the kernel may give it"), "{}", detail(&host));
    let rule = "SUBSYSTEM==\"net\", TEST==\"/etc/flag\", NAME=\"ens7\"\n";
    host.files("/etc/udev/rules.d", "rules", &[("70-a.rules", rule)]);
    assert!(detail(&host).ends_with("whether TEST==\"/etc/flag\" holds is not known beforehand"), "{}", detail(&host));
}

#[test]
fn what_could_not_be_read_is_unknown() {
    let refused = || Reading::unreadable(TroubleCause::Denied, "no");
    for query in [
        Query::Links,
        Query::Addresses,
        Query::Nic("ens7".to_owned()),
        Query::File(COMMAND_LINE.to_owned()),
        Query::File(STATUS.to_owned()),
        Query::Files("/etc/systemd/network/*.link".to_owned()),
        Query::Files("/etc/udev/rules.d/*.rules".to_owned()),
        Query::Files("/etc/netplan/*.yaml".to_owned()),
        Query::Directory("/etc/systemd/network".to_owned()),
        Query::Ovsdb(Settings::default().ovs.socket()),
    ] {
        let mut host = Host::new();
        host.with_netplan().answers.insert(query.clone(), refused());
        let outcomes = match query {
            Query::Links => {
                let answers = Answers([(Query::Links, Asked { reading: refused(), micros: 0 })].into());
                let settings = Settings::default();
                judge(&Facts::new(&answers, &settings, Run { intent: Intent::Os, asked_at: "" }))
            }
            _ => host.judge(Intent::Os),
        };
        assert!(outcomes.iter().any(|outcome| outcome.status == Status::Unknown), "{query}: {outcomes:?}");
    }
}

#[test]
fn what_is_added_to_a_file_is_asked_for_and_counts() {
    let mut host = Host::new();
    let names = vec!["99-default.link.d".to_owned()];
    host.say(Query::Directory("/etc/systemd/network".to_owned()), Answer::Names(names));
    let pattern = "/etc/systemd/network/99-default.link.d/*.conf";
    let open = host.with_facts(Intent::Os, open_questions);
    assert_eq!(open, [Query::Nic("ens7".to_owned()), Query::Files(pattern.to_owned())]);
    let outcomes = host.judge(Intent::Os);
    assert_eq!((outcomes[0].status, outcomes[0].cause), (Status::Unknown, Some("not-asked")));
    host.files("/etc/systemd/network/99-default.link.d", "conf", &[("x.conf", "[Link]\nNamePolicy=path\n")]);
    assert_eq!(host.told(Intent::Reboot), (Status::Fail, WILL_RENAME, some("enp0s7")));
}

#[test]
fn only_hardware_that_carries_something_is_asked_about() {
    let nic = |kind: Option<&str>, master: Option<&str>, lower: Option<&str>| Link {
        kind: kind.map(str::to_owned),
        master: master.map(str::to_owned),
        lower: lower.map(str::to_owned),
        ..Link::default()
    };
    let mut host = Host::new();
    host.links.extend(
        [
            ("bonded", nic(None, Some("bond0"), None)),
            ("idle", nic(None, None, None)),
            ("addressed", nic(None, None, None)),
            ("local", nic(None, None, None)),
            ("tagged", nic(None, None, None)),
            ("tagged.7", nic(Some("vlan"), None, Some("tagged"))),
            ("tap0", nic(Some("tun"), Some("br0"), None)),
            ("veth0", nic(Some("veth"), Some("br0"), None)),
        ]
        .map(|(name, link)| (name.to_owned(), link)),
    );
    let address = |link: &str, scope: &str| Address {
        link: link.to_owned(),
        address: "192.0.2.7/24".to_owned(),
        scope: scope.to_owned(),
        permanent: true,
    };
    host.say(Query::Addresses, Answer::Addresses(vec![address("addressed", "global"), address("local", "link")]));
    let asked = host.with_facts(Intent::Os, open_questions);
    assert_eq!(asked, ["addressed", "bonded", "ens7", "tagged"].map(|name| Query::Nic(name.to_owned())));
}

#[test]
fn a_host_without_hardware_in_use_is_skipped() {
    let mut host = Host::new();
    host.links.remove("ens7");
    assert_eq!(host.told(Intent::Os), (Status::Skip, Some(NOT_PRESENT), None));
}
