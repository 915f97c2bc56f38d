//! What a snapshot reads and keeps beside what the checks of the moment ask.

use std::collections::BTreeSet;

use super::follow_up;
use crate::catalog::Check;
use crate::catalog::kind::network::NETWORKD_DIRECTORY;
use crate::catalog::settings::Settings;
use crate::facts::{Facts, identity};
use crate::model::Query;
use crate::model::gather::Gather as _;

/// Where configuration lies of which the hash is kept: it tells a person what else has changed.
const CONFIGURATION: [&str; 4] = [
    "/etc/netplan/*.yaml",
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/*",
    "/etc/NetworkManager/system-connections/*",
];

/// Where the environments of agents lie.
const AGENTS: &str = "/opt";

/// What is asked at once: what the checks will compare, and what is kept for people and for repairs.
pub fn questions(compared: &[&Check], settings: &Settings) -> BTreeSet<Query> {
    if compared.is_empty() {
        return BTreeSet::new();
    }
    let hashes = CONFIGURATION.into_iter().map(|pattern| Query::Hashes(pattern.to_owned()));
    let networkd = ["network", "netdev", "link"].map(|kind| Query::Hashes(format!("{NETWORKD_DIRECTORY}/*.{kind}")));
    let others = [Query::GuestTaps, Query::PythonEnvironments(AGENTS.to_owned())];
    let of_checks = compared.iter().flat_map(|check| check.kind.remembered(settings));
    of_checks.chain(hashes).chain(networkd).chain(others).gather()
}

/// What is asked once links and bridges are known.
pub fn open_questions(facts: &Facts<'_>) -> BTreeSet<Query> {
    let flows = follow_up::flows(facts);
    follow_up::hardware(facts).into_iter().chain(flows).gather()
}

/// Whether an answer belongs into the snapshot.
pub fn is_kept(query: &Query, compared: &[&Check], settings: &Settings) -> bool {
    matches!(query, Query::Nic(_) | Query::Flows(_) | Query::Unit(_))
        || identity::questions().contains(query)
        || questions(compared, settings).contains(query)
}
