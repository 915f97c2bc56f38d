//! One network device: what names it.

use crate::model::sorted::SortedMap;
use crate::model::stored::row;

/// From sysfs and from udev's database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nic {
    pub driver: Option<String>,
    /// `DEVTYPE` of its uevent: `vlan`, `bond`, `wlan`; none for an Ethernet card.
    pub device_type: Option<String>,
    /// `type`, an ARPHRD number: 1 for Ethernet, 32 for InfiniBand.
    pub hardware_type: u32,
    /// The bus that it is on, virtio passed over: `pci`, `usb`, `xen`, `vmbus`; none for what is no hardware.
    pub bus: Option<String>,
    /// The PCI function that it sits on, itself or through virtio; for a virtual function the physical one.
    pub pci: Option<PciFunction>,
    /// Which virtual function of `pci` it is.
    pub virtual_function: Option<u32>,
    /// `vif-3` of Xen
    pub xen_vif: Option<u32>,
    /// Its firmware describes it in a device tree, which may name it.
    pub has_device_tree_node: bool,
    pub dev_port: u32,
    pub dev_id: u32,
    /// `phys_port_name`
    pub physical_port: Option<String>,
    /// `addr_assign_type`: 0 for an address that the hardware has.
    pub address_kind: Option<u32>,
    /// `name_assign_type`: 1 as the kernel counted it, 2 as the kernel foresaw it, 4 where somebody renamed it.
    pub name_kind: Option<u32>,
    /// udev's properties of it; none where udev does not know it.
    pub udev: Option<SortedMap<String, String>>,
}

row!(
    Nic,
    Optional {
        driver,
        device_type,
        hardware_type,
        bus,
        pci,
        virtual_function,
        xen_vif,
        has_device_tree_node,
        dev_port,
        dev_id,
        physical_port,
        address_kind,
        name_kind,
        udev,
    }
);

#[derive(Clone, Debug, Default, PartialEq)]
pub struct PciFunction {
    /// `0000:00:03.0`
    pub address: String,
    pub acpi_index: Option<u32>,
    /// The firmware's onboard index (SMBIOS).
    pub index: Option<u32>,
    pub ari_enabled: bool,
    /// Other functions share its slot.
    pub multifunction: bool,
    /// The hotplug slot that it, or the nearest device above it that is in one, is in.
    pub slot: Option<PciSlot>,
    /// The firmware's slot number (`firmware_node/sun`) of the function.
    pub slot_user_number: Option<u32>,
    pub above: Option<PciAbove>,
}

row!(PciFunction, Optional { address, acpi_index, index, ari_enabled, multifunction, slot, slot_user_number, above });

#[derive(Clone, Debug, Default, PartialEq)]
pub struct PciSlot {
    /// The name under /sys/bus/pci/slots.
    pub number: u32,
    /// A bridge is in the slot, and with it all that is below the bridge.
    pub of_bridge: bool,
}

row!(PciSlot, Optional { number, of_bridge });

/// The PCI device right above a function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PciAbove {
    pub is_bridge: bool,
    pub slot_user_number: Option<u32>,
}

row!(PciAbove, Optional { is_bridge, slot_user_number });
