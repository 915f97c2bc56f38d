//! What OVSDB holds: the reply to one transaction, read into borrowed rows.

mod datum;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::model::gather::Arrange as _;
use crate::model::objects;
use serde::Deserialize;

pub use datum::Datum;

/// The rows that we judge, by their uuid where others point at them.
#[derive(Debug, Default)]
pub struct Ovs<'a> {
    pub switch: Switch<'a>,
    pub bridges: Vec<Bridge<'a>>,
    ports: HashMap<&'a str, Port<'a>>,
    interfaces: HashMap<&'a str, Interface<'a>>,
    controllers: HashMap<&'a str, Controller>,
}

/// The one row of table Open_vSwitch.
#[derive(Debug, Default)]
pub struct Switch<'a> {
    /// False in a database that was never set up.
    pub is_initialised: bool,
    pub current_config: i64,
    pub next_config: i64,
    pub version: Option<Cow<'a, str>>,
    pub external_ids: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

#[derive(Debug)]
pub struct Bridge<'a> {
    pub name: Cow<'a, str>,
    pub is_secure: bool,
    /// The kernel's datapath, in which an attached NIC has the master `ovs-system`.
    pub uses_kernel: bool,
    ports: Vec<&'a str>,
    controllers: Vec<&'a str>,
}

#[derive(Debug)]
pub struct Port<'a> {
    pub name: Cow<'a, str>,
    pub external_ids: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    interfaces: Vec<&'a str>,
}

#[derive(Debug)]
pub struct Interface<'a> {
    pub name: Cow<'a, str>,
    pub kind: Cow<'a, str>,
    pub ofport: Option<i64>,
    pub error: Option<Cow<'a, str>>,
    pub link_up: Option<bool>,
    pub admin_up: Option<bool>,
    pub mac_in_use: Option<Cow<'a, str>>,
    pub external_ids: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

#[derive(Clone, Copy, Debug)]
pub struct Controller {
    pub is_connected: bool,
}

/// The tables in the order in which they are asked for.
#[derive(Deserialize)]
struct Tables<'a>(
    #[serde(borrow)] Rows<SwitchRow<'a>>,
    #[serde(borrow)] Rows<BridgeRow<'a>>,
    #[serde(borrow)] Rows<PortRow<'a>>,
    #[serde(borrow)] Rows<InterfaceRow<'a>>,
    #[serde(borrow)] Rows<ControllerRow<'a>>,
);

#[derive(Deserialize)]
struct Rows<T> {
    rows: Vec<T>,
}

#[derive(Deserialize)]
struct SwitchRow<'a> {
    #[serde(borrow)]
    cur_cfg: Datum<'a>,
    next_cfg: Datum<'a>,
    ovs_version: Datum<'a>,
    external_ids: Datum<'a>,
}

#[derive(Deserialize)]
struct BridgeRow<'a> {
    #[serde(borrow)]
    name: Datum<'a>,
    ports: Datum<'a>,
    controller: Datum<'a>,
    fail_mode: Datum<'a>,
    datapath_type: Datum<'a>,
}

#[derive(Deserialize)]
struct PortRow<'a> {
    #[serde(borrow)]
    _uuid: Datum<'a>,
    name: Datum<'a>,
    interfaces: Datum<'a>,
    external_ids: Datum<'a>,
}

#[derive(Deserialize)]
struct InterfaceRow<'a> {
    #[serde(borrow)]
    _uuid: Datum<'a>,
    name: Datum<'a>,
    r#type: Datum<'a>,
    ofport: Datum<'a>,
    error: Datum<'a>,
    link_state: Datum<'a>,
    admin_state: Datum<'a>,
    mac_in_use: Datum<'a>,
    external_ids: Datum<'a>,
}

#[derive(Deserialize)]
struct ControllerRow<'a> {
    #[serde(borrow)]
    _uuid: Datum<'a>,
    is_connected: Datum<'a>,
}

impl<'a> Ovs<'a> {
    /// `text` is the `result` of the transaction: one element for each table, in the order asked.
    pub fn parse(text: &'a [u8]) -> Result<Self, String> {
        // Typed at once: the text is large, and to find the tables first would be a pass over all of it.
        let tables: Tables<'a> = objects::from_slice(text).map_err(|error| error.to_string())?;
        let Tables(switch, bridges, ports, interfaces, controllers) = tables;
        let keyed = |uuid: &Datum<'a>| uuid.uuid().ok_or_else(|| "a row without its uuid".to_owned());
        let mut ovs = Self { switch: Switch::default(), ..Self::default() };
        if let Some(row) = switch.rows.into_iter().next() {
            ovs.switch = Switch::from(row);
        }
        ovs.bridges = bridges.rows.into_iter().map(Bridge::from).collect();
        for row in ports.rows {
            ovs.ports.insert(keyed(&row._uuid)?, Port::from(row));
        }
        for row in interfaces.rows {
            ovs.interfaces.insert(keyed(&row._uuid)?, Interface::from(row));
        }
        for row in controllers.rows {
            let is_connected = row.is_connected.boolean().unwrap_or(false);
            ovs.controllers.insert(keyed(&row._uuid)?, Controller { is_connected });
        }
        ovs.bridges.arrange_by(|one, other| one.name.cmp(&other.name));
        Ok(ovs)
    }

    /// The ports of a bridge, by name: OVSDB's own order changes from one reply to the next.
    pub fn ports(&self, bridge: &Bridge<'a>) -> Vec<&Port<'a>> {
        let mut ports: Vec<_> = bridge.ports.iter().filter_map(|uuid| self.ports.get(uuid)).collect();
        ports.arrange_by(|one, other| one.name.cmp(&other.name));
        ports
    }

    /// One interface of a plain port, several of a bond.
    pub fn interfaces(&self, port: &Port<'a>) -> Vec<&Interface<'a>> {
        let mut interfaces: Vec<_> = port.interfaces.iter().filter_map(|uuid| self.interfaces.get(uuid)).collect();
        interfaces.arrange_by(|one, other| one.name.cmp(&other.name));
        interfaces
    }

    pub fn controllers(&self, bridge: &Bridge<'a>) -> Vec<Controller> {
        bridge.controllers.iter().filter_map(|uuid| self.controllers.get(uuid)).copied().collect()
    }

    /// Every interface on any bridge.
    pub fn all_interfaces(&self) -> impl Iterator<Item = &Interface<'a>> {
        self.interfaces.values()
    }

    /// OVN's integration bridge: everything on it is OVN's.
    pub fn integration_bridge(&self) -> &str {
        value(&self.switch.external_ids, "ovn-bridge").unwrap_or("br-int")
    }

    pub fn uses_ovn(&self) -> bool {
        self.switch.external_ids.iter().any(|(key, _)| key.starts_with("ovn-"))
    }
}

/// The value of a key of `external_ids`.
pub fn value<'m>(map: &'m [(Cow<'_, str>, Cow<'_, str>)], key: &str) -> Option<&'m str> {
    map.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_ref())
}

impl<'a> From<SwitchRow<'a>> for Switch<'a> {
    fn from(row: SwitchRow<'a>) -> Self {
        Self {
            is_initialised: true,
            current_config: row.cur_cfg.integer().unwrap_or(0),
            next_config: row.next_cfg.integer().unwrap_or(0),
            version: row.ovs_version.text(),
            external_ids: row.external_ids.map(),
        }
    }
}

impl<'a> From<BridgeRow<'a>> for Bridge<'a> {
    fn from(row: BridgeRow<'a>) -> Self {
        Self {
            name: row.name.text().unwrap_or_default(),
            is_secure: row.fail_mode.text().as_deref() == Some("secure"),
            uses_kernel: matches!(row.datapath_type.text().as_deref(), None | Some("" | "system")),
            ports: row.ports.uuids(),
            controllers: row.controller.uuids(),
        }
    }
}

impl<'a> From<PortRow<'a>> for Port<'a> {
    fn from(row: PortRow<'a>) -> Self {
        Self {
            name: row.name.text().unwrap_or_default(),
            external_ids: row.external_ids.map(),
            interfaces: row.interfaces.uuids(),
        }
    }
}

impl<'a> From<InterfaceRow<'a>> for Interface<'a> {
    fn from(row: InterfaceRow<'a>) -> Self {
        let is_up = |state: Datum<'a>| state.text().map(|word| word == "up");
        Self {
            name: row.name.text().unwrap_or_default(),
            kind: row.r#type.text().unwrap_or_default(),
            ofport: row.ofport.integer(),
            error: row.error.text().filter(|error| !error.is_empty()),
            link_up: is_up(row.link_state),
            admin_up: is_up(row.admin_state),
            mac_in_use: row.mac_in_use.text(),
            external_ids: row.external_ids.map(),
        }
    }
}
