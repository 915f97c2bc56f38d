//! Is each bridge of the baseline there, with its attributes?

use serde_json::Value;

use super::devices::conclude;
use super::ovs_database::{Both, both};
use super::ovs_ports::{by_hand, is_of_others};
use crate::facts::before::Before;
use crate::facts::wiring::{Attributes, Bridge, MIRRORED, Row, Wiring, changes};
use crate::facts::{Facts, ovs};
use crate::judge::causes::Part;
use crate::judge::outcome::Outcome;
use crate::model::gather::Arrange as _;
use crate::model::{Query, Reading};

/// What a row of the switch as a whole is about.
const SWITCH: &str = "Open_vSwitch";

/// What Debian's `ovs-ctl` writes at each start, by what the host is called and where it runs.
const WRITTEN_AT_START: [&str; 2] = ["external_ids:hostname", "external_ids:rundir"];

/// ovn-controller makes its bridge, and sets it up as its version sees fit; these are for people to choose.
const CHOSEN_FOR_OVN: [&str; 2] = ["datapath_type", "fail_mode"];

pub fn judge(facts: &Facts<'_>, before: &Before<'_>) -> Vec<Outcome> {
    let outcomes = match both(facts, before) {
        Ok(both) => judge_both(both, before),
        Err(outcome) => vec![*outcome],
    };
    let asked = Query::OvsConfiguration(facts.settings.ovs.socket());
    outcomes.into_iter().map(|outcome| outcome.asking(asked.clone())).collect()
}

fn judge_both((then, now): Both<'_, '_, '_>, before: &Before<'_>) -> Vec<Outcome> {
    let of_ovn = match before.facts.ovs() {
        Reading::Known(ovs) if ovs.uses_ovn() => Some(ovs.integration_bridge()),
        _ => None,
    };
    let mut outcomes = Vec::new();
    let mut kept = 0_usize;
    for (name, bridge) in &then.bridges {
        let found = now.and_then(|now| Some((now, now.bridges.get(name)?)));
        let outcome = match found {
            Some(now) => judge_bridge(name, (then, bridge), now, of_ovn == Some(name)),
            None => Some(missing(name, bridge, then, own_ports(name, before))),
        };
        kept += usize::from(outcome.is_none());
        outcomes.extend(outcome.map(|outcome| outcome.touching(Part::Bridge(name.clone()))));
    }
    outcomes.extend(now.and_then(|now| judge_switch(then, now)));
    conclude(&mut outcomes, kept, ["bridge is as it was", "bridges are as they were"], "bridge", "");
    outcomes
}

/// How many ports a bridge of the baseline had, without its own one and what guests and OVN make again by themselves.
fn own_ports(name: &str, before: &Before<'_>) -> usize {
    let (Reading::Known(ovs), Reading::Known(links)) = (before.facts.ovs(), before.facts.links()) else { return 0 };
    let is_own = |bridge: &ovs::Bridge<'_>, port: &ovs::Port<'_>| {
        port.name != bridge.name && !is_of_others(bridge, port, ovs, links)
    };
    let bridge = ovs.bridges.iter().find(|bridge| bridge.name == name);
    bridge.map_or(0, |bridge| ovs.ports(bridge).into_iter().filter(|port| is_own(bridge, port)).count())
}

fn missing(name: &str, bridge: &Bridge<'_>, then: &Wiring<'_>, ports: usize) -> Outcome {
    let detail = match ports {
        0 => format!("{name} is gone"),
        1 => format!("{name} is gone, and its port with it"),
        _ => format!("{name} is gone, and {ports} ports with it"),
    };
    Outcome::fail(name, Some("missing"), detail)
        .expecting("present", true)
        .observing("present", false)
        .by_hand(by_hand::add_bridge(name, &attributes(then, bridge)))
}

fn judge_bridge(
    name: &str,
    (then, bridge): (&Wiring<'_>, &Bridge<'_>),
    (now, found): (&Wiring<'_>, &Bridge<'_>),
    is_of_ovn: bool,
) -> Option<Outcome> {
    let (mut was, mut is) = (attributes(then, bridge), attributes(now, found));
    if is_of_ovn {
        let is_chosen = |key: &String, _: &mut Value| CHOSEN_FOR_OVN.contains(&key.as_str());
        was.retain(is_chosen);
        is.retain(is_chosen);
    }
    let outcome = changed(name, &was, &is)?;
    let lost = lost_by_mirrors(bridge, then, found).filter(|_| outcome.expected.keys().all(|key| key == "mirrors"));
    let outcome = match lost {
        Some(port) => outcome.because_of("ovs.port-kept", &format!("{name}/{port}")),
        None => outcome,
    };
    let commands = by_hand::set_bridge(name, &was, &outcome.expected);
    Some(outcome.by_hand(commands))
}

/// The port of a mirror that the bridge has no more: the database takes it from the mirror with it.
fn lost_by_mirrors<'w>(bridge: &Bridge<'_>, then: &'w Wiring<'_>, found: &Bridge<'_>) -> Option<&'w str> {
    let mut of_ports = then.mirrors(&bridge.row).flat_map(|row| MIRRORED.map(|column| row.uuids(column)));
    of_ports.find_map(|uuids| {
        uuids.into_iter().filter_map(|uuid| then.port_name(uuid)).find(|port| !found.ports.contains_key(*port))
    })
}

pub fn attributes(wiring: &Wiring<'_>, bridge: &Bridge<'_>) -> Attributes {
    let mut attributes = wiring.attributes(&bridge.row);
    let mut targets: Vec<_> = bridge.controllers.iter().filter_map(|row| row.text("target")).collect();
    targets.arrange();
    if !targets.is_empty() {
        attributes
            .insert(by_hand::CONTROLLERS.to_owned(), targets.into_iter().map(|target| target.into_owned()).collect());
    }
    attributes
}

/// The attributes of a row of any table: of a bridge with those of its controllers.
pub fn attributes_of(wiring: &Wiring<'_>, row: &Row<'_>, table: &str, name: &str) -> Attributes {
    match wiring.bridges.get(name).filter(|_| table == "Bridge") {
        Some(bridge) => attributes(wiring, bridge),
        None => wiring.attributes(row),
    }
}

/// A row of the attributes that differ; none where none does.
pub fn changed(subject: &str, was: &Attributes, is: &Attributes) -> Option<Outcome> {
    let changes = changes(was, is);
    let told: Vec<String> = changes.iter().map(|(key, (was, is))| told(key, was, is)).collect();
    let first = told.first()?;
    let detail = match told.len() {
        1..4 => format!("{subject}: {}", told.join("; ")),
        count => format!("{subject}: {first}; {} other attributes differ", count - 1),
    };
    let outcome = Outcome::fail(subject, Some("attributes-changed"), detail);
    Some(
        changes.into_iter().fold(outcome, |outcome, (key, (was, is))| outcome.expecting(&key, was).observing(&key, is)),
    )
}

fn told(key: &str, was: &Value, is: &Value) -> String {
    match (was, is) {
        (Value::Null, is) => format!("{key} is {}, and was not set", shown(is)),
        (was, Value::Null) => format!("{key} is not set, and was {}", shown(was)),
        (was, is) => format!("{key} is {}, and was {}", shown(is), shown(was)),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Where somebody set it in the database alone, the next start of Open vSwitch puts another in its place.
pub const SYSTEM_ID: &str = "external_ids:system-id";

const OVN_CONTROLLER: &str = "ovn-controller.service";

/// `ovs-ctl` sets it while it starts the daemons again. Left behind, vswitchd waits for ever, and changes no flow.
const WAITS: &str = "other_config:flow-restore-wait";

/// Whether people set it for the switch as a whole.
pub fn is_chosen(key: &str) -> bool {
    key != WAITS && !WRITTEN_AT_START.contains(&key)
}

/// What OVN and others are told of this host. They add to it as they need: only what is gone or changed counts.
fn judge_switch(then: &Wiring<'_>, now: &Wiring<'_>) -> Option<Outcome> {
    let mut was = then.attributes(&then.switch);
    was.retain(|key, _| !WRITTEN_AT_START.contains(&key.as_str()));
    let mut is = now.attributes(&now.switch);
    is.retain(|key, _| was.contains_key(key) || key == WAITS);
    let outcome = changed(SWITCH, &was, &is)?.because_of("ovs.database-emptied", "");
    let mut commands = by_hand::set_switch(&was, &outcome.expected);
    if let Some(id) = outcome.expected.get(SYSTEM_ID).and_then(Value::as_str) {
        commands.extend(by_hand::keep_system_id(id));
    }
    // What OVN is told stops OVN; what lets vswitchd wait stops the whole switch.
    let part = match outcome.expected.contains_key(WAITS) {
        true => Part::Switch,
        false => Part::Unit(OVN_CONTROLLER.to_owned()),
    };
    let mut outcome = outcome.by_hand(commands).touching(part);
    let notes = [
        (SYSTEM_ID, "OVN knows the host by its system-id; each start takes it from /etc/openvswitch/system-id.conf"),
        (WAITS, "until flow-restore-wait is removed ovs-vswitchd changes no flow"),
    ];
    for (_, note) in notes.iter().filter(|(key, _)| was.get(*key) != is.get(*key)) {
        outcome.detail.push_str("; ");
        outcome.detail.push_str(note);
    }
    Some(outcome)
}

#[cfg(test)]
mod tests;
