//! A NIC keeps its name over an upgrade: a `.link` file that names it by its permanent address, and comes first.
//!
//! A ramdisk holds copies of these files, by which its udev names a NIC before the root is there: it is made again.

use serde_json::{Map, json};

use super::link_file;
use crate::catalog::kind::boot::BOOT;
use crate::catalog::kind::network::{LINK_DIRECTORIES, OWN_LINKS, RUN_LINKS};
use crate::facts::Files;
use crate::facts::kernels::initrd_of;
use crate::facts::link_files::{Device, LinkFiles};
use crate::facts::nics::permanent_address;
use crate::fix::action::Context;
use crate::judge::boot_space::with_margin;
use crate::judge::next_kernel::next_kernel;
use crate::judge::nic_names::{additions, judge_with, possible_names};
use crate::model::answer::{Content, Entry, Link, Modified, Nic};
use crate::model::plan::{Deed, Planned, Run, Step};
use crate::model::run::Holds;
use crate::model::{Finding, Query, Reading, Status};
use crate::units::Bytes;

pub const FIX: &str = "nic.pin";
const FINDING: &str = "network.name-pinned";

/// What makes the ramdisks of all kernels again, the first of these that is there.
const TOOLS: [(&str, &[&str]); 3] = [
    ("/usr/sbin/update-initramfs", &["update-initramfs", "-u", "-k", "all"]),
    ("/usr/bin/dracut", &["dracut", "--regenerate-all", "--force"]),
    ("/usr/sbin/dracut", &["dracut", "--regenerate-all", "--force"]),
];

/// Seconds: a slow host takes a minute for each kernel. What is cut off has left the ramdisk that was there.
const TO_MAKE: u64 = 3600;

/// What a file of ours may begin with. Its usual place is before that of netplan's.
const NUMBERS: [&str; 3] = ["10", "00", "0"];

pub fn questions(finding: &Finding, context: &Context<'_>) -> Vec<Query> {
    if finding.id != FINDING {
        return Vec::new();
    }
    let added = additions(context.facts, [RUN_LINKS]).into_iter().map(Query::Files);
    let made = initrd(context).map(Query::Modified);
    added.chain(TOOLS.map(|(path, _)| Query::Exists(path.to_owned()))).chain(made).collect()
}

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let known = context.catalog.fix(FIX).filter(|_| finding.id == FINDING)?;
    let name = finding.subject.as_str();
    let (mut steps, refused) = match pin(finding, context).and_then(|step| Ok((step, refresh(context)?))) {
        Ok((step, refresh)) => (steps(step, refresh), will_stay(name, context).err()),
        Err(why) => (Vec::new(), Some(why)),
    };
    let risk = match steps.len() {
        1 => {
            "no program is installed that makes initial ramdisks: one that was made elsewhere holds no copy of the file"
        }
        _ => "nothing changes before the next boot; every initial ramdisk is made again, which takes a while",
    };
    if refused.is_some() {
        steps.clear();
    }
    let becomes = finding.observed.get("would_be").filter(|next| !next.is_null()).cloned();
    Some(Planned {
        fix: FIX.to_owned(),
        subject: name.to_owned(),
        mends: finding.reference(),
        why: finding.detail.clone(),
        steps,
        undo: known.undo.clone(),
        risk: Some(risk.to_owned()),
        needs: Vec::new(),
        touches: Vec::new(),
        frees_bytes: None,
        before: Map::from_iter([(name.to_owned(), becomes.unwrap_or_else(|| json!("whatever udev calls it")))]),
        after: Map::from_iter([(name.to_owned(), json!(name))]),
        refused,
    })
}

/// Of several NICs that are pinned together the ramdisks are made again once.
pub fn fold(planned: &mut Vec<Planned>) {
    let is_pin = |it: &Planned| it.fix == FIX && it.refused.is_none();
    let Some(first) = planned.iter().position(is_pin) else { return };
    let mut others: Vec<Planned> = Vec::new();
    let mut at = 0;
    planned.retain(|it| {
        let is_other = at > first && is_pin(it);
        at += 1;
        others.extend(is_other.then(|| it.clone()));
        !is_other
    });
    let Some(first) = planned.get_mut(first) else { return };
    for mut other in others {
        first.subject = format!("{},{}", first.subject, other.subject);
        first.why = format!("{}; {}", first.why, other.why);
        first.before.append(&mut other.before);
        first.after.append(&mut other.after);
        // Before that of the first, whose undo comes last and makes the ramdisks again.
        let mut step = other.steps.remove(0);
        step.undoes.truncate(1);
        first.steps.insert(1, step);
    }
}

/// The file, or why there is none that would do.
fn pin(finding: &Finding, context: &Context<'_>) -> Result<Step, String> {
    let name = finding.subject.as_str();
    let of = |key: &str| finding.observed.get(key).and_then(|value| value.as_str());
    if let (Some(by), Some(next)) = (of("pinned_by"), of("would_be").filter(|next| *next != name)) {
        return Err(format!("{by} names it {next}: somebody wants it so; change it there"));
    }
    let links = context.facts.links().known().ok_or("the network devices could not be read")?;
    let link = links.get(name).ok_or_else(|| format!("{name} is gone"))?;
    let mac = link.permanent_mac.as_ref().and_then(|_| permanent_address(link));
    let mac =
        mac.ok_or("its driver knows no permanent address: write a .link file by hand that matches Path= instead")?;
    let is_same = |other: &Link| other.kind.is_none() && permanent_address(other) == Some(mac);
    if let Some((other, _)) = links.iter().find(|(other, link)| *other != name && is_same(link)) {
        return Err(format!("{other} has the same permanent address, {mac}"));
    }
    let settings = link_file::settings(name, link, context)?;
    link_file::write(number(name, link, context)?, name, mac, &settings, context)
}

/// Before every file that may count for it, whatever the kernel calls it first.
fn number(name: &str, link: &Link, context: &Context<'_>) -> Result<&'static str, String> {
    let facts = context.facts;
    let directories = LINK_DIRECTORIES
        .map(|directory| (directory.to_owned(), facts.reading(&Query::Files(format!("{directory}/*.link")))));
    let files = LinkFiles::read(&directories, &[]).map_err(|trouble| trouble.detail)?;
    let nic = facts.reading::<Nic>(&Query::Nic(name.to_owned())).known().ok_or_else(|| format!("{name} is gone"))?;
    let device = Device {
        nic,
        mac: link.mac.as_deref(),
        permanent_mac: permanent_address(link),
        possible_names: possible_names(name),
        command_line: None,
    };
    let Some(first) = files.first_that_may_count(&device) else { return Ok(NUMBERS[0]) };
    let comes_first = |number: &&&str| *format!("{number}-hostready-{name}.link") <= *first;
    NUMBERS.iter().find(comes_first).copied().ok_or_else(|| format!("no file that is written comes before {first}"))
}

/// By the rules by which the finding was made: with all the files that can be written.
fn will_stay(name: &str, context: &Context<'_>) -> Result<(), String> {
    let own = context.facts.reading::<Files>(&Query::Files(format!("{OWN_LINKS}/*.link")));
    let mut own = own.known().cloned().unwrap_or_default();
    let wrong = context.findings.iter().filter(|it| it.id == FINDING && it.status == Status::Fail);
    for step in wrong.filter_map(|finding| pin(finding, context).ok()) {
        if let Deed::File { path, content: Some(written) } = step.does {
            let file = path.rsplit('/').next().unwrap_or_default().to_owned();
            own.insert(file, Reading::Known(Content(written.bytes)));
        }
    }
    let outcomes = judge_with(context.facts, Some(&own));
    match outcomes.into_iter().find(|it| it.subject == name) {
        Some(it) if it.status == Status::Pass => Ok(()),
        Some(it) => Err(format!("a .link file would not keep it: {}", it.detail)),
        None => Err("whether a .link file would keep it cannot be told".to_owned()),
    }
}

/// The last is taken back first: so the files go, each, and then the ramdisks are made again.
fn steps(mut file: Step, refresh: Option<Run>) -> Vec<Step> {
    let Some(run) = refresh else { return vec![file] };
    let without_it = file.undoes.clone();
    file.undoes.push(Deed::Run(Run { until: None, ..run.clone() }));
    vec![file, Step { does: Deed::Run(run), undoes: without_it }]
}

/// None where nothing here makes ramdisks; an error where one would not fit.
fn refresh(context: &Context<'_>) -> Result<Option<Run>, String> {
    let facts = context.facts;
    let mut tool = None;
    for (path, argv) in TOOLS {
        match facts.reading::<bool>(&Query::Exists(path.to_owned())) {
            Reading::Known(true) if tool.is_none() => tool = Some(argv),
            Reading::Unreadable(trouble) => return Err(trouble.detail),
            _ => {}
        }
    }
    let Some(argv) = tool else { return Ok(None) };
    has_room(context)?;
    let run = Run { deadline_s: Some(TO_MAKE), ..Run::new(argv) };
    let made = initrd(context).and_then(|path| {
        let modified = facts.reading::<Modified>(&Query::Modified(path.clone())).known()?;
        Some(Holds::Written { path, since: modified.seconds })
    });
    Ok(Some(Run { until: made, ..run }))
}

/// Each is made beside the one that is there.
fn has_room(context: &Context<'_>) -> Result<(), String> {
    let entries = match context.facts.reading::<Vec<Entry>>(&Query::Listing(BOOT.to_owned())) {
        Reading::Known(entries) => entries,
        Reading::Absent => return Ok(()),
        Reading::Unreadable(trouble) => return Err(trouble.detail),
    };
    let space = match context.facts.space(BOOT) {
        Reading::Known(space) => space,
        Reading::Absent => return Ok(()),
        Reading::Unreadable(trouble) => return Err(trouble.detail),
    };
    let initrds = entries.iter().filter(|entry| entry.name.starts_with("initr"));
    let need = initrds.map(|entry| with_margin(entry.bytes)).max().unwrap_or(0);
    if space.available < need {
        let (has, needs) = (Bytes(space.available), Bytes(need));
        return Err(format!(
            "{BOOT} has {has} free, and an initial ramdisk made again needs {needs}: `disk.boot` first"
        ));
    }
    Ok(())
}

/// The ramdisk by which is seen that it was made again: that of the kernel that boots next.
fn initrd(context: &Context<'_>) -> Option<String> {
    let version = next_kernel(context.facts).known()?.version?;
    let entries = context.facts.reading::<Vec<Entry>>(&Query::Listing(BOOT.to_owned())).known()?;
    let path = initrd_of(&version);
    entries.iter().any(|entry| path.ends_with(&format!("/{}", entry.name))).then_some(path)
}

#[cfg(test)]
mod tests;
