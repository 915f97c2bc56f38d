//! The rules of the house: which layer may name which, and how long a file may be.

// A test stages files and starts programs, and may stop at the first thing that is not as expected.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first. A module may name the layers below its own, and its own.
const LAYERS: [&[&str]; 9] = [
    &["units", "exit", "texts", "model"],
    &["catalog"],
    &["host"],
    &["facts"],
    &["judge"],
    &["fix"],
    &["report", "fleet"],
    &["commands"],
    &["cli"],
];

const LONGEST_FILE: usize = 400;

fn sources(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The top modules that a text names: `crate::host::…`, `use crate::{facts, judge}`.
fn named(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in text.split("crate::").skip(1) {
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        };
        for name in names {
            let word: String = name.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if rank(&word).is_some() {
                found.push(word);
            }
        }
    }
    found
}

/// Each name in `text`, a file of the top module `own`, that lies above it.
fn upward(own: &str, text: &str) -> Vec<String> {
    let own = rank(own).unwrap_or_else(|| panic!("`{own}` has no layer: give it one in this test and in the design"));
    named(text).into_iter().filter(|other| rank(other) > Some(own)).collect()
}

#[test]
fn no_module_names_a_layer_above_its_own() {
    let src = root().join("src");
    let files = sources(&src);
    assert!(files.len() > 30, "only {} sources were found", files.len());
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| file.file_name().unwrap() != "main.rs") {
        let below_src = file.strip_prefix(&src).unwrap();
        let top = below_src.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs");
        for other in upward(top, &fs::read_to_string(file).unwrap()) {
            wrong.push(format!("{} names `{other}`", below_src.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_name_that_points_upward_is_found() {
    assert_eq!(upward("model", "use crate::host::Observe;"), ["host"]);
    assert_eq!(upward("facts", "use crate::{model, judge};\nfn f(x: crate::commands::X) {}"), ["judge", "commands"]);
    assert!(upward("judge", "use crate::facts::Facts; use crate::model::Query;").is_empty());
}

#[test]
fn the_session_in_the_readme_is_what_the_program_says() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let session = readme.split("$ sudo hostready check\n").nth(1).and_then(|rest| rest.split("\n[…]").next());
    let expected = fs::read_to_string(root().join("tests/hosts/scenarios/uplink-renamed/expected.txt")).unwrap();
    assert!(expected.starts_with(session.expect("the README has a session")), "{session:?}");
}

#[test]
fn no_source_file_is_too_long() {
    let long: Vec<String> = sources(&root().join("src"))
        .into_iter()
        .chain(sources(&root().join("tests")))
        .map(|file| (fs::read_to_string(&file).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .map(|(lines, file)| format!("{} has {lines} lines", file.display()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}
