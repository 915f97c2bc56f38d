//! May a new snapshot take the place of the open baseline?
//!
//! A baseline is what the host is to be again after an upgrade. As long as the host goes through nothing, a newer
//! snapshot only says the same anew. Once it went through something, a newer snapshot would call whatever came of it
//! right: so it may replace the baseline only when the host has come back whole, which is when nothing blocks that did
//! not block already. Two things can not keep a baseline open, as they would for ever:
//!
//! - what was wrong in the same way when the baseline was taken: it was not lost since;
//! - what the baseline itself cannot tell, because it was not read then: keeping it protects nothing.

use crate::catalog::{Catalog, Check};
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::packages::Package;
use crate::model::gather::Gather as _;
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Finding, Reading, Status};
use crate::units::IdGlob;

/// Packages of the switch and of kernels. Those of agents are named by the profiles.
const SYSTEM: [&str; 3] = ["openvswitch-*", "ovn-*", "linux-image-*"];

/// What tells that the host went through something since the baseline: its boot, its release, or the version of an
/// agent's, the switch's or a kernel's package. Empty where a new snapshot says the same as the old one. What cannot be
/// told may have happened.
pub fn went_through(catalog: &Catalog, facts: &Facts<'_>, before: &Before<'_>, profiles: &[String]) -> Vec<String> {
    let this = crate::facts::identity::host(facts, Vec::new());
    let then = &before.snapshot.host;
    let mut seen = Vec::new();
    if this.boot_id.is_none() || this.boot_id != then.boot_id {
        seen.push("rebooted".to_owned());
    }
    if this.os != then.os {
        let version = |os: &crate::model::report::Os| os.version.clone().unwrap_or_else(|| "?".to_owned());
        seen.push(format!("release {} to {}", version(&then.os), version(&this.os)));
    }
    let is_of_agent = |name: &str| {
        let of = |profile: &&crate::catalog::Profile| {
            profiles.contains(&profile.name) || then.profiles.contains(&profile.name)
        };
        catalog.profiles.iter().filter(of).any(|profile| profile.packages.iter().any(|it| it == name))
    };
    let system = SYSTEM.map(|pattern| IdGlob(pattern.to_owned()));
    let counts = |package: &Package<'_>| {
        package.is_there() && (is_of_agent(package.name) || system.iter().any(|glob| glob.matches(package.name)))
    };
    seen.extend(packages(facts, before, &counts));
    seen
}

/// Which of the packages that count have another version, have come, or have gone.
fn packages(facts: &Facts<'_>, before: &Before<'_>, counts: &dyn Fn(&Package<'_>) -> bool) -> Vec<String> {
    let (now, then) = match (facts.packages(), before.facts.packages()) {
        (Reading::Known(now), Reading::Known(then)) => (now, then),
        (Reading::Absent, Reading::Absent) => return Vec::new(),
        _ => return vec!["packages that could not be compared".to_owned()],
    };
    fn versions<'a>(
        packages: &'a [Package<'a>],
        counts: &dyn Fn(&Package<'_>) -> bool,
    ) -> SortedMap<(&'a str, &'a str), &'a str> {
        let counting = packages.iter().filter(|package| counts(package));
        counting.map(|package| ((package.name, package.architecture), package.version)).gather()
    }
    let (now, then) = (versions(&now.0, counts), versions(&then.0, counts));
    let names: SortedSet<_> = now.keys().chain(then.keys()).copied().gather();
    let changed = names.into_iter().filter_map(|name| match (then.get(&name), now.get(&name)) {
        (Some(old), Some(new)) if old == new => None,
        (Some(old), Some(new)) => Some(format!("{} {old} to {new}", name.0)),
        (None, Some(new)) => Some(format!("{} {new} installed", name.0)),
        (_, None) => Some(format!("{} removed", name.0)),
    });
    changed.collect()
}

/// What keeps the baseline open, of the findings against it, waivers applied.
pub fn holding(findings: &[Finding], catalog: &Catalog, before: &Before<'_>) -> Vec<Finding> {
    // What the baseline says against itself it says against every host.
    let compared: Vec<&Check> = catalog.checks.iter().filter(|check| check.needs_baseline).collect();
    let of_itself = super::judge(catalog, &compared, &before.facts, Some(before));
    let then = Then::of(before.snapshot.findings.iter().chain(&of_itself));
    findings.iter().filter(|finding| is_open(finding) && !then.knew(finding)).cloned().collect()
}

fn is_open(finding: &Finding) -> bool {
    finding.blocking && finding.waiver.is_none() && matches!(finding.status, Status::Fail | Status::Unknown)
}

/// What blocked already when the baseline was taken: id, subject, and the cause of what failed.
struct Then<'f> {
    failed: SortedSet<(&'f str, &'f str, Option<&'f str>)>,
    open: SortedSet<(&'f str, &'f str)>,
}

impl<'f> Then<'f> {
    fn of(findings: impl Iterator<Item = &'f Finding>) -> Self {
        let mut then = Self { failed: SortedSet::new(), open: SortedSet::new() };
        for finding in findings.filter(|finding| finding.blocking || finding.waiver.is_some()) {
            if finding.status == Status::Fail {
                then.failed.insert((&finding.id, &finding.subject, finding.cause.as_deref()));
            }
            if matches!(finding.status, Status::Fail | Status::Unknown) {
                then.open.insert((&finding.id, &finding.subject));
            }
        }
        then
    }

    /// A failure for another reason is another one; what nobody knew then and fails now may have come since.
    fn knew(&self, finding: &Finding) -> bool {
        match finding.status {
            Status::Fail => {
                self.failed.contains(&(finding.id.as_str(), finding.subject.as_str(), finding.cause.as_deref()))
            }
            _ => self.open.contains(&(finding.id.as_str(), finding.subject.as_str())),
        }
    }
}

#[cfg(test)]
mod tests;
