//! The snapshots that are kept on this machine, as they are read.
//!
//! `snapshots/NAME.json` each, and `baseline`, a link to the one that `verify` compares with.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::model::Snapshot;
use crate::model::snapshot::{SCHEMA, SCHEMA_VERSION};

/// A snapshot that cannot be used, and why.
#[derive(Debug, Error)]
pub enum UnusableSnapshot {
    #[error("{path}: there is no such snapshot\nhint: `hostready snapshot --list` shows what there is")]
    Missing { path: String },
    #[error("{path}: {error}")]
    Unreadable { path: String, error: std::io::Error },
    #[error("{path}:{line}:{column}: {message}\nhint: the file is damaged, or is no snapshot of hostready")]
    Malformed { path: String, line: usize, column: usize, message: String },
    #[error(
        "{path}:1:1: a snapshot of schema version {version}, and this hostready reads {SCHEMA_VERSION}\nhint: use the hostready that wrote it, or a newer one"
    )]
    TooNew { path: String, version: String },
}

/// Where snapshots are kept.
#[derive(Clone, Debug)]
pub struct Snapshots {
    pub state: PathBuf,
}

impl Snapshots {
    pub fn directory(&self) -> PathBuf {
        self.state.join("snapshots")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory().join(format!("{name}.json"))
    }

    /// The link that names the baseline.
    pub fn baseline_link(&self) -> PathBuf {
        self.state.join("baseline")
    }

    pub fn console_card(&self) -> PathBuf {
        self.state.join("console.txt")
    }

    /// The baseline; none where no snapshot was ever taken.
    pub fn baseline(&self) -> Result<Option<Snapshot>, UnusableSnapshot> {
        let link = self.baseline_link();
        match link.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(UnusableSnapshot::Unreadable { path: link.display().to_string(), error }),
            Ok(_) => read(&link).map(Some),
        }
    }

    /// The names of all snapshots, oldest first.
    pub fn names(&self) -> std::io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.directory()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let Some(name) = entry.file_name().to_str().and_then(|name| name.strip_suffix(".json")) {
                found.push((entry.metadata()?.modified()?, name.to_owned()));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }
}

/// The first fields of the document: whether the rest can be read is told by these.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    schema: String,
    #[serde(default)]
    schema_version: String,
}

/// Reads a snapshot from a file.
pub fn read(path: &Path) -> Result<Snapshot, UnusableSnapshot> {
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => UnusableSnapshot::Missing { path: shown.clone() },
        _ => UnusableSnapshot::Unreadable { path: shown.clone(), error },
    })?;
    let malformed = |error: serde_json::Error| {
        let words = error.to_string();
        let message = words.split(" at line ").next().unwrap_or_default().to_owned();
        UnusableSnapshot::Malformed { path: shown.clone(), line: error.line(), column: error.column(), message }
    };
    let head: Head = serde_json::from_str(&text).map_err(malformed)?;
    if head.schema != SCHEMA {
        let message = "this is no snapshot of hostready".to_owned();
        return Err(UnusableSnapshot::Malformed { path: shown, line: 1, column: 1, message });
    }
    if !head.schema_version.starts_with("1.") {
        return Err(UnusableSnapshot::TooNew { path: shown, version: head.schema_version });
    }
    serde_json::from_str(&text).map_err(malformed)
}
