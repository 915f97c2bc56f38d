//! What an operator says in `/etc/hostready/config.toml` beside the checks themselves.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::units::{AbsolutePath, Target};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub ovs: Ovs,
    pub management: Management,
    pub network: Network,
    pub host: HostSettings,
    pub waiver: Vec<Spanned<WaiverEntry>>,
}

/// Where Open vSwitch keeps its sockets: elsewhere in a snap or a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ovs {
    socket: Option<AbsolutePath>,
    run_directory: Option<AbsolutePath>,
    /// The PID file that vswitchd holds a lock on, where it is not in the run directory.
    vswitchd_pidfile: Option<AbsolutePath>,
}

impl Ovs {
    fn run_directory(&self) -> &str {
        self.run_directory.as_deref().unwrap_or("/run/openvswitch")
    }

    pub fn socket(&self) -> String {
        self.socket.as_deref().map_or_else(|| format!("{}/db.sock", self.run_directory()), str::to_owned)
    }

    pub fn vswitchd_pidfile(&self) -> String {
        let usual = || format!("{}/ovs-vswitchd.pid", self.run_directory());
        self.vswitchd_pidfile.as_deref().map_or_else(usual, str::to_owned)
    }

    pub fn management_socket(&self, bridge: &str) -> String {
        format!("{}/{bridge}.mgmt", self.run_directory())
    }

    /// Somebody told us where Open vSwitch is, so its absence is a fault.
    pub fn is_configured(&self) -> bool {
        self.socket.is_some() || self.run_directory.is_some() || self.vswitchd_pidfile.is_some()
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Management {
    /// What must answer before an upgrade: `https://…`, `http://…` or `host:port`.
    pub urls: Vec<Target>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    pub peers: Vec<Peer>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    pub address: Target,
    /// Only a required peer can block.
    #[serde(default)]
    pub required: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HostSettings {
    pub cluster: Option<String>,
    pub labels: BTreeMap<String, String>,
}

/// A finding that a person accepts until a date.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaiverEntry {
    pub id: String,
    pub subject: String,
    pub reason: String,
    /// `2026-12-31`; it holds through that day, UTC.
    pub expires: toml::value::Datetime,
}
