//! What a host answers, as decoded rows or as the bytes that it gave.

mod boot;
mod connection;
mod files;
mod json;
mod nic;
mod python;
pub mod route;
pub mod text_or_hex;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Query, Reading, TroubleCause};
pub use boot::{Initrd, Module};
pub use connection::Connection;
pub use files::{Content, Entry, EntryKind, Modified};
pub use nic::{Nic, PciAbove, PciFunction, PciSlot};
pub use python::PythonEnvironment;
pub use route::{MAIN, NextHop, Route, Rule};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The bytes of a file or the text of a reply, as they came.
    Text(#[serde(with = "text_or_hex")] Vec<u8>),
    Names(Vec<String>),
    Exists(bool),
    Space(Space),
    Lock(Lock),
    User(User),
    Links(BTreeMap<String, Link>),
    Addresses(Vec<Address>),
    Routes(Vec<Route>),
    Rules(Vec<Rule>),
    Units(BTreeMap<String, LoadedUnit>),
    Unit(Unit),
    OvsProgress(OvsProgress),
    Flows(Flows),
    Processes(Vec<u32>),
    Guests(BTreeMap<u32, GuestProcess>),
    Clock(Clock),
    Contact(Contact),
    DeletedOpen(DeletedOpen),
    Freeable(Vec<FileRow>),
    Largest(Largest),
    Nic(Nic),
    Banner(Banner),
    Listing(Vec<Entry>),
    Files(BTreeMap<String, Reading<Content>>),
    Initrd(Initrd),
    Module(Module),
    PythonEnvironments(Vec<PythonEnvironment>),
    OvnController(OvnController),
    /// Unit file → `enabled`, `static`, `masked`, …
    UnitFiles(BTreeMap<String, String>),
    Connections(Vec<Connection>),
    /// By process.
    GuestTaps(BTreeMap<u32, Vec<String>>),
    /// Path → SHA-256 in hexadecimal.
    Hashes(BTreeMap<String, Reading<String>>),
    Modified(Modified),
}

/// The state of the filesystem that holds a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lock {
    pub holder: Option<Holder>,
}

/// The process that holds a lock. Another PID namespace hides its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: Option<u32>,
    pub command: Option<String>,
    pub age_seconds: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    pub effective_id: u32,
}

/// A network device, by netlink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    pub index: i32,
    pub mac: Option<String>,
    pub permanent_mac: Option<String>,
    pub alternative_names: Vec<String>,
    pub mtu: u32,
    /// `IFF_UP`: an administrator wants it up.
    pub admin_up: bool,
    pub carrier: bool,
    /// IFLA_OPERSTATE in words: `up`, `down`, `unknown`, …
    pub state: String,
    /// IFLA_INFO_KIND: `bond`, `vlan`, `tun`, `openvswitch`, …; none for a physical device.
    pub kind: Option<String>,
    /// IFLA_INFO_SLAVE_KIND: `openvswitch`, `bond`, `bridge`.
    pub member_kind: Option<String>,
    /// The device that this one is enslaved to.
    pub master: Option<String>,
    /// The device below (VLAN) or the far end (veth), where it is in this namespace.
    pub lower: Option<String>,
    pub bond_member: Option<BondMember>,
    /// What a VLAN device tags with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan_id: Option<u16>,
    /// How a bond of the kernel shares its load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bond: Option<Bond>,
}

/// The options of a kernel bond that it takes to make it again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bond {
    /// `active-backup`, `802.3ad`, …
    pub mode: String,
    pub miimon: u32,
    /// `layer2`, `layer3+4`, …; none where the mode does not hash.
    pub transmit_hash: Option<String>,
    pub lacp_fast: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BondMember {
    pub active: bool,
    pub link_up: bool,
    /// The member's own address; `permanent_mac` of some drivers is the bond's while it is a member.
    pub permanent_mac: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Address {
    pub link: String,
    /// `192.0.2.7/24`
    pub address: String,
    /// `global`, `link`, `host`, …
    pub scope: String,
    /// Neither leased nor temporary.
    pub permanent: bool,
}

/// A row of systemd's ListUnits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadedUnit {
    pub load: String,
    pub active: String,
    pub sub: String,
}

/// One unit's own properties.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// Microseconds since boot at which it became active, 0 where it never did.
    pub active_since_us: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OvsProgress {
    pub current: i64,
    pub next: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flows {
    pub count: u64,
}

/// What a running ovn-controller says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OvnController {
    /// `connected` or `not connected`, to its southbound database.
    pub connection: String,
    /// `23.03.1`
    pub version: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuestProcess {
    pub name: String,
    pub uuid: Option<String>,
    /// The program that runs was replaced on disk.
    pub program_deleted: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    pub synchronised: bool,
    pub max_error_us: i64,
}

/// How far a connection attempt came. Not reaching a peer is an answer, not a failed look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contact {
    /// TCP accepted, or an echo came back; for HTTP the status that came.
    Reached {
        status: Option<u16>,
        /// Whether its certificate was found good; nothing where none was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verified: Option<bool>,
    },
    /// The peer answers and its certificate does not verify.
    BadCertificate {
        reason: String,
    },
    NotReached {
        reason: String,
    },
}

/// What a server says of itself before it is asked anything.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Banner {
    /// Its first line, as it came, at most 255 bytes.
    Said(String),
    /// The connection stands, and nothing that is a line came.
    Silent {
        reason: String,
        /// The server closed or reset the connection.
        #[serde(default)]
        hung_up: bool,
    },
    NotReached {
        reason: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeletedOpen {
    pub files: Vec<DeletedFile>,
    /// Processes whose descriptors we may not read.
    pub processes_denied: u64,
}

/// A deleted file, once, however many descriptors hold it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeletedFile {
    pub device: String,
    pub inode: u64,
    pub bytes: u64,
    pub path: String,
    pub pid: u32,
    pub command: String,
    pub unit: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileRow {
    pub path: String,
    pub device: String,
    /// What its blocks take up, not what its length says.
    pub bytes: u64,
    /// When it was last written to, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Largest {
    pub entries: Vec<SizedPath>,
    /// False where the walk ran out of time: the sizes are then lower bounds.
    pub complete: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SizedPath {
    pub path: String,
    pub bytes: u64,
}

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
    Links => BTreeMap<String, Link>,
    Addresses => Vec<Address>,
    Routes => Vec<Route>,
    Rules => Vec<Rule>,
    Units => BTreeMap<String, LoadedUnit>,
    Unit => Unit,
    OvsProgress => OvsProgress,
    Flows => Flows,
    Processes => Vec<u32>,
    Guests => BTreeMap<u32, GuestProcess>,
    Clock => Clock,
    Contact => Contact,
    DeletedOpen => DeletedOpen,
    Freeable => Vec<FileRow>,
    Largest => Largest,
    Nic => Nic,
    Banner => Banner,
    Listing => Vec<Entry>,
    Files => BTreeMap<String, Reading<Content>>,
    Initrd => Initrd,
    Module => Module,
    PythonEnvironments => Vec<PythonEnvironment>,
    OvnController => OvnController,
    UnitFiles => BTreeMap<String, String>,
    Connections => Vec<Connection>,
    GuestTaps => BTreeMap<u32, Vec<String>>,
    Hashes => BTreeMap<String, Reading<String>>,
    Modified => Modified,
}

/// An answer and what it cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub reading: Reading<Answer>,
    pub micros: u64,
}

/// Everything that was asked of one host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers(pub BTreeMap<Query, Asked>);

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
