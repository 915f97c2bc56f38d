//! What systemd says of its units, asked over D-Bus and without `systemctl`.

mod unit_files;

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::dbus::{Call, Connection, Decoder, Reply};
use super::socket::{self, Fault};
use crate::model::answer::{LoadedUnit, Unit};
use crate::model::gather::Gather as _;
use crate::model::sorted::SortedMap;
use crate::model::{Reading, TroubleCause};

/// Where the system bus listens.
pub const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";

const SERVICE: &str = "systemd";
const NAME: &str = "org.freedesktop.systemd1";
const BUS_NAME: &str = "org.freedesktop.DBus";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
/// The system bus lets nobody wait for more than 128 replies at a time.
const AT_ONCE: usize = 64;

/// A connection to systemd, for several questions.
#[derive(Debug)]
pub struct Systemd {
    connection: Connection,
    /// The socket that it goes through, for what is said to people.
    path: PathBuf,
    destination: Option<&'static str>,
}

/// Where systemd is looked for.
#[derive(Debug, Clone, Copy)]
struct Places<'a> {
    bus: &'a Path,
    /// systemd's own socket, which needs no bus and is open to root alone.
    private: &'a Path,
    /// Exists where systemd is the init: see sd_booted(3).
    booted: &'a Path,
}

impl Systemd {
    /// Connects by way of the bus, or directly where there is no bus that works.
    pub fn open(bus: &Path, deadline: Instant) -> Reading<Self> {
        let private = Path::new("/run/systemd/private");
        Self::open_at(Places { bus, private, booted: Path::new("/run/systemd/system") }, deadline)
    }

    fn open_at(places: Places, deadline: Instant) -> Reading<Self> {
        let by_bus = match Self::by_bus(places.bus, deadline) {
            Ok(Some(systemd)) => return Reading::Known(systemd),
            Ok(None) => Reading::<Self>::Absent,
            Err(fault) => socket::reading("the system bus", places.bus, Err(fault)),
        };
        let is_booted = !matches!(places.booted.try_exists(), Ok(false));
        match by_bus {
            Reading::Absent if !is_booted => return Reading::Absent,
            Reading::Unreadable(trouble) if !is_booted || trouble.cause != TroubleCause::Refused => {
                return Reading::Unreadable(trouble);
            }
            // systemd runs, and the bus is dead or does not know it.
            _ => {}
        }
        match socket::reading(SERVICE, places.private, Self::directly(places.private, deadline)) {
            Reading::Absent => Reading::unreadable(
                TroubleCause::Failed,
                format!(
                    "systemd runs and is not to be reached at {} or {}",
                    places.bus.display(),
                    places.private.display()
                ),
            ),
            found => found,
        }
    }

    /// `None` where the bus knows of no systemd.
    fn by_bus(path: &Path, deadline: Instant) -> Result<Option<Self>, Fault> {
        let mut connection = Connection::open(path, deadline)?;
        let to_bus = |member, arguments| Call {
            destination: Some(BUS_NAME),
            path: "/org/freedesktop/DBus",
            interface: BUS_NAME,
            member,
            arguments,
        };
        let [hello, owner] = connection.call_each([to_bus("Hello", &[]), to_bus("GetNameOwner", &[NAME])])?;
        hello.values("s")?;
        match owner.error() {
            Some("org.freedesktop.DBus.Error.NameHasNoOwner" | "org.freedesktop.DBus.Error.ServiceUnknown") => Ok(None),
            _ => {
                owner.values("s")?;
                Ok(Some(Self { connection, path: path.to_owned(), destination: Some(NAME) }))
            }
        }
    }

    fn directly(path: &Path, deadline: Instant) -> Result<Self, Fault> {
        let connection = Connection::open(path, deadline)?;
        Ok(Self { connection, path: path.to_owned(), destination: None })
    }

    /// Gives the questions from now on a deadline of their own.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.connection.set_deadline(deadline);
    }

    /// Every unit that is loaded.
    pub fn units(&mut self) -> Reading<SortedMap<String, LoadedUnit>> {
        let call = Call {
            destination: self.destination,
            path: "/org/freedesktop/systemd1",
            interface: MANAGER,
            member: "ListUnits",
            arguments: &[],
        };
        let replies = self.connection.call_each([call]);
        socket::reading(SERVICE, &self.path, replies.and_then(|[reply]| unit_rows(&reply)))
    }

    /// The state of every unit file that could start something. What only this boot made is left out, but for the
    /// services of init scripts; and so is what `is_shipped` does not know and a mask is all that there is of: a package
    /// that is removed leaves one behind.
    pub fn unit_files(&mut self, is_shipped: impl Fn(&str) -> bool) -> Reading<SortedMap<String, String>> {
        let asked = self.unit_file_states();
        socket::reading(SERVICE, &self.path, asked).map(|states| {
            let counts = |(name, state): &(String, String)| {
                let is_of_this_boot = state == "transient" || state == "generated" && !name.ends_with(".service");
                let masks_nothing = state.starts_with("masked") && !is_shipped(name);
                !is_of_this_boot && !masks_nothing
            };
            states.into_iter().filter(counts).gather()
        })
    }

    fn unit_file_states(&mut self) -> Result<Vec<(String, String)>, Fault> {
        let path = "/org/freedesktop/systemd1";
        let call = Call {
            destination: self.destination,
            path,
            interface: "org.freedesktop.DBus.Properties",
            member: "Get",
            arguments: &[MANAGER, "UnitPath"],
        };
        let [directories] = self.connection.call_each([call])?;
        let files = unit_files::sort_out(Path::new("/"), &strings(&directories)?)?;
        let asked: Vec<[&str; 1]> = files.open.iter().map(|name| [name.as_str()]).collect();
        let state_of = |arguments| Call {
            destination: self.destination,
            path,
            interface: MANAGER,
            member: "GetUnitFileState",
            arguments,
        };
        let calls: Vec<Call> = asked.iter().map(|name| state_of(name.as_slice())).collect();
        let mut replies = Vec::new();
        for calls in calls.chunks(AT_ONCE) {
            replies.extend(self.connection.call(calls)?);
        }
        let mut states: Vec<(String, String)> =
            files.plain.into_iter().map(|(name, state)| (name, state.to_owned())).collect();
        for (name, reply) in files.open.iter().zip(&replies) {
            states.extend(unit_file_state(reply)?.map(|state| (name.clone(), state)));
        }
        Ok(states)
    }

    /// One unit by its full name, loaded or not; `not-found` where there is none.
    pub fn unit(&mut self, name: &str) -> Reading<Unit> {
        let own = own_properties(name);
        let path = object_path(name);
        let asked: Vec<[&str; 2]> = UNIT_PROPERTIES.iter().map(|property| [UNIT, *property]).chain(own).collect();
        let calls: Vec<Call> = asked
            .iter()
            .map(|arguments| Call {
                destination: self.destination,
                path: &path,
                interface: "org.freedesktop.DBus.Properties",
                member: "Get",
                arguments,
            })
            .collect();
        let replies = self.connection.call(&calls);
        socket::reading(SERVICE, &self.path, replies.and_then(|replies| unit_of(&asked, &replies)))
    }

    /// The addresses and paths of a socket unit; none where there is no such unit.
    pub fn listens(&mut self, name: &str) -> Reading<Vec<String>> {
        let call = Call {
            destination: self.destination,
            path: &object_path(name),
            interface: "org.freedesktop.DBus.Properties",
            member: "Get",
            arguments: &["org.freedesktop.systemd1.Socket", "Listen"],
        };
        let replies = self.connection.call_each([call]);
        socket::reading(SERVICE, &self.path, replies.and_then(|[reply]| listen_addresses(&reply)))
    }
}

const UNIT: &str = "org.freedesktop.systemd1.Unit";
/// Asked one by one: GetAll makes systemd gather some 200 properties a unit, cgroup counters among them.
const UNIT_PROPERTIES: [&str; 5] =
    ["LoadState", "ActiveState", "SubState", "UnitFileState", "ActiveEnterTimestampMonotonic"];

/// Interface and property of what only units of this type have.
fn own_properties(name: &str) -> Vec<[&'static str; 2]> {
    const SERVICE_UNIT: &str = "org.freedesktop.systemd1.Service";
    let interface = match name.rsplit_once('.').map(|(_, suffix)| suffix) {
        Some("service") => {
            return vec![[SERVICE_UNIT, "Result"], [SERVICE_UNIT, "NRestarts"], [SERVICE_UNIT, "MainPID"]];
        }
        Some("socket") => "org.freedesktop.systemd1.Socket",
        Some("mount") => "org.freedesktop.systemd1.Mount",
        Some("automount") => "org.freedesktop.systemd1.Automount",
        Some("swap") => "org.freedesktop.systemd1.Swap",
        Some("timer") => "org.freedesktop.systemd1.Timer",
        Some("path") => "org.freedesktop.systemd1.Path",
        Some("scope") => "org.freedesktop.systemd1.Scope",
        _ => return Vec::new(),
    };
    vec![[interface, "Result"]]
}

/// Whether a package, or whoever made an init script, brings this unit, below a mask or not.
pub fn is_shipped(root: &Path, name: &str) -> bool {
    const DIRECTORIES: [&str; 3] = ["usr/lib/systemd/system", "lib/systemd/system", "usr/local/lib/systemd/system"];
    let script = name.strip_suffix(".service").map(|script| root.join("etc/init.d").join(script));
    DIRECTORIES.iter().map(|directory| root.join(directory).join(name)).chain(script).any(|path| path.exists())
}

/// The object of a unit, escaped as systemd's `bus_label_escape` does. Asking for it loads the unit
/// where it is not loaded, as `systemctl show` does.
fn object_path(name: &str) -> String {
    let mut path = String::from("/org/freedesktop/systemd1/unit/");
    for (index, byte) in name.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => path.push(byte.into()),
            b'0'..=b'9' if index > 0 => path.push(byte.into()),
            _ => path.push_str(&format!("_{byte:02x}")),
        }
    }
    if name.is_empty() {
        path.push('_');
    }
    path
}

fn unit_of(asked: &[[&str; 2]], replies: &[Reply]) -> Result<Unit, Fault> {
    let mut unit = Unit::default();
    for ([interface, property], reply) in asked.iter().zip(replies) {
        // What every unit has must come; the rest is younger than some systemd that we meet.
        let may_be_unknown = *interface != UNIT;
        if may_be_unknown && reply.error().is_some_and(|name| name.starts_with("org.freedesktop.DBus.Error.Unknown")) {
            continue;
        }
        let mut value = reply.values("v")?;
        set_property(&mut unit, property, &mut value)
            .ok_or_else(|| Fault::malformed(format!("the value of {property}")))?;
    }
    Ok(unit)
}

fn set_property(unit: &mut Unit, property: &str, value: &mut Decoder) -> Option<()> {
    match (property, value.signature()?) {
        ("LoadState", "s") => unit.load = value.string()?.to_owned(),
        ("ActiveState", "s") => unit.active = value.string()?.to_owned(),
        ("SubState", "s") => unit.sub = value.string()?.to_owned(),
        ("UnitFileState", "s") => unit.file_state = value.string()?.to_owned(),
        ("ActiveEnterTimestampMonotonic", "t") => unit.active_since_us = value.u64()?,
        ("Result", "s") => unit.result = value.string()?.to_owned(),
        ("NRestarts", "u") => unit.restarts = value.u32()?,
        ("MainPID", "u") => unit.main_pid = value.u32()?,
        _ => return None,
    }
    Some(())
}

fn unit_rows(reply: &Reply) -> Result<SortedMap<String, LoadedUnit>, Fault> {
    let rows = reply.values("a(ssssssouso)")?.array(8);
    let decode = |mut rows: Decoder| {
        let mut units = SortedMap::new();
        while !rows.is_empty() {
            let (name, unit) = unit_row(&mut rows)?;
            units.insert(name, unit);
        }
        Some(units)
    };
    rows.and_then(decode).ok_or_else(|| Fault::malformed("a list of units"))
}

fn unit_row(rows: &mut Decoder) -> Option<(String, LoadedUnit)> {
    rows.align(8)?;
    let name = rows.string()?.to_owned();
    let _description = rows.string()?;
    let [load, active, sub] = [rows.string()?, rows.string()?, rows.string()?].map(str::to_owned);
    let _following = rows.string()?;
    let _object = rows.string()?;
    let (_job, _job_type, _job_object) = (rows.u32()?, rows.string()?, rows.string()?);
    Some((name, LoadedUnit { load, active, sub }))
}

/// None for what went away since it was seen.
fn unit_file_state(reply: &Reply) -> Result<Option<String>, Fault> {
    const GONE: [&str; 2] = ["org.freedesktop.DBus.Error.FileNotFound", "org.freedesktop.systemd1.NoSuchUnit"];
    // A link that leads to itself, a name that is none.
    const BAD: [&str; 3] =
        ["System.Error.", "org.freedesktop.DBus.Error.InvalidArgs", "org.freedesktop.DBus.Error.InconsistentMessage"];
    match reply.error() {
        Some(name) if GONE.contains(&name) => Ok(None),
        Some(name) if BAD.iter().any(|bad| name.starts_with(bad)) => Ok(Some("bad".to_owned())),
        _ => {
            let state = reply.values("s")?.string().map(str::to_owned);
            state.map(Some).ok_or_else(|| Fault::malformed("the state of a unit file"))
        }
    }
}

/// The value of a property that is a list of strings.
fn strings(reply: &Reply) -> Result<Vec<String>, Fault> {
    let mut value = reply.values("v")?;
    let decode = |value: &mut Decoder| {
        (value.signature()? == "as").then_some(())?;
        let mut rows = value.array(4)?;
        let mut strings = Vec::new();
        while !rows.is_empty() {
            strings.push(rows.string()?.to_owned());
        }
        Some(strings)
    };
    decode(&mut value).ok_or_else(|| Fault::malformed("a list of strings"))
}

/// Kind (`Stream`, `Datagram`, …) and address, of which the kind does not matter.
fn listen_addresses(reply: &Reply) -> Result<Vec<String>, Fault> {
    let mut value = reply.values("v")?;
    let decode = |value: &mut Decoder| {
        (value.signature()? == "a(ss)").then_some(())?;
        let mut rows = value.array(8)?;
        let mut addresses = Vec::new();
        while !rows.is_empty() {
            rows.align(8)?;
            let _kind = rows.string()?;
            addresses.push(rows.string()?.to_owned());
        }
        Some(addresses)
    };
    decode(&mut value).ok_or_else(|| Fault::malformed("the addresses of a socket unit"))
}

#[cfg(test)]
mod tests;
