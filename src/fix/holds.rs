//! Whether something is so on the host already, read from the host itself.

use std::fmt::Display;

use serde_json::{Map, Value};

use crate::catalog::kind::packages::STATUS;
use crate::facts::nics;
use crate::facts::ovs::{Bridge, Interface, Ovs};
use crate::facts::packages::{Package, Packages};
use crate::facts::wiring::Wiring;
use crate::host::Observe;
use crate::judge::kept::ovs_bridges::attributes_of;
use crate::model::answer::{Address, FromAnswer, Link, Modified, Route, Rule, Unit};
use crate::model::run::Holds;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading, TroubleCause};

/// The master of what the kernel's datapath has.
const DATAPATH: &str = "ovs-system";

/// Where the switch is asked, unless a transaction says otherwise.
const SOCKET: &str = "/run/openvswitch/db.sock";

/// `socket` is that of the switch, where the deed is one of the switch. What cannot be read is never so.
pub fn holds(host: &dyn Observe, what: &Holds, socket: Option<&str>) -> Reading<bool> {
    let socket = socket.unwrap_or(SOCKET);
    match what {
        Holds::LinkNamed { name, mac } => {
            of_link(host, name, |link| nics::address(link).is_some_and(|own| own.eq_ignore_ascii_case(mac)))
        }
        Holds::LinkUp { name, up } => of_link(host, name, |link| link.admin_up == *up),
        Holds::LinkMtu { name, mtu } => of_link(host, name, |link| link.mtu == *mtu),
        Holds::LinkMaster { name, master } => of_link(host, name, |link| link.master == *master),
        Holds::AlternativeName { name, of, there } => {
            of_links(host, |links| links.get(of).is_some_and(|link| link.alternative_names.contains(name)) == *there)
        }
        Holds::Address { device, address, there } => ask::<Vec<Address>>(host, &Query::Addresses, |addresses| {
            addresses.iter().any(|found| found.link == *device && found.address == *address) == *there
        }),
        Holds::Route { words, there } => ask::<Vec<Route>>(host, &Query::Routes, |routes| {
            routes.iter().any(|route| is_said(words, route.ipv6, route, route.table)) == *there
        }),
        Holds::Rule { words, there } => ask::<Vec<Rule>>(host, &Query::Rules, |rules| {
            rules.iter().any(|rule| is_said(words, rule.ipv6, rule, rule.table)) == *there
        }),
        Holds::UnitActive { unit, active } => of_unit(host, unit, |unit| {
            // What is still under way is neither.
            let states: &[&str] = if *active { &["active", "reloading"] } else { &["inactive", "failed"] };
            states.contains(&unit.active.as_str())
        }),
        Holds::UnitInactive { unit } => of_unit(host, unit, |unit| unit.active == "inactive"),
        Holds::UnitFile { unit, state } => of_unit(host, unit, |unit| unit.file_state == *state),
        Holds::Port { bridge, port, there } => port_holds(host, socket, bridge, port, *there),
        Holds::Bridges { names, there } => of_switch(host, socket, |ovs| {
            let has = |name: &String| ovs.bridges.iter().any(|bridge| bridge.name == *name);
            names.iter().all(|name| has(name) == *there) && has_followed(ovs)
        }),
        Holds::SwitchRow { table, name, has } => {
            let query = Query::OvsConfiguration(socket.to_owned());
            read::<Vec<u8>>(host, &query, |text| match Wiring::parse(text) {
                Ok(wiring) => Reading::Known(row_has(&wiring, table, name, has)),
                Err(error) => Reading::unreadable(TroubleCause::Malformed, format!("{socket}: {error}")),
            })
        }
        Holds::Package { name, version } => package_holds(host, name, |it| is_whole(it, version)),
        Holds::Reinstalled { name, version, list, since } => match is_written(host, list, *since) {
            Reading::Known(true) => package_holds(host, name, |it| is_whole(it, version)),
            reading => reading,
        },
        Holds::Removed { names } => of_packages(host, |packages| {
            let mut found = names.iter().filter_map(|name| packages.named(name));
            !found.any(Package::is_there)
        }),
        Holds::Written { path, since } => is_written(host, path, *since),
        Holds::Held { name } => package_holds(host, name, |it| it.want == "hold"),
    }
}

fn is_written(host: &dyn Observe, path: &str, since: i64) -> Reading<bool> {
    ask::<Modified>(host, &Query::Modified(path.to_owned()), |modified| modified.seconds > since)
}

/// What it reads is taken up by `is_so`; what has no answer here cannot be told.
fn ask<T: FromAnswer>(host: &dyn Observe, query: &Query, is_so: impl FnOnce(&T) -> bool) -> Reading<bool> {
    read(host, query, |answer| Reading::Known(is_so(answer)))
}

fn read<T: FromAnswer>(host: &dyn Observe, query: &Query, then: impl FnOnce(&T) -> Reading<bool>) -> Reading<bool> {
    match host.ask(query) {
        Reading::Known(answer) => match T::from_answer(&answer) {
            Some(answer) => then(answer),
            None => Reading::unreadable(TroubleCause::Malformed, format!("`{query}` has an answer of another kind")),
        },
        Reading::Absent => Reading::unreadable(TroubleCause::Failed, format!("there is nothing to ask `{query}` of")),
        Reading::Unreadable(trouble) => Reading::Unreadable(trouble),
    }
}

fn of_links(host: &dyn Observe, is_so: impl FnOnce(&SortedMap<String, Link>) -> bool) -> Reading<bool> {
    ask(host, &Query::Links, is_so)
}

/// Of a link that is not there nothing is so.
fn of_link(host: &dyn Observe, name: &str, is_so: impl FnOnce(&Link) -> bool) -> Reading<bool> {
    of_links(host, |links| links.get(name).is_some_and(is_so))
}

fn of_unit(host: &dyn Observe, name: &str, is_so: impl Fn(&Unit) -> bool) -> Reading<bool> {
    let query = Query::Unit(name.to_owned());
    match ask::<Unit>(host, &query, &is_so) {
        // systemd hangs up on everybody when it executes itself anew, as its own package makes it do.
        Reading::Unreadable(_) => ask::<Unit>(host, &query, &is_so),
        reading => reading,
    }
}

/// A route or a rule in the words of `ip`. They do not tell the family where no address does: `-4` or `-6` in front may.
fn is_said(words: &str, ipv6: bool, row: &dyn Display, table: u32) -> bool {
    let (family, words) = match words.split_once(' ') {
        Some(("-6", rest)) => (Some(true), rest),
        Some(("-4", rest)) => (Some(false), rest),
        _ => (None, words),
    };
    let row = row.to_string();
    let is_same = |tail: &str| words.split_whitespace().eq(row.split_whitespace().chain(tail.split_whitespace()));
    let in_table = ["", "table main"].into_iter().any(is_same) || is_same(&format!("table {table}"));
    family.is_none_or(|family| family == ipv6) && in_table
}

fn of_switch(host: &dyn Observe, socket: &str, is_so: impl FnOnce(&Ovs<'_>) -> bool) -> Reading<bool> {
    read::<Vec<u8>>(host, &Query::Ovsdb(socket.to_owned()), |text| match Ovs::parse(text) {
        Ok(ovs) => Reading::Known(is_so(&ovs)),
        Err(error) => Reading::unreadable(TroubleCause::Malformed, format!("{socket}: {error}")),
    })
}

/// vswitchd has taken up all that the database says.
fn has_followed(ovs: &Ovs<'_>) -> bool {
    ovs.switch.is_initialised && ovs.switch.current_config >= ovs.switch.next_config
}

fn row_has(wiring: &Wiring<'_>, table: &str, name: &str, has: &Map<String, Value>) -> bool {
    let Some(row) = wiring.row(table, name) else { return false };
    let own = attributes_of(wiring, row, table, name);
    has.iter().all(|(key, value)| own.get(key).unwrap_or(&Value::Null) == value)
}

/// `port` may be a member of a bond: `bond0/eno1`.
fn port_holds(host: &dyn Observe, socket: &str, bridge: &str, port: &str, there: bool) -> Reading<bool> {
    let (port, member) = port.split_once('/').map_or((port, None), |(port, member)| (port, Some(member)));
    let links = host.ask(&Query::Links).known();
    let links = links.as_ref().and_then(FromAnswer::from_answer);
    of_switch(host, socket, |ovs| {
        let of_port = ovs.bridges.iter().filter(|found| found.name == bridge).flat_map(|bridge| {
            let ports = ovs.ports(bridge).into_iter().filter(|found| found.name == port);
            ports.flat_map(|port| ovs.interfaces(port)).map(move |interface| (bridge, interface))
        });
        let meant: Vec<_> =
            of_port.filter(|(_, interface)| member.is_none_or(|member| interface.name == member)).collect();
        let is_attached = || meant.iter().all(|(bridge, interface)| is_attached(bridge, interface, links));
        has_followed(ovs) && if there { !meant.is_empty() && is_attached() } else { meant.is_empty() }
    })
}

/// A port that is in the database need not be in the switch.
fn is_attached(bridge: &Bridge<'_>, interface: &Interface<'_>, links: Option<&SortedMap<String, Link>>) -> bool {
    let is_open = interface.ofport.is_some_and(|number| number >= 1) && interface.error.is_none();
    let is_device = matches!(&*interface.kind, "" | "system") && bridge.uses_kernel;
    let link = links.and_then(|links| links.get(&*interface.name));
    is_open && (!is_device || link.is_some_and(|link| link.master.as_deref() == Some(DATAPATH)))
}

/// Wholly installed, whether or not it is held.
fn is_whole(package: &Package<'_>, version: &str) -> bool {
    package.state == "installed" && package.broken().is_none() && package.version == version
}

fn package_holds(host: &dyn Observe, name: &str, is_so: impl FnOnce(&Package<'_>) -> bool) -> Reading<bool> {
    of_packages(host, |packages| packages.named(name).is_some_and(is_so))
}

fn of_packages(host: &dyn Observe, is_so: impl FnOnce(&Packages<'_>) -> bool) -> Reading<bool> {
    read::<Vec<u8>>(host, &Query::File(STATUS.to_owned()), |text| match Packages::parse(text) {
        Ok(packages) => Reading::Known(is_so(&packages)),
        Err(error) => Reading::unreadable(TroubleCause::Malformed, format!("{STATUS}:{error}")),
    })
}

#[cfg(test)]
mod tests;
