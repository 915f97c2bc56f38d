//! Would sshd start with its configuration?

use crate::catalog::Level;
use crate::catalog::kind::ssh::{CONFIGURATION, DIRECTORY, OPTIONS, PACKAGE};
use crate::facts::sshd::{Configuration, Included, Options, Version, read};
use crate::facts::{Facts, Files};
use crate::judge::outcome::Outcome;
use crate::model::answer::{Entry, EntryKind};
use crate::model::{Query, Reading, Status, Trouble, TroubleCause};

/// What was read of it.
pub struct Read {
    pub path: String,
    pub options: Options,
    pub configuration: Reading<Configuration>,
}

impl Read {
    pub fn of(facts: &Facts<'_>) -> Self {
        let file = |path: &str| facts.reading::<Vec<u8>>(&Query::File(path.to_owned()));
        let options = file(OPTIONS).known().map(|text| Options::of_environment(text)).unwrap_or_default();
        let path = options.file.clone().unwrap_or_else(|| CONFIGURATION.to_owned());
        let installed = facts.packages().known().and_then(|packages| packages.find(PACKAGE));
        let version =
            installed.filter(|package| package.is_there()).and_then(|package| Version::parse(package.version));
        let configuration =
            file(&path).map(|text| read(&path, text, &options, version, &|pattern| included(facts, pattern)));
        Self { path, options, configuration }
    }

    pub fn known(&self) -> Option<&Configuration> {
        match &self.configuration {
            Reading::Known(configuration) => Some(configuration),
            _ => None,
        }
    }

    pub fn open_questions(&self) -> Vec<Query> {
        let Some(configuration) = self.known() else { return vec![Query::File(self.path.clone())] };
        let included = configuration.unread.iter().filter(|unread| unread.trouble.cause == TroubleCause::NotAsked);
        let included = included.filter_map(|unread| question(&unread.path));
        let keys = configuration.host_keys();
        let keys = keys.iter().filter(|key| name_in_directory(key).is_none()).cloned().map(Query::Exists);
        included.chain(keys).collect()
    }
}

/// What is asked for the files of an `Include`; nothing where its pattern is of another kind than `directory/*end`.
fn question(pattern: &str) -> Option<Query> {
    let is_plain = |part: &str| !part.contains(['*', '?', '[', '\\']);
    let (directory, name) = pattern.rsplit_once('/')?;
    if !pattern.starts_with('/') || !is_plain(directory) {
        return None;
    }
    match name.strip_prefix('*') {
        None if is_plain(name) => Some(Query::File(pattern.to_owned())),
        Some(end) if is_plain(end) => Some(Query::Files(pattern.to_owned())),
        _ => None,
    }
}

fn included<'a>(facts: &Facts<'a>, pattern: &str) -> Vec<Included<'a>> {
    let unread = |path: &str, trouble| Included::Unread { path: path.to_owned(), trouble };
    match question(pattern) {
        Some(Query::Files(_)) => match facts.reading::<Files>(&Query::Files(pattern.to_owned())) {
            Reading::Known(files) => {
                let directory = pattern.rsplit_once('/').map_or("", |(directory, _)| directory);
                files
                    .iter()
                    .filter_map(|(name, content)| {
                        let path = format!("{directory}/{name}");
                        match content {
                            Reading::Known(content) => Some(Included::File { path, text: &content.0 }),
                            Reading::Absent => None,
                            Reading::Unreadable(trouble) => Some(unread(&path, trouble.clone())),
                        }
                    })
                    .collect()
            }
            Reading::Absent => Vec::new(),
            Reading::Unreadable(trouble) => vec![unread(pattern, trouble)],
        },
        Some(asked) => match facts.reading::<Vec<u8>>(&asked) {
            Reading::Known(text) => vec![Included::File { path: pattern.to_owned(), text }],
            Reading::Absent => Vec::new(),
            Reading::Unreadable(trouble) => vec![unread(pattern, trouble)],
        },
        None => {
            vec![unread(pattern, Trouble::new(TroubleCause::Failed, format!("`Include {pattern}` is not followed")))]
        }
    }
}

pub fn judge(read: &Read, facts: &Facts<'_>) -> Outcome {
    let path = read.path.as_str();
    let asked = Query::File(path.to_owned());
    let outcome = match &read.configuration {
        Reading::Known(configuration) => {
            let outcome = judge_text(path, configuration);
            let keys = judge_host_keys(path, configuration, facts).filter(|_| outcome.status == Status::Pass);
            keys.unwrap_or(outcome)
        }
        Reading::Absent => {
            Outcome::fail(path, Some("configuration"), format!("there is no {path}: sshd does not start without it"))
        }
        Reading::Unreadable(trouble) => Outcome::unknown(path, trouble),
    };
    outcome.asking(asked)
}

fn judge_text(path: &str, configuration: &Configuration) -> Outcome {
    let Configuration { faults, included, unread, .. } = configuration;
    let outcome = match (faults.as_slice(), unread.as_slice()) {
        ([fault, rest @ ..], _) => {
            let place = if fault.line > 0 { format!("{}:{}", fault.file, fault.line) } else { fault.file.clone() };
            let more = if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
            let detail = format!("{place}: {}{more}: sshd does not start with it", fault.message);
            Outcome::fail(path, Some("configuration"), detail)
                .observing("file", fault.file.clone())
                .observing("line", fault.line)
        }
        ([], [unread, ..]) => {
            let mut trouble = unread.trouble.clone();
            let not_asked = trouble.cause == TroubleCause::NotAsked;
            if not_asked {
                trouble.detail = format!("what {} says was not read", unread.path);
            }
            let outcome = Outcome::unknown(path, &trouble);
            // An unusual way to include is no fault of the host.
            let is_unusual = not_asked || trouble.cause == TroubleCause::Failed;
            if is_unusual { outcome.at_most(Level::Warn) } else { outcome }
        }
        ([], []) if included.is_empty() => Outcome::pass(path, format!("sshd would start with {path}")),
        ([], []) => {
            let count = included.len();
            let files = if count == 1 { "file" } else { "files" };
            Outcome::pass(path, format!("sshd would start with {path} and {count} {files} included"))
        }
    };
    outcome.observing("included", included.clone())
}

/// Nothing where there is a key, or where an agent has them.
fn judge_host_keys(path: &str, configuration: &Configuration, facts: &Facts<'_>) -> Option<Outcome> {
    if configuration.has_key_agent || !configuration.unread.is_empty() {
        return None;
    }
    let keys = configuration.host_keys();
    let asked = Query::Listing(DIRECTORY.to_owned());
    let listing = facts.reading::<Vec<Entry>>(&asked);
    let mut trouble = None;
    for key in &keys {
        let is_there = match name_in_directory(key) {
            Some(name) => {
                listing.clone().map(|entries| entries.iter().any(|entry| entry.name == name && is_a_key(entry)))
            }
            None => facts.reading::<bool>(&Query::Exists(key.clone())).map(|is_there| *is_there),
        };
        match is_there {
            Reading::Known(true) => return None,
            Reading::Known(false) | Reading::Absent => {}
            Reading::Unreadable(reason) => trouble = Some(reason),
        }
    }
    let outcome = match trouble {
        Some(trouble) => Outcome::unknown(path, &trouble),
        None => {
            let detail =
                format!("none of sshd's host keys is there ({}): it does not start without one", keys.join(", "));
            Outcome::fail(path, Some("no-host-key"), detail).expecting("one_of", keys)
        }
    };
    Some(outcome.asking(asked))
}

fn name_in_directory(path: &str) -> Option<&str> {
    path.strip_prefix(DIRECTORY)?.strip_prefix('/').filter(|name| !name.contains('/'))
}

/// A key that was never written out is empty.
fn is_a_key(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::File | EntryKind::Link) && entry.bytes > 0
}
