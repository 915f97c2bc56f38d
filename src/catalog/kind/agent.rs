//! Checks of a vendor's agent.

use super::Spec;
use super::packages::STATUS;
use crate::catalog::fields::table;
use crate::catalog::settings::Settings;
use crate::model::Query;
use crate::model::sorted::SortedMap;
use crate::units::UnitName;

/// The agent's units run.
#[derive(Clone, Debug)]
pub struct Service {
    /// Unit → the package that brings it.
    pub units: SortedMap<UnitName, String>,
    /// The unit that starts the others: those need not be enabled.
    pub starter: UnitName,
    /// So long after its package was upgraded it may still be about to start.
    pub grace_seconds: u64,
}

table!(Service: units, starter, grace_seconds);

/// What dpkg writes when it installs a package.
pub fn installed(package: &str) -> Query {
    Query::Modified(format!("/var/lib/dpkg/info/{package}.list"))
}

impl Spec for Service {
    const CAUSES: &'static [&'static str] =
        &["inactive", "failed", "masked", "disabled", "crash-loop", "not-found-but-running", "missing", "starting"];

    fn questions(&self, _: &Settings) -> Vec<Query> {
        let both = |(unit, package): (&UnitName, &String)| [Query::Unit(unit.to_string()), installed(package)];
        self.units.iter().flat_map(both).chain([Query::File(STATUS.to_owned())]).collect()
    }
}

/// The agent speaks with its management plane: one of its units, or what it speaks through, holds a connection.
#[derive(Clone, Debug)]
pub struct Connected {
    /// The agent, and the unit that carries its connection to the outside.
    pub agent: UnitName,
    pub relay: UnitName,
    /// The packages of both: so long after one was upgraded they may still be about to connect.
    pub packages: Vec<String>,
    pub grace_seconds: u64,
}

table!(Connected: agent, relay, packages, grace_seconds);

impl Spec for Connected {
    const CAUSES: &'static [&'static str] = &["not-connected", "not-running"];

    fn questions(&self, _: &Settings) -> Vec<Query> {
        let units = [&self.agent, &self.relay].into_iter();
        units
            .flat_map(|unit| [Query::Unit(unit.to_string()), Query::Connections(unit.to_string())])
            .chain(self.packages.iter().map(|package| installed(package)))
            .collect()
    }
}
