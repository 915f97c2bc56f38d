//! Where in the machine a NIC sits.

use super::{Links, is_nic};
use crate::facts::Facts;
use crate::model::answer::Nic;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading, Trouble, TroubleCause};

/// The PCI function, and what of it: one function may have several ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place<'n> {
    address: &'n str,
    virtual_function: Option<u32>,
    dev_port: u32,
    dev_id: u32,
}

impl<'n> Place<'n> {
    /// Absent for what is on no PCI bus.
    pub fn of(facts: &'n Facts<'_>, name: &str) -> Reading<Self> {
        facts.reading::<Nic>(&Query::Nic(name.to_owned())).and_then(|nic| match &nic.pci {
            Some(function) => Reading::Known(Self {
                address: &function.address,
                virtual_function: nic.virtual_function,
                dev_port: nic.dev_port,
                dev_id: nic.dev_id,
            }),
            None => Reading::Absent,
        })
    }
}

/// The kernel made up its address when the device appeared.
pub fn is_random(facts: &Facts<'_>, name: &str) -> bool {
    const RANDOM: u32 = 1;
    let nic = facts.reading::<Nic>(&Query::Nic(name.to_owned()));
    matches!(nic, Reading::Known(nic) if nic.address_kind == Some(RANDOM))
}

/// Which NIC is at a place.
#[derive(Debug, Default)]
pub struct Places<'n> {
    /// None where several NICs are at one place.
    names: SortedMap<Place<'n>, Option<&'n str>>,
    /// Why a NIC that is not found may be there all the same.
    unread: Option<Trouble>,
}

impl<'n> Places<'n> {
    pub fn of(facts: &'n Facts<'_>, links: &'n Links) -> Self {
        let mut places = Self::default();
        for (name, _) in links.iter().filter(|(_, link)| link.kind.is_none() && is_nic(link)) {
            match Place::of(facts, name) {
                Reading::Known(place) => {
                    places.names.entry(place).and_modify(|only| *only = None).or_insert(Some(name));
                }
                Reading::Absent => {}
                Reading::Unreadable(trouble) => places.unread = Some(trouble),
            }
        }
        places
    }

    /// Absent where nothing is there.
    pub fn at(&self, place: &Place<'n>) -> Reading<&'n str> {
        match (self.names.get(place), &self.unread) {
            (Some(Some(name)), _) => Reading::Known(name),
            (Some(None), _) => {
                let detail = format!("several NICs are at {}", place.address);
                Reading::unreadable(TroubleCause::Failed, detail)
            }
            (None, Some(trouble)) => Reading::Unreadable(trouble.clone()),
            (None, None) => Reading::Absent,
        }
    }
}
