//! `external_ids`, of which each key stands for itself: taken away, and with another value.

use serde_json::{Value, json};

use crate::alterations::{Alteration, Expected, altered};
use crate::switch::{edit, name, own_bridges, own_ports, table, uuids};

/// Every start of Open vSwitch writes these of the switch anew: verify does not compare them.
const WRITTEN_AT_START: [&str; 2] = ["hostname", "rundir"];

/// The recorded host has labels of the switch alone: each own row gets one.
pub fn add(host: &mut Value) {
    let rows = labelled(host);
    edit(&mut host["answers"], |_, all| {
        for row in all.iter_mut().filter(|row| rows.iter().any(|(_, it)| it["_uuid"] == row["_uuid"])) {
            row["external_ids"] = json!(["map", [["installed-by", "operations"]]]);
        }
    });
}

/// The rows that somebody set up, and what each is called.
fn labelled(host: &Value) -> Vec<(String, Value)> {
    let mut rows: Vec<(String, Value)> =
        own_bridges(host).into_iter().map(|row| (format!("bridge {}", name(&row)), row)).collect();
    let interfaces = table(host, "Interface");
    for (bridge, port) in own_ports(host) {
        let of_port = uuids(&port["interfaces"]);
        let own = interfaces.iter().filter(|row| of_port.contains(&row["_uuid"]));
        rows.extend(own.map(|row| (format!("interface {bridge}/{}", name(row)), row.clone())));
        rows.push((format!("port {bridge}/{}", name(&port)), port));
    }
    rows
}

pub fn all(host: &Value) -> Vec<Alteration> {
    let switch = table(host, "Open_vSwitch").into_iter().map(|row| ("switch".to_owned(), row));
    let mut all = Vec::new();
    for (what, row) in switch.chain(labelled(host)) {
        let pairs = row["external_ids"][1].as_array().cloned().unwrap_or_default();
        for pair in &pairs {
            let key = pair[0].as_str().unwrap_or_default();
            if WRITTEN_AT_START.contains(&key) {
                continue;
            }
            let mut set = |how: &str, pairs: Vec<Value>| {
                all.push(altered(host, format!("{what} {how} external_ids:{key}"), Expected::Headline, |answers| {
                    edit(answers, |table, all| {
                        let is_meant = |other: &&mut Value| {
                            other["_uuid"] == row["_uuid"] || what == "switch" && table == "Open_vSwitch"
                        };
                        for other in all.iter_mut().filter(is_meant) {
                            other["external_ids"] = json!(["map", pairs]);
                        }
                    });
                }));
            };
            set("without", pairs.iter().filter(|other| *other != pair).cloned().collect());
            let other = |it: &Value| if it == pair { json!([key, "another"]) } else { it.clone() };
            set("with another", pairs.iter().map(other).collect());
        }
    }
    all
}
