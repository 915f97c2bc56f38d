//! Files that have no name any more and take up space as long as somebody holds them open.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::files::device_name;
use super::mounts::Mounts;
use super::processes;
use crate::model::Reading;
use crate::model::answer::{DeletedFile, DeletedOpen};
use crate::model::gather::Arrange as _;
use crate::model::sorted::SortedMap;

/// Smaller files cannot matter and only make the list long.
const SMALLEST: u64 = 64 * 1024;
const MOST: usize = 200;

const DELETED: &[u8] = b" (deleted)";

/// Memory that the kernel shows as deleted files.
const MEMORY: [&str; 6] = ["/memfd:", "/dev/zero", "/SYSV", "/dev/shm/", "/dev/hugepages/", "/[aio]"];

/// Filesystems that answer by themselves, for mounts that `local` cannot speak of.
const ON_DISK: [&str; 9] = ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "vfat"];

/// Every deleted file of 64 KiB or more that a process holds open, once, under its lowest holder; the 200
/// largest, largest first. What is mapped but no longer open is not seen.
///
/// `local` says whether a path is on a disk of this host. Only files for which it does are asked for their size:
/// a hung network filesystem or FUSE server would never answer.
pub fn deleted_open(proc: &Path, local: &dyn Fn(&Path) -> bool) -> Reading<DeletedOpen> {
    processes::pids(proc).map(|pids| {
        let mut walk = Walk { proc, local, mounts: HashMap::new(), files: SortedMap::new() };
        // Mounted with hidepid, /proc does not even name the processes of others.
        let mut denied = u64::from(!pids.contains(&1));
        for pid in pids {
            let looked = walk.process(pid);
            denied += u64::from(looked.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied));
        }
        let mut files: Vec<DeletedFile> = walk.files.into_values().collect();
        files.arrange_by(|one, other| other.bytes.cmp(&one.bytes).then_with(|| one.path.cmp(&other.path)));
        files.truncate(MOST);
        DeletedOpen { files, processes_denied: denied }
    })
}

struct Walk<'a> {
    proc: &'a Path,
    local: &'a dyn Fn(&Path) -> bool,
    /// Mounts by mount namespace, as `/proc/PID/ns/mnt` names it.
    mounts: HashMap<Option<PathBuf>, Rc<Mounts>>,
    files: SortedMap<(u64, u64), DeletedFile>,
}

impl Walk<'_> {
    /// Fails where the descriptors cannot be read; a process that is gone by then is no failure to anyone.
    fn process(&mut self, pid: u32) -> io::Result<()> {
        let process = self.proc.join(pid.to_string());
        let descriptors = match std::fs::read_dir(process.join("fd")) {
            Ok(descriptors) => descriptors,
            // A kernel thread's descriptors are closed to all but root as well, and there are none.
            Err(_) if processes::Stat::of(&process).is_some_and(|stat| stat.has_no_memory()) => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in descriptors {
            let link = entry?.path();
            let target = match std::fs::read_link(&link) {
                Ok(target) => target,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if let Some(path) = deleted_path(target.as_os_str().as_bytes()) {
                self.descriptor(&process, pid, &link, path);
            }
        }
        Ok(())
    }

    fn descriptor(&mut self, process: &Path, pid: u32, link: &Path, path: &Path) {
        if !self.answers_by_itself(process, link, path) {
            return;
        }
        let Ok(file) = std::fs::metadata(link) else { return };
        let bytes = file.blocks() * 512;
        // A living file may be called `x (deleted)`.
        if file.nlink() != 0 || !file.is_file() || bytes < SMALLEST {
            return;
        }
        self.files.entry((file.dev(), file.ino())).or_insert_with(|| DeletedFile {
            device: device_name(file.dev()),
            inode: file.ino(),
            bytes,
            path: path.to_string_lossy().into_owned(),
            pid,
            command: processes::command(process).unwrap_or_else(|| format!("pid {pid}")),
            unit: processes::unit(process),
        });
    }

    /// In another mount namespace the same path may lead elsewhere, and a filesystem that was unmounted lazily has
    /// no path at all. The descriptor's mount id cannot be mistaken.
    fn answers_by_itself(&mut self, process: &Path, link: &Path, path: &Path) -> bool {
        let namespace = |process: &Path| std::fs::read_link(process.join("ns/mnt")).ok();
        let (own, its) = (namespace(&self.proc.join("self")), namespace(process));
        if own == its && !(self.local)(path) {
            return false;
        }
        let Some(mount) = link.file_name().and_then(|number| mount_id(process, number)) else { return false };
        let is_foreign = own != its;
        let mounts =
            Rc::clone(self.mounts.entry(its).or_insert_with(|| {
                Rc::new(Mounts::parse(&std::fs::read(process.join("mountinfo")).unwrap_or_default()))
            }));
        match mounts.type_of(mount) {
            Some(kind) => !is_foreign || ON_DISK.contains(&kind),
            None => false,
        }
    }
}

/// The path that the file had, where this is the target of a descriptor of a deleted file.
fn deleted_path(target: &[u8]) -> Option<&Path> {
    let path = target.strip_suffix(DELETED)?;
    let is_memory = MEMORY.iter().any(|prefix| path.starts_with(prefix.as_bytes()));
    // Sockets, pipes and anonymous inodes have no slash in front.
    (path.starts_with(b"/") && !is_memory).then(|| Path::new(OsStr::from_bytes(path)))
}

fn mount_id(process: &Path, descriptor: &OsStr) -> Option<u64> {
    let info = std::fs::read_to_string(process.join("fdinfo").join(descriptor)).ok()?;
    info.lines().find_map(|line| line.strip_prefix("mnt_id:")).and_then(|id| id.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write;

    use super::*;

    const PROC: &str = "/proc";

    /// A file that has lost its name, of this many bytes.
    fn orphan(path: &Path, bytes: usize) -> File {
        let mut file = File::create_new(path).unwrap();
        file.write_all(&vec![7; bytes]).unwrap();
        file.sync_all().unwrap();
        fs::remove_file(path).unwrap();
        file
    }

    fn found_below(dir: &Path, local: &dyn Fn(&Path) -> bool) -> Vec<DeletedFile> {
        match deleted_open(Path::new(PROC), local) {
            Reading::Known(DeletedOpen { files, .. }) => {
                files.into_iter().filter(|file| Path::new(&file.path).starts_with(dir)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_deleted_file_counts_once_with_its_size_and_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("big");
        let file = orphan(&path, 1 << 20);
        let again = file.try_clone().unwrap();
        let _small = orphan(&dir.path().join("small"), 100);
        let _living = File::create_new(dir.path().join("living (deleted)")).unwrap().write_all(&vec![7; 1 << 20]);

        let found = found_below(dir.path(), &|_| true);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].path, path.to_str().unwrap());
        assert_eq!(found[0].pid, std::process::id());
        assert_eq!(found[0].inode, file.metadata().unwrap().ino());
        assert!((1 << 20..2 << 20).contains(&found[0].bytes), "{found:?}");
        assert_eq!(Some(&found[0].command), processes::command(Path::new("/proc/self")).as_ref());
        let device = file.metadata().unwrap().dev();
        assert_eq!(found[0].device, device_name(device));

        drop((file, again));
        // A child that another test starts may hold a copy until it executes its program.
        let ours = |file: &DeletedFile| file.pid == std::process::id();
        assert!(!found_below(dir.path(), &|_| true).iter().any(ours));
    }

    #[test]
    fn what_is_not_local_is_never_asked() {
        let dir = tempfile::tempdir().unwrap();
        let _file = orphan(&dir.path().join("remote"), 1 << 20);
        assert_eq!(found_below(dir.path(), &|path| !path.starts_with(dir.path())), []);
    }

    #[test]
    fn only_names_of_deleted_files_count() {
        let path = |target: &'static str| deleted_path(target.as_bytes()).map(Path::to_path_buf);
        assert_eq!(path("/var/log/x (deleted)"), Some(PathBuf::from("/var/log/x")));
        assert_eq!(path("/var/log/x"), None);
        for memory in ["/memfd:pulse", "/dev/zero", "/SYSV00000000", "/dev/shm/x", "/[aio]", "anon_inode:[eventfd]"] {
            assert_eq!(deleted_path(format!("{memory} (deleted)").as_bytes()), None, "{memory}");
        }
    }

    #[test]
    fn a_proc_that_hides_processes_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("70/fd")).unwrap();
        let hidden = DeletedOpen { files: vec![], processes_denied: 1 };
        assert_eq!(deleted_open(dir.path(), &|_| true), Reading::Known(hidden));
        // A process that has ended has no descriptors and denies nobody anything.
        fs::create_dir(dir.path().join("1")).unwrap();
        let open = DeletedOpen { files: vec![], processes_denied: 0 };
        assert_eq!(deleted_open(dir.path(), &|_| true), Reading::Known(open));
        assert!(matches!(deleted_open(&dir.path().join("none"), &|_| true), Reading::Unreadable(_)));
    }

    #[test]
    fn a_mount_that_is_gone_is_never_asked() {
        let dir = tempfile::tempdir().unwrap();
        let file = orphan(&dir.path().join("x"), 1 << 20);
        let link = PathBuf::from(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)));
        let own = Path::new("/proc/self");
        let mut walk =
            Walk { proc: Path::new(PROC), local: &|_| true, mounts: HashMap::new(), files: SortedMap::new() };
        assert!(walk.answers_by_itself(own, &link, Path::new("/x")));
        let namespace = fs::read_link("/proc/self/ns/mnt").ok();
        walk.mounts.insert(namespace, Rc::new(Mounts::parse(b"1 1 0:1 / / rw - ext4 /dev/x rw\n")));
        assert!(!walk.answers_by_itself(own, &link, Path::new("/x")));
    }
}
