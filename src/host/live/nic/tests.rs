use std::os::unix::fs::symlink;

use super::*;
use crate::model::answer::{PciAbove, PciFunction, PciSlot};

/// A copy of what sysfs has, with files and links of our own.
struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for bus in ["pci", "virtio", "xen", "net"] {
            fs::create_dir_all(tree.0.path().join("sys/bus").join(bus)).unwrap();
        }
        fs::create_dir_all(tree.0.path().join("sys/bus/pci/slots")).unwrap();
        fs::create_dir_all(tree.0.path().join("sys/class/net")).unwrap();
        tree
    }

    fn device(&self, path: &str, bus: &str, attributes: &[(&str, &str)]) {
        let directory = self.0.path().join("sys/devices").join(path);
        fs::create_dir_all(&directory).unwrap();
        symlink(self.0.path().join("sys/bus").join(bus), directory.join("subsystem")).unwrap();
        for (name, text) in attributes {
            fs::create_dir_all(directory.join(name).parent().unwrap()).unwrap();
            fs::write(directory.join(name), format!("{text}\n")).unwrap();
        }
    }

    /// A NIC on the device at `path`.
    fn nic(&self, name: &str, path: &str, attributes: &[(&str, &str)]) {
        let at = format!("{path}/net/{name}");
        self.device(&at, "net", &[("type", "1"), ("ifindex", "4"), ("dev_id", "0x0"), ("addr_assign_type", "0")]);
        let devices = self.0.path().join("sys/devices");
        for (name, text) in attributes {
            fs::write(devices.join(&at).join(name), format!("{text}\n")).unwrap();
        }
        symlink(devices.join(path), devices.join(&at).join("device")).unwrap();
        symlink(devices.join(&at), self.0.path().join("sys/class/net").join(name)).unwrap();
    }

    fn slot(&self, name: &str, address: &str) {
        let directory = self.0.path().join("sys/bus/pci/slots").join(name);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("address"), format!("{address}\n")).unwrap();
    }

    fn config(&self, path: &str, header: u8) {
        let mut bytes = vec![0; 64];
        bytes[14] = header;
        fs::write(self.0.path().join("sys/devices").join(path).join("config"), bytes).unwrap();
    }

    fn ask(&self, name: &str) -> Nic {
        nic(self.0.path(), name).known().unwrap()
    }
}

#[test]
fn virtio_is_passed_over_and_udev_is_read() {
    let tree = Tree::new();
    tree.device("pci0000:00/0000:00:07.0", "pci", &[("class", "0x020000"), ("acpi_index", "5")]);
    tree.config("pci0000:00/0000:00:07.0", 0x80);
    tree.device("pci0000:00/0000:00:07.0/virtio4", "virtio", &[]);
    let name_kind = [("name_assign_type", "4"), ("dev_port", "1"), ("phys_port_name", "p0")];
    tree.nic("ens7", "pci0000:00/0000:00:07.0/virtio4", &name_kind);
    tree.slot("7", "0000:00:07");
    tree.slot("7-1", "0000:00:07");
    tree.slot("0", "0000:00:07");
    fs::create_dir_all(tree.0.path().join("run/udev/data")).unwrap();
    fs::write(tree.0.path().join("run/udev/data/n4"), "I:12\nE:ID_PATH=pci-0000:00:07.0\nE:X=a=b\nG:systemd\n")
        .unwrap();
    let found = tree.ask("ens7");
    let pci = PciFunction {
        address: "0000:00:07.0".to_owned(),
        acpi_index: Some(5),
        multifunction: true,
        slot: Some(PciSlot { number: 7, of_bridge: false }),
        ..PciFunction::default()
    };
    assert_eq!(found.pci, Some(pci));
    assert_eq!((found.bus.as_deref(), found.dev_port, found.physical_port.as_deref()), (Some("pci"), 1, Some("p0")));
    assert_eq!((found.name_kind, found.address_kind, found.hardware_type), (Some(4), Some(0), 1));
    let udev = found.udev.unwrap();
    assert_eq!(udev.get("ID_PATH").map(String::as_str), Some("pci-0000:00:07.0"));
    assert_eq!(udev.get("X").map(String::as_str), Some("a=b"));
    assert_eq!(udev.len(), 2);
}

#[test]
fn the_slot_of_the_nearest_device_above_is_found_and_told_as_a_bridges() {
    let tree = Tree::new();
    tree.device("pci0000:00/0000:00:02.0", "pci", &[("class", "0x060400"), ("firmware_node/sun", "9")]);
    tree.device("pci0000:00/0000:00:02.0/0000:01:00.0", "pci", &[("class", "0x020000"), ("ari_enabled", "1")]);
    tree.nic("enp1s0", "pci0000:00/0000:00:02.0/0000:01:00.0", &[]);
    tree.slot("3", "0000:00:02");
    tree.slot("8", "0000:02:00");
    let pci = tree.ask("enp1s0").pci.unwrap();
    assert_eq!(pci.slot, Some(PciSlot { number: 3, of_bridge: true }));
    assert_eq!(pci.above, Some(PciAbove { is_bridge: true, slot_user_number: Some(9) }));
    assert!(pci.ari_enabled && !pci.multifunction);
    assert_eq!(tree.ask("enp1s0").udev, None);
}

#[test]
fn a_virtual_function_is_known_by_its_physical_one() {
    let tree = Tree::new();
    let devices = tree.0.path().join("sys/devices/pci0000:00");
    tree.device("pci0000:00/0000:03:00.1", "pci", &[]);
    tree.device("pci0000:00/0000:03:02.3", "pci", &[]);
    symlink(devices.join("0000:03:00.1"), devices.join("0000:03:02.3/physfn")).unwrap();
    symlink(devices.join("0000:03:02.3"), devices.join("0000:03:00.1/virtfn5")).unwrap();
    tree.nic("enp3s0f1v5", "pci0000:00/0000:03:02.3", &[]);
    let found = tree.ask("enp3s0f1v5");
    assert_eq!(found.virtual_function, Some(5));
    assert_eq!(found.pci.unwrap().address, "0000:03:00.1");
}

#[test]
fn what_is_no_hardware_hangs_on_nothing() {
    let tree = Tree::new();
    tree.device("virtual/net/br0", "net", &[("type", "1"), ("ifindex", "9"), ("uevent", "DEVTYPE=bridge\nIFINDEX=9")]);
    symlink(tree.0.path().join("sys/devices/virtual/net/br0"), tree.0.path().join("sys/class/net/br0")).unwrap();
    let found = tree.ask("br0");
    assert_eq!((found.device_type.as_deref(), found.bus, found.pci), (Some("bridge"), None, None));
    tree.device("vif-2", "xen", &[]);
    tree.nic("eth2", "vif-2", &[]);
    assert_eq!((tree.ask("eth2").xen_vif, tree.ask("eth2").bus.as_deref()), (Some(2), Some("xen")));
}

#[test]
fn a_device_that_is_not_there_is_absent_and_no_name_leads_elsewhere() {
    let tree = Tree::new();
    assert_eq!(nic(tree.0.path(), "ens9"), Reading::Absent);
    for name in ["", "..", "a/b", "../../etc"] {
        assert!(matches!(nic(tree.0.path(), name), Reading::Unreadable(_)), "{name}");
    }
}

#[test]
fn a_database_that_cannot_be_read_is_told() {
    let tree = Tree::new();
    tree.device("pci0000:00/0000:00:07.0", "pci", &[]);
    tree.nic("ens7", "pci0000:00/0000:00:07.0", &[]);
    fs::create_dir_all(tree.0.path().join("run/udev/data/n4")).unwrap();
    assert!(matches!(nic(tree.0.path(), "ens7"), Reading::Unreadable(_)));
}
