//! What relies on what: a VLAN on the device below it, a bridge on its uplinks and on the switch, a peer on the
//! devices by which its packets leave.

mod ways;

use std::net::IpAddr;

use super::ovs_uplink::{KERNEL_DATAPATH, Links, Role, belongs_to_ovn, role};
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::ovs::{Bridge, Datum, Ovs, Port};
use crate::facts::wiring::{self, Wiring};
use crate::model::gather::Gather as _;
use crate::model::sorted::{SortedMap, SortedSet};
use ways::Ways;

/// A part of the host that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Open vSwitch as a whole.
    Switch,
    /// A bridge of the switch: that it is there, and made as it was. What it carries is its device.
    Bridge(String),
    /// A port of a bridge, or an interface of it: that it is in the switch, made as it was. Touches its device too.
    Port(String),
    /// A device of the kernel, or a bridge of the switch and what it carries, by its name in the baseline. `""` for the
    /// network as a whole, which whoever manages it makes.
    Device(String),
    /// What a device has of IPv4, or of IPv6: its addresses, and the routes by it.
    Family(String, bool),
    Unit(String),
    /// What is spoken with over the network: a URL, `host:port` or a host, and `""` for whatever lies outside.
    Peer(String),
    /// A connection of this address of the host with that one.
    Way(IpAddr, IpAddr),
    /// What answered, and said no: the way there is whole.
    Refuser(String),
}

/// The parts of a host as nodes, and which of them rely on which.
#[derive(Debug, Default)]
pub struct Topology {
    nodes: SortedMap<Part, usize>,
    /// For each node, those that rely on it.
    above: Vec<Vec<usize>>,
    /// For each node, those that it relies on.
    below: Vec<Vec<usize>>,
    ways: Ways,
}

impl Topology {
    /// As the baseline was put together; what it did not know, as it is now.
    pub fn new(now: &Facts<'_>, before: Option<&Before<'_>>) -> Self {
        let mut topology = Self { ways: Ways::new(now, before), ..Self::default() };
        if let Some(before) = before {
            topology.add(&before.facts);
        }
        topology.add(now);
        topology
    }

    /// The node of a part, made where nothing is known of it.
    pub fn node(&mut self, part: &Part) -> usize {
        if let Some(node) = self.nodes.get(part) {
            return *node;
        }
        let node = self.above.len();
        self.nodes.insert(part.clone(), node);
        self.above.push(Vec::new());
        self.below.push(Vec::new());
        let devices = match part {
            Part::Peer(target) => self.ways.devices(target),
            Part::Way(own, peer) => self.ways.between(*own, *peer),
            _ => Vec::new(),
        };
        for (device, v6) in devices {
            self.rely(node, &Part::Family(device, v6));
        }
        if let Part::Family(device, _) = part {
            self.rely(node, &Part::Device(device.clone()));
        }
        node
    }

    /// The node of a part of which something is known.
    pub fn find(&self, part: &Part) -> Option<usize> {
        self.nodes.get(part).copied()
    }

    pub fn len(&self) -> usize {
        self.above.len()
    }

    pub fn above(&self, node: usize) -> &[usize] {
        &self.above[node]
    }

    pub fn below(&self, node: usize) -> &[usize] {
        &self.below[node]
    }

    /// The devices that a part relies on, directly and not; itself, where it is one. The ports of a switch among them
    /// count as what they are named after.
    pub fn devices_below(&mut self, part: &Part) -> SortedSet<String> {
        let mut open = vec![self.node(part)];
        let mut seen: SortedSet<usize> = SortedSet::new();
        while let Some(node) = open.pop() {
            if seen.insert(node) {
                open.extend(self.below(node));
            }
        }
        let name = |(part, node): (&Part, &usize)| match part {
            Part::Device(name) | Part::Port(name) if !name.is_empty() && seen.contains(node) => Some(name.clone()),
            _ => None,
        };
        self.nodes.iter().filter_map(name).gather()
    }

    /// Every device that is known.
    pub fn devices(&self) -> impl Iterator<Item = usize> {
        self.nodes.iter().filter(|(part, _)| matches!(part, Part::Device(_))).map(|(_, node)| *node)
    }

    pub fn units(&self) -> SortedSet<usize> {
        self.nodes.iter().filter(|(part, _)| matches!(part, Part::Unit(_))).map(|(_, node)| *node).gather()
    }

    /// The devices among these parts, and those that rely on any of them: whose traffic stops when these do.
    pub fn devices_on(&mut self, parts: &[Part]) -> Vec<String> {
        let mut open: Vec<usize> = parts.iter().map(|part| self.node(part)).collect();
        let mut seen = SortedSet::new();
        while let Some(node) = open.pop() {
            if seen.insert(node) {
                open.extend(self.above(node));
            }
        }
        let device = |(part, node): (&Part, &usize)| match part {
            Part::Device(name) if seen.contains(node) && !name.is_empty() => Some(name.clone()),
            _ => None,
        };
        self.nodes.iter().filter_map(device).collect()
    }

    /// Says that `upper` relies on `lower`.
    pub fn relate(&mut self, upper: &Part, lower: &Part) {
        let upper = self.node(upper);
        self.rely(upper, lower);
    }

    fn rely(&mut self, upper: usize, part: &Part) {
        let lower = self.node(part);
        self.above[lower].push(upper);
        self.below[upper].push(lower);
    }

    /// What is known already stays as it is.
    fn add(&mut self, facts: &Facts<'_>) {
        let is_settled: Vec<bool> = self.below.iter().map(|below| !below.is_empty()).collect();
        let mut edges = Vec::new();
        if let Some(links) = facts.links().known() {
            of_the_kernel(links, &mut edges);
            if let Some(ovs) = facts.ovs().known() {
                of_the_switch(ovs, links, facts.wiring().known(), &mut edges);
            }
        }
        for (upper, lower) in edges {
            let upper = self.node(&upper);
            if is_settled.get(upper) != Some(&true) {
                self.rely(upper, &lower);
            }
        }
    }
}

type Edges = Vec<(Part, Part)>;

fn device(name: &str) -> Part {
    Part::Device(name.to_owned())
}

fn of_the_kernel(links: &Links, edges: &mut Edges) {
    for (name, link) in links {
        let lower = link.below();
        if let Some(lower) = lower.filter(|lower| lower != name) {
            edges.push((device(name), device(lower)));
        }
        // Guests' devices come and go: no bridge is cut off by one.
        let master = link.master.as_deref().filter(|_| link.kind.as_deref() != Some("tun"));
        let gathers = |master: &&str| {
            let kind = links.get(*master).and_then(|master| master.kind.as_deref());
            *master != KERNEL_DATAPATH && kind != Some("vrf")
        };
        if let Some(master) = master.filter(gathers) {
            edges.push((device(master), device(name)));
        }
    }
}

fn of_the_switch(ovs: &Ovs<'_>, links: &Links, wiring: Option<&Wiring<'_>>, edges: &mut Edges) {
    for bridge in &ovs.bridges {
        let own = Part::Bridge(bridge.name.to_string());
        edges.push((own.clone(), Part::Switch));
        edges.push((device(&bridge.name), own));
        for port in ovs.ports(bridge).into_iter().filter(|port| !belongs_to_ovn(bridge, port, ovs)) {
            of_a_port(bridge, port, ovs, links, edges);
        }
        if let Some(wired) = wiring.and_then(|wiring| wiring.bridges.get(bridge.name.as_ref())) {
            of_fake_bridges(wired, edges);
        }
    }
}

/// A fake bridge is a port that holds those of its VLAN, and reaches the outside by the others of its bridge.
fn of_fake_bridges(bridge: &wiring::Bridge<'_>, edges: &mut Edges) {
    let tag = |port: &wiring::Port<'_>| port.row.column("tag").and_then(Datum::integer);
    let is_fake = |port: &wiring::Port<'_>| {
        port.row.column("fake_bridge").and_then(Datum::boolean) == Some(true) && tag(port).is_some()
    };
    let has_device = |row: &wiring::Row<'_>| matches!(row.text("type").as_deref(), None | Some("" | "system" | "dpdk"));
    for (name, fake) in bridge.ports.iter().filter(|(_, port)| is_fake(port)) {
        for port in bridge.ports.values().filter(|port| !is_fake(port)) {
            let is_within = tag(port) == tag(fake);
            for interface in port.interfaces.iter().filter(|(_, row)| is_within || has_device(row)) {
                let (fake, other) = (port_of(name), port_of(interface.0));
                edges.push(if is_within { (other, fake) } else { (fake, other) });
            }
        }
    }
}

fn port_of(name: &str) -> Part {
    Part::Port(name.to_owned())
}

fn of_a_port(bridge: &Bridge<'_>, port: &Port<'_>, ovs: &Ovs<'_>, links: &Links, edges: &mut Edges) {
    let (own, carries) = (Part::Bridge(bridge.name.to_string()), device(&bridge.name));
    let interfaces = ovs.interfaces(port);
    if interfaces.iter().all(|interface| matches!(role(interface, links), Role::Guest)) {
        return;
    }
    edges.push((port_of(&port.name), own));
    for interface in interfaces {
        let name = interface.name.as_ref();
        if interface.name != port.name {
            edges.push((port_of(name), port_of(&port.name)));
        }
        match role(interface, links) {
            Role::Uplink => {
                edges.push((carries.clone(), port_of(name)));
                edges.push((port_of(name), device(name)));
            }
            // The switch makes the device; what it carries leaves by the bridge.
            Role::Internal if interface.kind == "internal" && name != bridge.name => {
                edges.push((device(name), port_of(name)));
                edges.push((device(name), carries.clone()));
            }
            Role::Internal | Role::Guest => {}
        }
    }
}
