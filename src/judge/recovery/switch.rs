//! Open vSwitch: its service, bridges and ports with every attribute, as `ovs-vsctl` takes them.

use super::devices::Devices;
use super::{Command, Output, Step};
use crate::facts::Facts;
use crate::facts::ovs::{Bridge, Ovs};
use crate::facts::wiring::{Attributes, Port, Row, Wiring, is_masked};
use crate::judge::kept::ovs_bridges::{self, is_chosen};
use crate::judge::kept::ovs_ports::by_hand;
use crate::judge::ovs_uplink::{Role, belongs_to_ovn, role};
use crate::model::answer::Unit;
use crate::model::gather::Gather as _;
use crate::model::{Query, Reading};

/// The unit that starts all of Open vSwitch, as Debian and Ubuntu call it, and as others do.
const SERVICES: [&str; 2] = ["openvswitch-switch.service", "openvswitch.service"];

/// Where `ovs-ctl` looks for it at each start.
const SYSTEM_ID: &str = "/etc/openvswitch/system-id.conf";

pub fn started(facts: &Facts<'_>) -> Option<Step> {
    let unit = |name: &str| facts.reading::<Unit>(&Query::Unit(name.to_owned())).known();
    let loaded = |name: &'static str| Some((name, unit(name).filter(|unit| unit.load == "loaded")?));
    let (name, unit) = SERVICES.into_iter().find_map(loaded)?;
    let (name, is_enabled) = (name.trim_end_matches(".service"), unit.file_state == "enabled");
    let start: &[&str] =
        if is_enabled { &["systemctl", "enable", "--now", name] } else { &["systemctl", "start", name] };
    Some(Step::new("Open vSwitch", vec![Command::new(start)]))
}

/// Bridges and ports; one that is there is left as it is, and only gets its attributes.
pub fn bridges(facts: &Facts<'_>, devices: &Devices<'_>, is_first: bool) -> Vec<Step> {
    let (ovs, wiring) = match (facts.ovs(), facts.wiring()) {
        (Reading::Known(ovs), Reading::Known(wiring)) => (ovs, wiring),
        (Reading::Unreadable(trouble), _) | (_, Reading::Unreadable(trouble)) if is_first => {
            return vec![Step::unread("Open vSwitch", &trouble)];
        }
        _ => return Vec::new(),
    };
    let is_made_by_ovn = |bridge: &Bridge<'_>| ovs.uses_ovn() && bridge.name == ovs.integration_bridge();
    let mut steps: Vec<Step> = chassis(wiring, devices.has_path(), is_first).into_iter().collect();
    let mut patches = Vec::new();
    let is_wanted = |name: &str| devices.is_on_path(name) == is_first;
    for bridge in ovs.bridges.iter().filter(|bridge| !is_made_by_ovn(bridge)) {
        steps.extend(built(bridge, ovs, wiring, facts, &is_wanted, &mut patches));
    }
    // Each needs the bridge of the other.
    steps.extend(Step::if_any("patch ports between bridges", patches));
    steps
}

fn built(
    bridge: &Bridge<'_>,
    ovs: &Ovs<'_>,
    wiring: &Wiring<'_>,
    facts: &Facts<'_>,
    is_wanted: &dyn Fn(&str) -> bool,
    patches: &mut Vec<Command>,
) -> Vec<Step> {
    let name = bridge.name.as_ref();
    let Some(wired) = wiring.bridges.get(name) else { return Vec::new() };
    let (mut commands, mut controllers) = (Vec::new(), Vec::new());
    let add = by_hand::add_bridge(name, &ovs_bridges::attributes(wiring, wired));
    for argv in add.into_iter().filter(|_| is_wanted(name)) {
        match argv.iter().any(|word| word == "set-controller") {
            true => controllers.push(Command::from(argv)),
            false => commands.push(may_exist(argv)),
        }
    }
    let mut secrets = if is_wanted(name) { masked(name, &wired.row, wiring) } else { Vec::new() };
    let links = facts.links().known();
    for port in ovs.ports(bridge).into_iter().filter(|port| is_wanted(&port.name)) {
        let Some(wired) = wired.ports.get(port.name.as_ref()) else { continue };
        let is_guests = |links| ovs.interfaces(port).into_iter().any(|it| matches!(role(it, links), Role::Guest));
        if belongs_to_ovn(bridge, port, ovs) || links.is_some_and(is_guests) {
            continue;
        }
        let rows = std::iter::once(&wired.row).chain(wired.interfaces.values());
        secrets.extend(rows.flat_map(|row| masked(&port.name, row, wiring)));
        match is_patch(wired) {
            true => patches.extend(added(name, &port.name, wired, wiring)),
            false => commands.extend(added(name, &port.name, wired, wiring)),
        }
    }
    let secrets: String = secrets.iter().map(|secret| format!("; the snapshot does not hold {secret}")).collect();
    let only = format!("controllers of {name}; only where `ovs-vsctl get-controller {name}` shows none");
    [Step::if_any(format!("bridge {name}{secrets}"), commands), Step::if_any(only, controllers)]
        .into_iter()
        .flatten()
        .collect()
}

/// Of a secret only that there was one is known: typed as it is shown, it would take the place of the real one.
fn masked(name: &str, row: &Row<'_>, wiring: &Wiring<'_>) -> Vec<String> {
    let attributes = wiring.attributes(row);
    attributes.iter().filter(|(_, value)| is_masked(value)).map(|(key, _)| format!("{key} of {name}")).collect()
}

/// What is said of the switch as a whole, gone only where all of the database is. OVN's part of it can wait; what
/// DPDK is given its ports cannot.
fn chassis(wiring: &Wiring<'_>, can_wait: bool, is_first: bool) -> Option<Step> {
    let mut own = wiring.attributes(&wiring.switch);
    own.retain(|key, _| is_chosen(key));
    if is_first == (can_wait && !own.keys().any(|key| key.starts_with("other_config"))) {
        return None;
    }
    let mut commands: Vec<Command> = by_hand::set_switch(&own, &pairs(&own)).into_iter().map(Command::from).collect();
    if let Some(id) = own.get(ovs_bridges::SYSTEM_ID).and_then(|id| id.as_str()) {
        let write = Command::new(&["echo", id]).into(Output::Replaces(SYSTEM_ID.to_owned()));
        commands.push(write);
    }
    Step::if_any("only where `ovs-vsctl show` had no bridge at all", commands)
}

fn pairs(attributes: &Attributes) -> serde_json::Map<String, serde_json::Value> {
    attributes.iter().map(|(key, value)| (key.clone(), value.clone())).gather()
}

fn added(bridge: &str, name: &str, port: &Port<'_>, wiring: &Wiring<'_>) -> Vec<Command> {
    if name != bridge {
        return by_hand::add(bridge, name, port, wiring).map(may_exist).into_iter().collect();
    }
    // The bridge's own port comes with it.
    let own = wiring.attributes(&port.row);
    let mut commands = by_hand::set_port(name, &own, &pairs(&own));
    for (name, row) in port.interfaces.iter() {
        let mut own = wiring.attributes(row);
        own.remove("type");
        commands.extend(by_hand::set_interface(name, &own, &pairs(&own)));
    }
    commands.into_iter().map(Command::from).collect()
}

/// The words before the verb are those of every `ovs-vsctl`.
fn may_exist(mut argv: Vec<String>) -> Command {
    if let Some(verb) = argv.iter().position(|word| word.starts_with("add-")) {
        argv.insert(verb, "--may-exist".to_owned());
    }
    Command::from(argv)
}

fn is_patch(port: &Port<'_>) -> bool {
    port.interfaces.values().any(|interface| interface.text("type").as_deref() == Some("patch"))
}
