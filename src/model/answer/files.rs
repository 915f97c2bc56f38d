//! Directories and what is in them.

use crate::model::stored::{Place, Stored, View, choice, row};

/// The bytes of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Content(pub Vec<u8>);

impl Stored for Content {
    fn blank() -> Self {
        Self(Vec::new())
    }

    fn place(&mut self) -> Place<'_> {
        self.0.place()
    }

    fn view(&self) -> View<'_> {
        self.0.view()
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub name: String,
    pub kind: EntryKind,
    /// Its length; for a link that of what it leads to.
    pub bytes: u64,
    /// Where a link leads, as it is written.
    pub target: Option<String>,
}

row!(Entry, Required { name, kind, bytes, target: Sparse });

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    File,
    Directory,
    /// A link to something that is there.
    Link,
    DanglingLink,
    Other,
}

choice! {
    EntryKind: Self::File;
    "file" => File,
    "directory" => Directory,
    "link" => Link,
    "dangling-link" => DanglingLink,
    "other" => Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modified {
    /// Seconds since 1970, UTC.
    pub seconds: i64,
}

row!(Modified, Required { seconds });

/// A package as a file: what its own control data says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    pub path: String,
    pub version: String,
    pub architecture: String,
    /// Why it must not be installed: it is damaged, or would take another package's place.
    pub flaw: Option<String>,
}

row!(Archive, Required { path, version, architecture, flaw: Sparse });
