//! The snapshots that are kept on this machine, as they are read.
//!
//! `snapshots/NAME.json` each, and `baseline`, a link to the one that `verify` compares with.

use std::io::{Error, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::model::Snapshot;
use crate::model::gather::Arrange as _;
use crate::model::snapshot::{Listed, SCHEMA, SCHEMA_VERSION, Unreadable};

/// A snapshot that cannot be used, and why.
#[derive(Debug, Error)]
pub enum UnusableSnapshot {
    #[error("{path}: there is no such snapshot")]
    Missing { path: String },
    #[error("{path}: leads to {target}, which is gone")]
    Dangling { path: String, target: String },
    #[error("{path}: {error}")]
    Unreadable { path: String, error: Error },
    #[error("{path}:{line}:{column}: {message}")]
    Malformed { path: String, line: usize, column: usize, message: String, hint: &'static str },
    #[error("{path}:1:1: a snapshot of schema version {version}, and this hostready reads {SCHEMA_VERSION}")]
    TooNew { path: String, version: String },
    #[error("{path}:1:1: this document was printed and not kept: the baseline of {taken_at} stayed in its place")]
    NotKept { path: String, taken_at: String },
}

impl UnusableSnapshot {
    /// What to do, on one line. `otherwise` is what helps whatever is wrong, unless it is the right to read.
    pub fn hint(&self, otherwise: &str) -> String {
        let hint = match self {
            Self::Unreadable { error, .. } if error.kind() == ErrorKind::PermissionDenied => return AS_ROOT.to_owned(),
            Self::Malformed { hint, .. } => hint,
            Self::TooNew { .. } => "use the hostready that wrote it, or a newer one",
            Self::NotKept { .. } => "leave --baseline out to compare with that one",
            Self::Missing { .. } | Self::Dangling { .. } | Self::Unreadable { .. } => {
                "`hostready snapshot --list` shows what there is"
            }
        };
        if otherwise.is_empty() { hint.to_owned() } else { format!("{hint}; {otherwise}") }
    }
}

const AS_ROOT: &str = "run it as root";
const DAMAGED: &str = "the file is damaged, or is no snapshot of hostready";

/// A state directory that others could have a say in.
#[derive(Debug, Error)]
#[error("{path}: {what}\nhint: {hint}")]
pub struct UnsafeState {
    path: String,
    what: String,
    hint: String,
}

/// Where snapshots are kept.
#[derive(Clone, Debug)]
pub struct Snapshots {
    pub state: PathBuf,
}

/// What the journal and the plan of a repair take on a host with thousands of ports.
pub const RESERVE: u64 = 4 << 20;

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

    /// Room on the disk that a repair's journal gets when there is no other.
    pub fn reserve(&self) -> PathBuf {
        self.state.join("reserve")
    }

    /// Nobody but us can change what is kept here. A directory that is not there yet is safe.
    pub fn is_safe(&self) -> Result<(), UnsafeState> {
        [&self.state, &self.directory()].into_iter().try_for_each(|directory| is_ours(directory))
    }

    /// The baseline; none where no snapshot was ever taken.
    pub fn baseline(&self) -> Result<Option<Snapshot>, UnusableSnapshot> {
        let link = self.baseline_link();
        match link.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(UnusableSnapshot::Unreadable { path: link.display().to_string(), error }),
            Ok(_) => match (read(&link), std::fs::read_link(&link)) {
                (Err(UnusableSnapshot::Missing { path }), Ok(target)) => {
                    Err(UnusableSnapshot::Dangling { path, target: target.display().to_string() })
                }
                (read, _) => read.map(Some),
            },
        }
    }

    /// The name of the baseline, whether or not it can be read.
    pub fn baseline_name(&self) -> Option<String> {
        let target = std::fs::read_link(self.baseline_link()).ok()?;
        Some(target.file_name()?.to_str()?.strip_suffix(".json")?.to_owned())
    }

    /// What could be compared with where the baseline cannot.
    pub fn others(&self) -> String {
        let baseline = self.baseline_name();
        let is_other = |name: &String| Some(name) != baseline.as_ref();
        let names: Vec<String> = self.names().unwrap_or_default().into_iter().rev().filter(is_other).take(3).collect();
        match names.is_empty() {
            true => "no other snapshot is kept here".to_owned(),
            false => format!("`hostready verify --baseline NAME` compares with another: {}", names.join(", ")),
        }
    }

    /// The names of all snapshots, oldest first.
    pub fn names(&self) -> std::io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.directory()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let Some(name) = entry.file_name().to_str().and_then(|name| name.strip_suffix(".json")) {
                match entry.metadata().and_then(|metadata| metadata.modified()) {
                    Ok(modified) => found.push((modified, name.to_owned())),
                    // Another run let it go.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        found.arrange();
        Ok(found.into_iter().map(|(_, name)| name).collect())
    }

    /// What is said of every snapshot without reading what it remembers, oldest first.
    pub fn list(&self) -> std::io::Result<Vec<Listed>> {
        let baseline = self.baseline_name();
        Ok(self.names()?.into_iter().map(|name| self.listed(name, baseline.as_deref())).collect())
    }

    fn listed(&self, name: String, baseline: Option<&str>) -> Listed {
        let path = self.path(&name);
        let is_baseline = baseline == Some(name.as_str());
        let bytes = path.metadata().map_or(0, |metadata| metadata.len());
        let mut listed = Listed { name, taken_at: None, complete: false, is_baseline, bytes, error: None };
        match read_head(&path) {
            Ok((head, _)) => {
                listed.complete = head.unreadable.is_empty();
                listed.taken_at = Some(head.taken_at);
            }
            Err(error) => {
                let words = error.to_string();
                let place = path.display().to_string();
                let words = words.lines().next().unwrap_or_default();
                listed.error =
                    Some(words.strip_prefix(&place).unwrap_or(words).trim_start_matches([':', ' ']).to_owned());
            }
        }
        listed
    }
}

/// A name that a snapshot got from the clock: `20261121T091402Z`, with a number behind where that was taken.
pub fn is_by_time(name: &str) -> bool {
    let shape: String = name.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let (time, number) = shape.split_at_checked(16).unwrap_or((&shape, ""));
    let is_number = number.strip_prefix('-').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|it| it == b'0'));
    time == "00000000T000000Z" && (number.is_empty() || is_number)
}

/// Nobody but us and root can change what is in it.
pub fn is_ours(directory: &Path) -> Result<(), UnsafeState> {
    let path = directory.display().to_string();
    let found = match directory.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            let is_forbidden = error.kind() == ErrorKind::PermissionDenied;
            let hint = if is_forbidden { AS_ROOT } else { "name another one with --state-dir" };
            return Err(UnsafeState { path, what: error.to_string(), hint: hint.to_owned() });
        }
    };
    let own = nix::unistd::geteuid().as_raw();
    let (what, hint) = if found.is_symlink() {
        ("is a link, and whoever owns that decides where it leads".to_owned(), "name the directory itself".to_owned())
    } else if !found.is_dir() {
        ("is no directory".to_owned(), "name another one with --state-dir".to_owned())
    } else if found.uid() != own && found.uid() != 0 {
        (format!("belongs to user {}", found.uid()), format!("chown root: {path}"))
    } else if found.mode() & 0o022 != 0 {
        ("others may write in it".to_owned(), format!("chmod go-w {path}"))
    } else {
        return Ok(());
    };
    Err(UnsafeState { path, what, hint })
}

/// The first fields of the document: whether the rest can be read is told by these.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    schema: String,
    #[serde(default)]
    schema_version: String,
    #[serde(default)]
    taken_at: String,
    #[serde(default)]
    unreadable: Vec<Unreadable>,
}

/// Reads a snapshot from a file.
pub fn read(path: &Path) -> Result<Snapshot, UnusableSnapshot> {
    let (_, text) = read_head(path)?;
    let snapshot: Snapshot = serde_json::from_str(&text).map_err(|error| malformed(path, &error))?;
    match snapshot.kept {
        Some(kept) => Err(UnusableSnapshot::NotKept { path: path.display().to_string(), taken_at: kept.taken_at }),
        None => Ok(snapshot),
    }
}

/// What a file says it is, once it is sure that it is a snapshot which we can read, and all its bytes.
fn read_head(path: &Path) -> Result<(Head, String), UnusableSnapshot> {
    let shown = || path.display().to_string();
    let text = read_plain(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => UnusableSnapshot::Missing { path: shown() },
        _ => UnusableSnapshot::Unreadable { path: shown(), error },
    })?;
    let text = String::from_utf8(text).map_err(|error| {
        let (whole, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let line_start = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        UnusableSnapshot::Malformed {
            path: shown(),
            line: whole.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: whole.len() - line_start + 1,
            message: "not UTF-8".to_owned(),
            hint: DAMAGED,
        }
    })?;
    let head: Head = serde_json::from_str(&text).map_err(|error| malformed(path, &error))?;
    let another = |message: &str, hint| {
        let message = message.to_owned();
        Err(UnusableSnapshot::Malformed { path: shown(), line: 1, column: 1, message, hint })
    };
    match head.schema.as_str() {
        SCHEMA if head.schema_version.starts_with("1.") => Ok((head, text)),
        SCHEMA => Err(UnusableSnapshot::TooNew { path: shown(), version: head.schema_version }),
        "hostready/bundle" => {
            another("this is a bundle, and no snapshot", "`hostready snapshot --from FILE` makes one of it")
        }
        "hostready/report" => {
            another("this is a report, and no snapshot", "`hostready snapshot --list` shows what there is")
        }
        _ => another("this is no snapshot of hostready", DAMAGED),
    }
}

/// More than any switch needs: what is larger is no snapshot, and would cost the host its memory.
const LARGEST: u64 = 256 << 20;

/// The bytes of a regular file: a pipe would keep us waiting for ever, and a device has no end.
fn read_plain(path: &Path) -> std::io::Result<Vec<u8>> {
    let found = path.metadata()?;
    if !found.is_file() {
        return Err(Error::other("is no regular file"));
    }
    if found.len() > LARGEST {
        return Err(Error::other("is larger than 256 MiB, and no snapshot"));
    }
    std::fs::read(path)
}

fn malformed(path: &Path, error: &serde_json::Error) -> UnusableSnapshot {
    let words = error.to_string();
    let message = words.split(" at line ").next().unwrap_or_default().to_owned();
    let (line, column) = (error.line().max(1), error.column().max(1));
    UnusableSnapshot::Malformed { path: path.display().to_string(), line, column, message, hint: DAMAGED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_regular_file_is_not_read() {
        for path in ["/dev/zero", "/"] {
            let error = read(Path::new(path)).unwrap_err().to_string();
            assert_eq!(error, format!("{path}: is no regular file"));
        }
    }

    #[test]
    fn whoever_may_not_read_is_told_to_be_root() {
        let of = |kind: ErrorKind| UnusableSnapshot::Unreadable { path: String::new(), error: kind.into() };
        assert_eq!(of(ErrorKind::PermissionDenied).hint("or else"), "run it as root");
        assert!(of(ErrorKind::Other).hint("or else").ends_with("; or else"));
    }

    #[test]
    fn a_damaged_byte_is_named_with_its_place() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file.as_file(), b"{\n \"name\": \"a\xffb\"}").unwrap();
        let error = read(file.path()).unwrap_err();
        assert_eq!(error.to_string(), format!("{}:2:12: not UTF-8", file.path().display()));
        assert_eq!(error.hint(""), DAMAGED);
    }

    #[test]
    fn names_by_time_are_told_from_those_that_a_person_gave() {
        for name in ["20261121T091402Z", "20261121T091402Z-2", "20261121T091402Z-17"] {
            assert!(is_by_time(name), "{name}");
        }
        for name in
            ["", "before", "20261121T091402Z-", "20261121T091402Z-a", "20261121T091402", "x20261121T091402Z", "é"]
        {
            assert!(!is_by_time(name), "{name}");
        }
    }
}
