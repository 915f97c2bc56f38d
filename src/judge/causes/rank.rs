//! How deep a fault lies: the deeper explains the other, never the other way round.

use super::Part;
use crate::model::Finding;

/// The ids from the deepest to what relies on everything. A fault that only some causes of an id are has a place of
/// its own.
const ORDER: [&[&str]; 17] = [
    &["ovs.daemons"],
    &["ovs.database-emptied"],
    &["ovs.bridge-kept"],
    &["ovs.port-kept"],
    &[MANAGER],
    &["network.link-kept"],
    &["ovs.uplink", "ovs.flows"],
    &[DOWN],
    &["network.address-kept"],
    &["network.route-kept", "network.rule-kept", "network.dns-kept"],
    &["services.kept"],
    &["services.unit"],
    &[CHANGED],
    &["management.reachable", "network.reachable", "ssh.reachable", "ovn.controller"],
    &["agent.service"],
    &["agent.connected", "agent.converged", "agent.certificate"],
    &["guests.kept"],
];

/// Whoever makes the network does not run.
const MANAGER: &str = "a stopped manager of the network";
/// A link without carrier, or switched off.
const DOWN: &str = "a link that is down";
/// What is there and made otherwise takes no address and no route away, and may carry nothing.
const CHANGED: &str = "a bridge, a port or its flows, changed";

/// What sets up links, addresses and routes.
const MANAGERS: [&str; 3] = ["systemd-networkd.service", "networking.service", "NetworkManager.service"];

/// How far a fault reaches beyond what it touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    Above,
    EveryDevice,
    /// It explains only its like.
    Size,
}

#[derive(Clone, Copy, Debug)]
pub struct Rank {
    /// Causes below this explain it.
    pub as_effect: u8,
    /// None for what explains nothing. Never less than `as_effect`: so no two explain each other.
    pub as_cause: Option<u8>,
    pub reach: Reach,
    /// Up to this place, what is wrong with a part strictly below is the same fault: a VLAN is gone with its bond.
    pub told_below: Option<u8>,
}

impl Rank {
    pub fn of(finding: &Finding, parts: &[Part]) -> Self {
        let (id, cause) = (finding.id.as_str(), finding.cause.as_deref());
        let plain =
            |name| Self { as_effect: place(name), as_cause: Some(place(name)), reach: Reach::Above, told_below: None };
        let is_manager = |part: &Part| matches!(part, Part::Unit(unit) if MANAGERS.contains(&unit.as_str()));
        match (id, cause) {
            ("network.link-kept", Some("renamed")) => Self { as_cause: None, ..plain(id) },
            ("network.link-kept", Some("mtu")) => Self { as_cause: None, reach: Reach::Size, ..plain(id) },
            ("network.link-kept", Some("down")) => Self { told_below: Some(place(DOWN)), ..plain(DOWN) },
            ("network.link-kept", _) => Self { told_below: Some(place(id)), ..plain(id) },
            ("ovs.bridge-kept" | "ovs.port-kept", Some("attributes-changed")) => {
                Self { as_cause: Some(place(CHANGED)), ..plain(id) }
            }
            ("ovs.flows", _) => Self { as_cause: Some(place(CHANGED)), ..plain(id) },
            ("ovs.port-kept", _) => Self { told_below: Some(place("network.link-kept")), ..plain(id) },
            ("ovs.uplink", _) => Self { told_below: Some(place(DOWN)), ..plain(id) },
            ("services.kept" | "services.unit", _) if !runs(finding) && parts.iter().any(is_manager) => {
                Self { reach: Reach::EveryDevice, ..plain(MANAGER) }
            }
            _ if ORDER.iter().any(|ids| ids.contains(&id)) => plain(id),
            // It has no place, so it explains nothing.
            _ => Self { as_effect: u8::MAX, as_cause: None, reach: Reach::Above, told_below: None },
        }
    }
}

/// What is switched off may run until the next boot, and then has taken nothing away yet.
fn runs(finding: &Finding) -> bool {
    finding.observed.get("active_state").is_none_or(|state| state == "active" || state == "reloading")
}

/// The last, where it has none.
fn place(name: &str) -> u8 {
    let place = ORDER.iter().position(|ids| ids.contains(&name));
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_one_of_the_catalog() {
        let catalog = crate::catalog::Catalog::load(&[], &[]).unwrap();
        let planned = ["agent.converged", "agent.certificate"];
        for id in ORDER.into_iter().flatten().filter(|id| !id.contains(' ') && !planned.contains(id)) {
            assert!(catalog.checks.iter().any(|check| check.id == *id), "{id}");
        }
    }
}
