//! What is done to this machine: each deed by the one code that there is for its kind.

mod archive;
mod files;
mod remove;
mod switch;

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::{Live, exec};
use crate::host::change::{Change, NotDone};
use crate::model::plan::{Deed, Run};

impl Change for Live {
    fn act(&self, deed: &Deed) -> Result<(), NotDone> {
        match deed {
            Deed::Run(run) => patiently(run),
            Deed::Switch(transaction) => switch::commit(transaction),
            Deed::Remove(files) => remove::remove(files),
            Deed::Archive { into, files } => archive::pack(Path::new(into), files),
            Deed::Unpack { from } => archive::unpack(Path::new(from)),
            Deed::File { path, content: Some(content) } => files::write(path, content),
            Deed::File { path, content: None } => files::remove(path),
            Deed::Link { path, target } => files::link(path, target),
            Deed::Setting { path, value } => files::set(path, value),
        }
    }
}

/// How long dpkg is asked again that somebody else has come before; apt waits by itself.
const FOR_DPKG: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);
/// What it says before it has done anything.
const LOCKED: &str = "lock was locked by another process";

fn patiently(run: &Run) -> Result<(), NotDone> {
    let end = Instant::now() + FOR_DPKG;
    let is_dpkg = run.argv.first().is_some_and(|name| name == "dpkg");
    loop {
        match exec::run(run) {
            Err(not_done) if is_dpkg && not_done.why.contains(LOCKED) => {
                if Instant::now() > end {
                    return Err(NotDone { outdated: true, ..not_done });
                }
                thread::sleep(PAUSE);
            }
            done => return done.map(drop),
        }
    }
}
