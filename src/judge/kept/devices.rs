//! The devices of both moments, for the checks that compare the kernel's network.
//!
//! Only what somebody configured is compared: hardware, bonds, VLANs, bridges, the switch's own ports. What comes and
//! goes by itself is not: taps and the ends of containers, the networks of schedulers, tunnels, what OVN makes.

pub mod lasting;
mod names;

use std::cell::OnceCell;
use std::collections::HashMap;

use crate::catalog::kind::network::{INTERFACES, INTERFACES_DIRECTORY};
use crate::facts::before::Before;
use crate::facts::managers::Managers;
use crate::facts::nics::{Nics, Whereabouts, permanent_address};
use crate::facts::{Facts, Files};
use crate::judge::netplan;
use crate::judge::outcome::{NOT_PRESENT, Outcome};
use crate::judge::ovs_uplink::{Links, Role, role};
use crate::model::answer::{Content, FromAnswer, Link};
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading, Trouble, TroubleCause};

/// The row of those that are `well`, in words for one and for more; or that the baseline has `none`. `rest` says what
/// was not compared.
pub fn conclude(outcomes: &mut Vec<Outcome>, well: usize, [is, are]: [&str; 2], none: &str, rest: &str) {
    if well > 0 {
        let told = if well == 1 { is } else { are };
        outcomes.push(Outcome::pass("", format!("{well} {told}{rest}")));
    } else if outcomes.is_empty() {
        outcomes.push(Outcome::skip("", NOT_PRESENT, format!("the baseline has no {none}{rest}")));
    }
}

/// Of both moments, what each answered. What could not be read, now or then, is unknown.
pub fn both<'f, T: FromAnswer + 'static>(
    facts: &'f Facts<'_>,
    before: &'f Before<'_>,
    query: &Query,
) -> Result<(&'f T, &'f T), Trouble> {
    let read = |reading: Reading<&'f T>| match reading {
        Reading::Known(answer) => Ok(answer),
        Reading::Absent => Err(Trouble::new(TroubleCause::Failed, format!("the kernel gave no `{query}`"))),
        Reading::Unreadable(trouble) => Err(trouble),
    };
    let then = read(before.facts.reading(query)).map_err(in_the_baseline);
    let now = read(facts.reading(query));
    match (now, then) {
        (Ok(now), Ok(then)) => Ok((now, then)),
        (Err(trouble), _) | (_, Err(trouble)) => Err(trouble),
    }
}

pub fn in_the_baseline(trouble: Trouble) -> Trouble {
    Trouble::new(trouble.cause, format!("in the baseline: {}", trouble.detail))
}

pub struct Devices<'n> {
    pub nics: Nics<'n>,
    pub links: &'n Links,
    pub then: &'n Links,
    /// What is compared, by its name of then, and whether it carried anything.
    pub lasting: SortedMap<&'n str, bool>,
    /// Why something may be missing in `lasting`.
    pub unread: Option<Trouble>,
    switched: OnceCell<HashMap<String, String>>,
    /// The members of each bond that the switch makes.
    bonds: OnceCell<Vec<Vec<String>>>,
    managers: OnceCell<Managers>,
}

impl<'n> Devices<'n> {
    pub fn new(facts: &'n Facts<'_>, before: &'n Before<'_>) -> Result<Self, Trouble> {
        let (links, then) = both(facts, before, &Query::Links)?;
        let (lasting, unread) = lasting::of(then, &before.facts);
        Ok(Self {
            nics: Nics::new(facts, before),
            links,
            then,
            lasting,
            unread: unread.map(in_the_baseline),
            switched: OnceCell::new(),
            bonds: OnceCell::new(),
            managers: OnceCell::new(),
        })
    }

    /// The loopback device stays, and people configure it.
    pub fn is_lasting(&self, name: &str) -> bool {
        name == "lo" || self.lasting.contains_key(name)
    }

    /// A row of its own for what could not be told to be configured: what the switch has.
    pub fn open(&self) -> Option<Outcome> {
        self.unread.as_ref().map(|trouble| Outcome::unknown("", trouble))
    }

    /// The device that was called `name`.
    pub fn now(&self, name: &str) -> Option<&'n Link> {
        self.links.get(self.nics.now(name)?)
    }

    /// What a person wants to know first of a device that is not what it was.
    pub fn whereabouts(&self, name: &str) -> Option<String> {
        match self.nics.place(name) {
            Whereabouts::Renamed(new) => Some(format!("{name} is now called {new}")),
            Whereabouts::Gone => Some(format!("{name} is gone")),
            Whereabouts::Same | Whereabouts::Unknown => None,
        }
    }

    /// The bridge, bond or team that the device called `name` now is in.
    pub fn holder(&self, facts: &Facts<'_>, name: &str) -> Option<&str> {
        let switched = self.switched.get_or_init(|| switched(facts, self.links));
        holder(self.links, switched, name)
    }

    /// The other members of the bond of the switch that the device called `name` now is in. Thousands of links that
    /// are down may ask.
    pub fn siblings<'a>(&'a self, facts: &Facts<'_>, name: &'a str) -> impl Iterator<Item = &'a str> {
        let bonds = self.bonds.get_or_init(|| bonds(facts));
        let own = bonds.iter().find(|members| members.iter().any(|it| it == name)).into_iter().flatten();
        own.map(String::as_str).filter(move |other| *other != name)
    }

    /// Who would undo a repair by hand of one of these devices.
    pub fn managed<'a>(&self, facts: &Facts<'_>, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let managers = self.managers.get_or_init(|| managers(facts));
        names.into_iter().find_map(|name| {
            let address = self.links.get(name).and_then(permanent_address);
            let manager = managers.of(name, address)?;
            let (who, file) = (manager.name, manager.file);
            Some(format!("{who} manages {name} ({file}): change it there, a repair by hand is undone"))
        })
    }
}

/// The one that a device of the baseline was in.
pub fn holder_then(before: &Before<'_>, then: &Links, name: &str) -> Option<String> {
    holder(then, &switched(&before.facts, then), name).map(str::to_owned)
}

fn holder<'a>(links: &'a Links, switched: &'a HashMap<String, String>, name: &str) -> Option<&'a str> {
    let link = links.get(name)?;
    match link.member_kind.as_deref() {
        Some("bridge" | "bond" | "team") => link.master.as_deref(),
        Some("openvswitch") => switched.get(name).map(String::as_str).or(link.master.as_deref()),
        _ => switched.get(name).map(String::as_str),
    }
}

fn bonds(facts: &Facts<'_>) -> Vec<Vec<String>> {
    let Reading::Known(ovs) = facts.ovs() else { return Vec::new() };
    let ports = ovs.bridges.iter().flat_map(|bridge| ovs.ports(bridge)).map(|port| ovs.interfaces(port));
    let bonds = ports.filter(|interfaces| interfaces.len() > 1);
    bonds.map(|members| members.into_iter().map(|it| it.name.clone().into_owned()).collect()).collect()
}

/// Device → the bridge of the switch that it is a member of.
fn switched(facts: &Facts<'_>, links: &Links) -> HashMap<String, String> {
    let Reading::Known(ovs) = facts.ovs() else { return HashMap::new() };
    let mut switched = HashMap::new();
    for bridge in &ovs.bridges {
        let interfaces = ovs.ports(bridge).into_iter().flat_map(|port| ovs.interfaces(port));
        for interface in interfaces.filter(|it| it.kind != "dpdk" && matches!(role(it, links), Role::Uplink)) {
            switched.insert(interface.name.clone().into_owned(), bridge.name.clone().into_owned());
        }
    }
    switched
}

/// As far as the files can be read: who manages what is a word of advice.
fn managers(facts: &Facts<'_>) -> Managers {
    let netplan = netplan::files_of_next_boot(facts).unwrap_or_default();
    let is_installed = match facts.packages() {
        Reading::Known(packages) => ["ifupdown", "ifupdown2", "ifupdown-ng"]
            .into_iter()
            .any(|name| packages.find(name).is_some_and(|package| package.is_there())),
        _ => true,
    };
    let main = facts.reading::<Vec<u8>>(&Query::File(INTERFACES.to_owned())).known().map(|text| (INTERFACES, text));
    let directory = INTERFACES_DIRECTORY.trim_end_matches('*');
    let more = facts.reading::<Files>(&Query::Files(INTERFACES_DIRECTORY.to_owned())).known().into_iter().flatten();
    let more: Vec<(String, &[u8])> = more
        .filter_map(|(name, content)| Some((format!("{directory}{name}"), content.as_ref().known()?)))
        .map(|(path, Content(text))| (path, text.as_slice()))
        .collect();
    let ifupdown = main.into_iter().map(|(path, text)| (path, text.as_slice()));
    let ifupdown = ifupdown.chain(more.iter().map(|(path, text)| (path.as_str(), *text)));
    Managers::read(netplan.iter().map(|(path, text)| (path.as_str(), *text)), ifupdown.filter(|_| is_installed))
}
