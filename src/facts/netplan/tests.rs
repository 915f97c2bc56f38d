use std::path::PathBuf;

use super::*;
use crate::model::sorted::SortedMap;

/// What is left to netplan itself, though every release that we know refuses it: not worth the risk.
const LEFT_TO_NETPLAN: [&str; 6] = [
    "malformed-macaddress",      // NetworkManager has words for addresses, and more of them with time
    "route-to-another-family",   // families, scopes and types of routes hang together
    "route-without-target",      // as above
    "rule-without-ends",         // as above
    "tunnel-without-mode",       // what a tunnel needs depends on its mode
    "wifi-without-access-point", // no business of a hypervisor's
];
/// Where netplan points at another place of the same fault.
const OTHER_PLACE: [&str; 15] = [
    // At the start of the file, where we point at the byte.
    "control",
    "latin1",
    // At the list or at the value, where we point at the entry or at the name.
    "address-malformed",
    "address-of-length-0",
    "address-too-long",
    "address-with-leading-zeros",
    "address-without-length",
    "member-of-bond-and-bridge",
    "member-of-two-bonds",
    "nameserver-by-name",
    "set-name-without-match",
    "vlan-id-too-large",
    "vlan-without-id",
    "vlan-without-link",
    "vrf-without-table",
];

type Cases = SortedMap<String, Vec<(String, Vec<u8>)>>;

/// The table that the lab holds against netplan: a case is a file, or a directory of them.
fn cases() -> Cases {
    let table = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/netplan");
    let files = |path: &PathBuf| match path.is_dir() {
        true => path.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect(),
        false => vec![path.clone()],
    };
    let mut cases = Cases::new();
    for path in table.read_dir().unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|end| end == "txt") {
            continue;
        }
        let read =
            |file: PathBuf| (file.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&file).unwrap());
        let case = path.file_stem().unwrap().to_string_lossy().into_owned();
        cases.insert(case, files(&path).into_iter().map(read).collect());
    }
    cases
}

fn judged(files: &[(String, Vec<u8>)], knows_all_keys: bool) -> String {
    let problems = check(files.iter().map(|(name, text)| (name.as_str(), Some(text.as_slice()))), knows_all_keys);
    match problems.into_iter().next() {
        None => "taken".to_owned(),
        Some((name, Problem::At(Place { line, column }, _))) => format!("{name}:{line}:{column}"),
        Some((_, Problem::Unclear(why))) => why,
    }
}

/// What netplan of one release made of the table: `taken`, or the place of what it refuses.
fn recorded(text: &'static str) -> SortedMap<&'static str, String> {
    let place = |words: &str| match words.strip_prefix("refused ") {
        Some(words) => words.splitn(4, ':').take(3).collect::<Vec<_>>().join(":"),
        None => words.to_owned(),
    };
    text.lines().map(|line| line.split_once(": ").unwrap()).map(|(case, words)| (case, place(words))).collect()
}

#[test]
fn the_table_is_judged_as_netplan_judges_it() {
    let releases = [
        recorded(include_str!("../../../tests/fixtures/netplan/expected.bookworm.txt")),
        recorded(include_str!("../../../tests/fixtures/netplan/expected.trixie.txt")),
    ];
    let mut wrong = Vec::new();
    for (case, files) in &cases() {
        let said = judged(files, true);
        let expected: Vec<&str> = releases.iter().map(|release| release[case.as_str()].as_str()).collect();
        let agrees = match said.as_str() {
            "taken" => expected.contains(&"taken") || LEFT_TO_NETPLAN.contains(&case.as_str()),
            // What a single release takes is not wrong.
            _ if expected.contains(&"taken") => false,
            place => expected.contains(&place) || OTHER_PLACE.contains(&case.as_str()),
        };
        if !agrees {
            wrong.push(format!("{case}: {said}, not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn keys_of_a_release_that_nobody_knows_are_not_judged() {
    let cases = cases();
    for case in ["unknown-key", "unknown-type", "unknown-parameter", "too-far-left"] {
        assert_eq!(judged(&cases[case], false), "taken", "{case}");
    }
    assert_ne!(judged(&cases["tab"], false), "taken");
}

#[test]
fn what_could_not_be_read_may_define_what_is_missed() {
    let bond = b"network: {bonds: {bond0: {interfaces: [eno1]}}}".as_slice();
    assert_eq!(check([("20.yaml", Some(bond))], true).len(), 1);
    for before in [None, Some(b"network: [".as_slice())] {
        let problems = check([("10.yaml", before), ("20.yaml", Some(bond))], true);
        assert!(matches!(problems["20.yaml"], Problem::Unclear(_)), "{problems:?}");
    }
    let manager = b"network: {renderer: NetworkManager}".as_slice();
    assert!(check([("10.yaml", Some(manager)), ("20.yaml", Some(bond))], true).is_empty());
}

#[test]
fn what_is_monstrous_is_not_judged() {
    let deep = "[".repeat(1 << 20);
    let large = " ".repeat(2 << 20);
    for text in [deep, large] {
        let problems = check([("x", Some(text.as_bytes()))], true);
        assert!(matches!(problems["x"], Problem::Unclear(_)), "{problems:?}");
    }
    // An alias of itself, and aliases that would multiply.
    let circle = "network: &a {ethernets: *a}";
    let laughs = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nnetwork: {bonds: {b: {interfaces: *c}}}";
    for text in [circle, laughs] {
        assert_eq!(check([("x", Some(text.as_bytes()))], true).len(), 1);
    }
}

#[test]
fn damaged_files_end_in_a_verdict() {
    for (case, files) in cases() {
        for (_, text) in &files {
            for at in 0..text.len() {
                let mut flipped = text.clone();
                flipped[at] ^= 0x15;
                for damaged in [&text[..at], &flipped] {
                    if let Some(Problem::Unclear(why)) = check([("x", Some(damaged))], true).get("x") {
                        // Its reader stumbles over a tag in front of a comma.
                        let is_known = flipped.contains(&b'!') || case == "two-documents";
                        assert!(is_known, "{case} at {at}: {why}");
                    }
                }
            }
        }
    }
}
