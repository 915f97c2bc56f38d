//! Where a device hangs: its PCI function, the bridges above, and the slots of the firmware.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{attribute, link_target, number};
use crate::model::answer::{PciAbove, PciFunction, PciSlot};
use crate::model::gather::Arrange as _;

/// Byte 14 of the configuration space: the type of the header, and in its high bit whether there are more functions.
const HEADER_TYPE: usize = 14;
const MULTIFUNCTION: u8 = 0x80;

/// More virtual functions than one physical function can have.
const MOST_VIRTUAL_FUNCTIONS: u32 = 4096;

/// What a network device hangs on, virtio passed over.
pub fn parent(device: &Path) -> Option<PathBuf> {
    let mut parent = device.join("device").canonicalize().ok()?;
    while subsystem(&parent).as_deref() == Some("virtio") {
        parent.pop();
    }
    Some(parent)
}

pub fn subsystem(device: &Path) -> Option<String> {
    link_target(&device.join("subsystem"))
}

/// The physical function behind a virtual one, and which of its virtual functions this is.
pub fn physical_function(function: &Path) -> Option<(PathBuf, u32)> {
    let physical = function.join("physfn").canonicalize().ok()?;
    let is_this = |number: &u32| {
        physical.join(format!("virtfn{number}")).canonicalize().is_ok_and(|virtual_one| virtual_one == function)
    };
    let number = (0..MOST_VIRTUAL_FUNCTIONS).find(is_this)?;
    Some((physical, number))
}

pub fn function(root: &Path, function: &Path) -> PciFunction {
    PciFunction {
        address: function.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        acpi_index: number(function, "acpi_index"),
        index: number(function, "index"),
        ari_enabled: attribute(function, "ari_enabled").as_deref() == Some("1"),
        multifunction: is_multifunction(function),
        slot: slot(root, function),
        slot_user_number: number(function, "firmware_node/sun"),
        above: above(function).map(|above| PciAbove {
            is_bridge: is_bridge(above),
            slot_user_number: number(above, "firmware_node/sun"),
        }),
    }
}

fn above(function: &Path) -> Option<&Path> {
    function.parent().filter(|above| subsystem(above).as_deref() == Some("pci"))
}

fn is_multifunction(function: &Path) -> bool {
    let mut header = [0; HEADER_TYPE + 1];
    let read = fs::File::open(function.join("config")).and_then(|mut config| config.read_exact(&mut header));
    read.is_ok() && header[HEADER_TYPE] & MULTIFUNCTION != 0
}

/// Its class says so: base class 06, subclass 04.
fn is_bridge(function: &Path) -> bool {
    number(function, "class").is_some_and(|class| class >> 8 == 0x0604)
}

/// The slot of the function, or of the nearest device above it that is in one.
fn slot(root: &Path, function: &Path) -> Option<PciSlot> {
    let slots = slots(root);
    let mut device = Some(function);
    while let Some(path) = device {
        let name = path.file_name()?.to_str()?;
        // The address of a slot has no function, and that of a slot on another bus no device.
        if let Some((number, _)) = slots.iter().find(|(_, address)| name.starts_with(address.as_str())) {
            return Some(PciSlot { number: *number, of_bridge: is_bridge(path) });
        }
        device = above(path);
    }
    None
}

/// The numbered slots, and the address of each: `3`, `0000:00:03`.
fn slots(root: &Path) -> Vec<(u32, String)> {
    let directory = root.join("sys/bus/pci/slots");
    let names = fs::read_dir(&directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let slot = |name: std::ffi::OsString| {
        let number = name.to_str()?.parse().ok().filter(|number| *number > 0)?;
        let address = attribute(&directory.join(name), "address").filter(|address| !address.is_empty())?;
        Some((number, address))
    };
    let mut slots: Vec<_> = names.filter_map(slot).collect();
    slots.arrange();
    slots
}
