//! What is handed between whoever asked for a run and the process that carries it out, which lives in a session of its
//! own: `/run/hostready/RUN/` with the request, the answer, and a lock that tells whether anybody works on it.
#![allow(clippy::disallowed_methods)] // this is the home of the methods that are denied elsewhere

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::lock::{DIRECTORY, exclusive};
use crate::model::Report;
use crate::model::run::Request;

/// Where it lies.
pub const PLACE: &str = DIRECTORY;

const REQUEST: &str = "request";
const ANSWER: &str = "answer";
const WORKER: &str = "worker";

/// Answers that nobody came for.
const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Clone, Debug)]
pub struct Handover {
    directory: PathBuf,
}

/// Held by the one process that works on a run, until it ends.
#[derive(Debug)]
pub struct Worker {
    _held: Flock<File>,
}

/// How a run ended.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// With what is to be said on stderr beside it.
    Report { report: Box<Report>, notices: Vec<String> },
    /// Without a report: why.
    Error { exit_code: u8, message: String },
}

impl Handover {
    pub fn of(run: &str) -> Self {
        Self { directory: PathBuf::from(DIRECTORY).join(run) }
    }

    pub fn exists(&self) -> bool {
        self.directory.is_dir()
    }

    /// Leaves the request for whoever works on it.
    pub fn give(&self, request: &Request) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        self.write(REQUEST, &serde_json::to_vec(request)?)
    }

    /// Takes the request; a second worker on the same run gets none.
    pub fn take(&self) -> io::Result<(Worker, Request)> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(self.path(WORKER))?;
        let held = exclusive(file).map_err(|(_, errno)| io::Error::from(errno))?;
        let request = serde_json::from_slice(&std::fs::read(self.path(REQUEST))?)?;
        Ok((Worker { _held: held }, request))
    }

    /// What was asked for, for whoever watches over it.
    pub fn request(&self) -> io::Result<Request> {
        Ok(serde_json::from_slice(&std::fs::read(self.path(REQUEST))?)?)
    }

    /// Whether somebody works on it now.
    pub fn is_taken(&self) -> bool {
        let file = OpenOptions::new().read(true).open(self.path(WORKER));
        file.is_ok_and(|file| Flock::lock(file, FlockArg::LockSharedNonblock).is_err())
    }

    pub fn answer(&self, answer: &Answer) -> io::Result<()> {
        self.write(ANSWER, &serde_json::to_vec(answer)?)
    }

    /// None where it has not ended yet.
    pub fn answered(&self) -> io::Result<Option<Answer>> {
        match std::fs::read(self.path(ANSWER)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Seen whole or not at all.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.path(&format!(".{name}"));
        std::fs::write(&temporary, bytes)?;
        std::fs::set_permissions(&temporary, Permissions::from_mode(0o600))?;
        std::fs::rename(&temporary, self.path(name))
    }
}

/// Removes what ended long ago; what cannot be removed is gone with the next boot.
pub fn sweep() {
    for entry in std::fs::read_dir(DIRECTORY).into_iter().flatten().flatten() {
        let handover = Handover { directory: entry.path() };
        let age = entry.metadata().and_then(|found| found.modified()).ok().and_then(|time| time.elapsed().ok());
        let is_old = age.is_some_and(|age| age > KEPT_FOR);
        if is_old && handover.path(REQUEST).is_file() && !handover.is_taken() {
            let _ = std::fs::remove_dir_all(&handover.directory);
        }
    }
}
