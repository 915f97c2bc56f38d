//! netplan's files, held against what netplan itself would say of them.
//!
//! A file that netplan takes must never be called wrong. So only that is judged which every release of netplan
//! refuses; what depends on the machine, on other programs or on rules between settings is left to netplan.

mod definitions;
mod devices;
mod for_udev;
mod reader;
mod schema;
#[cfg(test)]
mod tests;
mod values;
mod walk;
mod yaml;

use crate::model::gather::Arrange as _;
use crate::model::sorted::SortedMap;

pub use devices::{Defined, defined};
pub use for_udev::{Written, for_udev};
pub use schema::NEWEST;

/// From 1, as an editor counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: u64,
    pub column: u64,
}

/// Why netplan takes no file, or why nobody can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    At(Place, String),
    Unclear(String),
}

/// The first problem of each file, under its path. `files` are those that count, whatever their order; netplan reads
/// them by name, and what one of them defines those behind it may name. `knows_all_keys`: this netplan has no keys
/// that we have never heard of.
pub fn check<'a>(
    files: impl IntoIterator<Item = (&'a str, Option<&'a [u8]>)>,
    knows_all_keys: bool,
) -> SortedMap<&'a str, Problem> {
    let mut files: Vec<_> = files.into_iter().collect();
    files.arrange_by_key(|(path, _)| path.rsplit('/').next());
    let mut known = definitions::Definitions::default();
    let mut problems = SortedMap::new();
    for (path, text) in files {
        let checked = match text {
            Some(text) => {
                yaml::Document::load(text).and_then(|document| walk::file(&document, &mut known, knows_all_keys))
            }
            // What it defines is not known, and may be all that is missed elsewhere.
            None => {
                known.is_whole = false;
                Ok(())
            }
        };
        if let Err(problem) = checked {
            known.is_whole = false;
            problems.insert(path, problem);
        }
    }
    problems
}
