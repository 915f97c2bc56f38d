//! A network device in sysfs and in the database of udev.

mod pci;

use std::fs;
use std::path::{Path, PathBuf};

use super::failure;
use super::files;
use crate::model::answer::Nic;
use crate::model::gather::Gather as _;
use crate::model::sorted::SortedMap;
use crate::model::{Reading, TroubleCause};

/// Far above what udev notes of one device.
const MOST_PROPERTIES: usize = 500;

pub fn nic(root: &Path, name: &str) -> Reading<Nic> {
    let directory = root.join("sys/class/net").join(name);
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Reading::unreadable(TroubleCause::Malformed, format!("`{name}` names no network device"));
    }
    let device = match directory.canonicalize() {
        Ok(device) => device,
        Err(error) => return failure::reading("cannot look at", &directory, &error),
    };
    // What every device has; the rest depends on its kind.
    let hardware_type = match attribute(&device, "type").and_then(|text| text.parse().ok()) {
        Some(number) => number,
        None => return Reading::unreadable(TroubleCause::Failed, format!("{} has no `type`", directory.display())),
    };
    let parent = pci::parent(&device);
    let bus = parent.as_deref().and_then(pci::subsystem);
    let function = parent.as_deref().filter(|_| bus.as_deref() == Some("pci"));
    let physical = function.and_then(pci::physical_function);
    let function = physical.as_ref().map(|(path, _)| path.as_path()).or(function);
    let index: Option<i32> = attribute(&device, "ifindex").and_then(|text| text.parse().ok());
    Reading::Known(Nic {
        driver: link_target(&device.join("device/driver")),
        device_type: uevent(&device, "DEVTYPE"),
        hardware_type,
        pci: function.map(|function| pci::function(root, function)),
        virtual_function: physical.as_ref().map(|(_, number)| *number),
        xen_vif: parent.as_deref().filter(|_| bus.as_deref() == Some("xen")).and_then(xen_vif),
        has_device_tree_node: [Some(device.as_path()), parent.as_deref()]
            .into_iter()
            .flatten()
            .any(|path| path.join("of_node").exists()),
        bus,
        dev_port: number(&device, "dev_port").unwrap_or(0),
        dev_id: number(&device, "dev_id").unwrap_or(0),
        physical_port: attribute(&device, "phys_port_name").filter(|name| !name.is_empty()),
        address_kind: number(&device, "addr_assign_type"),
        name_kind: number(&device, "name_assign_type"),
        udev: match index.map(|index| properties(&root.join(format!("run/udev/data/n{index}")))) {
            Some(Reading::Known(properties)) => Some(properties),
            Some(Reading::Unreadable(trouble)) => return Reading::Unreadable(trouble),
            Some(Reading::Absent) | None => None,
        },
    })
}

/// The `E:` lines of a device's entry in udev's database.
fn properties(entry: &Path) -> Reading<SortedMap<String, String>> {
    files::content(entry).map(|bytes| {
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
        lines.take(MOST_PROPERTIES).map(|(key, value)| (key.to_owned(), value.to_owned())).gather()
    })
}

/// `/sys/devices/vif-3` is the fourth interface of this guest of Xen.
fn xen_vif(parent: &Path) -> Option<u32> {
    parent.file_name()?.to_str()?.strip_prefix("vif-")?.parse().ok()
}

/// One line of sysfs. What the driver does not support cannot be read, and is not there.
fn attribute(directory: &Path, name: &str) -> Option<String> {
    let text = fs::read_to_string(directory.join(name)).ok()?;
    Some(text.trim_end().to_owned())
}

/// A number as the kernel writes it: decimal, or hexadecimal after `0x`.
fn number(directory: &Path, name: &str) -> Option<u32> {
    let text = attribute(directory, name)?;
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

fn uevent(directory: &Path, key: &str) -> Option<String> {
    let text = attribute(directory, "uevent")?;
    text.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.to_owned()))
}

/// The last part of where a link leads: how sysfs names a driver or a bus.
fn link_target(link: &Path) -> Option<String> {
    let target: PathBuf = fs::read_link(link).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests;
