//! Who looks after a device: what is repaired by hand behind the back of a network manager, it undoes.

use super::netplan::{Defined, defined};
use super::wildcard;
use crate::model::sorted::SortedMap;

/// What configures a device, and where that is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    pub name: &'static str,
    pub file: String,
}

/// What is configured to be managed, as far as the files could be read.
#[derive(Debug, Default)]
pub struct Managers {
    netplan: Vec<Defined>,
    /// Device → the file that has its `iface` stanza.
    ifupdown: SortedMap<String, String>,
}

impl Managers {
    /// netplan's files that count, and those that ifupdown reads; both by path.
    pub fn read<'a>(
        netplan: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        ifupdown: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        let mut managers = Self { netplan: defined(netplan).unwrap_or_default(), ..Self::default() };
        for (path, text) in ifupdown {
            for device in interfaces(text) {
                managers.ifupdown.entry(device).or_insert_with(|| path.to_owned());
            }
        }
        managers
    }

    /// Who manages the device of this name and permanent address.
    pub fn of(&self, device: &str, address: Option<&str>) -> Option<Manager> {
        let is_meant = |defined: &&Defined| {
            let by_name = defined.name.as_deref() == Some(device);
            let by_pattern = defined.pattern.as_deref().is_some_and(|pattern| wildcard::matches(pattern, device));
            by_name || by_pattern || (defined.mac.is_some() && defined.mac.as_deref() == address)
        };
        if let Some(defined) = self.netplan.iter().find(is_meant) {
            return Some(Manager { name: "netplan", file: defined.by.clone() });
        }
        self.ifupdown.get(device).map(|file| Manager { name: "ifupdown", file: file.clone() })
    }
}

/// The devices that have an `iface` stanza: interfaces(5). A name with a label, `br0:1`, is an address of its device.
fn interfaces(text: &[u8]) -> Vec<String> {
    // A line that ends in a backslash goes on in the next.
    let text = String::from_utf8_lossy(text).replace("\\\n", " ");
    let stanzas = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("iface")).then(|| words.next()).flatten()
    });
    let devices = stanzas.filter_map(|name| name.split(':').next()).filter(|name| !matches!(*name, "" | "lo"));
    devices.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
