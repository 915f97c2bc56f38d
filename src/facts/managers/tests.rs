use super::*;

/// As netplan's own documentation has it, and as cloud-init writes it.
const NETPLAN: &[u8] = b"network:
  version: 2
  renderer: networkd
  ethernets:
    eno1: {}
    uplink:
      match:
        macaddress: 52:54:00:AA:00:02
      set-name: ens8
    others:
      match:
        name: enp4s*
      dhcp4: true
  bridges:
    br-ex:
      interfaces: [eno1]
      openvswitch: {}
      addresses: [192.0.2.10/24]
  vlans:
    vlan10:
      id: 10
      link: eno1
";

const INTERFACES: &[u8] = b"# This file describes the network interfaces available on your system
source /etc/network/interfaces.d/*

auto lo
iface lo inet loopback

allow-ovs br-data
iface br-data inet static
    address 198.51.100.7/24
    ovs_type OVSBridge
    up ip rule add from 198.51.100.7 \\
        table 100
auto eno2 \\
  eno3
iface eno2 inet manual
iface \\
  eno3 inet manual
iface eno2:1 inet static
#iface eno4 inet dhcp
  iface eno5 inet6 auto
";

fn managers() -> Managers {
    let netplan = [("/etc/netplan/01.yaml", NETPLAN), ("/etc/netplan/50.yaml", b"network: {ethernets: {eno9: {}}}")];
    Managers::read(netplan, [("/etc/network/interfaces", INTERFACES)])
}

fn of(device: &str, address: Option<&str>) -> String {
    managers().of(device, address).map_or("-".to_owned(), |manager| format!("{} {}", manager.name, manager.file))
}

#[test]
fn netplan_finds_devices_by_name_by_pattern_and_by_address() {
    for device in ["eno1", "br-ex", "vlan10", "ens8", "enp4s0"] {
        assert_eq!(of(device, None), "netplan /etc/netplan/01.yaml", "{device}");
    }
    assert_eq!(of("eno9", None), "netplan /etc/netplan/50.yaml");
    assert_eq!(of("ens11", Some("52:54:00:aa:00:02")), "netplan /etc/netplan/01.yaml");
    for device in ["uplink", "others", "eno", "ens11"] {
        assert_eq!(of(device, Some("52:54:00:aa:00:99")), "-", "{device}");
    }
}

#[test]
fn ifupdown_manages_what_has_a_stanza() {
    for device in ["br-data", "eno2", "eno3", "eno5"] {
        assert_eq!(of(device, None), "ifupdown /etc/network/interfaces", "{device}");
    }
    for device in ["lo", "eno4", "eno2:1", ""] {
        assert_eq!(of(device, None), "-", "{device}");
    }
}

#[test]
fn what_cannot_be_read_manages_nothing() {
    let strange: [(&str, &[u8]); 3] = [("a.yaml", b"network: ["), ("b.yaml", b"\xff\xfe"), ("c.yaml", b"")];
    let managers = Managers::read(strange, [("interfaces", &b"iface\niface \\"[..]), ("other", &b"\xff"[..])]);
    assert_eq!(managers.of("eno1", None), None);
}
