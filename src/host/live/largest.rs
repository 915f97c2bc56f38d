//! Where the space below a path went.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::dir::{Dir, OwningIter};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};

use super::failure;
use super::mounts::Mounts;
use crate::model::Reading;
use crate::model::answer::{Largest, SizedPath};

const ENTRIES: usize = 5;

/// Left for whoever waits for the answer.
const RESERVE: Duration = Duration::from_millis(500);

/// Each level keeps two descriptors open; more levels than this are a mistake or an attack.
const DEEPEST: usize = 200;

/// Files with several names that are remembered, 12 bytes each. Of more, each name counts its share.
const REMEMBERED: usize = 1 << 18;

/// The five things that take the most space below `path`, on its own filesystem, largest first; none lies within
/// another. A directory that few things fill is named by them: `/var/lib/docker/overlay2`, not `/var/lib`.
///
/// Links are not followed, what is mounted below is not entered, and a file with several names counts once.
/// `complete` is false where time ran out or a directory could not be read: sizes are then lower bounds.
/// The caller vouches that `path` is on a local filesystem.
pub fn under(path: &Path, deadline: Instant) -> Reading<Largest> {
    walked(path, deadline, Mounts::own_points())
}

fn walked(path: &Path, deadline: Instant, mount_points: HashSet<PathBuf>) -> Reading<Largest> {
    let looked = std::fs::canonicalize(path).and_then(|real| Ok((real.symlink_metadata()?, real)));
    let (metadata, real) = match looked {
        Ok(found) => found,
        Err(error) => return failure::reading("cannot look at", path, &error),
    };
    let top = match Directory::open(AT_FDCWD, real.as_os_str(), real.clone(), 0) {
        Ok(top) => top,
        Err(errno) => return failure::reading("cannot list", path, &errno.into()),
    };
    let mut walk = Walk {
        device: metadata.dev(),
        until: deadline.checked_sub(RESERVE).unwrap_or(deadline),
        mount_parents: mount_points.iter().filter_map(|mount| mount.parent()).map(Path::to_path_buf).collect(),
        mount_points,
        linked: HashMap::new(),
        complete: true,
    };
    let top = walk.run(top);
    Reading::Known(Largest { entries: top.fill, complete: walk.complete })
}

/// A directory that is being read.
struct Directory {
    path: PathBuf,
    /// Names below are resolved from here: cheaper than from the root, and nobody can put a link in between.
    descriptor: OwnedFd,
    entries: OwningIter,
    /// With what lies below, as far as it was counted.
    bytes: u64,
    /// Its largest children.
    children: Vec<SizedPath>,
    /// The largest of what those children are named by themselves.
    fill: Vec<SizedPath>,
}

impl Directory {
    fn open(parent: impl AsFd, name: &OsStr, path: PathBuf, own_bytes: u64) -> Result<Self, Errno> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let descriptor = openat(parent, name, flags, Mode::empty())?;
        let copy = descriptor.try_clone().map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))?;
        let entries = Dir::from_fd(copy)?.into_iter();
        Ok(Self { path, descriptor, entries, bytes: own_bytes, children: Vec::new(), fill: Vec::new() })
    }

    fn add_file(&mut self, name: &OsStr, bytes: u64) {
        self.bytes += bytes;
        keep_largest(&mut self.children, bytes, || self.path.join(name));
        keep_largest(&mut self.fill, bytes, || self.path.join(name));
    }

    fn add_directory(&mut self, below: Self) {
        self.bytes += below.bytes;
        keep_largest(&mut self.children, below.bytes, || below.path.clone());
        for name in below.names() {
            keep_largest(&mut self.fill, name.bytes, || PathBuf::from(&name.path));
        }
    }

    /// The deepest names that still stand for most of it; its own where no few do.
    fn names(self) -> Vec<SizedPath> {
        if stand_for(&self.fill, self.bytes) {
            self.fill
        } else if stand_for(&self.children, self.bytes) {
            self.children
        } else {
            vec![SizedPath { path: self.path.to_string_lossy().into_owned(), bytes: self.bytes }]
        }
    }
}

/// One name with more than 60 % of the space tells more than the directory's does; so do three with 80 %.
fn stand_for(names: &[SizedPath], bytes: u64) -> bool {
    let first = |count| names.iter().take(count).map(|name| u128::from(name.bytes)).sum::<u128>();
    let bytes = u128::from(bytes);
    first(1) * 10 > bytes * 6 || first(3) * 10 > bytes * 8
}

/// Only five names a list, however many files there are: memory grows with depth alone.
fn keep_largest(names: &mut Vec<SizedPath>, bytes: u64, path: impl FnOnce() -> PathBuf) {
    let place = names.partition_point(|name| name.bytes >= bytes);
    if bytes > 0 && place < ENTRIES {
        names.truncate(ENTRIES - 1);
        names.insert(place, SizedPath { path: path().to_string_lossy().into_owned(), bytes });
    }
}

fn occupied(stat: &FileStat) -> u64 {
    u64::try_from(stat.st_blocks).unwrap_or_default() * 512
}

struct Walk {
    device: u64,
    until: Instant,
    mount_points: HashSet<PathBuf>,
    mount_parents: HashSet<PathBuf>,
    /// Names still to come, by inode.
    linked: HashMap<u64, u32>,
    complete: bool,
}

impl Walk {
    /// Depth first, with the path from the top as the only state.
    fn run(&mut self, top: Directory) -> Directory {
        let mut above: Vec<Directory> = Vec::new();
        let mut current = top;
        loop {
            if Instant::now() >= self.until {
                self.complete = false;
            } else if let Some(entry) = current.entries.next() {
                let below = match entry {
                    Ok(entry) => self.entry(&mut current, entry.file_name(), above.len()),
                    Err(_) => {
                        self.complete = false;
                        None
                    }
                };
                if let Some(below) = below {
                    above.push(std::mem::replace(&mut current, below));
                }
                continue;
            }
            // Read to the end, or out of time: what was counted so far goes up.
            let Some(parent) = above.pop() else { return current };
            let below = std::mem::replace(&mut current, parent);
            current.add_directory(below);
        }
    }

    /// Counts a file; opens a directory for the caller to go down into.
    fn entry(&mut self, current: &mut Directory, entry: &CStr, depth: usize) -> Option<Directory> {
        let name = OsStr::from_bytes(entry.to_bytes());
        // By name and before anything else: a hung mount answers nothing.
        let is_mounted =
            || self.mount_parents.contains(&current.path) && self.mount_points.contains(&current.path.join(name));
        if name == "." || name == ".." || is_mounted() {
            return None;
        }
        // What vanished takes no space.
        let flags = AtFlags::AT_SYMLINK_NOFOLLOW | AtFlags::AT_NO_AUTOMOUNT;
        let stat = fstatat(&current.descriptor, entry, flags).ok().filter(|stat| stat.st_dev == self.device)?;
        if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFDIR {
            current.add_file(name, self.bytes_of(&stat));
            return None;
        }
        let bytes = occupied(&stat);
        let opened = if depth < DEEPEST {
            Directory::open(&current.descriptor, name, current.path.join(name), bytes)
        } else {
            Err(Errno::ELOOP)
        };
        match opened {
            Ok(below) => return Some(below),
            Err(Errno::ENOENT) => {}
            Err(_) => {
                self.complete = false;
                current.bytes += bytes;
            }
        }
        None
    }

    fn bytes_of(&mut self, stat: &FileStat) -> u64 {
        let bytes = occupied(stat);
        let names = u32::try_from(stat.st_nlink).unwrap_or(u32::MAX);
        if names <= 1 {
            return bytes;
        }
        let has_room = self.linked.len() < REMEMBERED;
        match self.linked.get_mut(&stat.st_ino) {
            Some(to_come) => {
                *to_come -= 1;
                if *to_come == 0 {
                    self.linked.remove(&stat.st_ino);
                }
                0
            }
            None if has_room => {
                self.linked.insert(stat.st_ino, names - 1);
                bytes
            }
            None => bytes / u64::from(names),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    const KIB: usize = 1024;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn stage(root: &Path, path: impl AsRef<Path>, bytes: usize) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![7; bytes]).unwrap();
    }

    fn known(path: &Path, deadline: Instant) -> Largest {
        match under(path, deadline) {
            Reading::Known(largest) => largest,
            other => panic!("{other:?}"),
        }
    }

    /// The paths below the top that are named, largest first.
    fn named(root: &Path) -> Vec<String> {
        let largest = known(root, soon());
        assert!(largest.complete);
        let real = fs::canonicalize(root).unwrap();
        let relative = |entry: &SizedPath| Path::new(&entry.path).strip_prefix(&real).unwrap().display().to_string();
        largest.entries.iter().map(relative).collect()
    }

    #[test]
    fn a_directory_is_named_by_what_fills_it() {
        let dir = tempfile::tempdir().unwrap();
        for layer in 0..8 {
            stage(dir.path(), format!("lib/docker/overlay2/{layer}/data"), 200 * KIB);
        }
        stage(dir.path(), "lib/dpkg/status", 40 * KIB);
        stage(dir.path(), "log/huge.log", 900 * KIB);
        stage(dir.path(), "log/small.log", 20 * KIB);
        for number in 0..6 {
            stage(dir.path(), format!("cache/{number}"), 100 * KIB);
        }
        let expected = ["lib/docker/overlay2", "log/huge.log", "cache", "lib/dpkg/status", "log/small.log"];
        assert_eq!(named(dir.path()), expected);
    }

    #[test]
    fn three_that_share_a_directory_are_named_each() {
        let dir = tempfile::tempdir().unwrap();
        for (name, size) in [("a", 500), ("b", 480), ("c/d", 460), ("e", 30)] {
            stage(dir.path(), format!("lib/{name}"), size * KIB);
        }
        assert_eq!(named(dir.path()), ["lib/a", "lib/b", "lib/c/d", "lib/e"]);
    }

    #[test]
    fn names_of_one_file_count_once_and_links_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        stage(outside.path(), "far", 5000 * KIB);
        stage(dir.path(), "a/one", 400 * KIB);
        fs::create_dir(dir.path().join("b")).unwrap();
        for name in ["a/two", "b/three"] {
            fs::hard_link(dir.path().join("a/one"), dir.path().join(name)).unwrap();
        }
        symlink(outside.path(), dir.path().join("b/link")).unwrap();
        let total: u64 = known(dir.path(), soon()).entries.iter().map(|entry| entry.bytes).sum();
        assert!((400 * 1024..450 * 1024).contains(&total), "{total}");
    }

    #[test]
    fn only_five_of_many_and_the_largest() {
        let dir = tempfile::tempdir().unwrap();
        for number in 1..=40 {
            stage(dir.path(), format!("{number:02}"), number * 8 * KIB);
        }
        assert_eq!(named(dir.path()), ["40", "39", "38", "37", "36"]);
    }

    #[test]
    fn running_out_of_time_is_told() {
        let dir = tempfile::tempdir().unwrap();
        stage(dir.path(), "a", 8 * KIB);
        assert!(!known(dir.path(), Instant::now()).complete);
        assert_eq!(under(&dir.path().join("none"), soon()), Reading::Absent);
    }

    #[test]
    fn strange_names_and_deep_trees_do_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        stage(dir.path(), std::ffi::OsStr::from_bytes(b"a\xffb"), 64 * KIB);
        let mut deep = dir.path().to_path_buf();
        for _ in 0..=DEEPEST + 1 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        let largest = known(dir.path(), soon());
        assert!(largest.entries.iter().any(|entry| entry.path.ends_with("a\u{fffd}b")), "{largest:?}");
        assert!(!largest.complete, "{largest:?}");
    }

    #[test]
    fn what_is_mounted_below_is_not_entered() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        stage(&root, "own", 16 * KIB);
        stage(&root, "mnt/hung/far", 500 * KIB);
        let Reading::Known(largest) = walked(&root, soon(), HashSet::from([root.join("mnt/hung")])) else {
            panic!("not read")
        };
        assert!(largest.complete);
        assert!(largest.entries.iter().all(|entry| entry.bytes < 100 * 1024), "{largest:?}");
    }

    #[test]
    fn another_filesystem_is_not_counted() {
        let dir = tempfile::tempdir().unwrap();
        stage(dir.path(), "a", 64 * KIB);
        let mut walk = Walk {
            device: dir.path().metadata().unwrap().dev() + 1,
            until: soon(),
            mount_points: HashSet::new(),
            mount_parents: HashSet::new(),
            linked: HashMap::new(),
            complete: true,
        };
        let top = Directory::open(AT_FDCWD, dir.path().as_os_str(), dir.path().to_path_buf(), 0).unwrap();
        assert_eq!(walk.run(top).bytes, 0);
    }

    #[test]
    fn a_name_stands_for_most_of_what_it_replaces() {
        let dir = tempfile::tempdir().unwrap();
        // At each level one child holds two thirds: the innermost alone would hide most of the space.
        let mut path = PathBuf::new();
        for size in [400, 270, 180, 120, 80] {
            for part in 0..4 {
                stage(dir.path(), path.join(format!("part{part}")), size / 4 * KIB);
            }
            path.push("d");
        }
        stage(dir.path(), path.join("core"), 160 * KIB);
        let largest = known(&dir.path().join("d"), soon());
        let named: u64 = largest.entries.iter().map(|entry| entry.bytes).sum();
        assert!(named * 10 > 810 * 1024 * 6, "{largest:?}");
    }
}
