//! The dpkg status database, scanned without copying: it is the largest text that a look reads.

use std::fmt;

/// One package that dpkg knows, in whatever state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package<'a> {
    pub name: &'a str,
    pub architecture: &'a str,
    pub version: &'a str,
    /// What is wanted: `install`, `hold`, `deinstall`, `purge`.
    pub want: &'a str,
    pub reinstall_required: bool,
    pub state: &'a str,
    /// The field `Source`, as it stands there: empty where it would say the same as name and version.
    source: &'a str,
}

/// The fields that are read.
const FIELDS: [&[u8]; 5] = [b"Package", b"Status", b"Architecture", b"Version", b"Source"];

const WANTS: [&str; 5] = ["unknown", "install", "hold", "deinstall", "purge"];
const FLAGS: [&str; 2] = ["ok", "reinstreq"];
const STATES: [&str; 8] = [
    "not-installed",
    "config-files",
    "half-installed",
    "unpacked",
    "half-configured",
    "triggers-awaited",
    "triggers-pending",
    "installed",
];

impl<'a> Package<'a> {
    /// The source package that it was built from, and the version of that: a rebuild of one binary alone changes
    /// the binary's version and not the source's.
    pub fn source(&self) -> (&'a str, &'a str) {
        match self.source.split_once(" (") {
            Some((name, version)) => (name, version.trim_end_matches(')')),
            None if self.source.is_empty() => (self.name, self.version),
            None => (self.source, self.version),
        }
    }

    /// Files of it are on the disk. A package of which only configuration is left is not installed.
    pub fn is_there(&self) -> bool {
        !matches!(self.state, "not-installed" | "config-files")
    }

    /// Why it is not wholly installed, in dpkg's own word.
    pub fn broken(&self) -> Option<&'static str> {
        if self.reinstall_required {
            return Some("reinstreq");
        }
        match self.state {
            "half-installed" => Some("half-installed"),
            "unpacked" => Some("unpacked"),
            "half-configured" => Some("half-configured"),
            "triggers-awaited" => Some("triggers-awaited"),
            "triggers-pending" => Some("triggers-pending"),
            _ => None,
        }
    }
}

/// The whole database, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Packages<'a>(pub Vec<Package<'a>>);

/// Which line makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackagesError {
    pub line: usize,
    pub message: String,
}

impl fmt::Display for PackagesError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.line, self.message)
    }
}

impl<'a> Packages<'a> {
    pub fn parse(text: &'a [u8]) -> Result<Self, PackagesError> {
        let mut packages = Vec::with_capacity(text.len() / 1024);
        let mut stanza = Stanza::default();
        let mut number = 0;
        for line in lines(text) {
            number += 1;
            match line.first() {
                None => packages.extend(std::mem::take(&mut stanza).finish(number)?),
                Some(b' ' | b'\t') => {} // goes on with a field that we may not even want
                Some(_) => stanza.take(line, number)?,
            }
        }
        packages.extend(stanza.finish(number)?);
        if packages.is_empty() {
            return Err(PackagesError { line: 1, message: "lists no package".to_owned() });
        }
        Ok(Self(packages))
    }

    /// One package of the database, without reading the rest: enough to know what kind of host this is.
    pub fn look_up(text: &'a [u8], name: &str) -> Option<Package<'a>> {
        let head = format!("Package: {name}\n");
        memchr::memmem::find_iter(text, head.as_bytes())
            .filter(|at| *at == 0 || text[at - 1] == b'\n')
            .filter_map(|at| {
                let stanza = &text[at..];
                let end = memchr::memmem::find(stanza, b"\n\n").unwrap_or(stanza.len());
                Self::parse(&stanza[..end]).ok()?.0.pop()
            })
            .max_by_key(Package::is_there)
    }

    /// The package that a person names: `libc6`, or `libc6:amd64` where several architectures are known.
    pub fn named(&self, name: &str) -> Option<&Package<'a>> {
        match name.split_once(':') {
            Some((name, architecture)) => self.0.iter().find(|it| it.name == name && it.architecture == architecture),
            None => self.find(name),
        }
    }

    /// The package of this name that is best there, where several architectures are known.
    pub fn find(&self, name: &str) -> Option<&Package<'a>> {
        let mut known = self.0.iter().filter(|package| package.name == name);
        let first = known.next()?;
        Some(std::iter::once(first).chain(known).find(|package| package.is_there()).unwrap_or(first))
    }
}

/// The database without what nobody compares: a tenth of it, and read like the whole.
pub fn thinned(text: &[u8]) -> Vec<u8> {
    let kept = |line: &&[u8]| {
        let field = line.split(|byte| *byte == b':').next().unwrap_or_default();
        line.is_empty() || FIELDS.contains(&field)
    };
    let mut thin: Vec<u8> = lines(text).filter(kept).flat_map(|line| [line, b"\n"].concat()).collect();
    thin.pop();
    thin
}

/// Does a package that is there need one of this name? `text` is the whole database.
pub fn is_needed(text: &[u8], name: &str) -> bool {
    let finder = memchr::memmem::Finder::new(name);
    let mut is_there = false;
    for line in lines(text) {
        if let Some(status) = line.strip_prefix(b"Status: ") {
            is_there = !status.ends_with(b" not-installed") && !status.ends_with(b" config-files");
        } else if is_there && (line.starts_with(b"Depends: ") || line.starts_with(b"Pre-Depends: ")) {
            let ends_word = |byte: Option<&u8>| byte.is_none_or(|byte| b" ,:|(".contains(byte));
            let starts_word = |at: usize| at == 0 || b" ,|".contains(&line[at - 1]);
            let mut found = finder.find_iter(line);
            if found.any(|at| starts_word(at) && ends_word(line.get(at + name.len()))) {
                return true;
            }
        }
    }
    false
}

/// What `split` on line feeds gives, and several times as fast.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr::memchr_iter(b'\n', text).chain(std::iter::once(text.len())).map(move |end| {
        let line = &text[start..end];
        start = end + 1;
        line
    })
}

/// The fields of one stanza that matter, as they come.
#[derive(Default)]
struct Stanza<'a> {
    name: Option<&'a str>,
    architecture: &'a str,
    version: &'a str,
    source: &'a str,
    status: Option<(&'a str, usize)>,
    any: bool,
}

impl<'a> Stanza<'a> {
    fn take(&mut self, line: &'a [u8], number: usize) -> Result<(), PackagesError> {
        let error = |message: &str| PackagesError { line: number, message: message.to_owned() };
        self.any = true;
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(|| error("not a field, a `:` is missing"))?;
        let (field, rest) = line.split_at(colon);
        if !FIELDS.contains(&field) {
            return Ok(());
        }
        let value = std::str::from_utf8(&rest[1..]).map_err(|_| error("not UTF-8"))?.trim();
        match field {
            b"Package" if value.is_empty() => return Err(error("a package without a name")),
            b"Package" => self.name = Some(value),
            b"Status" => self.status = Some((value, number)),
            b"Architecture" => self.architecture = value,
            b"Source" => self.source = value,
            _ => self.version = value,
        }
        Ok(())
    }

    /// A stanza that ended at `line`; none where blank lines follow each other.
    fn finish(self, line: usize) -> Result<Option<Package<'a>>, PackagesError> {
        if !self.any {
            return Ok(None);
        }
        let error = |line, message: String| PackagesError { line, message };
        let Some(name) = self.name else {
            return Err(error(line, "a stanza without `Package:` ends here".to_owned()));
        };
        let Some((status, at)) = self.status else {
            return Err(error(line, format!("the stanza of `{name}` ends without `Status:`")));
        };
        let words: Vec<&str> = status.split(' ').collect();
        match words[..] {
            [want, flag, state] if WANTS.contains(&want) && FLAGS.contains(&flag) && STATES.contains(&state) => {
                Ok(Some(Package {
                    name,
                    architecture: self.architecture,
                    version: self.version,
                    want,
                    reinstall_required: flag == "reinstreq",
                    state,
                    source: self.source,
                }))
            }
            _ => Err(error(at, format!("`{status}` is no status of a package (`{name}`)"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_as_dpkg_means_them() {
        let text = b"Package: a\nStatus: install ok installed\nVersion: 1\nDescription: x\n Status: not a field\n\n\
            Package: b\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 2\n\n\n\
            Package: c\nStatus: install reinstreq half-installed\n\n\
            Package: d\nStatus: deinstall ok config-files\n\n\
            Package: e\nStatus: install ok half-configured\n";
        let packages = Packages::parse(text).unwrap();
        let broken: Vec<_> = packages.0.iter().map(Package::broken).collect();
        assert_eq!(broken, [None, None, Some("reinstreq"), None, Some("half-configured")]);
        assert_eq!(packages.find("b").unwrap().want, "hold");
        let is_there = |name: &str| packages.find(name).is_some_and(Package::is_there);
        assert!(is_there("c") && !is_there("d") && !is_there("z"));
    }

    #[test]
    fn one_package_is_looked_up_as_it_stands_in_the_whole() {
        let text = b"Package: a\nStatus: install ok installed\n\nPackage: ab\nStatus: deinstall ok config-files\n\n\
            Package: x\nStatus: install ok unpacked\nDescription: y\n Package: ghost\n";
        let whole = Packages::parse(text).unwrap();
        for name in ["a", "ab", "x", "b", "ghost", ""] {
            assert_eq!(Packages::look_up(text, name).as_ref(), whole.find(name), "{name}");
        }
    }

    #[test]
    fn a_source_is_told_where_it_is_not_the_package_itself() {
        let text = b"Package: netplan.io\nStatus: install ok installed\nVersion: 0.106-2\n\n\
            Package: libnetplan0\nStatus: install ok installed\nSource: netplan.io\nVersion: 0.106-1\n\n\
            Package: libvirt0\nStatus: install ok installed\nSource: libvirt (9.0.0-4)\nVersion: 9.0.0-4+b1\n";
        let packages = Packages::parse(text).unwrap();
        let sources: Vec<_> = packages.0.iter().map(Package::source).collect();
        assert_eq!(sources, [("netplan.io", "0.106-2"), ("netplan.io", "0.106-1"), ("libvirt", "9.0.0-4")]);
    }

    #[test]
    fn needed_is_what_is_named_as_a_whole_by_something_that_is_there() {
        let text = b"Package: a\nStatus: install ok installed\nPre-Depends: libq (>= 1)\n\
            Depends: libx2 | libx:any, libz(>= 1),libw\nConflicts: libc\n\n\
            Package: b\nStatus: deinstall ok config-files\nDepends: libv\n";
        for needed in ["libq", "libx2", "libx", "libz", "libw"] {
            assert!(is_needed(text, needed), "{needed}");
        }
        for other in ["libx2-dev", "lib", "ibx", "libc", "libv", "any"] {
            assert!(!is_needed(text, other), "{other}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_an_error_with_its_line() {
        for (text, line) in [
            (&b""[..], 1),
            (b"\n\n", 1),
            (b"Package: a\nStatus: install ok\n", 2),
            (b"Package: a\nStatus: install ok exploded\n", 2),
            (b"Package: a\n\n", 2),
            (b"Status: install ok installed\n\n", 2),
            (b"Package: a\ngarbage\n", 2),
            (b"Package: \xff\nStatus: install ok installed\n", 1),
            (b"\0\0\0\0", 1),
        ] {
            assert_eq!(Packages::parse(text).unwrap_err().line, line, "{:?}", String::from_utf8_lossy(text));
        }
    }
}
