//! How the switch is put together: every row that is configuration, with each of its columns, so that it can be
//! compared and built again.

mod attributes;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::ovs::Datum;
pub use attributes::{Attributes, changes, is_masked};

/// The bridges by name, and the one row of the switch as a whole.
#[derive(Debug, Default)]
pub struct Wiring<'a> {
    pub switch: Row<'a>,
    pub bridges: BTreeMap<String, Bridge<'a>>,
    /// What rows point at beside their parts, by uuid: queues, mirrors, collectors, managers.
    referenced: HashMap<&'a str, Row<'a>>,
}

#[derive(Debug, Default)]
pub struct Bridge<'a> {
    pub row: Row<'a>,
    pub ports: BTreeMap<String, Port<'a>>,
    pub controllers: Vec<Row<'a>>,
}

/// A plain port has one interface, a bond several.
#[derive(Debug, Default)]
pub struct Port<'a> {
    pub row: Row<'a>,
    pub interfaces: BTreeMap<String, Row<'a>>,
}

/// The columns of a row that are not empty.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Row<'a>(#[serde(borrow)] pub BTreeMap<&'a str, Datum<'a>>);

impl<'a> Row<'a> {
    pub fn text(&self, column: &str) -> Option<Cow<'a, str>> {
        self.0.get(column).cloned().and_then(Datum::text)
    }

    pub fn uuid(&self) -> Option<&'a str> {
        self.0.get("_uuid").and_then(Datum::uuid)
    }

    fn uuids(&self, column: &str) -> Vec<&'a str> {
        self.0.get(column).cloned().map(Datum::uuids).unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Tables<'a> {
    #[serde(borrow, rename = "Open_vSwitch")]
    switch: Rows<'a>,
    #[serde(borrow, rename = "Bridge")]
    bridges: Rows<'a>,
    #[serde(borrow, rename = "Port")]
    ports: Rows<'a>,
    #[serde(borrow, rename = "Interface")]
    interfaces: Rows<'a>,
    #[serde(borrow, rename = "Controller", default)]
    controllers: Rows<'a>,
    #[serde(borrow, rename = "Manager", default)]
    managers: Rows<'a>,
    #[serde(borrow, rename = "QoS", default)]
    qos: Rows<'a>,
    #[serde(borrow, rename = "Queue", default)]
    queues: Rows<'a>,
    #[serde(borrow, rename = "Mirror", default)]
    mirrors: Rows<'a>,
    #[serde(borrow, rename = "NetFlow", default)]
    netflow: Rows<'a>,
    #[serde(borrow, rename = "sFlow", default)]
    sflow: Rows<'a>,
    #[serde(borrow, rename = "IPFIX", default)]
    ipfix: Rows<'a>,
    #[serde(borrow, rename = "Flow_Table", default)]
    flow_tables: Rows<'a>,
    #[serde(borrow, rename = "AutoAttach", default)]
    auto_attach: Rows<'a>,
    #[serde(borrow, rename = "SSL", default)]
    ssl: Rows<'a>,
}

#[derive(Default, Deserialize)]
struct Rows<'a> {
    #[serde(borrow)]
    rows: Vec<Row<'a>>,
}

impl<'a> Rows<'a> {
    fn by_uuid(self) -> Result<HashMap<&'a str, Row<'a>>, String> {
        let keyed = |row: Row<'a>| Ok((row.uuid().ok_or_else(|| "a row without its uuid".to_owned())?, row));
        self.rows.into_iter().map(keyed).collect()
    }
}

impl<'a> Wiring<'a> {
    /// `text` is `{"Bridge": {"rows": […]}, …}`, one entry a table. It is of one moment: where a bridge has a port that is
    /// nowhere, it is damaged, and no smaller switch.
    pub fn parse(text: &'a [u8]) -> Result<Self, String> {
        let tables: Tables<'a> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let (mut ports, mut interfaces) = (tables.ports.by_uuid()?, tables.interfaces.by_uuid()?);
        let mut controllers = tables.controllers.by_uuid()?;
        let mut referenced = HashMap::new();
        for rows in [
            tables.managers,
            tables.qos,
            tables.queues,
            tables.mirrors,
            tables.netflow,
            tables.sflow,
            tables.ipfix,
            tables.flow_tables,
            tables.auto_attach,
            tables.ssl,
        ] {
            referenced.extend(rows.by_uuid()?);
        }
        let switch = tables.switch.rows.into_iter().next().unwrap_or_default();
        let mut wiring = Self { switch, bridges: BTreeMap::new(), referenced };
        for row in tables.bridges.rows {
            let mut bridge = Bridge::default();
            for uuid in row.uuids("ports") {
                let port = ports.remove(uuid).ok_or_else(|| format!("there is no port {uuid}"))?;
                let mut of_port = BTreeMap::new();
                for uuid in port.uuids("interfaces") {
                    let row = interfaces.remove(uuid).ok_or_else(|| format!("there is no interface {uuid}"))?;
                    of_port.insert(name(&row)?, row);
                }
                bridge.ports.insert(name(&port)?, Port { row: port, interfaces: of_port });
            }
            bridge.controllers =
                row.uuids("controller").into_iter().filter_map(|uuid| controllers.remove(uuid)).collect();
            wiring.bridges.insert(name(&row)?, Bridge { row, ..bridge });
        }
        Ok(wiring)
    }
}

fn name(row: &Row<'_>) -> Result<String, String> {
    let name = row.text("name").filter(|name| !name.is_empty());
    name.map(Cow::into_owned).ok_or_else(|| "a row without its name".to_owned())
}

#[cfg(test)]
mod tests;
