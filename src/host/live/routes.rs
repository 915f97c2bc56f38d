//! Routes and rules, from the kernel by netlink.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use nix::libc::{AF_INET, AF_INET6};
use nix::net::if_::if_indextoname;

use super::bounded;
use super::link_attributes::attributes;
use super::netlink::{about, dump, ip, scope_word};
use crate::model::Reading;
use crate::model::answer::{NextHop, Route, Rule};
use crate::model::gather::Arrange as _;

const GET_ROUTE: u16 = 26;
const NEW_ROUTE: u16 = 24;
const GET_RULE: u16 = 34;
const NEW_RULE: u16 = 32;

/// The table of the host's own addresses, which the kernel keeps by itself.
const LOCAL_TABLE: u32 = 255;

const DESTINATION: u16 = 1;
const SOURCE: u16 = 2;
const TABLE: u16 = 15;

/// The routes of every table but the kernel's own, sorted.
pub fn routes(deadline: Instant) -> Reading<Vec<Route>> {
    bounded::by(deadline, "routes", move || match dump(&(GET_ROUTE, vec![0; 12]), NEW_ROUTE, deadline, route_row) {
        Ok(rows) => {
            let mut names = Names::default();
            let mut routes: Vec<Route> = rows.into_iter().map(|row| row.named(&mut names)).collect();
            routes.arrange();
            Reading::Known(routes)
        }
        Err(trouble) => Reading::Unreadable(about("routes", trouble)),
    })
}

/// The rules of both families, sorted.
pub fn rules(deadline: Instant) -> Reading<Vec<Rule>> {
    bounded::by(deadline, "routing rules", move || match dump(&(GET_RULE, vec![0; 12]), NEW_RULE, deadline, rule_row) {
        Ok(mut rules) => {
            rules.arrange();
            Reading::Known(rules)
        }
        Err(trouble) => Reading::Unreadable(about("routing rules", trouble)),
    })
}

/// Numbers of links and their names.
#[derive(Default)]
struct Names(HashMap<u32, Option<String>>);

impl Names {
    fn of(&mut self, index: u32) -> Option<String> {
        let look_up = |index| if_indextoname(index).ok().map(|name| name.to_string_lossy().into_owned());
        self.0.entry(index).or_insert_with(|| look_up(index)).clone()
    }
}

/// A route whose links are still known by number only.
struct RouteRow {
    route: Route,
    hops: Vec<HopRow>,
}

#[derive(Default)]
struct HopRow {
    hop: NextHop,
    index: Option<u32>,
}

impl RouteRow {
    fn named(self, names: &mut Names) -> Route {
        let named = |row: HopRow| NextHop { link: row.index.and_then(|index| names.of(index)), ..row.hop };
        Route { next_hops: self.hops.into_iter().map(named).collect(), ..self.route }
    }
}

/// Decodes the payload of one RTM_NEWROUTE message; `None` for what is no route of ours: other families, the kernel's
/// own table, and routes that it has only cloned for a moment.
fn route_row(payload: &[u8]) -> Option<RouteRow> {
    const OUTPUT: u16 = 4;
    const GATEWAY: u16 = 5;
    const PRIORITY: u16 = 6;
    const PREFERRED_SOURCE: u16 = 7;
    const METRICS: u16 = 8;
    const MULTIPATH: u16 = 9;
    const VIA: u16 = 18;
    const CLONED: u32 = 0x200;

    let [family, to_length, from_length, _, table, protocol, scope, kind] = *payload.first_chunk::<8>()?;
    let flags = u32::from_ne_bytes(payload.get(8..12)?.try_into().ok()?);
    if !matches!(i32::from(family), AF_INET | AF_INET6) || flags & CLONED != 0 {
        return None;
    }
    let mut route = Route {
        ipv6: i32::from(family) == AF_INET6,
        table: u32::from(table),
        destination: "default".to_owned(),
        kind: kind_word(kind),
        protocol: protocol_word(protocol),
        scope: scope_word(scope),
        ..Route::default()
    };
    let (mut only, mut several) = (HopRow::default(), Vec::new());
    only.hop.on_link = flags & ON_LINK != 0;
    for (attribute, value) in attributes(payload.get(12..)?) {
        match attribute {
            DESTINATION => route.destination = prefix(family, value, to_length)?,
            SOURCE => route.source = prefix(family, value, from_length),
            OUTPUT => only.index = number(value),
            GATEWAY => only.hop.gateway = text_of(family, value),
            VIA => only.hop.gateway = via(value),
            PRIORITY => route.metric = number(value)?,
            PREFERRED_SOURCE => route.preferred_source = text_of(family, value),
            METRICS => route.mtu = mtu(value),
            MULTIPATH => several = next_hops(family, value),
            TABLE => route.table = number(value)?,
            _ => {}
        }
    }
    if route.table == LOCAL_TABLE {
        return None;
    }
    if several.is_empty() && (only.index.is_some() || only.hop.gateway.is_some()) {
        several.push(only);
    }
    Some(RouteRow { route, hops: several })
}

const ON_LINK: u32 = 4;

/// `struct rtnexthop` after `struct rtnexthop`: length, flags, weight less one, link, then attributes.
fn next_hops(family: u8, mut bytes: &[u8]) -> Vec<HopRow> {
    const GATEWAY: u16 = 5;
    const VIA: u16 = 18;
    let mut hops = Vec::new();
    while let Some(header) = bytes.first_chunk::<8>() {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let Some(attributes_of_hop) = bytes.get(8..length) else { break };
        let mut row = HopRow { index: number(&header[4..8]), ..HopRow::default() };
        row.hop.weight = Some(u32::from(header[3]) + 1);
        row.hop.on_link = u32::from(header[2]) & ON_LINK != 0;
        for (attribute, value) in attributes(attributes_of_hop) {
            match attribute {
                GATEWAY => row.hop.gateway = text_of(family, value),
                VIA => row.hop.gateway = via(value),
                _ => {}
            }
        }
        hops.push(row);
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    hops
}

/// Decodes the payload of one RTM_NEWRULE message.
fn rule_row(payload: &[u8]) -> Option<Rule> {
    const INPUT: u16 = 3;
    const PRIORITY: u16 = 6;
    const MARK: u16 = 10;
    const MASK: u16 = 16;
    const OUTPUT: u16 = 17;
    const GOTO: u16 = 4;
    const PROTOCOL: u16 = 21;
    const L3_MASTER: u16 = 19;
    const INVERT: u32 = 2;
    /// What the kernel writes where nothing was asked for.
    const NONE: u32 = u32::MAX;

    let [family, to_length, from_length, service, table, _, _, action] = *payload.first_chunk::<8>()?;
    let flags = u32::from_ne_bytes(payload.get(8..12)?.try_into().ok()?);
    if !matches!(i32::from(family), AF_INET | AF_INET6) {
        return None;
    }
    let mut rule = Rule {
        ipv6: i32::from(family) == AF_INET6,
        table: u32::from(table),
        action: action_word(action),
        invert: flags & INVERT != 0,
        ..Rule::default()
    };
    let (mut mark, mut mask) = (None, None);
    for (attribute, value) in attributes(payload.get(12..)?) {
        match attribute {
            DESTINATION => rule.to = prefix(family, value, to_length),
            SOURCE => rule.from = prefix(family, value, from_length),
            INPUT => rule.input = name(value),
            OUTPUT => rule.output = name(value),
            PRIORITY => rule.priority = number(value)?,
            MARK => mark = number(value),
            MASK => mask = number(value),
            TABLE => rule.table = number(value)?,
            PROTOCOL => {
                rule.protocol = value.first().filter(|it| !matches!(it, 0 | 2 | 3)).map(|it| protocol_word(*it))
            }
            GOTO => rule.action = format!("goto {}", number(value)?),
            L3_MASTER if value.first() == Some(&1) => rule.action = "l3mdev".to_owned(),
            _ => rule.other.extend(further(attribute, value).filter(|_| number(value) != Some(NONE))),
        }
    }
    rule.mark = mark.map(|mark| match mask {
        Some(mask) if mask != NONE => format!("{mark:#x}/{mask:#x}"),
        _ => format!("{mark:#x}"),
    });
    rule.other.extend((service != 0).then(|| format!("tos {service:#x}")));
    rule.other.arrange();
    Some(rule)
}

/// What else a rule may ask for. An attribute that a newer kernel adds to every rule says nothing about what was
/// configured.
fn further(attribute: u16, value: &[u8]) -> Option<String> {
    let wide = |value: &[u8]| value.try_into().ok().map(u64::from_be_bytes);
    Some(match attribute {
        11 => realms(number(value)?),
        12 => format!("tun_id {}", wide(value).filter(|id| *id != 0)?),
        13 => format!("suppress_ifgroup {}", number(value)?),
        14 => format!("suppress_prefixlength {}", number(value)?),
        20 => format!("uidrange {}-{}", number(value.get(..4)?)?, number(value.get(4..)?)?),
        22 => format!("ipproto {}", value.first()?),
        23 => ports("sport", value)?,
        24 => ports("dport", value)?,
        25 => format!("dscp {}", value.first()?),
        _ => return None,
    })
}

/// Where from and where to, in the two halves of a number.
fn realms(flow: u32) -> String {
    match (flow >> 16, flow & 0xffff) {
        (0, to) => format!("realms {to}"),
        (from, to) => format!("realms {from}/{to}"),
    }
}

/// `struct fib_rule_port_range`
fn ports(word: &str, value: &[u8]) -> Option<String> {
    let [first_low, first_high, last_low, last_high] = *value.first_chunk::<4>()?;
    let (first, last) = (u16::from_ne_bytes([first_low, first_high]), u16::from_ne_bytes([last_low, last_high]));
    Some(if first == last { format!("{word} {first}") } else { format!("{word} {first}-{last}") })
}

fn number(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_ne_bytes)
}

fn text_of(family: u8, value: &[u8]) -> Option<String> {
    ip(family, value).map(|address| address.to_string())
}

fn prefix(family: u8, value: &[u8], length: u8) -> Option<String> {
    ip(family, value).map(|address| match (address, length) {
        (IpAddr::V4(_), 32) | (IpAddr::V6(_), 128) => address.to_string(),
        _ => format!("{address}/{length}"),
    })
}

/// `struct rtvia`: the family of a gateway that is of another family than the route.
fn via(value: &[u8]) -> Option<String> {
    let (family, address) = value.split_first_chunk::<2>()?;
    let family = u8::try_from(u16::from_ne_bytes(*family)).ok()?;
    let word = if i32::from(family) == AF_INET6 { "inet6" } else { "inet" };
    Some(format!("{word} {}", text_of(family, address)?))
}

fn mtu(metrics: &[u8]) -> Option<u32> {
    const MTU: u16 = 2;
    attributes(metrics).find_map(|(attribute, value)| (attribute == MTU).then(|| number(value)).flatten())
}

fn name(value: &[u8]) -> Option<String> {
    let text = value.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn kind_word(kind: u8) -> String {
    match kind {
        1 => "unicast".to_owned(),
        2 => "local".to_owned(),
        3 => "broadcast".to_owned(),
        4 => "anycast".to_owned(),
        5 => "multicast".to_owned(),
        6 => "blackhole".to_owned(),
        7 => "unreachable".to_owned(),
        8 => "prohibit".to_owned(),
        9 => "throw".to_owned(),
        other => other.to_string(),
    }
}

fn protocol_word(protocol: u8) -> String {
    match protocol {
        1 => "redirect".to_owned(),
        2 => "kernel".to_owned(),
        3 => "boot".to_owned(),
        4 => "static".to_owned(),
        9 => "ra".to_owned(),
        16 => "dhcp".to_owned(),
        other => other.to_string(),
    }
}

fn action_word(action: u8) -> String {
    match action {
        1 => "lookup".to_owned(),
        2 => "goto".to_owned(),
        3 => "nop".to_owned(),
        6 => "blackhole".to_owned(),
        7 => "unreachable".to_owned(),
        8 => "prohibit".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
