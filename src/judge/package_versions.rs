//! Have packages that belong together one version?

use serde_json::json;

use super::outcome::{NOT_PRESENT, Outcome};
use super::package_state::NO_DPKG;
use crate::catalog::kind::packages::{STATUS, Versions as Spec};
use crate::facts::packages::{self, Package, Packages};
use crate::facts::{Facts, wildcard};
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading};

/// Version → the packages that have it.
type Versions<'a> = SortedMap<&'a str, Vec<&'a str>>;

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let status = Query::File(STATUS.to_owned());
    let outcomes = match (facts.packages(), facts.reading::<Vec<u8>>(&status)) {
        (Reading::Known(packages), Reading::Known(text)) => judge_groups(spec, packages, text),
        (Reading::Unreadable(trouble), _) | (_, Reading::Unreadable(trouble)) => vec![Outcome::unknown("", &trouble)],
        (Reading::Absent, _) | (_, Reading::Absent) => vec![Outcome::skip("", NOT_PRESENT, NO_DPKG)],
    };
    outcomes.into_iter().map(|outcome| outcome.asking(status.clone())).collect()
}

fn judge_groups(spec: &Spec, packages: &Packages<'_>, text: &[u8]) -> Vec<Outcome> {
    let (mut whole, mut mixed) = (Vec::new(), Vec::new());
    for group in spec.sources.iter().chain(&spec.packages) {
        let versions =
            if spec.sources.contains(group) { of_source(group, packages, text) } else { of_pattern(group, packages) };
        match versions.len() {
            0 => {}
            1 => whole.push(group.as_str()),
            _ => mixed.push(failed(group, &versions)),
        }
    }
    match (mixed.is_empty(), whole.is_empty()) {
        (false, _) => mixed,
        (true, true) => vec![Outcome::skip("", NOT_PRESENT, "none of these packages is installed")],
        (true, false) => {
            let detail = format!("one version each: {}", whole.join(", "));
            vec![Outcome::pass("", detail).observing("groups", whole)]
        }
    }
}

/// A library that a new one took the place of stays behind under its old name. Nothing uses it, so it does no harm:
/// `libnetplan0` beside `libnetplan1` is no half-upgraded netplan.
fn of_source<'a>(name: &str, packages: &Packages<'a>, text: &[u8]) -> Versions<'a> {
    let is_built_from = |package: &&Package<'a>| package.is_there() && package.source().0 == name;
    let mut versions = group(packages.0.iter().filter(is_built_from), |package| package.source().1);
    if versions.len() > 1 {
        for names in versions.values_mut() {
            names.retain(|name| !name.starts_with("lib") || packages::is_needed(text, name));
        }
        versions.retain(|_, names| !names.is_empty());
    }
    versions
}

fn of_pattern<'a>(pattern: &str, packages: &Packages<'a>) -> Versions<'a> {
    let is_meant = |package: &&Package<'a>| package.is_there() && wildcard::matches(pattern, package.name);
    group(packages.0.iter().filter(is_meant), |package| package.version)
}

fn group<'p, 'a: 'p>(
    packages: impl Iterator<Item = &'p Package<'a>>,
    version: impl Fn(&Package<'a>) -> &'a str,
) -> Versions<'a> {
    let mut versions = Versions::new();
    for package in packages {
        versions.entry(version(package)).or_default().push(package.name);
    }
    versions
}

fn failed(group: &str, versions: &Versions<'_>) -> Outcome {
    const SHOWN: usize = 3;
    let shown = |(version, names): (&&str, &Vec<&str>)| match names.len() {
        0..=SHOWN => format!("{version} ({})", names.join(", ")),
        more => format!("{version} ({} and {} more)", names[..SHOWN].join(", "), more - SHOWN),
    };
    let detail = format!("{group} is here as {}", versions.iter().map(shown).collect::<Vec<_>>().join(" and "));
    Outcome::fail(group, None, detail)
        .expecting("versions", 1)
        .observing("versions", json!(versions))
        .by_hand(vec![about("apt-cache policy", versions), about("dpkg-query -W", versions)])
}

fn about(command: &str, versions: &Versions<'_>) -> Vec<String> {
    let names = versions.values().flatten().copied();
    command.split(' ').chain(names).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Status;

    const NETPLAN: &str = "Package: netplan.io\nStatus: install ok installed\nVersion: 1.0-2\nDepends: libnetplan1\n\n\
        Package: libnetplan1\nStatus: install ok installed\nSource: netplan.io\nVersion: 1.0-2\n";

    fn judged(sources: &[&str], patterns: &[&str], text: &str) -> Vec<(Status, String, String)> {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let spec = Spec { sources: own(sources), packages: own(patterns) };
        let packages = Packages::parse(text.as_bytes()).unwrap();
        let outcomes = judge_groups(&spec, &packages, text.as_bytes());
        outcomes.into_iter().map(|outcome| (outcome.status, outcome.subject, outcome.detail)).collect()
    }

    #[test]
    fn half_of_a_source_is_told_with_both_versions() {
        let text = NETPLAN.replace("Source: netplan.io\nVersion: 1.0-2", "Source: netplan.io\nVersion: 1.0-1");
        let [(status, subject, detail)] = &judged(&["netplan.io", "ovn"], &[], &text)[..] else { panic!() };
        assert_eq!((*status, subject.as_str()), (Status::Fail, "netplan.io"));
        assert_eq!(detail, "netplan.io is here as 1.0-1 (libnetplan1) and 1.0-2 (netplan.io)");
    }

    #[test]
    fn commands_by_hand_are_about_these_packages_only() {
        let versions =
            Versions::from([("1.0-1", vec!["libnetplan1"]), ("1.0-2", vec!["netplan.io", "python3-netplan"])]);
        let by_hand = failed("netplan.io", &versions).by_hand;
        let typed: Vec<String> = by_hand.iter().map(|argv| argv.join(" ")).collect();
        assert_eq!(typed[0], "apt-cache policy libnetplan1 netplan.io python3-netplan");
        assert_eq!(typed[1], "dpkg-query -W libnetplan1 netplan.io python3-netplan");
    }

    #[test]
    fn what_nobody_uses_or_is_gone_is_no_half() {
        let left = format!(
            "{NETPLAN}\nPackage: libnetplan0\nStatus: install ok installed\nSource: netplan.io\nVersion: 0.106-2\n"
        );
        let gone =
            left.replace("libnetplan0\nStatus: install ok installed", "netplan\nStatus: deinstall ok config-files");
        for text in [NETPLAN, &left, &gone] {
            assert_eq!(judged(&["netplan.io"], &[], text)[0].0, Status::Pass, "{text}");
        }
        // An old program is no library, and somebody may need an old library.
        let program = left.replace("libnetplan0", "netplan-generator");
        let needed = left.replace("Depends: libnetplan1", "Depends: libnetplan1, libnetplan0");
        for text in [&program, &needed] {
            assert_eq!(judged(&["netplan.io"], &[], text)[0].0, Status::Fail, "{text}");
        }
    }

    #[test]
    fn patterns_gather_packages_of_any_source() {
        let text = "Package: agent-a\nStatus: install ok installed\nVersion: 1\n\n\
            Package: agent-b\nStatus: install ok unpacked\nVersion: 2\n\n\
            Package: agent\nStatus: install ok installed\nVersion: 3\n";
        assert_eq!(judged(&[], &["agent-*"], text)[0].0, Status::Fail);
        assert_eq!(judged(&[], &["agent-a*"], text)[0].0, Status::Pass);
        assert_eq!(judged(&[], &["other-*"], text)[0].0, Status::Skip);
    }
}
