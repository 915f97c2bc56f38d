//! The file that arms the boot guard.

use std::io::{self, Error, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::snapshots::Snapshots;
use super::store::Store;
use crate::model::armed::{Armed, SCHEMA};

/// Much more than it needs: what is larger is none.
const LARGEST: u64 = 1 << 16;

pub fn path(state: &Path) -> PathBuf {
    state.join("armed")
}

/// None where the host is not armed.
pub fn read(state: &Path) -> io::Result<Option<Armed>> {
    let path = path(state);
    let found = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    if !found.is_file() || found.len() > LARGEST {
        return Err(Error::other("is not what `hostready snapshot --arm` writes"));
    }
    let armed: Armed = serde_json::from_slice(&std::fs::read(&path)?)?;
    let is_time = |time: &str| humantime::parse_rfc3339(time).is_ok();
    if armed.schema != SCHEMA || !is_time(&armed.until) || !is_time(&armed.seen_at) {
        return Err(Error::other("is not what `hostready snapshot --arm` writes"));
    }
    if !armed.schema_version.starts_with("1.") {
        return Err(Error::other(format!("is of version {}, and another hostready wrote it", armed.schema_version)));
    }
    Ok(Some(armed))
}

/// On the disk when this returns. Where that is full, it takes of the room that a snapshot has kept.
pub fn write(store: &Store, state: &Path, armed: &Armed) -> io::Result<()> {
    let text = serde_json::to_vec_pretty(armed)?;
    keep(store, state, &path(state), &|out| out.write_all(&text))
}

/// What the last boot found and did.
pub fn report(state: &Path) -> PathBuf {
    state.join("boot.json")
}

pub fn keep_report(store: &Store, state: &Path, write: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    keep(store, state, &report(state), write)
}

fn keep(store: &Store, state: &Path, path: &Path, write: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let keep = || {
        let mut staged = store.stage();
        staged.file(path, true, &mut |out| write(out))?;
        staged.commit()
    };
    match keep() {
        Err(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            store.remove(&Snapshots { state: state.to_owned() }.reserve())?;
            keep()
        }
        kept => kept,
    }
}

pub fn remove(store: &Store, state: &Path) -> io::Result<()> {
    store.remove(&path(state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_still_loads_and_what_is_no_such_file_is_told() {
        let home = tempfile::tempdir().unwrap();
        let text = include_str!("../../tests/fixtures/armed/1.0.json");
        let armed: Armed = serde_json::from_str(text).unwrap();
        assert_eq!(read(home.path()).unwrap(), None);
        write(&Store::hand_out(), home.path(), &armed).unwrap();
        assert_eq!(read(home.path()).unwrap().as_ref(), Some(&armed));
        assert_eq!((armed.boots_left, armed.baseline.as_str()), (3, "20261121T091402Z"));
        for (from, to) in [
            ("\"1.0\"", "\"2.0\""),
            ("2026-11-21T21:14:02Z", "tomorrow"),
            ("hostready/armed", "hostready/report"),
            ("boots_left", "boots"),
            ("}", ""),
        ] {
            std::fs::write(path(home.path()), text.replace(from, to)).unwrap();
            assert!(read(home.path()).is_err(), "{to} was read");
        }
        remove(&Store::hand_out(), home.path()).unwrap();
        std::os::unix::fs::symlink("/dev/null", path(home.path())).unwrap();
        assert!(read(home.path()).is_err(), "whoever owns what a link leads to has no say");
    }
}
