//! The bridges of the switch as a tree: what is missing, new or moved since the baseline.

use std::collections::{BTreeMap, BTreeSet};

use super::ovs_uplink::{Links, OWNED_BY_OVN, looks_like_a_guests};
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::nics::{Nics, Whereabouts};
use crate::facts::wiring::{Bridge, Port, Wiring};
use crate::model::report::{BridgeRow, Kept, PortRow};
use crate::model::{Finding, Reading, Status};

/// Whether attributes have changed the findings tell: so the tree and they cannot disagree. Empty where there is no
/// baseline, where nobody compared the ports, and where there is no switch then and now, or nobody could look.
pub fn rows(findings: &[Finding], facts: &Facts<'_>, before: Option<&Before<'_>>) -> Vec<BridgeRow> {
    let was_compared = |finding: &Finding| finding.id == "ovs.port-kept" && finding.status != Status::Skip;
    let Some(before) = before.filter(|_| findings.iter().any(was_compared)) else { return Vec::new() };
    let nothing = Wiring::default();
    let (now, then) = match (facts.wiring(), before.facts.wiring()) {
        (Reading::Known(now), Reading::Known(then)) => (now, then),
        (Reading::Known(now), Reading::Absent) => (now, &nothing),
        // A switch that does not run has lost no bridge: that nobody answers is what the findings say.
        _ => return Vec::new(),
    };
    let none = Links::new();
    let nics = Nics::new(facts, before);
    let tree = Tree {
        now: View::new(now, facts.links().known().unwrap_or(&none)),
        then: View::new(then, before.facts.links().known().unwrap_or(&none)),
        nics: &nics,
        changed: changed(findings),
    };
    let names: BTreeSet<&String> = then.bridges.keys().chain(now.bridges.keys()).collect();
    names.into_iter().map(|name| tree.bridge(name)).collect()
}

/// Subject → what was and what is, of what is there and made otherwise.
fn changed(findings: &[Finding]) -> BTreeMap<&str, String> {
    let is_one = |finding: &&Finding| {
        finding.status == Status::Fail
            && finding.cause.as_deref() == Some("attributes-changed")
            && matches!(finding.id.as_str(), "ovs.bridge-kept" | "ovs.port-kept")
    };
    let words = |finding: &Finding| {
        let keys: Vec<&str> = finding.expected.keys().chain(finding.observed.keys()).map(String::as_str).collect();
        keys.into_iter().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
    };
    findings.iter().filter(is_one).map(|finding| (finding.subject.as_str(), words(finding))).collect()
}

/// One moment: where each interface is that somebody configured.
struct View<'v> {
    wiring: &'v Wiring<'v>,
    links: &'v Links,
    integration: Option<String>,
    /// Interface or port → bridge.
    places: BTreeMap<&'v str, &'v str>,
}

impl<'v> View<'v> {
    fn new(wiring: &'v Wiring<'v>, links: &'v Links) -> Self {
        let setting = |key| wiring.switch.value("external_ids", key);
        let uses_ovn = setting("ovn-remote").or(setting("ovn-encap-type")).or(setting("ovn-bridge")).is_some();
        let integration = setting("ovn-bridge").map_or_else(|| "br-int".to_owned(), |name| name.into_owned());
        let mut view = Self { wiring, links, integration: uses_ovn.then_some(integration), places: BTreeMap::new() };
        for (name, bridge) in &wiring.bridges {
            for (port, it) in view.own_ports(name, bridge) {
                view.places.insert(port, name);
                view.places.extend(it.interfaces.keys().map(|interface| (interface.as_str(), name.as_str())));
            }
        }
        view
    }

    /// The ports that somebody configured; the bridge's own one is the bridge.
    fn own_ports(&self, name: &str, bridge: &'v Bridge<'v>) -> Vec<(&'v str, &'v Port<'v>)> {
        let ports = bridge.ports.iter().filter(|(port, it)| *port != name && !self.is_others(name, it));
        ports.map(|(port, it)| (port.as_str(), it)).collect()
    }

    fn is_others(&self, bridge: &str, port: &Port<'_>) -> bool {
        self.integration.as_deref() == Some(bridge)
            || OWNED_BY_OVN.iter().any(|key| port.row.value("external_ids", key).is_some())
            || port.interfaces.iter().any(|(name, row)| {
                let has_device = matches!(row.text("type").as_deref(), None | Some("" | "system"));
                row.value("external_ids", "iface-id").is_some() || has_device && looks_like_a_guests(name, self.links)
            })
    }

    fn ports_of(&self, bridge: &str) -> BTreeMap<&'v str, &'v Port<'v>> {
        let found = self.wiring.bridges.get(bridge).map(|it| self.own_ports(bridge, it));
        found.into_iter().flatten().collect()
    }

    /// How many ports are others'.
    fn others(&self, bridge: &str) -> usize {
        let all = |it: &Bridge<'_>| it.ports.keys().filter(|port| *port != bridge).count();
        self.wiring.bridges.get(bridge).map_or(0, |it| all(it).saturating_sub(self.ports_of(bridge).len()))
    }
}

struct Tree<'t> {
    now: View<'t>,
    then: View<'t>,
    nics: &'t Nics<'t>,
    changed: BTreeMap<&'t str, String>,
}

impl Tree<'_> {
    fn bridge(&self, name: &str) -> BridgeRow {
        let (is_there, was_there) =
            (self.now.wiring.bridges.contains_key(name), self.then.wiring.bridges.contains_key(name));
        let change = self.changed.get(name);
        let state = match (was_there, is_there) {
            (true, true) if change.is_some() => Kept::Changed,
            (true, true) => Kept::Same,
            (true, false) => Kept::Missing,
            (false, _) => Kept::New,
        };
        let counted = if is_there { &self.now } else { &self.then };
        let note = change.filter(|_| state == Kept::Changed).cloned();
        BridgeRow { name: name.to_owned(), state, note, ports: self.ports(name), owned_by_others: counted.others(name) }
    }

    fn ports(&self, bridge: &str) -> Vec<PortRow> {
        let (then, now) = (self.then.ports_of(bridge), self.now.ports_of(bridge));
        let mut rows: Vec<PortRow> =
            then.iter().map(|(name, was)| self.port(bridge, name, was, now.get(name))).collect();
        for (name, it) in now.iter().filter(|(name, _)| !then.contains_key(*name)) {
            // Shown where it was, under the name that it had.
            if !self.is_renamed_here(bridge, name) {
                let members = self.members(bridge, name, None, Some(it));
                rows.push(row(name, Kept::New, self.origin(bridge, name), members));
            }
        }
        rows
    }

    fn port(&self, bridge: &str, name: &str, was: &Port<'_>, is: Option<&&Port<'_>>) -> PortRow {
        let members = self.members(bridge, name, Some(was), is.copied());
        let change = self.changed.get(format!("{bridge}/{name}").as_str()).cloned();
        let (state, note) = match change {
            Some(change) if is.is_some() => (Kept::Changed, Some(change)),
            // A bond has no device of its own.
            _ if !was.interfaces.contains_key(name) && is.is_some() => (Kept::Same, None),
            _ => self.interface(bridge, name, is.is_some()),
        };
        row(name, state, note, members)
    }

    /// Those of a bond, then and now.
    fn members(&self, bridge: &str, port: &str, was: Option<&Port<'_>>, is: Option<&Port<'_>>) -> Vec<PortRow> {
        let names = |port: Option<&Port<'_>>| -> BTreeSet<String> {
            port.into_iter().flat_map(|port| port.interfaces.keys().cloned()).collect()
        };
        let (then, now) = (names(was), names(is));
        if then.iter().chain(&now).all(|name| name == port) {
            return Vec::new();
        }
        let kept = |name: &String| {
            let change = self.changed.get(format!("{bridge}/{port}/{name}").as_str()).cloned();
            let (state, note) = match change {
                Some(change) if now.contains(name) => (Kept::Changed, Some(change)),
                _ => self.interface(bridge, name, now.contains(name)),
            };
            row(name, state, note, Vec::new())
        };
        let is_new = |name: &&String| was.is_some() && !then.contains(*name) && !self.is_renamed_here(bridge, name);
        let new = |name: &String| row(name, Kept::New, self.origin(bridge, name), Vec::new());
        let rows_of_new = now.iter().filter(is_new).map(new);
        match was {
            Some(_) => then.iter().map(kept).chain(rows_of_new).collect(),
            None => now.iter().map(|name| row(name, Kept::New, None, Vec::new())).collect(),
        }
    }

    /// What became of a port or a bond's member that has a device of its own, and is or is not in its place.
    fn interface(&self, bridge: &str, name: &str, is_in_place: bool) -> (Kept, Option<String>) {
        let place = self.nics.place(name);
        let on = |name: &str| self.now.places.get(name).copied();
        match place {
            Whereabouts::Renamed(now) => match on(now).filter(|_| self.then.places.get(now) != on(now).as_ref()) {
                Some(other) if other != bridge => (Kept::Moved, Some(format!("now {now} on {other}"))),
                Some(_) => (Kept::Moved, Some(format!("now called {now}"))),
                None => (Kept::Missing, Some(format!("the NIC is now called {now}"))),
            },
            _ if is_in_place => (Kept::Same, None),
            _ => match (on(name), place) {
                (Some(other), _) if other != bridge => (Kept::Moved, Some(format!("now on {other}"))),
                (Some(_), _) => (Kept::Moved, Some("now in the bridge otherwise".to_owned())),
                (None, Whereabouts::Gone) => (Kept::Missing, Some("there is no such device".to_owned())),
                (None, Whereabouts::Same) => (Kept::Missing, Some("the device is in no bridge".to_owned())),
                (None, _) => (Kept::Missing, None),
            },
        }
    }

    /// A NIC of this bridge that has this name now, and is shown under its old one.
    fn is_renamed_here(&self, bridge: &str, name: &str) -> bool {
        self.nics.before(name).is_some_and(|old| old != name && self.then.places.get(old) == Some(&bridge))
    }

    /// Where something new on a bridge was before.
    fn origin(&self, bridge: &str, name: &str) -> Option<String> {
        let old = self.nics.before(name).unwrap_or(name);
        let was = self.then.places.get(old).filter(|was| **was != bridge)?;
        Some(if old == name { format!("was on {was}") } else { format!("was {old} on {was}") })
    }
}

fn row(name: &str, state: Kept, note: Option<String>, members: Vec<PortRow>) -> PortRow {
    PortRow { name: name.to_owned(), state, note, members }
}

#[cfg(test)]
mod tests;
