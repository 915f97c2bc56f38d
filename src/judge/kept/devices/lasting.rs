//! Which devices of the baseline were configured, and did not come by themselves.

use crate::facts::Facts;
use crate::facts::ovs::value;
use crate::judge::ovs_uplink::{GUEST_NAMES, Links, Role, belongs_to_ovn, role};
use crate::model::answer::{Address, Link, Nic};
use crate::model::gather::Gather as _;
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Query, Reading, Trouble};

/// How the networks of schedulers and container engines are named, which they make as they need them.
const SCHEDULERS: [&str; 17] = [
    "antrea",
    "brq",
    "cali",
    "cilium",
    "cni",
    "docker",
    "flannel",
    "fwbr",
    "incusbr",
    "kube",
    "lxcbr",
    "lxdbr",
    "nodelocal",
    "ovs-",
    "podman",
    "qbr",
    "virbr",
];

/// By name, and whether anything was on it. With a trouble where the switch could not say what is its own.
pub fn of<'n>(links: &'n Links, facts: &Facts<'_>) -> (SortedMap<&'n str, bool>, Option<Trouble>) {
    let (ports, unread) = Ports::of(facts, links);
    let addressed: SortedSet<&str> = match facts.reading::<Vec<Address>>(&Query::Addresses) {
        Reading::Known(addresses) => addresses.iter().filter(|it| is_public(it)).map(|it| it.link.as_str()).gather(),
        _ => SortedSet::new(),
    };
    // A guest's own takes the card below it with it when it goes.
    let is_configured = |name: &str, link: &Link| match link.kind.as_deref() {
        Some("vlan") => true,
        Some("macvlan" | "ipvlan") => addressed.contains(name) && !is_of_guest(name) && !is_of_scheduler(name),
        _ => false,
    };
    let uppers = links.iter().filter(|(name, link)| is_configured(name, link));
    let below: SortedSet<&str> = uppers.filter_map(|(_, link)| link.below()).gather();
    let carries = |name: &str, link: &Link| {
        let is_member = link.master.as_deref().is_some_and(|master| !is_of_scheduler(master));
        is_member || below.contains(name) || addressed.contains(name) || ports.uplinks.contains(name)
    };
    let lasting = links.iter().filter_map(|(name, link)| {
        let carries = carries(name, link);
        is_lasting(name, link, carries, &ports, facts).then_some((name.as_str(), carries))
    });
    (lasting.gather(), unread)
}

fn is_public(address: &Address) -> bool {
    matches!(address.scope.as_str(), "global" | "site")
}

fn is_lasting(name: &str, link: &Link, carries: bool, ports: &Ports, facts: &Facts<'_>) -> bool {
    if ports.others.contains(name) {
        return false;
    }
    match link.kind.as_deref() {
        // A guest takes a virtual function away from the host, and a controller of the board comes and goes on USB.
        None => name != "lo" && (carries || !is_fleeting(name, facts)),
        Some("bond" | "bridge" | "dummy" | "team" | "vlan" | "vrf" | "wireguard") => !is_of_scheduler(name),
        Some("macvlan" | "veth") => carries && !is_of_guest(name) && !is_of_scheduler(name),
        Some("openvswitch" | "tun") => ports.internal.contains(name),
        Some(_) => false,
    }
}

fn is_of_guest(name: &str) -> bool {
    GUEST_NAMES.iter().any(|prefix| name.starts_with(prefix))
}

fn is_of_scheduler(name: &str) -> bool {
    // Of Docker: `br-` and twelve digits of the network's number.
    let is_numbered =
        name.strip_prefix("br-").is_some_and(|it| it.len() == 12 && it.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_numbered || SCHEDULERS.iter().any(|prefix| name.starts_with(prefix))
}

fn is_fleeting(name: &str, facts: &Facts<'_>) -> bool {
    let nic = facts.reading::<Nic>(&Query::Nic(name.to_owned()));
    matches!(nic, Reading::Known(nic) if nic.virtual_function.is_some() || nic.bus.as_deref() == Some("usb"))
}

/// The devices that the switch has among its ports.
#[derive(Default)]
struct Ports {
    /// Made by the switch, and configured by people.
    internal: SortedSet<String>,
    uplinks: SortedSet<String>,
    /// Of guests and of OVN.
    others: SortedSet<String>,
}

impl Ports {
    fn of(facts: &Facts<'_>, links: &Links) -> (Self, Option<Trouble>) {
        let mut ports = Self::default();
        let ovs = match facts.ovs() {
            Reading::Known(ovs) => ovs,
            Reading::Absent => return (ports, None),
            Reading::Unreadable(trouble) => return (ports, Some(trouble)),
        };
        for bridge in &ovs.bridges {
            let is_integration = ovs.uses_ovn() && bridge.name == ovs.integration_bridge();
            for port in ovs.ports(bridge) {
                let is_theirs = is_integration || belongs_to_ovn(bridge, port, ovs);
                for interface in ovs.interfaces(port) {
                    let is_guests = value(&interface.external_ids, "iface-id").is_some();
                    let names = match role(interface, links) {
                        _ if is_theirs || is_guests => &mut ports.others,
                        Role::Guest => &mut ports.others,
                        Role::Internal => &mut ports.internal,
                        Role::Uplink => &mut ports.uplinks,
                    };
                    names.insert(interface.name.clone().into_owned());
                }
            }
        }
        (ports, None)
    }
}
