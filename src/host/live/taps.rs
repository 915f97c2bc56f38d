//! Through which devices guests reach the network: the kernel tells it of every open tap.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::failure;
use crate::model::Reading;
use crate::model::answer::GuestProcess;
use crate::model::gather::Arrange as _;
use crate::model::sorted::SortedMap;

/// The device whose descriptors are taps.
const TUN: &str = "/dev/net/tun";

/// The tap devices of each guest, sorted; one of several queues counts once. A guest that has ended by now has none.
pub fn taps(proc: &Path, guests: &SortedMap<u32, GuestProcess>) -> Reading<SortedMap<u32, Vec<String>>> {
    let mut found = SortedMap::new();
    for pid in guests.keys() {
        let process = proc.join(pid.to_string());
        match of_process(&process) {
            Ok(taps) => drop(found.insert(*pid, taps)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return failure::unreadable("cannot read", &process.join("fd"), &error),
        }
    }
    Reading::Known(found)
}

fn of_process(process: &Path) -> io::Result<Vec<String>> {
    let mut taps = Vec::new();
    for entry in std::fs::read_dir(process.join("fd"))? {
        let entry = entry?;
        let is_tap = std::fs::read_link(entry.path()).is_ok_and(|target| target == Path::new(TUN));
        if is_tap {
            taps.extend(device(process, &entry.file_name()));
        }
    }
    taps.arrange();
    taps.dedup();
    Ok(taps)
}

/// `None` for a descriptor that is attached to no device, or is closed by now.
fn device(process: &Path, descriptor: &OsStr) -> Option<String> {
    let info = std::fs::read_to_string(process.join("fdinfo").join(descriptor)).ok()?;
    let name = info.lines().find_map(|line| line.strip_prefix("iff:"))?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn guest() -> GuestProcess {
        GuestProcess { name: "web-1".to_owned(), uuid: None, program_deleted: false }
    }

    #[test]
    fn a_tap_of_several_queues_counts_once_and_other_descriptors_not_at_all() {
        let proc = tempfile::tempdir().unwrap();
        let process = proc.path().join("300");
        fs::create_dir_all(process.join("fd")).unwrap();
        fs::create_dir(process.join("fdinfo")).unwrap();
        // As Linux writes it.
        let of_tap = |name: &str| format!("pos:\t0\nflags:\t0104002\nmnt_id:\t28\nino:\t119\niff:\t{name}\n");
        for (number, target, info) in [
            (4, "/dev/net/tun", of_tap("tap1f2e-42")),
            (5, "/dev/net/tun", of_tap("tap1f2e-42")),
            (6, "/dev/net/tun", of_tap("tap0a9b-11")),
            (7, "/dev/net/tun", "pos:\t0\nflags:\t0104002\nmnt_id:\t28\nino:\t119\n".to_owned()),
            (8, "/dev/vhost-net", of_tap("no")),
        ] {
            symlink(target, process.join(format!("fd/{number}"))).unwrap();
            fs::write(process.join(format!("fdinfo/{number}")), info).unwrap();
        }
        let guests = [(300, guest()), (301, guest())].into();
        let wanted = [(300, vec!["tap0a9b-11".to_owned(), "tap1f2e-42".to_owned()])].into();
        assert_eq!(taps(proc.path(), &guests), Reading::Known(wanted));
    }
}
