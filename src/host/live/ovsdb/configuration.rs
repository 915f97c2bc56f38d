//! How the switch is put together: whatever of the database a person or a program configured, so that it can be
//! compared and built again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{Database, Fault, SERVICE, parse, select, socket};
use crate::model::Reading;

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

/// What values that say nothing look like: the reply of 10,000 ports is made of them.
const EMPTY: [&str; 3] = [r#"["set",[]]"#, r#"["map",[]]"#, r#""""#];

/// `{"Bridge": {"rows": [{…}]}, …}`, of one moment; columns that are empty are left out.
pub fn configuration(socket: &Path, deadline: Instant) -> Reading<Vec<u8>> {
    let look = || {
        let mut database = Database::connect(socket, deadline)?;
        let schema = database.call("get_schema", &[json!("Open_vSwitch")])?;
        let tables = configured(&parse(&schema)?);
        let operations: Vec<_> = tables
            .iter()
            .map(|(table, columns)| select(table, &columns.iter().map(String::as_str).collect::<Vec<_>>()))
            .collect();
        let reply = database.transact(&operations)?;
        compact(tables.iter().map(|(table, _)| table.as_str()), &reply)
    };
    socket::reading(SERVICE, socket, look())
}

#[derive(Deserialize)]
struct Schema {
    tables: BTreeMap<String, Table>,
}

#[derive(Deserialize)]
struct Table {
    columns: BTreeMap<String, Column>,
}

#[derive(Deserialize)]
struct Column {
    #[serde(default)]
    ephemeral: bool,
}

/// The columns that are configuration, by table: those that this server knows, and that outlive it.
fn configured(schema: &Schema) -> Vec<(String, Vec<String>)> {
    let known = CONFIGURED.into_iter().filter_map(|table| Some((table, schema.tables.get(table)?)));
    known
        .map(|(table, definition)| {
            let lasting = definition
                .columns
                .iter()
                .filter(|(name, column)| !column.ephemeral && !NOT_CONFIGURED.contains(&name.as_str()));
            let columns = lasting.map(|(name, _)| name.clone()).chain(["_uuid".to_owned()]).collect();
            (table.to_owned(), columns)
        })
        .collect()
}

#[derive(Deserialize)]
struct Rows<'a> {
    #[serde(borrow)]
    rows: Vec<BTreeMap<&'a str, &'a RawValue>>,
}

fn compact<'t>(tables: impl Iterator<Item = &'t str>, reply: &[u8]) -> Result<Vec<u8>, Fault> {
    let results: Vec<Rows<'_>> = parse(reply)?;
    let mut out = String::with_capacity(reply.len() / 2);
    for (table, result) in tables.zip(results) {
        out.push_str(if out.is_empty() { "{" } else { "," });
        out.push_str(&format!(r#""{table}":{{"rows":["#));
        for (index, row) in result.rows.iter().enumerate() {
            out.push_str(if index == 0 { "{" } else { ",{" });
            let said = row.iter().filter(|(_, value)| !EMPTY.contains(&value.get()));
            for (index, (column, value)) in said.enumerate() {
                out.push_str(if index == 0 { "\"" } else { ",\"" });
                out.push_str(column);
                out.push_str("\":");
                out.push_str(value.get());
            }
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

    #[test]
    fn what_a_daemon_writes_and_what_a_schema_lacks_is_not_asked_for() {
        let schema = json!({"tables": {
            "Port": {"columns": {"name": {}, "tag": {}, "statistics": {"ephemeral": true}, "bond_active_slave": {}}},
            "Queue": {"columns": {"dscp": {}}},
            "CT_Zone": {"columns": {"external_ids": {}}},
        }});
        let schema: Schema = serde_json::from_value(schema).unwrap();
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let expected = [("Port", &["name", "tag", "_uuid"][..]), ("Queue", &["dscp", "_uuid"])];
        assert_eq!(configured(&schema), expected.map(|(table, columns)| (table.to_owned(), owned(columns))));
    }

    #[test]
    fn rows_are_kept_as_the_server_wrote_them_without_what_is_empty() {
        let reply = br#"[{"rows":[{"name":"a\"b","tag":["set",[]],"external_ids":["map",[]],"mac":"","fake_bridge":false}]},{"rows":[]}]"#;
        let text = compact(["Port", "Queue"].into_iter(), reply).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            r#"{"Port":{"rows":[{"fake_bridge":false,"name":"a\"b"}]},"Queue":{"rows":[]}}"#
        );
        assert_eq!(compact(std::iter::empty(), b"[]").unwrap(), b"{}");
    }

    #[test]
    fn a_server_that_hangs_or_talks_nonsense_is_told() {
        let hung = fake::hung();
        fake::assert_trouble(TroubleCause::TimedOut, || configuration(&hung.path, fake::soon()));
        let nonsense = fake::saying(br#"{"id":1,"error":null,"result":{"tables":7}}"#);
        fake::assert_trouble(TroubleCause::Malformed, || configuration(&nonsense.path, fake::soon()));
    }
}
