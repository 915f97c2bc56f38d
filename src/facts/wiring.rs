//! How the switch is put together: every row that is configuration, with each of its columns, so that it can be
//! compared and built again.

mod attributes;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::ovs::Datum;
use crate::model::gather::Arrange as _;
use crate::model::objects;
use crate::model::sorted::SortedMap;
pub use attributes::{Attributes, changes, is_masked, is_of_others};

/// The bridges by name, and the one row of the switch as a whole.
#[derive(Debug, Default)]
pub struct Wiring<'a> {
    pub switch: Row<'a>,
    pub bridges: SortedMap<String, Bridge<'a>>,
    /// What rows point at beside their parts, by uuid: queues, mirrors, collectors, managers.
    referenced: HashMap<&'a str, Row<'a>>,
}

#[derive(Debug, Default)]
pub struct Bridge<'a> {
    pub row: Row<'a>,
    pub ports: SortedMap<String, Port<'a>>,
    pub controllers: Vec<Row<'a>>,
}

/// A plain port has one interface, a bond several.
#[derive(Debug, Default)]
pub struct Port<'a> {
    pub row: Row<'a>,
    pub interfaces: Interfaces<'a>,
}

/// By name, in order. Almost every port has one: a list of one takes a tenth of what a map of one does.
#[derive(Debug, Default)]
pub struct Interfaces<'a>(Vec<(String, Row<'a>)>);

impl<'a> Interfaces<'a> {
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Row<'a>)> {
        self.0.iter().map(|(name, row)| (name, row))
    }

    pub fn keys(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(name, _)| name)
    }

    pub fn values(&self) -> impl Iterator<Item = &Row<'a>> {
        self.0.iter().map(|(_, row)| row)
    }

    pub fn get(&self, name: &str) -> Option<&Row<'a>> {
        self.iter().find(|(other, _)| *other == name).map(|(_, row)| row)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// The columns of a row that are not empty: a few, in a list, since there may be twenty thousand rows.
#[derive(Debug, Default)]
pub struct Row<'a>(Vec<(&'a str, Datum<'a>)>);

impl<'a> Row<'a> {
    pub fn columns(&self) -> impl Iterator<Item = (&'a str, &Datum<'a>)> {
        self.0.iter().map(|(column, datum)| (*column, datum))
    }

    pub fn column(&self, column: &str) -> Option<Datum<'a>> {
        self.columns().find(|(name, _)| *name == column).map(|(_, datum)| datum.clone())
    }

    pub fn text(&self, column: &str) -> Option<Cow<'a, str>> {
        self.column(column).and_then(Datum::text)
    }

    pub fn uuid(&self) -> Option<&'a str> {
        self.column("_uuid").as_ref().and_then(Datum::uuid)
    }

    pub fn uuids(&self, column: &str) -> Vec<&'a str> {
        self.column(column).map(Datum::uuids).unwrap_or_default()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Row<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(EachColumn)
    }
}

struct EachColumn;

impl<'de> Visitor<'de> for EachColumn {
    type Value = Row<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a row")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Row<'de>, M::Error> {
        let mut columns = Vec::new();
        while let Some(column) = map.next_entry()? {
            columns.push(column);
        }
        columns.shrink_to_fit();
        Ok(Row(columns))
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
        let tables: Tables<'a> = objects::from_slice(text).map_err(|error| error.to_string())?;
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
        let mut wiring = Self { switch, bridges: SortedMap::new(), referenced };
        for row in tables.bridges.rows {
            let mut bridge = Bridge::default();
            for uuid in row.uuids("ports") {
                let port = ports.remove(uuid).ok_or_else(|| format!("there is no port {uuid}"))?;
                let mut of_port = Vec::new();
                for uuid in port.uuids("interfaces") {
                    let row = interfaces.remove(uuid).ok_or_else(|| format!("there is no interface {uuid}"))?;
                    of_port.push((name(&row)?, row));
                }
                of_port.arrange_by(|one, other| one.0.cmp(&other.0));
                of_port.shrink_to_fit();
                bridge.ports.insert(name(&port)?, Port { row: port, interfaces: Interfaces(of_port) });
            }
            bridge.controllers =
                row.uuids("controller").into_iter().filter_map(|uuid| controllers.remove(uuid)).collect();
            wiring.bridges.insert(name(&row)?, Bridge { row, ..bridge });
        }
        Ok(wiring)
    }
}

/// Where a mirror says which ports it sees, and where that goes.
pub const MIRRORED: [&str; 3] = ["select_src_port", "select_dst_port", "output_port"];

impl<'a> Wiring<'a> {
    pub fn mirrors(&self, bridge: &Row<'a>) -> impl Iterator<Item = &Row<'a>> {
        bridge.uuids("mirrors").into_iter().filter_map(|uuid| self.pointed_at(uuid))
    }

    /// What a row points at beside its parts: queues, collectors, managers.
    pub fn pointed_at(&self, uuid: &str) -> Option<&Row<'a>> {
        self.referenced.get(uuid)
    }

    /// The row of a table by its name; of the switch as a whole there is one.
    pub fn row(&self, table: &str, name: &str) -> Option<&Row<'a>> {
        let mut ports = self.bridges.values().flat_map(|bridge| &bridge.ports);
        match table {
            "Open_vSwitch" => Some(&self.switch),
            "Bridge" => self.bridges.get(name).map(|bridge| &bridge.row),
            "Port" => ports.find(|(own, _)| *own == name).map(|(_, port)| &port.row),
            "Interface" => ports.find_map(|(_, port)| port.interfaces.get(name)),
            _ => None,
        }
    }
}

fn name(row: &Row<'_>) -> Result<String, String> {
    let name = row.text("name").filter(|name| !name.is_empty());
    name.map(Cow::into_owned).ok_or_else(|| "a row without its name".to_owned())
}

#[cfg(test)]
mod tests;
