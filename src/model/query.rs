//! The closed list of questions that may be put to a host.
//!
//! A question has one spelling, its key: `space:/var`. Recordings, scenarios and `bundle` use it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Query {
    /// The bytes of a file.
    File(String),
    /// Is there anything under this name?
    Exists(String),
    /// The names in a directory, without their content.
    Directory(String),
    /// Free space, inodes and mount flags at a path or its nearest existing ancestor.
    Space(String),
    /// Who holds a POSIX record lock on this file.
    Lock(String),
    /// Whose rights we look with.
    User,
    Links,
    Addresses,
    /// Every unit that systemd has loaded.
    Units,
    /// One unit by name, loaded or not.
    Unit(String),
    /// The rows that we judge of the OVSDB behind this socket.
    Ovsdb(String),
    /// Whether vswitchd catches up with the database, watched for a moment.
    OvsProgress(String),
    /// How many flows the bridge behind this management socket holds.
    Flows(String),
    /// The processes of this name.
    Processes(String),
    /// Virtual machine processes.
    Guests,
    Clock,
    /// Does this `host:port` accept a connection?
    Tcp(String),
    /// Does this URL answer with any HTTP status?
    Http(String),
    /// Files that are deleted but still held open.
    DeletedOpen,
    /// Files that a fix could free.
    Freeable(Freeable),
    /// The largest things below a path, on its own filesystem.
    Largest(String),
}

/// The families of files that a fix for space can free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freeable {
    ArchivedJournals,
    RotatedLogs,
    AptCache,
}

impl Freeable {
    pub const ALL: [Self; 3] = [Self::ArchivedJournals, Self::RotatedLogs, Self::AptCache];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ArchivedJournals => "archived-journals",
            Self::RotatedLogs => "rotated-logs",
            Self::AptCache => "apt-cache",
        }
    }
}

impl Query {
    /// How long the answer may take before the row says `unknown`.
    pub fn deadline(&self) -> Duration {
        match self {
            Self::Http(_) => Duration::from_secs(10),
            _ => Duration::from_secs(5),
        }
    }

    /// Questions of one lane are asked one after the other, lanes side by side. What may hang by
    /// itself has a lane of its own.
    pub fn lane(&self) -> String {
        match self {
            Self::Units | Self::Unit(_) => "systemd".to_owned(),
            Self::Links | Self::Addresses => "netlink".to_owned(),
            Self::Ovsdb(_) | Self::OvsProgress(_) | Self::Flows(_) | Self::Tcp(_) | Self::Http(_) => self.to_string(),
            Self::DeletedOpen | Self::Freeable(_) | Self::Largest(_) | Self::Guests | Self::Processes(_) => {
                self.to_string()
            }
            Self::Space(path) | Self::File(path) | Self::Exists(path) | Self::Directory(path) | Self::Lock(path) => {
                disk_lane(path)
            }
            Self::User | Self::Clock => "files".to_owned(),
        }
    }

    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::File(path) => ("file", path),
            Self::Exists(path) => ("exists", path),
            Self::Directory(path) => ("directory", path),
            Self::Space(path) => ("space", path),
            Self::Lock(path) => ("lock", path),
            Self::User => ("user", ""),
            Self::Links => ("links", ""),
            Self::Addresses => ("addresses", ""),
            Self::Units => ("units", ""),
            Self::Unit(name) => ("unit", name),
            Self::Ovsdb(socket) => ("ovsdb", socket),
            Self::OvsProgress(socket) => ("ovs-progress", socket),
            Self::Flows(socket) => ("flows", socket),
            Self::Processes(name) => ("processes", name),
            Self::Guests => ("guests", ""),
            Self::Clock => ("clock", ""),
            Self::Tcp(endpoint) => ("tcp", endpoint),
            Self::Http(url) => ("http", url),
            Self::DeletedOpen => ("deleted-open", ""),
            Self::Freeable(family) => ("freeable", family.as_str()),
            Self::Largest(path) => ("largest", path),
        }
    }
}

/// Paths below one top directory share a lane: a disk that hangs holds up its own questions, not the others'.
fn disk_lane(path: &str) -> String {
    match path.trim_start_matches('/').split('/').next() {
        Some(top @ ("var" | "opt" | "tmp" | "home" | "srv" | "boot" | "mnt")) => format!("files:/{top}"),
        _ => "files".to_owned(),
    }
}

impl fmt::Display for Query {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (kind, "") => out.write_str(kind),
            (kind, argument) => write!(out, "{kind}:{argument}"),
        }
    }
}

impl FromStr for Query {
    type Err = String;

    fn from_str(key: &str) -> Result<Self, String> {
        let (kind, argument) = key.split_once(':').unwrap_or((key, ""));
        let owned = argument.to_owned();
        let query = match kind {
            "file" => Self::File(owned),
            "exists" => Self::Exists(owned),
            "directory" => Self::Directory(owned),
            "space" => Self::Space(owned),
            "lock" => Self::Lock(owned),
            "user" => Self::User,
            "links" => Self::Links,
            "addresses" => Self::Addresses,
            "units" => Self::Units,
            "unit" => Self::Unit(owned),
            "ovsdb" => Self::Ovsdb(owned),
            "ovs-progress" => Self::OvsProgress(owned),
            "flows" => Self::Flows(owned),
            "processes" => Self::Processes(owned),
            "guests" => Self::Guests,
            "clock" => Self::Clock,
            "tcp" => Self::Tcp(owned),
            "http" => Self::Http(owned),
            "deleted-open" => Self::DeletedOpen,
            "freeable" => match Freeable::ALL.into_iter().find(|family| family.as_str() == argument) {
                Some(family) => Self::Freeable(family),
                None => return Err(format!("`{key}` names no family of files")),
            },
            "largest" => Self::Largest(owned),
            _ => return Err(format!("`{key}` is no question that this version knows")),
        };
        Ok(query)
    }
}
