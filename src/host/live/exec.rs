//! The one door for programs that change the host: a closed list, absolute paths, nothing of our environment, no input.
#![allow(clippy::disallowed_methods)] // this is the home of the methods that are denied elsewhere

use crate::host::change::NotDone;
use crate::model::plan::Run;

/// What may be run, and where it lies.
const PROGRAMS: [&str; 0] = [];

/// What it printed on both streams, bounded.
#[derive(Debug)]
pub struct Said {
    pub out: String,
}

pub fn run(run: &Run) -> Result<Said, NotDone> {
    let _ = PROGRAMS;
    Err(NotDone::new(format!("not built yet: {}", run.argv.join(" "))))
}
