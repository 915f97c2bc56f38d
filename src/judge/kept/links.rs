//! Is each link of the baseline there under its name, up, in its bond or bridge, and with its MTU?
//!
//! One row for each that is not, with its gravest fault as the cause: all else that is wrong with it is in the detail.

use super::devices::{Devices, conclude};
use crate::catalog::Level;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::nics::Whereabouts;
use crate::judge::causes::Part;
use crate::judge::outcome::{Outcome, command};
use crate::judge::ovs_uplink::Links;
use crate::model::Query;
use crate::model::answer::Link;
use crate::model::gather::Arrange as _;

pub fn judge(facts: &Facts<'_>, before: &Before<'_>) -> Vec<Outcome> {
    let devices = match Devices::new(facts, before) {
        Ok(devices) => devices,
        Err(trouble) => return vec![Outcome::unknown("", &trouble)],
    };
    let mut outcomes: Vec<Outcome> = devices.open().into_iter().collect();
    let mut well = 0_usize;
    for (name, carried) in &devices.lasting {
        match judge_link(name, *carried, &devices, facts) {
            Some(outcome) => {
                let parts = parts(name, &outcome, &devices).into_iter();
                outcomes.push(parts.fold(outcome.touching(Part::Device((*name).to_owned())), Outcome::touching));
            }
            None => well += 1,
        }
    }
    let told = ["link is as it was", "links are as they were"];
    conclude(&mut outcomes, well, told, "link that somebody configured", "");
    outcomes.into_iter().map(|outcome| outcome.asking(Query::Links)).collect()
}

/// What else than the link itself a finding is about.
fn parts(name: &str, outcome: &Outcome, devices: &Devices<'_>) -> Vec<Part> {
    let Some(then) = devices.then.get(name) else { return Vec::new() };
    let now = devices.now(name);
    match outcome.cause {
        // A bond that is gone, or lost its members, switches on none of them. A plug that is pulled is another matter.
        Some("missing" | "bond-member-missing") if then.kind.as_deref() == Some("bond") => {
            let members = devices.then.iter().filter(|(_, link)| link.master.as_deref() == Some(name));
            let is_left = |member: &str| {
                let link = devices.now(member);
                link.is_some_and(|link| link.master.is_none() && (!link.admin_up || link.carrier))
            };
            members.filter(|(member, _)| is_left(member)).map(|(member, _)| Part::Device(member.clone())).collect()
        }
        // The switch had it, and switches on what it takes.
        Some("down") if then.member_kind.as_deref() == Some("openvswitch") => {
            let is_left = now.is_some_and(|link| link.master.is_none() && !link.admin_up);
            is_left.then(|| Part::Port(name.to_owned())).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// What is wrong with one link; the graver the later in `GRAVITY`.
struct Fault {
    cause: &'static str,
    detail: String,
    at_most: Option<Level>,
}

const GRAVITY: [&str; 6] = ["renamed", "mtu", "down", "changed", "detached", "bond-member-missing"];

fn judge_link(name: &str, carried: bool, devices: &Devices<'_>, facts: &Facts<'_>) -> Option<Outcome> {
    let then = devices.then.get(name)?;
    let called = match devices.nics.place(name) {
        Whereabouts::Same => name,
        Whereabouts::Renamed(new) => new,
        Whereabouts::Unknown => return Some(Outcome::unknown(name, &devices.nics.doubt(name))),
        Whereabouts::Gone => return Some(missing(name, carried, then, devices, facts)),
    };
    let now = devices.links.get(called)?;
    let mut faults = Compared { name, called, then, now, carried, devices, facts }.faults();
    faults.arrange_by_key(|fault| std::cmp::Reverse(GRAVITY.iter().position(|cause| *cause == fault.cause)));
    let gravest = faults.first()?;
    let managed = devices.managed(facts, [called, name]);
    let details: Vec<&str> = faults.iter().map(|fault| fault.detail.as_str()).chain(managed.as_deref()).collect();
    let outcome = Outcome::fail(name, Some(gravest.cause), details.join("; "));
    let mut outcome = gravest.at_most.into_iter().fold(outcome, Outcome::at_most);
    if gravest.cause == "bond-member-missing" {
        let members = devices.then.iter().filter(|(_, link)| link.master.as_deref() == Some(name));
        outcome.by_hand = members.flat_map(|(member, _)| devices.name_back(member)).collect();
    } else if matches!(gravest.cause, "down" | "mtu") {
        outcome.by_hand = devices.name_back(name);
        if outcome.by_hand.is_empty() {
            outcome.by_hand = grown(called, then, now);
        }
    }
    Some(described(outcome, then, Some((called, now))))
}

/// As large as it was, and on; nothing that the switch sets itself, or that makes smaller what lies on it. What a plug that
/// is pulled lacks nobody types.
fn grown(called: &str, then: &Link, now: &Link) -> Vec<Vec<String>> {
    let set = |words: &[&str]| command(&[&["ip", "link", "set", "dev", called], words].concat());
    let size = (now.mtu < then.mtu && !is_of_switch(now)).then(|| set(&["mtu", &then.mtu.to_string()]));
    let up = (then.admin_up && !now.admin_up).then(|| set(&["up"]));
    size.into_iter().chain(up).collect()
}

fn missing(name: &str, carried: bool, then: &Link, devices: &Devices<'_>, facts: &Facts<'_>) -> Outcome {
    let is_unused = !carried && then.kind.is_none();
    let mut details = vec![format!("{name} is gone")];
    details.extend(devices.nics.replacement(name).map(|other| {
        let mac = devices.links.get(other).and_then(|link| link.mac.as_deref()).unwrap_or("no address");
        format!("another card is in its slot: {other}, {mac}")
    }));
    details.extend(is_unused.then(|| "nothing used it".to_owned()));
    details.extend(devices.managed(facts, [name]));
    let outcome = Outcome::fail(name, Some("missing"), details.join("; "));
    // Its absence cuts nobody off.
    let outcome = if is_unused { outcome.at_most(Level::Warn) } else { outcome };
    described(outcome, then, None)
}

fn described(outcome: Outcome, then: &Link, now: Option<(&str, &Link)>) -> Outcome {
    let link = now.map(|(_, link)| link);
    outcome
        .expecting("mtu", then.mtu)
        .expecting("admin_up", then.admin_up)
        .expecting("carrier", then.carrier)
        .expecting("master", then.master.clone())
        .expecting("permanent_mac", then.permanent_mac.clone())
        .observing("name", now.map(|(name, _)| name))
        .observing("mtu", link.map(|link| link.mtu))
        .observing("admin_up", link.map(|link| link.admin_up))
        .observing("carrier", link.map(|link| link.carrier))
        .observing("master", link.and_then(|link| link.master.clone()))
        .observing("permanent_mac", link.and_then(|link| link.permanent_mac.clone()))
}

/// One device at both moments.
struct Compared<'a, 'n, 'f> {
    name: &'a str,
    /// What it is called now.
    called: &'a str,
    then: &'a Link,
    now: &'a Link,
    /// Something was on it.
    carried: bool,
    devices: &'a Devices<'n>,
    facts: &'a Facts<'f>,
}

impl Compared<'_, '_, '_> {
    fn faults(&self) -> Vec<Fault> {
        let fault = |cause| move |detail| Fault { cause, detail, at_most: None };
        let found = [
            self.renamed().map(fault("renamed")),
            self.resized().map(fault("mtu")),
            self.down(),
            self.changed().map(fault("changed")),
            self.detached().map(fault("detached")),
            members(self.name, self.then, self.devices),
        ];
        let mut faults: Vec<Fault> = found.into_iter().flatten().collect();
        // All others name it by both its names.
        if faults.len() > 1 {
            faults.retain(|fault| fault.cause != "renamed");
        }
        faults
    }

    fn both_names(&self) -> String {
        called(self.name, self.devices)
    }

    fn renamed(&self) -> Option<String> {
        let (name, called) = (self.name, self.called);
        let is_alternative = self.now.alternative_names.iter().any(|other| other == name);
        let still = if is_alternative { format!("; {name} is an alternative name of it") } else { String::new() };
        (name != called).then(|| format!("{name} is now called {called}{still}"))
    }

    fn resized(&self) -> Option<String> {
        let told = || format!("the MTU of {} is {}, and was {}", self.both_names(), self.now.mtu, self.then.mtu);
        is_resized(self.then, self.now).then(told)
    }

    /// It was up, and is not.
    fn down(&self) -> Option<Fault> {
        if !is_live(self.then) || is_live(self.now) || self.is_spared() {
            return None;
        }
        let is_unused = !self.carried && self.then.kind.is_none();
        let is_live_now = |name: &str| self.devices.links.get(name).is_some_and(is_live);
        let is_in_switch = self.devices.holder(self.facts, self.called).is_some();
        let why = if self.now.admin_up { "has no carrier" } else { "is switched off" };
        let (at_most, comfort) = if is_unused {
            (Some(Level::Warn), "; nothing used it")
        } else if is_in_switch && self.devices.siblings(self.facts, self.called).any(is_live_now) {
            (Some(Level::Warn), "; its bond has a live member")
        } else {
            (None, "")
        };
        Some(Fault { cause: "down", detail: format!("{} {why}{comfort}", self.both_names()), at_most })
    }

    /// Its bond tells of it, as long as that has another member that lives; and without guests a bridge of guests alone
    /// has no carrier.
    fn is_spared(&self) -> bool {
        let bond = self.now.master.as_deref().filter(|_| self.now.bond_member.is_some());
        let has_lasting_members = || {
            let members = self.devices.lasting.keys().filter_map(|name| self.devices.now(name));
            members.filter_map(|link| link.master.as_deref()).any(|master| master == self.called)
        };
        let is_bridge = self.now.kind.as_deref() == Some("bridge");
        bond.and_then(|bond| self.devices.links.get(bond)).is_some_and(is_live)
            || (is_bridge && self.now.admin_up && !has_lasting_members())
    }

    /// What a VLAN or a bond is made of.
    fn changed(&self) -> Option<String> {
        let (then, now, called) = (self.then, self.now, self.both_names());
        if then.kind != now.kind && !is_of_switch(then) {
            let kind = |link: &Link| link.kind.clone().unwrap_or_else(|| "hardware".to_owned());
            return Some(format!("{called} is of the kind {}, and was {}", kind(now), kind(then)));
        }
        if then.vlan_id != now.vlan_id {
            let id = |link: &Link| link.vlan_id.map_or("none".to_owned(), |id| id.to_string());
            return Some(format!("the VLAN of {called} is {}, and was {}", id(now), id(then)));
        }
        if let (Some(then), Some(now)) = (&then.bond, &now.bond)
            && then.mode != now.mode
        {
            return Some(format!("the mode of {called} is {}, and was {}", now.mode, then.mode));
        }
        let lower = then.lower.as_deref().filter(|_| then.kind.as_deref() == Some("vlan"))?;
        let (expected, found) = (self.devices.nics.now(lower)?, now.lower.as_deref()?);
        (expected != found).then(|| format!("{called} is a VLAN of {found}, and was one of {expected}"))
    }

    /// The bridge of the kernel that it was in. Bonds tell of their members themselves, and so does the switch.
    fn detached(&self) -> Option<String> {
        let tells_itself = matches!(self.then.member_kind.as_deref(), Some("bond" | "openvswitch"));
        let master = self.then.master.as_deref().filter(|_| !tells_itself)?;
        let expected = self.devices.nics.now(master).unwrap_or(master);
        if !self.devices.lasting.contains_key(master) || self.now.master.as_deref() == Some(expected) {
            return None;
        }
        let called = self.both_names();
        Some(match self.now.master.as_deref() {
            Some(other) => format!("{called} is in {other}, and was in {expected}"),
            None => format!("{called} is no longer in {expected}"),
        })
    }
}

/// The switch gives its own devices the smallest MTU of a bridge, and looks anew when it starts: one that has grown takes
/// nothing from anybody.
fn is_resized(then: &Link, now: &Link) -> bool {
    then.mtu != now.mtu && !(now.mtu > then.mtu && is_of_switch(now))
}

fn is_live(link: &Link) -> bool {
    link.admin_up && link.carrier
}

/// The two datapaths of a switch make their own ports of different kinds.
pub fn is_of_switch(link: &Link) -> bool {
    matches!(link.kind.as_deref(), Some("openvswitch" | "tun"))
}

/// By its name of the baseline, and that of now.
fn called(name: &str, devices: &Devices<'_>) -> String {
    match devices.nics.place(name) {
        Whereabouts::Renamed(new) => format!("{name}, now called {new},"),
        _ => name.to_owned(),
    }
}

/// The members that a bond had, and that left it or died while another lives.
fn members(bond: &str, then: &Link, devices: &Devices<'_>) -> Option<Fault> {
    if then.kind.as_deref() != Some("bond") {
        return None;
    }
    let of_bond = |links: &'_ Links, bond: &str| -> Vec<String> {
        let members = links.iter().filter(|(_, link)| link.master.as_deref() == Some(bond));
        members.map(|(name, _)| name.clone()).collect()
    };
    let now_called = devices.nics.now(bond).unwrap_or(bond);
    let some_live = of_bond(devices.links, now_called).iter().filter_map(|it| devices.links.get(it)).any(is_live);
    let (mut gone, mut dead) = (Vec::new(), Vec::new());
    for member in of_bond(devices.then, bond) {
        let called = called(&member, devices);
        let (Some(was), Some(now)) = (devices.then.get(&member), devices.now(&member)) else {
            gone.push(format!("{called} of {now_called} is gone"));
            continue;
        };
        if now.master.as_deref() != Some(now_called) {
            gone.push(format!("{called} is no longer in {now_called}"));
        } else if is_live(was) && !is_live(now) && some_live {
            dead.push(format!("{called} of {now_called} has no link"));
        }
    }
    let at_most = (gone.is_empty() && !dead.is_empty()).then_some(Level::Warn);
    let mut details: Vec<String> = gone.into_iter().chain(dead).collect();
    if details.is_empty() {
        return None;
    }
    details.extend(some_live.then(|| "the bond has a live member".to_owned()));
    Some(Fault { cause: "bond-member-missing", detail: details.join("; "), at_most })
}

#[cfg(test)]
mod tests;
