//! Which device of now is which device of before: a NIC is known by its hardware, never by its name.
//!
//! Its permanent address comes first, the place of its hardware second. What software makes has no hardware, and is
//! known by its name.

mod places;

use std::cell::OnceCell;

use super::Facts;
use super::before::Before;
use crate::model::answer::Link;
use crate::model::sorted::SortedMap;
use crate::model::{Reading, Trouble, TroubleCause};
use places::{Place, Places};

type Links = SortedMap<String, Link>;

/// Where a device of the baseline is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts<'n> {
    /// Under its name, or it is no hardware and there is a device of its name.
    Same,
    Renamed(&'n str),
    Gone,
    /// Nobody can tell: what was read now or then is not enough. `Nics::doubt` says why.
    Unknown,
}

/// Every device of the baseline.
#[derive(Debug, Default)]
pub struct Nics<'n> {
    /// Name of before → where it is.
    found: SortedMap<&'n str, Whereabouts<'n>>,
    /// Name of now → name of before, of what is hardware.
    before: SortedMap<&'n str, &'n str>,
    /// Name of before → another card that is where it was.
    replaced: SortedMap<&'n str, &'n str>,
    doubts: SortedMap<&'n str, Trouble>,
    /// Why there is nothing at all to compare.
    unread: Option<Trouble>,
}

impl<'n> Nics<'n> {
    pub fn new(now: &'n Facts<'_>, before: &'n Before<'_>) -> Self {
        match (now.links(), before.facts.links()) {
            (Reading::Known(links), Reading::Known(then)) => Matching::new(now, before, links, then).run(),
            (Reading::Unreadable(trouble), _) => Self { unread: Some(trouble), ..Self::default() },
            (_, Reading::Unreadable(trouble)) => {
                let detail = format!("in the baseline: {}", trouble.detail);
                Self { unread: Some(Trouble::new(trouble.cause, detail)), ..Self::default() }
            }
            (Reading::Absent, _) | (_, Reading::Absent) => {
                let trouble = Trouble::new(TroubleCause::Failed, "the kernel listed no network devices");
                Self { unread: Some(trouble), ..Self::default() }
            }
        }
    }

    /// Where the device is now that was called `name`.
    pub fn place(&self, name: &str) -> Whereabouts<'n> {
        self.found.get(name).copied().unwrap_or(Whereabouts::Unknown)
    }

    /// What the device is called now that was called `name`; none where it is gone, or nobody can tell.
    pub fn now<'a>(&self, name: &'a str) -> Option<&'a str>
    where
        'n: 'a,
    {
        match self.place(name) {
            Whereabouts::Same => Some(name),
            Whereabouts::Renamed(new) => Some(new),
            Whereabouts::Gone | Whereabouts::Unknown => None,
        }
    }

    /// What the NIC was called in the baseline that is called `name` now.
    pub fn before(&self, name: &str) -> Option<&'n str> {
        self.before.get(name).copied()
    }

    /// The other card that is now where the card was that was called `name`, and is gone.
    pub fn replacement(&self, name: &str) -> Option<&'n str> {
        self.replaced.get(name).copied()
    }

    /// Why nobody can tell where the device is that was called `name`.
    pub fn doubt(&self, name: &str) -> Trouble {
        let own = self.doubts.get(name).or(self.unread.as_ref()).cloned();
        own.unwrap_or_else(|| Trouble::new(TroubleCause::Failed, format!("the baseline knows no device {name}")))
    }
}

/// What the hardware calls itself. Of some drivers `permanent_mac` of a bond's member is the bond's address.
pub fn permanent_address(link: &Link) -> Option<&str> {
    let own = link.bond_member.as_ref().and_then(|member| member.permanent_mac.as_deref());
    own.or(link.permanent_mac.as_deref())
}

/// The permanent address; the present one where the driver knows no other.
pub fn address(link: &Link) -> Option<&str> {
    permanent_address(link).or(link.mac.as_deref())
}

/// A device that has an address by itself, and may be called anything: hardware, and what stands in for it. All others
/// borrow theirs, or get one by chance.
fn is_nic(link: &Link) -> bool {
    matches!(link.kind.as_deref(), None | Some("veth")) && address(link).is_some()
}

/// The names of the NICs that have an address.
fn by_address(links: &Links) -> SortedMap<&str, Vec<&str>> {
    let mut by_address: SortedMap<&str, Vec<&str>> = SortedMap::new();
    for (name, link) in links.iter().filter(|(_, link)| is_nic(link)) {
        by_address.entry(address(link).unwrap_or_default()).or_default().push(name);
    }
    by_address
}

/// Whether one NIC alone has this address.
pub fn is_sole(links: &Links, address: &str) -> bool {
    by_address(links).get(address).is_some_and(|names| names.len() == 1)
}

/// The devices of both moments, as long as they are told apart.
struct Matching<'n, 'now, 'then> {
    now: &'n Facts<'now>,
    before: &'n Before<'then>,
    links: &'n Links,
    then: &'n Links,
    by_address: SortedMap<&'n str, Vec<&'n str>>,
    /// Read only where an address does not tell.
    places: OnceCell<Places<'n>>,
    nics: Nics<'n>,
}

impl<'n, 'now, 'then> Matching<'n, 'now, 'then> {
    fn new(now: &'n Facts<'now>, before: &'n Before<'then>, links: &'n Links, then: &'n Links) -> Self {
        let by_address = by_address(links);
        Self { now, before, links, then, by_address, places: OnceCell::new(), nics: Nics::default() }
    }

    fn run(mut self) -> Nics<'n> {
        for (name, link) in self.then.iter().filter(|(_, link)| !is_nic(link)) {
            let found = self.by_name(name, link);
            self.nics.found.insert(name, found);
        }
        for (address, names) in by_address(self.then) {
            let candidates = self.by_address.get(address).cloned().unwrap_or_default();
            match (names.as_slice(), candidates.as_slice()) {
                ([name], [found]) => self.found(name, found),
                // Several devices of one address that have had their names all along: as far as can be seen without
                // their places, nobody renamed any of them.
                (names, found) => {
                    let keep_names = names == found;
                    names.iter().for_each(|name| self.by_place(name, found, keep_names));
                }
            }
        }
        self.nics
    }

    fn found(&mut self, name: &'n str, found: &'n str) {
        let whereabouts = if name == found { Whereabouts::Same } else { Whereabouts::Renamed(found) };
        self.nics.found.insert(name, whereabouts);
        self.nics.before.insert(found, name);
    }

    /// What software made, and what has no address at all.
    fn by_name(&self, name: &'n str, link: &Link) -> Whereabouts<'n> {
        let is_its_like = |other: &Link| is_nic(other) == is_nic(link);
        if self.links.get(name).is_some_and(is_its_like) {
            return Whereabouts::Same;
        }
        self.by_alternative_name(name, link)
    }

    /// For hardware without an address: udev leaves the names that it might have taken.
    fn by_alternative_name(&self, name: &'n str, link: &Link) -> Whereabouts<'n> {
        let is_called = |other: &Link| other.kind.is_none() && other.alternative_names.iter().any(|it| it == name);
        let found = match link.kind {
            None => self.links.iter().find(|(_, other)| is_called(other)),
            Some(_) => None,
        };
        found.map_or(Whereabouts::Gone, |(new, _)| Whereabouts::Renamed(new))
    }

    fn places(&self) -> &Places<'n> {
        self.places.get_or_init(|| Places::of(self.now, self.links))
    }

    /// For a NIC whose address no device has any more, or several have: the `candidates`.
    fn by_place(&mut self, name: &'n str, candidates: &[&'n str], keep_names: bool) {
        let Some(link) = self.then.get(name) else { return };
        let is_told_by_address = candidates.is_empty() && permanent_address(link).is_some();
        let found = match Place::of(&self.before.facts, name) {
            Reading::Known(place) => self.places().at(&place),
            Reading::Absent => Reading::Absent,
            Reading::Unreadable(trouble) if link.kind.is_none() => Reading::Unreadable(trouble),
            Reading::Unreadable(_) => Reading::Absent,
        };
        match found {
            // Another card, if the first had an address of its own.
            Reading::Known(found) if is_told_by_address => {
                self.nics.replaced.insert(name, found);
                self.nics.found.insert(name, Whereabouts::Gone);
            }
            Reading::Known(found) if candidates.is_empty() || candidates.contains(&found) => self.found(name, found),
            _ if is_told_by_address => drop(self.nics.found.insert(name, Whereabouts::Gone)),
            _ if keep_names => self.found(name, name),
            Reading::Unreadable(trouble) => self.doubt(name, trouble),
            Reading::Absent if candidates.is_empty() => {
                let found = self.without_hardware(name, link);
                self.nics.found.insert(name, found);
            }
            Reading::Known(_) | Reading::Absent => {
                let address = address(link).unwrap_or_default();
                let some: Vec<&str> = candidates.iter().copied().take(4).collect();
                let detail = format!(
                    "cannot tell which device was {name}: {address} is the address of several ({})",
                    some.join(", ")
                );
                self.doubt(name, Trouble::new(TroubleCause::Failed, detail));
            }
        }
    }

    fn doubt(&mut self, name: &'n str, trouble: Trouble) {
        self.nics.doubts.insert(name, trouble);
        self.nics.found.insert(name, Whereabouts::Unknown);
    }

    /// A NIC whose address is new with every boot, and that is in no place: its name is all that it has.
    fn without_hardware(&self, name: &'n str, link: &Link) -> Whereabouts<'n> {
        let is_given_by_chance = link.kind.is_none() && places::is_random(&self.before.facts, name);
        match self.links.get(name) {
            Some(other) if is_given_by_chance && other.kind.is_none() => Whereabouts::Same,
            _ => self.by_alternative_name(name, link),
        }
    }
}

#[cfg(test)]
pub mod tests;
