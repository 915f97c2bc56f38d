//! Which NICs something on this host is bound to by their names.

use crate::facts::Facts;
use crate::facts::ovs::Ovs;
use crate::judge::ovs_uplink::{Links, Role, belongs_to_ovn, role};
use crate::model::answer::{Address, Link};
use crate::model::gather::Gather as _;
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Query, Reading};

/// Hardware that carries something: in a switch, a bridge or a bond, below a VLAN, or with an address of its own.
pub fn in_use<'a>(links: &'a Links, facts: &Facts<'a>) -> SortedMap<&'a str, &'a Link> {
    let switched = match facts.ovs() {
        Reading::Known(ovs) => Switched::of(ovs, links),
        _ => Switched::default(),
    };
    let below: SortedSet<&str> = links.values().filter_map(Link::below).gather();
    let addressed: SortedSet<&str> = match facts.reading::<Vec<Address>>(&Query::Addresses) {
        Reading::Known(addresses) => {
            addresses.iter().filter(|address| address.scope == "global").map(|address| address.link.as_str()).gather()
        }
        _ => SortedSet::new(),
    };
    let is_used = |name: &str, link: &Link| {
        let carries = link.master.is_some() || below.contains(name) || addressed.contains(name);
        switched.uplinks.contains(name) || (carries && !switched.others.contains(name))
    };
    let used = links.iter().filter(|(name, link)| is_hardware(name, link) && is_used(name, link));
    used.map(|(name, link)| (name.as_str(), link)).gather()
}

/// Made by no software: what software makes has a kind, but for the loopback device.
pub fn is_hardware(name: &str, link: &Link) -> bool {
    link.kind.is_none() && name != "lo"
}

/// What the switch has among its ports.
#[derive(Default)]
struct Switched<'o> {
    uplinks: SortedSet<&'o str>,
    /// Guests' ports, which may be hardware, too, and what is OVN's.
    others: SortedSet<&'o str>,
}

impl<'o> Switched<'o> {
    fn of(ovs: &'o Ovs<'_>, links: &Links) -> Self {
        let mut switched = Self::default();
        for bridge in &ovs.bridges {
            for port in ovs.ports(bridge) {
                let is_ours = !belongs_to_ovn(bridge, port, ovs);
                for interface in ovs.interfaces(port) {
                    // A DPDK port has no device in the kernel, even where one there has its name.
                    let is_uplink =
                        is_ours && interface.kind != "dpdk" && matches!(role(interface, links), Role::Uplink);
                    let names = if is_uplink { &mut switched.uplinks } else { &mut switched.others };
                    names.insert(interface.name.as_ref());
                }
            }
        }
        switched
    }
}
