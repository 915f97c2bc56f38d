//! Do netplan's files say what they mean to?

use super::outcome::{NOT_PRESENT, Outcome};
use crate::catalog::kind::network::NETPLAN_DIRECTORIES;
use crate::facts::Facts;
use crate::facts::netplan::{NEWEST, Place, Problem, check};
use crate::facts::packages::Package;
use crate::model::answer::Content;
use crate::model::gather::Gather as _;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading, Trouble};

/// What brings the program that reads the files: since 1.0 it has a package of its own.
const PACKAGES: [&str; 2] = ["netplan-generator", "netplan.io"];

/// Whether somebody reads these files, as far as the package database tells.
enum Installed {
    /// With its version.
    Yes(String),
    No,
    Unclear,
}

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    let patterns = NETPLAN_DIRECTORIES.map(|directory| format!("{directory}/*.yaml"));
    let asked: Vec<Query> = patterns.iter().cloned().map(Query::Files).collect();
    let outcomes = match (in_force(facts, patterns), installed(facts)) {
        (Err(trouble), _) => vec![Outcome::unknown("", &trouble)],
        (Ok(files), _) if files.is_empty() => vec![Outcome::skip("", NOT_PRESENT, "netplan has no files here")],
        (Ok(_), Installed::No) => {
            vec![Outcome::skip("", NOT_PRESENT, "netplan is not installed: nobody reads its files")]
        }
        (Ok(files), Installed::Yes(version)) => judge_files(&files, release(&version).is_some_and(|it| it <= NEWEST)),
        (Ok(files), Installed::Unclear) => judge_files(&files, false),
    };
    outcomes.into_iter().map(|outcome| asked.iter().cloned().fold(outcome, Outcome::asking)).collect()
}

/// Path → content of the files from which netplan makes the network of the next boot: none where it is not installed,
/// and none where it refuses one of them, since it then makes nothing.
pub(super) fn files_of_next_boot<'f>(facts: &'f Facts<'_>) -> Result<SortedMap<String, &'f [u8]>, Trouble> {
    let knows_all_keys = match installed(facts) {
        Installed::No => return Ok(SortedMap::new()),
        Installed::Yes(version) => release(&version).is_some_and(|it| it <= NEWEST),
        Installed::Unclear => false,
    };
    let mut files = SortedMap::new();
    for (path, content) in in_force(facts, NETPLAN_DIRECTORIES.map(|directory| format!("{directory}/*.yaml")))? {
        match content {
            Reading::Known(text) => drop(files.insert(path, text)),
            Reading::Absent => {}
            Reading::Unreadable(trouble) => return Err(trouble),
        }
    }
    let problems = check(files.iter().map(|(path, text)| (path.as_str(), Some(*text))), knows_all_keys);
    let is_refused = problems.values().any(|problem| matches!(problem, Problem::At(..)));
    Ok(if is_refused { SortedMap::new() } else { files })
}

fn installed(facts: &Facts<'_>) -> Installed {
    match facts.packages() {
        Reading::Known(packages) => {
            let there =
                PACKAGES.iter().filter_map(|name| packages.find(name)).find(|package| Package::is_there(package));
            there.map_or(Installed::No, |package| Installed::Yes(package.version.to_owned()))
        }
        Reading::Absent | Reading::Unreadable(_) => Installed::Unclear,
    }
}

/// `1.1.2-7` → (1, 1)
fn release(version: &str) -> Option<(u32, u32)> {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let mut numbers = version.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Path → content of the files that count: one hides those of its name in the directories before.
fn in_force<'f>(facts: &'f Facts<'_>, patterns: [String; 3]) -> Result<SortedMap<String, Reading<&'f [u8]>>, Trouble> {
    let mut by_name: SortedMap<&str, (String, Reading<&[u8]>)> = SortedMap::new();
    for (directory, files) in facts.files(patterns) {
        match files {
            Reading::Known(files) => by_name.extend(files.iter().map(|(name, content)| {
                let content = content.as_ref().map(|Content(bytes)| bytes.as_slice());
                (name.as_str(), (format!("{directory}/{name}"), content))
            })),
            Reading::Absent => {}
            Reading::Unreadable(trouble) => return Err(trouble),
        }
    }
    Ok(by_name.into_values().filter(|(_, content)| *content != Reading::Absent).gather())
}

fn judge_files(files: &SortedMap<String, Reading<&[u8]>>, knows_all_keys: bool) -> Vec<Outcome> {
    let texts = files.iter().map(|(path, content)| (path.as_str(), content.clone().known()));
    let problems = check(texts, knows_all_keys);
    let judge_file = |(path, content): (&String, &Reading<&[u8]>)| match (content, problems.get(path.as_str())) {
        (Reading::Unreadable(trouble), _) => Outcome::unknown(path, trouble),
        (_, None) => Outcome::pass(path, "netplan can read it"),
        (_, Some(Problem::At(Place { line, column }, message))) => {
            Outcome::fail(path, None, format!("{path}:{line}:{column}: {message}"))
                .observing("line", *line)
                .observing("column", *column)
        }
        (_, Some(Problem::Unclear(why))) => Outcome::undetermined(path, "not-judged", format!("{path}: {why}")),
    };
    files.iter().map(judge_file).collect()
}
