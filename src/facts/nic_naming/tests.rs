//! Against what udev itself called the NICs of machines of several shapes: tests/hosts/naming/record.

use serde_json::Value;

use super::*;
use crate::model::answer::PciAbove;
use crate::model::sorted::SortedMap;

const MACHINES: [(&str, &str); 3] = [
    ("i440fx", include_str!("../../../tests/hosts/naming/i440fx.json")),
    ("q35", include_str!("../../../tests/hosts/naming/q35.json")),
    ("native", include_str!("../../../tests/hosts/naming/native.json")),
];

#[test]
fn udev_itself_gives_these_names_under_every_scheme() {
    let mut compared = SortedMap::<String, usize>::new();
    let mut differ = Vec::new();
    for (machine, text) in MACHINES {
        let nics: SortedMap<String, Value> = serde_json::from_str(text).unwrap();
        for (name, recorded) in nics {
            let nic: Nic = serde_json::from_value(recorded["nic"].clone()).unwrap();
            // The rules for what is on no PCI bus are not ours.
            if nic.bus.as_deref() != Some("pci") {
                continue;
            }
            for (release, schemes) in recorded["udev"].as_object().unwrap() {
                for (scheme, found) in schemes.as_object().unwrap() {
                    let text = |key: &str| found[key].as_str().map(str::to_owned);
                    let wanted = Candidates {
                        onboard: text("ID_NET_NAME_ONBOARD"),
                        slot: text("ID_NET_NAME_SLOT"),
                        path: text("ID_NET_NAME_PATH"),
                    };
                    let found = Candidates::under(Scheme::named(scheme).unwrap(), &nic, nic.physical_port.as_deref());
                    if found != wanted {
                        differ.push(format!("{machine} {name} {release} {scheme}: {found:?}, udev: {wanted:?}"));
                    }
                    *compared.entry(scheme.clone()).or_default() += 1;
                }
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    for scheme in ["v247", "v249", "v251", "v252", "v255", "v257"] {
        assert!(compared.get(scheme).is_some_and(|count| *count >= 20), "{scheme}: {compared:?}");
    }
}

fn nic(address: &str) -> Nic {
    let pci = PciFunction { address: address.to_owned(), ..PciFunction::default() };
    Nic { hardware_type: ETHERNET, pci: Some(pci), ..Nic::default() }
}

fn path(nic: &Nic, port: Option<&str>) -> String {
    Candidates::under(Scheme::NEWEST, nic, port).path.unwrap()
}

/// Of what no machine here could be given, by the text of systemd.net-naming-scheme(7).
#[test]
fn domains_ports_and_functions_are_part_of_the_name() {
    assert_eq!(path(&nic("0000:60:00.0"), None), "enp96s0");
    assert_eq!(path(&nic("0000:60:00.0"), Some("p0")), "enp96s0np0");
    assert_eq!(path(&nic("0002:00:00.0"), None), "enP2p0s0");
    assert_eq!(path(&Nic { dev_port: 1, ..nic("0000:60:00.0") }, None), "enp96s0d1");
    assert_eq!(path(&Nic { dev_port: 1, ..nic("0000:60:00.1") }, Some("p1")), "enp96s0f1np1");
    assert_eq!(path(&Nic { virtual_function: Some(3), ..nic("0000:60:00.1") }, Some("p1")), "enp96s0f1np1v3");
    assert_eq!(path(&Nic { hardware_type: INFINIBAND, dev_id: 1, ..nic("0000:60:00.0") }, None), "ibp96s0d1");
    let mut ari = nic("0000:60:01.2");
    ari.pci.as_mut().unwrap().ari_enabled = true;
    assert_eq!(path(&ari, None), "enp96s1f10");
    assert_eq!(Candidates::under(Scheme::NEWEST, &nic("nonsense"), None), Candidates::default());
}

#[test]
fn a_representor_is_counted_from_v254_on() {
    let under = |scheme| Candidates::under(Scheme::named(scheme).unwrap(), &nic("0000:03:00.0"), Some("pf0vf7")).path;
    assert_eq!(under("v253").as_deref(), Some("enp3s0npf0vf7"));
    assert_eq!(under("v255").as_deref(), Some("enp3s0r7"));
}

#[test]
fn xen_is_named_from_v250_on() {
    let nic = Nic { hardware_type: ETHERNET, bus: Some("xen".to_owned()), xen_vif: Some(0), ..Nic::default() };
    let under = |scheme| Candidates::under(Scheme::named(scheme).unwrap(), &nic, None).slot;
    assert_eq!((under("v249"), under("v252").as_deref()), (None, Some("enX0")));
}

#[test]
fn the_firmware_is_asked_for_the_slot_from_v257_on() {
    let slot = |own, above: Option<(bool, u32)>, multifunction| {
        let mut nic = nic("0000:03:00.0");
        let pci = nic.pci.as_mut().unwrap();
        pci.slot_user_number = own;
        pci.above = above.map(|(is_bridge, number)| PciAbove { is_bridge, slot_user_number: Some(number) });
        pci.multifunction = multifunction;
        let under = |scheme| Candidates::under(Scheme::named(scheme).unwrap(), &nic, None).slot;
        assert_eq!(under("v255"), None);
        under("v257")
    };
    assert_eq!(slot(Some(4), None, false).as_deref(), Some("ens4"));
    assert_eq!(slot(Some(0), None, false), None);
    assert_eq!(slot(None, Some((true, 4)), false), None, "a bridge has more below it");
    assert_eq!(slot(None, Some((true, 4)), true).as_deref(), Some("ens4f0"));
}

#[test]
fn releases_follow_their_own_rules() {
    for (version, scheme) in [
        ("247.3-7+deb11u5", "v247"),
        ("248-1", "v247"),
        ("249.11-0ubuntu3.12", "v249"),
        ("252.39-1~deb12u1", "v252"),
        ("254.5-1ubuntu3", "v253"),
        ("255.4-1ubuntu8.6", "v255"),
        ("256-1", "v255"),
        ("1:257.7-1", "v257"),
    ] {
        assert_eq!(Scheme::of_udev(version), Scheme::named(scheme), "{version}");
    }
    assert_eq!(Scheme::of_udev("245.4-4ubuntu3"), None);
    assert_eq!(Scheme::of_udev("999-1"), None, "its rules are not known");
    assert_eq!(Scheme::of_udev(""), None);
    for name in ["v238", "v248", "v256", "252", "rhel-9.0", "v", "latest"] {
        assert_eq!(Scheme::named(name), None, "{name}");
    }
    assert_eq!(Scheme::after(Some("ubuntu"), Some("22.04")).to_string(), "v255");
    assert_eq!(Scheme::after(Some("debian"), Some("13")), Scheme::NEWEST);
}
