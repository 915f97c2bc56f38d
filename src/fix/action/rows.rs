//! Rows of the switch's database as operations of one transaction: RFC 7047. What is written comes from the baseline;
//! what is waited for, and what takes it back, from the switch as it is.

mod change;

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use serde_json::{Map, Value, json};

use super::Context;
use crate::facts::ovs::Datum;
use crate::facts::wiring::{Attributes, MIRRORED, Row, Wiring, is_masked, is_of_others};
use crate::host::scrub;
use crate::model::Status;
use crate::model::plan::{Deed, Transaction};
use crate::model::run::Holds;
use crate::model::sorted::SortedMap;
pub use change::{Moment, set_back};

/// Columns that say what a row is made of. They are given with the parts.
const PARTS: [&str; 6] = ["_uuid", "ports", "interfaces", "bridges", "controller", MIRRORS];

const MIRRORS: &str = "mirrors";

/// The columns that are maps, and those that hold a value even where nobody set one. All others are sets then.
const MAPS: [&str; 7] = ["external_ids", "other_config", "options", "bfd", "lldp", "flow_tables", "queues"];
const FLAGS: [&str; 6] =
    ["bond_fake_iface", "fake_bridge", "protected", "stp_enable", "rstp_enable", "mcast_snooping_enable"];
const NUMBERS: [&str; 6] = [
    "bond_updelay",
    "bond_downdelay",
    "ingress_policing_rate",
    "ingress_policing_burst",
    "ingress_policing_kpkts_rate",
    "ingress_policing_kpkts_burst",
];
const TEXTS: [&str; 2] = ["type", "datapath_type"];

/// What a column holds where nobody set it.
fn unset(column: &str) -> Value {
    match column {
        _ if MAPS.contains(&column) => json!(["map", []]),
        _ if FLAGS.contains(&column) => json!(false),
        _ if NUMBERS.contains(&column) => json!(0),
        _ if TEXTS.contains(&column) => json!(""),
        _ => json!(["set", []]),
    }
}

/// As the server said it.
fn raw(datum: &Datum<'_>) -> Value {
    match datum {
        Datum::Text(text) => json!(text),
        Datum::Integer(number) => json!(number),
        Datum::Real(number) => json!(number),
        Datum::Boolean(flag) => json!(flag),
        Datum::Uuid(uuid) => json!(["uuid", uuid]),
        Datum::Set(values) => json!(["set", values.iter().map(raw).collect::<Vec<_>>()]),
        Datum::Map(pairs) => {
            json!(["map", pairs.iter().map(|(key, value)| json!([raw(key), raw(value)])).collect::<Vec<_>>()])
        }
    }
}

pub fn as_read(row: &Row<'_>, column: &str) -> Value {
    row.column(column).map_or_else(|| unset(column), |datum| raw(&datum))
}

fn has_secret(value: &Value) -> bool {
    let plain = value.to_string();
    scrub::text(&plain) != plain
}

pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// The uuid that the row of this name has when it comes to it.
pub fn row_of(table: &str, name: &str) -> Value {
    json!(["row-of", table, name])
}

/// The condition that means the row of this name; of the switch as a whole there is one.
fn is_named(table: &str, name: &str) -> Value {
    if table == SWITCH { json!([]) } else { json!([["name", "==", name]]) }
}

/// Fails the transaction unless the row of this name still says so. `row` are its columns.
pub fn wait_for(table: &str, name: &str, row: Value) -> Value {
    let columns: Vec<&String> = row.as_object().into_iter().flat_map(Map::keys).collect();
    json!({"op": "wait", "table": table, "where": is_named(table, name), "columns": columns, "until": "==", "rows": [row]})
}

/// Fails it unless there is a row of which all this is true.
pub fn wait_while(table: &str, conditions: &Value) -> Value {
    json!({"op": "wait", "table": table, "where": conditions, "columns": ["_uuid"], "until": "!=", "rows": []})
}

/// Fails it where there is a row of this name.
pub fn wait_for_none(table: &str, name: &str) -> Value {
    json!({"op": "wait", "table": table, "where": is_named(table, name), "columns": ["name"], "until": "==", "rows": []})
}

/// Adds one to a set of uuids, or takes it out.
pub fn mutate(table: &str, name: &str, column: &str, how: &str, uuid: Value) -> Value {
    let condition = is_named(table, name);
    json!({"op": "mutate", "table": table, "where": condition, "mutations": [[column, how, ["set", [uuid]]]]})
}

pub const SWITCH: &str = "Open_vSwitch";

pub fn switch(context: &Context<'_>, words: Vec<String>, operations: Vec<Value>, until: Holds) -> Deed {
    let operations = operations.into_iter().map(object).collect();
    Deed::Switch(Transaction { socket: context.facts.settings.ovs.socket(), words, operations, until })
}

/// Why the switch would not follow a change; none where it would.
pub fn switch_is_down(context: &Context<'_>) -> Option<String> {
    let is_down = |status| matches!(status, Status::Fail | Status::Unknown);
    let daemons = context.findings.iter().find(|finding| finding.id == "ovs.daemons" && is_down(finding.status));
    if let Some(finding) = daemons {
        return Some(format!("nothing acts on what is written to the switch's database: {}", finding.detail));
    }
    let switch = &context.facts.ovs().known()?.switch;
    let (current, next) = (switch.current_config, switch.next_config);
    (current < next).then(|| format!("ovs-vswitchd does not keep up: it is at {current} of {next}"))
}

/// New rows, made of those of another moment.
pub struct Rows<'w, 'a> {
    wiring: &'w Wiring<'a>,
    /// As it is: queues and their like outlive the port that they were made for, and are taken again.
    now: Option<&'w Wiring<'a>>,
    /// When it is.
    at: &'w str,
    pub operations: Vec<Value>,
    /// What takes those of these rows away again that stay when nothing points at them any more.
    pub removals: Vec<Value>,
    /// The attributes that a snapshot does not hold, each with what it is of.
    pub secrets: Vec<String>,
    named: SortedMap<String, Value>,
}

impl<'w, 'a> Rows<'w, 'a> {
    pub fn of(wiring: &'w Wiring<'a>, now: Option<&'w Wiring<'a>>, at: &'w str) -> Self {
        let (operations, removals) = (Vec::new(), Vec::new());
        Self { wiring, now, at, operations, removals, secrets: Vec::new(), named: SortedMap::new() }
    }

    /// A row with all its columns but for its parts, which are `more`. What it is called in the same transaction.
    pub fn insert(&mut self, table: &str, name: &str, row: &Row<'a>, more: &[(&str, Value)]) -> Value {
        let mut columns = Map::new();
        for (column, datum) in row.columns().filter(|(column, _)| !PARTS.contains(column)) {
            if let Some(value) = self.value(name, column, datum) {
                columns.insert(column.to_owned(), value);
            }
        }
        columns.extend(more.iter().map(|(column, value)| ((*column).to_owned(), value.clone())));
        let called = format!("row{}", self.operations.len());
        self.operations.push(json!({"op": "insert", "table": table, "row": columns, "uuid-name": called}));
        json!(["named-uuid", called])
    }

    fn value(&mut self, name: &str, column: &str, datum: &Datum<'a>) -> Option<Value> {
        Some(match datum {
            Datum::Uuid(uuid) => self.reference(name, column, uuid)?,
            Datum::Set(values) => {
                let values: Vec<Value> = values.iter().filter_map(|it| self.value(name, column, it)).collect();
                json!(["set", values])
            }
            Datum::Map(pairs) => {
                let mut kept = Vec::new();
                for (key, value) in pairs {
                    let key = raw(key);
                    // netplan knows by its labels what is its own.
                    let others = key.as_str().is_some_and(|key| is_of_others(key) && !key.starts_with("netplan"));
                    if others && matches!(column, "external_ids" | "other_config") {
                        continue;
                    }
                    let of_key = format!("{column}:{}", key.as_str().unwrap_or_default());
                    kept.extend(self.value(name, &of_key, value).map(|value| json!([key, value])));
                }
                json!(["map", kept])
            }
            datum => {
                let value = raw(datum);
                if is_masked(&value) {
                    self.secrets.push(format!("{column} of {name}"));
                    return None;
                }
                value
            }
        })
    }

    fn reference(&mut self, name: &str, column: &str, uuid: &str) -> Option<Value> {
        let called = match self.named.get(uuid) {
            Some(called) => called.clone(),
            None => self.row(name, column, uuid)?,
        };
        self.named.insert(uuid.to_owned(), called.clone());
        // The server counts what points at a row before it clears away what nothing points at.
        if column == "qos" && self.removals.iter().any(|it| it["where"][0][2] == called) {
            let condition = json!([["name", "==", name], [column, "==", called]]);
            self.removals
                .push(json!({"op": "update", "table": "Port", "where": condition, "row": {column: unset(column)}}));
        }
        Some(called)
    }

    fn row(&mut self, name: &str, column: &str, uuid: &str) -> Option<Value> {
        let table = match column.split(':').next()? {
            "qos" => "QoS",
            "queues" => "Queue",
            "netflow" => "NetFlow",
            "sflow" => "sFlow",
            "ipfix" => "IPFIX",
            "flow_tables" => "Flow_Table",
            "auto_attach" => "AutoAttach",
            "manager_options" => "Manager",
            _ => return None,
        };
        let row = self.wiring.pointed_at(uuid)?;
        Some(match table {
            "QoS" | "Queue" => self.lasting(table, name, uuid, row),
            // All others go with what points at them, and so they may be gone by then.
            _ => self.insert(table, name, row, &[]),
        })
    }

    /// A row that stays when nothing points at it any more. Where it is still there it is taken; where not it is made
    /// under a uuid that is known beforehand, so that it can be taken away again.
    fn lasting(&mut self, table: &str, name: &str, uuid: &str, row: &Row<'a>) -> Value {
        let left = self.now.and_then(|now| Some((now, now.pointed_at(uuid)?)));
        let own = match left {
            Some((now, left)) if now.attributes(left) == self.wiring.attributes(row) => return json!(["uuid", uuid]),
            // Somebody has set it otherwise since, and others may use it so.
            Some(_) => another(uuid, self.at),
            None => uuid.to_owned(),
        };
        self.insert(table, name, row, &[]);
        if let Some(Value::Object(operation)) = self.operations.last_mut() {
            operation.remove("uuid-name");
            operation.insert("uuid".to_owned(), json!(own));
        }
        let own = json!(["uuid", own]);
        self.removals.push(json!({"op": "delete", "table": table, "where": [["_uuid", "==", own]]}));
        own
    }

    pub fn controllers(&mut self, rows: &[Row<'a>]) -> Vec<Value> {
        rows.iter().map(|row| self.insert("Controller", &row.text("target").unwrap_or_default(), row, &[])).collect()
    }

    /// The mirrors of a bridge, each as a whole or why not. `port` says what a port is called in this transaction.
    pub fn mirrors(
        &mut self,
        bridge: &Row<'a>,
        port: impl Fn(&str) -> Option<Value>,
    ) -> impl Iterator<Item = Result<Value, String>> {
        let wiring = self.wiring;
        wiring.mirrors(bridge).map(move |row| {
            let name = row.text("name").unwrap_or_default();
            let mut ports = Vec::new();
            for column in MIRRORED {
                let names = row.uuids(column).into_iter().filter_map(|uuid| wiring.port_name(uuid));
                let called = names.map(|it| port(it).ok_or_else(|| format!("mirror {name} needs port {it}")));
                ports.push((column, json!(["set", called.collect::<Result<Vec<_>, _>>()?])));
            }
            Ok(self.insert("Mirror", &name, row, &ports))
        })
    }

    /// Why these rows cannot be made; none where they can.
    pub fn refused(&self) -> Option<String> {
        let secrets = self.secrets.join(", ");
        (!secrets.is_empty()).then(|| format!("the baseline does not hold {secrets}, a secret: add it by hand"))
    }
}

/// A uuid that nobody has, and that is the same whenever the same plan is made.
fn another(uuid: &str, at: &str) -> String {
    let hash = |half: u8| BuildHasherDefault::<DefaultHasher>::default().hash_one((uuid, at, half));
    let (high, low) = (hash(0), hash(1));
    format!(
        "{:08x}-{:04x}-8{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48 & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

pub fn told(attributes: &Attributes) -> String {
    let one = |(key, value): (&String, &Value)| match value {
        Value::Null => format!("{key} not set"),
        Value::String(text) => format!("{key} {text}"),
        value => format!("{key} {value}"),
    };
    attributes.iter().map(one).collect::<Vec<_>>().join(", ")
}
