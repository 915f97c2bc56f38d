//! What is done to this machine: each deed by the one code that there is for its kind.

mod announce;
mod archive;
mod files;
mod remove;
mod rename;
mod switch;

use std::path::Path;

use super::{Live, exec};
use crate::host::change::{Change, NotDone};
use crate::model::plan::{Deed, Run};

impl Change for Live {
    fn act(&self, deed: &Deed) -> Result<(), NotDone> {
        match deed {
            Deed::Run(run) => execute(run),
            Deed::Switch(transaction) => switch::commit(transaction),
            Deed::Remove(files) => remove::remove(files),
            Deed::Archive { into, files } => archive::pack(Path::new(into), files),
            Deed::Unpack { from } => archive::unpack(Path::new(from)),
            Deed::File { path, content: Some(content) } => files::write(path, content),
            Deed::File { path, content: None } => files::remove(path),
            Deed::Link { path, target } => files::link(path, target),
            Deed::Announce { device, address } => {
                announce::announce(device, address);
                Ok(())
            }
        }
    }
}

/// What was only to be fetched and is not there is nothing done.
fn execute(run: &Run) -> Result<(), NotDone> {
    if let Some(wanted) = rename::wanted(run) {
        return rename::rename(run, wanted);
    }
    let is_download = run.argv.iter().any(|word| word == "--download-only");
    exec::run(run).map(drop).map_err(|not_done| NotDone { outdated: is_download, ..not_done })
}
