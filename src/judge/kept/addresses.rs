//! Is each address that was configured where it was?
//!
//! Link-local, leased and temporary addresses are not compared: nobody configured them, and they differ from boot to
//! boot.

use super::devices::{Devices, both, conclude, holder_then};
use crate::catalog::Level;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::nics::Whereabouts;
use crate::judge::causes::Part;
use crate::judge::outcome::Outcome;
use crate::model::Query;
use crate::model::answer::Address;
use crate::model::gather::Gather as _;
use crate::model::sorted::{SortedMap, SortedSet};

pub fn judge(facts: &Facts<'_>, before: &Before<'_>) -> Vec<Outcome> {
    let devices = Devices::new(facts, before);
    let addresses = both::<Vec<Address>>(facts, before, &Query::Addresses);
    let (devices, (now, then)) = match (devices, addresses) {
        (Ok(devices), Ok(addresses)) => (devices, addresses),
        (Err(trouble), _) | (_, Err(trouble)) => return vec![Outcome::unknown("", &trouble)],
    };
    let comparison = Comparison { devices, now: Now::new(now), then: Then::new(then), facts, before };
    let outcomes = comparison.judge(then);
    outcomes.into_iter().map(|outcome| outcome.asking(Query::Addresses)).collect()
}

/// The addresses of now, by link and by themselves.
struct Now<'a> {
    on_links: SortedSet<(&'a str, &'a str)>,
    /// Without the length of the network, which may be what has changed.
    links: SortedMap<&'a str, Vec<&'a Address>>,
}

impl<'a> Now<'a> {
    fn new(addresses: &'a [Address]) -> Self {
        let mut now = Self { on_links: SortedSet::new(), links: SortedMap::new() };
        for address in addresses {
            now.on_links.insert((&address.link, &address.address));
            now.links.entry(bare(&address.address)).or_default().push(address);
        }
        now
    }
}

/// The links that have an address with a network behind it.
struct Then<'a> {
    with_network: SortedSet<(&'a str, bool)>,
}

impl<'a> Then<'a> {
    fn new(addresses: &'a [Address]) -> Self {
        let networks = addresses.iter().filter(|it| is_configured(it) && !is_alone(&it.address));
        Self { with_network: networks.map(|it| (it.link.as_str(), is_ipv6(&it.address))).gather() }
    }
}

pub fn bare(address: &str) -> &str {
    address.split('/').next().unwrap_or_default()
}

pub fn is_ipv6(address: &str) -> bool {
    address.contains(':')
}

/// Of one host and no network.
fn is_alone(address: &str) -> bool {
    address.ends_with(if is_ipv6(address) { "/128" } else { "/32" })
}

fn is_configured(address: &Address) -> bool {
    address.permanent && matches!(address.scope.as_str(), "global" | "site")
}

struct Comparison<'n, 'now, 'then> {
    devices: Devices<'n>,
    now: Now<'n>,
    then: Then<'n>,
    facts: &'n Facts<'now>,
    before: &'n Before<'then>,
}

impl Comparison<'_, '_, '_> {
    fn judge(&self, then: &[Address]) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = self.devices.open().into_iter().collect();
        let (mut well, mut leased) = (0_usize, 0_usize);
        let mut in_doubt: SortedMap<&str, usize> = SortedMap::new();
        for address in then.iter().filter(|address| self.devices.is_lasting(&address.link)) {
            if !is_configured(address) {
                leased += usize::from(address.scope != "link" && address.scope != "host");
                continue;
            }
            if self.devices.nics.place(&address.link) == Whereabouts::Unknown {
                *in_doubt.entry(&address.link).or_default() += 1;
                continue;
            }
            match self.judge_address(address) {
                Some(outcome) => outcomes.push(outcome.touching(Part::Device(address.link.clone()))),
                None => well += 1,
            }
        }
        outcomes.extend(in_doubt.into_keys().map(|link| {
            Outcome::unknown(link, &self.devices.nics.doubt(link)).touching(Part::Device(link.to_owned()))
        }));
        let leased = match leased {
            0 => String::new(),
            count => format!("; {count} leased or made by the kernel not compared"),
        };
        let told = ["address is where it was", "addresses are where they were"];
        conclude(&mut outcomes, well, told, "address that somebody configured", &leased);
        outcomes
    }

    /// Nothing where it is where it was.
    fn judge_address(&self, was: &Address) -> Option<Outcome> {
        let subject = format!("{} {}", was.link, was.address);
        let now_called = self.devices.nics.now(&was.link);
        if let Some(link) = now_called
            && self.now.on_links.contains(&(link, was.address.as_str()))
        {
            return self.newly_enslaved(&subject, was, link);
        }
        let elsewhere = self.now.links.get(bare(&was.address)).map(Vec::as_slice).unwrap_or_default();
        // The same network elsewhere says more than another network here.
        let found = elsewhere.iter().find(|it| it.address == was.address).or(elsewhere.first()).copied();
        let holder = found.and_then(|it| self.devices.holder(self.facts, &it.link));
        let home = now_called.unwrap_or(&was.link);
        let outcome = match (found, holder) {
            (Some(found), Some(holder)) => {
                let of =
                    format!("{} is on {}, which is in {holder}: it does not answer there", was.address, found.link);
                Outcome::fail(subject, Some("on-enslaved-nic"), self.told(of, was, &[home, &found.link]))
            }
            (Some(found), None) => {
                let of = self.elsewhere(was, found, home);
                Outcome::fail(subject, Some("missing"), self.told(of, was, &[home, &found.link]))
            }
            (None, _) => {
                let of = match now_called {
                    Some(link) => format!("{link} has no {}", was.address),
                    None => format!("{} went with it", was.address),
                };
                Outcome::fail(subject, Some("missing"), self.told(of, was, &[home]))
            }
        };
        let outcome = outcome
            .expecting("link", was.link.clone())
            .expecting("address", was.address.clone())
            .observing("link", found.map(|it| it.link.clone()))
            .observing("address", found.map(|it| it.address.clone()))
            .observing("enslaved_to", holder)
            .by_hand(self.by_hand(was, now_called, found));
        Some(if self.may_float(was) { outcome.at_most(Level::Info) } else { outcome })
    }

    /// A NIC that was renamed gets its name back first; a device that is gone is made again by what explains that.
    fn by_hand(&self, was: &Address, now_called: Option<&str>, found: Option<&Address>) -> Vec<Vec<String>> {
        match found {
            None if now_called.is_none_or(|link| link != was.link) => {
                [self.devices.name_back(&was.link), by_hand(was, Some(&was.link), None)].concat()
            }
            _ => by_hand(was, now_called, found),
        }
    }

    fn elsewhere(&self, was: &Address, found: &Address, home: &str) -> String {
        let (address, link) = (&was.address, &found.link);
        if found.address != *address {
            return format!("{address} is not on {home}, but {} on {link}", found.address);
        }
        // The name may be what a device has kept that is another one now.
        match self.devices.nics.before(link).filter(|before| *before != link) {
            Some(before) => format!("{address} is on {link}, which was called {before}"),
            None => format!("{address} is on {link}, and was on {}", was.link),
        }
    }

    /// The clauses of a detail: what became of its link comes first, since that is the cause.
    fn told(&self, of: String, was: &Address, names: &[&str]) -> String {
        let floats = self.may_float(was).then(|| {
            "a single address beside a network's may belong to a service that has moved to another host".to_owned()
        });
        let managed = self.devices.managed(self.facts, names.iter().copied());
        let clauses = self.devices.whereabouts(&was.link).into_iter().chain([of]).chain(floats).chain(managed);
        clauses.collect::<Vec<_>>().join("; ")
    }

    /// It is where it was, but its device has become a part of another since: the other takes all that comes in.
    fn newly_enslaved(&self, subject: &str, was: &Address, link: &str) -> Option<Outcome> {
        let holder = self.devices.holder(self.facts, link)?;
        if holder_then(self.before, self.devices.then, &was.link).is_some() {
            return None;
        }
        let of = format!("{} is on {link}, which is in {holder} now: it does not answer there", was.address);
        let outcome = Outcome::fail(subject, Some("on-enslaved-nic"), self.told(of, was, &[link, holder]))
            .expecting("link", was.link.clone())
            .expecting("address", was.address.clone())
            .observing("link", link)
            .observing("address", was.address.clone())
            .observing("enslaved_to", holder);
        Some(outcome)
    }

    /// keepalived and its like give an address of one host to a device that has one with a network beside, and take
    /// it to another host at will. On a healthy fleet that happens, and counts for nothing; who configured such an
    /// address for good sees the note.
    fn may_float(&self, was: &Address) -> bool {
        was.link != "lo"
            && is_alone(&was.address)
            && self.then.with_network.contains(&(was.link.as_str(), is_ipv6(&was.address)))
    }
}

fn by_hand(was: &Address, now_called: Option<&str>, found: Option<&Address>) -> Vec<Vec<String>> {
    let Some(link) = now_called else { return Vec::new() };
    let command = |verb: &str, address: &str, link: &str| {
        ["ip", "address", verb, address, "dev", link].into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let remove = found.map(|found| command("del", &found.address, &found.link));
    let mut commands: Vec<_> = [command("add", &was.address, link)].into_iter().chain(remove).collect();
    // Who is logged in by the other one still is when the first is there. Of IPv6 a device has no address twice.
    let is_in_the_way =
        |found: &Address| found.link == link && is_ipv6(&was.address) && bare(&found.address) == bare(&was.address);
    if found.is_some_and(is_in_the_way) {
        commands.reverse();
    }
    commands
}

#[cfg(test)]
mod tests;
