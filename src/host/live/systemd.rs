//! What systemd says of its units, asked over D-Bus and without `systemctl`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::dbus::{Call, Connection, Decoder, Reply};
use super::socket::{self, Fault};
use crate::model::answer::{LoadedUnit, Unit};
use crate::model::{Reading, TroubleCause};

/// Where the system bus listens.
pub const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";

const SERVICE: &str = "systemd";
const NAME: &str = "org.freedesktop.systemd1";
const BUS_NAME: &str = "org.freedesktop.DBus";

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
    pub fn units(&mut self) -> Reading<BTreeMap<String, LoadedUnit>> {
        let call = Call {
            destination: self.destination,
            path: "/org/freedesktop/systemd1",
            interface: "org.freedesktop.systemd1.Manager",
            member: "ListUnits",
            arguments: &[],
        };
        let replies = self.connection.call_each([call]);
        socket::reading(SERVICE, &self.path, replies.and_then(|[reply]| unit_rows(&reply)))
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

fn unit_rows(reply: &Reply) -> Result<BTreeMap<String, LoadedUnit>, Fault> {
    let rows = reply.values("a(ssssssouso)")?.array(8);
    let decode = |mut rows: Decoder| {
        let mut units = BTreeMap::new();
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
mod tests {
    use std::io::{Read, Write};
    use std::net::Shutdown;

    use super::super::socket::fake::{self, Fake};
    use super::*;

    // What dbus-daemon 1.14 and systemd 252 said to Hello, GetNameOwner and then the eight Gets of a
    // crashed service, or ListUnitsByNames, whose rows are those of ListUnits.
    const UNIT_SESSION: &[u8] = include_bytes!("../../../tests/fixtures/wire/dbus-unit.bin");
    const UNITS_SESSION: &[u8] = include_bytes!("../../../tests/fixtures/wire/dbus-units.bin");

    /// Says all of it and no more.
    fn bus(bytes: Vec<u8>) -> Fake {
        fake::service(move |mut stream| {
            // A client that has already given up is one of the things tested.
            _ = stream.write_all(&bytes);
            _ = stream.shutdown(Shutdown::Write);
            while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
        })
    }

    /// Systemd behind this bus, and its own socket in the same directory.
    fn open(bus: &Fake, booted: bool) -> Reading<Systemd> {
        let private = bus.directory.path().join("private");
        let system = bus.directory.path().join(if booted { "." } else { "nowhere" });
        Systemd::open_at(Places { bus: &bus.path, private: &private, booted: &system }, fake::soon())
    }

    fn units(bus: &Path, deadline: Instant) -> Reading<BTreeMap<String, LoadedUnit>> {
        Systemd::open(bus, deadline).and_then(|mut systemd| systemd.units())
    }

    fn unit(bus: &Path, name: &str, deadline: Instant) -> Reading<Unit> {
        Systemd::open(bus, deadline).and_then(|mut systemd| systemd.unit(name))
    }

    #[test]
    fn a_real_unit_is_read() {
        let expected = Unit {
            load: "loaded".to_owned(),
            active: "failed".to_owned(),
            sub: "failed".to_owned(),
            file_state: "static".to_owned(),
            result: "exit-code".to_owned(),
            restarts: 6,
            main_pid: 0,
            active_since_us: 2_683_372_602,
        };
        let bus = bus(UNIT_SESSION.to_vec());
        assert_eq!(unit(&bus.path, "loop.service", fake::soon()), Reading::Known(expected));
    }

    #[test]
    fn a_real_list_of_units_is_read() {
        let bus = bus(UNITS_SESSION.to_vec());
        let units = units(&bus.path, fake::soon()).known().unwrap();
        let row = |name| units.get(name).map(|unit: &LoadedUnit| [&*unit.load, &*unit.active, &*unit.sub]);
        assert_eq!(row("dbus.service"), Some(["loaded", "active", "running"]));
        assert_eq!(row("nope.service"), Some(["not-found", "inactive", "dead"]));
        assert_eq!(row("-.mount"), Some(["loaded", "active", "mounted"]));
    }

    #[test]
    fn no_damage_to_the_bytes_does_more_than_fail_the_look() {
        for at in 0..UNITS_SESSION.len() {
            for damage in [0x00, 0xff] {
                let mut bytes = UNITS_SESSION.to_vec();
                bytes[at] = damage;
                let bus = bus(bytes);
                assert_ne!(units(&bus.path, fake::soon()), Reading::Absent, "byte {at}");
            }
            let cut = bus(UNITS_SESSION[..at].to_vec());
            assert!(matches!(units(&cut.path, fake::soon()), Reading::Unreadable(_)), "{at} bytes");
        }
    }

    #[test]
    fn without_bus_and_systemd_there_is_nothing() {
        assert!(matches!(open(&fake::directory(), false), Reading::Absent));
    }

    #[test]
    fn a_running_systemd_that_nobody_reaches_is_a_failure() {
        let detail = fake::assert_trouble(TroubleCause::Failed, || open(&fake::directory(), true));
        assert!(detail.contains("systemd runs"), "{detail}");
    }

    #[test]
    fn a_dead_bus_is_gone_around_where_systemd_runs() {
        let dead = fake::directory();
        drop(std::os::unix::net::UnixListener::bind(&dead.path).unwrap());
        fake::assert_trouble(TroubleCause::Refused, || open(&dead, false));

        let listener = std::os::unix::net::UnixListener::bind(dead.directory.path().join("private")).unwrap();
        std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"OK 0123\r\n"));
        assert_eq!(open(&dead, true).map(|systemd| systemd.destination), Reading::Known(None));
    }

    #[test]
    fn a_bus_that_hangs_drips_or_rejects_is_unreadable() {
        let hung = fake::hung();
        fake::assert_trouble(TroubleCause::TimedOut, || open(&hung, true));
        let slow = fake::dripping(b'O');
        fake::assert_trouble(TroubleCause::TimedOut, || open(&slow, true));
        let strict = fake::saying(b"REJECTED EXTERNAL\r\n");
        fake::assert_trouble(TroubleCause::Denied, || open(&strict, true));
        let wrong = fake::saying(b"220 mail.example.org ESMTP\r\n");
        fake::assert_trouble(TroubleCause::Malformed, || open(&wrong, true));
        let endless = fake::saying(&[b'O'; 1000]);
        fake::assert_trouble(TroubleCause::Malformed, || open(&endless, true));
    }

    #[test]
    fn after_a_fault_a_session_says_no_more() {
        let bus = bus(UNITS_SESSION[..UNITS_SESSION.len() - 1].to_vec());
        let mut systemd = open(&bus, true).known().unwrap();
        fake::assert_trouble(TroubleCause::Failed, || systemd.units());
        let detail = fake::assert_trouble(TroubleCause::Failed, || systemd.units());
        assert!(detail.contains("lost at an earlier question"), "{detail}");
    }

    #[test]
    fn object_paths_are_escaped_as_systemd_does() {
        let path = |name| object_path(name).rsplit_once('/').map(|(_, label)| label.to_owned()).unwrap();
        assert_eq!(path("dbus.service"), "dbus_2eservice");
        assert_eq!(path("3w-eird@x_y.socket"), "_33w_2deird_40x_5fy_2esocket");
        assert_eq!(path("-.mount"), "_2d_2emount");
        assert_eq!(path("ü.path"), "_c3_bc_2epath");
        assert_eq!(path(""), "_");
    }
}
