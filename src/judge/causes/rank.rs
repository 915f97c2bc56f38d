//! How deep a fault lies: the deeper explains the other, never the other way round.

use serde_json::Value;

use super::Part;
use crate::model::Finding;

/// The ids from the deepest to what relies on everything. A fault that only some causes of an id are has a place of
/// its own.
const ORDER: [&[&str]; 18] = [
    &["ovs.daemons"],
    &["ovs.database-emptied"],
    &["ovs.bridge-kept"],
    &["ovs.port-kept"],
    &[HARDWARE],
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

/// Hardware that is gone: no manager of the network makes it.
const HARDWARE: &str = "a NIC that is gone";
/// Whoever makes the network does not run.
const MANAGER: &str = "a stopped manager of the network";
/// A link without carrier, or switched off.
const DOWN: &str = "a link that is down";
/// What is there and made otherwise takes no address and no route away, and may carry nothing.
const CHANGED: &str = "a bridge, a port or its flows, changed";

/// The attributes of the switch without which packets go elsewhere or nowhere. What else differs is a note to people,
/// or a matter of speed, and stops nothing.
const CARRYING: [&str; 16] = [
    "tag",
    "trunks",
    "vlan_mode",
    "bond_mode",
    "lacp",
    "type",
    "options",
    "fail_mode",
    "datapath_type",
    "controllers",
    // The port that the device is of: a member of a bond, or one by itself.
    "port",
    "other_config:flow-restore-wait",
    "external_ids:system-id",
    "external_ids:ovn-remote",
    "external_ids:ovn-bridge",
    "external_ids:ovn-bridge-mappings",
];

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
    /// It is switched on and has no carrier: nobody who sets up links pulls a plug.
    pub is_unplugged: bool,
}

impl Rank {
    pub fn of(finding: &Finding, parts: &[Part]) -> Self {
        let (id, cause) = (finding.id.as_str(), finding.cause.as_deref());
        let plain = |name| Self { as_effect: place(name), as_cause: Some(place(name)), ..Self::last() };
        let is_manager = |part: &Part| matches!(part, Part::Unit(unit) if MANAGERS.contains(&unit.as_str()));
        match (id, cause) {
            ("network.link-kept", Some("renamed")) => Self { as_cause: None, ..plain(id) },
            ("network.link-kept", Some("mtu")) => Self { as_cause: None, reach: Reach::Size, ..plain(id) },
            // What waits for its old name is switched on by nobody: what it carried tells of that.
            ("network.link-kept", Some("down")) if is_renamed(finding) => {
                Self { as_effect: place("network.route-kept"), as_cause: None, ..plain(id) }
            }
            ("network.link-kept", Some("down")) => {
                Self { told_below: Some(place(DOWN)), is_unplugged: is_unplugged(finding), ..plain(DOWN) }
            }
            ("network.link-kept", Some("missing"))
                if finding.expected.get("permanent_mac").is_some_and(Value::is_string) =>
            {
                plain(HARDWARE)
            }
            ("network.link-kept", _) => Self { told_below: Some(place(id)), ..plain(id) },
            ("ovs.bridge-kept" | "ovs.port-kept", Some("attributes-changed")) => {
                Self { as_cause: stops_traffic(finding).then_some(place(CHANGED)), ..plain(id) }
            }
            ("ovs.flows", _) => Self { as_cause: Some(place(CHANGED)), ..plain(id) },
            ("ovs.port-kept", _) => Self { told_below: Some(place("network.link-kept")), ..plain(id) },
            ("ovs.uplink", _) => {
                Self { told_below: Some(place(DOWN)), is_unplugged: is_unplugged(finding), ..plain(id) }
            }
            ("services.kept" | "services.unit", _) if !runs(finding) && parts.iter().any(is_manager) => {
                Self { reach: Reach::EveryDevice, ..plain(MANAGER) }
            }
            _ if ORDER.iter().any(|ids| ids.contains(&id)) => plain(id),
            // It has no place, so it explains nothing.
            _ => Self::last(),
        }
    }

    fn last() -> Self {
        Self { as_effect: u8::MAX, as_cause: None, reach: Reach::Above, told_below: None, is_unplugged: false }
    }
}

/// What is deep is told first.
pub fn depth(finding: &Finding) -> u8 {
    Rank::of(finding, &[Part::Unit(finding.subject.clone())]).as_effect
}

fn is_renamed(finding: &Finding) -> bool {
    finding.observed.get("name").and_then(Value::as_str).is_some_and(|name| name != finding.subject)
}

fn is_unplugged(finding: &Finding) -> bool {
    let is = |key, value| finding.observed.get(key) == Some(&Value::Bool(value));
    is("admin_up", true) && is("carrier", false)
}

fn stops_traffic(finding: &Finding) -> bool {
    let carries = |key: &String| {
        let key = key.strip_prefix("interface ").unwrap_or(key);
        CARRYING.iter().any(|it| key.strip_prefix(it).is_some_and(|rest| rest.is_empty() || rest.starts_with(':')))
    };
    finding.expected.keys().any(carries)
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
