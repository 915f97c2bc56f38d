//! Bonds of the switch: one row for the bond, and one for each member that is not in it any more.

use super::places::{Place, has_device};
use super::{Compared, Was, by_hand};
use crate::judge::causes::Part;
use crate::judge::kept::ovs_bridges::changed;
use crate::judge::outcome::Outcome;

impl<'c, 'b> Compared<'c, '_, '_, 'b> {
    pub fn judge_bond(&self, was: Was<'c, 'b>) -> Vec<Outcome> {
        let found = self.bridge(was.bridge).and_then(|bridge| bridge.ports.get(was.name));
        let Some(port) = found else {
            let first = was.port.interfaces.keys().next().map_or(was.name, String::as_str);
            let outcome = self.finished(self.bond_lost(was), first, &[&was.port.row]);
            let others = was.port.interfaces.keys().skip(1).map(|member| Part::Port(member.clone()));
            return vec![others.fold(outcome, Outcome::touching)];
        };
        let members = was.port.interfaces.keys().filter_map(|member| self.judge_member(was, member));
        let mut outcomes: Vec<Outcome> = members.collect();
        let (then, now) = (self.then.attributes(&was.port.row), self.attributes(&port.row));
        if let Some(outcome) = changed(&was.subject(), &then, &now) {
            let commands = by_hand::set_port(was.name, &then, &outcome.expected);
            outcomes.push(self.finished(outcome.by_hand(commands), was.name, &[&was.port.row]));
        }
        outcomes
    }

    /// The whole bond: told once, with what became of its members.
    fn bond_lost(&self, was: Was<'_, 'b>) -> Outcome {
        let (bridge, name) = (was.bridge, was.name);
        let mut renamed = Vec::new();
        let mut is_any_here = false;
        let mut fates = Vec::new();
        for (member, row) in was.port.interfaces.iter() {
            match self.place(member, row) {
                Place::Gone => fates.push(format!("{member} is gone")),
                Place::Unknown => fates.push(format!("nobody can tell where {member} is")),
                Place::Here(called) => {
                    is_any_here |= has_device(row);
                    if called != member {
                        renamed.push((member.as_str(), called));
                        fates.push(format!("{member} is now called {called}"));
                    }
                    if let Some(seat) = self.seats.of_interface(called) {
                        fates.push(format!("{called} is in {} of {}", seat.name, seat.bridge));
                    }
                }
            }
        }
        let (cause, first) = match self.seats.bridge_of(name) {
            Some(other) => ("wrong-bridge", format!("{name} is on {other}, and was on {bridge}")),
            None if !renamed.is_empty() => ("nic-renamed", format!("{name} is gone from {bridge}")),
            None if is_any_here => ("detached", format!("{name} is gone from {bridge}")),
            None => ("missing", format!("{name} is gone from {bridge}, with its devices")),
        };
        if cause != "wrong-bridge" && self.bridge(bridge).is_none() {
            fates.push(format!("{bridge} is gone"));
        }
        let mut commands: Vec<Vec<String>> =
            renamed.iter().flat_map(|(member, called)| self.devices.names_back(member, called)).collect();
        commands.dedup();
        commands.extend((cause == "wrong-bridge").then(|| by_hand::words(&["del-port", name])));
        commands.extend(by_hand::add(bridge, name, was.port, self.then));
        let detail = std::iter::once(first).chain(fates).collect::<Vec<_>>().join("; ");
        Outcome::fail(was.subject(), Some(cause), detail)
            .expecting("bridge", bridge)
            .expecting("members", was.port.interfaces.keys().map(String::as_str).collect::<Vec<_>>())
            .observing("bridge", self.seats.bridge_of(name))
            .by_hand(commands)
    }

    fn judge_member(&self, was: Was<'c, 'b>, member: &str) -> Option<Outcome> {
        let row = was.port.interfaces.get(member)?;
        let subject = format!("{}/{member}", was.subject());
        let (bridge, bond) = (was.bridge, was.name);
        let outcome = match self.place(member, row) {
            Place::Unknown => Outcome::unknown(&subject, &self.devices.nics.doubt(member)),
            Place::Gone => {
                let outcome = self.gone(&subject, was, member);
                Outcome {
                    detail: outcome.detail.replacen(&format!(" of {bridge}"), &format!(" of {bond}"), 1),
                    ..outcome
                }
            }
            Place::Here(called) => match self.seats.of_interface(called) {
                Some(seat) if seat.bridge == bridge && seat.name == bond => {
                    let (then, now) = (self.then.attributes(row), self.attributes(seat.interface));
                    let outcome = changed(&subject, &then, &now)?;
                    let commands = by_hand::set_interface(called, &then, &outcome.expected);
                    self.or_swapped(outcome.by_hand(commands), bond, member, called)
                }
                Some(seat) if seat.bridge == bridge => {
                    let by_itself = seat.port.interfaces.len() < 2;
                    let place = if by_itself { "a port by itself" } else { seat.name };
                    let detail = format!("{called} is not in {bond} any more; it is {place} on {bridge}");
                    let outcome = Outcome::fail(&subject, Some("detached"), detail);
                    self.or_swapped(outcome, bond, member, called)
                }
                Some(seat) if self.is_swapped(member, called) => self.elsewhere(&subject, was, member, called, &seat),
                Some(seat) => self.elsewhere(&subject, was, member, called, &seat).by_hand(Vec::new()),
                None => self.member_unseated(&subject, was, member, called),
            },
        };
        Some(self.finished(outcome, member, &[&was.port.row, row]))
    }

    fn member_unseated(&self, subject: &str, was: Was<'_, 'b>, member: &str, called: &str) -> Outcome {
        let bond = was.name;
        let (cause, detail, mut commands) = match called == member {
            true => ("detached", format!("{member} is in no bridge, and was in {bond}"), Vec::new()),
            false => ("nic-renamed", self.renamed(bond, member, called), self.devices.names_back(member, called)),
        };
        if self.seats.of_interface(member).is_none() {
            commands.push(by_hand::words(&["add-bond-iface", bond, member]));
        }
        Outcome::fail(subject, Some(cause), detail)
            .expecting("bond", bond)
            .expecting("device", member)
            .observing("bond", None::<&str>)
            .observing("device", called)
            .by_hand(commands)
    }
}
