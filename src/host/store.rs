//! The only writer of files: `--output`, what a bundle is kept in, and the state directory.
#![allow(clippy::disallowed_methods)] // this is the home of the methods that are denied elsewhere

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::posix_fallocate;
use tempfile::{NamedTempFile, TempPath};

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
            Ok(metadata) if metadata.is_file() => replace(path, content, metadata.permissions(), None),
            Ok(_) => OpenOptions::new().write(true).create(true).truncate(true).open(path)?.write_all(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                replace(path, content, Permissions::from_mode(mode), None)
            }
            Err(error) => Err(error),
        }
    }

    /// A directory of our own, for its owner alone.
    pub fn make_directory(&self, path: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    /// Files that are to take their places together.
    pub fn stage(&self) -> Staged {
        Staged { ready: Vec::new() }
    }

    /// Keeps so many bytes of the filesystem for later, in a file of that size: what is written when it is full takes the
    /// place of this. True where they were not yet kept.
    pub fn reserve(&self, path: &Path, bytes: u64) -> io::Result<bool> {
        reserve(path, bytes)
    }

    /// Removes what runs left in a directory that were killed while they wrote: what is being written now is younger.
    pub fn sweep(&self, directory: &Path) -> io::Result<()> {
        sweep(directory, LEFT_BEHIND)
    }

    pub fn remove(&self, path: &Path) -> io::Result<()> {
        unless_gone(std::fs::remove_file(path))
    }
}

/// How names begin that are never seen, unless a run is killed.
const TEMPORARY: &str = ".hostready-";
/// No write takes so long.
const LEFT_BEHIND: Duration = Duration::from_secs(60 * 60);

/// Files and links that lie on the disk, whole and synced, under names that nobody looks at. Dropped, they are gone.
#[derive(Debug)]
pub struct Staged {
    ready: Vec<Ready>,
}

#[derive(Debug)]
enum Ready {
    File { temporary: NamedTempFile, path: PathBuf, replaces: bool },
    Link { temporary: TempPath, path: PathBuf },
}

impl Staged {
    /// A file for its owner alone, of which `write` writes the content. Where it does not replace, a file that is there
    /// already is an error of `commit`.
    pub fn file(
        &mut self,
        path: &Path,
        replaces: bool,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        // Whoever makes it is the only one who may read it.
        let temporary = temporary_beside(path)?;
        let mut out = BufWriter::new(temporary.as_file());
        write(&mut out)?;
        out.flush()?;
        drop(out);
        temporary.as_file().sync_all()?;
        self.ready.push(Ready::File { temporary, path: path.to_owned(), replaces });
        Ok(())
    }

    /// A link that leads to `target`: whoever follows it finds the old one or the new one.
    pub fn link(&mut self, path: &Path, target: &Path) -> io::Result<()> {
        let made = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .make_in(directory_of(path), |path| std::os::unix::fs::symlink(target, path))?;
        self.ready.push(Ready::Link { temporary: made.into_temp_path(), path: path.to_owned() });
        Ok(())
    }

    /// Gives everything its place, in the order in which it was staged. What has its place already when another cannot
    /// take its own is not taken back, so the one that makes the others count comes last.
    pub fn commit(self) -> io::Result<()> {
        for ready in self.ready {
            let path = match ready {
                Ready::File { temporary, path, replaces: true } => {
                    temporary.persist(&path).map_err(|failed| failed.error)?;
                    path
                }
                Ready::File { temporary, path, replaces: false } => {
                    temporary.persist_noclobber(&path).map_err(|failed| failed.error)?;
                    path
                }
                Ready::Link { temporary, path } => {
                    temporary.persist(&path).map_err(|failed| failed.error)?;
                    path
                }
            };
            // A new name is safe only once its directory is.
            sync_directory(&path)?;
        }
        Ok(())
    }
}

/// A link in place of whatever file or link is there.
pub(super) fn link(path: &Path, target: &Path) -> io::Result<()> {
    let mut staged = Staged { ready: Vec::new() };
    staged.link(path, target)?;
    staged.commit()
}

/// As `Store::sweep`, of what is older than this.
pub(super) fn sweep(directory: &Path, age: Duration) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY));
        let remove_if_old = |found: std::fs::Metadata| match found.modified()?.elapsed() {
            Ok(found_age) if found_age > age && !found.is_dir() => std::fs::remove_file(entry.path()),
            _ => Ok(()),
        };
        if is_ours {
            unless_gone(entry.metadata().and_then(remove_if_old))?;
        }
    }
    Ok(())
}

/// As `Store::reserve`.
pub(super) fn reserve(path: &Path, bytes: u64) -> io::Result<bool> {
    match path.symlink_metadata() {
        // A file with holes keeps nothing.
        Ok(found) if found.is_file() && found.len() >= bytes && found.blocks() * 512 >= bytes => return Ok(false),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut temporary = temporary_beside(path)?;
    let size = i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
    match posix_fallocate(temporary.as_file(), 0, size) {
        Ok(()) => {}
        // Not every filesystem can promise room: there it is taken.
        Err(nix::errno::Errno::EOPNOTSUPP) => write_zeros(&mut temporary, bytes)?,
        Err(errno) => return Err(errno.into()),
    }
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|failed| failed.error)?;
    sync_directory(path)?;
    Ok(true)
}

fn temporary_beside(path: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(directory_of(path))
}

/// Two runs at once may tidy up the same.
fn unless_gone(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// What became of a name is on the disk once its directory is.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

fn write_zeros(file: &mut NamedTempFile, bytes: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), bytes), file).map(drop)
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A regular file in place of whatever file or link is there.
pub(super) fn replace(
    path: &Path,
    content: &[u8],
    permissions: Permissions,
    owner: Option<(u32, u32)>,
) -> io::Result<()> {
    let mut temporary = temporary_beside(path)?;
    temporary.write_all(content)?;
    if let Some((user, group)) = owner {
        fchown(temporary.as_file(), Some(user), Some(group))?;
    }
    temporary.as_file().set_permissions(permissions)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|failed| failed.error)?;
    sync_directory(path)
}

#[cfg(test)]
mod tests;
