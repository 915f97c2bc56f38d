//! Sessions with real buses, whole and damaged.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::super::socket::fake::{self, Fake};
use super::*;

// What dbus-daemon 1.14 and systemd 252 said to Hello, GetNameOwner and then the eight Gets of a
// crashed service, or ListUnitsByNames, whose rows are those of ListUnits.
const UNIT_SESSION: &[u8] = include_bytes!("../../../../tests/fixtures/wire/dbus-unit.bin");
const UNITS_SESSION: &[u8] = include_bytes!("../../../../tests/fixtures/wire/dbus-units.bin");
// The same to one Get of the addresses of a socket unit, two of TCP and a path.
const LISTEN_SESSION: &[u8] = include_bytes!("../../../../tests/fixtures/wire/dbus-listen.bin");

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

fn units(bus: &Path, deadline: Instant) -> Reading<SortedMap<String, LoadedUnit>> {
    Systemd::open(bus, deadline).and_then(|mut systemd| systemd.units())
}

fn listens(bus: &Path, name: &str, deadline: Instant) -> Reading<Vec<String>> {
    Systemd::open(bus, deadline).and_then(|mut systemd| systemd.listens(name))
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
        ..Unit::default()
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
fn the_addresses_of_a_real_socket_are_read() {
    let bus = bus(LISTEN_SESSION.to_vec());
    let expected = ["0.0.0.0:2222", "[::]:2222", "/run/x"].map(str::to_owned).to_vec();
    assert_eq!(listens(&bus.path, "ssh.socket", fake::soon()), Reading::Known(expected));
}

#[test]
fn damaged_addresses_do_no_more_than_fail_the_look() {
    for at in 0..LISTEN_SESSION.len() {
        for damage in [0x00, 0xff] {
            let mut bytes = LISTEN_SESSION.to_vec();
            bytes[at] = damage;
            let bus = bus(bytes);
            assert_ne!(listens(&bus.path, "ssh.socket", fake::soon()), Reading::Absent, "byte {at}");
        }
        let cut = bus(LISTEN_SESSION[..at].to_vec());
        assert!(matches!(listens(&cut.path, "ssh.socket", fake::soon()), Reading::Unreadable(_)), "{at} bytes");
    }
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
    // It stays: hanging up on what it has not read would take back what it has said.
    std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        stream.write_all(b"OK 0123\r\n").unwrap();
        while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
    });
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
