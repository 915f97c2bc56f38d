//! Which kinds of host there are, and how one is known.

use super::fields::table;
use super::kind::packages::STATUS;
use crate::model::Query;

/// The profile that every host has.
pub const LINUX: &str = "linux";

/// A host has this profile when one of the packages or files is there.
#[derive(Clone, Debug)]
pub struct Profile {
    pub name: String,
    pub title: String,
    /// In any dpkg state but not-installed.
    pub packages: Vec<String>,
    pub files: Vec<String>,
    /// It changes checks of others where it applies: `override."disk.space".paths = { … }`.
    pub overrides: bool,
}

table!(Profile: name, title; packages, files .. overrides);

impl Profile {
    /// The gate round: what must be read to know whether this profile applies.
    pub fn questions(&self) -> Vec<Query> {
        let mut asked: Vec<Query> = self.files.iter().map(|file| Query::Exists(file.clone())).collect();
        if !self.packages.is_empty() {
            asked.push(Query::File(STATUS.to_owned()));
        }
        asked
    }
}
