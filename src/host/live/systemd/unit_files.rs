//! What is plain of the state of a unit file, and need not be asked.
//!
//! For each file systemd goes through all of its directories anew, and does nothing else meanwhile: a second of a slow
//! processor for all of them. Most are brought by a package and named in no configuration: such a file is static or
//! disabled, by what stands in it.

use std::ffi::OsStr;
use std::fs::DirEntry;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::host::live::files;
use crate::model::sorted::{SortedMap, SortedSet};

const TYPES: [&str; 10] =
    ["service", "socket", "target", "timer", "path", "mount", "automount", "swap", "slice", "scope"];

/// Unit files by their names.
#[derive(Debug, Default)]
pub struct UnitFiles {
    pub plain: SortedMap<String, &'static str>,
    /// Whose state only systemd can tell.
    pub open: Vec<String>,
}

/// What lies in these directories of `root`, each of which may be missing or the same as another.
pub fn sort_out(root: &Path, directories: &[String]) -> io::Result<UnitFiles> {
    let mut lying = Lying::default();
    let mut seen: SortedSet<PathBuf> = SortedSet::new();
    for directory in directories {
        match root.join(directory.trim_start_matches('/')).canonicalize() {
            Ok(real) if seen.insert(real.clone()) => lying.add(&real, is_configuration(directory))?,
            Ok(_) => {}
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    let mut unit_files = UnitFiles::default();
    for (name, file) in lying.files {
        let is_named = lying.named.contains(&name);
        match file.filter(|_| !is_named).and_then(|file| plain_state(&files::content(&file).known()?)) {
            Some(state) => drop(unit_files.plain.insert(name, state)),
            None => unit_files.open.push(name),
        }
    }
    Ok(unit_files)
}

#[derive(Default)]
struct Lying {
    /// Each unit file, with the one that a package brought where there is no other of its name.
    files: SortedMap<String, Option<PathBuf>>,
    /// What configuration speaks of.
    named: SortedSet<String>,
}

impl Lying {
    fn add(&mut self, directory: &Path, is_configuration: bool) -> io::Result<()> {
        for entry in directory.read_dir()? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if kind.is_dir() {
                if is_configuration {
                    self.name_of_directory(&name, &entry.path())?;
                }
                continue;
            }
            if !name.rsplit_once('.').is_some_and(|(_, suffix)| TYPES.contains(&suffix)) {
                continue;
            }
            if is_configuration {
                self.name_link(&entry);
            }
            let shipped = (kind.is_file() && !is_configuration).then(|| entry.path());
            let only = if self.files.contains_key(&name) { None } else { shipped };
            self.files.insert(name, only);
        }
        Ok(())
    }

    /// `multi-user.target.wants` names what is in it, `ssh.service.d` the unit.
    fn name_of_directory(&mut self, name: &str, path: &Path) -> io::Result<()> {
        if let Some(unit) = name.strip_suffix(".d") {
            self.name(unit);
            return Ok(());
        }
        let entries = match path.read_dir() {
            Err(error) if is_missing(&error) => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            self.name(&entry.file_name().to_string_lossy());
            self.name_link(&entry);
        }
        Ok(())
    }

    fn name_link(&mut self, entry: &DirEntry) {
        let target = entry.path().read_link().ok();
        if let Some(name) = target.as_deref().and_then(Path::file_name).map(OsStr::to_string_lossy) {
            self.name(&name);
        }
    }

    /// Of an instance, its template, too.
    fn name(&mut self, name: &str) {
        if let (Some((prefix, _)), Some((_, suffix))) = (name.split_once('@'), name.rsplit_once('.')) {
            self.named.insert(format!("{prefix}@.{suffix}"));
        }
        self.named.insert(name.to_owned());
    }
}

/// Not brought by a package.
fn is_configuration(directory: &str) -> bool {
    !["/usr/", "/lib/"].iter().any(|vendor| directory.starts_with(vendor))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// By what it says of its own installation; none where that is not plain. An empty file is a mask.
fn plain_state(content: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(content).ok().filter(|text| !text.is_empty())?;
    let (mut is_install, mut is_wanted, mut is_said) = (false, false, false);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        // One line goes on in the next.
        if line.ends_with('\\') && is_install {
            return None;
        }
        match line.split_once('=') {
            _ if line.starts_with('[') => is_install = line == "[Install]",
            Some((key, value)) if is_install => {
                // An empty one takes back what was said before.
                if value.trim().is_empty() {
                    return None;
                }
                is_wanted |= matches!(key.trim(), "WantedBy" | "RequiredBy" | "Alias");
                is_said = true;
            }
            _ => {}
        }
    }
    match (is_wanted, is_said) {
        (true, _) => Some("disabled"),
        (false, false) => Some("static"),
        (false, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const DISABLED: &str = "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\nAlso=other.socket\n";

    fn directories() -> Vec<String> {
        let directories =
            ["/etc/systemd/system", "/run/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"];
        directories.map(str::to_owned).to_vec()
    }

    /// What is plain, as `name state`, after these files and links were made; an empty target is a file of this content.
    fn plain(made: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("usr/lib/systemd/system")).unwrap();
        symlink("usr/lib", root.path().join("lib")).unwrap();
        for (path, content) in made {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match content.strip_prefix("-> ") {
                Some(target) => symlink(target, path).unwrap(),
                None => fs::write(path, content).unwrap(),
            }
        }
        let found = sort_out(root.path(), &directories()).unwrap();
        (found.plain.iter().map(|(name, state)| format!("{name} {state}")).collect(), found.open)
    }

    #[test]
    fn what_a_package_brought_and_nobody_names_is_plain() {
        let (plain, open) = plain(&[
            ("usr/lib/systemd/system/a.service", DISABLED),
            ("usr/lib/systemd/system/b.service", "[Unit]\nDescription=b\n"),
            ("usr/lib/systemd/system/README", "no unit"),
            // Their package wants it; that makes it no less static.
            ("usr/lib/systemd/system/basic.target.wants/b.service", "-> ../b.service"),
        ]);
        assert_eq!(
            (plain.as_slice(), open.as_slice()),
            (&["a.service disabled".to_owned(), "b.service static".to_owned()][..], &[][..])
        );
    }

    #[test]
    fn what_configuration_names_in_any_way_is_asked() {
        for (path, content) in [
            ("etc/systemd/system/multi-user.target.wants/a.service", "-> /lib/systemd/system/a.service"),
            ("run/systemd/system/multi-user.target.requires/a.service", "-> /lib/systemd/system/a.service"),
            ("etc/systemd/system/a.service", "-> /dev/null"),
            ("etc/systemd/system/a.service", DISABLED),
            ("etc/systemd/system/other.service", "-> /lib/systemd/system/a.service"),
            ("etc/systemd/system/x.target.wants/other.service", "-> /lib/systemd/system/a.service"),
            ("etc/systemd/system/a.service.d/more.conf", "[Install]\nAlias=b.service\n"),
        ] {
            let (plain, open) = plain(&[("usr/lib/systemd/system/a.service", DISABLED), (path, content)]);
            assert!(plain.is_empty() && open.contains(&"a.service".to_owned()), "{path}: {plain:?} {open:?}");
        }
        let (plain, open) = plain(&[
            ("usr/lib/systemd/system/getty@.service", DISABLED),
            ("etc/systemd/system/getty.target.wants/getty@tty1.service", "-> /lib/systemd/system/getty@.service"),
        ]);
        assert_eq!((plain.len(), open), (0, vec!["getty@.service".to_owned()]));
    }

    #[test]
    fn what_says_of_its_installation_what_is_not_plain_is_asked() {
        let install = |lines: &str| plain_state(format!("[Unit]\nAlias=x.service\n\n[Install]\n{lines}\n").as_bytes());
        assert_eq!(install("WantedBy = a.target"), Some("disabled"));
        assert_eq!(install("Alias=b.service\nAlso=c.socket"), Some("disabled"));
        assert_eq!(install("# WantedBy=a.target"), Some("static"));
        assert_eq!(install(""), Some("static"));
        assert_eq!(install("[X-Own]\nAlso=c.socket"), Some("static"));
        for lines in
            ["Also=c.socket", "WantedBy=a.target\nWantedBy=", "WantedBy=a.target \\\n  b.target", "UpheldBy=a.target"]
        {
            assert_eq!(install(lines), None, "{lines}");
        }
        assert_eq!(plain_state(b""), None);
        assert_eq!(plain_state(b"\xff"), None);
    }
}
