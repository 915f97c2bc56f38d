//! The only writer of files: `--output`, and what a bundle is kept in.
#![allow(clippy::disallowed_methods)] // this is the home of the methods that are denied elsewhere

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// The right to write files that a person named. Only the command line hands it out; what looks and
/// what judges never holds it.
#[derive(Debug)]
pub struct Store(());

impl Store {
    /// For `cli` alone.
    pub fn hand_out() -> Self {
        Self(())
    }

    /// Writes `content` under `path`: a regular file or a new name is replaced as a whole or not at all;
    /// a device, a pipe or a link is written to.
    ///
    /// A new file gets `mode`; one that is replaced keeps its own.
    pub fn write(&self, path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_file() => replace(path, content, metadata.permissions()),
            Ok(_) => OpenOptions::new().write(true).create(true).truncate(true).open(path)?.write_all(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                replace(path, content, Permissions::from_mode(mode))
            }
            Err(error) => Err(error),
        }
    }

    /// A directory of our own, for its owner alone.
    pub fn make_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    /// Makes `link` lead to `target`, at once: whoever reads it finds the old one or the new one.
    pub fn point(&self, link: &Path, target: &Path) -> io::Result<()> {
        let directory = directory_of(link);
        let made = tempfile::Builder::new()
            .prefix(".hostready-")
            .make_in(directory, |path| std::os::unix::fs::symlink(target, path))?;
        made.into_temp_path().persist(link).map_err(|failed| failed.error)?;
        File::open(directory)?.sync_all()
    }

    pub fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn replace(path: &Path, content: &[u8], permissions: Permissions) -> io::Result<()> {
    let directory = directory_of(path);
    let mut temporary = tempfile::Builder::new().prefix(".hostready-").tempfile_in(directory)?;
    temporary.write_all(content)?;
    temporary.as_file().set_permissions(permissions)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|failed| failed.error)?;
    // The new name is safe only once its directory is.
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
        Store::hand_out().write(path, content, mode)
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        write(&path, b"one", 0o600).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        write(&path, b"two", 0o600).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(directory.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_link_is_written_through_and_stays_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (target, link) = (directory.path().join("target"), directory.path().join("link"));
        std::fs::write(&target, "").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&link, b"through", 0o600).unwrap();
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(std::fs::read(&target).unwrap(), b"through");
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        assert!(write(&directory.path().join("no/such/report"), b"x", 0o600).is_err());
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }
}
