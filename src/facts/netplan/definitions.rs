//! What netplan's files define together, and how the definitions refer to each other.

use super::schema::Kind;
use super::{Place, Problem};
use crate::model::sorted::{SortedMap, SortedSet};

/// One interface that some file defines.
#[derive(Clone, Debug)]
pub struct Definition {
    pub kind: Kind,
    /// The keys that were set, in whatever file.
    pub keys: SortedSet<String>,
    /// `id` of a VLAN.
    pub vlan_id: Option<String>,
    pub bond: Option<String>,
    pub bridge: Option<String>,
}

/// A name that a definition uses.
#[derive(Clone, Debug)]
pub struct Used {
    pub place: Place,
    pub owner: String,
    pub name: String,
    /// The name stands in the owner's list of `interfaces`.
    pub is_member: bool,
}

#[derive(Clone, Debug)]
pub struct Definitions {
    by_name: SortedMap<String, Definition>,
    /// NetworkManager renders something: then more may be undefined than with networkd.
    pub has_network_manager: bool,
    /// False once something could not be read: then what is missed may be there.
    pub is_whole: bool,
}

impl Default for Definitions {
    fn default() -> Self {
        Self { by_name: SortedMap::new(), has_network_manager: false, is_whole: true }
    }
}

impl Definitions {
    /// The definition of this name, new or as it stands so far.
    pub fn define(&mut self, name: &str, kind: Kind, place: Place) -> Result<&mut Definition, Problem> {
        let definition = self.by_name.entry(name.to_owned()).or_insert_with(|| Definition {
            kind,
            keys: SortedSet::new(),
            vlan_id: None,
            bond: None,
            bridge: None,
        });
        if definition.kind != kind {
            return Err(Problem::At(place, format!("`{name}` is defined twice, as devices of two kinds")));
        }
        Ok(definition)
    }

    /// What netplan looks at when it has read a whole file.
    pub fn check(&mut self, defined: &[(String, Place)], used: &[Used]) -> Result<(), Problem> {
        for it in used {
            self.check_reference(it)?;
        }
        // Names that are missed make netplan put off what follows, and so do we.
        if !self.is_whole {
            return Ok(());
        }
        defined.iter().try_for_each(|(name, place)| self.check_whole(name, *place))
    }

    fn check_reference(&mut self, used: &Used) -> Result<(), Problem> {
        let Used { place, owner, name, is_member } = used;
        let owner_kind = self.by_name.get(owner).map(|it| it.kind);
        let Some(named) = self.by_name.get_mut(name) else {
            if self.has_network_manager {
                return Ok(());
            }
            if !self.is_whole {
                return Err(Problem::Unclear(format!(
                    "whether `{name}` is defined cannot be told: another of netplan's files could not be read"
                )));
            }
            return Err(Problem::At(*place, format!("{owner}: the interface `{name}` is not defined")));
        };
        let refuse = |master: &str| {
            Err(Problem::At(*place, format!("{owner}: the interface `{name}` is already a member of {master}")))
        };
        match (owner_kind, is_member) {
            (Some(Kind::Bond), true) => match (&named.bridge, &named.bond) {
                (Some(master), _) => return refuse(master),
                (None, Some(master)) if master != owner => return refuse(master),
                _ => named.bond = Some(owner.clone()),
            },
            (Some(Kind::Bridge), true) => match (&named.bridge, &named.bond) {
                (Some(master), _) if master != owner => return refuse(master),
                (_, Some(master)) => return refuse(master),
                _ => named.bridge = Some(owner.clone()),
            },
            _ => {}
        }
        Ok(())
    }

    fn check_whole(&self, name: &str, place: Place) -> Result<(), Problem> {
        let Some(definition) = self.by_name.get(name) else { return Ok(()) };
        let has = |key: &str| definition.keys.contains(key);
        let refuse = |words: &str| Err(Problem::At(place, format!("{name}: {words}")));
        match definition.kind {
            _ if has("set-name") && !has("match") => refuse("`set-name` needs `match`"),
            Kind::Vlan if !has("link") => refuse("a VLAN without `link`"),
            Kind::Vlan if !has("id") => refuse("a VLAN without `id`"),
            Kind::Vlan if definition.vlan_id.as_deref().and_then(|id| id.parse().ok()) > Some(4094_u64) => {
                refuse("the `id` of a VLAN is at most 4094")
            }
            Kind::Vrf if !has("table") => refuse("a VRF without `table`"),
            _ => Ok(()),
        }
    }
}
