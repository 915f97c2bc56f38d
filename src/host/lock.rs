//! One run at a time, by a lock of the kernel under /run: whoever holds it and dies leaves nothing behind.
#![allow(clippy::disallowed_methods)] // this is the home of the methods that are denied elsewhere

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Gone with the next boot, as locks are.
pub const DIRECTORY: &str = "/run/hostready";

const NAME: &str = "lock";

/// How often it is tried until somebody holds it in earnest.
const PROBES: usize = 30;

/// Held until it is dropped, or whoever holds it ends, however that comes.
#[derive(Debug)]
pub struct RunLock {
    _held: Flock<File>,
}

#[derive(Debug)]
pub enum Refused {
    /// Another run holds it; its name, where it has written it.
    Busy(Option<String>),
    Failed(io::Error),
}

impl RunLock {
    pub fn take(run: &str) -> Result<Self, Refused> {
        Self::take_in(Path::new(DIRECTORY), run)
    }

    fn take_in(directory: &Path, run: &str) -> Result<Self, Refused> {
        let file = open(directory, NAME, true).map_err(Refused::Failed)?;
        match exclusive(file) {
            Ok(mut held) => {
                write_name(&mut held, run).map_err(Refused::Failed)?;
                Ok(Self { _held: held })
            }
            Err((mut file, Errno::EWOULDBLOCK)) => Err(Refused::Busy(name(&mut file))),
            Err((_, errno)) => Err(Refused::Failed(errno.into())),
        }
    }
}

/// Whoever only asks whether it is held holds it for a moment, too: that is waited out, and no more.
pub fn exclusive(mut file: File) -> Result<Flock<File>, (File, Errno)> {
    for _ in 0..PROBES {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Err((back, Errno::EWOULDBLOCK)) => file = back,
            ended => return ended,
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Flock::lock(file, FlockArg::LockExclusiveNonblock)
}

/// The run that goes on now, if one does; whoever only looks asks this and takes nothing.
pub fn holder() -> Option<String> {
    let file = open(Path::new(DIRECTORY), NAME, false).ok()?;
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Err((mut file, Errno::EWOULDBLOCK)) => Some(name(&mut file).unwrap_or_default()),
        _ => None,
    }
}

pub fn open(directory: &Path, name: &str, create: bool) -> io::Result<File> {
    if create {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    OpenOptions::new().read(true).write(create).create(create).truncate(false).mode(0o600).open(directory.join(name))
}

fn write_name(file: &mut File, run: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{run}")
}

fn name(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.take(200).read_to_string(&mut text).ok()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_only_asks_is_in_nobodys_way() {
        let home = tempfile::tempdir().unwrap();
        RunLock::take_in(home.path(), "one").unwrap();
        let asked = Flock::lock(open(home.path(), NAME, false).unwrap(), FlockArg::LockShared).unwrap();
        let asking = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(asked);
        });
        RunLock::take_in(home.path(), "two").unwrap();
        asking.join().unwrap();
    }

    #[test]
    fn second_is_told_the_name_of_the_first_and_gets_it_when_the_first_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let first = RunLock::take_in(home.path(), "one").unwrap();
        match RunLock::take_in(home.path(), "two") {
            Err(Refused::Busy(name)) => assert_eq!(name.as_deref(), Some("one")),
            other => panic!("{other:?}"),
        }
        drop(first);
        RunLock::take_in(home.path(), "a longer name").unwrap();
        RunLock::take_in(home.path(), "two").unwrap();
        assert_eq!(std::fs::read_to_string(home.path().join("lock")).unwrap(), "two\n");
    }
}
