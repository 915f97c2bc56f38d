//! Files, directories and free space on filesystems that answer.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};

use super::failure;
use super::mounts::{Mounts, Place};
use crate::model::answer::{Content, Entry, EntryKind, Space};
use crate::model::{Reading, TroubleCause};

/// Far above what any file that we read should hold.
const LARGEST_FILE: u64 = 64 << 20;

/// The content of a regular file.
pub fn content(path: &Path) -> Reading<Vec<u8>> {
    // Non-blocking: a pipe put in a file's place must not hold us.
    let opened = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) => return failure::reading("cannot look at", path, &error),
    };
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Reading::unreadable(TroubleCause::Malformed, format!("{} is no regular file", path.display())),
        Err(error) => return failure::reading("cannot look at", path, &error),
    }
    let mut bytes = Vec::new();
    match file.take(LARGEST_FILE + 1).read_to_end(&mut bytes) {
        Err(error) => failure::reading("cannot look at", path, &error),
        Ok(_) if bytes.len() as u64 > LARGEST_FILE => {
            Reading::unreadable(TroubleCause::Malformed, format!("{} is larger than 64 MiB", path.display()))
        }
        Ok(_) => Reading::Known(bytes),
    }
}

/// The names in a directory, sorted.
pub fn names(path: &Path) -> Reading<Vec<String>> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return failure::reading("cannot look at", path, &error),
    };
    let mut names = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => names.push(entry.file_name().to_string_lossy().into_owned()),
            Err(error) => return failure::reading("cannot look at", path, &error),
        }
    }
    names.sort();
    Reading::Known(names)
}

/// What is in a directory, sorted by name; links are followed, and told as links.
pub fn listing(path: &Path) -> Reading<Vec<Entry>> {
    names(path).map(|names| names.into_iter().filter_map(|name| entry(path, name)).collect())
}

/// `None` for what has gone since its name was read.
fn entry(directory: &Path, name: String) -> Option<Entry> {
    let path = directory.join(&name);
    let own = path.symlink_metadata().ok()?;
    let target = own.is_symlink().then(|| std::fs::read_link(&path).ok()).flatten();
    let followed = path.metadata();
    let kind = match (&followed, own.is_symlink()) {
        (Ok(_), true) => EntryKind::Link,
        (Err(_), _) => EntryKind::DanglingLink,
        (Ok(found), false) if found.is_file() => EntryKind::File,
        (Ok(found), false) if found.is_dir() => EntryKind::Directory,
        (Ok(_), false) => EntryKind::Other,
    };
    let bytes = followed.map_or(0, |found| found.len());
    Some(Entry { name, kind, bytes, target: target.map(|target| target.to_string_lossy().into_owned()) })
}

/// The files that `DIRECTORY/*END` names. A link to /dev/null has no content: that is how one masks a file.
pub fn matching(pattern: &Path) -> Reading<BTreeMap<String, Reading<Content>>> {
    let (Some(directory), Some(end)) = (pattern.parent(), pattern.file_name().and_then(|name| name.to_str())) else {
        return Reading::unreadable(TroubleCause::Malformed, "a pattern is written `/directory/*.end`");
    };
    let end = end.trim_start_matches('*');
    let read = |name: String| {
        let path = directory.join(&name);
        let is_masked = path.canonicalize().is_ok_and(|target| target == Path::new("/dev/null"));
        let content = if is_masked { Reading::Known(Vec::new()) } else { content(&path) };
        (name, content.map(Content))
    };
    names(directory).map(|names| names.into_iter().filter(|name| name.ends_with(end)).map(read).collect())
}

/// How much of the end of a file is read.
const TAIL: u64 = 256 << 10;

/// The last part of a regular file, from the start of a line on.
pub fn tail(path: &Path) -> Reading<Vec<u8>> {
    let read = || -> std::io::Result<Option<Vec<u8>>> {
        let mut file =
            File::options().read(true).custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let from = metadata.len().saturating_sub(TAIL);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(TAIL).read_to_end(&mut bytes)?;
        if from > 0 {
            let line = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |newline| newline + 1);
            bytes.drain(..line);
        }
        Ok(Some(bytes))
    };
    match read() {
        Ok(Some(bytes)) => Reading::Known(bytes),
        Ok(None) => Reading::unreadable(TroubleCause::Malformed, format!("{} is no regular file", path.display())),
        Err(error) => failure::reading("cannot look at", path, &error),
    }
}

pub fn exists(path: &Path) -> Reading<bool> {
    match path.symlink_metadata() {
        Ok(_) => Reading::Known(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Reading::Known(false),
        Err(error) => failure::reading("cannot look at", path, &error),
    }
}

/// The space at `path` or its nearest ancestor that exists.
pub fn space(path: &Path, mounts: &Mounts) -> Reading<Space> {
    let existing = match mounts.follow(path) {
        Ok(Place::Here(existing) | Place::Missing { nearest: existing }) => existing,
        // Only the copy of ourselves that may hang comes this far on such a mount.
        Ok(Place::Remote(_)) => match nearest_existing(path) {
            Ok(existing) => existing,
            Err(error) => return failure::reading("cannot look at", path, &error),
        },
        Err(error) => return failure::reading("cannot look at", path, &error),
    };
    let mount = mounts.of(&existing);
    let device = match existing.metadata() {
        Ok(metadata) => mounts.space_device(&existing, device_name(metadata.dev())),
        Err(error) => return failure::reading("cannot look at", &existing, &error),
    };
    match statvfs(&existing) {
        Err(errno) => failure::reading("cannot look at", &existing, &errno.into()),
        Ok(found) => {
            let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
            Reading::Known(Space {
                existing: existing.to_string_lossy().into_owned(),
                device,
                available: bytes(found.blocks_available()),
                free: bytes(found.blocks_free()),
                size: bytes(found.blocks()),
                inodes: found.files(),
                inodes_available: found.files_available(),
                read_only: found.flags().contains(FsFlags::ST_RDONLY),
                no_exec: found.flags().contains(FsFlags::ST_NOEXEC),
                mount_point: mount.map_or_else(String::new, |mount| mount.point.to_string_lossy().into_owned()),
                filesystem_type: mount.map_or_else(String::new, |mount| mount.filesystem_type.clone()),
            })
        }
    }
}

fn nearest_existing(path: &Path) -> std::io::Result<std::path::PathBuf> {
    let mut last = None;
    for ancestor in path.ancestors() {
        match ancestor.canonicalize() {
            Ok(existing) => return Ok(existing),
            Err(error) if error.kind() == ErrorKind::NotFound => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| ErrorKind::NotFound.into()))
}

/// `254:1`, as mountinfo and `lsblk` write it.
pub fn device_name(device: u64) -> String {
    format!("{}:{}", nix::sys::stat::major(device), nix::sys::stat::minor(device))
}
