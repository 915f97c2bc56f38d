//! How the switch is put together: whatever of the database a person or a program configured, so that it can be
//! compared and built again.

use std::path::Path;
use std::time::Instant;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Database, Fault, SERVICE, parse, select, socket};
use crate::model::Reading;
use crate::model::sorted::SortedMap;

/// The tables that hold configuration: the switch, and what its rows point at.
const CONFIGURED: [&str; 15] = [
    "Open_vSwitch",
    "Bridge",
    "Port",
    "Interface",
    "Controller",
    "Manager",
    "QoS",
    "Queue",
    "Mirror",
    "NetFlow",
    "sFlow",
    "IPFIX",
    "Flow_Table",
    "AutoAttach",
    "SSL",
];

/// Columns that outlive the server and are none of anybody's configuration: the daemons write them.
const NOT_CONFIGURED: [&str; 17] = [
    "bond_active_slave",
    "cfm_flap_count",
    "cur_cfg",
    "datapath_types",
    "datapath_version",
    "datapaths",
    "db_version",
    "dpdk_initialized",
    "dpdk_version",
    "error",
    "iface_types",
    "next_cfg",
    "ofport",
    "ovs_version",
    "statistics",
    "system_type",
    "system_version",
];

/// `{"Bridge": {"rows": [{…}]}, …}`, of one moment; columns that nobody set are left out.
pub fn configuration(socket: &Path, deadline: Instant) -> Reading<Vec<u8>> {
    let look = || {
        let mut database = Database::connect(socket, deadline)?;
        let schema = database.call("get_schema", &[json!("Open_vSwitch")])?;
        let (tables, operations): (Vec<_>, Vec<_>) = configured(&parse(&schema)?).into_iter().unzip();
        let reply = database.transact(&operations)?;
        joined(&tables, &reply)
    };
    socket::reading(SERVICE, socket, look())
}

#[derive(Deserialize)]
struct Schema {
    tables: SortedMap<String, Table>,
}

#[derive(Deserialize)]
struct Table {
    columns: SortedMap<String, Column>,
}

#[derive(Deserialize)]
struct Column {
    #[serde(default)]
    ephemeral: bool,
    #[serde(default)]
    r#type: Value,
}

impl Column {
    /// What it holds where nobody set it. None where the server would not even compare with that, since the schema rules
    /// it out.
    fn unset(&self) -> Option<Value> {
        let kind = &self.r#type;
        if kind["min"] == 0 {
            return Some(json!([if kind["value"].is_null() { "set" } else { "map" }, []]));
        }
        let key = kind.get("key").unwrap_or(kind);
        let is_bounded = !kind["max"].is_null() || key["minInteger"].as_i64() > Some(0) || !key["enum"].is_null();
        match key.get("type").unwrap_or(key).as_str() {
            Some("string") if !is_bounded && key["minLength"].is_null() => Some(json!("")),
            Some("boolean") if !is_bounded => Some(json!(false)),
            Some("integer") if !is_bounded => Some(json!(0)),
            _ => None,
        }
    }
}

/// What is asked, and of which table: the rows, and by itself each column that is configuration and outlives the server,
/// of the rows where somebody set it. Asked for whole, ten thousand ports are 9 MB of what nobody set, and the server is
/// busy with them for as long as it is with all else.
fn configured(schema: &Schema) -> Vec<(&'static str, Value)> {
    let mut asked = Vec::new();
    for table in CONFIGURED {
        let Some(definition) = schema.tables.get(table) else { continue };
        let mut always = vec!["_uuid"];
        for (name, column) in &definition.columns {
            if column.ephemeral || NOT_CONFIGURED.contains(&name.as_str()) {
                continue;
            }
            match column.unset().filter(|_| name != "name") {
                Some(unset) => {
                    let mut set = select(table, &["_uuid", name]);
                    set["where"] = json!([[name, "!=", unset]]);
                    asked.push((table, set));
                }
                None => always.push(name),
            }
        }
        asked.push((table, select(table, &always)));
    }
    asked
}

#[derive(Deserialize)]
struct Rows<'a> {
    #[serde(borrow)]
    rows: Vec<SortedMap<&'a str, &'a RawValue>>,
}

/// Puts the columns of each row together again. What was asked of one table stands together.
fn joined(tables: &[&str], reply: &[u8]) -> Result<Vec<u8>, Fault> {
    let results: Vec<&RawValue> = parse(reply)?;
    let asked: Vec<(&str, &RawValue)> = tables.iter().copied().zip(results).collect();
    let mut out = String::new();
    for of_table in asked.chunk_by(|one, other| one.0 == other.0) {
        let mut whole: SortedMap<&str, String> = SortedMap::new();
        for (_, result) in of_table {
            // One by one: the rows of ten thousand ports take more memory parsed than as text.
            for row in parse::<Rows<'_>>(result.get().as_bytes())?.rows {
                let uuid = row.get("_uuid").map_or("", |uuid| uuid.get());
                let text = whole.entry(uuid).or_insert_with(|| format!("\"_uuid\":{uuid}"));
                for (column, value) in row.iter().filter(|(column, _)| **column != "_uuid") {
                    text.push_str(&format!(",\"{column}\":{value}"));
                }
            }
        }
        let separator = if out.is_empty() { '{' } else { ',' };
        let table = of_table.first().map_or("", |asked| asked.0);
        out.push_str(&format!("{separator}\"{table}\":{{\"rows\":["));
        for (index, row) in whole.values().enumerate() {
            out.push_str(if index == 0 { "{" } else { ",{" });
            out.push_str(row);
            out.push('}');
        }
        out.push_str("]}");
    }
    out.push_str(if out.is_empty() { "{}" } else { "}" });
    Ok(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::live::socket::fake;
    use crate::model::TroubleCause;

    /// The columns of ovsdb-server 3.1.0, and what a later schema may come with.
    fn schema() -> Schema {
        let number = |least: i64| json!({"type": {"key": {"type": "integer", "minInteger": least}}});
        let schema = json!({"tables": {
            "Port": {"columns": {
                "name": {"type": "string"},
                "mac": {"type": {"key": "string", "min": 0}},
                "fake_bridge": {"type": "boolean"},
                "external_ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}},
                "interfaces": {"type": {"key": {"type": "uuid", "refTable": "Interface"}, "max": "unlimited"}},
                "statistics": {"type": "integer", "ephemeral": true},
                "bond_active_slave": {"type": "string"},
                "rate": number(0),
                "least": number(1),
                "mode": {"type": {"key": {"type": "string", "enum": ["set", ["a", "b"]]}}},
            }},
            "Queue": {"columns": {"dscp": {}}},
            "CT_Zone": {"columns": {"external_ids": {}}},
        }});
        serde_json::from_value(schema).unwrap()
    }

    #[test]
    fn what_a_daemon_writes_and_what_nobody_set_is_not_asked_for() {
        let asked: Vec<_> = configured(&schema())
            .into_iter()
            .map(|(table, it)| format!("{table} {} {}", it["columns"], it["where"]))
            .collect();
        assert_eq!(
            asked,
            [
                r#"Port ["_uuid","external_ids"] [["external_ids","!=",["map",[]]]]"#,
                r#"Port ["_uuid","fake_bridge"] [["fake_bridge","!=",false]]"#,
                r#"Port ["_uuid","mac"] [["mac","!=",["set",[]]]]"#,
                r#"Port ["_uuid","rate"] [["rate","!=",0]]"#,
                r#"Port ["_uuid","interfaces","least","mode","name"] []"#,
                r#"Queue ["_uuid","dscp"] []"#,
            ]
        );
    }

    #[test]
    fn rows_are_put_together_as_the_server_wrote_their_values() {
        let reply = br#"[{"rows":[{"_uuid":["uuid","b"],"tag":7}]},{"rows":[{"_uuid":["uuid","b"],"name":"a\"b"},
            {"_uuid":["uuid","a"],"name":"c"}]},{"rows":[]}]"#;
        let text = joined(&["Port", "Port", "Queue"], reply).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            concat!(
                r#"{"Port":{"rows":[{"_uuid":["uuid","a"],"name":"c"},{"_uuid":["uuid","b"],"tag":7,"name":"a\"b"}]},"#,
                r#""Queue":{"rows":[]}}"#
            )
        );
        assert_eq!(joined(&[], b"[]").unwrap(), b"{}");
    }

    #[test]
    fn a_server_that_hangs_or_talks_nonsense_is_told() {
        let hung = fake::hung();
        fake::assert_trouble(TroubleCause::TimedOut, || configuration(&hung.path, fake::soon()));
        let nonsense = fake::saying(br#"{"id":1,"error":null,"result":{"tables":7}}"#);
        fake::assert_trouble(TroubleCause::Malformed, || configuration(&nonsense.path, fake::soon()));
    }
}
