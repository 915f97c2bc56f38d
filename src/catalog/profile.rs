//! Which kinds of host there are, and how one is known.

use serde::Deserialize;

use super::kind::packages::STATUS;
use crate::model::Query;

/// The profile that every host has.
pub const LINUX: &str = "linux";

/// A host has this profile when one of the packages or files is there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub name: String,
    pub title: String,
    /// In any dpkg state but not-installed.
    #[serde(default)]
    pub packages: Vec<String>,
    #[serde(default)]
    pub files: Vec<String>,
    /// It changes checks of others where it applies: `override."disk.space".paths = { … }`.
    #[serde(skip)]
    pub overrides: bool,
}

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
