//! Which devices netplan configures.

use super::Problem;
use super::reader::Yaml;
use super::yaml::Document;
use crate::model::gather::Arrange as _;
use crate::model::sorted::SortedMap;

const KINDS: [&str; 10] = [
    "ethernets",
    "wifis",
    "modems",
    "bridges",
    "bonds",
    "vlans",
    "tunnels",
    "vrfs",
    "dummy-devices",
    "virtual-ethernets",
];

/// One device, by what netplan finds it: of these what is there must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defined {
    /// The name that it has, or is given.
    pub name: Option<String>,
    /// A pattern of names.
    pub pattern: Option<String>,
    pub mac: Option<String>,
    /// The last file that says something of it.
    pub by: String,
}

/// `files` are those that count, and that netplan takes: see `check`.
pub fn defined<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Vec<Defined>, Problem> {
    let mut files: Vec<_> = files.into_iter().collect();
    files.arrange_by_key(|(path, _)| path.rsplit('/').next());
    let mut devices: SortedMap<String, (Defined, bool)> = SortedMap::new();
    for (path, text) in files {
        let document = Document::load(text)?;
        let yaml = Yaml(&document);
        for (id, settings) in KINDS.into_iter().flat_map(|kind| yaml.devices(kind)) {
            let (device, has_match) = devices.entry(id.to_owned()).or_default();
            device.by = path.to_owned();
            for (key, value) in yaml.pairs(settings) {
                match key {
                    "set-name" => device.name = yaml.text(value).map(str::to_owned),
                    "match" => {
                        *has_match = true;
                        for (key, value) in yaml.pairs(value) {
                            match key {
                                "macaddress" => device.mac = yaml.text(value).map(str::to_ascii_lowercase),
                                "name" => device.pattern = yaml.text(value).map(str::to_owned),
                                _ => {}
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    let named = |(id, (device, has_match)): (String, (Defined, bool))| match has_match {
        true => device,
        false => Defined { name: Some(id), ..device },
    };
    Ok(devices.into_iter().map(named).collect())
}
