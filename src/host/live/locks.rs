//! Who holds a POSIX record lock, which is what dpkg and apt take. The file's existence says nothing,
//! and a lock by flock(2) stops neither of them.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;

use super::{failure, processes};
use crate::model::Reading;
use crate::model::answer::{Holder, Lock};

const PROC: &str = "/proc";

/// Asks the kernel who would keep us from locking the whole file for writing. Takes no lock, makes no file.
///
/// Our own process must hold no record lock on the file: closing any descriptor of it would drop that lock.
/// Looking holds none.
pub fn holder(path: &Path) -> Reading<Lock> {
    // F_GETLK asks for no right to write. O_NONBLOCK: a FIFO under this name must not hold us up.
    #[allow(clippy::disallowed_methods, reason = "opened for reading alone")]
    let opened = OpenOptions::new().read(true).custom_flags((OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).bits()).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) => return failure::reading("cannot open", path, &error),
    };
    let mut probe = whole_file(libc::F_WRLCK);
    if let Err(errno) = fcntl(&file, FcntlArg::F_GETLK(&mut probe)) {
        return failure::unreadable("cannot ask who locks", path, &errno.into());
    }
    let held = i32::from(probe.l_type) != libc::F_UNLCK;
    Reading::Known(Lock { holder: held.then(|| describe(probe.l_pid)) })
}

fn whole_file(kind: i32) -> libc::flock {
    libc::flock { l_type: kind as _, l_whence: libc::SEEK_SET as _, l_start: 0, l_len: 0, l_pid: 0 }
}

/// The kernel says 0 for a process of another PID namespace and -1 for a lock of an open file description.
fn describe(pid: libc::pid_t) -> Holder {
    let proc = Path::new(PROC);
    let pid = u32::try_from(pid).ok().filter(|pid| *pid > 0);
    Holder {
        pid,
        command: pid.and_then(|pid| processes::command(&proc.join(pid.to_string()))),
        age_seconds: pid.and_then(|pid| processes::age_seconds(proc, pid)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Child, Command, Stdio};

    use nix::fcntl::{Flock, FlockArg};

    use super::*;
    use crate::model::TroubleCause;

    const LOCK_FILE: &str = "HOSTREADY_TEST_LOCK_FILE";

    fn file() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        fs::write(&path, b"").unwrap();
        (dir, path)
    }

    /// Not a test of its own: the process that `a_record_lock_of_another_process_is_seen` starts.
    #[test]
    fn helper_that_holds_a_lock() {
        let Some(path) = std::env::var_os(LOCK_FILE) else { return };
        let file = File::options().write(true).open(path).unwrap();
        fcntl(&file, FcntlArg::F_SETLK(&whole_file(libc::F_WRLCK))).unwrap();
        println!("\nheld");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }

    fn start_helper(path: &Path) -> Child {
        let (_, module) = module_path!().split_once("::").unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("{module}::helper_that_holds_a_lock"), "--nocapture"])
            .env(LOCK_FILE, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The pipe stays with the child: its test harness writes there until it ends.
        let out = child.stdout.as_mut().unwrap();
        assert!(BufReader::new(out).lines().map_while(Result::ok).any(|line| line == "held"), "no lock is held");
        child
    }

    #[test]
    fn a_record_lock_of_another_process_is_seen() {
        let (_dir, path) = file();
        let mut child = start_helper(&path);
        let during = holder(&path);
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());

        let Reading::Known(Lock { holder: Some(seen) }) = during else { panic!("{during:?}") };
        assert_eq!(seen.pid, Some(child.id()));
        let own = processes::command(Path::new("/proc/self")).unwrap();
        assert_eq!(seen.command.as_deref(), Some(own.as_str()));
        assert!(seen.age_seconds.is_some_and(|age| age < 600), "{seen:?}");
        assert_eq!(holder(&path), Reading::Known(Lock { holder: None }));
    }

    #[test]
    fn flock_is_another_lock() {
        let (_dir, path) = file();
        let _held = Flock::lock(File::open(&path).unwrap(), FlockArg::LockExclusiveNonblock).unwrap();
        assert_eq!(holder(&path), Reading::Known(Lock { holder: None }));
    }

    #[test]
    fn a_lock_without_a_process_is_held_by_nobody_known() {
        let (_dir, path) = file();
        let file = File::options().write(true).open(&path).unwrap();
        fcntl(&file, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_WRLCK))).unwrap();
        let nobody = Holder { pid: None, command: None, age_seconds: None };
        assert_eq!(holder(&path), Reading::Known(Lock { holder: Some(nobody) }));
    }

    #[test]
    fn missing_is_absent_and_stays_so() {
        let (dir, _) = file();
        let path = dir.path().join("none");
        assert_eq!(holder(&path), Reading::Absent);
        assert!(!path.exists());
        // No file can have a name that long, whoever asks.
        let path = dir.path().join("x".repeat(300));
        let Reading::Unreadable(trouble) = holder(&path) else { panic!("a name that cannot be") };
        assert_eq!(trouble.cause, TroubleCause::Failed);
    }
}
