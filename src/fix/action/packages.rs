//! An interrupted dpkg is finished, and packages are installed again, each in the version that it should have. What dpkg
//! does cannot be taken back, and it is never ended.

mod configure;
mod kernels;
mod reinstall;
mod simulation;

use serde_json::{Map, Value, json};

use super::Context;
use crate::catalog::Catalog;
use crate::catalog::kind::packages::UPDATES;
use crate::model::gather::Gather as _;
use crate::model::plan::{Deed, Planned, Run, Step};
use crate::model::{Finding, Query};

/// Who is between our look at dpkg's lock and apt's own is waited for.
const LOCK_TIMEOUT: &str = "DPkg::Lock::Timeout=10";

/// The configuration that the host has is kept; nobody is asked.
const KEEP: [&str; 2] = ["--force-confdef", "--force-confold"];

/// Seconds that a download may take.
const TO_DOWNLOAD: u64 = 600;

/// What stops for a moment when its package is configured, and guests or the management plane notice. With systemd
/// that is networkd, which may flush what others have configured.
const DISTURBING: [&str; 6] = ["openvswitch", "ovn", "libvirt", "qemu", "pf9-", "systemd"];

const DISRUPTION: &str = "disruption";

pub fn questions(fix: &str, finding: &Finding, context: &Context<'_>) -> Vec<Query> {
    match fix {
        "packages.configure" => configure::questions(finding),
        kernels::FIX => kernels::questions(finding, context),
        _ => reinstall::questions(finding, context),
    }
}

pub fn plan(fix: &str, finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    match fix {
        "packages.configure" => configure::plan(finding, context),
        kernels::FIX => kernels::plan(finding, context),
        _ => reinstall::plan(finding, context),
    }
}

/// Whether dpkg does a part of it, or what dpkg runs itself, so that its lock must be free.
pub fn needs_dpkg(planned: &Planned) -> bool {
    const BY_DPKG: [&str; 3] = ["dpkg", "apt-get", "update-initramfs"];
    let is_by_dpkg = |run: &Run| run.argv.first().is_some_and(|name| BY_DPKG.contains(&name.as_str()));
    planned.steps.iter().any(|step| matches!(&step.does, Deed::Run(run) if is_by_dpkg(run)))
}

/// apt, as it installs: nothing is removed.
fn apt(words: &[&str]) -> Run {
    apt_as_is(&[&["--no-remove", "--no-install-recommends"], words].concat())
}

/// Nothing is asked.
fn apt_as_is(words: &[&str]) -> Run {
    let options = KEEP.map(|option| format!("Dpkg::Options::={option}"));
    let [confdef, confold] = &options;
    let fixed =
        ["apt-get", "--yes", "--quiet", "-o", LOCK_TIMEOUT, "-o", confdef, "-o", confold, "-o", "Dpkg::Use-Pty=0"];
    Run::new(&[&fixed, words].concat()).without_deadline()
}

/// The same as far as the archives: that may be ended.
fn download(words: &[&str]) -> Run {
    Run { deadline_s: Some(TO_DOWNLOAD), ..apt(&[&["--download-only"], words].concat()) }
}

fn dpkg(words: &[&str]) -> Run {
    Run::new(&[&["dpkg"], &KEEP[..], words].concat()).without_deadline()
}

/// Before apt, which refuses while dpkg has a journal to replay. Any change of dpkg's database does that; to take in no
/// selections is the smallest.
fn replay(context: &Context<'_>) -> Option<Step> {
    let names = context.facts.reading::<Vec<String>>(&Query::Directory(UPDATES.to_owned())).known()?;
    let is_interrupted = names.iter().any(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    is_interrupted.then(|| step(Run::new(&["dpkg", "--set-selections"]).without_deadline()))
}

fn step(run: Run) -> Step {
    Step { does: Deed::Run(run), undoes: Vec::new() }
}

/// Those of the packages whose configuration disturbs somebody.
fn disturbing<'n>(names: &[&'n str], catalog: &Catalog) -> Vec<&'n str> {
    let is_of_profile =
        |name: &str| catalog.profiles.iter().any(|profile| profile.packages.iter().any(|it| it == name));
    let is_disturbing = |name: &&&str| DISTURBING.iter().any(|it| name.starts_with(it)) || is_of_profile(name);
    names.iter().filter(is_disturbing).copied().collect()
}

/// A package that is configured by a plan: what it is now, nothing where it is not there, and what it will be.
struct Row<'n> {
    name: &'n str,
    before: String,
    after: String,
}

/// What the plans of both kinds have in common.
fn planned(fix: &str, finding: &Finding, context: &Context<'_>, rows: &[Row<'_>]) -> Option<Planned> {
    let known = context.catalog.fix(fix)?;
    let names: Vec<&str> = rows.iter().map(|row| row.name.split(':').next().unwrap_or(row.name)).collect();
    let disturbed = disturbing(&names, context.catalog);
    let mut needs = if known.is_irreversible() { vec![fix.to_owned()] } else { Vec::new() };
    let risk = (!disturbed.is_empty()).then(|| {
        needs.push(DISRUPTION.to_owned());
        format!("it may restart what belongs to {}: guests or the management plane may notice", disturbed.join(", "))
    });
    let words = |of: fn(&Row<'_>) -> String| {
        let filled = rows.iter().filter(|row| !of(row).is_empty());
        let packages: Map<String, Value> = filled.map(|row| (row.name.to_owned(), json!(of(row)))).gather();
        [("packages".to_owned(), Value::Object(packages))].into_iter().gather()
    };
    Some(Planned {
        fix: fix.to_owned(),
        subject: String::new(),
        mends: finding.reference(),
        why: String::new(),
        steps: Vec::new(),
        undo: known.undo.clone(),
        risk,
        needs,
        touches: Vec::new(),
        frees_bytes: None,
        before: words(|row| row.before.clone()),
        after: words(|row| row.after.clone()),
        refused: None,
    })
}

/// `a, b, c and 4 more`
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..SHOWN].join(", ")),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests;
