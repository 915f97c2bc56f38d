//! What a row says, attribute by attribute, so that rows of two moments can be compared and shown.

use serde_json::Value;

use super::{Row, Wiring};
use crate::facts::ovs::Datum;
use crate::model::gather::{Arrange as _, Gather as _};
use crate::model::sorted::SortedMap;

/// Column → value; of a column that is a map each key by itself: `other_config:hwaddr`.
pub type Attributes = SortedMap<String, Value>;

/// Columns that say what a row is and what it is made of, and not how it is set up.
const STRUCTURE: [&str; 6] = ["_uuid", "name", "ports", "interfaces", "bridges", "controller"];

/// Of these an empty value says something else than none at all.
const MEANT_WHEN_EMPTY: [&str; 3] = ["tag", "dscp", "enable_async_messages"];

/// What daemons and OVN write into `external_ids` and `other_config`; a name that ends in a dash is a beginning. netplan's are notes of
/// what its version did.
const WRITTEN_BY_OTHERS: [&str; 5] = ["ct-zone-", "ovn-installed", "ovn-startup-ts", "ovn-chassis-idx-", "netplan"];

/// How a snapshot shows what was a secret.
const MASK: &str = "***";

/// Whether it is a secret, of which a snapshot holds no more than that there was one.
pub fn is_masked(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains(MASK))
}

/// A row that points at rows that point at rows: QoS with its queues. What is deeper is a circle.
const DEPTH: u8 = 3;

impl<'a> Wiring<'a> {
    pub fn attributes(&self, row: &Row<'a>) -> Attributes {
        self.at_depth(row, DEPTH)
    }

    fn at_depth(&self, row: &Row<'a>, depth: u8) -> Attributes {
        let mut attributes = Attributes::new();
        for (column, datum) in row.columns().filter(|(column, _)| !STRUCTURE.contains(column)) {
            if let Datum::Map(pairs) = datum {
                for (key, value) in pairs {
                    let key = word(&self.value(key, depth));
                    let is_of_others = matches!(column, "external_ids" | "other_config") && is_of_others(&key);
                    if !is_of_others {
                        attributes.insert(format!("{column}:{key}"), self.value(value, depth));
                    }
                }
                continue;
            }
            let value = self.value(datum, depth);
            if MEANT_WHEN_EMPTY.contains(&column) || !is_usual(column, &value) {
                attributes.insert(column.to_owned(), value);
            }
        }
        attributes
    }

    /// In one order whatever the order of the server, and with what a reference means in its place.
    fn value(&self, datum: &Datum<'a>, depth: u8) -> Value {
        match datum {
            Datum::Text(text) => Value::from(text.as_ref()),
            Datum::Integer(number) => Value::from(*number),
            Datum::Real(number) => Value::from(*number),
            Datum::Boolean(flag) => Value::from(*flag),
            Datum::Uuid(uuid) => self.referenced(uuid, depth),
            Datum::Set(values) => {
                let mut values: Vec<_> = values.iter().map(|value| sorted_by(self.value(value, depth))).collect();
                values.arrange_by(|(one, _), (other, _)| one.cmp(other));
                values.into_iter().map(|(_, value)| value).collect()
            }
            Datum::Map(pairs) => {
                let pair = |(key, value): &(_, _)| (word(&self.value(key, depth)), self.value(value, depth));
                Value::Object(pairs.iter().map(pair).gather())
            }
        }
    }

    /// uuids are new in every database: what they point at is compared.
    fn referenced(&self, uuid: &str, depth: u8) -> Value {
        if let (Some(row), Some(depth)) = (self.referenced.get(uuid), depth.checked_sub(1)) {
            let name = row.text("name").map(|name| ("name".to_owned(), Value::from(name)));
            return Value::Object(self.at_depth(row, depth).into_iter().chain(name).gather());
        }
        // A mirror points at ports.
        Value::from(self.port_name(uuid))
    }

    pub fn port_name(&self, uuid: &str) -> Option<&str> {
        let ports = self.bridges.values().flat_map(|bridge| &bridge.ports);
        ports.into_iter().find(|(_, port)| port.row.uuid() == Some(uuid)).map(|(name, _)| name.as_str())
    }
}

/// Numbers by their size, all else by its text.
fn sorted_by(value: Value) -> ((Option<i64>, String), Value) {
    ((value.as_i64(), value.to_string()), value)
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a row has where nobody set it up. A column that an older schema lacks says the same.
fn is_usual(column: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty() || (text == "system" && matches!(column, "type" | "datapath_type")),
        Value::Array(values) => values.is_empty(),
        Value::Object(_) => false,
    }
}

/// Keys that daemons write: they do so again.
pub fn is_of_others(key: &str) -> bool {
    WRITTEN_BY_OTHERS.iter().any(|prefix| key.starts_with(prefix))
}

/// What became otherwise: attribute → its value of then and of now, null where it has none. A label that was added is
/// no change of how the switch works.
pub fn changes(then: &Attributes, now: &Attributes) -> SortedMap<String, (Value, Value)> {
    let of = |attributes: &Attributes, key: &str| attributes.get(key).cloned().unwrap_or(Value::Null);
    let gone_or_other = then.iter().map(|(key, was)| (key.clone(), (was.clone(), of(now, key))));
    let is_news = |key: &str| !then.contains_key(key) && !key.starts_with("external_ids:");
    let added = now.iter().filter(|(key, _)| is_news(key)).map(|(key, is)| (key.clone(), (Value::Null, is.clone())));
    gone_or_other.chain(added).filter(|(_, (was, is))| !is_same(was, is)).gather()
}

/// Of what a snapshot masks nobody knows more than that there was something.
fn is_same(was: &Value, is: &Value) -> bool {
    match (was, is) {
        (Value::String(was), Value::String(is)) if was.contains(MASK) => !is.is_empty(),
        (Value::Array(was), Value::Array(is)) => {
            was.len() == is.len() && was.iter().zip(is).all(|(was, is)| is_same(was, is))
        }
        (Value::Object(was), Value::Object(is)) => {
            was.len() == is.len() && was.iter().all(|(key, was)| is.get(key).is_some_and(|is| is_same(was, is)))
        }
        _ => was == is,
    }
}
