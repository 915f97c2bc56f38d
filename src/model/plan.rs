//! What is to be done to the host: a value that can be printed, kept and judged before anything is done.

use crate::model::stored::{choice, row};
use serde_json::{Map, Value};

use super::finding::FindingRef;
use super::run::Holds;

/// One fix for one finding, ready to be carried out, or the reason why it is not to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The fix: `journal.vacuum`.
    pub fix: String,
    /// What it is done to: a filesystem, `bridge/port`, a unit, a package.
    pub subject: String,
    /// What it repairs. It is applied when this finding is none any more.
    pub mends: FindingRef,
    /// Why this, and not something else, in one sentence.
    pub why: String,
    pub steps: Vec<Step>,
    /// How it is taken back, or why it cannot be.
    pub undo: String,
    /// What it could break, or whom it disturbs, in one sentence.
    pub risk: Option<String>,
    /// What must be accepted by name before it is carried out: its own name where it cannot be taken back, `disruption`.
    pub needs: Vec<String>,
    /// The devices whose traffic it may interrupt. What carries a session is not touched without a timer.
    pub touches: Vec<String>,
    pub frees_bytes: Option<u64>,
    /// What is there now, and what is to be there then.
    pub before: Map<String, Value>,
    pub after: Map<String, Value>,
    /// Why nothing of it may be done.
    pub refused: Option<String>,
}

row!(
    Planned,
    Required {
        fix,
        subject,
        mends,
        why,
        steps,
        undo,
        risk: Sparse,
        needs: Sparse,
        touches: Sparse,
        frees_bytes: Sparse,
        before: Optional,
        after: Optional,
        refused: Sparse
    }
);

/// The smallest part of a fix that is written down before it is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub does: Deed,
    /// What takes it back, in this order; empty where nothing can or need.
    pub undoes: Vec<Deed>,
}

row!(Step, Required { does, undoes: Sparse });

/// The closed list of what may be done to a host.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    Run(Run),
    Switch(Transaction),
    /// These files, and nothing else, are removed: each as it was when the plan was made.
    Remove(Vec<Doomed>),
    /// The same files move into an archive, which is compared with them before they go.
    Archive {
        into: String,
        files: Vec<Doomed>,
    },
    /// Back to where they were, none in the place of another, and compared; then the archive goes.
    Unpack {
        from: String,
    },
    /// A file as a whole: content and mode, or nothing where it is not to be there.
    File {
        path: String,
        content: Option<Written>,
    },
    /// A symbolic link, in place of whatever file or link is there.
    Link {
        path: String,
        target: String,
    },
    /// The neighbours are told which hardware address an address has now.
    Announce {
        device: String,
        address: String,
    },
}

choice! {
    Deed: Self::Unpack { from: String::new() };
    "run" => Run(content),
    "switch" => Switch(content),
    "remove" => Remove(content),
    "archive" => Archive { into, files },
    "unpack" => Unpack { from },
    "file" => File { path, content },
    "link" => Link { path, target },
    "announce" => Announce { device, address },
}

/// A program of the closed list.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub argv: Vec<String>,
    /// Seconds after which it is ended; none where ending it would do harm.
    pub deadline_s: Option<u64>,
    /// Where this holds already there is nothing to do, and after it this must hold.
    pub until: Option<Holds>,
}

row!(Run, Required { argv, deadline_s: Sparse, until: Sparse });

/// How apt is told to remove packages, in earnest and in a simulation: what else is no longer needed stays, whatever its
/// configuration says.
pub const REMOVE: [&str; 4] = ["-o", "APT::Get::AutomaticRemove=false", "--purge", "remove"];

/// Operations on the switch's database that succeed or fail together.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    pub socket: String,
    /// In words, row by row.
    pub words: Vec<String>,
    /// As RFC 7047 has them; those that `wait` come first.
    pub operations: Vec<Map<String, Value>>,
    /// Where this holds already there is nothing to do, and after it this must hold.
    pub until: Holds,
}

row!(Transaction, Required { socket, words, operations, until });

#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub mode: u32,
    pub bytes: Vec<u8>,
}

row!(Written, Required { mode, bytes });

/// A file as it was seen: another one under the same name is left alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Doomed {
    pub path: String,
    /// What its blocks take up.
    pub bytes: u64,
    /// `254:1`, the filesystem that it lies on.
    pub device: String,
}

row!(Doomed, Required { path, bytes, device });

impl Planned {
    pub fn is_irreversible(&self) -> bool {
        self.undo.starts_with("none:")
    }

    /// What speaks of it: `journal.vacuum /var`.
    pub fn name(&self) -> String {
        if self.subject.is_empty() { self.fix.clone() } else { format!("{} {}", self.fix, self.subject) }
    }
}

impl Run {
    /// A program that may be ended when it takes too long.
    pub fn new(words: &[&str]) -> Self {
        Self { argv: words.iter().map(|word| (*word).to_owned()).collect(), deadline_s: Some(30), until: None }
    }

    #[must_use]
    pub fn until(self, holds: Holds) -> Self {
        Self { until: Some(holds), ..self }
    }

    /// The same, and it is never ended: a package manager.
    #[must_use]
    pub fn without_deadline(self) -> Self {
        Self { deadline_s: None, ..self }
    }
}

impl Deed {
    /// As it is done once more: that a file was written to since then says nothing any more.
    #[must_use]
    pub fn again(self) -> Self {
        match self {
            Self::Run(Run { until: Some(Holds::Written { .. }), argv, deadline_s }) => {
                Self::Run(Run { argv, deadline_s, until: None })
            }
            deed => deed,
        }
    }

    /// Whether it is forgotten when the host goes down: the kernel or systemd was told, and no file or database.
    pub fn ends_with_boot(&self) -> bool {
        let Self::Run(run) = self else { return matches!(self, Self::Announce { .. }) };
        match run.argv.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["ip", ..] => true,
            ["systemctl", verb, ..] => matches!(verb, "start" | "stop" | "restart" | "reset-failed"),
            _ => false,
        }
    }

    /// What a person reads: a command line, or what becomes of which row or file.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Run(run) => vec![run.argv.join(" ")],
            Self::Switch(transaction) => transaction.words.clone(),
            Self::Remove(files) => files.iter().map(|file| format!("remove {}", file.path)).collect(),
            Self::Archive { into, files } => {
                let moved = files.iter().map(|file| format!("move {} into it", file.path));
                std::iter::once(format!("make {into} and compare it with the files")).chain(moved).collect()
            }
            Self::Unpack { from } => vec![format!("put back what is in {from}, compare, and remove it")],
            // Somebody is to read what it says, and it is short.
            Self::File { path, content: Some(content) } if path.ends_with(".link") => {
                let text = String::from_utf8_lossy(&content.bytes);
                let said = text.lines().filter(|line| !line.is_empty()).map(|line| format!("  {line}"));
                std::iter::once(format!("write {path}:")).chain(said).collect()
            }
            Self::File { path, content: Some(content) } => {
                vec![format!("write {path}, {} bytes", content.bytes.len())]
            }
            Self::File { path, content: None } => vec![format!("remove {path}")],
            Self::Link { path, target } => vec![format!("link {path} to {target}")],
            Self::Announce { device, address } => {
                let how = if address.contains(':') { "neighbour advertisement" } else { "gratuitous ARP" };
                vec![format!("announce {address} on {device}: {how}")]
            }
        }
    }
}
