//! The branch that somebody sits on: devices that carry a session, the default route, or the management address, with all
//! that lies below them.

use std::net::{IpAddr, SocketAddr};

use crate::facts::Facts;
use crate::host::invoker;
use crate::judge::topology::{Part, Topology};
use crate::model::answer::route::MAIN;
use crate::model::answer::{Address, Connection, Contact, Route};
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Query, Reading};

/// What must not be interrupted without a timer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protected {
    /// Device → why.
    pub devices: SortedMap<String, String>,
    /// Why every device is, where it cannot be told which.
    pub all: Option<String>,
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
        if let Some([peer, own]) = asker.session.and_then(invoker::ends) {
            self.add_way(own.ip(), peer.ip(), "carries the session that asks");
        }
        for session in sessions {
            self.add_connection(session, "carries an ssh session");
        }
        if let Some(service) = asker.service {
            let connections: &Vec<Connection> =
                facts.reading(&Query::Connections(service.to_owned())).known().unwrap_or(&NONE);
            for connection in connections {
                self.add_connection(connection, &format!("carries a connection of {service}, which asks"));
            }
        }
        for (device, _) in defaults(routes) {
            if !self.is_dead(&device, routes, sessions) {
                self.protect(&device, "has the default route");
            }
        }
        for url in &facts.settings.management.urls {
            for device in self.topology.devices_below(&Part::Peer(url.to_string())).iter() {
                if !self.is_dead(device, routes, sessions) {
                    self.protect(device, &format!("leads to {url}"));
                }
            }
        }
        Some(())
    }

    fn add_connection(&mut self, connection: &Connection, why: &str) {
        let end = |text: &str| text.parse::<SocketAddr>().ok().map(|end| end.ip().to_canonical());
        if let (Some(own), Some(peer)) = (end(&connection.local), end(&connection.peer)) {
            self.add_way(own, peer, why);
        }
    }

    /// The device that has the address, and those by which the answers leave.
    fn add_way(&mut self, own: IpAddr, peer: IpAddr, why: &str) {
        if own.is_loopback() {
            return;
        }
        let holders = self.addresses.iter().filter(|row| ip(row) == Some(own));
        let holders: Vec<&String> = holders.map(|row| &row.link).collect();
        for device in holders {
            self.protect(device, why);
        }
        for device in self.topology.devices_below(&Part::Way(own, peer)).iter() {
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
    /// with an sshd over it.
    fn is_dead(&self, device: &str, routes: &[Route], sessions: &[Connection]) -> bool {
        let link = self.facts.links().known().and_then(|links| links.get(device));
        if link.is_some_and(|link| !link.carrier) {
            return true;
        }
        let gateways: Vec<String> =
            defaults(routes).filter(|(it, _)| it == device).filter_map(|(_, gateway)| gateway).collect();
        let is_silent = |gateway: &String| {
            let contact = self.facts.reading::<Contact>(&Query::Ping(gateway.clone()));
            matches!(contact, Reading::Known(Contact::NotReached { .. }))
        };
        let is_on_it = |session: &Connection| {
            let own = session.local.parse::<SocketAddr>().ok().map(|end| end.ip().to_canonical());
            session.unanswered == 0 && self.addresses.iter().any(|row| row.link == device && ip(row) == own)
        };
        !gateways.is_empty() && gateways.iter().all(is_silent) && !sessions.iter().any(is_on_it)
    }
}

static NONE: Vec<Connection> = Vec::new();

fn ip(row: &Address) -> Option<IpAddr> {
    row.address.split('/').next()?.parse().ok()
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

/// Whom to ask whether the host can be reached.
pub fn gateways(routes: &[Route]) -> Vec<String> {
    defaults(routes).filter_map(|(_, gateway)| gateway).collect()
}

impl Protected {
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
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::Settings;
    use crate::facts::Run;
    use crate::judge::kept::staged::{NOW, Told, answers};
    use crate::model::answer::{Link, NextHop};
    use crate::model::report::Intent;
    use crate::model::{Answer, TroubleCause};

    /// A VLAN on a bond of two cards has the address and the default route; a third card has a network of its own.
    fn host(gateway: Contact, sessions: &[(&str, &str)]) -> Vec<Told<'static>> {
        let link = |lower: Option<&str>, master: Option<&str>| Link {
            lower: lower.map(str::to_owned),
            master: master.map(str::to_owned),
            carrier: true,
            ..Link::default()
        };
        let links = [
            ("bond0", link(None, None)),
            ("bond0.7", link(Some("bond0"), None)),
            ("eno1", link(None, Some("bond0"))),
            ("eno2", link(None, Some("bond0"))),
            ("eno3", link(None, None)),
            ("eno4", link(None, None)),
        ];
        let address = |link: &str, address: &str| Address {
            link: link.to_owned(),
            address: address.to_owned(),
            scope: "global".to_owned(),
            permanent: true,
        };
        let hop =
            NextHop { gateway: Some("192.0.2.1".to_owned()), link: Some("bond0.7".to_owned()), ..NextHop::default() };
        let route = Route {
            destination: "default".to_owned(),
            kind: "unicast".to_owned(),
            table: MAIN,
            next_hops: vec![hop],
            ..Route::default()
        };
        let session = |(local, peer): &(&str, &str)| Connection {
            local: (*local).to_owned(),
            peer: (*peer).to_owned(),
            accepted: true,
            ..Connection::default()
        };
        let own = vec![address("bond0.7", "192.0.2.10/24"), address("eno3", "198.51.100.3/24")];
        vec![
            ("links", Reading::Known(Answer::Links(links.map(|(name, link)| (name.to_owned(), link)).into()))),
            ("addresses", Reading::Known(Answer::Addresses(own))),
            ("routes", Reading::Known(Answer::Routes(vec![route]))),
            ("ssh-connections", Reading::Known(Answer::Connections(sessions.iter().map(session).collect()))),
            ("ping:192.0.2.1", Reading::Known(Answer::Contact(gateway))),
        ]
    }

    fn reached() -> Contact {
        Contact::Reached { status: None, verified: None }
    }

    fn found(told: &[Told<'_>], session: Option<&str>) -> Protected {
        let (answers, settings) = (answers(told), Settings::default());
        let facts = Facts::new(&answers, &settings, Run { intent: Intent::Agent, asked_at: NOW });
        paths(&facts, Asker { session, service: None })
    }

    fn names(protected: &Protected) -> serde_json::Value {
        json!(protected.devices.keys().collect::<Vec<_>>())
    }

    #[test]
    fn default_route_is_protected_with_all_below_it() {
        let protected = found(&host(reached(), &[]), None);
        assert_eq!(names(&protected), json!(["bond0", "bond0.7", "eno1", "eno2"]));
        let why = protected.forbids(&["eno2".to_owned()]).unwrap();
        assert_eq!(why, "eno2 lies below bond0.7, which has the default route");
        assert_eq!(protected.forbids(&["eno3".to_owned()]), None);
        assert_eq!(protected.forbids(&[]), None);
    }

    #[test]
    fn sessions_are_protected_and_a_silent_gateway_is_no_branch_to_sit_on() {
        let silent = || Contact::NotReached { reason: "silent".to_owned() };
        assert_eq!(names(&found(&host(silent(), &[]), None)), json!([]));
        let asks = found(&host(silent(), &[]), Some("198.51.100.9 51000 198.51.100.3 22"));
        assert!(asks.forbids(&["eno3".to_owned()]).unwrap().contains("session that asks"), "{asks:?}");
        // Somebody else's session over the silent way keeps it.
        let other = found(&host(silent(), &[("192.0.2.10:22", "192.0.2.9:51000")]), None);
        assert!(other.forbids(&["eno1".to_owned()]).unwrap().contains("an ssh session"), "{other:?}");
    }

    #[test]
    fn what_cannot_be_read_protects_whatever_has_an_address() {
        let mut told = host(reached(), &[]);
        told[3].1 = Reading::unreadable(TroubleCause::Denied, "no");
        assert_eq!(names(&found(&told, None)), json!(["bond0", "bond0.7", "eno1", "eno2", "eno3"]));
        told[1].1 = Reading::unreadable(TroubleCause::Denied, "no");
        assert!(found(&told, None).forbids(&["eno4".to_owned()]).is_some());
    }
}
