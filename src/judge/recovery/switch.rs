//! Open vSwitch: its service, bridges and ports with every attribute, as `ovs-vsctl` takes them.

use super::{Command, Step};
use crate::facts::Facts;
use crate::facts::ovs::{Datum, Ovs};
use crate::facts::wiring::{Port, Row};
use crate::judge::ovs_uplink::{Role, belongs_to_ovn, role};
use crate::model::answer::Unit;
use crate::model::{Query, Reading};

/// The unit that starts all of Open vSwitch, as Debian and Ubuntu call it, and as others do.
const SERVICES: [&str; 2] = ["openvswitch-switch.service", "openvswitch.service"];

/// What each start of Open vSwitch writes by itself.
const WRITTEN_AT_START: [&str; 2] = ["hostname", "rundir"];

/// Columns that name the row, or are said otherwise.
const SAID_OTHERWISE: [&str; 4] = ["_uuid", "name", "fake_bridge", "bond_fake_iface"];

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
pub fn bridges(facts: &Facts<'_>) -> Vec<Step> {
    let (ovs, wiring) = match (facts.ovs(), facts.wiring()) {
        (Reading::Known(ovs), Reading::Known(wiring)) => (ovs, wiring),
        (Reading::Absent, _) | (_, Reading::Absent) => return Vec::new(),
        (Reading::Unreadable(trouble), _) | (_, Reading::Unreadable(trouble)) => {
            let comment = format!("Open vSwitch could not be read when this was written: {}", trouble.detail);
            return vec![Step::new(comment, Vec::new())];
        }
    };
    let (mut steps, mut patches) = (Vec::new(), Vec::new());
    for bridge in ovs.bridges.iter().filter(|bridge| !(ovs.uses_ovn() && bridge.name == ovs.integration_bridge())) {
        let Some(wired) = wiring.bridges.get(bridge.name.as_ref()) else { continue };
        let mut commands =
            vec![vsctl(&["--may-exist", "add-br", &bridge.name], &[("Bridge", &bridge.name, &wired.row)])];
        if !wired.controllers.is_empty() {
            let targets = wired.controllers.iter().filter_map(|controller| controller.text("target"));
            let targets: Vec<String> = targets.map(|target| target.into_owned()).collect();
            let mut command = vsctl(&["set-controller", &bridge.name], &[]);
            command.argv.extend(targets);
            commands.push(command);
        }
        for port in ovs.ports(bridge) {
            let Some(wired) = wired.ports.get(port.name.as_ref()) else { continue };
            let is_ours = |role: &Role| !matches!(role, Role::Guest);
            let links = facts.links().known();
            let roles = ovs.interfaces(port).into_iter().filter_map(|interface| Some(role(interface, links?)));
            if belongs_to_ovn(bridge, port, ovs) || !roles.collect::<Vec<_>>().iter().all(is_ours) {
                continue;
            }
            match is_patch(wired) {
                true => patches.extend(added(&bridge.name, &port.name, wired)),
                false => commands.extend(added(&bridge.name, &port.name, wired)),
            }
        }
        steps.push(Step::new(format!("bridge {}", bridge.name), commands));
    }
    // Each needs the bridge of the other.
    steps.extend(Step::if_any("patch ports between bridges", patches));
    steps.extend(chassis(ovs, &wiring.switch));
    steps
}

/// What OVN is told of this host: gone only where the whole database is.
fn chassis(ovs: &Ovs<'_>, switch: &Row<'_>) -> Option<Step> {
    let is_written = |key: &str| WRITTEN_AT_START.contains(&key) || is_of_others(key);
    let ids = ovs.switch.external_ids.iter().filter(|(key, _)| !is_written(key));
    let ids = ids.map(|(key, value)| keyed("external_ids", key, value));
    let other = column(switch, "other_config")
        .map(Datum::map)
        .into_iter()
        .flatten()
        .map(|(key, value)| keyed("other_config", &key, &value));
    let set = |setting: String| Command::new(&["ovs-vsctl", "-t", "10", "set", "Open_vSwitch", ".", &setting]);
    Step::if_any("only where `ovs-vsctl show` had no bridge at all", ids.chain(other).map(set).collect())
}

/// Keys that OVN or an agent writes by itself.
fn is_of_others(key: &str) -> bool {
    ["ct-zone-", "ovn-installed", "ovn-startup-ts", "ovn-chassis-idx-"].iter().any(|prefix| key.starts_with(prefix))
}

fn added(bridge: &str, name: &str, port: &Port<'_>) -> Option<Command> {
    let rows: Vec<_> = port.interfaces.iter().map(|(name, row)| ("Interface", name.as_str(), row)).collect();
    // The bridge's own port comes with it.
    if name == bridge {
        let mut command = vsctl(&[], &[&[("Port", name, &port.row)], rows.as_slice()].concat());
        command.argv.retain(|word| word != "type=internal");
        return command.argv.last().is_some_and(|word| word.contains('=')).then_some(command);
    }
    if column(&port.row, "fake_bridge").and_then(Datum::boolean) == Some(true) {
        let tag = column(&port.row, "tag").and_then(Datum::integer).unwrap_or_default().to_string();
        return Some(vsctl(&["--may-exist", "add-br", name, bridge, &tag], &[]));
    }
    let members: Vec<&str> = port.interfaces.keys().map(String::as_str).collect();
    let add: Vec<&str> = match members.as_slice() {
        [_] => vec!["--may-exist", "add-port", bridge, name],
        members => [&["--may-exist", "add-bond", bridge, name], members].concat(),
    };
    let mut command = vsctl(&add, &[]);
    command.argv.extend(settings(&port.row));
    command.argv.extend(set(&rows));
    Some(command)
}

/// `ovs-vsctl`, which may not wait for a daemon that does not run, and what it sets beside.
fn vsctl(words: &[&str], rows: &[(&str, &str, &Row<'_>)]) -> Command {
    let mut command = Command::new(&[&["ovs-vsctl", "-t", "10"], words].concat());
    let set = set(rows);
    let set = set.into_iter().skip(usize::from(words.is_empty()));
    command.argv.extend(set);
    command
}

/// `-- set TABLE ROW COLUMN=VALUE …`, for each row that has any.
fn set(rows: &[(&str, &str, &Row<'_>)]) -> Vec<String> {
    let mut words = Vec::new();
    for (table, name, row) in rows {
        let settings = settings(row);
        if !settings.is_empty() {
            words.extend(["--", "set", table, name].map(str::to_owned));
            words.extend(settings);
        }
    }
    words
}

fn column<'a>(row: &Row<'a>, name: &str) -> Option<Datum<'a>> {
    row.0.get(name).cloned()
}

fn is_patch(port: &Port<'_>) -> bool {
    port.interfaces.values().any(|interface| interface.text("type").as_deref() == Some("patch"))
}

/// Every attribute that is a value; references to other rows are not, and what others own they write themselves.
fn settings(row: &Row<'_>) -> Vec<String> {
    let mut words = Vec::new();
    for (column, datum) in &row.0 {
        if SAID_OTHERWISE.contains(column) {
            continue;
        }
        match datum {
            Datum::Map(_) => {
                let pairs = datum.clone().map();
                words.extend(
                    pairs.iter().filter(|(key, _)| !is_of_others(key)).map(|(key, value)| keyed(column, key, value)),
                );
            }
            Datum::Set(values) => {
                let values: Vec<String> = values.iter().filter_map(plain).collect();
                words.extend((!values.is_empty()).then(|| format!("{column}={}", values.join(","))));
            }
            value if is_default(column, value) => {}
            value => words.extend(plain(value).map(|value| format!("{column}={value}"))),
        }
    }
    words
}

/// What a new row has by itself. That of a tag is a tag.
fn is_default(column: &str, value: &Datum<'_>) -> bool {
    column != "tag" && matches!(value, Datum::Integer(0) | Datum::Boolean(false))
}

fn keyed(column: &str, key: &str, value: &str) -> String {
    format!("{column}:{}={}", quoted(key, "_.-"), quoted(value, "_.-:,/+@"))
}

fn plain(value: &Datum<'_>) -> Option<String> {
    match value {
        Datum::Text(text) => Some(quoted(text, "_.-")),
        Datum::Integer(number) => Some(number.to_string()),
        Datum::Real(number) => Some(number.to_string()),
        Datum::Boolean(flag) => Some(flag.to_string()),
        Datum::Uuid(_) | Datum::Set(_) | Datum::Map(_) => None,
    }
}

/// As `ovs-vsctl` reads a text that has more in it than letters, digits and `harmless` signs.
fn quoted(text: &str, harmless: &str) -> String {
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || harmless.contains(c));
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
