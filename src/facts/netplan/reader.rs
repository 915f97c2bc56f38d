//! What a document says where it has the shape that netplan takes.

use super::yaml::{Content, Document, NodeId};

#[derive(Clone, Copy)]
pub struct Yaml<'d>(pub &'d Document);

impl<'d> Yaml<'d> {
    /// ID and settings of each device of one kind: `ethernets`, `bridges`, …
    pub fn devices(&self, kind: &'static str) -> impl Iterator<Item = (&'d str, NodeId)> + use<'d> {
        let yaml = Yaml(self.0);
        let below = move |id: NodeId, name: &'static str| {
            yaml.pairs(id).filter(move |(key, _)| *key == name).map(|(_, value)| value)
        };
        let networks: Vec<NodeId> = self.0.root.into_iter().flat_map(|root| below(root, "network")).collect();
        let devices: Vec<NodeId> = networks.into_iter().flat_map(|network| below(network, kind)).collect();
        devices.into_iter().flat_map(move |devices| yaml.pairs(devices))
    }

    /// Nothing of what is no mapping.
    pub fn pairs(&self, id: NodeId) -> impl Iterator<Item = (&'d str, NodeId)> + use<'d> {
        let document = self.0;
        let pairs = match &document.node(id).content {
            Content::Mapping(pairs) => pairs.as_slice(),
            _ => &[],
        };
        pairs.iter().filter_map(|(key, value)| Some((Yaml(document).text(*key)?, *value)))
    }

    pub fn text(&self, id: NodeId) -> Option<&'d str> {
        match &self.0.node(id).content {
            Content::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// One, or those of a list.
    pub fn texts(&self, id: NodeId) -> Vec<String> {
        match &self.0.node(id).content {
            Content::Sequence(items) => items.iter().filter_map(|item| self.text(*item)).map(str::to_owned).collect(),
            _ => self.text(id).map(str::to_owned).into_iter().collect(),
        }
    }
}
