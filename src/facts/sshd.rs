//! sshd's configuration: would sshd start with it, and where would it listen?
//!
//! What sshd takes is never called wrong; what is not judged here is taken.

mod arguments;
mod keywords;
mod listen;
mod options;
mod words;

pub use listen::{Endpoint, Family, ListenAddress};
pub use options::Options;

use crate::model::Trouble;
use keywords::{Keyword, Takes};
use words::{Arguments, Line};

/// What relative names of files to include are relative to.
const DIRECTORY: &str = "/etc/ssh";
const DEEPEST: usize = 16;
const DEFAULT_PORT: u16 = 22;
const DEFAULT_HOST_KEYS: [&str; 3] =
    ["/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ecdsa_key", "/etc/ssh/ssh_host_ed25519_key"];

/// Upstream's version: `1:9.2p1-2+deb12u7` is 9.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl Version {
    /// The last one whose keywords and algorithms are known here.
    pub const KNOWN: Self = Self(10, 0);
    /// From this one on, a subsystem may be defined again.
    const REDEFINES_SUBSYSTEMS: Self = Self(9, 5);

    /// From the version of a package.
    pub fn parse(package: &str) -> Option<Self> {
        let upstream = package.split_once(':').map_or(package, |(_, upstream)| upstream);
        let (major, rest) = upstream.split_once('.')?;
        let minor = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// A file that an `Include` names.
#[derive(Clone, Debug)]
pub enum Included<'a> {
    File {
        path: String,
        text: &'a [u8],
    },
    /// Nobody knows what is in it.
    Unread {
        path: String,
        trouble: Trouble,
    },
}

/// What sshd would say of a line, in our words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub file: String,
    pub line: usize,
    pub message: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Unread {
    pub path: String,
    pub trouble: Trouble,
}

/// What the configuration says, as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    pub faults: Vec<Fault>,
    pub included: Vec<String>,
    pub unread: Vec<Unread>,
    pub has_key_agent: bool,
    ports: Vec<u16>,
    listens: Vec<ListenAddress>,
    family: Option<Family>,
    host_keys: Vec<String>,
}

/// The main file and what it includes. `include` is asked for the files of an absolute name or pattern.
pub fn read<'a>(
    path: &str,
    text: &'a [u8],
    options: &Options,
    version: Option<Version>,
    include: &dyn Fn(&str) -> Vec<Included<'a>>,
) -> Configuration {
    let mut reader = Reader {
        configuration: Configuration { family: options.family, ..Configuration::default() },
        version,
        include,
        ports_are_given: !options.ports.is_empty(),
        is_active: true,
        is_too_deep: false,
        subsystems: Vec::new(),
        commands: Vec::new(),
    };
    reader.configuration.ports.clone_from(&options.ports);
    for option in &options.directives {
        reader.line(&Place { file: "the options of sshd", line: 1, depth: 0, may_match: true }, option);
    }
    reader.file(path, text, 0, true);
    reader.finish(path);
    reader.configuration
}

impl Configuration {
    /// Everywhere that sshd will listen.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let family = self.family.unwrap_or_default();
        let ports = if self.ports.is_empty() { &[DEFAULT_PORT][..] } else { &self.ports };
        let wildcards = [("0.0.0.0", Family::V6), ("::", Family::V4)]
            .into_iter()
            .filter(|(_, other)| family != *other)
            .map(|(host, _)| ListenAddress { host: host.to_owned(), port: None, domain: None });
        let listens: Vec<ListenAddress> =
            if self.listens.is_empty() { wildcards.collect() } else { self.listens.clone() };
        let mut endpoints: Vec<Endpoint> = Vec::new();
        for listen in listens {
            let own = listen.port.map(|port| vec![port]);
            for port in own.as_deref().unwrap_or(ports) {
                let endpoint = Endpoint { host: listen.host.clone(), port: *port, domain: listen.domain.clone() };
                if !endpoints.contains(&endpoint) {
                    endpoints.push(endpoint);
                }
            }
        }
        endpoints
    }

    /// One of these at least must be there.
    pub fn host_keys(&self) -> Vec<String> {
        match self.host_keys.as_slice() {
            [] => DEFAULT_HOST_KEYS.map(str::to_owned).to_vec(),
            keys => keys.to_vec(),
        }
    }
}

/// Where a line stands.
struct Place<'a> {
    file: &'a str,
    line: usize,
    depth: usize,
    /// False in a file that is included within a `Match` block: nothing in it holds for all.
    may_match: bool,
}

struct Reader<'a, 'i> {
    configuration: Configuration,
    version: Option<Version>,
    include: &'i dyn Fn(&str) -> Vec<Included<'a>>,
    /// On the command line: those of the file do not count.
    ports_are_given: bool,
    /// Not within a `Match` block that holds for some only.
    is_active: bool,
    is_too_deep: bool,
    subsystems: Vec<String>,
    /// `AuthorizedKeysCommand` and the like that hold for all, and their users.
    commands: Vec<(String, bool)>,
}

impl Reader<'_, '_> {
    fn file(&mut self, path: &str, text: &[u8], depth: usize, may_match: bool) {
        for (index, line) in String::from_utf8_lossy(text).split('\n').enumerate() {
            self.line(&Place { file: path, line: index + 1, depth, may_match }, line);
        }
    }

    fn fault(&mut self, place: &Place<'_>, message: impl Into<String>) {
        let fault = Fault { file: place.file.to_owned(), line: place.line, message: message.into() };
        self.configuration.faults.push(fault);
    }

    /// Every name that the installed sshd knows is known here.
    fn judges_names(&self) -> bool {
        self.version.is_some_and(|version| version <= Version::KNOWN)
    }

    fn line(&mut self, place: &Place<'_>, text: &str) {
        let Line::Directive { keyword: name, arguments } = words::line(text) else { return };
        let keyword = keywords::find(&name);
        let words = match (arguments, keyword) {
            (Arguments::Missing, _) => return self.fault(place, format!("no argument after keyword `{name}`")),
            (_, None) if !self.judges_names() => return,
            (Arguments::Unterminated, _) => return self.fault(place, "invalid quotes"),
            (_, None) => return self.fault(place, format!("bad configuration option `{name}`")),
            (Arguments::Words(words), Some(_)) => words,
        };
        let Some(keyword) = keyword else { return };
        if !self.is_active && !keyword.in_match {
            return self.fault(place, format!("`{name}` is not allowed within a Match block"));
        }
        match arguments::fault(&name, keyword, &words, self.judges_names()) {
            Some(message) if self.is_active || keyword.takes != Takes::Command => self.fault(place, message),
            _ => self.directive(place, &name, keyword, &words),
        }
    }

    fn directive(&mut self, place: &Place<'_>, name: &str, keyword: Keyword, words: &[String]) {
        let first = words.first().map(String::as_str).unwrap_or_default();
        match keyword.takes {
            Takes::Match => match arguments::match_fault(words) {
                Some(message) => self.fault(place, message),
                None => self.is_active = place.may_match && first.eq_ignore_ascii_case("all"),
            },
            Takes::Include => words.iter().for_each(|word| self.include(place, word)),
            Takes::Subsystem => self.subsystem(place, first),
            Takes::ListenAddress => match ListenAddress::parse(words) {
                Ok(listen) => self.configuration.listens.push(listen),
                Err(message) => self.fault(place, message),
            },
            _ if !self.is_active => {}
            Takes::Port if !self.ports_are_given => {
                self.configuration.ports.extend(arguments::port(first).ok().flatten());
            }
            Takes::HostKey => self.configuration.host_keys.push(absolute(first)),
            Takes::Command => self.commands.push((name.to_ascii_lowercase(), !first.eq_ignore_ascii_case("none"))),
            Takes::OneOf(_) if name.eq_ignore_ascii_case("addressfamily") => {
                let family = match first.to_ascii_lowercase().as_str() {
                    "inet" => Family::V4,
                    "inet6" => Family::V6,
                    _ => Family::Any,
                };
                self.configuration.family.get_or_insert(family);
            }
            Takes::Word if name.eq_ignore_ascii_case("hostkeyagent") => self.configuration.has_key_agent = true,
            Takes::Word if name.to_ascii_lowercase().ends_with("commanduser") => {
                self.commands.push((name.to_ascii_lowercase(), true));
            }
            _ => {}
        }
    }

    fn subsystem(&mut self, place: &Place<'_>, name: &str) {
        let is_told_twice = self.subsystems.iter().any(|known| known == name);
        if is_told_twice && self.version.is_some_and(|version| version < Version::REDEFINES_SUBSYSTEMS) {
            self.fault(place, format!("subsystem `{name}` is already defined"));
        }
        self.subsystems.push(name.to_owned());
    }

    fn include(&mut self, place: &Place<'_>, name: &str) {
        if name.is_empty() {
            return self.fault(place, "Include has an empty argument");
        }
        if self.is_too_deep {
            return;
        }
        if place.depth >= DEEPEST {
            // sshd ends here, and so do we: two files that include each other twice are many.
            self.is_too_deep = true;
            return self.fault(place, "too many recursive configuration includes");
        }
        let before = self.is_active;
        for included in (self.include)(&absolute(name)) {
            match included {
                Included::File { path, text } => {
                    self.file(&path, text, place.depth + 1, place.may_match && before);
                    self.configuration.included.push(path);
                }
                Included::Unread { path, trouble } => self.configuration.unread.push(Unread { path, trouble }),
            }
            // What a file says of `Match` ends with it.
            self.is_active = before;
        }
    }

    /// What sshd looks at when it has read everything.
    fn finish(&mut self, path: &str) {
        let family = self.configuration.family.unwrap_or_default();
        let place = Place { file: path, line: 0, depth: 0, may_match: true };
        if let Some(listen) = self.configuration.listens.iter().find(|listen| !listen.is_of(family)) {
            let message = format!("ListenAddress {} is not of the AddressFamily", listen.host);
            return self.fault(&place, message);
        }
        if !self.configuration.unread.is_empty() {
            return;
        }
        for (command, user) in [
            ("authorizedkeyscommand", "authorizedkeyscommanduser"),
            ("authorizedprincipalscommand", "authorizedprincipalscommanduser"),
        ] {
            // The first one counts.
            let is_set = self.commands.iter().find(|(name, _)| name == command).is_some_and(|(_, is_set)| *is_set);
            if is_set && !self.commands.iter().any(|(name, _)| name == user) {
                self.fault(&place, format!("{command} is set without {user}"));
            }
        }
    }
}

fn absolute(name: &str) -> String {
    if name.starts_with(['/', '~']) { name.to_owned() } else { format!("{DIRECTORY}/{name}") }
}

#[cfg(test)]
mod tests;
