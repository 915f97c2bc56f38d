//! A host with the recorded switch, for tests that change it.

use serde_json::{Value, json};

use crate::catalog::Settings;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::nics::tests::{answers, compared};
use crate::judge::outcome::Outcome;
use crate::model::answer::{Answer, Link};
use crate::model::{Answers, Query};

/// What Open vSwitch 3.1.0 said of bridges, bonds, a VLAN bridge, a mirror, queues and a tunnel of OVN.
pub const REPLY: &str = include_str!("../../../tests/fixtures/wire/ovs-configuration-of-many-kinds.json");

/// A host with a switch, at one moment.
pub struct Switch {
    reply: Value,
    pub links: Vec<(String, Link)>,
    pub others: Vec<(Query, Answer)>,
}

impl Default for Switch {
    fn default() -> Self {
        let cards = ["eno1", "eno2", "eno3", "eno4"].iter().enumerate();
        let links = cards.map(|(at, name)| ((*name).to_owned(), card(at))).collect();
        Self { reply: serde_json::from_str(REPLY).unwrap(), links, others: Vec::new() }
    }
}

fn card(at: usize) -> Link {
    let mac = Some(format!("52:54:00:0a:00:0{at}"));
    Link { mac: mac.clone(), permanent_mac: mac, ..Link::default() }
}

impl Switch {
    pub fn saying(reply: &Value) -> Self {
        Self { reply: reply.clone(), ..Self::default() }
    }

    pub fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.reply);
    }

    /// The row of a table by its name.
    pub fn row(&mut self, table: &str, name: &str) -> &mut Value {
        let rows = self.reply[table]["rows"].as_array_mut().unwrap();
        rows.iter_mut().find(|row| row["name"] == name).unwrap()
    }

    /// Moves a port from one bridge to another; without the other it is gone.
    pub fn move_port(&mut self, name: &str, from: &str, to: Option<&str>) {
        let uuid = self.row("Port", name)["_uuid"].clone();
        let ports = self.row("Bridge", from)["ports"][1].as_array_mut().unwrap();
        ports.retain(|port| *port != uuid);
        if let Some(to) = to {
            self.row("Bridge", to)["ports"][1].as_array_mut().unwrap().push(uuid);
        }
    }

    pub fn rename_link(&mut self, from: &str, to: &str) {
        for (name, _) in &mut self.links {
            if name == from {
                to.clone_into(name);
            }
        }
    }

    /// What is judged of the same rows is another reply, with every column that it needs.
    fn judged(&self) -> Value {
        let none = json!(["set", []]);
        let columns =
            ["cur_cfg", "next_cfg", "ovs_version", "external_ids", "controller", "fail_mode", "datapath_type"];
        let more = ["type", "ofport", "error", "link_state", "admin_state", "mac_in_use", "is_connected"];
        let table = |name: &str| {
            let rows: Vec<Value> = self.reply[name]["rows"].as_array().into_iter().flatten().cloned().collect();
            let whole = |mut row: Value| {
                for column in columns.iter().chain(&more) {
                    let is_there = !row[column].is_null();
                    if !is_there {
                        row[column] = none.clone();
                    }
                }
                row
            };
            json!({"rows": rows.into_iter().map(whole).collect::<Vec<_>>()})
        };
        ["Open_vSwitch", "Bridge", "Port", "Interface", "Controller"].map(table).into()
    }

    pub fn answers(&self) -> Answers {
        let socket = Settings::default().ovs.socket();
        let reply = Answer::Text(self.reply.to_string().into_bytes());
        let devices = Answer::Links(self.links.iter().cloned().collect());
        let judged = Answer::Text(self.judged().to_string().into_bytes());
        let own = [
            (Query::OvsConfiguration(socket.clone()), reply),
            (Query::Ovsdb(socket), judged),
            (Query::Links, devices),
            (Query::Addresses, Answer::Addresses(Vec::new())),
        ];
        answers(own.into_iter().chain(self.others.iter().cloned()))
    }
}

/// What a judge says of a switch then and now.
pub fn outcomes(
    then: &Switch,
    now: &Switch,
    judge: impl FnOnce(&Facts<'_>, &Before<'_>) -> Vec<Outcome>,
) -> Vec<Outcome> {
    compared(&then.answers(), &now.answers(), judge)
}
