//! Python environments below a directory.

use std::collections::HashSet;
use std::fs::{DirEntry, read_dir};
use std::io::Error;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::mounts::{Mounts, Place};
use super::{failure, files};
use crate::model::answer::PythonEnvironment;
use crate::model::gather::Arrange as _;
use crate::model::{Reading, TroubleCause};

/// `/opt/VENDOR/PRODUCT/lib/venv/NAME`
const DEEPEST: usize = 5;
/// More is no place where programs are kept.
const MOST_ENTRIES: usize = 200_000;
const CONFIGURATION: &str = "pyvenv.cfg";

/// Every environment at most five levels below `path`, on its own filesystem, in the order of their paths. Links are
/// not followed, and within an environment no other is looked for.
pub fn environments(path: &Path, mounts: &Mounts, deadline: Instant) -> Reading<Vec<PythonEnvironment>> {
    let looked = std::fs::canonicalize(path).and_then(|real| Ok((real.metadata()?, real)));
    let (metadata, real) = match looked {
        Ok(found) => found,
        Err(error) => return failure::reading("cannot look at", path, &error),
    };
    let walk = Walk { mounts, mount_points: mounts.points(), device: metadata.dev(), deadline };
    walk.below(real).map(|mut found| {
        found.arrange_by(|one, other| one.path.cmp(&other.path));
        found
    })
}

struct Walk<'m> {
    mounts: &'m Mounts,
    mount_points: HashSet<PathBuf>,
    device: u64,
    deadline: Instant,
}

impl Walk<'_> {
    fn below(&self, top: PathBuf) -> Reading<Vec<PythonEnvironment>> {
        let mut found = Vec::new();
        let mut entries = 0;
        let mut open = vec![(top.clone(), 0)];
        while let Some((directory, depth)) = open.pop() {
            let listed = match read_dir(&directory) {
                Ok(listed) => listed,
                Err(error) if directory == top => return failure::reading("cannot list", &directory, &error),
                // It went while we looked.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return failure::unreadable("cannot list", &directory, &error),
            };
            let (mut below, mut is_environment) = (Vec::new(), false);
            for entry in listed.flatten() {
                entries += 1;
                if entries > MOST_ENTRIES {
                    let detail = format!("{} holds more than {MOST_ENTRIES} files", top.display());
                    return Reading::unreadable(TroubleCause::Failed, detail);
                }
                if Instant::now() >= self.deadline {
                    let detail = format!("{} was not gone through in time", top.display());
                    return Reading::unreadable(TroubleCause::TimedOut, detail);
                }
                is_environment |= entry.file_name() == CONFIGURATION;
                if depth < DEEPEST && self.is_inside(&entry) {
                    below.push((entry.path(), depth + 1));
                }
            }
            match is_environment {
                true => found.push(self.environment(&directory)),
                false => open.append(&mut below),
            }
        }
        Reading::Known(found)
    }

    /// A directory of this filesystem. What is mounted is told by name: asking a hung mount would hang.
    fn is_inside(&self, entry: &DirEntry) -> bool {
        entry.file_type().is_ok_and(|kind| kind.is_dir())
            && !self.mount_points.contains(&entry.path())
            && entry.metadata().is_ok_and(|metadata| metadata.dev() == self.device)
    }

    fn environment(&self, directory: &Path) -> PythonEnvironment {
        let mut unread = None;
        let mut found = PythonEnvironment { path: directory.display().to_string(), ..PythonEnvironment::default() };
        for name in ["bin/python3", "bin/python"] {
            match self.leads_to(&directory.join(name)) {
                Reading::Known(interpreter) => found.interpreter = found.interpreter.or(Some(interpreter)),
                Reading::Absent => {}
                Reading::Unreadable(trouble) => unread = unread.or(Some(trouble)),
            }
        }
        // One that is found is enough.
        unread = unread.filter(|_| found.interpreter.is_none());
        match self.near(&directory.join(CONFIGURATION), files::content) {
            Reading::Known(text) => {
                let configuration = String::from_utf8_lossy(&text);
                found.home = value(&configuration, "home");
                // virtualenv writes the longer name.
                found.version = value(&configuration, "version").or_else(|| value(&configuration, "version_info"));
            }
            Reading::Absent => {}
            Reading::Unreadable(trouble) => unread = unread.or(found.interpreter.is_some().then_some(trouble)),
        }
        match self.near(&directory.join("lib"), files::names) {
            Reading::Known(names) => {
                found.libraries = names.into_iter().filter(|name| name.starts_with("python")).collect();
                found.libraries.arrange();
            }
            Reading::Absent => {}
            // Without an interpreter nothing starts, whatever the libraries are for.
            Reading::Unreadable(trouble) => unread = unread.or(found.interpreter.is_some().then_some(trouble)),
        }
        PythonEnvironment { unread, ..found }
    }

    /// Looks where nothing can hang: it may be a link, and lead anywhere.
    fn near<T>(&self, path: &Path, look: impl FnOnce(&Path) -> Reading<T>) -> Reading<T> {
        match self.mounts.remote(path) {
            Some(mount) => {
                let detail = format!("{} leads onto {}, which may hang", path.display(), mount.point.display());
                Reading::unreadable(TroubleCause::Failed, detail)
            }
            None => look(path),
        }
    }

    /// Where a link leads in the end; absent where that is nowhere. One that leads onto a filesystem that may hang is
    /// told by where it starts.
    fn leads_to(&self, link: &Path) -> Reading<String> {
        let failed = |error: Error| match error.raw_os_error() {
            // Links that go round lead nowhere.
            Some(nix::libc::ELOOP) => Reading::Absent,
            _ => failure::reading("cannot follow", link, &error),
        };
        match self.mounts.follow(link) {
            Ok(Place::Here(path)) => Reading::Known(path.display().to_string()),
            Ok(Place::Remote(_)) => match std::fs::read_link(link) {
                Ok(target) => Reading::Known(target.display().to_string()),
                Err(error) => failed(error),
            },
            Ok(Place::Missing { .. }) => Reading::Absent,
            Err(error) => failed(error),
        }
    }
}

/// A value of pyvenv.cfg: `home = /usr/bin`.
fn value(configuration: &str, key: &str) -> Option<String> {
    let pairs = configuration.lines().filter_map(|line| line.split_once('='));
    let mut found = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case(key));
    found.next().map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests;
