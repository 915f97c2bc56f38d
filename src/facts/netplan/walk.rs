//! Goes through one file as its schema says.

use super::definitions::{Definitions, Used};
use super::schema::{Fields, Kind, ROOT, Shape};
use super::yaml::{Content, Document, Node, NodeId};
use super::{Place, Problem, values};

/// The first problem of a file; what it defines is added to what is `known`.
pub fn file(document: &Document, known: &mut Definitions, knows_all_keys: bool) -> Result<(), Problem> {
    let Some(root) = document.root else { return Ok(()) };
    let mut walk =
        Walk { document, known, knows_all_keys, owner: None, is_member: false, defined: Vec::new(), used: Vec::new() };
    walk.fields(root, &[ROOT], true)?;
    let Walk { known, defined, used, .. } = walk;
    known.check(&defined, &used)
}

struct Walk<'w> {
    document: &'w Document,
    known: &'w mut Definitions,
    knows_all_keys: bool,
    /// The definition that we are in.
    owner: Option<(String, Kind)>,
    /// What is read stands in a list of members.
    is_member: bool,
    /// In this file.
    defined: Vec<(String, Place)>,
    used: Vec<Used>,
}

type Checked = Result<(), Problem>;

impl<'w> Walk<'w> {
    fn node(&self, id: NodeId) -> &'w Node {
        self.document.node(id)
    }

    fn text(&self, id: NodeId) -> Result<&'w str, Problem> {
        let node = self.node(id);
        match &node.content {
            Content::Scalar(text) => Ok(text),
            _ => Err(Problem::At(node.place, "a single value belongs here".to_owned())),
        }
    }

    fn items(&self, id: NodeId) -> Result<&'w [NodeId], Problem> {
        let node = self.node(id);
        match &node.content {
            Content::Sequence(items) => Ok(items),
            _ => Err(Problem::At(node.place, "a list belongs here".to_owned())),
        }
    }

    fn pairs(&self, id: NodeId) -> Result<&'w [(NodeId, NodeId)], Problem> {
        let node = self.node(id);
        match &node.content {
            Content::Mapping(pairs) => Ok(pairs),
            _ => Err(Problem::At(node.place, "a mapping belongs here: is the indentation right?".to_owned())),
        }
    }

    /// A mapping with keys of its own. `is_closed`: a key in none of the tables is refused.
    fn fields(&mut self, id: NodeId, tables: &[Fields], is_closed: bool) -> Checked {
        for (key, value) in self.pairs(id)? {
            let name = self.text(*key)?;
            let known = tables.iter().flat_map(|table| table.iter()).find(|(known, _)| *known == name);
            match known {
                Some((_, shape)) => self.value(name, *value, *shape)?,
                None if is_closed && self.knows_all_keys => {
                    return Err(Problem::At(self.node(*key).place, format!("unknown key `{name}`")));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn value(&mut self, key: &str, id: NodeId, shape: Shape) -> Checked {
        match shape {
            Shape::Anything => Ok(()),
            Shape::Text => self.scalar(id, |_| Ok(())),
            Shape::Bool => self.scalar(id, values::boolean),
            Shape::Unsigned => self.number(key, id),
            Shape::Renderer => self.renderer(id),
            Shape::OwnRenderer => match (&self.owner, self.text(id)?) {
                (Some((_, Kind::Vlan)), "sriov") => Ok(()),
                _ => self.renderer(id),
            },
            Shape::Version => self.scalar(id, values::version),
            Shape::BondMode => self.scalar(id, values::bond_mode),
            Shape::Ip4 => self.scalar(id, values::ip4),
            Shape::Ip6 => self.scalar(id, values::ip6),
            Shape::Sequence => self.items(id).map(drop),
            Shape::Texts => self.each(id, |walk, item| walk.scalar(item, |_| Ok(()))),
            Shape::IpAddresses => self.each(id, |walk, item| walk.scalar(item, values::ip)),
            Shape::Prefixes => self.each(id, Self::prefix),
            Shape::Mapping => self.pairs(id).map(drop),
            Shape::Fields(table) => self.fields(id, &[table], true),
            Shape::List(table) => self.each(id, |walk, item| walk.fields(item, &[table], true)),
            Shape::Reference => self.reference(id),
            Shape::References => {
                self.is_member = true;
                let checked = self.each(id, Self::reference);
                self.is_member = false;
                checked
            }
            Shape::ReferringKeys => {
                for (key, value) in self.pairs(id)? {
                    self.text(*value)?;
                    self.reference(*key)?;
                }
                Ok(())
            }
            Shape::PatchPorts => self.each(id, Self::patch_ports),
            Shape::Definitions(kind) => self.definitions(id, kind),
        }
    }

    fn each(&mut self, id: NodeId, mut check: impl FnMut(&mut Self, NodeId) -> Checked) -> Checked {
        self.items(id)?.iter().try_for_each(|item| check(self, *item))
    }

    fn scalar(&self, id: NodeId, check: impl FnOnce(&str) -> Result<(), String>) -> Checked {
        check(self.text(id)?).map_err(|message| Problem::At(self.node(id).place, message))
    }

    fn number(&mut self, key: &str, id: NodeId) -> Checked {
        self.scalar(id, values::unsigned)?;
        if let (Some((owner, Kind::Vlan)), "id") = (self.owner.clone(), key) {
            self.known.define(&owner, Kind::Vlan, self.node(id).place)?.vlan_id = Some(self.text(id)?.to_owned());
        }
        Ok(())
    }

    fn renderer(&mut self, id: NodeId) -> Checked {
        self.known.has_network_manager |= self.text(id)? == "NetworkManager";
        self.scalar(id, values::renderer)
    }

    /// An address, or one with its options below it.
    fn prefix(&mut self, id: NodeId) -> Checked {
        let node = self.node(id);
        match &node.content {
            Content::Scalar(_) => self.scalar(id, values::prefix),
            Content::Mapping(pairs) => match pairs.first() {
                Some((address, _)) => self.scalar(*address, values::prefix),
                None => Ok(()),
            },
            Content::Sequence(_) => Err(Problem::At(node.place, "an address belongs here".to_owned())),
        }
    }

    fn reference(&mut self, id: NodeId) -> Checked {
        let name = self.text(id)?.to_owned();
        if let Some((owner, _)) = &self.owner {
            let place = self.node(id).place;
            self.used.push(Used { place, owner: owner.clone(), name, is_member: self.is_member });
        }
        Ok(())
    }

    fn patch_ports(&mut self, id: NodeId) -> Checked {
        let pair = self.items(id)?;
        if pair.len() != 2 {
            return Err(Problem::At(self.node(id).place, "patch ports come in pairs".to_owned()));
        }
        for port in pair {
            // Nothing is said of a name that something else has, too.
            let _ = self.known.define(self.text(*port)?, Kind::PatchPort, self.node(*port).place);
        }
        Ok(())
    }

    fn definitions(&mut self, id: NodeId, kind: Kind) -> Checked {
        for (key, value) in self.pairs(id)? {
            let place = self.node(*key).place;
            let name = self.text(*key)?;
            values::name(name).map_err(|message| Problem::At(place, message))?;
            if name == "renderer" {
                self.renderer(*value)?;
                continue;
            }
            let pairs = self.pairs(*value)?;
            let definition = self.known.define(name, kind, place)?;
            let keys = pairs.iter().filter_map(|(key, _)| match &self.document.node(*key).content {
                Content::Scalar(key) => Some(key.clone()),
                _ => None,
            });
            definition.keys.extend(keys);
            self.defined.push((name.to_owned(), place));
            self.owner = Some((name.to_owned(), kind));
            // netplan's own list of a modem's keys has no end.
            self.fields(*value, &kind.fields(), kind != Kind::Modem)?;
            self.owner = None;
        }
        Ok(())
    }
}
