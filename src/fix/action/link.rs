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
    let mut mended = Mended { devices: &devices, wiring: context.facts.wiring().known(), links: Vec::new() };
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
    let resets = links.iter().find(|it| it.now.kind.is_none() && it.mtu != it.now.mtu);
    let loss =
        resets.map(|it| format!("some cards lose their link for a moment when their MTU changes: {}", it.called));
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
}

impl Change<'_> {
    /// No larger than what lies below it at any moment, and on once that is on.
    fn steps(&self) -> Vec<Step> {
        let (called, now) = (self.called, self.now);
        let size = (self.mtu != now.mtu).then(|| sized(called, self.mtu, now.mtu));
        let up = self.switches_on().then(|| switched(called, true, false));
        size.into_iter().chain(up).collect()
    }

    fn switches_on(&self) -> bool {
        self.admin_up && !self.now.admin_up
    }
}

struct Mended<'d, 'n> {
    devices: &'d Devices<'n>,
    wiring: Option<&'d Wiring<'n>>,
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
            self.push(Change { called, now, mtu: then.mtu, admin_up: then.admin_up || now.admin_up });
            return Ok(());
        }
        self.add(name)
    }

    /// No link that is in the way of another becomes smaller, or is switched off.
    fn add(&mut self, name: &str) -> Result<(), String> {
        let Some((called, then, now)) = self.of_both(name) else { return Ok(()) };
        if self.links.iter().any(|it| it.called == called) {
            return Ok(());
        }
        self.add_lower(then, now)?;
        if now.mtu < then.mtu {
            self.add_ports(called, then.mtu)?;
        }
        self.push(Change { called, now, mtu: then.mtu.max(now.mtu), admin_up: then.admin_up || now.admin_up });
        Ok(())
    }

    fn push(&mut self, change: Change<'n>) {
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

    /// The switch makes its own devices as small as the smallest port of their bridge, whatever anybody sets beside it.
    fn add_ports(&mut self, called: &str, mtu: u32) -> Result<(), String> {
        let Some((own, others)) = self.wiring.and_then(|wiring| in_switch(wiring, called)) else { return Ok(()) };
        if let Some(asked) = own.column("mtu_request").and_then(Datum::integer) {
            let is_ours = asked == i64::from(mtu);
            let told = || format!("the switch is told to keep {called} at {asked}: change its `mtu_request`");
            return if is_ours { Ok(()) } else { Err(told()) };
        }
        for other in others {
            let Some(link) = self.devices.links.get(other).filter(|link| link.mtu < mtu) else { continue };
            let of_before = |name: &&&str| self.devices.nics.now(name) == Some(other);
            let name = self.devices.lasting.keys().find(of_before).copied();
            match name.filter(|name| self.devices.then.get(*name).is_some_and(|then| then.mtu >= mtu)) {
                Some(name) => self.add(name)?,
                None => {
                    return Err(format!(
                        "the switch keeps {called} as small as the smallest port of its bridge, and {other} has the MTU \
                         {}; `ovs-vsctl set Interface {called} mtu_request={mtu}` parts them",
                        link.mtu
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The row of a device that the switch makes itself, and the devices of others in its bridge.
fn in_switch<'w, 'a>(wiring: &'w Wiring<'a>, called: &str) -> Option<(&'w Row<'a>, Vec<&'w str>)> {
    let kind = |row: &Row<'_>| row.text("type").unwrap_or_default().into_owned();
    wiring.bridges.values().find_map(|bridge| {
        let all = || bridge.ports.values().flat_map(|port| port.interfaces.iter());
        let (_, own) = all().find(|(name, row)| *name == called && kind(row) == "internal")?;
        let others = all().filter(|(_, row)| matches!(kind(row).as_str(), "" | "system"));
        Some((own, others.map(|(name, _)| name.as_str()).collect()))
    })
}

#[cfg(test)]
mod tests;
