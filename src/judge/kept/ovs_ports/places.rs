//! Where a device is now, and where an interface is in the switch.

use super::{ByName, Compared};
use crate::facts::nics::Whereabouts;
use crate::facts::wiring::{Port, Row, Wiring};

/// Where the device of an interface of the baseline is.
pub enum Place<'n> {
    /// So it is called. What the switch makes itself is known by its name.
    Here(&'n str),
    Gone,
    /// Nobody can tell.
    Unknown,
}

/// Where an interface is in the switch.
#[derive(Clone, Copy)]
pub struct Seat<'c, 'a> {
    pub bridge: &'c str,
    /// The port that it is all or a part of.
    pub name: &'c str,
    pub port: &'c Port<'a>,
    pub interface: &'c Row<'a>,
}

/// Every interface of the switch as it is now.
pub struct Seats<'c, 'a> {
    by_interface: ByName<'c, Seat<'c, 'a>>,
    /// Port → its bridge.
    by_port: ByName<'c, &'c str>,
}

impl<'c, 'a> Seats<'c, 'a> {
    pub fn of(now: Option<&'c Wiring<'a>>) -> Self {
        let mut seats = Self { by_interface: ByName::new(), by_port: ByName::new() };
        for (bridge, it) in now.into_iter().flat_map(|now| &now.bridges) {
            for (name, port) in &it.ports {
                seats.by_port.insert(name, bridge);
                for (called, interface) in port.interfaces.iter() {
                    seats.by_interface.insert(called, Seat { bridge, name, port, interface });
                }
            }
        }
        seats
    }

    pub fn of_interface(&self, called: &str) -> Option<Seat<'c, 'a>> {
        self.by_interface.get(called).copied()
    }

    pub fn bridge_of(&self, port: &str) -> Option<&'c str> {
        self.by_port.get(port).copied()
    }
}

impl<'c> Compared<'c, '_, '_, '_> {
    pub fn place<'i>(&'i self, interface: &'i str, row: &Row<'_>) -> Place<'i> {
        // A port of a device that was not there even then is as good as its row.
        if !has_device(row) || !self.devices.then.contains_key(interface) {
            return Place::Here(interface);
        }
        match self.devices.nics.place(interface) {
            Whereabouts::Same => Place::Here(interface),
            Whereabouts::Renamed(called) => Place::Here(called),
            Whereabouts::Gone => Place::Gone,
            Whereabouts::Unknown => Place::Unknown,
        }
    }
}

/// Whether the kernel has a device for it that the switch did not make.
pub fn has_device(row: &Row<'_>) -> bool {
    matches!(row.text("type").as_deref(), None | Some("" | "system" | "afxdp"))
}
