use serde_json::{Value, json};

use super::*;
use crate::catalog::Settings;
use crate::facts::Run;
use crate::judge::causes::tests::host::snapshot;
use crate::judge::headlines::tests::finding;
use crate::model::answer::{Answer, Asked, Link};
use crate::model::report::Intent;
use crate::model::sorted::SortedMap;
use crate::model::{Answers, Query, TroubleCause};

/// Bridges as `name: port(member, member)=key, …` of one host; each NIC by its name has the address of its number.
#[derive(Clone)]
struct Host {
    bridges: Vec<(&'static str, Vec<&'static str>)>,
    /// Name and number.
    nics: Vec<(&'static str, u8)>,
}

fn host() -> Host {
    Host {
        bridges: vec![
            ("br-data", vec!["br-data", "bond0(ens8 ens9)"]),
            ("br-ex", vec!["br-ex", "ens7", "patch-a", "patch-b=ovn-localnet-port"]),
            ("br-int", vec!["br-int", "tap1", "tap2", "geneve-1=ovn-chassis-id"]),
        ],
        nics: vec![("ens7", 7), ("ens8", 8), ("ens9", 9)],
    }
}

impl Host {
    fn on(mut self, bridge: &str, ports: &[&'static str]) -> Self {
        for (name, its) in &mut self.bridges {
            if *name == bridge {
                *its = ports.to_vec();
            }
        }
        self
    }

    fn calling(mut self, number: u8, name: &'static str) -> Self {
        self.nics.retain(|(_, other)| *other != number);
        self.nics.push((name, number));
        self
    }

    fn answers(&self) -> Answers {
        let (mut bridges, mut ports, mut interfaces) = (Vec::new(), Vec::new(), Vec::new());
        for (bridge, its) in &self.bridges {
            let mut uuids = Vec::new();
            for port in its {
                let (words, key) = port.split_once('=').unwrap_or((port, ""));
                let (name, members) = words.split_once('(').unwrap_or((words, words));
                let ids: Vec<Value> =
                    Some(key).filter(|key| !key.is_empty()).map(|key| json!([key, "x"])).into_iter().collect();
                let members: Vec<&str> = members.trim_end_matches(')').split(' ').collect();
                for member in &members {
                    let kind = if name == *bridge {
                        "internal"
                    } else if name.starts_with("patch") {
                        "patch"
                    } else {
                        ""
                    };
                    interfaces.push(json!({
                        "_uuid": ["uuid", format!("i-{member}")], "name": member, "type": kind, "ofport": 1,
                        "error": ["set", []], "link_state": "up", "admin_state": "up", "mac_in_use": "",
                        "external_ids": ["map", []],
                    }));
                }
                let members: Vec<Value> = members.iter().map(|member| json!(["uuid", format!("i-{member}")])).collect();
                ports
                    .push(json!({"_uuid": ["uuid", format!("p-{name}")], "name": name, "interfaces": ["set", members],
                    "external_ids": ["map", ids]}));
                uuids.push(json!(["uuid", format!("p-{name}")]));
            }
            bridges.push(json!({
                "name": bridge, "ports": ["set", uuids], "controller": ["set", []], "fail_mode": ["set", []],
                "datapath_type": "",
            }));
        }
        let switch = json!({
            "cur_cfg": 1, "next_cfg": 1, "ovs_version": "3.1.0",
            "external_ids": ["map", [["ovn-remote", "tcp:192.0.2.1:6642"]]],
        });
        let tables = [vec![switch], bridges, ports, interfaces, Vec::new()];
        let text = Value::from_iter(tables.map(|rows| json!({"rows": rows})));
        let link = |number: u8| Link { permanent_mac: Some(format!("52:54:00:a0:00:{number:02x}")), ..Link::default() };
        let tap = || Link { kind: Some("tun".to_owned()), ..Link::default() };
        let nics = self.nics.iter().map(|(name, number)| ((*name).to_owned(), link(*number)));
        let links: SortedMap<String, Link> = nics.chain([("tap1".to_owned(), tap())]).collect();
        let socket = Settings::default().ovs.socket();
        let of_switch = Reading::Known(Answer::Text(text.to_string().into_bytes()));
        // A host whose devices nobody could list.
        let of_kernel = match self.nics.is_empty() {
            true => Reading::unreadable(TroubleCause::Failed, "no"),
            false => Reading::Known(Answer::Links(links)),
        };
        let readings = [(Query::Ovsdb(socket), of_switch), (Query::Links, of_kernel)];
        let asked = |reading| Asked { reading, micros: 0 };
        Answers(readings.into_iter().map(|(query, reading)| (query, asked(reading))).collect())
    }
}

/// One line for whatever is not the same, and how many are others'.
fn drawn(then: &Host, now: &Host, findings: &[Finding]) -> Vec<String> {
    let settings = Settings::default();
    let run = Run { intent: Intent::After, asked_at: "" };
    let (then, now) = (then.answers(), now.answers());
    let snapshot = snapshot();
    let before = Before { facts: Facts::new(&then, &settings, run), snapshot: &snapshot };
    let mut lines = Vec::new();
    for bridge in rows(findings, &Facts::new(&now, &settings, run), Some(&before)) {
        let mut say = |path: String, state: Kept, note: &Option<String>| {
            if state != Kept::Same {
                lines.push(format!("{path} {state:?} {}", note.as_deref().unwrap_or_default()).trim_end().to_owned());
            }
        };
        say(bridge.name.clone(), bridge.state, &bridge.note);
        for port in &bridge.ports {
            say(format!("{}/{}", bridge.name, port.name), port.state, &port.note);
            for member in &port.members {
                say(format!("{}/{}/{}", bridge.name, port.name, member.name), member.state, &member.note);
            }
        }
        let ports: usize = bridge.ports.iter().map(|port| port.members.len().max(1)).sum();
        lines.push(format!("{}: {ports} and {}", bridge.name, bridge.owned_by_others));
    }
    lines
}

fn judged() -> Vec<Finding> {
    vec![finding("ovs.port-kept", Status::Pass, None)]
}

const COUNTS: [&str; 3] = ["br-data: 2 and 0", "br-ex: 2 and 1", "br-int: 0 and 3"];

#[test]
fn what_is_as_it_was_is_the_same_and_others_are_counted() {
    assert_eq!(drawn(&host(), &host(), &judged()), COUNTS);
    // Guests come and go.
    let drained = host().on("br-int", &["br-int", "geneve-1=ovn-chassis-id"]);
    assert_eq!(drawn(&host(), &drained, &judged()), ["br-data: 2 and 0", "br-ex: 2 and 1", "br-int: 0 and 1"]);
}

#[test]
fn a_port_is_followed_to_where_it_is_now() {
    let lines = |now: &Host| -> Vec<String> {
        let lines = drawn(&host(), now, &judged());
        lines
            .into_iter()
            .filter(|line| !COUNTS.contains(&line.as_str()) && !line.contains(": ") || line.contains(" the NIC"))
            .collect()
    };
    assert_eq!(lines(&host().calling(7, "ens11")), ["br-ex/ens7 Missing the NIC is now called ens11"]);
    assert_eq!(
        lines(&host().calling(7, "ens11").on("br-ex", &["br-ex", "ens11", "patch-a"])),
        ["br-ex/ens7 Moved now called ens11"]
    );
    assert_eq!(lines(&host().on("br-ex", &["br-ex", "patch-a"])), ["br-ex/ens7 Missing the device is in no bridge"]);
    assert_eq!(lines(&host().on("br-ex", &["br-ex", "ens7"])), ["br-ex/patch-a Missing"]);
    assert_eq!(
        lines(&host().on("br-ex", &["br-ex", "patch-a"]).on("br-data", &["br-data", "bond0(ens8 ens9)", "ens7"])),
        ["br-data/ens7 New was on br-ex", "br-ex/ens7 Moved now on br-data"]
    );
    assert_eq!(
        lines(&host().on("br-data", &["br-data", "bond0(ens8)"])),
        ["br-data/bond0/ens9 Missing the device is in no bridge"]
    );
    assert_eq!(lines(&host().on("br-ex", &["br-ex", "ens7", "patch-a", "patch-c"])), ["br-ex/patch-c New"]);
    // Two that swapped their names: each row now means the other card.
    assert_eq!(
        lines(&host().calling(7, "ens8").calling(8, "ens7")),
        ["br-data/bond0/ens8 Missing the NIC is now called ens7", "br-ex/ens7 Missing the NIC is now called ens8"]
    );
}

#[test]
fn a_bridge_is_missing_or_new_with_its_ports() {
    let mut without = host();
    without.bridges.remove(0);
    assert_eq!(
        drawn(&host(), &without, &judged()),
        [
            "br-data Missing",
            "br-data/bond0 Missing",
            "br-data/bond0/ens8 Missing the device is in no bridge",
            "br-data/bond0/ens9 Missing the device is in no bridge",
            COUNTS[0],
            COUNTS[1],
            COUNTS[2]
        ]
    );
    assert_eq!(
        drawn(&without, &host(), &judged())[..4],
        ["br-data New", "br-data/bond0 New", "br-data/bond0/ens8 New", "br-data/bond0/ens9 New"]
    );
}

#[test]
fn attributes_are_as_the_findings_say() {
    let changed = |id: &str, subject: &str| {
        let mut changed = finding(id, Status::Fail, None);
        changed.subject = subject.to_owned();
        changed.cause = Some("attributes-changed".to_owned());
        changed.expected.insert("tag".to_owned(), 100.into());
        changed
    };
    let findings = [changed("ovs.port-kept", "br-ex/ens7"), changed("ovs.bridge-kept", "br-data")];
    assert_eq!(
        drawn(&host(), &host(), &findings),
        ["br-data Changed tag", COUNTS[0], "br-ex/ens7 Changed tag", COUNTS[1], COUNTS[2]]
    );
}

#[test]
fn a_port_whose_device_is_gone_or_dead_is_not_as_it_was() {
    let mut gone = host();
    gone.nics.retain(|(name, _)| *name != "ens8");
    assert_eq!(
        drawn(&host(), &gone, &judged()),
        ["br-data/bond0/ens8 Missing its device is gone", COUNTS[0], COUNTS[1], COUNTS[2]]
    );
    let wrong = |id: &str, subject: &str, cause: &str| {
        let mut wrong = finding(id, Status::Fail, None);
        (wrong.subject, wrong.cause, wrong.new) = (subject.to_owned(), Some(cause.to_owned()), Some(true));
        wrong
    };
    let findings = [
        wrong("network.link-kept", "ens7", "down"),
        wrong("network.link-kept", "ens9", "renamed"),
        wrong("ovs.uplink", "br-data/bond0/ens8", "not-attached"),
    ];
    assert_eq!(
        drawn(&host(), &host(), &[judged(), findings.to_vec()].concat()),
        ["br-data/bond0/ens8 Changed not attached", COUNTS[0], "br-ex/ens7 Changed down", COUNTS[1], COUNTS[2]]
    );
}

#[test]
fn nothing_is_drawn_where_nobody_can_tell() {
    let mut blind = host();
    blind.nics.clear();
    assert!(drawn(&host(), &blind, &judged()).is_empty());
    assert!(drawn(&blind, &host(), &judged()).is_empty());
    for status in [Status::Fail, Status::Unknown] {
        let findings = [judged(), vec![finding("ovs.daemons", status, None)]].concat();
        assert!(drawn(&host(), &host(), &findings).is_empty(), "{status:?}");
    }
}

#[test]
fn nothing_is_drawn_where_nobody_compared() {
    assert!(drawn(&host(), &host(), &[finding("ovs.port-kept", Status::Skip, None)]).is_empty());
    assert!(drawn(&host(), &host(), &[]).is_empty());
}
