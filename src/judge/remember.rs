//! What a snapshot reads and keeps beside what the checks of the moment ask.

use super::follow_up;
use crate::catalog::Check;
use crate::catalog::kind::network::NETWORKD_DIRECTORY;
use crate::catalog::settings::Settings;
use crate::facts::{Facts, identity};
use crate::model::Query;
use crate::model::gather::Gather as _;
use crate::model::sorted::SortedSet;

/// Where configuration lies of which the hash is kept, for a person who lays two snapshots side by side: no check
/// compares them.
const CONFIGURATION: [&str; 4] = [
    "/etc/netplan/*.yaml",
    "/etc/network/interfaces",
    "/etc/network/interfaces.d/*",
    "/etc/NetworkManager/system-connections/*",
];

/// Where the environments of agents lie.
const AGENTS: &str = "/opt";

/// What is asked at once: what the checks will compare, and what is kept for people and for repairs.
pub fn questions(compared: &[&Check], settings: &Settings) -> SortedSet<Query> {
    if compared.is_empty() {
        return SortedSet::new();
    }
    let hashes = CONFIGURATION.into_iter().map(|pattern| Query::Hashes(pattern.to_owned()));
    let networkd = ["network", "netdev", "link"].map(|kind| Query::Hashes(format!("{NETWORKD_DIRECTORY}/*.{kind}")));
    let others = [Query::GuestTaps, Query::PythonEnvironments(AGENTS.to_owned())];
    let of_checks = compared.iter().flat_map(|check| check.kind.remembered(settings));
    of_checks.chain(hashes).chain(networkd).chain(others).gather()
}

/// What is asked once links and bridges are known.
pub fn open_questions(facts: &Facts<'_>) -> SortedSet<Query> {
    let flows = follow_up::flows(facts);
    follow_up::hardware(facts).into_iter().chain(flows).gather()
}

/// What a later comparison lacks where it could not be read. What is kept for people alone it does not need.
pub fn needed(compared: &[&Check], settings: &Settings) -> SortedSet<Query> {
    compared.iter().flat_map(|check| check.kind.remembered(settings)).chain(identity::questions()).gather()
}

/// Whether an answer is of that kind, or among those that are `needed`.
pub fn is_needed(query: &Query, needed: &SortedSet<Query>) -> bool {
    matches!(query, Query::Nic(_) | Query::Flows(_) | Query::Unit(_)) || needed.contains(query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn what_no_check_compares_is_asked_and_not_missed() {
        let catalog = Catalog::load(&[], &[]).unwrap();
        let compared: Vec<&Check> = catalog.checks.iter().filter(|check| check.needs_baseline).collect();
        let of_checks = needed(&compared, &catalog.settings);
        let needed = |query: &Query| is_needed(query, &of_checks);
        let for_people: Vec<Query> =
            questions(&compared, &catalog.settings).into_iter().filter(|query| !needed(query)).collect();
        let is_of_people =
            |query: &Query| matches!(query, Query::Hashes(_) | Query::PythonEnvironments(_) | Query::GuestTaps);
        assert!(!for_people.is_empty() && for_people.iter().all(is_of_people), "{for_people:?}");
        for query in [Query::Links, Query::Routes, Query::UnitFiles, Query::Nic("ens3".to_owned())] {
            assert!(needed(&query), "{query}");
        }
    }
}
