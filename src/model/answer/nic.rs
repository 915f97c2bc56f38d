//! One network device: what names it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// From sysfs and from udev's database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Nic {
    pub driver: Option<String>,
    /// `DEVTYPE` of its uevent: `vlan`, `bond`, `wlan`; none for an Ethernet card.
    pub device_type: Option<String>,
    /// The PCI function that it sits on, itself or through virtio.
    pub pci: Option<PciFunction>,
    pub dev_port: u32,
    pub dev_id: u32,
    /// `phys_port_name`
    pub physical_port: Option<String>,
    /// `addr_assign_type`: 0 for an address that the hardware has.
    pub address_kind: Option<u32>,
    /// `name_assign_type`: 4 where somebody renamed it.
    pub name_kind: Option<u32>,
    /// udev's properties of it; none where udev does not know it.
    pub udev: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PciFunction {
    /// `0000:00:03.0`
    pub address: String,
    pub acpi_index: Option<u32>,
    /// The firmware's onboard index (SMBIOS).
    pub index: Option<u32>,
    pub label: Option<String>,
    pub ari_enabled: bool,
    /// Other functions share its slot.
    pub multifunction: bool,
    /// The hotplug slot that it, or a bridge above it, is in.
    pub slot: Option<PciSlot>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PciSlot {
    /// The name under /sys/bus/pci/slots.
    pub name: String,
    /// The slot belongs to a bridge above the function.
    pub of_bridge: bool,
}
