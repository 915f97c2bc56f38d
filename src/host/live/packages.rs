//! What apt would do, and which packages lie on this host as files: what a repair of packages is planned from. These
//! questions run a program, as that for the last words of a unit does; nobody asks them but whoever plans a repair.

use std::fs::{DirEntry, read_dir};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Instant;

use super::exec;
use crate::model::answer::Archive;
use crate::model::gather::Arrange as _;
use crate::model::plan::{REMOVE, Run};
use crate::model::{Reading, TroubleCause};

/// Where packages are kept: by apt, and by the agent, which installs from files.
pub const CACHES: [&str; 2] = ["/var/cache/apt/archives", "/var/cache/pf9apps"];

/// How deep below a cache a package may lie.
const DEPTH: usize = 3;

/// As long as the question may take, with what it takes to end it.
const TO_SIMULATE: u64 = 16;
const TO_READ: u64 = 5;

/// apt keeps none of the indexes that it makes: a plan changes nothing.
const SIMULATE: [&str; 9] = [
    "apt-get",
    "--simulate",
    "--yes",
    "--quiet=2",
    "-o",
    "Dir::Cache::pkgcache=",
    "-o",
    "Dir::Cache::srcpkgcache=",
    "--no-install-recommends",
];

/// apt's lines, one for each package that would be installed, configured or removed.
pub fn simulated(what: &str) -> Reading<Vec<u8>> {
    // What is held and asked for by name is held again afterwards; nothing else that is held is touched.
    let wanted: Vec<&str> = match what {
        "" => vec!["--fix-broken", "install"],
        what if what.ends_with('-') => {
            REMOVE.into_iter().chain(what.split(' ').filter_map(|name| name.strip_suffix('-'))).collect()
        }
        what => vec!["--allow-change-held-packages", "--reinstall", "install", what],
    };
    let run = Run::new(&[&SIMULATE, &wanted[..]].concat());
    match exec::run(&Run { deadline_s: Some(TO_SIMULATE), ..run }) {
        Ok(said) => Reading::Known(said.out.into_bytes()),
        Err(not_done) => Reading::unreadable(TroubleCause::Failed, not_done.why),
    }
}

/// `NAME=VERSION`. Each as its own control data has it: a file may be called anything.
pub fn archives(what: &str, deadline: Instant) -> Reading<Vec<Archive>> {
    let (name, version) = what.split_once('=').unwrap_or((what, ""));
    let mut paths = Vec::new();
    for cache in CACHES {
        find(Path::new(cache), name, DEPTH, deadline, &mut paths);
    }
    paths.arrange();
    Reading::Known(
        paths
            .into_iter()
            .take_while(|_| Instant::now() < deadline)
            .filter_map(|it| read(it, name, version, deadline))
            .collect(),
    )
}

fn find(directory: &Path, name: &str, depth: usize, deadline: Instant, paths: &mut Vec<String>) {
    let Ok(entries) = read_dir(directory) else { return };
    for entry in entries.flatten().take_while(|_| Instant::now() < deadline) {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth > 0 {
            find(&entry.path(), name, depth - 1, deadline, paths);
        } else if kind.is_file() && is_of(&entry, name) {
            paths.extend(entry.path().to_str().map(str::to_owned));
        }
    }
}

/// By its name, and of somebody who is trusted with it: what everybody may write to is nothing to install as root.
fn is_of(entry: &DirEntry, name: &str) -> bool {
    let file = entry.file_name();
    let rest = file.to_str().and_then(|file| file.strip_prefix(name));
    let is_named = rest.is_some_and(|rest| rest.starts_with(['_', '-']) && rest.ends_with(".deb"));
    is_named && entry.metadata().is_ok_and(|found| found.mode() & 0o002 == 0)
}

fn read(path: String, name: &str, version: &str, deadline: Instant) -> Option<Archive> {
    let fields = ["dpkg", "--field", path.as_str(), "Package", "Version", "Architecture"];
    let said = exec::run(&Run { deadline_s: Some(TO_READ), ..Run::new(&fields) }).ok()?;
    let field = |field: &str| said.out.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(": "));
    if field("Package")? != name || field("Version")? != version {
        return None;
    }
    let architecture = field("Architecture")?.to_owned();
    Some(Archive { flaw: flaw(&path, deadline), version: version.to_owned(), architecture, path })
}

/// Its control data may be whole and the rest not; and dpkg by itself removes what a package says that it replaces.
fn flaw(path: &str, deadline: Instant) -> Option<String> {
    let run = |words: &[&str]| {
        let left = deadline.saturating_duration_since(Instant::now()).as_secs().max(1);
        exec::run(&Run { deadline_s: Some(left), ..Run::new(&[&["dpkg"], words, &[path]].concat()) })
    };
    if let Err(not_done) = run(&["--contents"]) {
        return Some(format!("it cannot be read to its end: {not_done}"));
    }
    match run(&["--no-act", "--refuse-downgrade", "--install"]) {
        Ok(said) => said.err.lines().find(|line| line.contains("will remove")).map(str::to_owned),
        Err(not_done) => Some(not_done.why),
    }
}
