//! What an operator says in `/etc/hostready/config.toml` beside the checks themselves.

mod contacts;

use toml::Spanned;

use super::fields::table;
use crate::model::sorted::SortedMap;
use crate::units::AbsolutePath;
pub use contacts::{Management, Network, Peer, Way};

#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub ovs: Ovs,
    pub ovn: Ovn,
    pub management: Management,
    pub network: Network,
    pub host: HostSettings,
    pub waiver: Vec<Spanned<WaiverEntry>>,
    pub attestation: Vec<Spanned<Attestation>>,
}

table!(Settings:; ovs, ovn, management, network, host, waiver, attestation);

/// Where Open vSwitch keeps its sockets: elsewhere in a snap or a container.
#[derive(Clone, Debug, Default)]
pub struct Ovs {
    socket: Option<AbsolutePath>,
    run_directory: Option<AbsolutePath>,
    /// The PID file that vswitchd holds a lock on, where it is not in the run directory.
    vswitchd_pidfile: Option<AbsolutePath>,
}

table!(Ovs:; socket, run_directory, vswitchd_pidfile);

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

/// Where OVN keeps its sockets.
#[derive(Clone, Debug, Default)]
pub struct Ovn {
    run_directory: Option<AbsolutePath>,
}

table!(Ovn:; run_directory);

impl Ovn {
    pub fn run_directory(&self) -> String {
        self.run_directory.as_deref().unwrap_or("/run/ovn").to_owned()
    }
}

#[derive(Clone, Debug, Default)]
pub struct HostSettings {
    pub cluster: Option<String>,
    pub labels: SortedMap<String, String>,
}

table!(HostSettings:; cluster, labels);

/// A finding that a person accepts until a date.
#[derive(Clone, Debug)]
pub struct WaiverEntry {
    pub id: String,
    pub subject: String,
    pub reason: String,
    /// `2026-12-31`; it holds through that day, UTC.
    pub expires: toml::value::Datetime,
}

table!(WaiverEntry: id, subject, reason, expires);

/// What a person vouches for until a date, since no program can read it.
#[derive(Clone, Debug)]
pub struct Attestation {
    /// The check that it answers, such as `host.console`.
    pub id: String,
    /// What is vouched for, in a sentence.
    pub what: String,
    pub who: String,
    /// `2026-12-31`; it holds through that day, UTC.
    pub until: toml::value::Datetime,
}

table!(Attestation: id, what, who, until);

impl Attestation {
    pub fn holds(&self, now: &str) -> bool {
        holds(&self.until, now)
    }
}

impl Settings {
    /// What people said of a check.
    pub fn attestations(&self, id: &str) -> impl Iterator<Item = &Attestation> {
        self.attestation.iter().map(Spanned::get_ref).filter(move |it| it.id == id)
    }
}

/// Does a promise that ends on `day` still hold at `now`, an RFC 3339 time in UTC?
pub fn holds(day: &toml::value::Datetime, now: &str) -> bool {
    // Both are written largest unit first: their text orders as their time does, through that whole day.
    let day = day.to_string();
    let length = day.len().min(10);
    now.get(..length).is_none_or(|today| today <= &day[..length])
}
