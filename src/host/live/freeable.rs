//! The files that a fix for space may free, family by family.

mod journals;

use std::collections::HashSet;
use std::fs::{DirEntry, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::failure;
use super::files::device_name;
use super::mounts::Mounts;
use crate::model::answer::FileRow;
use crate::model::gather::Arrange as _;
use crate::model::query::Freeable;
use crate::model::sorted::SortedMap;
use crate::model::{Reading, TroubleCause};
use journals::{Spared, Tail};

const JOURNAL: &str = "var/log/journal";
const LOGS: &str = "var/log";
const ARCHIVES: &str = "var/cache/apt/archives";

const LOG_AGE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
const COMPRESSED: [&str; 4] = [".gz", ".xz", ".zst", ".bz2"];

/// Records of logins, which are evidence and no logs.
const LOGIN_RECORDS: [&str; 4] = ["wtmp", "btmp", "lastlog", "faillog"];

/// What a half-done upgrade is repaired or taken back with, often without a network to download it again.
const KEPT_PACKAGES: [&str; 4] = ["pf9-", "openvswitch", "ovn", "python3-openvswitch"];

/// The directory in which a family's files lie.
pub fn top(family: Freeable) -> &'static str {
    match family {
        Freeable::ArchivedJournals => "/var/log/journal",
        Freeable::RotatedLogs => "/var/log",
        Freeable::AptCache => "/var/cache/apt/archives",
    }
}

/// The files of a family below `root`, by path as the host knows it, with the space that each would free.
///
/// Regular files with a single name on the family's own filesystem; links are not followed. What may not be read
/// below the family's directory is left out, so the sum is a lower bound. Absent where the directory is missing.
pub fn files(root: &Path, family: Freeable, deadline: Instant) -> Reading<Vec<FileRow>> {
    let search = Search { root, deadline };
    let found = match family {
        Freeable::ArchivedJournals => search.archived_journals(),
        Freeable::RotatedLogs => search.rotated_logs(),
        Freeable::AptCache => search.apt_cache(),
    };
    found.map(|mut rows| {
        rows.arrange_by(|one, other| one.path.cmp(&other.path));
        rows
    })
}

struct Search<'a> {
    root: &'a Path,
    deadline: Instant,
}

type Listed = Vec<(DirEntry, Metadata)>;

impl Search<'_> {
    /// Archived files of this machine's own directory and nothing else: neither other machines', nor `remote`, nor the
    /// active files. What reaches into this boot or the one before stays: it is what tells why the host is as it is.
    fn archived_journals(&self) -> Reading<Vec<FileRow>> {
        let path = self.root.join("etc/machine-id");
        let id = match std::fs::read_to_string(&path) {
            Ok(id) => id.trim().to_owned(),
            Err(error) => return failure::reading("cannot read", &path, &error),
        };
        if !is_hex(&id, 32) {
            return Reading::unreadable(TroubleCause::Malformed, format!("{} holds no machine id", path.display()));
        }
        let path = self.root.join("proc/sys/kernel/random/boot_id");
        let Some(current) = std::fs::read_to_string(&path).ok().and_then(|text| journals::parse_boot(&text)) else {
            return Reading::unreadable(TroubleCause::Failed, format!("{} holds no boot id", path.display()));
        };
        self.list(&self.root.join(JOURNAL).join(id)).map(|listed| {
            let is_journal = |entry: &DirEntry| entry.file_name().to_string_lossy().contains(".journal");
            let tails =
                listed.iter().filter(|(entry, _)| is_journal(entry)).filter_map(|(entry, _)| Tail::of(&entry.path()));
            let spared = Spared::new(current, tails);
            self.rows(&listed, |entry, _| {
                let is_archived = entry.file_name().to_str().is_some_and(is_archived_journal);
                is_archived && Tail::of(&entry.path()).is_some_and(|tail| !spared.has(tail))
            })
        })
    }

    fn apt_cache(&self) -> Reading<Vec<FileRow>> {
        let directory = self.root.join(ARCHIVES);
        self.list(&directory).map(|listed| {
            let is_package = |entry: &DirEntry, _: &Metadata| {
                let name = entry.file_name();
                name.to_str().is_some_and(|name| name.ends_with(".deb") && !is_kept_package(name))
            };
            let mut rows = self.rows(&listed, is_package);
            let partial = self.list(&directory.join("partial")).known().unwrap_or_default();
            let is_free = |entry: &DirEntry, _: &Metadata| !is_kept_package(&entry.file_name().to_string_lossy());
            rows.extend(self.rows(&partial, is_free));
            rows
        })
    }

    fn rotated_logs(&self) -> Reading<Vec<FileRow>> {
        let top = self.root.join(LOGS);
        let device = match std::fs::metadata(&top) {
            Ok(metadata) => metadata.dev(),
            Err(error) => return failure::reading("cannot look at", &top, &error),
        };
        let mut stepped_over = Mounts::own_points();
        stepped_over.remove(&top);
        stepped_over.insert(self.root.join(JOURNAL));
        // A date that cannot be: then nothing is old, and nothing is offered.
        let before = SystemTime::now().checked_sub(LOG_AGE).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut rows = Vec::new();
        let mut directories = vec![top.clone()];
        while let Some(directory) = directories.pop() {
            let listed = match self.list_but(&directory, &stepped_over) {
                Reading::Known(listed) => listed,
                // One directory below that is gone or closed to us does not spoil the rest; running out of time does.
                other if directory == top => return other.map(|_| Vec::new()),
                Reading::Unreadable(trouble) if trouble.cause == TroubleCause::TimedOut => {
                    return Reading::Unreadable(trouble);
                }
                _ => continue,
            };
            let newest = newest_of_families(&listed);
            let is_old = |entry: &DirEntry, metadata: &Metadata| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let age = metadata.modified().unwrap_or(SystemTime::now());
                metadata.dev() == device && age < before && is_rotated_log(&name) && !newest.contains(&name)
            };
            rows.extend(self.rows(&listed, is_old));
            directories.extend(listed.iter().filter_map(|(entry, metadata)| {
                let goes_down = metadata.is_dir() && metadata.dev() == device && entry.file_name() != "audit";
                goes_down.then(|| entry.path())
            }));
        }
        Reading::Known(rows)
    }

    fn list(&self, directory: &Path) -> Reading<Listed> {
        self.list_but(directory, &HashSet::new())
    }

    /// Everything in a directory but what is named; entries that vanish meanwhile are left out.
    fn list_but(&self, directory: &Path, stepped_over: &HashSet<PathBuf>) -> Reading<Listed> {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => return failure::reading("cannot list", directory, &error),
        };
        let mut listed = Vec::new();
        for entry in entries.filter_map(Result::ok) {
            if Instant::now() >= self.deadline {
                let detail = format!("listing {} took too long", directory.display());
                return Reading::unreadable(TroubleCause::TimedOut, detail);
            }
            if !stepped_over.contains(&entry.path())
                && let Ok(metadata) = entry.metadata()
            {
                listed.push((entry, metadata));
            }
        }
        Reading::Known(listed)
    }

    /// A file with a second name frees nothing when it loses the first.
    fn rows(&self, listed: &Listed, is_free: impl Fn(&DirEntry, &Metadata) -> bool) -> Vec<FileRow> {
        let only = |(entry, metadata): &&(DirEntry, Metadata)| {
            metadata.is_file() && metadata.nlink() == 1 && is_free(entry, metadata)
        };
        listed.iter().filter(only).map(|(entry, metadata)| self.row(&entry.path(), metadata)).collect()
    }

    fn row(&self, path: &Path, metadata: &Metadata) -> FileRow {
        let on_host = path.strip_prefix(self.root).unwrap_or(path);
        FileRow {
            path: Path::new("/").join(on_host).to_string_lossy().into_owned(),
            device: device_name(metadata.dev()),
            bytes: metadata.blocks() * 512,
            modified: Some(metadata.mtime()),
        }
    }
}

/// journald's own rule, from its `journal_directory_vacuum`: `NAME@SEQNUM-ID-…-TIME.journal` was archived,
/// `NAME@TIME-RANDOM.journal~` was found corrupt. All else is active or unknown, and never removed.
fn is_archived_journal(name: &str) -> bool {
    let tail = |suffix| name.strip_suffix(suffix).and_then(|stem| stem.split_once('@')).map(|(_, tail)| tail);
    let fits = |tail: &str, lengths: &[usize]| {
        let parts: Vec<&str> = tail.split('-').collect();
        parts.len() == lengths.len() && parts.iter().zip(lengths).all(|(part, length)| is_hex(part, *length))
    };
    tail(".journal").is_some_and(|tail| fits(tail, &[32, 16, 16]))
        || tail(".journal~").is_some_and(|tail| fits(tail, &[16, 16]))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_kept_package(name: &str) -> bool {
    KEPT_PACKAGES.iter().any(|prefix| name.starts_with(prefix))
}

fn is_rotated_log(name: &str) -> bool {
    let is_compressed = COMPRESSED.iter().any(|suffix| name.ends_with(suffix));
    is_compressed && !LOGIN_RECORDS.iter().any(|record| name.starts_with(record))
}

/// The name of the newest file of each family in one directory. Where a service stopped writing long ago, that is
/// the last that anybody knows of it, and it stays.
fn newest_of_families(listed: &Listed) -> HashSet<String> {
    let mut newest: SortedMap<String, (SystemTime, String)> = SortedMap::new();
    for (entry, metadata) in listed.iter().filter(|(_, metadata)| metadata.is_file()) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let candidate = (metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), name);
        let seen = newest.entry(family_of(&candidate.1)).or_insert_with(|| candidate.clone());
        if candidate > *seen {
            *seen = candidate;
        }
    }
    newest.into_values().map(|(_, name)| name).collect()
}

/// `syslog.2.gz`, `syslog-20260101` and `syslog` are of one family, as are `app-2026-01-01.log.xz` and `app.log`.
fn family_of(name: &str) -> String {
    let stem = COMPRESSED.iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    let is_mark = |character: char| character.is_ascii_digit() || matches!(character, '.' | '-' | '_');
    let Some(last_digit) = stem.rfind(|character: char| character.is_ascii_digit()) else { return stem.to_owned() };
    let (head, tail) = stem.split_at(last_digit + 1);
    // The number must stand apart: the 1 of `node1.log` counts nodes, not rotations.
    let base = head.trim_end_matches(is_mark);
    let (_, mark) = head.split_at(base.len());
    let apart = mark.starts_with(|character: char| !character.is_ascii_digit());
    let goes_on = tail.is_empty() || tail.starts_with('.');
    if apart && goes_on && !base.is_empty() { format!("{base}{tail}") } else { stem.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;

    use super::*;

    const MACHINE: &str = "0123456789abcdef0123456789abcdef";

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// A file of 8 KiB that was last written so many days ago.
    fn stage(root: &Path, path: &str, days: u64) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, [1; 8192]).unwrap();
        let then = SystemTime::now() - Duration::from_secs(days * 24 * 60 * 60);
        File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    }

    fn found(root: &Path, family: Freeable) -> Vec<String> {
        match files(root, family, soon()) {
            Reading::Known(rows) => rows.into_iter().map(|row| row.path).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_archived_journals_of_this_machine_are_free() {
        let dir = tempfile::tempdir().unwrap();
        let (root, own) = (dir.path(), format!("var/log/journal/{MACHINE}"));
        stage(root, "etc/machine-id", 0);
        fs::write(root.join("etc/machine-id"), format!("{MACHINE}\n")).unwrap();
        stage(root, "proc/sys/kernel/random/boot_id", 0);
        fs::write(root.join("proc/sys/kernel/random/boot_id"), format!("{:032x}\n", 3)).unwrap();
        let stage = |path: &str, boot, realtime| {
            stage(root, path, 0);
            fs::write(root.join(path), journals::tests::written(boot, realtime)).unwrap();
        };
        let archived = format!("system@{MACHINE}-00000000000004d2-0005e1a2b3c4d5e6.journal");
        let corrupt = "user-1000@0005e1a2b3c4d5e6-89abcdef01234567.journal~";
        for name in [&archived, corrupt, "user-1000.journal", "user-1@x.journal", "note@.txt"] {
            stage(&format!("{own}/{name}"), 1, 10);
        }
        stage(&format!("var/log/journal/{}/{archived}", MACHINE.replace('0', "f")), 1, 10);
        stage(&format!("var/log/journal/remote/{archived}"), 1, 10);
        // Of this boot, of the one before, and of nobody knows when.
        stage(&format!("{own}/system.journal"), 3, 30);
        stage(&format!("{own}/system@{MACHINE}-00000000000014d2-0005e1a2b3c4d5e6.journal"), 3, 25);
        stage(&format!("{own}/system@{MACHINE}-00000000000014d3-0005e1a2b3c4d5e6.journal"), 2, 20);
        stage(&format!("{own}/system@{MACHINE}-00000000000014d4-0005e1a2b3c4d5e6.journal"), 0, 5);
        let expected = [format!("/{own}/{archived}"), format!("/{own}/{corrupt}")];
        assert_eq!(found(root, Freeable::ArchivedJournals), expected);
    }

    #[test]
    fn only_old_compressed_logs_are_free() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for living in ["syslog", "wtmp", "btmp", "faillog", "journal/x/a"] {
            stage(root, &format!("var/log/{living}"), 0);
        }
        for old in ["syslog.3.gz", "syslog.4.xz", "wtmp.1.gz", "btmp-20200101.gz", "syslog.5", "faillog.2.zst"] {
            stage(root, &format!("var/log/{old}"), 31);
        }
        stage(root, "var/log/syslog.2.gz", 29);
        for path in ["audit/audit.log.1.gz", "audit/audit.log.2.gz", "journal/x/a.1.gz", "app/a.log.1.bz2"] {
            stage(root, &format!("var/log/{path}"), 40);
        }
        stage(root, "var/log/app/a.log.2.bz2", 50);
        stage(root, "srv/out.1.gz", 90);
        stage(root, "srv/out.2.gz", 91);
        symlink(root.join("srv"), root.join("var/log/srv")).unwrap();
        symlink(root.join("srv/out.2.gz"), root.join("var/log/syslog.9.gz")).unwrap();
        stage(root, "var/log/syslog.7.gz", 60);
        fs::hard_link(root.join("var/log/syslog.7.gz"), root.join("srv/second-name")).unwrap();
        // `a.log.1.bz2` is old as well, and the last of its family.
        let expected = ["/var/log/app/a.log.2.bz2", "/var/log/syslog.3.gz", "/var/log/syslog.4.xz"];
        assert_eq!(found(root, Freeable::RotatedLogs), expected);
    }

    #[test]
    fn the_downloads_of_other_packages_are_free() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for name in ["bash_5.1_amd64.deb", "lock", "partial/vim_9_amd64.deb", "partial/x.FAILED", "other/a_1_all.deb"] {
            stage(root, &format!("{ARCHIVES}/{name}"), 0);
        }
        for kept in ["pf9-hostagent", "openvswitch-switch", "ovn-host", "python3-openvswitch", "partial/pf9-neutron"] {
            stage(root, &format!("{ARCHIVES}/{kept}_1_amd64.deb"), 0);
        }
        let expected = ["bash_5.1_amd64.deb", "partial/vim_9_amd64.deb", "partial/x.FAILED"];
        assert_eq!(found(root, Freeable::AptCache), expected.map(|name| format!("/{ARCHIVES}/{name}")));
    }

    #[test]
    fn rows_tell_blocks_and_not_length() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(ARCHIVES).join("sparse_1_all.deb");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create_new(&path).unwrap().set_len(1 << 30).unwrap();
        let Reading::Known(rows) = files(dir.path(), Freeable::AptCache, soon()) else { panic!("not read") };
        assert!(rows[0].bytes < 1 << 20, "{rows:?}");
        let device = path.metadata().unwrap().dev();
        assert_eq!(rows[0].device, device_name(device));
    }

    #[test]
    fn missing_and_late_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        for family in Freeable::ALL {
            assert_eq!(files(dir.path(), family, soon()), Reading::Absent, "{family:?}");
        }
        stage(dir.path(), "var/log/syslog.1.gz", 50);
        let late = files(dir.path(), Freeable::RotatedLogs, Instant::now());
        assert!(matches!(late, Reading::Unreadable(trouble) if trouble.cause == TroubleCause::TimedOut));
    }

    #[test]
    fn families_are_told_by_name() {
        for name in ["syslog", "syslog.1", "syslog.2.gz", "syslog-20260101.xz", "syslog-20260101-1767225600.gz"] {
            assert_eq!(family_of(name), "syslog", "{name}");
        }
        for name in ["app.log", "app-2026-01-01.log.gz", "app.log.3.zst", "app.1.log.gz"] {
            assert_eq!(family_of(name), "app.log", "{name}");
        }
        assert_eq!(family_of("node1.log"), "node1.log");
        assert_eq!(family_of("node1.log.2.gz"), "node1.log");
        assert_eq!(family_of("1.gz"), "1");
    }
}
