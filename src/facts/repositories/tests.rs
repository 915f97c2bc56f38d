use std::path::Path;

use super::*;
use crate::model::sorted::{SortedMap, SortedSet};

/// Where apt fetches the index of a source from.
fn index(source: &Source) -> String {
    let base = source.uri.text().trim_end_matches('/').replace("cdrom:[", "cdrom://[");
    match source.suite.as_str() {
        "/" => format!("{base}/"),
        path if path.ends_with('/') => format!("{base}/{path}"),
        suite => format!("{base}/dists/{suite}/"),
    }
}

fn parsed(path: &Path) -> SourceFile {
    let text = std::fs::read(path).unwrap();
    match path.extension().unwrap().to_str() {
        Some("list") => parse_lines(&text),
        _ => parse_stanzas(&text),
    }
}

/// What apt of one release made of the table.
fn recorded(text: &'static str) -> SortedMap<&'static str, &'static str> {
    text.lines().map(|line| line.split_once(':').unwrap()).collect()
}

/// The table that the lab holds against apt.
#[test]
fn the_table_is_read_as_apt_reads_it() {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/apt");
    let releases = [
        recorded(include_str!("../../../tests/fixtures/apt/expected.bookworm.txt")),
        recorded(include_str!("../../../tests/fixtures/apt/expected.trixie.txt")),
    ];
    assert_eq!(table.read_dir().unwrap().count(), releases[0].len() + releases.len(), "a case is not recorded");
    let mut wrong = Vec::new();
    for case in releases[0].keys() {
        let file = parsed(&table.join(case));
        let malformed = file.malformed.clone().or_else(|| conflict(&[&file]).map(|(_, malformed)| malformed));
        let enabled = file.sources.iter().filter(|source| !source.is_disabled);
        let indices: Vec<String> = enabled.map(index).collect::<SortedSet<_>>().into_iter().collect();
        let is_refused = |release: &SortedMap<&str, &str>| release[case].starts_with(" refused");
        let agrees = match malformed {
            // What a single release takes is not wrong.
            Some(_) => releases.iter().all(is_refused),
            None => releases.iter().any(|release| {
                !is_refused(release) && release[case].split_whitespace().eq(indices.join(" ").split_whitespace())
            }),
        };
        if !agrees {
            wrong.push(format!("{case}: {malformed:?} {indices:?}, not {:?}", releases.each_ref().map(|it| it[case])));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_fault_is_told_with_its_line() {
    let lines = parse_lines(b"# a comment\n\ndeb https://a.example/x jammy main\ndeb https://b.example/x\n");
    assert_eq!(lines.malformed.unwrap().line, 4);
    let stanza = b"Types: deb\nURIs: https://a.example/x\nSuites: noble\nComponents: main\n\n# next\nTypes: deb\n";
    assert_eq!(parse_stanzas(stanza).malformed.unwrap().line, 7);
}

#[test]
fn what_an_upgrader_switched_off_is_told_from_a_comment() {
    let file = parse_lines(
        b"# deb https://a.example/x noble main # disabled on upgrade to noble\n\
          # deb https://b.example/x noble main\n\
          # a note # disabled on upgrade to noble\n\
          #deb [arch=amd64] https://c.example/x noble main # Vendor # disabled on upgrade to noble",
    );
    let off: Vec<&str> = file.sources.iter().filter(|it| it.is_disabled).map(|it| it.uri.text()).collect();
    assert_eq!(off, ["https://a.example/x", "https://c.example/x"]);
    assert_eq!((file.sources.len(), file.malformed), (2, None));
}

#[test]
fn a_codename_is_found_in_front_of_its_suffix() {
    for (suite, codename) in [
        ("jammy", Some("jammy")),
        ("bookworm-security", Some("bookworm")),
        ("bullseye/updates", Some("bullseye")),
        ("jammy-updates/caracal", Some("jammy")),
        ("jammy-pgdg", Some("jammy")),
        ("stable", None),
        ("kubernetes-xenial", None),
        ("nodistro", None),
        ("./", None),
        ("/", None),
    ] {
        let source = Source {
            line: 1,
            uri: Address::default(),
            suite: suite.to_owned(),
            components: Vec::new(),
            signed_by: String::new(),
            has_packages: true,
            is_disabled: false,
        };
        assert_eq!(source.codename(), codename, "{suite}");
    }
}

#[test]
fn a_stanza_that_lists_millions_is_left_at_a_thousand() {
    let many = |what: &str, count: usize| (0..count).map(|at| format!("{what}{at} ")).collect::<String>();
    let stanza = |types: &str, uris: usize, suites: usize| {
        let (uris, suites) = (many("https://a.example/", uris), many("noble-", suites));
        parse_stanzas(format!("Types: {types}\nURIs: {uris}\nSuites: {suites}\nComponents: main\n").as_bytes())
    };
    let file = stanza("deb", 5000, 5000);
    assert_eq!((file.sources.len(), file.malformed, file.goes_on), (MOST, None, true));
    assert!(stanza(&"deb ".repeat(5000), 50, 5000).goes_on);
    let file = stanza("deb deb-src", 5, 100);
    assert_eq!((file.sources.len(), file.goes_on), (MOST, false));
}

#[test]
fn damaged_sources_end_in_an_answer() {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/apt");
    for path in table.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        let text = std::fs::read(&path).unwrap();
        for at in 0..text.len() {
            let mut flipped = text.clone();
            flipped[at] ^= 0x15;
            for damaged in [&text[..at], &flipped] {
                let files = [parse_lines(damaged), parse_stanzas(damaged)];
                conflict(&[&files[0], &files[1]]);
            }
        }
    }
}
