//! The daemons of Open vSwitch: the database first, then who follows it.

use super::{Context, cannot_start, disturbs, now, start_steps, undo, why};
use crate::fix::action::ip::pairs;
use crate::model::answer::Unit;
use crate::model::plan::Planned;
use crate::model::{Finding, Reading};

/// In the order of their start. The last of them is what stands for both on Debian.
pub const UNITS: [&str; 3] = ["ovsdb-server.service", "ovs-vswitchd.service", "openvswitch-switch.service"];

pub fn plan(draft: Planned, finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let meant = match finding.cause.as_deref()? {
        "ovsdb-unreachable" => &UNITS[..],
        "vswitchd-not-running" => &UNITS[1..],
        _ => return None,
    };
    let loaded: Vec<(&str, &Unit)> = meant
        .iter()
        .filter_map(|name| Some((*name, now(name, context)?)))
        .filter(|(_, unit)| unit.load != "not-found")
        .collect();
    let idle: Vec<(&str, &Unit)> = loaded.iter().filter(|(_, unit)| unit.active != "active").copied().collect();
    let Some((first, unit)) = idle.first() else {
        return Some(draft.refused(match loaded.is_empty() {
            true => "no unit of systemd starts it".to_owned(),
            false => "its units run, as systemd sees it: to restart them is for a person to decide".to_owned(),
        }));
    };
    let draft = Planned {
        before: pairs(&[("unit", Some(first)), ("active_state", Some(&unit.active))]),
        after: pairs(&[("unit", Some(first)), ("active_state", Some("active"))]),
        why: why(&draft.why, &idle, context),
        undo: undo(&draft.undo, &idle),
        ..draft
    };
    if let Some(why) = idle.iter().find_map(|(name, unit)| cannot_start(name, unit, context)) {
        return Some(draft.refused(why));
    }
    let (needs, risk) = disturbs(first);
    Some(Planned {
        steps: idle.iter().flat_map(|(name, unit)| start_steps(name, unit)).collect(),
        needs,
        risk,
        touches: devices(context),
        ..draft
    })
}

/// The bridges of the switch and what is in them, now or in the baseline: what still goes through it may stop.
pub fn devices(context: &Context<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let moments = [Some(context.facts), context.before.map(|before| &before.facts)];
    for facts in moments.into_iter().flatten() {
        if let Reading::Known(ovs) = facts.ovs() {
            let ports = ovs.bridges.iter().flat_map(|bridge| ovs.ports(bridge)).flat_map(|port| ovs.interfaces(port));
            names.extend(ports.map(|interface| interface.name.clone().into_owned()));
            names.extend(ovs.bridges.iter().map(|bridge| bridge.name.clone().into_owned()));
        }
    }
    let links = context.facts.links().known();
    let of_kernel = links.into_iter().flat_map(|links| links.iter()).filter(|(_, link)| {
        link.kind.as_deref() == Some("openvswitch") || link.member_kind.as_deref() == Some("openvswitch")
    });
    names.extend(of_kernel.map(|(name, _)| name.clone()));
    let is_device = |name: &String| links.is_none_or(|links| links.contains_key(name));
    let mut devices: Vec<String> = Vec::new();
    for name in names.into_iter().filter(is_device) {
        if !devices.contains(&name) {
            devices.push(name);
        }
    }
    devices
}
