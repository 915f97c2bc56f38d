//! The port of a NIC that cannot have its old name, made anew under the new one.

use serde_json::{Map, json};

use super::super::Context;
use super::super::ovs_port::Lost;
use super::super::rows::{as_read, mutate, switch, wait_for};
use crate::facts::Files;
use crate::facts::wiring::Bridge;
use crate::model::plan::{Deed, Planned, Step};
use crate::model::run::Holds;
use crate::model::{Finding, Query};

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    if finding.id != "ovs.port-kept" || finding.cause.as_deref() != Some("nic-renamed") {
        return None;
    }
    let lost = Lost::of(finding, context)?;
    // Of a bond the member alone would be made anew, with what the switch keeps of its negotiation lost.
    if lost.member.is_some() || lost.port.interfaces.len() != 1 {
        return None;
    }
    let (name, row) = lost.port.interfaces.iter().next()?;
    let called = lost.devices.nics.now(name)?;
    let files = files_that_say(name, context);
    let bridge = lost.now.bridges.get(lost.bridge);
    let steps = match (bridge, lost.is_taken(name, called, row)) {
        (_, Some(why)) => Err(why),
        (None, _) => Err(format!("{} is gone: it comes first", lost.bridge)),
        (Some(bridge), None) => steps(&lost, bridge, (name, called)),
    };
    let why = format!("{name} is now called {called} and cannot have its old name back");
    let (steps, refused) = match steps {
        Ok(steps) => (steps, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let mut planned = lost.planned(why, steps);
    planned.fix = "nic.take-up".to_owned();
    planned.refused = refused.or(planned.refused);
    if !files.is_empty() {
        let note = format!("these files still say {name}: {}", files.join(", "));
        planned.risk = planned.risk.map(|risk| format!("{risk}; {note}"));
        planned.after.insert("files_with_the_old_name".to_owned(), json!(files));
    }
    Some(planned)
}

/// The old port goes first: it asks for its device in vain.
fn steps(lost: &Lost<'_, '_>, bridge: &Bridge<'_>, (name, called): (&str, &str)) -> Result<Vec<Step>, String> {
    let row = lost.port.interfaces.get(name).ok_or_else(String::new)?;
    let found = lost.now.bridges.get(lost.bridge).ok_or_else(String::new)?;
    let mut steps = Vec::new();
    let mut added = lost.added(called, found, &[(name, called, row)])?;
    if let Some(old) = bridge.ports.get(lost.name) {
        let again = lost.added(lost.name, found, &[(name, name, row)])?;
        let uuid = json!(["uuid", old.row.uuid().unwrap_or_default()]);
        let operations = vec![
            wait_for("Bridge", lost.bridge, json!({"ports": as_read(&bridge.row, "ports")})),
            mutate("Bridge", lost.bridge, "ports", "delete", uuid),
        ];
        let gone = Holds::Port { bridge: lost.bridge.to_owned(), port: lost.name.to_owned(), there: false };
        let words = vec![format!("Bridge {}: remove Port {}", lost.bridge, lost.name)];
        // Its device is not there under this name: that the row is back is all that can be.
        let back = Holds::SwitchRow { table: "Port".to_owned(), name: lost.name.to_owned(), has: Map::new() };
        let undoes = vec![of_a_bridge_that_changed(again.does, Some(back))];
        steps.push(Step { does: switch(lost.context, words, operations, gone), undoes });
        added.does = of_a_bridge_that_changed(added.does, None);
    }
    steps.push(added);
    Ok(steps)
}

/// By then the bridge has other ports than were read, by our own doing.
fn of_a_bridge_that_changed(deed: Deed, until: Option<Holds>) -> Deed {
    let Deed::Switch(mut transaction) = deed else { return deed };
    transaction.operations.retain(|operation| !(operation["op"] == "wait" && operation["table"] == "Bridge"));
    transaction.until = until.unwrap_or(transaction.until);
    Deed::Switch(transaction)
}

/// Of what was read.
fn files_that_say(name: &str, context: &Context<'_>) -> Vec<String> {
    let is_word = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let says = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        text.match_indices(name).any(|(at, _)| {
            let before = at.checked_sub(1).and_then(|at| text.as_bytes().get(at)).copied();
            !is_word(before) && !is_word(text.as_bytes().get(at + name.len()).copied())
        })
    };
    let mut found = Vec::new();
    for query in context.facts.answers.0.keys() {
        match query {
            Query::File(path) if path.starts_with("/etc/") => {
                let text = context.facts.reading::<Vec<u8>>(query).known();
                found.extend(text.filter(|text| says(text)).map(|_| path.clone()));
            }
            Query::Files(pattern) if pattern.starts_with("/etc/") => {
                let directory = pattern.rsplit_once('/').map_or("", |(directory, _)| directory);
                let files = context.facts.reading::<Files>(query).known().into_iter().flatten();
                let saying = files.filter(|(_, content)| content.as_ref().known().is_some_and(|it| says(&it.0)));
                found.extend(saying.map(|(name, _)| format!("{directory}/{name}")));
            }
            _ => {}
        }
    }
    found.dedup();
    found
}
