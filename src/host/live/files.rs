//! Files, directories and free space on filesystems that answer.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};

use super::failure;
use super::mounts::{Mount, Mounts, Place};
use crate::model::answer::{Content, Entry, EntryKind, Modified, Space};
use crate::model::gather::{Arrange as _, Gather as _};
use crate::model::sorted::SortedMap;
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
    names.arrange();
    Reading::Known(names)
}

/// The mount that may hang, or that a look would make, behind what is in this directory.
pub fn leads_away(directory: &Path, mounts: &Mounts) -> Option<Mount> {
    let away = |name: &String| {
        let path = directory.join(name);
        // To see that something is an automount does not mount it; to go on from there does.
        mounts.remote(&path).filter(|mount| mount.filesystem_type != "autofs" || path.is_symlink())
    };
    names(directory).known()?.iter().find_map(away)
}

/// What is in a directory, sorted by name, or the one file of this name; links are followed, and told as links.
pub fn listing(path: &Path) -> Reading<Vec<Entry>> {
    let is_other = match path.metadata() {
        Ok(found) => !found.is_dir(),
        // A link that leads nowhere is something, too.
        Err(error) => error.kind() == ErrorKind::NotFound && path.is_symlink(),
    };
    if let (true, Some(directory), Some(name)) = (is_other, path.parent(), path.file_name()) {
        return Reading::Known(entry(directory, name.to_string_lossy().into_owned()).into_iter().collect());
    }
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

/// The files that `DIRECTORY/*END` names, each as `read` reads it. As for a shell, for netplan, systemd, udev and apt,
/// the `*` stands for no name that begins with a dot.
pub fn matching(
    pattern: &Path,
    read: impl Fn(&Path) -> Reading<Vec<u8>>,
) -> Reading<SortedMap<String, Reading<Content>>> {
    let (Some(directory), Some(end)) = (pattern.parent(), pattern.file_name().and_then(|name| name.to_str())) else {
        return Reading::unreadable(TroubleCause::Malformed, "a pattern is written `/directory/*.end`");
    };
    let end = end.trim_start_matches('*');
    let is_meant = |name: &String| name.ends_with(end) && !name.starts_with('.');
    let read = |name: String| {
        let content = read(&directory.join(&name));
        (name, content.map(Content))
    };
    names(directory).map(|names| names.into_iter().filter(is_meant).map(read).gather())
}

/// The content of a file; a link to /dev/null has none: that is how one masks a file.
pub fn content_unless_masked(path: &Path, mounts: &Mounts) -> Reading<Vec<u8>> {
    match mounts.follow(path) {
        Ok(Place::Here(target)) if target == Path::new("/dev/null") => Reading::Known(Vec::new()),
        _ => content(path),
    }
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

/// When what the path leads to was last written to.
pub fn modified(path: &Path) -> Reading<Modified> {
    match path.metadata() {
        Ok(found) => Reading::Known(Modified { seconds: found.mtime() }),
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_pattern_names_no_hidden_file_and_a_mask_is_empty() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["50-site.yaml", "._50-site.yaml", ".yaml", "50-site.yaml.bak"] {
            std::fs::write(directory.path().join(name), "x").unwrap();
        }
        symlink("/dev/null", directory.path().join("60-masked.yaml")).unwrap();
        let mounts = Mounts::read().unwrap();
        let read = |path: &Path| content_unless_masked(path, &mounts);
        let found = matching(&directory.path().join("*.yaml"), read).known().unwrap();
        let known = |text: &str| Reading::Known(Content(text.as_bytes().to_vec()));
        let wanted = [("50-site.yaml".to_owned(), known("x")), ("60-masked.yaml".to_owned(), known(""))];
        assert_eq!(found, wanted.into());
    }

    #[test]
    fn a_link_onto_a_mount_that_may_hang_is_seen_before_it_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("share")).unwrap();
        std::fs::create_dir(root.join("here")).unwrap();
        let lines = |kind: &str| {
            let own = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
            Mounts::parse(format!("{own}999 1 0:99 / {} rw - {kind} x rw\n", root.join("share").display()).as_bytes())
        };
        std::fs::write(root.join("here/file"), "x").unwrap();
        assert_eq!(leads_away(&root.join("here"), &lines("fuse.lab")), None);
        assert_eq!(leads_away(&root, &lines("autofs")), None, "it is seen, and not entered");
        symlink("../share/file", root.join("here/link")).unwrap();
        for kind in ["fuse.lab", "autofs"] {
            let mount = leads_away(&root.join("here"), &lines(kind)).unwrap();
            assert_eq!((mount.filesystem_type.as_str(), mount.point), (kind, root.join("share")));
        }
    }

    #[test]
    fn what_is_no_directory_is_listed_itself() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::create_dir(root.join("boot")).unwrap();
        std::fs::write(root.join("boot/vmlinuz-6.1"), "kernel").unwrap();
        symlink("boot/vmlinuz-6.1", root.join("vmlinuz")).unwrap();
        symlink("boot/vmlinuz-6.0", root.join("vmlinuz.old")).unwrap();
        symlink("boot", root.join("link")).unwrap();
        let one = |name: &str| match listing(&root.join(name)) {
            Reading::Known(entries) if entries.len() == 1 => {
                let entry = entries[0].clone();
                (entry.name, entry.kind, entry.bytes, entry.target)
            }
            other => panic!("{name}: {other:?}"),
        };
        let to = |target: &str| Some(target.to_owned());
        assert_eq!(one("vmlinuz"), ("vmlinuz".to_owned(), EntryKind::Link, 6, to("boot/vmlinuz-6.1")));
        assert_eq!(one("vmlinuz.old"), ("vmlinuz.old".to_owned(), EntryKind::DanglingLink, 0, to("boot/vmlinuz-6.0")));
        assert_eq!(one("boot"), ("vmlinuz-6.1".to_owned(), EntryKind::File, 6, None));
        assert_eq!(one("boot/vmlinuz-6.1"), one("boot"));
        assert_eq!(one("link"), one("boot"));
        assert_eq!(listing(&root.join("none")), Reading::Absent);
    }
}
