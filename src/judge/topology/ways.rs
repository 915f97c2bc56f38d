//! By which devices packets leave for a peer.

use std::net::IpAddr;

use crate::facts::Facts;
use crate::facts::before::Before;
use crate::model::answer::route::MAIN;
use crate::model::answer::{Address, Route};
use crate::model::{Answers, Query};

#[derive(Debug, Default)]
pub struct Ways {
    routes: Vec<Way>,
    own: Vec<(IpAddr, String)>,
}

#[derive(Debug)]
struct Way {
    network: IpAddr,
    length: u8,
    metric: u32,
    is_main: bool,
    devices: Vec<String>,
}

impl Ways {
    /// Those of the baseline: what is gone now is what explains that a peer cannot be reached.
    pub fn new(now: &Facts<'_>, before: Option<&Before<'_>>) -> Self {
        let answers: Vec<&Answers> =
            before.map(|before| before.facts.answers).into_iter().chain([now.answers]).collect();
        let routes = answers.iter().find_map(|answers| answers.reading::<Vec<Route>>(&Query::Routes).known());
        let own = answers.iter().find_map(|answers| answers.reading::<Vec<Address>>(&Query::Addresses).known());
        let address = |row: &Address| Some((row.address.split('/').next()?.parse().ok()?, row.link.clone()));
        Self {
            routes: routes.into_iter().flatten().filter_map(Way::of).collect(),
            own: own.into_iter().flatten().filter_map(address).collect(),
        }
    }

    /// The devices by which packets leave for `target`; for an address of this host, the device that has it; each with
    /// whether it speaks IPv6. None where
    /// nothing is known of it.
    pub fn devices(&self, target: &str) -> Vec<(String, bool)> {
        let Ok(address) = host(target).parse::<IpAddr>() else { return self.outward() };
        let own: Vec<(String, bool)> = self
            .own
            .iter()
            .filter(|(own, _)| *own == address)
            .map(|(_, link)| (link.clone(), address.is_ipv6()))
            .collect();
        if !own.is_empty() || address.is_loopback() || address.is_unspecified() {
            return own;
        }
        self.to(address)
    }

    /// The device that has `own`, where one of the ways to `peer` leads by it: a rule may pick that by the source.
    pub fn between(&self, own: IpAddr, peer: IpAddr) -> Vec<(String, bool)> {
        let has_own = |(device, _): &(String, bool)| self.own.iter().any(|(it, link)| *it == own && link == device);
        let ways = self.routes.iter().filter(|way| way.leads_to(peer));
        match ways.flat_map(Way::leaves_by).find(has_own) {
            Some(device) => vec![device],
            None => self.to(peer),
        }
    }

    fn to(&self, address: IpAddr) -> Vec<(String, bool)> {
        // The tables beside the main one are for packets that a rule picks: they count where the main one has nothing.
        let matching = self.routes.iter().filter(|way| way.leads_to(address));
        let key = |way: &&Way| (way.is_main, way.length, std::cmp::Reverse(way.metric));
        let Some(best) = matching.clone().map(|way| key(&way)).max() else { return Vec::new() };
        matching.filter(|way| key(way) == best).flat_map(Way::leaves_by).collect()
    }

    /// For what has no address yet: where the default routes of both families lead.
    fn outward(&self) -> Vec<(String, bool)> {
        let default = |v4: bool| {
            let ways = self.routes.iter().filter(move |way| way.length == 0 && way.is_main);
            ways.filter(move |way| way.network.is_ipv4() == v4).min_by_key(|way| way.metric)
        };
        [true, false].into_iter().filter_map(default).flat_map(Way::leaves_by).collect()
    }
}

impl Way {
    fn of(route: &Route) -> Option<Self> {
        let devices: Vec<String> = route.next_hops.iter().filter_map(|hop| hop.link.clone()).collect();
        if route.kind != "unicast" || devices.is_empty() {
            return None;
        }
        let any = if route.ipv6 { "::/0" } else { "0.0.0.0/0" };
        let destination = if route.destination == "default" { any } else { &route.destination };
        let (network, length) = destination.split_once('/').unwrap_or((destination, ""));
        let network: IpAddr = network.parse().ok()?;
        let whole = if network.is_ipv4() { 32 } else { 128 };
        let length = if length.is_empty() { whole } else { length.parse().ok().filter(|length| *length <= whole)? };
        Some(Self { network, length, metric: route.metric, is_main: route.table == MAIN, devices })
    }

    fn leaves_by(&self) -> impl Iterator<Item = (String, bool)> {
        self.devices.iter().map(|device| (device.clone(), self.network.is_ipv6()))
    }

    fn leads_to(&self, address: IpAddr) -> bool {
        let differing = match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => (network.to_bits() ^ address.to_bits()).leading_zeros(),
            (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits() ^ address.to_bits()).leading_zeros(),
            _ => return false,
        };
        differing >= u32::from(self.length)
    }
}

/// The host of `https://host:port/path`, `icmp://host`, `tcp:host:port`, `[address]:port`, `host:port` or `host`.
fn host(target: &str) -> &str {
    let rest = target.split_once("://").map_or(target, |(_, rest)| rest);
    let rest = ["tcp:", "ssl:"].iter().find_map(|scheme| rest.strip_prefix(scheme)).unwrap_or(rest);
    let authority = rest.split(['/', '?', '#', ',']).next().unwrap_or(rest);
    if let Some((address, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address.split('%').next().unwrap_or(address);
    }
    match authority.split_once(':') {
        // More colons are those of an address.
        Some((host, port)) if !port.contains(':') => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answer::NextHop;

    fn route(text: &str) -> Route {
        let words: Vec<&str> = text.split(' ').collect();
        let after = |word: &str| words.iter().position(|it| *it == word).map(|at| words[at + 1].to_owned());
        Route {
            destination: words[0].to_owned(),
            ipv6: text.contains("::"),
            kind: "unicast".to_owned(),
            table: after("table").map_or(MAIN, |table| table.parse().unwrap()),
            metric: after("metric").map_or(0, |metric| metric.parse().unwrap()),
            next_hops: vec![NextHop { link: after("dev"), ..NextHop::default() }],
            ..Route::default()
        }
    }

    fn ways(routes: &[&str]) -> Ways {
        let own = vec![("192.0.2.7".parse().unwrap(), "br-ex".to_owned())];
        Ways { routes: routes.iter().filter_map(|text| Way::of(&route(text))).collect(), own }
    }

    fn names(ways: &Ways, target: &str) -> Vec<String> {
        ways.devices(target).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn packets_leave_by_the_longest_match_of_the_main_table() {
        let ways = ways(&[
            "default dev br-ex",
            "default dev ens3 metric 100",
            "::/0 dev bond2",
            "10.0.0.0/8 dev bond1",
            "10.1.0.0/16 dev bond1.200",
            "10.1.2.3 dev ens9",
            "10.1.0.0/24 dev ens10 table 100",
            "172.16.0.0/12 dev ens11 table 100",
            "2001:db8::/32 dev br-ex",
            "damaged/99 dev br-ex",
        ]);
        for (target, devices) in [
            ("10.9.9.9", &["bond1"][..]),
            ("https://10.1.0.9:8443/path", &["bond1.200"]),
            ("10.1.2.3:22", &["ens9"]),
            ("icmp://198.51.100.1", &["br-ex"]),
            ("tcp:172.16.0.1:6642,tcp:172.16.0.2:6642", &["br-ex"]),
            ("[2001:db8::1]:6642", &["br-ex"]),
            ("2001:db8::1", &["br-ex"]),
            ("[2001:db9::1]:6642", &["bond2"]),
            ("192.0.2.7:22", &["br-ex"]),
            ("127.0.0.1:22", &[]),
            ("0.0.0.0:22", &[]),
            ("[::1]:22", &[]),
            ("https://pcd.example/", &["br-ex", "bond2"]),
            ("pcd.example:443", &["br-ex", "bond2"]),
            ("", &["br-ex", "bond2"]),
        ] {
            assert_eq!(names(&ways, target), devices, "{target}");
        }
    }

    #[test]
    fn a_connection_leaves_by_the_device_of_its_source_where_a_way_leads_there() {
        let mut ways = ways(&["default dev ens3", "default dev br-ex table 100", "10.1.0.0/16 dev ens9"]);
        ways.own.push(("192.0.2.8".parse().unwrap(), "lo".to_owned()));
        for (own, peer, device) in [
            ("192.0.2.7", "198.51.100.1", "br-ex"),
            ("192.0.2.8", "198.51.100.1", "ens3"),
            ("192.0.2.8", "10.1.2.3", "ens9"),
            ("192.0.2.9", "198.51.100.1", "ens3"),
        ] {
            let found = ways.between(own.parse().unwrap(), peer.parse().unwrap());
            assert_eq!(found, [(device.to_owned(), false)], "{own} {peer}");
        }
    }

    #[test]
    fn another_table_counts_where_the_main_one_has_nothing() {
        let ways = ways(&["10.1.0.0/16 dev bond1.200", "172.16.0.0/12 dev ens11 table 100"]);
        assert_eq!(names(&ways, "172.16.0.1"), ["ens11"]);
        assert!(ways.devices("198.51.100.1").is_empty());
    }
}
