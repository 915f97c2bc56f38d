//! The closed list of questions that may be put to a host.
//!
//! A question has one spelling, its key: `space:/var`. Recordings, scenarios and `bundle` use it.

mod http_target;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use http_target::HttpTarget;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Query {
    /// The bytes of a file.
    File(String),
    /// Is there anything under this name?
    Exists(String),
    /// The names in a directory, without their content.
    Directory(String),
    /// Name, kind and size of what is in a directory; of what is none, its own.
    Listing(String),
    /// The files of one directory whose names match: `/etc/netplan/*.yaml`.
    Files(String),
    /// The SHA-256 of the files whose names match, without their content.
    Hashes(String),
    /// When a file was last written to.
    Modified(String),
    /// The last part of a file that may be large.
    Tail(String),
    /// Free space, inodes and mount flags at a path or its nearest existing ancestor.
    Space(String),
    /// Who holds a POSIX record lock on this file.
    Lock(String),
    /// Whose rights we look with.
    User,
    Links,
    Addresses,
    /// The routes of every table but the kernel's own.
    Routes,
    /// The rules that choose a table.
    Rules,
    /// One network device: its hardware, and what udev knows of it.
    Nic(String),
    /// Every unit that systemd has loaded.
    Units,
    /// One unit by name, loaded or not.
    Unit(String),
    /// The TCP connections that stand of the processes of this unit.
    Connections(String),
    /// The TCP connections that an sshd has taken.
    SshConnections,
    /// Where a socket unit listens.
    Listens(String),
    /// What is enabled: the state of every unit file. After all else that systemd is asked: it reads every file for
    /// that, and on a slow machine answers nothing beside.
    UnitFiles,
    /// The rows that we judge of the OVSDB behind this socket.
    Ovsdb(String),
    /// Whether vswitchd catches up with the database, watched for a moment.
    OvsProgress(String),
    /// How the switch behind this socket is put together: every column that is configuration.
    OvsConfiguration(String),
    /// How many flows the bridge behind this management socket holds.
    Flows(String),
    /// What the ovn-controller of this run directory says of itself.
    OvnController(String),
    /// The processes of this name.
    Processes(String),
    /// Virtual machine processes.
    Guests,
    /// The tap devices of each virtual machine process.
    GuestTaps,
    Clock,
    /// Does this `host:port` accept a connection?
    Tcp(String),
    /// Does this URL answer with any HTTP status?
    Http(HttpTarget),
    /// Does this host answer an echo request?
    Ping(String),
    /// The first line that the server at `host:port` says by itself.
    Banner(String),
    /// Files that are deleted but still held open.
    DeletedOpen,
    /// Files that a fix could free.
    Freeable(Freeable),
    /// The largest things below a path, on its own filesystem.
    Largest(String),
    /// An initial ramdisk: of which format, and is it whole?
    Initrd(String),
    /// Does a kernel have a module? `6.1.0-50-amd64/openvswitch`
    Module(String),
    /// The Python environments below a directory.
    PythonEnvironments(String),
    /// What apt would do, without doing it: to install `name=version` again, to remove all of `name- other-`, or, for the
    /// empty word, to mend what is broken. Only a repair is planned from this: it runs apt, and a look runs nothing.
    Simulated(String),
    /// The archives of this package in the caches of this host.
    Archives(String),
    /// What this unit said last: asked, like the two above, where a repair is planned alone.
    UnitLog(String),
}

/// The families of files that a fix for space can free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freeable {
    ArchivedJournals,
    RotatedLogs,
    AptCache,
}

impl Freeable {
    pub const ALL: [Self; 3] = [Self::ArchivedJournals, Self::RotatedLogs, Self::AptCache];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::ArchivedJournals => "archived-journals",
            Self::RotatedLogs => "rotated-logs",
            Self::AptCache => "apt-cache",
        }
    }
}

impl Query {
    /// How long the answer may take before the row says `unknown`.
    pub fn deadline(&self) -> Duration {
        match self {
            Self::Http(_) => Duration::from_secs(10),
            // apt reads every index that it knows, without keeping what it made of them.
            Self::Simulated(_) | Self::Archives(_) => Duration::from_secs(20),
            _ => Duration::from_secs(5),
        }
    }

    /// Questions of one lane are asked one after the other, lanes side by side. What may hang by
    /// itself has a lane of its own.
    pub fn lane(&self) -> String {
        match self {
            Self::Units | Self::UnitFiles | Self::Unit(_) | Self::Listens(_) => "systemd".to_owned(),
            Self::Links | Self::Addresses | Self::Routes | Self::Rules => "netlink".to_owned(),
            Self::Ovsdb(_)
            | Self::OvsConfiguration(_)
            | Self::Connections(_)
            | Self::SshConnections
            | Self::GuestTaps
            | Self::OvsProgress(_)
            | Self::OvnController(_)
            | Self::Flows(_)
            | Self::Tcp(_)
            | Self::Http(_)
            | Self::Ping(_)
            | Self::Banner(_)
            | Self::DeletedOpen
            | Self::Freeable(_)
            | Self::Largest(_)
            | Self::PythonEnvironments(_)
            | Self::Simulated(_)
            | Self::Archives(_)
            | Self::UnitLog(_)
            | Self::Initrd(_)
            | Self::Guests
            | Self::Processes(_) => self.to_string(),
            Self::Space(path)
            | Self::File(path)
            | Self::Exists(path)
            | Self::Directory(path)
            | Self::Listing(path)
            | Self::Files(path)
            | Self::Hashes(path)
            | Self::Modified(path)
            | Self::Tail(path)
            | Self::Lock(path) => disk_lane(path),
            Self::Module(_) => "modules".to_owned(),
            Self::Nic(_) => "nics".to_owned(),
            Self::User | Self::Clock => "files".to_owned(),
        }
    }

    /// The kind of question, and what it is about in words.
    fn parts(&self) -> (&'static str, Cow<'_, str>) {
        let (kind, argument): (&'static str, &str) = match self {
            Self::File(path) => ("file", path.as_str()),
            Self::Exists(path) => ("exists", path),
            Self::Directory(path) => ("directory", path),
            Self::Listing(path) => ("listing", path),
            Self::Files(pattern) => ("files", pattern),
            Self::Hashes(pattern) => ("hashes", pattern),
            Self::Modified(path) => ("modified", path),
            Self::Tail(path) => ("tail", path),
            Self::Space(path) => ("space", path),
            Self::Lock(path) => ("lock", path),
            Self::User => ("user", ""),
            Self::Links => ("links", ""),
            Self::Addresses => ("addresses", ""),
            Self::Routes => ("routes", ""),
            Self::Rules => ("rules", ""),
            Self::Nic(name) => ("nic", name),
            Self::Units => ("units", ""),
            Self::Unit(name) => ("unit", name),
            Self::UnitFiles => ("unit-files", ""),
            Self::Connections(unit) => ("connections", unit),
            Self::SshConnections => ("ssh-connections", ""),
            Self::Listens(name) => ("listens", name),
            Self::Ovsdb(socket) => ("ovsdb", socket),
            Self::OvsConfiguration(socket) => ("ovs-configuration", socket),
            Self::OvsProgress(socket) => ("ovs-progress", socket),
            Self::Flows(socket) => ("flows", socket),
            Self::OvnController(directory) => ("ovn-controller", directory),
            Self::Processes(name) => ("processes", name),
            Self::Guests => ("guests", ""),
            Self::GuestTaps => ("guest-taps", ""),
            Self::Clock => ("clock", ""),
            Self::Tcp(endpoint) => ("tcp", endpoint),
            Self::Http(target) => return ("http", Cow::Owned(target.to_string())),
            Self::Ping(host) => ("ping", host),
            Self::Banner(endpoint) => ("banner", endpoint),
            Self::DeletedOpen => ("deleted-open", ""),
            Self::Freeable(family) => ("freeable", family.as_str()),
            Self::Largest(path) => ("largest", path),
            Self::Initrd(path) => ("initrd", path),
            Self::Module(name) => ("module", name),
            Self::PythonEnvironments(path) => ("python-environments", path),
            Self::Simulated(what) => ("simulated", what),
            Self::Archives(name) => ("archives", name),
            Self::UnitLog(name) => ("unit-log", name),
        };
        (kind, Cow::Borrowed(argument))
    }
}

/// Paths below one top directory share a lane: a disk that hangs holds up its own questions, not the others'.
fn disk_lane(path: &str) -> String {
    match path.trim_start_matches('/').split('/').next() {
        Some(top @ ("var" | "opt" | "tmp" | "home" | "srv" | "boot" | "mnt")) => format!("files:/{top}"),
        _ => "files".to_owned(),
    }
}

impl fmt::Display for Query {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (kind, argument) if argument.is_empty() => out.write_str(kind),
            (kind, argument) => write!(out, "{kind}:{argument}"),
        }
    }
}

impl FromStr for Query {
    type Err = String;

    fn from_str(key: &str) -> Result<Self, String> {
        let (kind, argument) = key.split_once(':').unwrap_or((key, ""));
        let owned = argument.to_owned();
        let query = match kind {
            "file" => Self::File(owned),
            "exists" => Self::Exists(owned),
            "directory" => Self::Directory(owned),
            "listing" => Self::Listing(owned),
            "files" => Self::Files(owned),
            "hashes" => Self::Hashes(owned),
            "modified" => Self::Modified(owned),
            "tail" => Self::Tail(owned),
            "space" => Self::Space(owned),
            "lock" => Self::Lock(owned),
            "user" => Self::User,
            "links" => Self::Links,
            "addresses" => Self::Addresses,
            "routes" => Self::Routes,
            "rules" => Self::Rules,
            "nic" => Self::Nic(owned),
            "units" => Self::Units,
            "unit" => Self::Unit(owned),
            "unit-files" => Self::UnitFiles,
            "connections" => Self::Connections(owned),
            "ssh-connections" => Self::SshConnections,
            "listens" => Self::Listens(owned),
            "ovsdb" => Self::Ovsdb(owned),
            "ovs-configuration" => Self::OvsConfiguration(owned),
            "ovs-progress" => Self::OvsProgress(owned),
            "flows" => Self::Flows(owned),
            "ovn-controller" => Self::OvnController(owned),
            "processes" => Self::Processes(owned),
            "guests" => Self::Guests,
            "guest-taps" => Self::GuestTaps,
            "clock" => Self::Clock,
            "tcp" => Self::Tcp(owned),
            "http" => Self::Http(argument.parse()?),
            "ping" => Self::Ping(owned),
            "banner" => Self::Banner(owned),
            "deleted-open" => Self::DeletedOpen,
            "freeable" => match Freeable::ALL.into_iter().find(|family| family.as_str() == argument) {
                Some(family) => Self::Freeable(family),
                None => return Err(format!("`{key}` names no family of files")),
            },
            "largest" => Self::Largest(owned),
            "initrd" => Self::Initrd(owned),
            "module" => Self::Module(owned),
            "python-environments" => Self::PythonEnvironments(owned),
            "simulated" => Self::Simulated(owned),
            "archives" => Self::Archives(owned),
            "unit-log" => Self::UnitLog(owned),
            _ => return Err(format!("`{key}` is no question that this version knows")),
        };
        Ok(query)
    }
}
