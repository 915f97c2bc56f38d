//! Checks of Open vSwitch.

use super::Spec;
use super::packages::STATUS;
use crate::catalog::fields::table;
use crate::catalog::settings::Settings;
use crate::model::Query;
use crate::units::{AbsolutePath, UnitName};

/// Packages that bring Open vSwitch: where one is installed, a missing socket is a fault.
pub const PACKAGES: [&str; 2] = ["openvswitch-switch", "openvswitch-switch-dpdk"];

/// Databases that say the same where no package manager can: Open vSwitch built from source, or from an rpm.
pub const DATABASES: [&str; 2] = [OWN_DATABASE, "/var/lib/openvswitch/conf.db"];

/// Where Open vSwitch itself puts its database; Debian's packages keep it below /var, and only link to it here.
pub const OWN_DATABASE: &str = "/etc/openvswitch/conf.db";

/// The name under which the switch daemon runs.
pub const VSWITCHD: &str = "ovs-vswitchd";

/// What every check of Open vSwitch must know first.
pub(super) fn of_the_switch(settings: &Settings) -> Vec<Query> {
    let databases = DATABASES.into_iter().map(|database| Query::Exists(database.to_owned()));
    let switch = [
        Query::Ovsdb(settings.ovs.socket()),
        Query::Lock(settings.ovs.vswitchd_pidfile()),
        Query::File(STATUS.to_owned()),
    ];
    switch.into_iter().chain(databases).collect()
}

/// The database answers, vswitchd runs, and it has applied the configuration.
#[derive(Clone, Debug, Default)]
pub struct Daemons;

impl Spec for Daemons {
    const CAUSES: &'static [&'static str] = &["ovsdb-unreachable", "vswitchd-not-running", "config-not-applied"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        of_the_switch(settings)
    }
}

/// Every uplink of every bridge is attached for real.
#[derive(Clone, Debug, Default)]
pub struct Uplink;

impl Spec for Uplink {
    const CAUSES: &'static [&'static str] =
        &["device-missing", "nic-renamed", "busy", "link-down", "not-attached", "bond-member-down", "stale-guest-port"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        let mut asked = of_the_switch(settings);
        asked.push(Query::Links);
        asked
    }
}

/// A bridge in secure mode without flows carries nothing.
#[derive(Clone, Debug, Default)]
pub struct Flows;

impl Spec for Flows {
    fn questions(&self, settings: &Settings) -> Vec<Query> {
        of_the_switch(settings)
    }
}

/// ovn-controller runs, is connected, and understands what northd writes.
#[derive(Clone, Debug)]
pub struct Controller {
    pub unit: UnitName,
    pub log: AbsolutePath,
}

table!(Controller: unit, log);

impl Spec for Controller {
    const CAUSES: &'static [&'static str] = &[
        // Of its unit.
        "inactive",
        "failed",
        "masked",
        "disabled",
        "crash-loop",
        "not-found-but-running",
        "not-running",
        "not-connected",
        "version-mismatch",
        "version-must-match",
    ];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        vec![
            Query::Unit(self.unit.to_string()),
            Query::OvnController(settings.ovn.run_directory()),
            Query::Ovsdb(settings.ovs.socket()),
        ]
    }
}

/// Where databases lie that Open vSwitch set aside when it made a new one.
pub const DATABASE_DIRECTORIES: [&str; 2] = ["/etc/openvswitch", "/var/lib/openvswitch"];

/// What every check asks that compares the switch with that of a baseline.
fn of_the_configuration(settings: &Settings) -> Vec<Query> {
    let mut asked = of_the_switch(settings);
    asked.push(Query::OvsConfiguration(settings.ovs.socket()));
    asked
}

/// The database still holds what it held.
#[derive(Clone, Debug, Default)]
pub struct DatabaseKept;

impl Spec for DatabaseKept {
    fn questions(&self, settings: &Settings) -> Vec<Query> {
        let backups = DATABASE_DIRECTORIES.into_iter().map(|directory| Query::Listing(directory.to_owned()));
        of_the_configuration(settings).into_iter().chain(backups).collect()
    }

    fn remembered(&self, settings: &Settings) -> Vec<Query> {
        of_the_configuration(settings)
    }
}

/// Each bridge of the baseline is there, with its attributes.
#[derive(Clone, Debug, Default)]
pub struct BridgesKept;

impl Spec for BridgesKept {
    const CAUSES: &'static [&'static str] = &["missing", "attributes-changed"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        of_the_configuration(settings)
    }

    fn remembered(&self, settings: &Settings) -> Vec<Query> {
        of_the_configuration(settings)
    }
}

/// Each port of the baseline is on its bridge, with its attributes, whatever its device is called now.
#[derive(Clone, Debug, Default)]
pub struct PortsKept;

impl Spec for PortsKept {
    const CAUSES: &'static [&'static str] =
        &["nic-renamed", "detached", "wrong-bridge", "missing", "attributes-changed"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        let managers = super::network::of_the_managers();
        of_the_configuration(settings).into_iter().chain([Query::Links]).chain(managers).collect()
    }

    fn remembered(&self, settings: &Settings) -> Vec<Query> {
        of_the_configuration(settings)
    }
}
