//! What takes up space.

use crate::model::stored::row;

#[derive(Clone, Debug, PartialEq)]
pub struct DeletedOpen {
    pub files: Vec<DeletedFile>,
    /// Processes whose descriptors we may not read.
    pub processes_denied: u64,
}

row!(DeletedOpen, Required { files, processes_denied });

/// A deleted file, once, however many descriptors hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeletedFile {
    pub device: String,
    pub inode: u64,
    pub bytes: u64,
    pub path: String,
    pub pid: u32,
    pub command: String,
    pub unit: Option<String>,
}

row!(DeletedFile, Required { device, inode, bytes, path, pid, command, unit });

#[derive(Clone, Debug, PartialEq)]
pub struct FileRow {
    pub path: String,
    pub device: String,
    /// What its blocks take up, not what its length says.
    pub bytes: u64,
    /// When it was last written to, seconds since 1970.
    pub modified: Option<i64>,
}

row!(FileRow, Required { path, device, bytes, modified: Sparse });

#[derive(Clone, Debug, PartialEq)]
pub struct Largest {
    pub entries: Vec<SizedPath>,
    /// False where the walk ran out of time: the sizes are then lower bounds.
    pub complete: bool,
}

row!(Largest, Required { entries, complete });

#[derive(Clone, Debug, PartialEq)]
pub struct SizedPath {
    pub path: String,
    pub bytes: u64,
}

row!(SizedPath, Required { path, bytes });
