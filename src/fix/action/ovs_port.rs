//! A port comes back to its bridge with the attributes of the baseline.

use serde_json::{Value, json};

use super::Context;
use super::rows::{
    Moment, Rows, as_read, mutate, row_of, set_back, switch, switch_is_down, told, wait_for, wait_for_none, wait_while,
};
use crate::facts::before::Before;
use crate::facts::nics::Whereabouts;
use crate::facts::wiring::{Attributes, Bridge, Port, Row, Wiring};
use crate::judge::kept::devices::Devices;
use crate::judge::kept::ovs_ports::places::has_device;
use crate::judge::topology::{Part, Topology};
use crate::model::answer::Address;
use crate::model::plan::{Planned, Step};
use crate::model::run::Holds;
use crate::model::{Finding, Query, Reading};

pub const FIX: &str = "ovs.port.readd";

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let lost = Lost::of(finding, context)?;
    match finding.cause.as_deref()? {
        "missing" | "detached" => lost.readd(),
        "wrong-bridge" => lost.moved_back(),
        "attributes-changed" => lost.set_back(),
        _ => None,
    }
}

/// Who has the device already. The datapath of the kernel keeps a NIC that was renamed.
pub fn has_master(devices: &Devices<'_>, called: &str) -> Option<String> {
    let link = devices.links.get(called)?;
    let master = link.master.as_deref().filter(|_| link.member_kind.as_deref() != Some("openvswitch"))?;
    Some(format!("{called} is in {master}"))
}

/// The address that would not answer any more in a bridge, and that the host did not have before. One that it had comes
/// back where it was.
pub fn has_address(context: &Context<'_>, called: &str) -> Option<String> {
    let query = &Query::Addresses;
    let addresses = match context.facts.reading::<Vec<Address>>(query) {
        Reading::Known(addresses) => addresses,
        _ => return Some(format!("whether {called} has an address cannot be read")),
    };
    let before = context.before.and_then(|before| before.facts.reading::<Vec<Address>>(query).known());
    let was = |address: &str| before.into_iter().flatten().any(|it| it.address == address);
    let is_new = |it: &&Address| it.link == called && it.scope != "link" && !was(&it.address);
    let Address { address, .. } = addresses.iter().find(is_new)?;
    Some(format!("{called} has {address}: `ip address del {address} dev {called}` first, where nobody needs it"))
}

/// A port of the baseline that is not as it was, or one member of it.
pub struct Lost<'c, 'f> {
    pub finding: &'c Finding,
    pub context: &'c Context<'f>,
    pub devices: Devices<'c>,
    pub then: &'c Wiring<'f>,
    pub now: &'c Wiring<'f>,
    pub bridge: &'c str,
    pub name: &'c str,
    pub member: Option<&'c str>,
    pub port: &'c Port<'f>,
}

/// Where an interface is in the switch as it is now.
struct Seat<'c, 'f> {
    bridge: &'c str,
    name: &'c str,
    port: &'c Port<'f>,
}

impl<'c, 'f> Lost<'c, 'f> {
    pub fn of(finding: &'c Finding, context: &'c Context<'f>) -> Option<Self> {
        let before: &'c Before<'f> = context.before?;
        let then: &'c Wiring<'f> = before.facts.wiring().known()?;
        let now: &'c Wiring<'f> = context.facts.wiring().known()?;
        let mut words = finding.subject.splitn(3, '/');
        let (bridge, name, member) = (words.next()?, words.next()?, words.next());
        let port = then.bridges.get(bridge)?.ports.get(name)?;
        let devices = Devices::new(context.facts, before).ok()?;
        Some(Self { finding, context, devices, then, now, bridge, name, member, port })
    }

    /// The interfaces that it is about, with their rows of then.
    pub fn interfaces(&self) -> impl Iterator<Item = (&'c String, &'c Row<'f>)> {
        self.port.interfaces.iter().filter(|(name, _)| self.member.is_none_or(|member| *name == member))
    }

    fn found(&self) -> Option<&'c Bridge<'f>> {
        self.now.bridges.get(self.bridge)
    }

    fn seat(&self, interface: &str) -> Option<Seat<'c, 'f>> {
        let ports = self.now.bridges.iter().flat_map(|(bridge, it)| it.ports.iter().map(move |port| (bridge, port)));
        let mut found = ports.filter(|(_, (_, port))| port.interfaces.get(interface).is_some());
        found.next().map(|(bridge, (name, port))| Seat { bridge, name, port })
    }

    pub fn planned(&self, why: String, steps: Vec<Step>) -> Planned {
        let mut parts = vec![Part::Bridge(self.bridge.to_owned()), Part::Device(self.bridge.to_owned())];
        for (name, _) in self.interfaces() {
            let now = self.devices.nics.now(name).unwrap_or(name);
            parts.extend([name, now].map(|name| Part::Device(name.to_owned())));
        }
        Planned {
            fix: FIX.to_owned(),
            subject: self.finding.subject.clone(),
            mends: self.finding.reference(),
            why,
            steps,
            undo: "inverse operation: the rows become what they were before, in one transaction each".to_owned(),
            risk: Some(format!("what goes through {} may stop for a moment", self.bridge)),
            needs: Vec::new(),
            touches: Topology::new(self.context.facts, self.context.before).devices_on(&parts),
            frees_bytes: None,
            before: self.finding.observed.clone(),
            after: self.finding.expected.clone(),
            refused: switch_is_down(self.context),
        }
    }

    fn refused(&self, why: String) -> Planned {
        Planned { refused: Some(why), ..self.planned(self.finding.detail.clone(), Vec::new()) }
    }

    /// Why a device cannot be taken.
    pub fn is_taken(&self, name: &str, called: &str, row: &Row<'_>) -> Option<String> {
        if let Some(seat) = self.seat(called) {
            return Some(format!("{called} is in {} of {}", seat.name, seat.bridge));
        }
        if !has_device(row) || !self.devices.then.contains_key(name) {
            return None;
        }
        if !self.devices.links.contains_key(called) {
            return Some(format!("there is no {called}"));
        }
        has_master(&self.devices, called)
    }

    /// Why the NIC is not to be had under its name; none where it is.
    fn is_elsewhere(&self, name: &str, row: &Row<'_>) -> Option<String> {
        if has_device(row) && self.devices.then.contains_key(name) {
            match self.devices.nics.place(name) {
                Whereabouts::Same => {}
                Whereabouts::Renamed(called) => return Some(format!("{name} is now called {called}")),
                Whereabouts::Gone => return Some(format!("{name} is gone: put the NIC back, or take a new snapshot")),
                Whereabouts::Unknown => return Some(self.devices.nics.doubt(name).detail),
            }
        }
        let has_address = || has_address(self.context, name).filter(|_| has_device(row));
        self.is_taken(name, name, row).or_else(has_address)
    }

    /// The rows that were.
    fn rows(&self) -> Rows<'_, 'f> {
        Rows::of(self.then, Some(self.now), self.context.facts.run.asked_at)
    }

    fn readd(&self) -> Option<Planned> {
        let Some(bridge) = self.found() else {
            return Some(self.refused(format!("{} is gone: it comes first", self.bridge)));
        };
        let mut wanted = Vec::new();
        let mut left_out = Vec::new();
        for (name, row) in self.interfaces() {
            match self.is_elsewhere(name, row) {
                None => wanted.push((name.as_str(), name.as_str(), row)),
                Some(why) => left_out.push(why),
            }
        }
        if wanted.is_empty() || (self.port.interfaces.len() < 2 && !left_out.is_empty()) {
            return Some(self.refused(left_out.join("; ")));
        }
        let step = match wanted.first().filter(|_| self.member.is_some()) {
            Some(member) => self.member_added(bridge, *member),
            None => self.added(self.name, bridge, &wanted),
        };
        let why = self.finding.detail.split("; ").next().unwrap_or_default().to_owned();
        Some(match step {
            Ok(step) => {
                let mut planned = self.planned(why, vec![step]);
                planned.risk = planned.risk.into_iter().chain(left_out).reduce(|risk, more| format!("{risk}; {more}"));
                planned
            }
            Err(why) => self.refused(why),
        })
    }

    /// The port as a whole: each interface is its name of then, what it is called now, and its row of then.
    pub fn added(&self, name: &str, bridge: &Bridge<'f>, wanted: &[(&str, &str, &Row<'f>)]) -> Result<Step, String> {
        let mut rows = self.rows();
        let mut operations = vec![wait_for("Bridge", self.bridge, json!({"ports": as_read(&bridge.row, "ports")}))];
        operations.push(wait_for_none("Port", name));
        let mut words = vec![format!("Bridge {}: add Port {name}", self.bridge)];
        words.extend(self.worded("Port", name, &self.port.row));
        let mut members = Vec::new();
        for (_, called, row) in wanted {
            operations.push(wait_for_none("Interface", called));
            members.push(rows.insert("Interface", called, row, &[("name", json!(called))]));
            words.extend(self.worded("Interface", called, row));
        }
        let more = [("name", json!(name)), ("interfaces", json!(["set", members]))];
        let port = rows.insert("Port", name, &self.port.row, &more);
        if let Some(why) = rows.refused() {
            return Err(why);
        }
        operations.append(&mut rows.operations);
        operations.push(mutate("Bridge", self.bridge, "ports", "insert", port));

        let of: Vec<Value> = wanted.iter().map(|(_, called, _)| row_of("Interface", called)).collect();
        let mut back = vec![
            // Somebody who made another port of it wants to keep that.
            wait_for("Port", name, json!({"interfaces": ["set", of]})),
            mutate("Bridge", self.bridge, "ports", "delete", row_of("Port", name)),
        ];
        back.append(&mut rows.removals);
        let holds = |there| Holds::Port { bridge: self.bridge.to_owned(), port: name.to_owned(), there };
        let take_back = vec![format!("Bridge {}: remove Port {name}", self.bridge)];
        Ok(Step {
            does: switch(self.context, words, operations, holds(true)),
            undoes: vec![switch(self.context, take_back, back, holds(false))],
        })
    }

    fn worded(&self, table: &str, name: &str, row: &Row<'f>) -> Option<String> {
        let attributes: Attributes = self.then.attributes(row);
        (!attributes.is_empty()).then(|| format!("{table} {name}: {}", told(&attributes)))
    }

    /// A member of a bond that is there, under the name that it has now and in the place of its old one.
    pub fn member_added(
        &self,
        bridge: &Bridge<'f>,
        (name, called, row): (&str, &str, &Row<'f>),
    ) -> Result<Step, String> {
        let bond = self.name;
        let Some(port) = bridge.ports.get(bond) else { return Err(format!("{bond} is gone: it comes first")) };
        let mut rows = self.rows();
        let mut operations = vec![
            wait_for("Port", bond, json!({"interfaces": as_read(&port.row, "interfaces")})),
            wait_for_none("Interface", called),
        ];
        let interface = rows.insert("Interface", called, row, &[("name", json!(called))]);
        if let Some(why) = rows.refused() {
            return Err(why);
        }
        operations.append(&mut rows.operations);
        operations.push(mutate("Port", bond, "interfaces", "insert", interface));
        let mut words = vec![format!("Port {bond}: add Interface {called}")];
        words.extend(self.worded("Interface", called, row));
        let mut back = Vec::new();
        let mut take_back = Vec::new();
        // The row under the old name asks for its device in vain.
        if let Some(old) = port.interfaces.get(name).filter(|_| name != called) {
            operations.push(mutate(
                "Port",
                bond,
                "interfaces",
                "delete",
                json!(["uuid", old.uuid().unwrap_or_default()]),
            ));
            words.push(format!("Port {bond}: remove Interface {name}"));
            let mut rows = Rows::of(self.now, Some(self.now), self.context.facts.run.asked_at);
            let again = rows.insert("Interface", name, old, &[("name", json!(name))]);
            back.push(wait_for_none("Interface", name));
            back.append(&mut rows.operations);
            back.push(mutate("Port", bond, "interfaces", "insert", again));
            take_back.push(format!("Port {bond}: add Interface {name}"));
        }
        back.push(mutate("Port", bond, "interfaces", "delete", row_of("Interface", called)));
        take_back.push(format!("Port {bond}: remove Interface {called}"));
        let holds = |there| Holds::Port { bridge: self.bridge.to_owned(), port: format!("{bond}/{called}"), there };
        Ok(Step {
            does: switch(self.context, words, operations, holds(true)),
            undoes: vec![switch(self.context, take_back, back, holds(false))],
        })
    }

    /// From the bridge on which it is. Somebody put it there: only who names the finding knows that he did not mean to.
    fn moved_back(&self) -> Option<Planned> {
        let (first, _) = self.interfaces().next()?;
        let called = self.devices.nics.now(first).unwrap_or(first);
        let seat = self.seat(called)?;
        if !self.context.named {
            let named = format!("{}:{}", self.finding.id, self.finding.subject);
            return Some(self.refused(format!("it may be meant so; `hostready fix {named}` moves it back")));
        }
        let Some(bridge) = self.found() else {
            return Some(self.refused(format!("{} is gone: it comes first", self.bridge)));
        };
        if seat.port.interfaces.len() != self.port.interfaces.len() || seat.name == seat.bridge {
            return Some(self.refused(format!("{called} is a part of {} of {}", seat.name, seat.bridge)));
        }
        let other = self.now.bridges.get(seat.bridge)?;
        let uuid = json!(["uuid", seat.port.row.uuid()?]);
        let to = |from: &str, to: &str, waits: Vec<Value>| {
            let moves = [
                mutate("Bridge", from, "ports", "delete", uuid.clone()),
                mutate("Bridge", to, "ports", "insert", uuid.clone()),
            ];
            let until = Holds::Port { bridge: to.to_owned(), port: seat.name.to_owned(), there: true };
            let words = vec![
                format!("Bridge {from}: remove Port {}", seat.name),
                format!("Bridge {to}: add Port {}", seat.name),
            ];
            switch(self.context, words, waits.into_iter().chain(moves).collect(), until)
        };
        let forth = vec![
            wait_for("Bridge", seat.bridge, json!({"ports": as_read(&other.row, "ports")})),
            wait_for("Bridge", self.bridge, json!({"ports": as_read(&bridge.row, "ports")})),
        ];
        let is_there = json!([["name", "==", self.bridge], ["ports", "includes", ["set", [uuid]]]]);
        let back = vec![wait_while("Bridge", &is_there)];
        let step = Step { does: to(seat.bridge, self.bridge, forth), undoes: vec![to(self.bridge, seat.bridge, back)] };
        let mut planned = self.planned(self.finding.detail.clone(), vec![step]);
        planned.touches.push(seat.bridge.to_owned());
        Some(planned)
    }

    fn set_back(&self) -> Option<Planned> {
        let mut steps = Vec::new();
        let mut refused = Vec::new();
        let mut add = |step: Result<Option<Step>, String>| match step {
            Ok(step) => steps.extend(step),
            Err(why) => refused.push(why),
        };
        let (then, now) = (self.then, self.now);
        if self.port.interfaces.len() < 2 || self.member.is_some() {
            let (name, row) = self.interfaces().next()?;
            let called = self.devices.nics.now(name).filter(|_| has_device(row)).unwrap_or(name);
            let seat = self.seat(called)?;
            if self.member.is_none() && seat.port.interfaces.len() > 1 {
                return Some(self.refused(self.finding.detail.clone()));
            }
            if self.member.is_none() {
                let pair = (Moment { wiring: then, row: &self.port.row }, Moment { wiring: now, row: &seat.port.row });
                add(set_back("Port", seat.name, pair, |_| true, self.context));
            }
            let found = seat.port.interfaces.get(called)?;
            let pair = (Moment { wiring: then, row }, Moment { wiring: now, row: found });
            add(set_back("Interface", called, pair, |_| true, self.context));
        } else {
            let found = self.found()?.ports.get(self.name)?;
            let pair = (Moment { wiring: then, row: &self.port.row }, Moment { wiring: now, row: &found.row });
            add(set_back("Port", self.name, pair, |_| true, self.context));
        }
        let why = self.finding.detail.clone();
        let mut planned = self.planned(why, steps);
        if !refused.is_empty() {
            planned.refused = Some(refused.join("; "));
        }
        Some(planned).filter(|planned| !planned.steps.is_empty() || planned.refused.is_some())
    }
}

#[cfg(test)]
mod tests;
