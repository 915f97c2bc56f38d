//! Which names udev's `net_id` gives a NIC, by the rules of each release: systemd.net-naming-scheme(7).
//!
//! Only the rules since v247 are here. A name of an older scheme, or of a vendor's own, is not foreseen.

use std::fmt;

use crate::model::answer::{Nic, PciFunction};

/// The rules of one release of systemd: `v252`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scheme(u32);

/// All since the oldest that we know. Those after v257 changed nothing for what is on PCI.
const KNOWN: [u32; 12] = [247, 249, 250, 251, 252, 253, 254, 255, 257, 258, 259, 260];

/// Linux cuts names off: this many bytes, and no more.
pub const LONGEST_NAME: usize = 15;

const ETHERNET: u32 = 1;
const SLIP: u32 = 256;
const INFINIBAND: u32 = 32;

impl Scheme {
    pub const NEWEST: Self = Self(KNOWN[KNOWN.len() - 1]);

    /// `v252`, as udev notes it and the kernel's command line asks for it.
    pub fn named(name: &str) -> Option<Self> {
        let number = name.strip_prefix('v')?.parse().ok()?;
        KNOWN.contains(&number).then_some(Self(number))
    }

    /// What a release of udev follows by itself; `version` is the package's: `252.39-1~deb12u1`.
    pub fn of_udev(version: &str) -> Option<Self> {
        let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
        let digits = upstream.find(|c: char| !c.is_ascii_digit()).unwrap_or(upstream.len());
        let release: u32 = upstream[..digits].parse().ok()?;
        // v254 came after the release of its number, and no release ever followed it by itself.
        let is_its_own = |scheme: &u32| *scheme != 254 && *scheme <= release;
        let scheme = KNOWN.into_iter().rev().find(is_its_own)?;
        (release <= Self::NEWEST.0).then_some(Self(scheme))
    }

    /// What the release after this one follows.
    pub fn after(os: Option<&str>, version: Option<&str>) -> Self {
        match (os, version) {
            (Some("debian"), Some("11")) => Self(252),
            (Some("ubuntu"), Some("20.04")) => Self(249),
            (Some("ubuntu"), Some("22.04")) => Self(255),
            (Some("debian"), Some("12")) => Self(257),
            _ => Self::NEWEST,
        }
    }

    /// A device alone behind a bridge whose slot has a number does not take the number; several functions do.
    fn takes_slot_of_bridge(self, multifunction: bool) -> bool {
        multifunction && (251..255).contains(&self.0)
    }

    fn names_xen(self) -> bool {
        self.0 >= 250
    }

    fn counts_representors(self) -> bool {
        self.0 >= 254
    }

    fn asks_firmware_for_slot(self) -> bool {
        self.0 >= 257
    }

    /// VMware reports rubbish above.
    fn highest_index(self) -> u32 {
        if self.0 >= 249 { (1 << 16) - 1 } else { (1 << 14) - 1 }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "v{}", self.0)
    }
}

/// What `net_id` finds, in `ID_NET_NAME_ONBOARD` and so on. A name may be longer than Linux takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    pub onboard: Option<String>,
    pub slot: Option<String>,
    pub path: Option<String>,
}

impl Candidates {
    /// What udev itself noted when it last looked; none where it knows nothing of the device.
    pub fn noted(nic: &Nic) -> Option<Self> {
        let noted = nic.udev.as_ref()?;
        let name = |key: &str| noted.get(key).cloned();
        Some(Self {
            onboard: name("ID_NET_NAME_ONBOARD"),
            slot: name("ID_NET_NAME_SLOT"),
            path: name("ID_NET_NAME_PATH"),
        })
    }

    /// What it would find under a scheme; `port` is what the driver calls the port.
    pub fn under(scheme: Scheme, nic: &Nic, port: Option<&str>) -> Self {
        let Some(prefix) = prefix(nic) else { return Self::default() };
        if let Some(number) = nic.xen_vif.filter(|_| scheme.names_xen()) {
            return Self { slot: Some(format!("{prefix}X{number}")), ..Self::default() };
        }
        let Some((pci, address)) = nic.pci.as_ref().and_then(|pci| Some((pci, Address::parse(&pci.address)?))) else {
            return Self::default();
        };
        let function = address.function(pci).map_or_else(String::new, |number| format!("f{number}"));
        let domain = if address.domain > 0 { format!("P{}", address.domain) } else { String::new() };
        let virtual_function = nic.virtual_function.map_or_else(String::new, |number| format!("v{number}"));
        let end = |port: String| format!("{port}{virtual_function}");
        let index = pci.acpi_index.or(pci.index).filter(|index| *index <= scheme.highest_index());
        let (onboard_end, end) = (end(port_part(scheme, nic, port, false)), end(port_part(scheme, nic, port, true)));
        let Address { bus, device, .. } = address;
        Self {
            onboard: index.map(|index| format!("{prefix}o{index}{onboard_end}")),
            slot: slot(scheme, pci).map(|slot| format!("{prefix}{domain}s{slot}{function}{end}")),
            path: Some(format!("{prefix}{domain}p{bus}s{device}{function}{end}")),
        }
    }
}

fn prefix(nic: &Nic) -> Option<&'static str> {
    match (nic.hardware_type, nic.device_type.as_deref()) {
        (ETHERNET, Some("wlan")) => Some("wl"),
        (ETHERNET, Some("wwan")) => Some("ww"),
        (ETHERNET, _) => Some("en"),
        (INFINIBAND, _) => Some("ib"),
        (SLIP, _) => Some("sl"),
        _ => None,
    }
}

fn slot(scheme: Scheme, pci: &PciFunction) -> Option<u32> {
    let by_firmware = || {
        let above = || {
            let above = pci.above.as_ref()?;
            above.slot_user_number.filter(|_| !above.is_bridge || pci.multifunction)
        };
        pci.slot_user_number.filter(|number| *number > 0).or_else(|| above().filter(|number| *number > 0))
    };
    let by_hotplug = || {
        let slot = pci.slot.as_ref()?;
        Some(slot.number).filter(|_| !slot.of_bridge || scheme.takes_slot_of_bridge(pci.multifunction))
    };
    scheme.asks_firmware_for_slot().then(by_firmware).flatten().or_else(by_hotplug)
}

/// What tells the ports of one function apart.
fn port_part(scheme: Scheme, nic: &Nic, port: Option<&str>, minds_old_drivers: bool) -> String {
    if let Some(name) = port {
        let represented = scheme.counts_representors().then(|| represented_function(name)).flatten();
        return represented.map_or_else(|| format!("n{name}"), |number| format!("r{number}"));
    }
    // Old drivers of InfiniBand tell it in the other file.
    let asks_id = minds_old_drivers && nic.hardware_type == INFINIBAND;
    match (nic.dev_port, asks_id) {
        (0, true) if nic.dev_id > 0 => format!("d{}", nic.dev_id),
        (0, _) => String::new(),
        (number, _) => format!("d{number}"),
    }
}

/// `pf0vf3` stands for the third virtual function inside a guest.
pub fn represented_function(port: &str) -> Option<u32> {
    let (physical, rest) = port.strip_prefix("pf")?.split_once("vf")?;
    physical.parse::<u32>().ok()?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

/// `0000:03:00.1`
#[derive(Clone, Copy)]
struct Address {
    domain: u32,
    bus: u32,
    device: u32,
    function: u32,
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        let hexadecimal = |text: &str| u32::from_str_radix(text, 16).ok();
        let (place, function) = text.split_once('.')?;
        let mut parts = place.split(':').map(hexadecimal);
        match (parts.next()?, parts.next()?, parts.next()?, parts.next()) {
            (Some(domain), Some(bus), Some(device), None) => {
                Some(Self { domain, bus, device, function: function.parse().ok()? })
            }
            _ => None,
        }
    }

    /// Left out where there is only one. With ARI, device and function are one number.
    fn function(self, pci: &PciFunction) -> Option<u32> {
        let number = if pci.ari_enabled { self.function + self.device * 8 } else { self.function };
        (number > 0 || pci.multifunction).then_some(number)
    }
}

#[cfg(test)]
mod tests;
