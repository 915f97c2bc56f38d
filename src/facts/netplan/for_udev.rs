//! What netplan writes for udev at every boot: a `.link` file and perhaps a rule for a device that it configures.
//!
//! Only what names devices is written here. Releases from 0.106 to 1.1 write the same.

use super::Problem;
use super::reader::Yaml;
use super::values;
use super::yaml::{Document, NodeId};
use crate::model::gather::Arrange as _;
use crate::model::sorted::SortedMap;

/// Under the name of the file that netplan writes.
pub type Written = SortedMap<String, File>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub text: String,
    /// The last of netplan's own files that says something of the device.
    pub by: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForUdev {
    /// `10-netplan-ID.link`
    pub links: Written,
    /// `99-netplan-ID.rules`
    pub rules: Written,
}

/// Settings that need a `.link` file, whatever the device is called.
const OFFLOADS: [&str; 7] = [
    "generic-receive-offload",
    "generic-segmentation-offload",
    "large-receive-offload",
    "receive-checksum-offload",
    "tcp-segmentation-offload",
    "tcp6-segmentation-offload",
    "transmit-checksum-offload",
];

/// `files` are those that count, and that netplan takes: see `check`.
pub fn for_udev<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<ForUdev, Problem> {
    let mut files: Vec<_> = files.into_iter().collect();
    files.arrange_by_key(|(path, _)| path.rsplit('/').next());
    let mut devices: SortedMap<String, Device> = SortedMap::new();
    for (path, text) in files {
        let yaml = Yaml(&Document::load(text)?);
        for (id, settings) in yaml.devices("ethernets") {
            let device = devices.entry(id.to_owned()).or_default();
            device.by = path.to_owned();
            yaml.pairs(settings).for_each(|(key, value)| device.set(&yaml, key, value));
        }
    }
    let mut written = ForUdev::default();
    for (id, device) in devices {
        let file = |text: String| File { text, by: device.by.clone() };
        written.links.extend(device.link(&id).map(|text| (format!("10-netplan-{id}.link"), file(text))));
        written.rules.extend(device.rule().map(|text| (format!("99-netplan-{id}.rules"), file(text))));
    }
    Ok(written)
}

/// What is said of one device, in whatever files: what is said last counts.
#[derive(Default)]
struct Device {
    has_match: bool,
    mac: Option<String>,
    name: Option<String>,
    drivers: Vec<String>,
    set_name: Option<String>,
    mtu: bool,
    wakes: bool,
    offloads: bool,
    by: String,
}

impl Device {
    fn set(&mut self, yaml: &Yaml<'_>, key: &str, value: NodeId) {
        let text = || yaml.text(value).map(str::to_owned);
        match key {
            "set-name" => self.set_name = text(),
            "mtu" => self.mtu = yaml.text(value) != Some("0"),
            "wakeonlan" => self.wakes = yaml.text(value).is_some_and(values::is_true),
            key if OFFLOADS.contains(&key) => self.offloads = true,
            "match" => {
                self.has_match = true;
                for (key, value) in yaml.pairs(value) {
                    let text = || yaml.text(value).map(str::to_owned);
                    match key {
                        "macaddress" => self.mac = text(),
                        "name" => self.name = text(),
                        "driver" => self.drivers = yaml.texts(value),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn link(&self, id: &str) -> Option<String> {
        let is_needed = self.set_name.is_some() || self.mtu || self.wakes || self.offloads;
        if !is_needed {
            return None;
        }
        let mut text = "[Match]\n".to_owned();
        let name = if self.has_match { self.name.as_deref() } else { Some(id) };
        let drivers = (!self.drivers.is_empty()).then(|| self.drivers.join(" "));
        for (key, value) in
            [("Driver", drivers.as_deref()), ("PermanentMACAddress", self.mac.as_deref()), ("OriginalName", name)]
        {
            text.extend(value.map(|value| format!("{key}={value}\n")));
        }
        text.push_str("\n[Link]\n");
        text.extend(self.set_name.as_ref().map(|name| format!("Name={name}\n")));
        Some(text)
    }

    /// By the address or by the driver alone: the kernel's name is gone when udev comes to this rule.
    fn rule(&self) -> Option<String> {
        let name = self.set_name.as_ref()?;
        let mut text = "SUBSYSTEM==\"net\", ACTION==\"add\", ".to_owned();
        match (self.drivers.is_empty(), &self.mac) {
            (true, None) => return None,
            (true, Some(_)) => text.push_str("DRIVERS==\"?*\", "),
            // Several of them fit no driver, since udev separates patterns by another sign.
            (false, _) => text.push_str(&format!("DRIVERS==\"{}\", ", self.drivers.join("\t"))),
        }
        text.extend(self.mac.as_ref().map(|mac| format!("ATTR{{address}}==\"{mac}\", ")));
        Some(format!("{text}NAME=\"{name}\"\n"))
    }
}

#[cfg(test)]
mod tests;
