//! Checks of the filesystems that hold certain paths.

use super::Spec;
use crate::catalog::fields::table;
use crate::catalog::settings::Settings;
use crate::model::Query;
use crate::model::sorted::SortedMap;
use crate::units::{AbsolutePath, Bytes};

/// Free space for unprivileged writers at each path.
#[derive(Clone, Debug)]
pub struct Space {
    pub paths: SortedMap<AbsolutePath, Bytes>,
    /// Where logs may be moved to: of these directories, the one with most room on another disk.
    pub archive_to: Vec<AbsolutePath>,
}

table!(Space: paths; archive_to);

impl Spec for Space {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        space_of(self.paths.keys())
    }
}

/// The needs of another check added up where its paths share a filesystem.
#[derive(Clone, Debug)]
pub struct SpaceShared {
    pub needs_of: String,
    pub paths: SortedMap<AbsolutePath, Bytes>,
}

table!(SpaceShared: needs_of; .. paths);

impl Spec for SpaceShared {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        space_of(self.paths.keys())
    }
}

/// Free inodes: short only when both the share and the number are low.
#[derive(Clone, Debug)]
pub struct Inodes {
    pub paths: Vec<AbsolutePath>,
    pub below_percent: u64,
    pub below_count: u64,
}

table!(Inodes: paths, below_percent, below_count);

impl Spec for Inodes {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        space_of(&self.paths)
    }
}

#[derive(Clone, Debug)]
pub struct ReadOnly {
    pub paths: Vec<AbsolutePath>,
}

table!(ReadOnly: paths);

impl Spec for ReadOnly {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        space_of(&self.paths)
    }
}

#[derive(Clone, Debug)]
pub struct NoExec {
    pub paths: Vec<AbsolutePath>,
}

table!(NoExec: paths);

impl Spec for NoExec {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        space_of(&self.paths)
    }
}

/// Deleted files that processes keep open, on the filesystems of another check's paths.
#[derive(Clone, Debug)]
pub struct DeletedOpen {
    pub needs_of: String,
    /// Worth a finding from this size on, or from this share of the filesystem.
    pub from: Bytes,
    pub from_percent: u64,
    pub paths: SortedMap<AbsolutePath, Bytes>,
}

table!(DeletedOpen: needs_of, from, from_percent; .. paths);

impl Spec for DeletedOpen {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        space_of(self.paths.keys())
    }
}

fn space_of<'a>(paths: impl IntoIterator<Item = &'a AbsolutePath>) -> Vec<Query> {
    paths.into_iter().map(|path| Query::Space(path.to_string())).collect()
}
