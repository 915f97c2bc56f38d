//! NICs that have each other's names get their own back, all at once.

use super::Devices;
use crate::facts::nics::{Whereabouts, permanent_address};
use crate::judge::kept::ovs_ports::by_hand;

impl Devices<'_> {
    /// What gives it the name back that it had; nothing where it has it.
    pub fn name_back(&self, name: &str) -> Vec<Vec<String>> {
        match self.nics.place(name) {
            Whereabouts::Renamed(new) => self.names_back(name, new),
            _ => Vec::new(),
        }
    }

    /// One command for the whole chain: whoever typed only a part of it would find the next name taken. It is the same
    /// for every NIC of the chain, and does nothing when it is typed again.
    pub fn names_back(&self, interface: &str, called: &str) -> Vec<Vec<String>> {
        let moves = self.moves(interface, called);
        let first = moves.first().and_then(|first| self.links.get(first.called));
        by_hand::names_back(&moves, first.and_then(|link| permanent_address(link).or(link.mac.as_deref())))
    }

    /// Who gets which name. Each has the name that the one before it wants; of a circle the last wants that of the first.
    pub fn moves<'m>(&'m self, interface: &'m str, called: &'m str) -> Vec<by_hand::Move<'m>> {
        let nics = &self.nics;
        let of_before = |name: &str| self.then.get_key_value(name).map(|(name, _)| name.as_str());
        let Some(mut wanted) = of_before(interface) else { return Vec::new() };
        let mut called = called;
        // To the end that gives a name free; of a circle, to its first name.
        let mut first = (wanted, called);
        while let Some(next) = of_before(called).filter(|next| *next != interface) {
            let Some(now) = nics.now(next).filter(|now| *now != next) else { break };
            (wanted, called) = (next, now);
            first = first.min((wanted, called));
        }
        let is_circle = called == interface;
        if is_circle {
            (wanted, called) = first;
        }
        let (freed, mut moves) = (called, Vec::new());
        loop {
            let link = self.links.get(called);
            let is_alternative = link.is_some_and(|link| link.alternative_names.iter().any(|it| it == wanted));
            moves.push(by_hand::Move { called, wanted, is_alternative });
            if wanted == freed || !self.links.contains_key(wanted) {
                break;
            }
            // A card that was not there before gets the name that nobody has any more.
            (called, wanted) = (wanted, nics.before(wanted).unwrap_or(freed));
        }
        moves
    }
}
