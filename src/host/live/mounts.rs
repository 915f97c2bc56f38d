//! Which filesystem a path lies on, told without touching the path: a dead mount hangs whoever touches it.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

/// Filesystems whose answers come from this kernel and its own disks.
const LOCAL: [&str; 33] = [
    "bcachefs",
    "bpf",
    "btrfs",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "exfat",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "hugetlbfs",
    "iso9660",
    "jfs",
    "mqueue",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "reiserfs",
    "rootfs",
    "securityfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "vfat",
    "xfs",
    "zfs",
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The number under which /proc/PID/fdinfo names it.
    pub id: u64,
    pub point: PathBuf,
    pub filesystem_type: String,
    /// `254:1`, the device of the whole filesystem.
    pub device: String,
}

impl Mount {
    pub fn is_local(&self) -> bool {
        LOCAL.contains(&self.filesystem_type.as_str())
    }
}

/// The mounts of our own namespace, in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub struct Mounts(Vec<Mount>);

/// Where a path leads.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// The whole path exists, links followed.
    Here(PathBuf),
    /// It ends here; what follows does not exist.
    Missing { nearest: PathBuf },
    /// It leads over a filesystem that may not answer.
    Remote(Mount),
}

impl Mounts {
    pub fn read() -> io::Result<Self> {
        Ok(Self::parse(&std::fs::read("/proc/self/mountinfo")?))
    }

    /// The mount points of our own namespace; none where the kernel does not say.
    pub fn own_points() -> HashSet<PathBuf> {
        Self::read().map(|mounts| mounts.points()).unwrap_or_default()
    }

    /// Lines of mountinfo(5), as bytes: a mount point need not be UTF-8.
    pub fn parse(text: &[u8]) -> Self {
        Self(text.split(|byte| *byte == b'\n').filter_map(parse_line).collect())
    }

    /// The mount that holds a path with no links in it; the last one made wins.
    pub fn of(&self, path: &Path) -> Option<&Mount> {
        let length = |mount: &Mount| mount.point.as_os_str().len();
        let mut found: Option<&Mount> = None;
        for mount in self.0.iter().filter(|mount| path.starts_with(&mount.point)) {
            if found.is_none_or(|best| length(mount) >= length(best)) {
                found = Some(mount);
            }
        }
        found
    }

    /// The device whose space a file on `device` takes. The subvolumes of one btrfs have a number each, and share
    /// their space.
    pub fn space_device(&self, path: &Path, device: String) -> String {
        match self.of(path) {
            Some(mount) if mount.filesystem_type == "btrfs" => mount.device.clone(),
            _ => device,
        }
    }

    /// A mount that nobody has shown to be local is not; neither is one that is not listed.
    pub fn is_local(&self, path: &Path) -> bool {
        self.of(path).is_some_and(Mount::is_local)
    }

    /// Every mount point. A walk steps over these by name: asking a hung mount even for its device number
    /// would hang.
    pub fn points(&self) -> HashSet<PathBuf> {
        self.0.iter().map(|mount| mount.point.clone()).collect()
    }

    /// The type of the filesystem that is mounted under this id; none where it is no longer mounted.
    pub fn type_of(&self, id: u64) -> Option<&str> {
        self.0.iter().find(|mount| mount.id == id).map(|mount| mount.filesystem_type.as_str())
    }

    /// The filesystem that may not answer, where `path` leads over one.
    pub fn remote(&self, path: &Path) -> Option<Mount> {
        match self.follow(path) {
            Ok(Place::Remote(mount)) => Some(mount),
            _ => None,
        }
    }

    /// Follows `path` step by step, and looks at each mount before it steps onto it.
    pub fn follow(&self, path: &Path) -> io::Result<Place> {
        let mut here = PathBuf::from("/");
        let mut ahead: Vec<OsString> = steps(path);
        let mut links = 0;
        while let Some(step) = ahead.pop() {
            if step == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&step);
            match self.of(&next) {
                Some(mount) if mount.is_local() => {}
                Some(mount) => return Ok(Place::Remote(mount.clone())),
                None => return Err(io::Error::other(format!("{} is on no mount that is listed", next.display()))),
            }
            match next.symlink_metadata() {
                Ok(metadata) if metadata.is_symlink() => {
                    links += 1;
                    if links > 40 {
                        return Err(nix::errno::Errno::ELOOP.into());
                    }
                    let target = next.read_link()?;
                    if target.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    ahead.extend(steps(&target));
                }
                Ok(_) => here = next,
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    return Ok(Place::Missing { nearest: here });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Place::Here(here))
    }
}

/// The names of a path, last first.
fn steps(path: &Path) -> Vec<OsString> {
    path.components()
        .rev()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            _ => None,
        })
        .collect()
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    // Optional fields end at a lone dash; what follows it is the type.
    let dash = fields.iter().skip(6).position(|field| *field == b"-")? + 6;
    Some(Mount {
        id: std::str::from_utf8(fields.first()?).ok()?.parse().ok()?,
        device: String::from_utf8_lossy(fields.get(2)?).into_owned(),
        point: PathBuf::from(OsString::from_vec(unescape(fields.get(4)?))),
        filesystem_type: String::from_utf8_lossy(fields.get(dash + 1)?).into_owned(),
    })
}

/// The kernel writes space, tab, newline and backslash as `\040` and so on.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = (byte == b'\\')
            .then(|| after.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 8).ok()));
        match octal {
            Some(decoded) => {
                plain.push(decoded);
                rest = &after[3..];
            }
            None => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[u8] = b"22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n\
        30 22 0:26 / /mnt/with\\040space rw - fuse.sshfs host:/ rw\n\
        31 22 0:27 / /var rw master:2 propagate_from:3 - nfs4 10.0.0.1:/var rw\n\
        32 22 0:28 / /var rw - tmpfs tmpfs rw\n\
        34 22 0:40 /@opt /opt rw - btrfs /dev/vdc rw\n\
        33 22 0:29 / /caf\xe9 rw - xfs /dev/vdb rw\n";

    #[test]
    fn lines_of_mountinfo_are_read() {
        let mounts = Mounts::parse(LINES);
        assert_eq!(mounts.0.len(), 6);
        let device = |path: &str| mounts.space_device(Path::new(path), "0:77".to_owned());
        assert_eq!((device("/opt/pf9").as_str(), device("/etc").as_str()), ("0:40", "0:77"));
        let at = |path: &str| mounts.of(Path::new(path)).unwrap().filesystem_type.clone();
        assert_eq!(at("/etc"), "ext4");
        assert_eq!(at("/mnt/with space/x"), "fuse.sshfs");
        assert_eq!(at("/var/log"), "tmpfs", "the mount made last covers the one below it");
        assert_eq!(at("/various"), "ext4", "a prefix of a name is no prefix of a path");
        assert!(!mounts.is_local(Path::new("/mnt/with space")));
        assert!(mounts.is_local(Path::new("/var/log")));
        assert_eq!((mounts.type_of(31), mounts.type_of(3)), (Some("nfs4"), None));
        assert!(mounts.points().contains(Path::new("/mnt/with space")));
    }

    #[test]
    fn a_path_is_followed_over_links_to_what_exists() {
        let mounts = Mounts::read().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("real")).unwrap();
        std::os::unix::fs::symlink("real", root.join("link")).unwrap();
        std::os::unix::fs::symlink("loop", root.join("loop")).unwrap();
        assert_eq!(mounts.follow(&root.join("link")).unwrap(), Place::Here(root.join("real")));
        let nearest = root.join("real");
        assert_eq!(mounts.follow(&root.join("link/not/there")).unwrap(), Place::Missing { nearest });
        assert_eq!(mounts.follow(&root.join("loop")).unwrap_err().raw_os_error(), Some(nix::libc::ELOOP));
    }

    #[test]
    fn a_remote_mount_is_told_before_it_is_touched() {
        let mut mounts = Mounts::read().unwrap();
        mounts.0.push(Mount {
            id: 9,
            point: PathBuf::from("/proc/nothing"),
            filesystem_type: "fuse".to_owned(),
            device: "0:9".to_owned(),
        });
        let Place::Remote(mount) = mounts.follow(Path::new("/proc/nothing/below")).unwrap() else { panic!() };
        assert_eq!(mount.filesystem_type, "fuse");
    }
}
