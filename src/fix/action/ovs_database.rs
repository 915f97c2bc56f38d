//! The switch gets back what the baseline knows and nobody else makes: bridges, with their ports and controllers, and
//! what it is told as a whole. What OVN makes it makes again, once it is told where its database is.

use serde_json::{Value, json};

use super::Context;
use super::ovs_port::{has_address, has_master};
use super::rows::{
    Moment, Rows, SWITCH, as_read, mutate, row_of, set_back, switch, switch_is_down, told, wait_for_none,
};
use crate::catalog::kind::ovs::OWN_DATABASE;
use crate::facts::before::Before;
use crate::facts::nics::Whereabouts;
use crate::facts::ovs::Ovs;
use crate::facts::wiring::{Attributes, Bridge, Row, Wiring, is_masked};
use crate::judge::kept::devices::Devices;
use crate::judge::kept::ovs_bridges::{SYSTEM_ID, is_chosen};
use crate::judge::kept::ovs_ports::{is_of_others, places::has_device};
use crate::judge::topology::{Part, Topology};
use crate::model::plan::{Deed, Planned, Run, Step};
use crate::model::run::Holds;
use crate::model::sorted::SortedMap;
use crate::model::{Finding, Query};

/// Each start of Debian's units takes the system-id from here.
const SYSTEM_ID_FILE: &str = "/etc/openvswitch/system-id.conf";

pub fn questions() -> Vec<Query> {
    vec![Query::File(SYSTEM_ID_FILE.to_owned()), Query::Addresses]
}

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let before = context.before?;
    let mut restored = Restored {
        context,
        then: before.facts.wiring().known()?,
        now: context.facts.wiring().known()?,
        ovs: before.facts.ovs().known()?,
        devices: Devices::new(context.facts, before).ok()?,
        notes: Vec::new(),
        parts: Vec::new(),
    };
    let steps = match (finding.id.as_str(), finding.cause.as_deref()) {
        ("ovs.database-emptied", _) => restored.emptied(),
        ("ovs.bridge-kept", Some("missing")) if restored.is_of_ovn(&finding.subject) => {
            if !context.named {
                return None;
            }
            Err(format!("ovn-controller makes {}: see why it does not", finding.subject))
        }
        ("ovs.bridge-kept", Some("missing")) => restored.bridges(&[&finding.subject], None).map(|step| vec![step]),
        ("ovs.bridge-kept", Some("attributes-changed")) => restored.attributes(finding),
        _ => return None,
    };
    Some(restored.planned(finding, steps, before))
}

struct Restored<'c, 'f> {
    context: &'c Context<'f>,
    then: &'c Wiring<'f>,
    now: &'c Wiring<'f>,
    ovs: &'c Ovs<'f>,
    devices: Devices<'c>,
    /// What is not made, and why.
    notes: Vec<String>,
    parts: Vec<Part>,
}

impl<'f> Restored<'_, 'f> {
    fn planned(self, finding: &Finding, steps: Result<Vec<Step>, String>, before: &Before<'_>) -> Planned {
        let (steps, refused) = match steps {
            Ok(steps) => (steps, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        Planned {
            fix: "ovs.database.restore".to_owned(),
            subject: finding.subject.clone(),
            mends: finding.reference(),
            why: finding.detail.split("; ").next().unwrap_or_default().to_owned(),
            steps,
            undo: "inverse operation: what was made is removed, what was set is set as it is now".to_owned(),
            risk: (!self.notes.is_empty()).then(|| self.notes.join("; ")),
            needs: Vec::new(),
            touches: Topology::new(self.context.facts, Some(before)).devices_on(&self.parts),
            frees_bytes: None,
            before: finding.observed.clone(),
            after: finding.expected.clone(),
            refused: refused.or_else(|| switch_is_down(self.context)),
        }
    }

    /// All bridges that are gone and are nobody else's, and what the switch is told as a whole.
    fn emptied(&mut self) -> Result<Vec<Step>, String> {
        if self.now.switch.uuid().is_none() {
            return Err("the database was never set up: `systemctl restart openvswitch-switch` does it".to_owned());
        }
        let (then, now) = (self.then, self.now);
        let is_ours = |name: &&String| !now.bridges.contains_key(name.as_str()) && !self.is_of_ovn(name);
        let names: Vec<&String> = then.bridges.keys().filter(is_ours).collect();
        let as_a_whole = self.as_a_whole()?;
        let aside = format!("{}/conf.db.tar", self.context.home);
        let pack =
            ["tar", "--create", "--dereference", "--absolute-names", "--force-local", "--file", &aside, OWN_DATABASE];
        let is_gone = vec![Deed::File { path: aside.clone(), content: None }];
        let set_aside = Step { does: Deed::Run(Run::new(&pack)), undoes: is_gone };
        Ok(vec![set_aside, self.bridges(&names, as_a_whole)?])
    }

    /// Whether OVN makes it, and all that is on it.
    fn is_of_ovn(&self, bridge: &str) -> bool {
        self.ovs.uses_ovn() && bridge == self.ovs.integration_bridge()
    }

    /// What OVN and others are told of this host. They add to it as they need.
    fn as_a_whole(&mut self) -> Result<Option<Step>, String> {
        let was = self.then.attributes(&self.then.switch);
        let id = was.get(SYSTEM_ID).and_then(Value::as_str);
        let file = self.context.facts.reading::<Vec<u8>>(&Query::File(SYSTEM_ID_FILE.to_owned())).known();
        let in_file = file.map(|text| String::from_utf8_lossy(text).trim().to_owned());
        if let (Some(id), Some(other)) = (id, in_file.filter(|other| Some(other.as_str()) != id)) {
            self.notes.push(format!(
                "{SYSTEM_ID_FILE} says {other}, and the system-id was {id}: each start of Open vSwitch takes that of the file"
            ));
        }
        let is_meant = |key: &str| {
            was.contains_key(key) && is_chosen(key) && (key.starts_with("external_ids:") || key.starts_with("other_"))
        };
        let pair =
            (Moment { wiring: self.then, row: &self.then.switch }, Moment { wiring: self.now, row: &self.now.switch });
        set_back(SWITCH, ".", pair, is_meant, self.context)
    }

    /// Attributes of a bridge that is there, or of the switch as a whole: those that the finding names. On OVN's bridge
    /// all others are OVN's.
    fn attributes(&mut self, finding: &Finding) -> Result<Vec<Step>, String> {
        let name = finding.subject.as_str();
        let by_hand = || "nothing of this is set by itself: see what to type by hand".to_owned();
        if name == SWITCH {
            return Ok(vec![self.as_a_whole()?.ok_or_else(by_hand)?]);
        }
        let (then, now) = (self.then, self.now);
        let (Some(was), Some(is)) = (then.bridges.get(name), now.bridges.get(name)) else {
            return Err(format!("{name} is gone"));
        };
        self.parts.push(Part::Device(name.to_owned()));
        let pair = (Moment { wiring: then, row: &was.row }, Moment { wiring: now, row: &is.row });
        let is_meant = |key: &str| finding.expected.contains_key(key);
        Ok(vec![set_back("Bridge", name, pair, is_meant, self.context)?.ok_or_else(by_hand)?])
    }

    /// In one transaction, with what `more` does to the switch as a whole.
    fn bridges(&mut self, names: &[&String], more: Option<Step>) -> Result<Step, String> {
        let of_bridges = json!({"bridges": as_read(&self.now.switch, "bridges")});
        let wait = json!({"op": "wait", "table": SWITCH, "where": [], "columns": ["bridges"], "until": "==",
            "rows": [of_bridges]});
        let (mut waits, mut words, mut back, mut unsaid) = (vec![wait], Vec::new(), Vec::new(), Vec::new());
        let (mut operations, mut undo) = (Vec::new(), Vec::new());
        if let Some(Step { does: Deed::Switch(does), undoes }) = more {
            words.extend(does.words);
            operations.extend(does.operations.into_iter().map(Value::Object));
            for deed in undoes {
                if let Deed::Switch(undoes) = deed {
                    unsaid.extend(undoes.words);
                    undo.extend(undoes.operations.into_iter().map(Value::Object));
                }
            }
        }
        let mut rows = Rows::of(self.then, Some(self.now), self.context.facts.run.asked_at);
        let mut made = Vec::new();
        for name in names {
            let Some(bridge) = self.then.bridges.get(*name) else { continue };
            waits.push(wait_for_none("Bridge", name));
            let uuid = self.bridge(name, bridge, &mut rows, &mut waits, &mut words);
            made.push(mutate(SWITCH, "", "bridges", "insert", uuid));
            back.push(mutate(SWITCH, "", "bridges", "delete", row_of("Bridge", name)));
            unsaid.push(format!("remove Bridge {name}"));
        }
        if let Some(why) = rows.refused() {
            return Err(why);
        }
        waits.extend(operations);
        waits.append(&mut rows.operations);
        waits.extend(made);
        undo.extend(back.into_iter().chain(rows.removals));
        let names: Vec<String> = names.iter().map(|name| (*name).clone()).collect();
        let holds = |there| Holds::Bridges { names: names.clone(), there };
        Ok(Step {
            does: switch(self.context, words, waits, holds(true)),
            undoes: vec![switch(self.context, unsaid, undo, holds(false))],
        })
    }

    fn bridge(
        &mut self,
        name: &str,
        bridge: &Bridge<'f>,
        rows: &mut Rows<'_, 'f>,
        waits: &mut Vec<Value>,
        words: &mut Vec<String>,
    ) -> Value {
        self.parts.push(Part::Device(name.to_owned()));
        words.push(with(format!("add Bridge {name}"), &self.then.attributes(&bridge.row)));
        let mut ports = SortedMap::new();
        for (port_name, port) in &bridge.ports {
            if port_name != name && self.belongs_to_others(name, port_name) {
                continue;
            }
            let mut members = Vec::new();
            for (member, row) in port.interfaces.iter() {
                match self.is_left_out(member, row, &port.row) {
                    Some(why) => self.notes.push(format!("{member} is not put on {name}: {why}")),
                    None => {
                        waits.push(wait_for_none("Interface", member));
                        members.push(rows.insert("Interface", member, row, &[("name", json!(member))]));
                        self.parts.push(Part::Device(member.clone()));
                    }
                }
            }
            if !members.is_empty() {
                waits.push(wait_for_none("Port", port_name));
                words.push(with(format!("add Port {port_name}"), &self.then.attributes(&port.row)));
                let more = [("name", json!(port_name)), ("interfaces", json!(["set", members]))];
                ports.insert(port_name, rows.insert("Port", port_name, &port.row, &more));
            }
        }
        let targets = bridge.controllers.iter().filter_map(|row| row.text("target"));
        words.extend(targets.map(|target| format!("add Controller {target}")));
        let controllers = rows.controllers(&bridge.controllers);
        let mut mirrors = Vec::new();
        let made =
            |port: &str| ports.iter().find(|(own, _)| own.as_str() == port).map(|(_, called)| Value::clone(called));
        for mirror in rows.mirrors(&bridge.row, made) {
            match mirror {
                Ok(mirror) => mirrors.push(mirror),
                Err(why) => {
                    self.notes.push(format!("{why}, which is not put on {name} now: add it when that is there"))
                }
            }
        }
        let ports: Vec<&Value> = ports.values().collect();
        let more = [
            ("name", json!(name)),
            ("ports", json!(["set", ports])),
            ("controller", json!(["set", controllers])),
            ("mirrors", json!(["set", mirrors])),
        ];
        rows.insert("Bridge", name, &bridge.row, &more)
    }

    fn belongs_to_others(&self, bridge: &str, port: &str) -> bool {
        let bridge = self.ovs.bridges.iter().find(|it| it.name == bridge);
        bridge.is_some_and(|bridge| {
            let ports = self.ovs.ports(bridge);
            ports.iter().any(|it| it.name == port && is_of_others(bridge, it, self.ovs, self.devices.then))
        })
    }

    fn is_left_out(&self, name: &str, row: &Row<'f>, port: &Row<'f>) -> Option<String> {
        let attributes = [self.then.attributes(row), self.then.attributes(port)];
        if let Some((key, _)) = attributes.iter().flatten().find(|(_, value)| is_masked(value)) {
            return Some(format!("the baseline does not hold its {key}, a secret"));
        }
        if !has_device(row) || !self.devices.then.contains_key(name) {
            return None;
        }
        let called = match self.devices.nics.place(name) {
            Whereabouts::Gone => return Some("it is gone".to_owned()),
            Whereabouts::Unknown => return Some(self.devices.nics.doubt(name).detail),
            Whereabouts::Same => name,
            // It gets its name back, and the switch finds it by that.
            Whereabouts::Renamed(called) => called,
        };
        has_master(&self.devices, called).or_else(|| has_address(self.context, called))
    }
}

/// What is made, and with which attributes.
fn with(made: String, attributes: &Attributes) -> String {
    if attributes.is_empty() { made } else { format!("{made}: {}", told(attributes)) }
}
