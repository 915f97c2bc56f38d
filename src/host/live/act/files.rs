//! Single files and links. Each is made as a whole, and left alone where it is so already.
#![allow(clippy::disallowed_methods)] // this is the home of the methods that are denied elsewhere

use std::fs::{DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path};
use std::time::Duration;

use crate::host::change::NotDone;
use crate::host::store;
use crate::model::plan::Written;

pub fn write(path: &str, content: &Written) -> Result<(), NotDone> {
    let path = absolute(path)?;
    sweep(path).and_then(|()| put(path, content)).map_err(|error| failed("write", path, &error))
}

fn put(path: &Path, content: &Written) -> io::Result<()> {
    let there = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        there => Some(there?),
    };
    let of_file = there.filter(|there| there.is_file());
    let is_same = |file: &std::fs::Metadata| {
        let has_mode = file.permissions().mode() & 0o7777 == content.mode & 0o7777;
        has_mode && file.len() == content.bytes.len() as u64
    };
    if of_file.as_ref().is_some_and(is_same) && std::fs::read(path)? == content.bytes {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    // Whose it is does not change with what is in it.
    let owner = of_file.map(|file| (file.uid(), file.gid()));
    store::replace(path, &content.bytes, Permissions::from_mode(content.mode & 0o7777), owner)
}

/// A file or a link; gone already is as good.
pub fn remove(path: &str) -> Result<(), NotDone> {
    let path = absolute(path)?;
    sweep(path).map_err(|error| failed("remove", path, &error))?;
    match std::fs::remove_file(path) {
        Ok(()) => store::sync_directory(path).map_err(|error| failed("remove", path, &error)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(()),
        Err(error) => Err(failed("remove", path, &error)),
    }
}

pub fn link(path: &str, target: &str) -> Result<(), NotDone> {
    let path = absolute(path)?;
    sweep(path).map_err(|error| failed("link", path, &error))?;
    if std::fs::read_link(path).is_ok_and(|found| found == Path::new(target)) {
        return Ok(());
    }
    store::link(path, Path::new(target)).map_err(|error| failed("link", path, &error))
}

/// What is beside it from a run that was killed while it wrote: runs come one after the other.
fn sweep(path: &Path) -> io::Result<()> {
    match path.parent().map(|directory| store::sweep(directory, Duration::ZERO)) {
        Some(Err(error)) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Err(error),
        _ => Ok(()),
    }
}

/// A path of a plan says where it leads: no `..`, nothing relative.
fn absolute(path: &str) -> Result<&Path, NotDone> {
    let path = Path::new(path);
    let is_plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    match path.is_absolute() && is_plain {
        true => Ok(path),
        false => Err(NotDone::new(format!("{} is no plain absolute path", path.display()))),
    }
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> NotDone {
    NotDone::new(format!("cannot {doing} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn written(bytes: &[u8], mode: u32) -> Written {
        Written { mode, bytes: bytes.to_vec() }
    }

    #[test]
    fn a_file_gets_content_and_mode_as_a_whole() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("new/10-eno1.link");
        let name = path.to_str().unwrap();
        write(name, &written(b"one", 0o640)).unwrap();
        let first = path.metadata().unwrap();
        assert_eq!((first.permissions().mode() & 0o7777, std::fs::read(&path).unwrap()), (0o640, b"one".to_vec()));
        write(name, &written(b"one", 0o640)).unwrap();
        assert_eq!(path.metadata().unwrap().ino(), first.ino(), "the same is not written again");
        write(name, &written(b"one", 0o600)).unwrap();
        write(name, &written(b"two", 0o600)).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let names: Vec<_> =
            path.parent().unwrap().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["10-eno1.link"]);
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_replaced_and_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let (path, other) = (home.path().join("resolv.conf"), home.path().join("other"));
        std::fs::write(&other, "other").unwrap();
        symlink(&other, &path).unwrap();
        write(path.to_str().unwrap(), &written(b"mine", 0o644)).unwrap();
        assert_eq!(std::fs::read(&other).unwrap(), b"other");
        assert!(path.symlink_metadata().unwrap().is_file());
        link(path.to_str().unwrap(), "other").unwrap();
        link(path.to_str().unwrap(), "other").unwrap();
        assert_eq!(path.read_link().unwrap(), Path::new("other"));
        remove(path.to_str().unwrap()).unwrap();
        remove(path.to_str().unwrap()).unwrap();
        assert!(path.symlink_metadata().is_err() && other.exists());
    }

    #[test]
    fn what_a_killed_run_left_beside_it_goes_with_the_next_deed() {
        let home = tempfile::tempdir().unwrap();
        let (path, left) = (home.path().join("10-eno1.link"), home.path().join(".hostready-a1b2c3"));
        let name = path.to_str().unwrap();
        let left_by_a_kill = || std::fs::write(&left, "half").unwrap();
        left_by_a_kill();
        write(name, &written(b"one", 0o644)).unwrap();
        assert!(!left.exists());
        left_by_a_kill();
        link(name, "other").unwrap();
        assert!(!left.exists());
        left_by_a_kill();
        remove(name).unwrap();
        assert!(!left.exists());
    }

    #[test]
    fn what_is_in_the_way_is_told_and_stays() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("directory");
        std::fs::create_dir(&path).unwrap();
        let name = path.to_str().unwrap();
        for refused in [write(name, &written(b"x", 0o600)), remove(name), link(name, "x")] {
            assert!(refused.unwrap_err().why.contains(name));
        }
        assert!(path.is_dir());
        for path in ["relative", "/tmp/../etc/passwd"] {
            assert!(write(path, &written(b"x", 0o600)).unwrap_err().why.contains("no plain absolute path"));
        }
    }
}
