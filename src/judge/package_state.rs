//! Is every package wholly there or wholly gone?

use super::outcome::{NOT_PRESENT, Outcome};
use crate::catalog::kind::packages::STATUS;
use crate::facts::Facts;
use crate::facts::packages::{Package, Packages};
use crate::model::{Query, Reading};

pub const NO_DPKG: &str = "there is no dpkg database here; packages of other kinds are not judged";

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    let outcomes = match facts.packages() {
        Reading::Known(packages) => judge_packages(packages),
        Reading::Absent => vec![Outcome::skip("", NOT_PRESENT, NO_DPKG)],
        Reading::Unreadable(trouble) => vec![Outcome::unknown("", &trouble)],
    };
    outcomes.into_iter().map(|outcome| outcome.asking(Query::File(STATUS.to_owned()))).collect()
}

fn judge_packages(packages: &Packages<'_>) -> Vec<Outcome> {
    let broken: Vec<Outcome> = packages
        .0
        .iter()
        .filter_map(|package| package.broken().map(|cause| failed(package, packages, cause)))
        .collect();
    if broken.is_empty() {
        let there = packages.0.iter().filter(|package| package.is_there()).count();
        return vec![
            Outcome::pass("", format!("all {there} installed packages are whole")).observing("packages", there),
        ];
    }
    broken
}

/// The package's name, with its architecture where the name alone is not enough.
pub fn subject(package: &Package<'_>, packages: &Packages<'_>) -> String {
    let is_twin = |other: &&Package<'_>| other.name == package.name && other.is_there();
    match packages.0.iter().filter(is_twin).count() {
        0 | 1 => package.name.to_owned(),
        _ => format!("{}:{}", package.name, package.architecture),
    }
}

fn failed(package: &Package<'_>, packages: &Packages<'_>, cause: &'static str) -> Outcome {
    let words = match cause {
        "reinstreq" => "is broken and must be installed again",
        "half-installed" => "was left in the middle of its installation",
        "unpacked" => "is unpacked but not configured",
        "half-configured" => "was left in the middle of its configuration",
        "triggers-awaited" => "waits for another package's triggers",
        _ => "has triggers to run",
    };
    Outcome::fail(subject(package, packages), Some(cause), format!("{} {} {words}", package.name, package.version))
        .expecting("state", "installed")
        .observing("state", package.state)
        .observing("want", package.want)
        .observing("reinstall_required", package.reinstall_required)
        .observing("version", package.version)
        .observing("architecture", package.architecture)
}
