//! apt's sources, read as apt reads them: what it lists, what is switched off, and where it gives up.

mod address;
mod archive;
mod lines;
mod stanzas;
#[cfg(test)]
mod tests;

pub use address::Address;
pub use archive::{Moving, UBUNTU_IN_THE_MAKING};
pub use lines::parse as parse_lines;
pub use stanzas::parse as parse_stanzas;

use crate::model::sorted::SortedMap;

/// What one file says, up to the place where apt gives up on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFile {
    pub sources: Vec<Source>,
    pub malformed: Option<Malformed>,
    /// It lists more than [`MOST`]: the rest was not read.
    pub goes_on: bool,
}

/// The most sources of one file. A stanza lists every suite at every address: a small file can say millions.
pub const MOST: usize = 1000;

/// One suite at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where the line or the stanza begins, from 1.
    pub line: usize,
    pub uri: Address,
    /// `bookworm-updates`, or a path that ends in a slash: then there are no suites.
    pub suite: String,
    pub components: Vec<String>,
    pub signed_by: String,
    /// It holds packages, and not only what they are built from.
    pub has_packages: bool,
    pub is_disabled: bool,
}

/// Why apt reads no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub line: usize,
    pub message: String,
}

impl Malformed {
    /// A word in the wrong place may be an address with a password.
    fn new(line: usize, message: impl AsRef<str>) -> Self {
        Self { line, message: address::masked(message.as_ref()) }
    }
}

/// What a release upgrader writes behind a source that it comments out.
const BY_UPGRADER: &str = "disabled on upgrade to";

/// Every codename, so that a suite of another release is told from a vendor's own word. A new release is added here.
const CODENAMES: [&[&str]; 2] = [OF_DEBIAN, OF_UBUNTU];
const OF_DEBIAN: &[&str] = &["jessie", "stretch", "buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid"];
const OF_UBUNTU: &[&str] = &[
    "trusty", "utopic", "vivid", "wily", "xenial", "yakkety", "zesty", "artful", "bionic", "cosmic", "disco", "eoan",
    "focal", "groovy", "hirsute", "impish", "jammy", "kinetic", "lunar", "mantic", "noble", "oracular", "plucky",
    "questing", "resolute",
];

pub fn is_codename(word: &str) -> bool {
    CODENAMES.iter().any(|names| names.contains(&word))
}

impl Source {
    /// The release that the suite belongs to, where it is one of Debian or Ubuntu: `jammy` of `jammy-security`, of
    /// `jammy-updates/caracal` and of a vendor's `jammy-pgdg`.
    pub fn codename(&self) -> Option<&str> {
        let word = self.suite.split(['-', '/']).next().unwrap_or_default();
        is_codename(word).then_some(word)
    }
}

/// The types that apt knows: `Ok(true)` for packages, `Ok(false)` for their sources.
fn kind(word: &str) -> Result<bool, String> {
    match word {
        "deb" => Ok(true),
        "deb-src" => Ok(false),
        _ => Err(format!("`{word}` is no type of source, such as deb")),
    }
}

fn check_uri(uri: &Address) -> Result<(), String> {
    if uri.text().contains(':') { Ok(()) } else { Err(format!("`{}` is no address", uri.shown())) }
}

/// Files of keys, or fingerprints of keys, or a key itself.
fn check_signed_by(value: &str) -> Result<(), String> {
    let is_fingerprint = |word: &str| {
        let digits = word.trim_end_matches('!');
        digits.len() >= 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    if value.starts_with("-----") {
        return Ok(());
    }
    let mut words = value.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
    match words.find(|word| !word.starts_with('/') && !is_fingerprint(word)) {
        Some(word) => Err(format!("Signed-By is neither a path nor a fingerprint: `{word}`")),
        None => Ok(()),
    }
}

/// Two entries of one suite must name the same keys, over all files: the first place that apt refuses, as an index
/// into `files`, which are in apt's order. An entry that names none is refused by some releases of apt only.
pub fn conflict(files: &[&SourceFile]) -> Option<(usize, Malformed)> {
    let mut known: SortedMap<(&str, &str), &str> = SortedMap::new();
    for (index, file) in files.iter().enumerate() {
        // Fingerprints and keys themselves can be written in several ways.
        let names_keys = |source: &&Source| !source.is_disabled && source.signed_by.starts_with('/');
        for source in file.sources.iter().filter(names_keys) {
            let own = source.signed_by.as_str();
            let first = *known.entry((source.uri.text().trim_end_matches('/'), &source.suite)).or_insert(own);
            if first != own {
                let what = format!("{} {}", source.uri.shown(), source.suite);
                let message = format!("Signed-By of {what} is {first} in one place and {own} here");
                return Some((index, Malformed::new(source.line, message)));
            }
        }
    }
    None
}
