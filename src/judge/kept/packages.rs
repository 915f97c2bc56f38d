//! Is what was installed and held still so, at no lower version?

use super::devices::in_the_baseline;
use crate::catalog::kind::packages::{Kept as Spec, STATUS};
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::packages::{Package, Packages};
use crate::facts::{versions, wildcard};
use crate::judge::outcome::{NOT_PRESENT, Outcome};
use crate::judge::package_state::NO_DPKG;
use crate::model::gather::Gather as _;
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Query, Reading};

pub fn judge(spec: &Spec, facts: &Facts<'_>, before: &Before<'_>) -> Vec<Outcome> {
    let outcomes = match (before.facts.packages(), facts.packages()) {
        (Reading::Unreadable(trouble), _) => vec![Outcome::unknown("", &in_the_baseline(trouble))],
        (_, Reading::Unreadable(trouble)) => vec![Outcome::unknown("", &trouble)],
        (Reading::Absent, _) => vec![Outcome::skip("", NOT_PRESENT, NO_DPKG)],
        (Reading::Known(_), Reading::Absent) => {
            vec![Outcome::fail("", Some("removed"), format!("{STATUS} is gone, and with it all that dpkg knew"))]
        }
        (Reading::Known(then), Reading::Known(now)) => judge_packages(spec, then, now),
    };
    outcomes.into_iter().map(|outcome| outcome.asking(Query::File(STATUS.to_owned()))).collect()
}

/// The packages that are there, by name. Of one that several architectures have, the first: they have one version.
type Installed<'p> = SortedMap<&'p str, &'p Package<'p>>;

fn judge_packages(spec: &Spec, then: &Packages<'_>, now: &Packages<'_>) -> Vec<Outcome> {
    let (then_there, now_there) = (there(then), there(now));
    let held = then_there.values().filter(|package| package.want == "hold");
    let mut meant: SortedSet<&str> = held.map(|package| package.name).gather();
    let mut outcomes = Vec::new();
    for names in spec.packages.values() {
        // What was held is told of in any case.
        let lost = lost(names, &then_there, &now_there).filter(|lost| lost.want != "hold");
        outcomes.extend(lost.map(removed));
        meant.extend(names.iter().flat_map(|pattern| matching(pattern, &then_there)).map(|package| package.name));
    }
    outcomes.extend(meant.iter().filter_map(|name| changed(then_there.get(name)?, now_there.get(name).copied())));
    if !outcomes.is_empty() {
        return outcomes;
    }
    if meant.is_empty() {
        return vec![Outcome::skip("", NOT_PRESENT, "nothing that is compared was installed or held in the baseline")];
    }
    let detail = format!("{} packages that matter are here, at no lower version, and held as they were", meant.len());
    vec![Outcome::pass("", detail).observing("packages", meant.into_iter().collect::<Vec<_>>())]
}

fn there<'p>(packages: &'p Packages<'_>) -> Installed<'p> {
    let mut found = Installed::new();
    for package in packages.0.iter().filter(|package| package.is_there()) {
        found.entry(package.name).or_insert(package);
    }
    found
}

fn matching<'p>(pattern: &str, packages: &Installed<'p>) -> Vec<&'p Package<'p>> {
    match pattern.contains('*') {
        true => packages.values().filter(|package| wildcard::matches(pattern, package.name)).copied().collect(),
        false => packages.get(pattern).copied().into_iter().collect(),
    }
}

/// What the host had of a group and has not replaced: names stand in their order, the best first. The best that it
/// had may have been replaced by a better one; the rest may go.
fn lost<'p>(names: &[String], then: &Installed<'p>, now: &Installed<'_>) -> Option<&'p Package<'p>> {
    let (at, best) =
        names.iter().enumerate().find_map(|(at, name)| Some((at, matching(name, then).into_iter().next()?)))?;
    let is_kept = names[..=at].iter().any(|name| !matching(name, now).is_empty());
    (!is_kept).then_some(best)
}

fn removed(package: &Package<'_>) -> Outcome {
    let Package { name, version, .. } = package;
    let detail = format!("{name} was installed, at {version}, and is not any more");
    Outcome::fail(*name, Some("removed"), detail).expecting("version", *version)
}

/// What became of a package that was held or is of a group. That one of a group is gone is told by `lost`.
fn changed(then: &Package<'_>, now: Option<&Package<'_>>) -> Option<Outcome> {
    let (name, was_held) = (then.name, then.want == "hold");
    let Some(now) = now else { return was_held.then(|| removed(then)) };
    let (cause, detail) = if versions::compare(now.version, then.version).is_lt() {
        ("downgraded", format!("{name} was {} and is {} now", then.version, now.version))
    } else if was_held && now.want != "hold" {
        ("hold-lost", format!("{name} was held and is not any more; the next upgrade takes it along"))
    } else {
        return None;
    };
    let outcome = Outcome::fail(name, Some(cause), detail)
        .expecting("version", then.version)
        .expecting("held", was_held)
        .observing("version", now.version)
        .observing("held", now.want == "hold");
    // One of a source that went back alone has left it mixed.
    let is_older = cause == "downgraded";
    Some(if is_older { outcome.because_of("packages.mixed-versions", now.source().0) } else { outcome })
}

#[cfg(test)]
mod tests;
