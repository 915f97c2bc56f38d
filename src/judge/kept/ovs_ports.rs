//! Is each port of the baseline on its bridge, with its attributes, whatever its device is called now?

mod bonds;
pub mod by_hand;
pub mod places;

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::devices::{Devices, in_the_baseline};
use super::ovs_bridges::changed;
use super::ovs_database::both;
use crate::catalog::Level;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::ovs::{Bridge, Ovs, Port as OvsPort, value};
use crate::facts::wiring::{Attributes, Port, Row, Wiring, is_masked};
use crate::judge::causes::Part;
use crate::judge::outcome::{NOT_PRESENT, Outcome};
use crate::judge::ovs_uplink::{GUEST_NAMES, Links, Role, belongs_to_ovn, role};
use crate::model::{Query, Reading};
use places::{Place, Seat, Seats};

pub fn judge(facts: &Facts<'_>, before: &Before<'_>) -> Vec<Outcome> {
    let outcomes = match both(facts, before) {
        Ok((then, now)) => match (before.facts.ovs(), Devices::new(facts, before)) {
            (Reading::Known(ovs), Ok(devices)) => {
                Compared { facts, then, now, seats: Seats::of(now), devices: &devices }.judge(ovs)
            }
            (Reading::Unreadable(trouble), _) => vec![Outcome::unknown("", &in_the_baseline(trouble))],
            (_, Err(trouble)) => vec![Outcome::unknown("", &trouble)],
            (Reading::Absent, _) => vec![Outcome::skip("", NOT_PRESENT, "the baseline has no Open vSwitch")],
        },
        Err(outcome) => vec![*outcome],
    };
    let asked = Query::OvsConfiguration(facts.settings.ovs.socket());
    outcomes.into_iter().map(|outcome| outcome.asking(asked.clone()).asking(Query::Links)).collect()
}

/// The switch at both moments.
struct Compared<'c, 'n, 'a, 'b> {
    facts: &'c Facts<'a>,
    then: &'c Wiring<'b>,
    now: Option<&'c Wiring<'a>>,
    seats: Seats<'c, 'a>,
    devices: &'c Devices<'n>,
}

/// A port of the baseline with its interfaces.
#[derive(Clone, Copy)]
struct Was<'c, 'b> {
    bridge: &'c str,
    name: &'c str,
    port: &'c Port<'b>,
}

impl Was<'_, '_> {
    fn subject(&self) -> String {
        format!("{}/{}", self.bridge, self.name)
    }
}

impl<'c, 'a, 'b> Compared<'c, '_, 'a, 'b> {
    fn judge(&self, ovs: &Ovs<'_>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let (mut kept, mut any) = (0_usize, false);
        for bridge in &ovs.bridges {
            let Some((bridge_name, wired)) = self.then.bridges.get_key_value(bridge.name.as_ref()) else { continue };
            let mut others = 0_usize;
            for row in ovs.ports(bridge) {
                let Some((name, port)) = wired.ports.get_key_value(row.name.as_ref()) else { continue };
                if is_of_others(bridge, row, ovs, self.devices.then) {
                    others += 1;
                    continue;
                }
                any = true;
                let wrong = self.judge_port(Was { bridge: bridge_name, name, port });
                kept += usize::from(wrong.is_empty());
                outcomes.extend(wrong);
            }
            outcomes.extend(counted(bridge_name, others));
        }
        if kept > 0 {
            let ports = if kept == 1 { "port is as it was" } else { "ports are as they were" };
            outcomes.push(Outcome::pass("", format!("{kept} {ports}")));
        } else if !any {
            outcomes.push(Outcome::skip("", NOT_PRESENT, "the baseline has no port of its own"));
        }
        outcomes
    }

    fn judge_port(&self, was: Was<'c, 'b>) -> Vec<Outcome> {
        let is_lost_with_its_bridge = was.name == was.bridge && self.bridge(was.bridge).is_none();
        match was.port.interfaces.len() {
            _ if is_lost_with_its_bridge => Vec::new(),
            0 | 1 => self.judge_plain(was).into_iter().collect(),
            _ => self.judge_bond(was),
        }
    }

    fn bridge(&self, name: &str) -> Option<&'c crate::facts::wiring::Bridge<'a>> {
        self.now?.bridges.get(name)
    }

    /// A port of one interface.
    fn judge_plain(&self, was: Was<'c, 'b>) -> Option<Outcome> {
        let (interface, row) = was.port.interfaces.iter().next()?;
        let subject = was.subject();
        let outcome = match self.place(interface, row) {
            Place::Unknown => Outcome::unknown(&subject, &self.devices.nics.doubt(interface)),
            Place::Gone => self.gone(&subject, was, interface),
            Place::Here(called) => match self.seats.of_interface(called) {
                Some(seat) if seat.bridge == was.bridge => self.seated(was, interface, called, &seat)?,
                Some(seat) => self.elsewhere(&subject, was, interface, called, &seat),
                None => self.unseated(&subject, was, interface, called, row),
            },
        };
        Some(self.finished(outcome, interface, &[&was.port.row, row]))
    }

    /// On its bridge: with its attributes?
    fn seated(&self, was: Was<'_, 'b>, interface: &str, called: &str, seat: &Seat<'c, 'a>) -> Option<Outcome> {
        let subject = was.subject();
        if seat.port.interfaces.len() > 1 {
            let detail = format!("{called} is a member of {}, and was a port by itself", seat.name);
            let outcome = Outcome::fail(&subject, Some("attributes-changed"), detail);
            return Some(outcome.expecting("port", was.name).observing("port", seat.name));
        }
        let row = was.port.interfaces.get(interface)?;
        let (then, now) = (self.then.attributes(&was.port.row), self.attributes(&seat.port.row));
        let of_port = changed(&subject, &then, &now)
            .map(|outcome| with_commands(outcome, |it| by_hand::set_port(seat.name, &then, it)));
        let (then, now) = (self.then.attributes(row), self.attributes(seat.interface));
        let of_interface = changed(&subject, &then, &now)
            .map(|outcome| with_commands(outcome, |it| by_hand::set_interface(called, &then, it)));
        let outcome = both_changed(of_port, of_interface)?;
        Some(self.or_swapped(outcome, was.bridge, interface, called))
    }

    /// What has other attributes because it has the name of another NIC was not set otherwise by anybody.
    fn or_swapped(&self, outcome: Outcome, place: &str, interface: &str, called: &str) -> Outcome {
        if !self.is_swapped(interface, called) {
            return outcome;
        }
        let detail = format!("{}; {}", self.renamed(place, interface, called), outcome.detail);
        Outcome { cause: Some("nic-renamed"), detail, by_hand: self.devices.names_back(interface, called), ..outcome }
    }

    fn attributes(&self, row: &Row<'a>) -> Attributes {
        self.now.map(|now| now.attributes(row)).unwrap_or_default()
    }

    /// On another bridge.
    fn elsewhere(
        &self,
        subject: &str,
        was: Was<'_, 'b>,
        interface: &str,
        called: &str,
        seat: &Seat<'_, '_>,
    ) -> Outcome {
        let (is, wanted) = (seat.bridge, was.bridge);
        let (cause, detail, by_hand) = if self.is_swapped(interface, called) {
            let detail = format!("{}; {called} is on {is}", self.renamed(wanted, interface, called));
            ("nic-renamed", detail, self.devices.names_back(interface, called))
        } else {
            let so_called = if called == interface { String::new() } else { format!(" (was {interface})") };
            let mut by_hand = vec![by_hand::words(&["del-port", is, seat.name])];
            by_hand.extend(by_hand::add(was.bridge, called, was.port, self.then));
            ("wrong-bridge", format!("{called}{so_called} is on {is}, and was on {wanted}"), by_hand)
        };
        Outcome::fail(subject, Some(cause), detail)
            .expecting("bridge", wanted)
            .expecting("device", interface)
            .observing("bridge", is)
            .observing("device", called)
            .by_hand(by_hand)
    }

    /// Its device is there, and its row is not, or asks for another name.
    fn unseated(&self, subject: &str, was: Was<'_, 'b>, interface: &str, called: &str, row: &Row<'_>) -> Outcome {
        let bridge = was.bridge;
        let add = by_hand::add(bridge, interface, was.port, self.then);
        let lost = match self.bridge(bridge) {
            Some(_) => String::new(),
            None => format!("; {bridge} is gone"),
        };
        let (cause, detail, by_hand) = if called != interface {
            let mut by_hand = self.devices.names_back(interface, called);
            if self.seats.of_interface(interface).is_none() {
                by_hand.extend(add);
            }
            ("nic-renamed", format!("{}{lost}", self.renamed(bridge, interface, called)), by_hand)
        } else if places::has_device(row) {
            let detail = format!("{interface} is in no bridge, and was on {bridge}{lost}");
            ("detached", detail, add.into_iter().collect())
        } else {
            ("missing", format!("{interface} is gone from {bridge}{lost}"), add.into_iter().collect())
        };
        let outcome = Outcome::fail(subject, Some(cause), detail)
            .expecting("bridge", bridge)
            .expecting("device", interface)
            .observing("bridge", None::<&str>)
            .observing("device", (cause != "missing").then_some(called))
            .by_hand(by_hand);
        // A row of a device that was not there even then carried nothing: somebody cleared it away.
        let carried = !places::has_device(row) || self.devices.then.contains_key(interface);
        if carried { outcome } else { outcome.at_most(Level::Info) }
    }

    /// Its device is gone.
    fn gone(&self, subject: &str, was: Was<'_, 'b>, interface: &str) -> Outcome {
        let mut detail = format!("{interface} of {} is gone", was.bridge);
        if let Some(other) = self.devices.nics.replacement(interface) {
            detail.push_str(&format!("; another card is in its place: {other}"));
        } else if let Some(other) = self.devices.links.get(interface) {
            let mac = other.mac.as_deref().unwrap_or("no address");
            detail.push_str(&format!("; what is called {interface} now is another device, {mac}"));
        }
        let bridge = self.seats.of_interface(interface).map(|seat| seat.bridge);
        let outcome = Outcome::fail(subject, Some("missing"), detail)
            .expecting("bridge", was.bridge)
            .expecting("device", interface)
            .observing("bridge", bridge)
            .observing("device", None::<&str>);
        // Somebody changed the card, and the bridge has the new one under the name of the old.
        let is_replaced = self.devices.nics.replacement(interface) == Some(interface) && bridge == Some(was.bridge);
        if is_replaced { outcome.at_most(Level::Warn) } else { outcome }
    }

    /// What a person needs to know of a NIC that has another name.
    fn renamed(&self, bridge: &str, interface: &str, called: &str) -> String {
        let mut detail = format!("{interface} is now called {called}");
        let seat = self.seats.of_interface(interface);
        if let Some(other) = self.devices.nics.before(interface) {
            detail.push_str(&format!("; what is called {interface} now was {other}"));
        } else if seat.is_none() {
            detail.push_str(&format!("; {bridge} has neither"));
        } else if self.is_still_attached(called) {
            detail.push_str(&format!("; {bridge} has it only until ovs-vswitchd or the host starts again"));
        } else {
            detail.push_str(&format!("; {bridge} asks for {interface} in vain"));
        }
        detail
    }

    /// A NIC that is renamed while vswitchd runs stays in the datapath.
    fn is_still_attached(&self, called: &str) -> bool {
        self.devices.links.get(called).is_some_and(|link| link.member_kind.as_deref() == Some("openvswitch"))
    }

    /// It has the name that another NIC had: what the switch has under that name was made for the other.
    fn is_swapped(&self, interface: &str, called: &str) -> bool {
        called != interface && self.devices.then.contains_key(called)
    }

    /// What holds for every row: who manages it, and what it is about.
    fn finished(&self, mut outcome: Outcome, interface: &str, rows: &[&Row<'_>]) -> Outcome {
        let labels = rows.iter().filter_map(|row| row.column("external_ids")).flat_map(|ids| ids.map());
        let is_netplans = labels.into_iter().any(|(key, _)| key.starts_with("netplan"));
        let is_built_again = outcome.by_hand.iter().any(|argv| argv.iter().any(|word| word.starts_with("add-")));
        for secret in rows.iter().flat_map(|row| self.then.attributes(row)).filter(|(_, value)| is_masked(value)) {
            if is_built_again {
                outcome.detail.push_str(&format!("; the baseline does not hold its {}, a secret", secret.0));
            }
        }
        let managed = self.devices.managed(self.facts, [interface]);
        let netplan = || is_netplans.then(|| "netplan manages it: change it there".to_owned());
        if let Some(managed) = managed.or_else(netplan) {
            outcome.detail.push_str(&format!("; {managed}"));
        }
        outcome.touching(Part::Port(interface.to_owned()))
    }
}

fn with_commands(outcome: Outcome, commands: impl Fn(&Map<String, Value>) -> Vec<Vec<String>>) -> Outcome {
    let commands = commands(&outcome.expected);
    outcome.by_hand(commands)
}

/// A port and its one interface are one thing to a person.
fn both_changed(of_port: Option<Outcome>, of_interface: Option<Outcome>) -> Option<Outcome> {
    let (mut outcome, more) = match (of_port, of_interface) {
        (Some(outcome), Some(more)) => (outcome, more),
        (of_port, of_interface) => return of_port.or(of_interface),
    };
    let of_both = format!("{}: ", outcome.subject);
    outcome.detail.push_str(&format!("; {}", more.detail.strip_prefix(&of_both).unwrap_or(&more.detail)));
    outcome.by_hand.extend(more.by_hand);
    // Both have columns for what others note.
    let free = |taken: &Map<String, Value>, key: String| match taken.contains_key(&key) {
        true => format!("interface {key}"),
        false => key,
    };
    for (key, was) in more.expected {
        outcome.expected.insert(free(&outcome.expected, key), was);
    }
    for (key, is) in more.observed {
        outcome.observed.insert(free(&outcome.observed, key), is);
    }
    Some(outcome)
}

/// Guests come and go, and OVN makes its ports by itself.
pub fn is_of_others(bridge: &Bridge<'_>, port: &OvsPort<'_>, ovs: &Ovs<'_>, links: &Links) -> bool {
    let interfaces = ovs.interfaces(port);
    let is_guests = |name: &str, kind: Role| match kind {
        Role::Guest => true,
        // The end of a container, or of what nova plugs.
        Role::Uplink => GUEST_NAMES.iter().any(|prefix| name.starts_with(prefix)),
        Role::Internal => false,
    };
    belongs_to_ovn(bridge, port, ovs)
        || interfaces.iter().any(|interface| {
            value(&interface.external_ids, "iface-id").is_some() || is_guests(&interface.name, role(interface, links))
        })
}

/// What others own is counted in one row a bridge.
fn counted(bridge: &str, others: usize) -> Option<Outcome> {
    let ports = if others == 1 { "port belongs" } else { "ports belong" };
    let detail = format!("{others} {ports} to guests or to OVN on {bridge}: not compared");
    (others > 0).then(|| Outcome::pass(bridge, detail).observing("owned_by_others", others))
}

/// By the names of one moment.
type ByName<'c, T> = HashMap<&'c str, T>;

#[cfg(test)]
mod recorded;
#[cfg(test)]
mod tests;
