//! Rows of the switch's database as operations of one transaction: RFC 7047. What is written comes from the baseline;
//! what is waited for, and what takes it back, from the switch as it is.

use serde_json::{Map, Value, json};

use super::Context;
use crate::facts::ovs::Datum;
use crate::facts::wiring::{Attributes, Row, Wiring, changes, is_masked, is_of_others};
use crate::host::scrub;
use crate::model::Status;
use crate::model::plan::{Deed, Step, Transaction};
use crate::model::run::Holds;
use crate::model::sorted::SortedMap;

/// Columns that say what a row is made of. They are given with the parts.
const PARTS: [&str; 6] = ["_uuid", "ports", "interfaces", "bridges", "controller", "mirrors"];

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

fn is_named(name: &str) -> Value {
    json!([["name", "==", name]])
}

/// Fails the transaction unless the row of this name still says so. `row` are its columns.
pub fn wait_for(table: &str, name: &str, row: Value) -> Value {
    let columns: Vec<&String> = row.as_object().into_iter().flat_map(Map::keys).collect();
    json!({"op": "wait", "table": table, "where": is_named(name), "columns": columns, "until": "==", "rows": [row]})
}

/// Fails it where there is a row of this name.
pub fn wait_for_none(table: &str, name: &str) -> Value {
    json!({"op": "wait", "table": table, "where": is_named(name), "columns": ["name"], "until": "==", "rows": []})
}

/// Adds one to a set of uuids, or takes it out.
pub fn mutate(table: &str, name: &str, column: &str, how: &str, uuid: Value) -> Value {
    let condition = if table == SWITCH { json!([]) } else { is_named(name) };
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
    pub operations: Vec<Value>,
    /// The attributes that a snapshot does not hold, each with what it is of.
    pub secrets: Vec<String>,
    named: SortedMap<String, Value>,
}

impl<'w, 'a> Rows<'w, 'a> {
    pub fn of(wiring: &'w Wiring<'a>, now: Option<&'w Wiring<'a>>) -> Self {
        Self { wiring, now, operations: Vec::new(), secrets: Vec::new(), named: SortedMap::new() }
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
        if let Some(called) = self.named.get(uuid) {
            return Some(called.clone());
        }
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
        if let Some(now) = self.now
            && let Some(left) = now.pointed_at(uuid)
            && now.attributes(left) == self.wiring.attributes(row)
        {
            return Some(json!(["uuid", uuid]));
        }
        let called = self.insert(table, name, row, &[]);
        self.named.insert(uuid.to_owned(), called.clone());
        Some(called)
    }

    /// Why these rows cannot be made; none where they can.
    pub fn refused(&self) -> Option<String> {
        let secrets = self.secrets.join(", ");
        (!secrets.is_empty()).then(|| format!("the baseline does not hold {secrets}, a secret: add it by hand"))
    }
}

/// A row at one moment.
#[derive(Clone, Copy)]
pub struct Moment<'r, 'a> {
    pub wiring: &'r Wiring<'a>,
    pub row: &'r Row<'a>,
}

/// Sets what is otherwise `now` back to what it was `then`; nothing where nothing is. `Err` says why it must not be.
pub fn set_back(
    table: &str,
    name: &str,
    (then, now): (Moment<'_, '_>, Moment<'_, '_>),
    is_meant: impl Fn(&str) -> bool,
    context: &Context<'_>,
) -> Result<Option<Step>, String> {
    let mut differ = changes(&then.wiring.attributes(then.row), &now.wiring.attributes(now.row));
    differ.retain(|key, _| is_meant(key) && !PARTS.contains(&key.as_str()));
    if differ.is_empty() {
        return Ok(None);
    }
    let (mut was, mut is) = (Attributes::new(), Attributes::new());
    for (key, (then, now)) in &differ {
        was.insert(key.clone(), then.clone());
        is.insert(key.clone(), now.clone());
    }
    let words = |to: &Attributes| vec![format!("{table} {name}: {}", told(to))];
    let forth = changed(table, name, now, then, &was, context)?;
    let back = changed(table, name, then, now, &is, context)?;
    let has = |to: Attributes| Holds::SwitchRow {
        table: table.to_owned(),
        name: name.to_owned(),
        has: to.into_iter().collect(),
    };
    let does = switch(context, words(&was), forth, has(was.clone()));
    let undoes = vec![switch(context, words(&is), back, has(is.clone()))];
    Ok(Some(Step { does, undoes }))
}

pub fn told(attributes: &Attributes) -> String {
    let one = |(key, value): (&String, &Value)| match value {
        Value::Null => format!("{key} not set"),
        Value::String(text) => format!("{key} {text}"),
        value => format!("{key} {value}"),
    };
    attributes.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The operations that bring `to`'s values into the columns of these attributes, where they still are as in `from`.
fn changed(
    table: &str,
    name: &str,
    from: Moment<'_, '_>,
    to: Moment<'_, '_>,
    attributes: &Attributes,
    context: &Context<'_>,
) -> Result<Vec<Value>, String> {
    let mut rows = Rows::of(to.wiring, context.facts.wiring().known());
    let (mut plain, mut read, mut mutations) = (Map::new(), Map::new(), Vec::new());
    for key in attributes.keys() {
        let (column, of_map) = key.split_once(':').map_or((key.as_str(), None), |(column, key)| (column, Some(key)));
        let (was, wanted) = (as_read(from.row, column), to.row.column(column));
        // What a secret stands beside is not written into a journal, nor what points at rows that may be gone by then.
        if !has_secret(&was) && !was.to_string().contains("\"uuid\"") && of_map.is_none() {
            read.insert(column.to_owned(), was);
        }
        let Some(of_map) = of_map else {
            let value = wanted.and_then(|datum| rows.value(name, column, &datum));
            plain.insert(column.to_owned(), value.unwrap_or_else(|| unset(column)));
            continue;
        };
        mutations.push(json!([column, "delete", ["set", [of_map]]]));
        let pairs = match wanted {
            Some(Datum::Map(pairs)) => pairs,
            _ => Vec::new(),
        };
        let pair = pairs.into_iter().find(|(key, _)| raw(key).as_str() == Some(of_map));
        if let Some(value) = pair.and_then(|(_, value)| rows.value(name, key, &value)) {
            mutations.push(json!([column, "insert", ["map", [[of_map, value]]]]));
        }
    }
    if let Some(why) = rows.refused() {
        return Err(why);
    }
    let condition = if table == SWITCH { json!([]) } else { is_named(name) };
    let mut operations = Vec::new();
    if !read.is_empty() {
        let mut wait = wait_for(table, name, Value::Object(read));
        wait["where"] = condition.clone();
        operations.push(wait);
    }
    operations.extend(rows.operations);
    if !plain.is_empty() {
        operations.push(json!({"op": "update", "table": table, "where": condition.clone(), "row": plain}));
    }
    if !mutations.is_empty() {
        operations.push(json!({"op": "mutate", "table": table, "where": condition, "mutations": mutations}));
    }
    match operations.iter().any(has_secret) {
        true => Err(format!("it would write a secret of {name} into the journal: set it by hand")),
        false => Ok(operations),
    }
}
