//! Answers as JSON.

use serde_json::value::{RawValue, to_raw_value};

use super::Answer;
use crate::model::Reading;
use crate::model::stored::choice;

impl Reading<Answer> {
    /// Reads one from its JSON. Its decoder is large, and would be made anew for each kind of input: there is this one.
    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Its JSON, by the one encoder that there is.
    pub fn to_json(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(self)
    }
}

choice! {
    Answer: Self::Exists(false);
    "text" => Text(content),
    "names" => Names(content),
    "exists" => Exists(content),
    "space" => Space(content),
    "lock" => Lock(content),
    "user" => User(content),
    "links" => Links(content),
    "addresses" => Addresses(content),
    "routes" => Routes(content),
    "rules" => Rules(content),
    "units" => Units(content),
    "unit" => Unit(content),
    "ovs-progress" => OvsProgress(content),
    "flows" => Flows(content),
    "processes" => Processes(content),
    "guests" => Guests(content),
    "clock" => Clock(content),
    "contact" => Contact(content),
    "deleted-open" => DeletedOpen(content),
    "freeable" => Freeable(content),
    "largest" => Largest(content),
    "nic" => Nic(content),
    "banner" => Banner(content),
    "listing" => Listing(content),
    "files" => Files(content),
    "initrd" => Initrd(content),
    "module" => Module(content),
    "python-environments" => PythonEnvironments(content),
    "ovn-controller" => OvnController(content),
    "unit-files" => UnitFiles(content),
    "connections" => Connections(content),
    "guest-taps" => GuestTaps(content),
    "hashes" => Hashes(content),
    "modified" => Modified(content),
    "archives" => Archives(content),
}
