//! What a person types to put a port back.

use serde_json::{Map, Value};

use crate::facts::wiring::{Attributes, Port, Wiring, is_masked};
use crate::model::gather::Gather as _;

/// `ovs-vsctl`, which may not wait for ever for a daemon that does not run.
pub fn words(words: &[&str]) -> Vec<String> {
    ["ovs-vsctl", "-t", "10"].iter().chain(words).map(|word| (*word).to_owned()).collect()
}

/// The port with its attributes under this name; a bond with all its members.
pub fn add(bridge: &str, name: &str, port: &Port<'_>, wiring: &Wiring<'_>) -> Option<Vec<String>> {
    let of_port = wiring.attributes(&port.row);
    if of_port.contains_key("fake_bridge") {
        let tag = of_port.get("tag").map(Value::to_string).unwrap_or_default();
        return Some(words(&["add-br", name, bridge, &tag]));
    }
    let members: Vec<&str> = port.interfaces.keys().map(String::as_str).collect();
    let is_bond = members.len() > 1;
    let verb = if is_bond { "add-bond" } else { "add-port" };
    let mut argv = words(&[verb, bridge, name]);
    argv.extend(members.iter().filter(|_| is_bond).map(|member| (*member).to_owned()));
    argv.extend(settings(&of_port));
    for (member, row) in port.interfaces.iter() {
        let settings = settings(&wiring.attributes(row));
        if !settings.is_empty() {
            let member = if is_bond { member } else { name };
            argv.extend(["--", "set", "Interface", member].map(str::to_owned));
            argv.extend(settings);
        }
    }
    Some(argv)
}

/// The attribute under which a bridge has the targets of its controllers.
pub const CONTROLLERS: &str = "controllers";

/// A bridge with its attributes; its ports have rows of their own.
pub fn add_bridge(name: &str, then: &Attributes) -> Vec<Vec<String>> {
    let mut own = then.clone();
    let controllers = own.remove(CONTROLLERS);
    let mut argv = words(&["add-br", name]);
    let settings = settings(&own);
    if !settings.is_empty() {
        argv.extend(["--", "set", "Bridge", name].map(str::to_owned));
        argv.extend(settings);
    }
    std::iter::once(argv).chain(controllers.map(|targets| set_controllers(name, &targets))).collect()
}

pub fn set_bridge(name: &str, then: &Attributes, changed: &Map<String, Value>) -> Vec<Vec<String>> {
    let mut changed = changed.clone();
    let controllers = changed.remove(CONTROLLERS);
    let mut commands = set_row("Bridge", name, then, &changed);
    commands.extend(controllers.map(|targets| set_controllers(name, &targets)));
    commands
}

fn set_controllers(bridge: &str, targets: &Value) -> Vec<String> {
    let targets: Vec<&str> = targets.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let verb = if targets.is_empty() { "del-controller" } else { "set-controller" };
    words(&[&[verb, bridge], &*targets].concat())
}

pub fn set_switch(then: &Attributes, changed: &Map<String, Value>) -> Vec<Vec<String>> {
    set_row("Open_vSwitch", ".", then, changed)
}

/// Writes it where `ovs-ctl` looks for it at each start.
pub fn keep_system_id(id: &str) -> Option<Vec<String>> {
    let write = format!("echo {id} >/etc/openvswitch/system-id.conf");
    (quoted(id) == id).then(|| vec!["sh".to_owned(), "-c".to_owned(), write])
}

/// Sets what differs.
pub fn set_port(name: &str, then: &Attributes, changed: &Map<String, Value>) -> Vec<Vec<String>> {
    set_row("Port", name, then, changed)
}

pub fn set_interface(name: &str, then: &Attributes, changed: &Map<String, Value>) -> Vec<Vec<String>> {
    set_row("Interface", name, then, changed)
}

fn set_row(table: &str, name: &str, then: &Attributes, changed: &Map<String, Value>) -> Vec<Vec<String>> {
    let (gone, other): (Vec<_>, Vec<_>) = changed.iter().partition(|(key, _)| !then.contains_key(*key));
    let wanted: Attributes = other.into_iter().map(|(key, value)| (key.clone(), value.clone())).gather();
    let settings = settings(&wanted);
    let mut commands = Vec::new();
    if !settings.is_empty() {
        let mut argv = words(&["set", table, name]);
        argv.extend(settings);
        commands.push(argv);
    }
    for (key, _) in gone {
        commands.push(match key.split_once(':') {
            Some((column, key)) => words(&["remove", table, name, column, &quoted(key)]),
            None => words(&["clear", table, name, key]),
        });
    }
    commands
}

/// Every attribute that is a value; what rows point at needs more than one word, and nobody knows the secrets.
fn settings(attributes: &Attributes) -> Vec<String> {
    let setting = |(key, value): (&String, &Value)| {
        let value = match value {
            Value::Array(values) => values.iter().map(plain).collect::<Option<Vec<_>>>()?.join(","),
            value => plain(value)?,
        };
        Some(match key.split_once(':') {
            Some((column, key)) => format!("{column}:{}={value}", quoted(key)),
            None => format!("{key}={value}"),
        })
    };
    attributes.iter().filter_map(setting).collect()
}

fn plain(value: &Value) -> Option<String> {
    match value {
        // Typed as it is shown it would be another secret.
        value if is_masked(value) => None,
        Value::String(text) => Some(quoted(text)),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// As `ovs-vsctl` reads a text that is more than a word.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if is_plain { text.to_owned() } else { Value::from(text).to_string() }
}

/// What a NIC is called while others change names.
pub const ASIDE: &str = "aside0";

/// A NIC that is to have another name.
#[derive(Clone, Copy, Debug)]
pub struct Move<'a> {
    pub called: &'a str,
    pub wanted: &'a str,
    /// The kernel gives no NIC a name that it has beside its own.
    pub is_alternative: bool,
}

/// Gives NICs their names, where each has the one that the one before it wants. One line: the first of its commands may
/// cut the session off in which it is typed. `known_by` is the address of the first.
pub fn names_back(moves: &[Move<'_>], known_by: Option<&str>) -> Vec<Vec<String>> {
    let is_word = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-:".contains(c));
    let (Some(first), Some(last)) = (moves.first(), moves.last()) else { return Vec::new() };
    if !moves.iter().all(|it| is_word(it.called) && is_word(it.wanted)) {
        return Vec::new();
    }
    let mut steps = Vec::new();
    if let Some(address) = known_by.filter(|address| moves.len() > 1 && is_word(address)) {
        steps.push(format!("ip -o link show {} | grep -qi {address}", first.called));
    }
    let is_circle = last.wanted == first.called;
    if is_circle {
        steps.extend([format!("ip link set {} down", first.called), renamed(first, first.called, ASIDE)]);
    }
    for it in moves.iter().rev() {
        let called = if is_circle && it.called == first.called { ASIDE } else { it.called };
        steps.push(format!("ip link set {called} down"));
        steps.push(renamed(it, called, it.wanted));
        steps.push(format!("ip link set {} up", it.wanted));
    }
    vec![["sh", "-c", &steps.join(" && ")].map(str::to_owned).to_vec()]
}

fn renamed(it: &Move<'_>, called: &str, name: &str) -> String {
    let rename = format!("ip link set {called} name {name}");
    match it.is_alternative && name == it.wanted {
        true => format!("ip link property del dev {called} altname {name} && {rename}"),
        false => rename,
    }
}
