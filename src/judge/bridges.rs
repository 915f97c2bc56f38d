//! The bridges of the switch as a tree: what is missing, new or moved since the baseline.

use super::kept::ovs_ports::is_of_others;
use super::ovs_uplink::Links;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::nics::{Nics, Whereabouts};
use crate::facts::ovs::Ovs;
use crate::model::gather::Gather as _;
use crate::model::report::{BridgeRow, Kept, PortRow};
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Finding, Reading, Status};

/// Whether attributes have changed the findings tell: so the tree and they cannot disagree. Empty where there is no
/// baseline, where nobody compared the ports, where there is no switch then and now, and where nobody can tell: the
/// devices could not be read, or vswitchd is not at work.
pub fn rows(findings: &[Finding], facts: &Facts<'_>, before: Option<&Before<'_>>) -> Vec<BridgeRow> {
    let was_compared = |finding: &Finding| finding.id == "ovs.port-kept" && finding.status != Status::Skip;
    let Some(before) = before.filter(|_| findings.iter().any(was_compared)) else { return Vec::new() };
    // What the database says is not what is, while nothing acts on it: the findings tell of that.
    if findings.iter().any(|it| it.id == "ovs.daemons" && matches!(it.status, Status::Fail | Status::Unknown)) {
        return Vec::new();
    }
    // Without the devices nobody knows whether a port has its own.
    let (Reading::Known(links), Reading::Known(links_then)) = (facts.links(), before.facts.links()) else {
        return Vec::new();
    };
    let nothing = Ovs::default();
    let (now, then) = match (facts.ovs(), before.facts.ovs()) {
        (Reading::Known(now), Reading::Known(then)) => (now, then),
        (Reading::Known(now), Reading::Absent) => (now, &nothing),
        // A switch that does not run has lost no bridge: that nobody answers is what the findings say.
        _ => return Vec::new(),
    };
    let nics = Nics::new(facts, before);
    let tree = Tree {
        now: View::new(now, links),
        then: View::new(then, links_then),
        nics: &nics,
        changed: changed(findings),
        faulty: faulty(findings),
    };
    let names: SortedSet<&str> = tree.then.bridges.keys().chain(tree.now.bridges.keys()).copied().collect();
    names.into_iter().map(|name| tree.bridge(name)).collect()
}

/// Subject → what was and what is, of what is there and made otherwise.
fn changed(findings: &[Finding]) -> SortedMap<&str, String> {
    let is_one = |finding: &&Finding| {
        finding.status == Status::Fail
            && finding.cause.as_deref() == Some("attributes-changed")
            && matches!(finding.id.as_str(), "ovs.bridge-kept" | "ovs.port-kept")
    };
    let words = |finding: &Finding| {
        let keys: Vec<&str> = finding.expected.keys().chain(finding.observed.keys()).map(String::as_str).collect();
        keys.into_iter().collect::<SortedSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
    };
    findings.iter().filter(is_one).map(|finding| (finding.subject.as_str(), words(finding))).gather()
}

/// Device of a port, or port → what is wrong with it that the switch's configuration does not show.
fn faulty(findings: &[Finding]) -> SortedMap<&str, String> {
    let is_one = |finding: &&Finding| {
        let cause = finding.cause.as_deref();
        finding.status == Status::Fail
            && match finding.id.as_str() {
                // Names and what is missing the tree finds by itself.
                "network.link-kept" => !matches!(cause, Some("renamed" | "missing")),
                "ovs.uplink" => finding.new == Some(true) && matches!(cause, Some("device-missing" | "not-attached")),
                _ => false,
            }
    };
    let words = |finding: &Finding| finding.cause.as_deref().unwrap_or_default().replace('-', " ");
    findings.iter().filter(is_one).map(|finding| (finding.subject.as_str(), words(finding))).gather()
}

/// Port → its interfaces.
type Ports<'v> = SortedMap<&'v str, SortedSet<&'v str>>;

/// One moment: the ports that somebody configured, and where each interface is.
struct View<'v> {
    bridges: SortedMap<&'v str, Seen<'v>>,
    /// Interface or port → bridge.
    places: SortedMap<&'v str, &'v str>,
}

#[derive(Default)]
struct Seen<'v> {
    /// Without the bridge's own one, which is the bridge.
    ports: Ports<'v>,
    others: usize,
}

impl<'v> View<'v> {
    fn new(ovs: &'v Ovs<'_>, links: &Links) -> Self {
        let mut view = Self { bridges: SortedMap::new(), places: SortedMap::new() };
        for bridge in &ovs.bridges {
            let name = bridge.name.as_ref();
            let mut seen = Seen::default();
            for port in ovs.ports(bridge).into_iter().filter(|port| port.name != bridge.name) {
                if is_of_others(bridge, port, ovs, links) {
                    seen.others += 1;
                    continue;
                }
                let interfaces: SortedSet<&str> = ovs.interfaces(port).iter().map(|it| it.name.as_ref()).gather();
                view.places.insert(&port.name, name);
                view.places.extend(interfaces.iter().map(|interface| (*interface, name)));
                seen.ports.insert(&port.name, interfaces);
            }
            view.bridges.insert(name, seen);
        }
        view
    }
}

struct Tree<'t> {
    now: View<'t>,
    then: View<'t>,
    nics: &'t Nics<'t>,
    changed: SortedMap<&'t str, String>,
    faulty: SortedMap<&'t str, String>,
}

impl Tree<'_> {
    fn bridge(&self, name: &str) -> BridgeRow {
        let (is_there, was_there) = (self.now.bridges.contains_key(name), self.then.bridges.contains_key(name));
        let change = self.changed.get(name).or_else(|| self.faulty.get(name));
        let state = match (was_there, is_there) {
            (true, true) if change.is_some() => Kept::Changed,
            (true, true) => Kept::Same,
            (true, false) => Kept::Missing,
            (false, _) => Kept::New,
        };
        let counted = if is_there { &self.now } else { &self.then };
        let others = counted.bridges.get(name).map_or(0, |seen| seen.others);
        let note = change.filter(|_| state == Kept::Changed).cloned();
        BridgeRow { name: name.to_owned(), state, note, ports: self.ports(name), owned_by_others: others }
    }

    fn ports(&self, bridge: &str) -> Vec<PortRow> {
        let none = Ports::new();
        let then = self.then.bridges.get(bridge).map_or(&none, |seen| &seen.ports);
        let now = self.now.bridges.get(bridge).map_or(&none, |seen| &seen.ports);
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

    fn port(&self, bridge: &str, name: &str, was: &SortedSet<&str>, is: Option<&SortedSet<&str>>) -> PortRow {
        let members = self.members(bridge, name, Some(was), is);
        let change = self.changed.get(format!("{bridge}/{name}").as_str()).cloned();
        let (state, note) = match change {
            Some(change) if is.is_some() => (Kept::Changed, Some(change)),
            // A bond has no device of its own.
            _ if !was.contains(name) && is.is_some() => (Kept::Same, None),
            _ => self.interface(&format!("{bridge}/{name}"), bridge, name, is.is_some()),
        };
        row(name, state, note, members)
    }

    /// Those of a bond, then and now.
    fn members(
        &self,
        bridge: &str,
        port: &str,
        was: Option<&SortedSet<&str>>,
        is: Option<&SortedSet<&str>>,
    ) -> Vec<PortRow> {
        let none = SortedSet::new();
        let (then, now) = (was.unwrap_or(&none), is.unwrap_or(&none));
        if then.iter().chain(now).all(|name| *name == port) {
            return Vec::new();
        }
        let kept = |name: &&str| {
            let subject = format!("{bridge}/{port}/{name}");
            let change = self.changed.get(subject.as_str()).cloned();
            let (state, note) = match change {
                Some(change) if now.contains(name) => (Kept::Changed, Some(change)),
                _ => self.interface(&subject, bridge, name, now.contains(name)),
            };
            row(name, state, note, Vec::new())
        };
        let is_new = |name: &&&str| was.is_some() && !then.contains(**name) && !self.is_renamed_here(bridge, name);
        let new = |name: &&str| row(name, Kept::New, self.origin(bridge, name), Vec::new());
        let rows_of_new = now.iter().filter(is_new).map(new);
        match was {
            Some(_) => then.iter().map(kept).chain(rows_of_new).collect(),
            None => now.iter().map(|name| row(name, Kept::New, None, Vec::new())).collect(),
        }
    }

    /// What became of a port or a bond's member that has a device of its own, and is or is not in its place.
    fn interface(&self, subject: &str, bridge: &str, name: &str, is_in_place: bool) -> (Kept, Option<String>) {
        let fault = || self.faulty.get(name).or_else(|| self.faulty.get(subject)).cloned();
        let place = self.nics.place(name);
        let on = |name: &str| self.now.places.get(name).copied();
        match place {
            Whereabouts::Renamed(now) => match on(now).filter(|_| self.then.places.get(now) != on(now).as_ref()) {
                Some(other) if other != bridge => (Kept::Moved, Some(format!("now {now} on {other}"))),
                Some(_) => (Kept::Moved, Some(format!("now called {now}"))),
                None => (Kept::Missing, Some(format!("the NIC is now called {now}"))),
            },
            Whereabouts::Gone if is_in_place => match self.nics.replacement(name) {
                Some(card) if card == name => (Kept::Changed, Some("another card has its name".to_owned())),
                _ => (Kept::Missing, Some("its device is gone".to_owned())),
            },
            _ if is_in_place => match fault() {
                Some(fault) => (Kept::Changed, Some(fault)),
                None => (Kept::Same, None),
            },
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
