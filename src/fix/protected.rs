//! The branch that somebody sits on: devices that carry a session, the default route, or the management address, with all
//! that lies below them.

use std::net::{IpAddr, SocketAddr};

use crate::facts::Facts;
use crate::fix::action::is_in_network;
use crate::host::invoker;
use crate::judge::topology::{Part, Topology};
use crate::model::answer::route::MAIN;
use crate::model::answer::{Address, Connection, Contact, Route};
use crate::model::plan::{Deed, Planned, Run};
use crate::model::run::Holds;
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Query, Reading};

/// What must not be interrupted without a timer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protected {
    /// Device → why.
    pub devices: SortedMap<String, String>,
    /// Why every device is, where it cannot be told which.
    pub all: Option<String>,
    /// Who is spoken with, how much of his address the way to him names, and what of.
    peers: Vec<(IpAddr, u32, String)>,
}

/// Who asked, and by which way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asker<'a> {
    /// The value of `SSH_CONNECTION`, where there is one.
    pub session: Option<&'a str>,
    pub service: Option<&'a str>,
}

/// What must be known to tell. What follows from the routes comes second.
pub fn questions(asker: Asker<'_>) -> Vec<Query> {
    let service = asker.service.map(|unit| Query::Connections(unit.to_owned()));
    [Query::Links, Query::Addresses, Query::Routes, Query::SshConnections].into_iter().chain(service).collect()
}

/// Whether the gateways answer.
pub fn second_questions(facts: &Facts<'_>) -> Vec<Query> {
    let routes: Option<&Vec<Route>> = facts.reading(&Query::Routes).known();
    defaults(routes.into_iter().flatten()).filter_map(|(_, gateway)| gateway.map(Query::Ping)).collect()
}

pub fn paths(facts: &Facts<'_>, asker: Asker<'_>) -> Protected {
    let Reading::Known(addresses) = facts.reading::<Vec<Address>>(&Query::Addresses) else {
        return Protected { all: Some(UNKNOWN.to_owned()), ..Protected::default() };
    };
    let mut paths = Paths { facts, addresses, topology: Topology::new(facts, None), found: Protected::default() };
    if paths.add_known(asker).is_none() {
        for address in addresses {
            paths.protect(&address.link, UNKNOWN);
        }
    }
    paths.found
}

const UNKNOWN: &str = "may carry a session: that cannot be read";

struct Paths<'f, 'a> {
    facts: &'f Facts<'a>,
    addresses: &'a [Address],
    topology: Topology,
    found: Protected,
}

impl Paths<'_, '_> {
    /// None where something of it cannot be read.
    fn add_known(&mut self, asker: Asker<'_>) -> Option<()> {
        let facts = self.facts;
        facts.links().known()?;
        let routes: &Vec<Route> = facts.reading(&Query::Routes).known()?;
        let sessions: &Vec<Connection> = facts.reading(&Query::SshConnections).known()?;
        // Of the same words the first count: why a device is protected is said of whoever asks, where it is his.
        if let Some([peer, own]) = asker.session.and_then(invoker::ends) {
            let is_it = |row: &&Connection| ip(&row.local) == Some(own.ip()) && ip(&row.peer) == Some(peer.ip());
            let is_alive = sessions.iter().find(is_it).is_none_or(|row| row.unanswered == 0);
            self.add_way((own.ip(), peer.ip()), is_alive, "carries the session that asks");
        }
        for session in sessions {
            self.add_connection(session, "carries an ssh session");
        }
        if let Some(service) = asker.service {
            match facts.reading::<Vec<Connection>>(&Query::Connections(service.to_owned())) {
                Reading::Known(connections) => {
                    for connection in connections {
                        self.add_connection(connection, &format!("carries a connection of {service}, which asks"));
                    }
                }
                Reading::Absent => {}
                Reading::Unreadable(_) => return None,
            }
        }
        for (device, _) in defaults(routes) {
            self.protect_living(&Part::Device(device), false, "has the default route");
        }
        for url in &facts.settings.management.urls {
            self.protect_living(&Part::Peer(url.to_string()), false, &format!("leads to {url}"));
        }
        Some(())
    }

    fn add_connection(&mut self, connection: &Connection, why: &str) {
        if let (Some(own), Some(peer)) = (ip(&connection.local), ip(&connection.peer)) {
            self.add_way((own, peer), connection.unanswered == 0, why);
        }
    }

    /// The device that has the address, and those by which the answers leave.
    fn add_way(&mut self, (own, peer): (IpAddr, IpAddr), is_alive: bool, why: &str) {
        if own.is_loopback() {
            return;
        }
        let holders = self.addresses.iter().filter(|row| ip(&row.address) == Some(own));
        let holders: Vec<String> = holders.map(|row| row.link.clone()).collect();
        for device in holders {
            self.protect_living(&Part::Device(device), is_alive, why);
        }
        self.protect_living(&Part::Way(own, peer), is_alive, why);
        let length = self.length_of_way(peer);
        self.found.peers.push((peer, length, why.to_owned()));
    }

    /// How much of the address the best way to it names, in the main table.
    fn length_of_way(&self, peer: IpAddr) -> u32 {
        let routes: Option<&Vec<Route>> = self.facts.reading(&Query::Routes).known();
        let ways = routes.into_iter().flatten().filter(|route| route.table == MAIN);
        ways.filter_map(|route| reaches(&route.destination, peer)).max().unwrap_or_default()
    }

    /// What a part relies on, but for what is dead and all that only this relies on.
    fn protect_living(&mut self, part: &Part, is_alive: bool, why: &str) {
        let all = self.topology.devices_below(part);
        let dead: Vec<&String> = all.iter().filter(|device| self.is_dead(device, is_alive)).collect();
        let mut without: SortedSet<String> = SortedSet::new();
        for device in dead {
            without.extend(self.topology.devices_below(&Part::Device(device.clone())).iter().cloned());
        }
        let living = || all.iter().filter(|device| !without.contains(*device));
        // What is meant comes before what lies below it: the words say so.
        let own = living().filter(|device| matches!(part, Part::Device(own) if own == *device));
        for device in own.chain(living()) {
            self.protect(device, why);
        }
    }

    fn protect(&mut self, device: &str, why: &str) {
        if device == "lo" {
            return;
        }
        self.found.devices.entry(device.to_owned()).or_insert_with(|| why.to_owned());
        for below in self.topology.devices_below(&Part::Device(device.to_owned())).iter() {
            self.found.devices.entry(below.clone()).or_insert_with(|| format!("lies below {device}, which {why}"));
        }
    }

    /// It carries nothing any more, so nobody is cut off: no carrier, or all of its gateways are silent and nobody speaks
    /// with an sshd over it. What is said to be alive speaks over it.
    fn is_dead(&self, device: &str, is_alive: bool) -> bool {
        let link = self.facts.links().known().and_then(|links| links.get(device));
        if link.is_some_and(|link| !link.carrier) {
            return true;
        }
        let routes: Option<&Vec<Route>> = self.facts.reading(&Query::Routes).known();
        let sessions: Option<&Vec<Connection>> = self.facts.reading(&Query::SshConnections).known();
        let defaults = defaults(routes.into_iter().flatten());
        let gateways: Vec<String> =
            defaults.filter(|(it, _)| it == device).filter_map(|(_, gateway)| gateway).collect();
        let is_silent = |gateway: &String| {
            let contact = self.facts.reading::<Contact>(&Query::Ping(gateway.clone()));
            matches!(contact, Reading::Known(Contact::NotReached { .. }))
        };
        let is_on_it = |session: &Connection| {
            let own = ip(&session.local);
            session.unanswered == 0 && self.addresses.iter().any(|row| row.link == device && ip(&row.address) == own)
        };
        let is_silent = !gateways.is_empty() && gateways.iter().all(is_silent);
        is_silent && !is_alive && !sessions.into_iter().flatten().any(is_on_it)
    }
}

/// Of `192.0.2.7/24`, and of one end of a connection.
fn ip(text: &str) -> Option<IpAddr> {
    match text.parse::<SocketAddr>() {
        Ok(end) => Some(end.ip().to_canonical()),
        Err(_) => text.split('/').next()?.parse().ok(),
    }
}

/// How much of an address the network of a route names, where the address lies in it.
fn reaches(destination: &str, address: IpAddr) -> Option<u32> {
    let whole = if address.is_ipv4() { 32 } else { 128 };
    let length = destination.split_once('/').map_or(Some(whole), |(_, length)| length.parse().ok())?;
    let network = format!("{}/{length}", destination.split('/').next().unwrap_or_default());
    is_in_network(&network, &address.to_string()).then_some(length)
}

/// The devices of the default routes, and their gateways.
fn defaults<'r>(routes: impl IntoIterator<Item = &'r Route>) -> impl Iterator<Item = (String, Option<String>)> {
    let default = routes.into_iter().filter(|route| route.destination == "default" && route.table == MAIN);
    default.flat_map(|route| &route.next_hops).filter_map(|hop| {
        let device = hop.link.clone()?;
        let gateway = hop.gateway.as_deref().map(|gateway| match gateway.trim_start_matches("inet6 ") {
            // Everybody has such an address; it means something on one link only.
            gateway if gateway.starts_with("fe80:") => format!("{gateway}%{device}"),
            gateway => gateway.to_owned(),
        });
        Some((device, gateway))
    })
}

/// Whom to ask whether the host can be reached: by what was touched, where a default route leads there.
pub fn gateways(routes: &[Route], touched: &[String]) -> Vec<String> {
    let (own, others): (Vec<_>, Vec<_>) = defaults(routes).partition(|(device, _)| touched.contains(device));
    let meant = if own.is_empty() { others } else { own };
    meant.into_iter().filter_map(|(_, gateway)| gateway).collect()
}

impl Protected {
    /// Whom a route that is put back would be answered by another way: it leads there by more of its address than any that
    /// there is.
    pub fn turns_away(&self, planned: &Planned) -> Option<String> {
        let made = planned.steps.iter().filter_map(|step| match &step.does {
            Deed::Run(Run { until: Some(Holds::Route { words, there: true }), .. }) => Some(words),
            _ => None,
        });
        made.filter(|words| !words.contains(" table ")).find_map(|words| {
            let is_turned = |(peer, length, _): &&(IpAddr, u32, String)| {
                words.split(' ').take(3).filter_map(|word| reaches(word, *peer)).any(|found| found > *length)
            };
            let (peer, _, why) = self.peers.iter().find(is_turned)?;
            Some(format!("`{}` leads to {peer}, and another way {why}", words.split_once(' ')?.1))
        })
    }

    /// Somebody speaks with this host right now.
    pub fn is_spoken_with(&self) -> bool {
        self.all.is_some() || !self.peers.is_empty()
    }

    /// Why these devices must not be touched now; none where they may be.
    pub fn forbids(&self, touches: &[String]) -> Option<String> {
        let first = touches.first()?;
        if let Some(why) = &self.all {
            return Some(format!("{first} {why}"));
        }
        let touched: SortedSet<&String> = touches.iter().collect();
        self.devices.iter().find(|(device, _)| touched.contains(device)).map(|(device, why)| format!("{device} {why}"))
    }
}

#[cfg(test)]
mod tests;
