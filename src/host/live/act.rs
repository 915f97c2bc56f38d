//! What is done to this machine: each deed by the one code that there is for its kind.

mod archive;
mod files;
mod remove;
mod switch;

use std::path::Path;

use super::{Live, exec};
use crate::host::change::{Change, NotDone};
use crate::model::plan::Deed;

impl Change for Live {
    fn act(&self, deed: &Deed) -> Result<(), NotDone> {
        match deed {
            Deed::Run(run) => exec::run(run).map(drop),
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
