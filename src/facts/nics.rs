//! Which device of now is which device of before: a NIC is known by its hardware, never by its name.

use std::collections::BTreeMap;

use super::Facts;
use super::before::Before;
use crate::model::answer::Link;

/// Where a device of the baseline is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts<'n> {
    /// Under its name, or it is no hardware and there is a device of its name.
    Same,
    Renamed(&'n str),
    Gone,
    /// Nobody can tell: what was read now or then is not enough.
    Unknown,
}

#[derive(Debug, Default)]
pub struct Nics<'n> {
    /// Name of before → where it is.
    places: BTreeMap<&'n str, Whereabouts<'n>>,
}

impl<'n> Nics<'n> {
    pub fn new(now: &Facts<'n>, before: &Before<'n>) -> Self {
        let (Some(now), Some(then)) = (now.links().known(), before.facts.links().known()) else {
            return Self::default();
        };
        let by_address: BTreeMap<&str, &str> =
            now.iter().filter_map(|(name, link)| Some((address(link)?, name.as_str()))).collect();
        let place = |name: &'n str, link: &'n Link| match address(link) {
            Some(address) => match by_address.get(address) {
                Some(found) if *found == name => Whereabouts::Same,
                Some(found) => Whereabouts::Renamed(found),
                None => Whereabouts::Gone,
            },
            None if now.contains_key(name) => Whereabouts::Same,
            None => Whereabouts::Gone,
        };
        Self { places: then.iter().map(|(name, link)| (name.as_str(), place(name, link))).collect() }
    }

    /// Where the device is now that was called `name`.
    pub fn place(&self, name: &str) -> Whereabouts<'n> {
        self.places.get(name).copied().unwrap_or(Whereabouts::Unknown)
    }
}

/// What the hardware calls itself.
fn address(link: &Link) -> Option<&str> {
    let own = link.bond_member.as_ref().and_then(|member| member.permanent_mac.as_deref());
    own.or(link.permanent_mac.as_deref())
}
