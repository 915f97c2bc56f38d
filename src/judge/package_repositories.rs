//! Are apt's sources those of this release?

use super::outcome::{NOT_PRESENT, Outcome};
use crate::catalog::kind::packages::{ONE_LINE_SOURCES, OS_RELEASE, SOURCES};
use crate::facts::Facts;
use crate::facts::identity::codenames;
use crate::facts::repositories::{
    MOST, Malformed, Moving, Source, SourceFile, UBUNTU_IN_THE_MAKING, conflict, is_codename, parse_lines,
    parse_stanzas,
};
use crate::model::answer::Content;
use crate::model::gather::{Arrange as _, Gather as _};
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Query, Reading, Trouble, TroubleCause};

type Parsed = (String, Reading<SourceFile>);

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    let outcomes = match read(facts) {
        Reading::Known(files) => judge_files(&files, &own_codenames(facts)),
        Reading::Absent => vec![Outcome::skip("", NOT_PRESENT, "apt has no sources here")],
        Reading::Unreadable(trouble) => vec![Outcome::unknown("", &trouble)],
    };
    let patterns = SOURCES.map(|pattern| Query::Files(pattern.to_owned()));
    let asked: Vec<Query> = patterns.into_iter().chain([Query::File(ONE_LINE_SOURCES.to_owned())]).collect();
    outcomes.into_iter().map(|outcome| asked.iter().cloned().fold(outcome, Outcome::asking)).collect()
}

/// The files in the order in which apt reads them: absent where there are neither files nor the directory.
fn read(facts: &Facts<'_>) -> Reading<Vec<Parsed>> {
    let mut files: Vec<Parsed> = Vec::new();
    let mut has_directory = false;
    for (pattern, parse) in SOURCES.into_iter().zip([parse_lines, parse_stanzas] as [fn(&[u8]) -> SourceFile; 2]) {
        for (directory, found) in facts.files([pattern.to_owned()]) {
            match found {
                Reading::Known(found) => {
                    has_directory = true;
                    let is_read = |name: &str| name.bytes().all(is_name_byte);
                    let parsed = found.iter().filter(|(name, _)| is_read(name)).map(|(name, content)| {
                        let path = format!("{directory}/{name}");
                        let file = content.as_ref().and_then(|Content(bytes)| whole(&path, parse(bytes)));
                        (path, file)
                    });
                    files.extend(parsed);
                }
                Reading::Absent => {}
                Reading::Unreadable(trouble) => return Reading::Unreadable(trouble),
            }
        }
    }
    files.arrange_by(|one, other| one.0.cmp(&other.0));
    let main = facts.reading::<Vec<u8>>(&Query::File(ONE_LINE_SOURCES.to_owned()));
    files.insert(0, (ONE_LINE_SOURCES.to_owned(), main.map(|text| parse_lines(text))));
    files.retain(|(_, file)| *file != Reading::Absent);
    if files.is_empty() && !has_directory { Reading::Absent } else { Reading::Known(files) }
}

/// Whoever did not read all of it does not judge it.
fn whole(path: &str, file: SourceFile) -> Reading<SourceFile> {
    match file.goes_on {
        true => Reading::unreadable(TroubleCause::Malformed, format!("{path} lists more than {MOST} sources")),
        false => Reading::Known(file),
    }
}

/// apt passes over files of other names.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte)
}

/// The codenames of this release; none where it is no release of Debian or Ubuntu, or derived from one.
fn own_codenames(facts: &Facts<'_>) -> Reading<Vec<String>> {
    facts.reading::<Vec<u8>>(&Query::File(OS_RELEASE.to_owned())).map(|text| {
        let mut own = codenames(&String::from_utf8_lossy(text));
        own.retain(|name| is_own_name(name));
        own
    })
}

fn is_own_name(name: &str) -> bool {
    is_codename(name) || name == UBUNTU_IN_THE_MAKING
}

fn judge_files(files: &[Parsed], own: &Reading<Vec<String>>) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut enabled: Vec<&Source> = Vec::new();
    let readable: Vec<(&str, &SourceFile)> = files
        .iter()
        .filter_map(|(path, file)| match file {
            Reading::Known(file) => Some((path.as_str(), file)),
            Reading::Unreadable(trouble) => {
                outcomes.push(Outcome::unknown(path, trouble));
                None
            }
            Reading::Absent => None,
        })
        .collect();
    outcomes.extend(refused(&readable));
    for (path, file) in &readable {
        let usable: Vec<&Source> = file.sources.iter().filter(|source| source.has_packages).collect();
        enabled.extend(usable.iter().filter(|source| !source.is_disabled));
        outcomes.extend(judge_file(path, &usable, own));
    }
    let speaks_of_a_release = |source: &&Source| source.codename().is_some() || source.moving().is_some();
    if let (Reading::Unreadable(trouble), true) = (own, enabled.iter().any(speaks_of_a_release)) {
        let detail = format!("the release of this host is not known: {}", trouble.detail);
        outcomes.push(Outcome::unknown("", &Trouble::new(trouble.cause, detail)));
    }
    // What was not read, or not to the end, may list one.
    let is_all_read = readable.len() == files.len() && readable.iter().all(|(_, file)| file.malformed.is_none());
    if enabled.is_empty() && is_all_read {
        let detail = "apt has no source of packages: nothing can be upgraded or installed";
        outcomes.push(Outcome::fail("", Some("none"), detail).expecting("sources", "at least one"));
    }
    if outcomes.is_empty() {
        let listed: SortedSet<String> = enabled.iter().map(|it| format!("{} {}", it.uri.shown(), it.suite)).gather();
        let detail = match listed.len() {
            1 => "the one source of apt fits this release".to_owned(),
            count => format!("all {count} sources of apt fit this release"),
        };
        let listed: Vec<String> = listed.into_iter().collect();
        outcomes.push(Outcome::pass("", detail).observing("sources", listed));
    }
    outcomes
}

/// Where apt gives up: in each file by itself, or else where two places contradict each other.
fn refused(files: &[(&str, &SourceFile)]) -> Vec<Outcome> {
    let told = |path: &str, malformed: &Malformed| {
        let Malformed { line, message } = malformed;
        Outcome::fail(path, Some("malformed"), format!("apt refuses its sources: {path}:{line}: {message}"))
            .observing("line", *line)
    };
    let broken: Vec<Outcome> =
        files.iter().filter_map(|(path, file)| Some(told(path, file.malformed.as_ref()?))).collect();
    let parsed: Vec<&SourceFile> = files.iter().map(|(_, file)| *file).collect();
    match conflict(&parsed) {
        Some((index, malformed)) if broken.is_empty() => vec![told(files[index].0, &malformed)],
        _ => broken,
    }
}

/// One row for each release that a file speaks of by mistake, and for each suite that moves or is switched off. Rows are
/// named by what they are about, not by a line number: a waiver outlives an edit.
fn judge_file(path: &str, sources: &[&Source], own: &Reading<Vec<String>>) -> Vec<Outcome> {
    let own = own.as_ref().known().map(Vec::as_slice).unwrap_or_default();
    let is_own = |name: &str| own.iter().any(|it| it == name);
    let mut foreign: SortedMap<&str, Vec<&Source>> = SortedMap::new();
    let mut moving: SortedMap<&str, Vec<&Source>> = SortedMap::new();
    let mut disabled: SortedMap<&str, Vec<&Source>> = SortedMap::new();
    for source in sources {
        match (source.codename(), source.moving()) {
            _ if source.is_disabled => {
                // Of the same suite at the same place one is enough.
                let is_same =
                    |other: &&&Source| !other.is_disabled && (&other.uri, &other.suite) == (&source.uri, &source.suite);
                if sources.iter().find(is_same).is_none() {
                    disabled.entry(&source.suite).or_default().push(source);
                }
            }
            _ if own.is_empty() => {}
            (_, Some(Moving::Released(word))) => moving.entry(word).or_default().push(source),
            (_, Some(Moving::Unreleased(word, name))) if !is_own(name) => foreign.entry(word).or_default().push(source),
            (Some(name), _) if !is_own(name) => foreign.entry(name).or_default().push(source),
            _ => {}
        }
    }
    let release = own.first().cloned().unwrap_or_default();
    // One row a subject.
    disabled.retain(|suite, _| !foreign.contains_key(suite) && !moving.contains_key(suite));
    let foreign_rows = foreign.iter().map(|(name, of)| {
        let what = format!("of the release {name}, and this is {release}");
        row(path, name, "other-release", &what, of).expecting("release", release.clone())
    });
    let disabled_rows =
        disabled.iter().map(|(suite, of)| row(path, suite, "disabled", &format!("{suite} is switched off"), of));
    let moving_rows = moving.iter().map(|(suite, of)| {
        let what = format!("of {suite}, which becomes another release when the next one is out, and this is {release}");
        row(path, suite, "moving-suite", &what, of).expecting("release", release.clone())
    });
    foreign_rows.chain(moving_rows).chain(disabled_rows).collect()
}

fn row(path: &str, name: &str, cause: &'static str, what: &str, sources: &[&Source]) -> Outcome {
    let uris: SortedSet<String> = sources.iter().map(|source| source.uri.shown()).gather();
    let suites: SortedSet<&str> = sources.iter().map(|source| source.suite.as_str()).gather();
    let lines: SortedSet<usize> = sources.iter().map(|source| source.line).gather();
    let (line, first) = sources.first().map_or((0, String::new()), |source| (source.line, source.uri.shown()));
    let more = if uris.len() > 1 { format!(" and {} more", uris.len() - 1) } else { String::new() };
    Outcome::fail(format!("{path} {name}"), Some(cause), format!("{path}:{line}: {what}: {first}{more}"))
        .observing("suites", Vec::from_iter(suites))
        .observing("uris", Vec::from_iter(uris))
        .observing("lines", Vec::from_iter(lines))
}

#[cfg(test)]
mod tests;
