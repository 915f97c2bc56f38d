//! The recovery card of each recorded host, as a person gets it.

use std::fs;

use libtest_mimic::Failed;

use crate::is_expected;
use crate::recording::here;
use crate::scenario::program;

pub fn is_as_expected(base: &str) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let state = directory.path().join("state").display().to_string();
    let recording = here().join("bases").join(format!("{base}.json")).display().to_string();
    let output = program(["snapshot", "--from", &recording, "--state-dir", &state])?;
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let card = fs::read_to_string(directory.path().join("state/console.txt"))?;
    if let Some(line) = card.lines().find(|line| line.chars().count() > 80) {
        return Err(format!("nobody reads this at a console: {line}").into());
    }
    is_expected(&here().join("cards").join(format!("{base}.txt")), &card)
}
