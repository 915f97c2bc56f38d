//! Kernels that nobody starts any more make room in /boot: through apt, since what is deleted there by hand is written
//! again by the next upgrade, and stays in the boot menu until then.

use serde_json::json;

use super::simulation::Simulation;
use super::{Row, apt_as_is, listed, planned, step};
use crate::catalog::kind::boot::{BOOT, GRUB};
use crate::facts::identity::running_kernel;
use crate::facts::kernels::{ChosenBy, Found, NextKernel, compare, version_of};
use crate::facts::packages::{Package, Packages};
use crate::fix::action::Context;
use crate::judge::next_kernel::{default_kernel, next_kernel};
use crate::model::answer::Entry;
use crate::model::gather::Arrange as _;
use crate::model::plan::{Planned, REMOVE};
use crate::model::run::Holds;
use crate::model::{Finding, Query, Reading};
use crate::units::Bytes;

pub const FIX: &str = "kernels.remove";

/// What a kernel of exactly one version is made of. The names of packages that follow the newest one end in no version.
const PARTS: [&str; 5] =
    ["linux-image-", "linux-image-unsigned-", "linux-modules-", "linux-modules-extra-", "linux-headers-"];

/// What would go, and what stays.
struct Choice<'a> {
    /// The oldest first.
    gone: Vec<Kernel<'a>>,
    kept: Vec<&'a str>,
    frees: u64,
}

struct Kernel<'a> {
    version: &'a str,
    packages: Vec<&'a Package<'a>>,
}

impl Choice<'_> {
    fn packages(&self) -> impl Iterator<Item = &Package<'_>> {
        self.gone.iter().flat_map(|kernel| kernel.packages.iter().copied())
    }

    fn simulated(&self) -> Query {
        let names: Vec<String> = self.packages().map(|it| format!("{}-", it.name)).collect();
        Query::Simulated(names.join(" "))
    }
}

pub fn questions(finding: &Finding, context: &Context<'_>) -> Vec<Query> {
    choice(finding, context).map(|it| it.simulated()).into_iter().collect()
}

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let chosen = choice(finding, context);
    let mut rows = Vec::new();
    for package in chosen.iter().flat_map(Choice::packages) {
        let before = format!("{} {}", package.version, package.state);
        rows.push(Row { name: package.name, before, after: String::new() });
    }
    let draft = Planned { subject: finding.subject.clone(), ..planned(FIX, finding, context, &rows)? };
    let chosen = match &chosen {
        Ok(chosen) => chosen,
        Err(why) => return Some(Planned { why: finding.detail.clone(), refused: Some(why.clone()), ..draft }),
    };
    let names: Vec<&str> = chosen.packages().map(|it| it.name).collect();
    let versions: Vec<&str> = chosen.gone.iter().map(|kernel| kernel.version).collect();
    let refused = refused(chosen, &names, context);
    let until = Holds::Removed { names: names.iter().map(|name| (*name).to_owned()).collect() };
    let run = apt_as_is(&[&REMOVE, &names[..]].concat()).until(until);
    let mut draft = Planned {
        why: format!("{}: neither running, nor the newest, nor what the boot menu starts", versions.join(", ")),
        steps: if refused.is_some() { Vec::new() } else { vec![step(run)] },
        risk: Some(format!("the host can be started with {} alone then", chosen.kept.join(", "))),
        frees_bytes: Some(chosen.frees),
        refused,
        ..draft
    };
    let free = finding.observed.get("free_bytes").and_then(serde_json::Value::as_u64)?;
    for (figures, free) in [(&mut draft.before, free), (&mut draft.after, free.saturating_add(chosen.frees))] {
        figures.insert("free_bytes".to_owned(), json!(free));
    }
    Some(draft)
}

/// apt takes exactly these, or nothing is done.
fn refused(chosen: &Choice<'_>, names: &[&str], context: &Context<'_>) -> Option<String> {
    let asked = context.facts.reading::<Vec<u8>>(&chosen.simulated());
    let simulation = match &asked {
        Reading::Known(text) => Simulation::parse(text),
        Reading::Absent => return Some("apt cannot be asked".to_owned()),
        Reading::Unreadable(trouble) => return Some(format!("apt would not do it: {}", trouble.detail)),
    };
    let installs: Vec<&str> = simulation.installs.iter().map(|it| it.name).collect();
    let plain = |name: &&str| name.split(':').next().unwrap_or_default().to_owned();
    let removes: Vec<String> = simulation.removes.iter().map(plain).collect();
    let others: Vec<&str> = removes.iter().map(String::as_str).filter(|name| !names.contains(name)).collect();
    let left = names.iter().find(|name| !removes.iter().any(|it| it == **name));
    match (installs.is_empty(), others.is_empty(), left) {
        (false, _, _) => Some(format!("apt would install {} in their place", listed(&installs))),
        (_, false, _) => Some(format!("apt would also remove {}", listed(&others))),
        (_, _, Some(name)) => Some(format!("apt would not remove {name}")),
        _ => None,
    }
}

/// The fewest that make room for what is missing, the oldest first; or why none may go.
fn choice<'a>(finding: &Finding, context: &Context<'a>) -> Result<Choice<'a>, String> {
    let facts: &'a crate::facts::Facts<'a> = context.facts;
    let figure = |of: &serde_json::Map<String, serde_json::Value>| of.get("free_bytes").and_then(|it| it.as_u64());
    let short = figure(&finding.expected).and_then(|need| need.checked_sub(figure(&finding.observed)?));
    let short = short.ok_or("how much room is missing is not known")?;
    let entries = match facts.reading::<Vec<Entry>>(&Query::Listing(BOOT.to_owned())) {
        Reading::Known(entries) => entries,
        _ => return Err(format!("{BOOT} could not be read")),
    };
    let packages = match facts.packages() {
        Reading::Known(packages) => packages,
        Reading::Absent => return Err("dpkg has no package here".to_owned()),
        Reading::Unreadable(trouble) => return Err(trouble.detail),
    };
    let kept = kept(entries, context)?;
    let (mut gone, mut frees, mut held) = (Vec::new(), 0, Vec::new());
    for version in versions(entries).into_iter().filter(|it| !kept.contains(it)) {
        if frees >= short {
            break;
        }
        match removable(version, packages) {
            Removable::Yes(packages) => {
                gone.push(Kernel { version, packages });
                frees += taken(entries, version);
            }
            Removable::Held => held.push(version),
            Removable::No => {}
        }
    }
    if frees >= short {
        let stays = |version: &&str| !gone.iter().any(|kernel| kernel.version == *version);
        let kept = versions(entries).into_iter().filter(stays).collect();
        return Ok(Choice { gone, kept, frees });
    }
    let held = if held.is_empty() { String::new() } else { format!("; held: {}", held.join(", ")) };
    let (missing, would) = (Bytes(short), Bytes(frees));
    Err(format!("not enough: {missing} are missing, and the kernels that may go take {would}{held}"))
}

/// The running, the newest, the ones that the menu starts now and by default, and one beside the newest to fall back to.
fn kept<'a>(entries: &'a [Entry], context: &Context<'_>) -> Result<Vec<&'a str>, String> {
    let unknown = || format!("which kernel boots next cannot be told from {}: none is removed", GRUB[0]);
    let of_menu = |kernel: Reading<NextKernel>| match kernel {
        Reading::Known(it) if matches!(it.chosen_by, ChosenBy::Grub(_)) && it.found == Found::Kernel => {
            it.version.ok_or_else(unknown)
        }
        Reading::Unreadable(trouble) => Err(trouble.detail),
        _ => Err(unknown()),
    };
    let (next, default) = (of_menu(next_kernel(context.facts))?, of_menu(default_kernel(context.facts))?);
    let running = running_kernel(context.facts).ok_or("which kernel runs is not known: none is removed")?;
    let newest = NextKernel::newest(entries).and_then(|it| it.version).ok_or_else(unknown)?;
    let all = versions(entries);
    let last = all.last().copied();
    let is_kept = |it: &&str| [&running, &newest, &next, &default].iter().any(|kept| kept == it) || Some(*it) == last;
    let mut kept: Vec<&str> = all.iter().copied().filter(is_kept).collect();
    let starts = |version: &str| entries.iter().any(|it| version_of(&it.name) == Some(version) && it.bytes > 0);
    if !kept.iter().any(|it| *it != newest && starts(it)) {
        kept.extend(all.iter().rev().copied().find(|it| *it != newest && starts(it)));
    }
    Ok(kept)
}

/// The oldest first.
fn versions(entries: &[Entry]) -> Vec<&str> {
    let mut versions: Vec<&str> = entries.iter().filter_map(|entry| version_of(&entry.name)).collect();
    versions.arrange_by(|one, other| compare(one, other));
    versions.dedup();
    versions
}

enum Removable<'a> {
    Yes(Vec<&'a Package<'a>>),
    /// Somebody wants it kept.
    Held,
    /// It came by other ways, or dpkg is not done with it.
    No,
}

fn removable<'a>(version: &str, packages: &'a Packages<'a>) -> Removable<'a> {
    let find = |part: &&str| packages.find(&format!("{part}{version}")).filter(|it| it.is_there());
    let found: Vec<&Package<'a>> = PARTS.iter().filter_map(find).collect();
    let is_image = found.iter().any(|it| it.name.starts_with("linux-image-"));
    match () {
        () if found.iter().any(|it| it.want == "hold") => Removable::Held,
        () if !is_image || found.iter().any(|it| it.broken().is_some()) => Removable::No,
        () => Removable::Yes(found),
    }
}

/// What its files in /boot take.
fn taken(entries: &[Entry], version: &str) -> u64 {
    let is_its = |name: &str| name.strip_suffix(version).is_some_and(|head| head.ends_with('-'));
    entries.iter().filter(|entry| is_its(&entry.name)).map(|entry| entry.bytes).sum()
}

#[cfg(test)]
mod tests;
