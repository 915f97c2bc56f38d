//! What the kernel's network is changed with: the words of `ip`, each with what must hold then.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::Context;
use crate::judge::kept::devices::Devices;
use crate::model::answer::{Link, Route};
use crate::model::gather::Gather as _;
use crate::model::plan::{Deed, Planned, Run, Step};
use crate::model::run::Holds;
use crate::model::{Finding, Query};

/// A fix of which nothing is planned yet.
pub fn draft(fix: &str, finding: &Finding, context: &Context<'_>) -> Planned {
    Planned {
        fix: fix.to_owned(),
        subject: finding.subject.clone(),
        mends: finding.reference(),
        why: finding.detail.split("; ").next().unwrap_or_default().to_owned(),
        steps: Vec::new(),
        undo: context.catalog.fix(fix).map(|fix| fix.undo.clone()).unwrap_or_default(),
        risk: None,
        needs: Vec::new(),
        touches: Vec::new(),
        frees_bytes: None,
        before: Map::new(),
        after: Map::new(),
        refused: None,
    }
}

impl Planned {
    /// The same, and nothing of it is to be done.
    #[must_use]
    pub fn refused(self, why: String) -> Self {
        Self { steps: Vec::new(), refused: Some(why), ..self }
    }
}

pub fn word<'f>(of: &'f Map<String, Value>, name: &str) -> Option<&'f str> {
    of.get(name).and_then(Value::as_str)
}

pub fn pairs(pairs: &[(&str, Option<&str>)]) -> Map<String, Value> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).gather()
}

fn deed(words: &[&str], until: Holds) -> Deed {
    Deed::Run(Run::new(words).until(until))
}

fn has(device: &str, address: &str, there: bool) -> Holds {
    Holds::Address { device: device.to_owned(), address: address.to_owned(), there }
}

/// What every network manager sets beside it goes with it: the broadcast address of its network.
pub fn add_address(device: &str, address: &str, scope: &str, is_ours: bool) -> Deed {
    let is_ipv6 = address.contains(':');
    let mut words = vec!["ip", "address", "add", address];
    if !is_ipv6 && !address.ends_with("/32") && !address.ends_with("/31") {
        words.extend(["broadcast", "+"]);
    }
    words.extend(["dev", device]);
    if !matches!(scope, "global" | "") {
        words.extend(["scope", scope]);
    }
    // What this host has already nobody else has: it need not be asked for, which takes a second or two.
    if is_ipv6 && is_ours {
        words.push("nodad");
    }
    deed(&words, has(device, address, true))
}

pub fn remove_address(device: &str, address: &str) -> Deed {
    deed(&["ip", "address", "del", address, "dev", device], has(device, address, false))
}

/// What nobody asks for again until his memory of it ages: by which hardware address it is reached.
pub fn announce(device: &str, address: &str) -> Deed {
    let address = address.split('/').next().unwrap_or_default();
    Deed::Announce { device: device.to_owned(), address: address.to_owned() }
}

/// Up and as large as it was, as far as it is not.
pub fn link_steps(device: &str, now: &Link, then: Option<&Link>) -> Vec<Step> {
    let Some(then) = then else { return Vec::new() };
    // The switch sets the size of its own devices.
    let is_of_switch = now.kind.as_deref() == Some("openvswitch");
    let size = (then.mtu != now.mtu && !is_of_switch).then(|| sized(device, then.mtu, now.mtu));
    let up = (then.admin_up && !now.admin_up).then(|| switched(device, true, false));
    size.into_iter().chain(up).collect()
}

/// As large as it `is` to be; and back.
pub fn sized(device: &str, is: u32, was: u32) -> Step {
    let set = |mtu: u32| {
        let until = Holds::LinkMtu { name: device.to_owned(), mtu };
        deed(&["ip", "link", "set", "dev", device, "mtu", &mtu.to_string()], until)
    };
    Step { does: set(is), undoes: vec![set(was)] }
}

/// Switches a link on or off; and back, where it `was` otherwise.
pub fn switched(device: &str, up: bool, was: bool) -> Step {
    let set = |up: bool| {
        let until = Holds::LinkUp { name: device.to_owned(), up };
        deed(&["ip", "link", "set", "dev", device, if up { "up" } else { "down" }], until)
    };
    let undoes = if was == up { Vec::new() } else { vec![set(was)] };
    Step { does: set(up), undoes }
}

/// `ip route add` and its like of this very route.
pub fn route(route: &Route, verb: &str) -> Deed {
    let text = route.to_string();
    let (first, hops) = text.split_once(" nexthop ").map_or((text.as_str(), None), |(first, hops)| (first, Some(hops)));
    let mut words = vec!["ip", if route.ipv6 { "-6" } else { "-4" }, "route", verb];
    words.extend(first.split(' '));
    // What looks after its own routes knows them by who made them.
    if !matches!(route.protocol.as_str(), "" | "boot") {
        words.extend(["proto", &route.protocol]);
    }
    if let Some(hops) = hops {
        words.push("nexthop");
        words.extend(hops.split(' '));
    }
    deed(&words, Holds::Route { words: with_family(route.ipv6, &text), there: verb != "del" })
}

/// The words alone do not always tell of which family it is.
pub fn with_family(is_ipv6: bool, words: &str) -> String {
    format!("{} {words}", if is_ipv6 { "-6" } else { "-4" })
}

/// In the place of what goes the same way at the same cost, where anything does.
pub fn put_route(wanted: &Route, now: &[Route]) -> Step {
    let is_there = |other: &&Route| {
        let whither = |route: &Route| (route.ipv6, route.table, route.metric);
        other.destination == wanted.destination && whither(other) == whither(wanted)
    };
    let instead = now.iter().find(is_there);
    let back = instead.map(|other| route(other, "replace"));
    let undoes = back.into_iter().chain([route(wanted, "del")]).collect();
    Step { does: route(wanted, if instead.is_some() { "replace" } else { "add" }), undoes }
}

pub fn devices_of(route: &Route) -> impl Iterator<Item = &str> {
    route.next_hops.iter().filter_map(|hop| hop.link.as_deref())
}

/// Whether `address` lies in the network of `192.0.2.7/24`.
pub fn is_in_network(network: &str, address: &str) -> bool {
    let Some((own, length)) = network.split_once('/') else { return false };
    let (Ok(own), Ok(other), Ok(length)) = (own.parse(), address.parse(), length.parse::<u32>()) else { return false };
    let same = |own: u128, other: u128, bits: u32| (own ^ other).checked_shr(bits.saturating_sub(length)) == Some(0);
    match (own, other) {
        (IpAddr::V4(own), IpAddr::V4(other)) => same(u32::from(own).into(), u32::from(other).into(), 32),
        (IpAddr::V6(own), IpAddr::V6(other)) => length == 0 || same(own.into(), other.into(), 128),
        _ => false,
    }
}

/// What networkd says of a device that it looks after.
pub fn manager_question(link: &Link) -> Query {
    Query::File(format!("/run/systemd/netif/links/{}", link.index))
}

/// Who would undo this, or make it himself, and his own way of doing so.
pub fn managed(context: &Context<'_>, devices: &Devices<'_>, names: &[&str]) -> Option<String> {
    let names = || names.iter().copied();
    if let Some(managed) = devices.managed(context.facts, names()) {
        let own = match (managed.split(' ').next(), names().find(|name| managed.contains(&format!(" manages {name} "))))
        {
            (Some("ifupdown"), Some(name)) => format!("`ifup --force {name}`"),
            _ => "`netplan apply`".to_owned(),
        };
        return Some(format!("{managed}; its own way is {own}"));
    }
    names().find_map(|name| {
        let text = context.facts.reading::<Vec<u8>>(&manager_question(devices.links.get(name)?)).known()?;
        let text = String::from_utf8_lossy(text);
        let file = text.lines().find_map(|line| line.strip_prefix("NETWORK_FILE="))?;
        Some(format!(
            "networkd manages {name} ({file}): its own way, `networkctl reconfigure {name}`, makes again what stands there \
             and takes away what does not"
        ))
    })
}

/// These and what lies right below them: whose traffic a change may interrupt.
pub fn touched<'a>(devices: &Devices<'_>, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut touched: Vec<String> = Vec::new();
    for name in names {
        let lower = devices.links.get(name).and_then(|link| link.lower.clone());
        for name in [Some(name.to_owned()), lower].into_iter().flatten() {
            if !touched.contains(&name) {
                touched.push(name);
            }
        }
    }
    touched
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_told_apart() {
        for (network, address, is_in) in [
            ("192.0.2.7/24", "192.0.2.1", true),
            ("192.0.2.7/24", "192.0.3.1", false),
            ("192.0.2.7/32", "192.0.2.7", true),
            ("0.0.0.0/0", "192.0.3.1", true),
            ("2001:db8::7/64", "2001:db8::1", true),
            ("2001:db8::7/64", "2001:db8:0:1::1", false),
            ("2001:db8::7/64", "192.0.2.1", false),
            ("192.0.2.7/24", "inet6 fe80::1", false),
        ] {
            assert_eq!(is_in_network(network, address), is_in, "{network} {address}");
        }
    }
}
