//! Room is made: downloaded packages, rotated logs, archived journals. Nobody but hostready's own code removes them, file
//! by file as they were planned: `apt-get clean` takes the agent's packages with it, and a vacuum of the journal counts
//! what its rotation has just added and deletes by the time at which a file begins.

use std::cmp::Reverse;

use serde_json::{Map, Value, json};

use super::Context;
use crate::catalog::fix::Fix;
use crate::catalog::{Catalog, Check};
use crate::facts::Facts;
use crate::judge::offers::archive_place;
use crate::model::answer::{FileRow, Lock, Space};
use crate::model::gather::{Arrange as _, Gather as _};
use crate::model::plan::{Deed, Doomed, Planned, Step};
use crate::model::query::Freeable;
use crate::model::{Finding, Query, Reading, Status};
use crate::units::Bytes;

/// Freed beyond what is missing: a host that is at work goes on writing, and so do we.
const SLACK: u64 = 16 << 20;

/// What apt holds while it uses its cache.
const APT_LOCK: &str = "/var/cache/apt/archives/lock";

/// Whether a fix makes room: of such, several may be needed for one finding.
pub fn is_of(fix: &str, catalog: &Catalog) -> bool {
    catalog.fix(fix).is_some_and(|fix| fix.frees.is_some())
}

pub fn plan(fix: &str, finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    plan_all(&[fix], true, finding, context).pop()
}

/// The smallest set of `fixes` that is enough, each an action of its own; or, where they were asked for by name, all of
/// them, as far as they are needed.
pub fn plan_all(fixes: &[&str], by_name: bool, finding: &Finding, context: &Context<'_>) -> Vec<Planned> {
    let Some(short) = Short::of(finding, context) else { return Vec::new() };
    let offered: Vec<&Fix> = fixes
        .iter()
        .filter_map(|id| context.catalog.fix(id))
        .filter(|fix| is_offered(&fix.id, finding))
        // Named, it is done for the finding that explains the others, and they are looked at again.
        .filter(|fix| !(by_name && explained_by(finding, context).is_some_and(|cause| is_offered(&fix.id, cause))))
        .collect();
    let in_set =
        |fix: &&&Fix| finding.fixes.iter().any(|offer| offer.id == fix.id && offer.in_smallest_set == Some(true));
    let set: Vec<&Fix> = offered.iter().filter(in_set).copied().collect();
    let (chosen, is_enough) = if by_name || set.is_empty() { (offered, by_name) } else { (set, true) };
    let mut left = short.bytes.saturating_add(SLACK.max(short.bytes / 20));
    let mut free = short.space.available;
    let mut spent = Vec::new();
    let mut planned = Vec::new();
    for fix in chosen {
        // What one moves away the other cannot delete.
        if left == 0 || spent.contains(&fix.frees) {
            continue;
        }
        let Some(mut action) = short.plan(fix, left, free, finding, context.facts) else { continue };
        let frees = action.frees_bytes.unwrap_or(0);
        (left, free) = (left.saturating_sub(frees), free.saturating_add(frees));
        spent.push(fix.frees);
        if !is_enough {
            action.refused.get_or_insert_with(|| {
                format!("not enough, with all that could be freed; `{}` by its name does it all the same", fix.id)
            });
        }
        planned.push(action);
    }
    planned
}

fn is_offered(fix: &str, finding: &Finding) -> bool {
    finding.fixes.iter().any(|offer| offer.id == fix)
}

fn explained_by<'a>(finding: &Finding, context: &Context<'a>) -> Option<&'a Finding> {
    let cause = finding.caused_by.as_ref()?;
    context.findings.iter().find(|it| it.status == Status::Fail && it.reference() == *cause)
}

/// A filesystem that has too little room.
struct Short<'a> {
    space: &'a Space,
    check: &'a Check,
    bytes: u64,
}

impl<'a> Short<'a> {
    fn of(finding: &Finding, context: &Context<'a>) -> Option<Self> {
        let figure = |of: &Map<String, Value>| of.get("free_bytes").and_then(Value::as_u64);
        let bytes = figure(&finding.expected)?.checked_sub(figure(&finding.observed)?)?;
        // A finding about several paths names them.
        let first = finding.observed.get("paths").and_then(|paths| paths.get(0)).and_then(Value::as_str);
        let space = context.facts.space(first.unwrap_or(&finding.subject)).known()?;
        let check = context.catalog.checks.iter().find(|check| check.id == finding.id)?;
        Some(Self { space, check, bytes })
    }

    /// `available` is what will be free when those before it are made.
    fn plan(&self, fix: &Fix, need: u64, available: u64, finding: &Finding, facts: &Facts<'_>) -> Option<Planned> {
        let family = fix.frees?;
        let rows = facts.reading::<Vec<FileRow>>(&Query::Freeable(family)).known()?;
        let files = chosen(family, rows, &self.space.device, need);
        if files.is_empty() {
            return None;
        }
        let frees: u64 = files.iter().map(|file| file.bytes).sum();
        let (count, freed) = (files.len(), Bytes(frees));
        let step = if fix.archives {
            let place = archive_place(self.check, facts, &self.space.device, frees)?;
            archive(place, files, facts.run.asked_at)
        } else {
            Step { does: Deed::Remove(files), undoes: Vec::new() }
        };
        Some(Planned {
            fix: fix.id.clone(),
            subject: self.space.mount_point.clone(),
            mends: finding.reference(),
            why: format!("{} {}, {freed}, on {}", count, words(family, count), self.space.mount_point),
            steps: vec![step],
            undo: fix.undo.clone(),
            risk: risk(fix, family).map(str::to_owned),
            needs: if fix.is_irreversible() { vec![fix.id.clone()] } else { Vec::new() },
            touches: Vec::new(),
            frees_bytes: Some(frees),
            before: figures(available, &self.space.mount_point),
            after: figures(available.saturating_add(frees), &self.space.mount_point),
            refused: refused(family, facts),
        })
    }
}

fn figures(available: u64, mount_point: &str) -> Map<String, Value> {
    let figures = [("free_bytes", json!(available)), ("filesystem", json!(mount_point))];
    figures.into_iter().map(|(name, value)| (name.to_owned(), value)).gather()
}

/// The oldest of what may go, until it is enough. Of downloads all, since none is missed.
fn chosen(family: Freeable, rows: &[FileRow], device: &str, need: u64) -> Vec<Doomed> {
    // A name that no list can hold is nothing that logrotate made.
    let is_plain = |row: &&FileRow| !row.path.contains(char::is_control) && !row.path.contains('\u{fffd}');
    let mut here: Vec<&FileRow> = rows.iter().filter(|row| row.device == device).filter(is_plain).collect();
    here.arrange_by_key(|row| (row.modified, Reverse(row.bytes)));
    let mut files = Vec::new();
    let mut sum = 0_u64;
    for row in here {
        if sum >= need && family != Freeable::AptCache {
            break;
        }
        sum = sum.saturating_add(row.bytes);
        files.push(Doomed { path: row.path.clone(), bytes: row.bytes, device: row.device.clone() });
    }
    files
}

fn archive(place: &str, files: Vec<Doomed>, asked_at: &str) -> Step {
    let stamp: String = asked_at.chars().filter(char::is_ascii_alphanumeric).collect();
    let into = format!("{}/hostready-logs/{stamp}.tar", place.trim_end_matches('/'));
    Step { undoes: vec![Deed::Unpack { from: into.clone() }], does: Deed::Archive { into, files } }
}

fn words(family: Freeable, count: usize) -> &'static str {
    match (family, count) {
        (Freeable::AptCache, 1) => "downloaded package",
        (Freeable::AptCache, _) => "downloaded packages",
        (Freeable::RotatedLogs, 1) => "rotated log older than 30 days",
        (Freeable::RotatedLogs, _) => "rotated logs older than 30 days",
        (Freeable::ArchivedJournals, 1) => "archived journal from before the previous boot",
        (Freeable::ArchivedJournals, _) => "archived journals from before the previous boot",
    }
}

fn risk(fix: &Fix, family: Freeable) -> Option<&'static str> {
    match family {
        _ if fix.archives => None,
        Freeable::AptCache => Some("without a network these packages cannot be reinstalled"),
        Freeable::RotatedLogs | Freeable::ArchivedJournals => {
            Some("what they tell of the past of this host is lost, also to an audit")
        }
    }
}

/// A package that apt is about to unpack is no leftover.
fn refused(family: Freeable, facts: &Facts<'_>) -> Option<String> {
    if family != Freeable::AptCache {
        return None;
    }
    match facts.reading::<Lock>(&Query::Lock(APT_LOCK.to_owned())) {
        Reading::Known(Lock { holder: Some(holder) }) => {
            let who = holder.command.as_deref().unwrap_or("another process");
            Some(format!("{who} holds {APT_LOCK} and may need what is in the cache"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
