//! What a host answers, as decoded rows or as the bytes that it gave.

mod boot;
mod connection;
mod contact;
mod files;
mod json;
mod link;
mod nic;
mod python;
pub mod route;
mod usage;

use super::stored::row;
use super::{Query, Reading, TroubleCause};
use crate::model::sorted::SortedMap;
pub use boot::{Initrd, Module};
pub use connection::Connection;
pub use contact::{Banner, Contact};
pub use files::{Archive, Content, Entry, EntryKind, Modified};
pub use link::{Address, Bond, BondMember, Link};
pub use nic::{Nic, PciAbove, PciFunction, PciSlot};
pub use python::PythonEnvironment;
pub use route::{MAIN, NextHop, Route, Rule};
pub use usage::{DeletedFile, DeletedOpen, FileRow, Largest, SizedPath};

#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The bytes of a file or the text of a reply, as they came.
    Text(Vec<u8>),
    Names(Vec<String>),
    Exists(bool),
    Space(Space),
    Lock(Lock),
    User(User),
    Links(SortedMap<String, Link>),
    Addresses(Vec<Address>),
    Routes(Vec<Route>),
    Rules(Vec<Rule>),
    Units(SortedMap<String, LoadedUnit>),
    Unit(Unit),
    OvsProgress(OvsProgress),
    Flows(Flows),
    Processes(Vec<u32>),
    Guests(SortedMap<u32, GuestProcess>),
    Clock(Clock),
    Contact(Contact),
    DeletedOpen(DeletedOpen),
    Freeable(Vec<FileRow>),
    Largest(Largest),
    Nic(Nic),
    Banner(Banner),
    Listing(Vec<Entry>),
    Files(SortedMap<String, Reading<Content>>),
    Initrd(Initrd),
    Module(Module),
    PythonEnvironments(Vec<PythonEnvironment>),
    OvnController(OvnController),
    /// Unit file → `enabled`, `static`, `masked`, …
    UnitFiles(SortedMap<String, String>),
    Connections(Vec<Connection>),
    /// By process.
    GuestTaps(SortedMap<u32, Vec<String>>),
    /// Path → SHA-256 in hexadecimal.
    Hashes(SortedMap<String, Reading<String>>),
    Modified(Modified),
    Archives(Vec<Archive>),
}

/// The state of the filesystem that holds a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// The path asked for, or its nearest ancestor that exists; links followed.
    pub existing: String,
    /// Its device number as `major:minor`: the paths that share one share its space.
    pub device: String,
    /// Blocks free to unprivileged writers, in bytes (`f_bavail * f_frsize`).
    pub available: u64,
    /// Blocks free to root, in bytes.
    pub free: u64,
    pub size: u64,
    pub inodes: u64,
    pub inodes_available: u64,
    pub read_only: bool,
    pub no_exec: bool,
    pub mount_point: String,
    pub filesystem_type: String,
}

row!(
    Space,
    Required {
        existing,
        device,
        available,
        free,
        size,
        inodes,
        inodes_available,
        read_only,
        no_exec,
        mount_point,
        filesystem_type,
    }
);

#[derive(Clone, Debug, PartialEq)]
pub struct Lock {
    pub holder: Option<Holder>,
}

row!(Lock, Required { holder });

/// The process that holds a lock. Another PID namespace hides its number.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    pub pid: Option<u32>,
    pub command: Option<String>,
    pub age_seconds: Option<u64>,
}

row!(Holder, Required { pid, command, age_seconds });

#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub effective_id: u32,
}

row!(User, Required { effective_id });

/// A row of systemd's ListUnits.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedUnit {
    pub load: String,
    pub active: String,
    pub sub: String,
}

row!(LoadedUnit, Required { load, active, sub });

/// One unit's own properties.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unit {
    pub load: String,
    pub active: String,
    pub sub: String,
    /// `enabled`, `disabled`, `static`, `masked`, … or empty.
    pub file_state: String,
    pub result: String,
    pub restarts: u32,
    pub main_pid: u32,
    /// The program of the main process, as the kernel knows it: for an agent in Python its interpreter.
    pub program: Option<String>,
    /// Microseconds since boot at which it became active, 0 where it never did.
    pub active_since_us: u64,
    /// How long it had been active when it was asked.
    pub active_for_ms: Option<u64>,
}

row!(
    Unit,
    Optional {
        load,
        active,
        sub,
        file_state,
        result,
        restarts,
        main_pid,
        program: Sparse,
        active_since_us,
        active_for_ms: Sparse
    }
);

#[derive(Clone, Debug, PartialEq)]
pub struct OvsProgress {
    pub current: i64,
    pub next: i64,
}

row!(OvsProgress, Required { current, next });

#[derive(Clone, Debug, PartialEq)]
pub struct Flows {
    pub count: u64,
}

row!(Flows, Required { count });

/// What a running ovn-controller says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct OvnController {
    /// `connected` or `not connected`, to its southbound database.
    pub connection: String,
    /// `23.03.1`
    pub version: Option<String>,
}

row!(OvnController, Required { connection, version });

#[derive(Clone, Debug, PartialEq)]
pub struct GuestProcess {
    pub name: String,
    pub uuid: Option<String>,
    /// The program that runs was replaced on disk.
    pub program_deleted: bool,
}

row!(GuestProcess, Required { name, uuid, program_deleted });

#[derive(Clone, Debug, PartialEq)]
pub struct Clock {
    pub synchronised: bool,
    pub max_error_us: i64,
}

row!(Clock, Required { synchronised, max_error_us });

/// Lets a caller ask for the type that it expects: `answers.reading::<Space>(&query)`.
pub trait FromAnswer {
    fn from_answer(answer: &Answer) -> Option<&Self>;
}

macro_rules! answers_with {
    ($($variant:ident => $kind:ty),* $(,)?) => {$(
        impl FromAnswer for $kind {
            fn from_answer(answer: &Answer) -> Option<&Self> {
                match answer {
                    Answer::$variant(value) => Some(value),
                    _ => None,
                }
            }
        }
    )*};
}

answers_with! {
    Text => Vec<u8>,
    Names => Vec<String>,
    Exists => bool,
    Space => Space,
    Lock => Lock,
    User => User,
    Links => SortedMap<String, Link>,
    Addresses => Vec<Address>,
    Routes => Vec<Route>,
    Rules => Vec<Rule>,
    Units => SortedMap<String, LoadedUnit>,
    Unit => Unit,
    OvsProgress => OvsProgress,
    Flows => Flows,
    Processes => Vec<u32>,
    Guests => SortedMap<u32, GuestProcess>,
    Clock => Clock,
    Contact => Contact,
    DeletedOpen => DeletedOpen,
    Freeable => Vec<FileRow>,
    Largest => Largest,
    Nic => Nic,
    Banner => Banner,
    Listing => Vec<Entry>,
    Files => SortedMap<String, Reading<Content>>,
    Initrd => Initrd,
    Module => Module,
    PythonEnvironments => Vec<PythonEnvironment>,
    OvnController => OvnController,
    UnitFiles => SortedMap<String, String>,
    Connections => Vec<Connection>,
    GuestTaps => SortedMap<u32, Vec<String>>,
    Hashes => SortedMap<String, Reading<String>>,
    Modified => Modified,
    Archives => Vec<Archive>,
}

/// An answer and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub reading: Reading<Answer>,
    pub micros: u64,
}

/// Everything that was asked of one host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers(pub SortedMap<Query, Asked>);

impl Answers {
    pub fn reading<T: FromAnswer>(&self, query: &Query) -> Reading<&T> {
        match self.0.get(query) {
            None => Reading::unreadable(TroubleCause::NotAsked, format!("`{query}` was not asked")),
            Some(asked) => asked.reading.as_ref().and_then(|answer| match T::from_answer(answer) {
                Some(value) => Reading::Known(value),
                None => {
                    Reading::unreadable(TroubleCause::Malformed, format!("`{query}` has an answer of another kind"))
                }
            }),
        }
    }

    /// What the questions cost together; one that two checks share counts for both.
    pub fn micros<'a>(&self, queries: impl IntoIterator<Item = &'a Query>) -> u64 {
        queries.into_iter().filter_map(|query| self.0.get(query)).map(|asked| asked.micros).sum()
    }
}
