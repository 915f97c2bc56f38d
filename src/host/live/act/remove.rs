//! Files are removed one by one, each only where it is still the one that was planned: the lesson of every cleanup that
//! took a directory, a link's target or a log that was still written to.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FileStat, SFlag, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::host::change::NotDone;
use crate::host::live::files::device_name;
use crate::host::live::mounts::Mounts;
use crate::host::live::processes;
use crate::model::Reading;
use crate::model::gather::Gather as _;
use crate::model::plan::Doomed;
use crate::model::sorted::SortedSet;

/// Nothing is removed anywhere else. These may be links themselves; below them no link is followed.
const PLACES: [&str; 2] = ["/var/log", "/var/cache/apt/archives"];

/// Removes what is still as it was planned, and leaves the rest alone. Fails where nothing could be removed, and where
/// the kernel refused; what is gone already is as good as removed.
pub fn remove(files: &[Doomed]) -> Result<(), NotDone> {
    let (mut done, mut left, mut refused) = (0, Vec::new(), Vec::new());
    let look = Look::at(files)?;
    for file in files {
        match look.find(file).and_then(|seen| seen.remove(file)) {
            Ok(None) => done += 1,
            Ok(Some(why)) => left.push(format!("{} {why}", file.path)),
            Err(error) => refused.push(format!("cannot remove {}: {error}", file.path)),
        }
    }
    if !refused.is_empty() {
        return Err(NotDone::new(some_of(&refused)));
    }
    if done == 0 && !left.is_empty() {
        return Err(NotDone { why: format!("nothing was removed: {}", some_of(&left)), outdated: true });
    }
    Ok(())
}

/// Those that could be removed now.
pub fn unchanged(files: &[Doomed]) -> Result<Vec<&Doomed>, NotDone> {
    let look = Look::at(files)?;
    let unchanged: Vec<_> = files.iter().filter(|file| matches!(look.find(file), Ok(Seen::There(_)))).collect();
    if unchanged.is_empty() {
        return Err(NotDone { why: "none of the files is as it was when this was planned".to_owned(), outdated: true });
    }
    Ok(unchanged)
}

/// Fails where something between its place and the file is a link or another mount, so that what is written there would
/// lie elsewhere.
pub fn is_reached_plainly(path: &Path) -> Result<(), NotDone> {
    let place = place_of(&path.to_string_lossy())?;
    match directory(place, path.parent().unwrap_or(path)) {
        Ok(_) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(NotDone::new(format!("{} cannot be put back: {errno}", path.display()))),
    }
}

enum Seen {
    /// As it was planned, in this directory.
    There(OwnedFd),
    Gone,
    /// Why it is to be left alone.
    Other(&'static str),
}

fn some_of(lines: &[String]) -> String {
    let more = lines.len().saturating_sub(5);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", lines[..lines.len().min(5)].join("; "))
}

fn place_of(path: &str) -> Result<&'static str, NotDone> {
    let is_plain = Path::new(path).components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    let below = |place: &&&str| is_plain && Path::new(path).starts_with(place) && path != **place;
    let place = PLACES.iter().find(below).copied();
    place.ok_or_else(|| NotDone::new(format!("{path} is not removed: it is not below {}", PLACES.join(" or "))))
}

/// What is to be known of the host before files are looked at one by one.
struct Look {
    mounts: Mounts,
    open: SortedSet<OsString>,
}

impl Look {
    fn at(files: &[Doomed]) -> Result<Self, NotDone> {
        files.iter().try_for_each(|file| place_of(&file.path).map(drop))?;
        let mounts = Mounts::read().map_err(|error| NotDone::new(format!("/proc/self/mountinfo: {error}")))?;
        let names = files.iter().filter_map(|file| Path::new(&file.path).file_name());
        let open = open_names(&names.gather())
            .map_err(|why| NotDone::new(format!("nothing is removed while it is not known what is open: {why}")))?;
        Ok(Self { mounts, open })
    }

    fn find(&self, file: &Doomed) -> io::Result<Seen> {
        let path = Path::new(&file.path);
        let (Some(parent), Some(name), Ok(place)) = (path.parent(), path.file_name(), place_of(&file.path)) else {
            return Ok(Seen::Gone);
        };
        let directory = match directory(place, parent) {
            Ok(directory) => directory,
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(Seen::Gone),
            Err(Errno::ELOOP) => return Ok(Seen::Other("lies behind a link now")),
            Err(Errno::EXDEV) => return Ok(Seen::Other("lies on another mount now")),
            Err(errno) => return Err(errno.into()),
        };
        let found = match fstatat(&directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => found,
            Err(Errno::ENOENT) => return Ok(Seen::Gone),
            Err(errno) => return Err(errno.into()),
        };
        let device = self.mounts.space_device(path, device_name(found.st_dev));
        let other = other_than_planned(&found, file, &device);
        Ok(match other.or_else(|| self.open.contains(name).then_some("is open")) {
            Some(why) => Seen::Other(why),
            None => Seen::There(directory),
        })
    }
}

impl Seen {
    /// Why it was left alone; none where it is gone.
    fn remove(self, file: &Doomed) -> io::Result<Option<&'static str>> {
        let directory = match self {
            Self::There(directory) => directory,
            Self::Gone => return Ok(None),
            Self::Other(why) => return Ok(Some(why)),
        };
        let name = Path::new(&file.path).file_name().unwrap_or_default();
        match unlinkat(&directory, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) => File::from(directory).sync_all().map(|()| None),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// The directory of a file, reached from its place without a link and without another mount, a bind mount included.
fn directory(place: &str, parent: &Path) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let top = nix::fcntl::open(place, flags, nix::sys::stat::Mode::empty())?;
    let below = parent.strip_prefix(place).unwrap_or(parent);
    if below.as_os_str().is_empty() {
        return Ok(top);
    }
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_XDEV;
    openat2(top.as_fd(), below, OpenHow::new().flags(flags).resolve(resolve))
}

fn other_than_planned(found: &FileStat, file: &Doomed, device: &str) -> Option<&'static str> {
    let kind = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT;
    if kind != SFlag::S_IFREG {
        return Some("is no regular file");
    }
    if found.st_nlink != 1 {
        return Some("has another name, too");
    }
    if device != file.device {
        return Some("lies on another filesystem now");
    }
    (u64::try_from(found.st_blocks).unwrap_or_default() * 512 != file.bytes).then_some("is of another size now")
}

/// Those of `names` under which some process has a file open, wherever that lies: paths of another mount namespace say
/// nothing here, and to ask the file itself might hang. A namesake elsewhere only keeps a file that could have gone.
fn open_names(names: &SortedSet<&OsStr>) -> Result<SortedSet<OsString>, String> {
    let proc = Path::new("/proc");
    let pids = match processes::pids(proc) {
        Reading::Known(pids) => pids,
        Reading::Absent => return Err("/proc is missing".to_owned()),
        Reading::Unreadable(trouble) => return Err(trouble.detail),
    };
    let mut open = SortedSet::new();
    for pid in pids {
        let process = proc.join(pid.to_string());
        let descriptors = match std::fs::read_dir(process.join("fd")) {
            Ok(descriptors) => descriptors,
            // It has ended, or is a thread of the kernel.
            Err(_) if processes::Stat::of(&process).is_none_or(|stat| stat.has_no_memory()) => continue,
            Err(error) => return Err(format!("{}/fd: {error}", process.display())),
        };
        for entry in descriptors.filter_map(Result::ok) {
            let Ok(target) = std::fs::read_link(entry.path()) else { continue };
            if let Some(name) = target.file_name().filter(|name| names.contains(name)) {
                open.insert(OsStr::from_bytes(name.as_bytes()).to_owned());
            }
        }
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_removed_outside_of_its_places() {
        for path in ["/etc/passwd", "/var/log", "/var/log/../lib/x", "/var/logs/x", "var/log/x", "/var/cache/apt/x"] {
            assert!(place_of(path).is_err(), "{path}");
        }
        assert_eq!(place_of("/var/log/a/b.gz").unwrap(), "/var/log");
        let file = Doomed { path: "/etc/hostname".to_owned(), bytes: 0, device: String::new() };
        assert!(remove(&[file]).unwrap_err().why.contains("/etc/hostname is not removed"));
    }

    #[test]
    fn what_is_open_is_seen_by_its_name() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("hostready-open.1.gz");
        let _held =
            tempfile::Builder::new().make(|_| File::options().write(true).create_new(true).open(&path)).unwrap();
        let names: SortedSet<&OsStr> = ["hostready-open.1.gz", "hostready-open.2.gz"].map(OsStr::new).into();
        let open = open_names(&names).unwrap();
        assert_eq!(open, [OsString::from("hostready-open.1.gz")].into());
    }

    #[test]
    fn no_link_is_followed_and_what_is_another_file_now_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let top = home.path().to_str().unwrap();
        for path in ["app", "elsewhere"] {
            std::fs::create_dir(home.path().join(path)).unwrap();
        }
        std::os::unix::fs::symlink("elsewhere", home.path().join("linked")).unwrap();
        let below = |path: &str| directory(top, &home.path().join(path)).map(drop);
        assert_eq!([below("app"), below(""), below("linked")], [Ok(()), Ok(()), Err(Errno::ELOOP)]);
        assert_eq!([below("none"), below("linked/x")], [Err(Errno::ENOENT), Err(Errno::ELOOP)]);

        let app = directory(top, &home.path().join("app")).unwrap();
        std::fs::write(home.path().join("app/x"), [1; 8192]).unwrap();
        let seen = |name: &str| fstatat(&app, name, AtFlags::AT_SYMLINK_NOFOLLOW).unwrap();
        let found = seen("x");
        let device = device_name(found.st_dev);
        let file = |bytes| Doomed { path: "/x".to_owned(), bytes, device: device.clone() };
        let bytes = u64::try_from(found.st_blocks).unwrap() * 512;
        assert_eq!(other_than_planned(&found, &file(bytes), &device), None);
        assert_eq!(other_than_planned(&found, &file(bytes + 512), &device), Some("is of another size now"));
        assert_eq!(other_than_planned(&found, &file(bytes), "9:9"), Some("lies on another filesystem now"));
        std::os::unix::fs::symlink("x", home.path().join("app/l")).unwrap();
        assert_eq!(other_than_planned(&seen("l"), &file(0), &device), Some("is no regular file"));
        std::fs::hard_link(home.path().join("app/x"), home.path().join("app/y")).unwrap();
        assert_eq!(other_than_planned(&seen("x"), &file(bytes), &device), Some("has another name, too"));
    }
}
