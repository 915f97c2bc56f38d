//! Files, directories and free space on filesystems that answer.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};

use super::failure;
use super::mounts::{Mounts, Place};
use crate::model::answer::Space;
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
