//! A link is on and as large as it was, with what lies below it.

use serde_json::{Map, Value, json};

use super::Context;
use super::ip::{draft, managed, manager_question, sized, switched, touched};
use crate::facts::ovs::Datum;
use crate::facts::wiring::{Row, Wiring};
use crate::judge::kept::devices::Devices;
use crate::judge::kept::links::is_of_switch;
use crate::model::answer::Link;
use crate::model::gather::Gather as _;
use crate::model::plan::{Planned, Step};
use crate::model::{Finding, Query};

pub const FIX: &str = "link.restore";

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    if !matches!(finding.cause.as_deref(), Some("mtu" | "down")) {
        return None;
    }
    let devices = Devices::new(context.facts, context.before?).ok()?;
    let wiring = context.facts.wiring().known();
    let mut mended = Mended { devices: &devices, wiring, seen: Vec::new(), links: Vec::new() };
    let draft = draft(FIX, finding, context);
    if let Err(why) = mended.add_whole(&finding.subject) {
        return Some(draft.refused(why));
    }
    let links = mended.links;
    // Nothing is done here about a plug that is pulled.
    let is_mended = finding.cause.as_deref() != Some("down") || links.iter().any(Change::switches_on);
    let called = links.last().filter(|_| is_mended)?.called;
    let names: Vec<&str> = links.iter().map(|it| it.called).collect();
    let told = |tell: fn(&Change<'_>) -> Value| -> Map<String, Value> {
        links.iter().map(|it| (it.called.to_owned(), tell(it))).gather()
    };
    let resets = links.iter().find_map(Change::resets);
    let loss = resets.map(|card| format!("some cards lose their link for a moment when their MTU changes: {card}"));
    Some(Planned {
        before: told(|it| json!({"mtu": it.now.mtu, "admin_up": it.now.admin_up})),
        after: told(|it| json!({"mtu": it.mtu, "admin_up": it.admin_up})),
        risk: loss
            .into_iter()
            .chain(managed(context, &devices, &[called, &finding.subject]))
            .reduce(|one, other| format!("{one}; {other}")),
        touches: touched(&devices, names),
        steps: links.iter().flat_map(Change::steps).collect(),
        ..draft
    })
}

/// Who manages it.
pub fn questions(finding: &Finding, context: &Context<'_>) -> Vec<Query> {
    let devices = context.before.and_then(|before| Devices::new(context.facts, before).ok());
    let own = devices.and_then(|devices| devices.now(&finding.subject).map(manager_question));
    own.into_iter().chain([Query::OvsConfiguration(context.facts.settings.ovs.socket())]).collect()
}

/// What one link becomes.
struct Change<'n> {
    called: &'n str,
    now: &'n Link,
    mtu: u32,
    admin_up: bool,
    /// Those of a bond take its size.
    members: Vec<(&'n str, u32)>,
}

impl<'n> Change<'n> {
    /// No larger than what lies below it at any moment, and on once that is on.
    fn steps(&self) -> Vec<Step> {
        let (called, now) = (self.called, self.now);
        let size = (self.mtu != now.mtu).then(|| {
            let mut size = sized(called, self.mtu, now.mtu);
            let others = self.members.iter().filter(|(_, mtu)| *mtu != now.mtu);
            size.undoes.extend(others.map(|(member, mtu)| sized(member, *mtu, *mtu).does));
            size
        });
        let up = self.switches_on().then(|| switched(called, true, false));
        size.into_iter().chain(up).collect()
    }

    /// A card that is set up anew for it.
    fn resets(&self) -> Option<&'n str> {
        let own = self.now.kind.is_none().then_some(self.called);
        own.or_else(|| self.members.first().map(|(member, _)| *member)).filter(|_| self.mtu != self.now.mtu)
    }

    fn switches_on(&self) -> bool {
        self.admin_up && !self.now.admin_up
    }
}

struct Mended<'d, 'n> {
    devices: &'d Devices<'n>,
    wiring: Option<&'d Wiring<'n>>,
    seen: Vec<&'n str>,
    /// What lies below others comes before them.
    links: Vec<Change<'n>>,
}

impl<'d, 'n> Mended<'d, 'n> {
    /// The link that a finding is about; and below it what is in its way.
    fn add_whole(&mut self, name: &str) -> Result<(), String> {
        let Some((called, then, now)) = self.of_both(name) else { return Ok(()) };
        // What the switch made larger is no fault.
        if then.mtu < now.mtu && !is_of_switch(now) {
            self.shrinks(called, then.mtu)?;
            self.add_lower(then, now)?;
            self.push(called, then, now, then.mtu);
            return Ok(());
        }
        self.add(name)
    }

    /// No link that is in the way of another becomes smaller, or is switched off.
    fn add(&mut self, name: &str) -> Result<(), String> {
        let Some((called, then, now)) = self.of_both(name) else { return Ok(()) };
        if self.seen.contains(&called) {
            return Ok(());
        }
        self.seen.push(called);
        self.add_lower(then, now)?;
        match now.kind.as_deref() {
            _ if now.mtu >= then.mtu => {}
            Some("bridge") => self.add_ports(called, then.mtu)?,
            _ => self.add_switched(called, then.mtu)?,
        }
        self.push(called, then, now, then.mtu.max(now.mtu));
        Ok(())
    }

    fn push(&mut self, called: &'n str, then: &Link, now: &'n Link, mtu: u32) {
        let is_bond = matches!(now.kind.as_deref(), Some("bond" | "team"));
        let all = self.devices.links.iter().filter(|(_, link)| is_bond && link.master.as_deref() == Some(called));
        let members = all.map(|(name, link)| (name.as_str(), link.mtu)).collect();
        let change = Change { called, now, mtu, admin_up: then.admin_up || now.admin_up, members };
        if !change.steps().is_empty() {
            self.links.push(change);
        }
    }

    /// What the baseline calls so: its name of now, and what it was and is.
    fn of_both(&self, name: &str) -> Option<(&'n str, &'n Link, &'n Link)> {
        let devices = self.devices;
        let (called, now) = devices.links.get_key_value(devices.nics.now(name)?)?;
        Some((called.as_str(), devices.then.get(name)?, now))
    }

    /// The kernel makes a VLAN as small as the device below it, and nobody would make it larger again.
    fn shrinks(&self, called: &str, mtu: u32) -> Result<(), String> {
        let is_upper = |link: &Link| link.below() == Some(called) && link.mtu > mtu;
        match self.devices.links.iter().find(|(_, link)| is_upper(link)) {
            Some((upper, link)) => {
                Err(format!("{upper} lies on {called} and has the MTU {}: it comes first", link.mtu))
            }
            None => Ok(()),
        }
    }

    fn add_lower(&mut self, then: &Link, now: &Link) -> Result<(), String> {
        let Some(name) = then.below() else { return Ok(()) };
        let (Some(lower), Some(lower_then)) = (self.devices.now(name), self.devices.then.get(name)) else {
            return Ok(());
        };
        let is_small = now.mtu < then.mtu && lower.mtu < then.mtu && lower.mtu < lower_then.mtu;
        let is_off = then.admin_up && lower_then.admin_up && !lower.admin_up;
        if is_small || is_off { self.add(name) } else { Ok(()) }
    }

    /// What a bridge of the kernel has more than its ports they would drop.
    fn add_ports(&mut self, called: &str, mtu: u32) -> Result<(), String> {
        let is_port = |link: &Link| link.master.as_deref() == Some(called) && link.mtu < mtu;
        let small = self.devices.links.iter().filter(|(_, link)| is_port(link));
        small.into_iter().try_for_each(|(port, link)| {
            let why = || format!("{port} in {called} has the MTU {}, and would drop what is larger", link.mtu);
            self.add_port(port, mtu).unwrap_or_else(|| Err(why()))
        })
    }

    /// The switch keeps its own devices as small as the smallest port of their bridge.
    fn add_switched(&mut self, called: &str, mtu: u32) -> Result<(), String> {
        let Some((own, others)) = self.wiring.and_then(|wiring| in_switch(wiring, called)) else { return Ok(()) };
        if let Some(asked) = asked(own).filter(|asked| *asked != mtu) {
            return Err(format!("the switch is told to keep {called} at {asked}: change its `mtu_request`"));
        }
        for (port, row) in others {
            let asked = asked(row);
            let found = self.devices.links.get(port).map(|link| link.mtu);
            let is = asked.filter(|asked| *asked < mtu).or(found).or(asked).unwrap_or(USUAL_MTU);
            if is >= mtu {
                continue;
            }
            let why = || {
                format!(
                    "the switch keeps {called} as small as the smallest port of its bridge, and {port} has the MTU {is}; \
                     `ovs-vsctl set Interface {called} mtu_request={mtu}` parts them"
                )
            };
            let may_grow = asked.is_none_or(|asked| asked >= mtu);
            may_grow.then(|| self.add_port(port, mtu)).flatten().unwrap_or_else(|| Err(why()))?;
        }
        Ok(())
    }

    /// None where the baseline does not have this port so large.
    fn add_port(&mut self, port: &str, mtu: u32) -> Option<Result<(), String>> {
        let devices = self.devices;
        let is_it = |name: &&&str| devices.nics.now(name) == Some(port);
        let name = devices.lasting.keys().find(is_it)?;
        devices.then.get(*name).filter(|then| then.mtu >= mtu)?;
        Some(self.add(name))
    }
}

/// What the switch gives a device that nobody asks another size for.
const USUAL_MTU: u32 = 1500;

/// The size that somebody asks for in the database.
fn asked(row: &Row<'_>) -> Option<u32> {
    row.column("mtu_request").and_then(Datum::integer).and_then(|mtu| mtu.try_into().ok())
}

/// The row of a device that the switch makes itself, and what else in its bridge has a size of its own.
fn in_switch<'w, 'a>(wiring: &'w Wiring<'a>, called: &str) -> Option<(&'w Row<'a>, Vec<(&'w str, &'w Row<'a>)>)> {
    let kind = |row: &Row<'_>| row.text("type").unwrap_or_default().into_owned();
    let is_sized = |row: &Row<'_>| match kind(row).as_str() {
        "" | "system" | "afxdp" => true,
        "internal" => asked(row).is_some(),
        kind => kind.starts_with("dpdk"),
    };
    wiring.bridges.values().find_map(|bridge| {
        let all = || bridge.ports.values().flat_map(|port| port.interfaces.iter());
        let (_, own) = all().find(|(name, row)| *name == called && kind(row) == "internal")?;
        let others = all().filter(|(name, row)| *name != called && is_sized(row));
        Some((own, others.map(|(name, row)| (name.as_str(), row)).collect()))
    })
}

#[cfg(test)]
mod tests;
