//! Reads `/etc/hostready`: only files that root owns and nobody else may write.

use std::fs::{File, Metadata, read_dir};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::model::gather::Arrange as _;
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub const DIRECTORY: &str = "/etc/hostready";
const LARGEST: u64 = 4 << 20;

/// A configuration file as it was read, or as a recording kept it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationFile {
    pub name: String,
    pub text: String,
    /// One of `checks.d`, rather than the configuration itself.
    pub checks: bool,
}

#[derive(Debug, Error)]
pub enum ConfigurationError {
    #[error("{path}: {what}\nhint: {hint}")]
    Untrusted { path: String, what: String, hint: String },
    #[error("{path}: {error}")]
    Unreadable { path: String, error: std::io::Error },
    #[error("{path}: not UTF-8\nhint: save it as UTF-8 text")]
    NotText { path: String },
    #[error("{path}: larger than 4 MiB\nhint: this is no configuration file")]
    TooLarge { path: String },
}

/// The configuration and, beside it, every `checks.d/*.toml` in the order of their names.
///
/// Without `named` the usual place is looked at, and an absent file is no error.
pub fn read(named: Option<&Path>) -> Result<Vec<ConfigurationFile>, ConfigurationError> {
    let path = named.map_or_else(|| Path::new(DIRECTORY).join("config.toml"), Path::to_path_buf);
    let directory = path.parent().unwrap_or(Path::new("/")).to_path_buf();
    let mut files = Vec::new();
    if named.is_none() {
        check_directory(&directory)?;
    }
    match read_file(&path) {
        Err(ConfigurationError::Unreadable { error, .. }) if named.is_none() && error.kind() == ErrorKind::NotFound => {
        }
        read => files.push(ConfigurationFile { name: path.display().to_string(), text: read?, checks: false }),
    }
    for path in checks_in(&directory.join("checks.d"))? {
        files.push(ConfigurationFile { name: path.display().to_string(), text: read_file(&path)?, checks: true });
    }
    Ok(files)
}

fn checks_in(directory: &Path) -> Result<Vec<PathBuf>, ConfigurationError> {
    check_directory(directory)?;
    let entries = match read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(directory, error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(directory, error))?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.arrange();
    Ok(paths)
}

/// Whoever may write a directory decides what is in it.
fn check_directory(directory: &Path) -> Result<(), ConfigurationError> {
    match directory.metadata() {
        Ok(metadata) => check_owner(directory, &metadata),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unreadable(directory, error)),
    }
}

fn read_file(path: &Path) -> Result<String, ConfigurationError> {
    let name = || path.display().to_string();
    // Non-blocking: a pipe in the file's place must not hold us.
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
    let opened = File::options().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| unreadable(path, error))?;
    // The opened file is asked, not its name: the name may point elsewhere a moment later.
    let metadata = file.metadata().map_err(|error| unreadable(path, error))?;
    check_owner(path, &metadata)?;
    if !metadata.is_file() {
        return Err(unreadable(path, std::io::Error::other("not a regular file")));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, error))?;
    if bytes.len() as u64 > LARGEST {
        return Err(ConfigurationError::TooLarge { path: name() });
    }
    String::from_utf8(bytes).map_err(|_| ConfigurationError::NotText { path: name() })
}

fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), ConfigurationError> {
    let us = nix::unistd::geteuid().as_raw();
    let untrusted =
        |what: String, hint: String| ConfigurationError::Untrusted { path: path.display().to_string(), what, hint };
    if metadata.uid() != 0 && metadata.uid() != us {
        let what = format!("owned by user {}, not by root", metadata.uid());
        return Err(untrusted(what, format!("chown root: {}", path.display())));
    }
    if metadata.mode() & 0o022 != 0 {
        let what = format!("others may write it (mode {:04o})", metadata.mode() & 0o7777);
        return Err(untrusted(what, format!("chmod go-w {}", path.display())));
    }
    Ok(())
}

fn unreadable(path: &Path, error: std::io::Error) -> ConfigurationError {
    ConfigurationError::Unreadable { path: path.display().to_string(), error }
}
