//! A recorded host, and findings as judges would leave them.

use std::path::Path;

use serde_json::{Map, json};

use super::super::*;
use crate::catalog::Settings;
use crate::facts::Run;
use crate::host::recorded::Recorded;
use crate::model::answer::{Answer, Asked, Link, NextHop, Route};
use crate::model::report::Intent;
use crate::model::{Answers, Query, Reading, Severity, Snapshot};

/// br-ex has ens7, br-data an OVS bond of ens8 and ens9, br-stor a VLAN of a kernel bond of ens10 and ens11; ens3 is by
/// itself. The default route leads through br-ex, 10.0.2.0/24 is on ens3, 10.30.0.0/24 on br-stor.
pub fn host() -> Answers {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts/bases/hypervisor.json");
    let mut answers = Recorded::read(&base).unwrap().answers;
    let route = |destination: &str, link: &str| Route {
        table: 254,
        destination: destination.to_owned(),
        kind: "unicast".to_owned(),
        next_hops: vec![NextHop { link: Some(link.to_owned()), ..NextHop::default() }],
        ..Route::default()
    };
    let routes = vec![route("default", "br-ex"), route("10.0.2.0/24", "ens3"), route("10.30.0.0/24", "br-stor")];
    answers.0.insert(Query::Routes, Asked { reading: Reading::Known(Answer::Routes(routes)), micros: 0 });
    answers
}

pub fn links(answers: &mut Answers) -> &mut crate::model::sorted::SortedMap<String, Link> {
    match &mut answers.0.get_mut(&Query::Links).unwrap().reading {
        Reading::Known(Answer::Links(links)) => links,
        other => panic!("{other:?}"),
    }
}

pub fn rename(answers: &mut Answers, pairs: &[(&str, &str)]) {
    let links = links(answers);
    let moved: Vec<(String, Link)> =
        pairs.iter().map(|(old, new)| ((*new).to_owned(), links.remove(*old).unwrap())).collect();
    links.extend(moved);
}

pub fn snapshot() -> Snapshot {
    serde_json::from_value(json!({
        "schema": "", "schema_version": "", "tool": {"name": "", "version": "", "catalog_digest": ""}, "name": "",
        "taken_at": "", "changed": true, "exit_code": 0, "failed": false, "msg": "", "comment": "", "kept": null,
        "host": serde_json::to_value(crate::model::report::Host::default()).unwrap(), "unreadable": [], "findings": [],
        "answers": {},
    }))
    .unwrap()
}

/// One finding as a judge would leave it: `FAIL ovs.port-kept br-ex/ens7 missing`, and what it touches.
pub struct Row {
    pub finding: Finding,
    pub touches: Vec<Part>,
}

pub fn row(id: &str, subject: &str, cause: Option<&str>, touches: &[Part]) -> Row {
    let blocks = !matches!((id, cause), ("network.link-kept", Some("renamed" | "mtu")) | ("network.dns-kept", _));
    let is_note = cause == Some("renamed");
    let finding = Finding {
        id: id.to_owned(),
        subject: subject.to_owned(),
        status: Status::Fail,
        severity: if is_note { Severity::Info } else { Severity::High },
        blocking: blocks,
        new: None,
        title: String::new(),
        detail: String::new(),
        cause: cause.map(str::to_owned),
        caused_by: None,
        expected: Map::new(),
        observed: Map::new(),
        waiver: None,
        fixes: Vec::new(),
        by_hand: Vec::new(),
        duration_us: 0,
    };
    Row { finding, touches: touches.to_vec() }
}

impl Row {
    pub fn unknown(mut self) -> Self {
        self.finding.status = Status::Unknown;
        self
    }

    pub fn warns(mut self) -> Self {
        self.finding.blocking = false;
        self.finding.severity = Severity::Medium;
        self
    }

    pub fn observing(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.finding.observed.insert(key.to_owned(), value.into());
        self
    }

    pub fn expecting(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.finding.expected.insert(key.to_owned(), value.into());
        self
    }

    pub fn because_of(self, id: &str) -> Self {
        self.told_by(id, "")
    }

    pub fn told_by(mut self, id: &str, subject: &str) -> Self {
        self.finding.caused_by = Some(FindingRef { id: id.to_owned(), subject: subject.to_owned() });
        self
    }
}

pub fn device(name: &str) -> Part {
    Part::Device(name.to_owned())
}

pub fn port(name: &str) -> Part {
    Part::Port(name.to_owned())
}

pub fn unit(name: &str) -> Part {
    Part::Unit(name.to_owned())
}

/// By which an agent was connected.
pub fn way(own: &str, peer: &str) -> Part {
    Part::Way(own.parse().unwrap(), peer.parse().unwrap())
}

pub fn peer(target: &str) -> Part {
    Part::Peer(target.to_owned())
}

/// The headlines and the uncaused others, and for each what hangs below it.
pub fn told(rows: Vec<Row>, now: &Answers, then: Option<&Answers>) -> Vec<String> {
    let settings = Settings::default();
    let run = Run { intent: Intent::After, asked_at: "2026-11-21T09:00:00Z" };
    let facts = Facts::new(now, &settings, run);
    let snapshot = snapshot();
    let before = then.map(|then| Before { facts: Facts::new(then, &settings, run), snapshot: &snapshot });
    let mut ties = Ties::default();
    let mut findings = Vec::new();
    for row in rows {
        let mut outcome = Outcome::fail("", None, "");
        outcome.status = row.finding.status;
        outcome.touches = row.touches;
        ties.note(findings.len(), &mut outcome);
        findings.push(row.finding);
    }
    ties.tie(&mut findings, &facts, before.as_ref());
    headlines::link(&mut findings);
    let name = |finding: &Finding| finding.name();
    let below = |cause: &Finding| {
        let own = cause.reference();
        let below = findings.iter().filter(|finding| finding.caused_by.as_ref() == Some(&own)).map(name);
        below.collect::<Vec<_>>().join(", ")
    };
    let heads = findings.iter().filter(|finding| finding.caused_by.is_none());
    heads.map(|head| format!("{} <- {}", head.name(), below(head))).collect()
}
