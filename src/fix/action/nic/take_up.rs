//! The port of a NIC that cannot have its old name, made anew under the new one.

use serde_json::{Map, json};

use super::super::Context;
use super::super::ip::link_steps;
use super::super::ovs_port::Lost;
use super::super::rows::{as_read, mutate, switch, wait_for};
use crate::facts::Files;
use crate::facts::wiring::{Bridge, Row};
use crate::model::plan::{Deed, Planned, Step};
use crate::model::run::Holds;
use crate::model::{Finding, Query};

const FILES: [&str; 3] = [
    "/etc/systemd/network/*.network",
    "/etc/systemd/network/*.netdev",
    "/etc/NetworkManager/system-connections/*.nmconnection",
];

/// An interface: its name of then, what it is called now, and its row of then.
type Meant<'m, 'f> = (&'m str, &'m str, &'m Row<'f>);

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    if finding.id != "ovs.port-kept" || finding.cause.as_deref() != Some("nic-renamed") {
        return None;
    }
    let lost = Lost::of(finding, context)?;
    let (mut meant, mut names): (Vec<Meant<'_, '_>>, _) = (Vec::new(), Vec::new());
    let (mut notes, mut files) = (Vec::new(), Vec::new());
    for (name, row) in lost.interfaces() {
        let Some(called) = lost.devices.nics.now(name) else {
            notes.push(format!("{name} is gone"));
            continue;
        };
        meant.push((name, called, row));
        if name != called {
            names.push(format!("{name} is now called {called}"));
            let saying = files_that_say(name, context);
            if !saying.is_empty() {
                notes.push(format!("these files still say {name}: {}", saying.join(", ")));
            }
            files.extend(saying);
        }
    }
    let taken = meant.iter().find_map(|(name, called, row)| lost.is_taken(name, called, row));
    let steps = match (lost.now.bridges.get(lost.bridge), taken) {
        (_, Some(why)) => Err(why),
        (None, _) => Err(format!("{} is gone: it comes first", lost.bridge)),
        (Some(bridge), None) => steps(&lost, bridge, &meant),
    };
    let why = format!("{}, and cannot have the old name back", names.join(", "));
    // Nobody may have switched it on: what is configured is the old name.
    let links = meant.iter().filter(|(name, called, _)| name != called).filter_map(|(name, called, _)| {
        Some(link_steps(called, lost.devices.links.get(*called)?, lost.devices.then.get(*name)))
    });
    let (steps, refused) = match steps {
        Ok(steps) => (links.flatten().chain(steps).collect(), None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let mut planned = lost.planned(why, steps);
    planned.fix = "nic.take-up".to_owned();
    planned.refused = refused.or(planned.refused);
    if !files.is_empty() {
        planned.after.insert("files_with_the_old_name".to_owned(), json!(files));
    }
    planned.risk = planned.risk.into_iter().chain(notes).reduce(|risk, more| format!("{risk}; {more}"));
    Some(planned)
}

fn steps<'c, 'f>(lost: &Lost<'c, 'f>, bridge: &'c Bridge<'f>, meant: &[Meant<'_, 'f>]) -> Result<Vec<Step>, String> {
    match meant {
        [member] if lost.member.is_some() => Ok(vec![lost.member_added(bridge, *member)?]),
        [only] if lost.port.interfaces.len() == 1 => anew(lost, bridge, *only),
        all => Ok(vec![lost.added(lost.name, bridge, all)?]),
    }
}

/// The old port goes first: it asks for its device in vain.
fn anew<'c, 'f>(
    lost: &Lost<'c, 'f>,
    found: &'c Bridge<'f>,
    (name, called, row): Meant<'_, 'f>,
) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut added = lost.added(called, found, &[(name, called, row)])?;
    if let Some(old) = found.ports.get(lost.name) {
        // As it is, and not as it was.
        let own = old.interfaces.get(name).ok_or_else(|| format!("{} is another port now", lost.name))?;
        let again = Lost::of(lost.finding, lost.context).ok_or_else(String::new)?;
        let again = Lost { then: lost.now, port: old, ..again }.added(lost.name, found, &[(name, name, own)])?;
        let uuid = json!(["uuid", old.row.uuid().unwrap_or_default()]);
        let operations = vec![
            wait_for("Bridge", lost.bridge, json!({"ports": as_read(&found.row, "ports")})),
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

/// What may still say an old name, beside what the checks of names have read: netplan's and ifupdown's files.
pub fn questions() -> impl Iterator<Item = Query> {
    FILES.into_iter().map(|pattern| Query::Files(pattern.to_owned()))
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
