//! The switch: its rows stand in two answers, with and without what the daemons say of them.

use serde_json::{Value, json};

use crate::alterations::{Alteration, Expected, altered, known};
use crate::kernel;

const OVSDB: &str = "ovsdb:/run/openvswitch/db.sock";
const CONFIGURATION: &str = "ovs-configuration:/run/openvswitch/db.sock";
/// The tables of `OVSDB`, in the order of its reply.
const TABLES: [&str; 5] = ["Open_vSwitch", "Bridge", "Port", "Interface", "Controller"];

/// Both answers as they are, changed by `change`: table and rows.
pub fn edit(answers: &mut Value, mut change: impl FnMut(&str, &mut Vec<Value>)) {
    for question in [OVSDB, CONFIGURATION] {
        let text = known(answers, question, "text");
        let Some(mut tables) = text.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
            continue;
        };
        for (index, table) in TABLES.into_iter().enumerate() {
            let rows = if question == OVSDB { &mut tables[index]["rows"] } else { &mut tables[table]["rows"] };
            if let Some(rows) = rows.as_array_mut() {
                change(table, rows);
            }
        }
        *text = tables.to_string().into();
    }
}

pub fn table(host: &Value, table: &str) -> Vec<Value> {
    let text = host["answers"][CONFIGURATION]["reading"]["known"]["text"].as_str().unwrap_or("{}");
    let tables: Value = serde_json::from_str(text).unwrap();
    tables[table]["rows"].as_array().cloned().unwrap_or_default()
}

pub fn uuids(set: &Value) -> Vec<Value> {
    match (set[0].as_str(), &set[1]) {
        (Some("uuid"), _) => vec![set.clone()],
        (_, Value::Array(values)) => values.clone(),
        _ => Vec::new(),
    }
}

pub fn name(row: &Value) -> String {
    row["name"].as_str().unwrap_or_default().to_owned()
}

pub fn names(host: &Value) -> Vec<String> {
    table(host, "Bridge").iter().map(name).collect()
}

/// What stands in the integration bridge is OVN's.
pub fn own_bridges(host: &Value) -> Vec<Value> {
    table(host, "Bridge").into_iter().filter(|row| name(row) != "br-int").collect()
}

fn has_key(row: &Value, beginning: &str) -> bool {
    let pairs = row["external_ids"][1].as_array().cloned().unwrap_or_default();
    pairs.iter().any(|pair| pair[0].as_str().is_some_and(|key| key.starts_with(beginning)))
}

/// The ports that somebody configured, with their bridge, without its own.
pub fn own_ports(host: &Value) -> Vec<(String, Value)> {
    let ports = table(host, "Port");
    let mut own = Vec::new();
    for bridge in own_bridges(host) {
        let of_bridge = uuids(&bridge["ports"]);
        let is_own =
            |port: &&Value| of_bridge.contains(&port["_uuid"]) && name(port) != name(&bridge) && !has_key(port, "ovn-");
        own.extend(ports.iter().filter(is_own).map(|port| (name(&bridge), port.clone())));
    }
    own
}

/// Takes rows out, and what points at them.
fn remove(answers: &mut Value, gone: &[Value]) {
    edit(answers, |_, rows| {
        rows.retain(|row| !gone.contains(&row["_uuid"]));
        for row in rows {
            for column in ["ports", "interfaces"] {
                if row[column].is_array() {
                    let left: Vec<Value> =
                        uuids(&row[column]).into_iter().filter(|uuid| !gone.contains(uuid)).collect();
                    row[column] = json!(["set", left]);
                }
            }
        }
    });
}

fn remove_port(answers: &mut Value, port: &Value) {
    let interfaces = uuids(&port["interfaces"]);
    let mut names = Vec::new();
    edit(answers, |table, rows| {
        let of_port = rows.iter().filter(|row| table == "Interface" && interfaces.contains(&row["_uuid"]));
        names.extend(of_port.map(|row| (name(row), row["type"] == "internal")));
    });
    names.sort();
    names.dedup();
    remove(answers, &[&[port["_uuid"].clone()], interfaces.as_slice()].concat());
    for (interface, is_internal) in names {
        if is_internal {
            kernel::remove_link(answers, &interface);
        } else if let Some(link) = known(answers, "links", "links").get_mut(&interface) {
            link["master"] = Value::Null;
            link["member_kind"] = Value::Null;
        }
    }
}

/// vswitchd finds no device for a row.
pub fn lose_device(answers: &mut Value, device: &str) {
    edit(answers, |table, rows| {
        for row in
            rows.iter_mut().filter(|row| table == "Interface" && row["name"] == device && row.get("ofport").is_some())
        {
            row["ofport"] = (-1).into();
            row["error"] = format!("could not open network device {device} (No such device)").into();
            for column in ["link_state", "admin_state", "mac_in_use"] {
                row[column] = json!(["set", []]);
            }
        }
    });
}

pub fn is_in_a_bond(host: &Value, device: &str) -> bool {
    let interfaces = table(host, "Interface");
    let own: Vec<&Value> = interfaces.iter().filter(|row| row["name"] == device).map(|row| &row["_uuid"]).collect();
    let members = table(host, "Port").into_iter().map(|port| uuids(&port["interfaces"]));
    members.into_iter().any(|members| members.len() > 1 && members.iter().any(|member| own.contains(&member)))
}

pub fn unplug(answers: &mut Value, device: &str) {
    edit(answers, |table, rows| {
        for row in rows
            .iter_mut()
            .filter(|row| table == "Interface" && row["name"] == device && row.get("link_state").is_some())
        {
            row["link_state"] = "down".into();
        }
    });
}

pub fn bridges(host: &Value) -> Vec<Alteration> {
    let remove_bridge = |bridge: &Value| {
        altered(host, format!("bridge gone: {}", name(bridge)), Expected::Headline, |answers| {
            for port in table(host, "Port").iter().filter(|port| uuids(&bridge["ports"]).contains(&port["_uuid"])) {
                remove_port(answers, port);
            }
            // A database that has bridges still has a row for each.
            remove(answers, &[bridge["_uuid"].clone()]);
            edit(answers, |table, rows| {
                if table == "Bridge" {
                    rows.retain(|row| row["name"] != bridge["name"]);
                }
            });
        })
    };
    own_bridges(host).iter().map(remove_bridge).collect()
}

pub fn ports(host: &Value) -> Vec<Alteration> {
    let own = own_ports(host);
    let removed = own.iter().map(|(bridge, port)| {
        altered(host, format!("port gone: {bridge}/{}", name(port)), Expected::Headline, |answers| {
            remove_port(answers, port)
        })
    });
    let moved = own.iter().filter(|(bridge, _)| bridge != "br-stor").map(|(bridge, port)| {
        let what = format!("port on another bridge: {bridge}/{}", name(port));
        altered(host, what, Expected::Headline, |answers| {
            edit(answers, |table, rows| {
                for row in rows.iter_mut().filter(|row| table == "Bridge" && row["ports"].is_array()) {
                    let mut left: Vec<Value> =
                        uuids(&row["ports"]).into_iter().filter(|uuid| *uuid != port["_uuid"]).collect();
                    if row["name"] == "br-stor" {
                        left.push(port["_uuid"].clone());
                    }
                    row["ports"] = json!(["set", left]);
                }
            });
        })
    });
    removed.chain(moved).collect()
}

/// Another value of the same kind.
fn another(column: &str, value: &Value) -> Option<Value> {
    match value {
        Value::Number(number) => Some(json!(number.as_i64()? + 1)),
        Value::Bool(flag) => Some(json!(!flag)),
        Value::String(_) if column == "bond_mode" => Some(json!("balance-slb")),
        Value::String(_) => Some(json!("another")),
        Value::Array(set) if set.first()? == "set" => Some(json!(["set", set.get(1)?.as_array()?.get(1..)?])),
        _ => None,
    }
}

/// Each attribute of each row that somebody configured, taken away and altered.
pub fn attributes(host: &Value) -> Vec<Alteration> {
    let mut rows: Vec<(String, Value)> =
        own_bridges(host).into_iter().map(|row| (format!("bridge {}", name(&row)), row)).collect();
    let interfaces = table(host, "Interface");
    for (bridge, port) in own_ports(host) {
        let of_port = uuids(&port["interfaces"]);
        let own = interfaces.iter().filter(|row| of_port.contains(&row["_uuid"]));
        rows.extend(own.map(|row| (format!("interface {bridge}/{}", name(row)), row.clone())));
        rows.push((format!("port {bridge}/{}", name(&port)), port));
    }
    let structure = ["_uuid", "name", "ports", "interfaces", "controller", "external_ids", "type"];
    let mut all = Vec::new();
    for (what, row) in rows {
        let columns = row.as_object().into_iter().flatten().filter(|(column, _)| !structure.contains(&column.as_str()));
        for (column, value) in columns {
            // What the server fills in by itself is no attribute.
            let is_set = *value != json!(false) && *value != json!("") && *value != json!(0);
            let mut set = |how: &str, new: Value| {
                all.push(altered(host, format!("{what} {how} {column}"), Expected::Headline, |answers| {
                    edit(answers, |_, rows| {
                        let is_meant = |other: &&mut Value| {
                            (other["_uuid"] == row["_uuid"] || other["name"] == row["name"])
                                && other.get(column) == Some(value)
                        };
                        for other in rows.iter_mut().filter(is_meant) {
                            other[column] = new.clone();
                        }
                    });
                }));
            };
            if is_set {
                set("without", json!(["set", []]));
            }
            if let Some(new) = another(column, value) {
                set("with another", new);
            }
        }
    }
    all
}
