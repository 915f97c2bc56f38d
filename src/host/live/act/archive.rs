//! Logs that make room by moving to another filesystem. They go once the archive has been compared with them, and the
//! archive goes once they have been compared with it: at every moment each log is in one of both places, whole.
#![allow(clippy::disallowed_methods)] // this is the home of the methods that are denied elsewhere

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::syncfs;

use super::remove;
use crate::host::change::NotDone;
use crate::host::live::exec;
use crate::host::store;
use crate::model::gather::Gather as _;
use crate::model::plan::{Doomed, Run};
use crate::model::sorted::SortedSet;

/// Gigabytes from a slow disk onto another; what is cut short is begun anew.
const DEADLINE_S: u64 = 3600;

/// Nothing else is archived.
const LOGS: &str = "/var/log";

/// Where what is archived comes from: each path is kept without the slash in front.
const ROOT: &str = "--directory=/";

pub fn pack(into: &Path, files: &[Doomed]) -> Result<(), NotDone> {
    // Only a whole archive has this name: whoever goes on after a crash has the rest to do.
    if !into.exists() {
        make(into, &remove::unchanged(files)?)?;
    }
    let members = members(into)?;
    let is_in = |file: &&Doomed| members.contains(file.path.trim_start_matches('/'));
    remove::remove(&files.iter().filter(is_in).cloned().collect::<Vec<_>>())
}

fn make(into: &Path, files: &[&Doomed]) -> Result<(), NotDone> {
    let (part, list) = (beside(into, ".part"), beside(into, ".list"));
    let failed = |error: io::Error| NotDone::new(format!("cannot make {}: {error}", into.display()));
    let prepare = || -> io::Result<()> {
        if let Some(directory) = into.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let names: String = files.iter().map(|file| format!("{}\0", file.path.trim_start_matches('/'))).collect();
        private(&list)?.write_all(names.as_bytes())?;
        // Logs are not for everybody to read, and neither is this.
        private(&part).map(drop)
    };
    prepare().map_err(failed)?;
    let listed = format!("--files-from={}", list.display());
    // The format that keeps times to the nanosecond.
    let made =
        tar(&part, &["--create", "--format=posix", ROOT, "--no-recursion", "--null", "--verbatim-files-from", &listed])
            .and_then(|_| tar(&part, &["--compare", ROOT]));
    let keep = || -> io::Result<()> {
        File::open(&part)?.sync_all()?;
        std::fs::rename(&part, into)?;
        store::sync_directory(into)
    };
    let kept = made.and_then(|_| keep().map_err(failed));
    clear(into).map_err(failed)?;
    kept
}

/// What a run that was cut short has left beside it.
fn clear(archive: &Path) -> io::Result<()> {
    for left in [".part", ".list"] {
        match std::fs::remove_file(beside(archive, left)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

pub fn unpack(from: &Path) -> Result<(), NotDone> {
    let failed = |error: io::Error| NotDone::new(format!("cannot put back {}: {error}", from.display()));
    clear(from).map_err(failed)?;
    let bytes = match from.symlink_metadata() {
        Ok(archive) => archive.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            leave(from);
            return Ok(());
        }
        Err(error) => return Err(failed(error)),
    };
    let members = members(from)?;
    for member in &members {
        remove::is_reached_plainly(Path::new(&format!("/{member}")))?;
    }
    let room = statvfs(LOGS).map_err(|errno| failed(errno.into()))?;
    if room.blocks_available().saturating_mul(room.fragment_size()) < bytes {
        let why = format!("{LOGS} has no room for what is in {}: it stays there", from.display());
        return Err(NotDone::new(why));
    }
    put_back(from, &members)?;
    tar(from, &["--compare", ROOT])?;
    let gone = || -> io::Result<()> {
        std::fs::remove_file(from)?;
        store::sync_directory(from)
    };
    gone().map_err(failed)?;
    leave(from);
    Ok(())
}

/// Made beside, and named when it is whole: half a file that a crash has left would look like a log that has come since.
fn put_back(from: &Path, members: &SortedSet<String>) -> Result<(), NotDone> {
    let failed = |error: io::Error| NotDone::new(format!("cannot put back {}: {error}", from.display()));
    let aside = Path::new(LOGS).join(format!(".hostready-{}", from.file_name().unwrap_or_default().display()));
    clear_aside(&aside).and_then(|()| DirBuilder::new().mode(0o700).create(&aside)).map_err(failed)?;
    let into = format!("--directory={}", aside.display());
    let made = tar(from, &["--extract", &into, "--preserve-permissions", "--same-owner", "--numeric-owner"]);
    let named = made.and_then(|()| members.iter().try_for_each(|member| name(&aside, member)).map_err(failed));
    clear_aside(&aside).map_err(failed)?;
    named?;
    // The archive goes next, and the power may.
    File::open(LOGS).and_then(|logs| Ok(syncfs(logs)?)).map_err(failed)
}

/// A log of the same name that has come since is the younger one, and stays; the comparison then tells.
fn name(aside: &Path, member: &str) -> io::Result<()> {
    let path = Path::new("/").join(member);
    if let Some(directory) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    }
    match std::fs::hard_link(aside.join(member), &path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn clear_aside(aside: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The directory goes with the last archive in it.
fn leave(archive: &Path) {
    if let Some(directory) = archive.parent() {
        // Another archive may be in it, and then it stays.
        let _ = std::fs::remove_dir(directory);
    }
}

/// What is in it, without the slash in front.
fn members(archive: &Path) -> Result<SortedSet<String>, NotDone> {
    // Into a file: of what a program says only the end is kept.
    let index = beside(archive, ".list");
    let failed = |error: io::Error| NotDone::new(format!("cannot read {}: {error}", archive.display()));
    drop(private(&index).map_err(failed)?);
    let told = format!("--index-file={}", index.display());
    tar(archive, &["--list", "--quoting-style=literal", &told])?;
    let text = std::fs::read_to_string(&index).map_err(failed)?;
    clear(archive).map_err(failed)?;
    Ok(text.lines().map(str::to_owned).gather())
}

fn tar(archive: &Path, words: &[&str]) -> Result<(), NotDone> {
    let file = format!("--file={}", archive.display());
    let argv = [&["tar", &file, "--force-local"], words].concat();
    exec::run(&Run { deadline_s: Some(DEADLINE_S), ..Run::new(&argv) }).map(drop)
}

fn beside(archive: &Path, end: &str) -> PathBuf {
    let mut path = archive.as_os_str().to_owned();
    path.push(end);
    PathBuf::from(path)
}

/// A new file in the place of an old one, for its owner alone.
fn private(path: &Path) -> io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}
