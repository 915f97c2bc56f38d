//! Is every uplink of every bridge attached for real?
//!
//! A port may stand in the database and not in the datapath: the database, the kernel and the carrier
//! must agree.

mod bonds;

use std::collections::{HashMap, HashSet};

use super::causes::Part;
use super::outcome::Outcome;
use super::ovs_daemons;
use crate::catalog::Level;
use crate::facts::Facts;
use crate::facts::ovs::{Bridge, Interface, Ovs, Port, value};
use crate::model::answer::Link;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading};

pub(super) type Links = SortedMap<String, Link>;

/// The kernel device that stands for every kernel datapath.
pub(super) const KERNEL_DATAPATH: &str = "ovs-system";

/// Ports that OVN makes and removes by itself.
pub(super) const OWNED_BY_OVN: [&str; 4] =
    ["ovn-chassis-id", "ovn-localnet-port", "ovn-l2gateway-port", "ovn-l3gateway-port"];

/// How hypervisors name the ports of guests; their devices come and go, and rows of them stay behind.
pub(super) const GUEST_NAMES: [&str; 12] =
    ["tap", "vnet", "vif", "veth", "qvo", "qvb", "qr-", "qg-", "macvtap", "lxc", "fwln", "fwpr"];

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    let asked = Query::Ovsdb(facts.settings.ovs.socket());
    let outcomes = match facts.ovs() {
        Reading::Known(ovs) => judge_switch(ovs, facts),
        Reading::Absent => vec![ovs_daemons::without_database(facts)],
        Reading::Unreadable(trouble) => vec![Outcome::unknown("", &trouble).because_of("ovs.daemons", "")],
    };
    outcomes.into_iter().map(|outcome| outcome.asking(asked.clone()).asking(Query::Links)).collect()
}

/// The kernel's devices, and under which names a missing one may be found. Made once: a switch can have thousands of
/// ports whose devices are gone.
struct Devices<'a> {
    links: &'a Links,
    by_alternative_name: HashMap<&'a str, &'a str>,
    /// Those that OVS knows by no name, by their address; none where several have the same.
    free: HashMap<&'a str, Option<&'a str>>,
}

impl<'a> Devices<'a> {
    fn new(links: &'a Links, ovs: &Ovs<'_>) -> Self {
        let taken: HashSet<&str> = ovs.all_interfaces().map(|interface| interface.name.as_ref()).collect();
        let mut devices = Self { links, by_alternative_name: HashMap::new(), free: HashMap::new() };
        for (name, link) in links {
            for alternative in &link.alternative_names {
                devices.by_alternative_name.entry(alternative).or_insert(name);
            }
            let is_device = link.kind.is_none() || link.kind.as_deref() == Some("veth");
            let mac = link.permanent_mac.as_deref().or(link.mac.as_deref());
            if let Some(mac) = mac.filter(|_| is_device && !taken.contains(name.as_str())) {
                devices.free.entry(mac).and_modify(|only| *only = None).or_insert(Some(name));
            }
        }
        devices
    }

    /// The name under which a missing NIC is there after all: known by its alternative names, or by the
    /// address that OVS last saw on it where exactly one free device has it.
    fn renamed_from(&self, interface: &Interface<'_>) -> Option<&'a str> {
        let by_name = self.by_alternative_name.get(interface.name.as_ref()).copied();
        by_name.or_else(|| self.free.get(interface.mac_in_use.as_deref()?).copied().flatten())
    }
}

fn judge_switch(ovs: &Ovs<'_>, facts: &Facts<'_>) -> Vec<Outcome> {
    let links = match facts.links() {
        Reading::Known(links) => links,
        Reading::Absent => return vec![Outcome::undetermined("", "failed", "the kernel lists no network devices")],
        Reading::Unreadable(trouble) => return vec![Outcome::unknown("", &trouble)],
    };
    let devices = Devices::new(links, ovs);
    let vswitchd_runs = !matches!(facts.vswitchd(), Reading::Absent);
    let mut outcomes = Vec::new();
    for bridge in &ovs.bridges {
        let (theirs, ours): (Vec<_>, Vec<_>) =
            ovs.ports(bridge).into_iter().partition(|port| belongs_to_ovn(bridge, port, ovs));
        outcomes.extend(counted(bridge, theirs.len()));
        for port in ours {
            outcomes.extend(judge_port(bridge, port, ovs, &devices, vswitchd_runs));
        }
    }
    if outcomes.is_empty() {
        outcomes.push(Outcome::pass("", "no bridge has an uplink"));
    }
    outcomes
}

/// Every port of OVN's integration bridge is OVN's, and what it made on others.
pub(super) fn belongs_to_ovn(bridge: &Bridge<'_>, port: &Port<'_>, ovs: &Ovs<'_>) -> bool {
    let is_integration = ovs.uses_ovn() && bridge.name == ovs.integration_bridge() && port.name != bridge.name;
    is_integration || OWNED_BY_OVN.iter().any(|key| value(&port.external_ids, key).is_some())
}

/// What others own is counted in one row a bridge.
fn counted(bridge: &Bridge<'_>, theirs: usize) -> Option<Outcome> {
    let ports = if theirs == 1 { "port belongs" } else { "ports belong" };
    let detail = format!("{theirs} {ports} to OVN on {}: not judged", bridge.name);
    (theirs > 0).then(|| Outcome::pass(&*bridge.name, detail).observing("owned_by_others", theirs))
}

fn judge_port(
    bridge: &Bridge<'_>,
    port: &Port<'_>,
    ovs: &Ovs<'_>,
    devices: &Devices<'_>,
    vswitchd_runs: bool,
) -> Vec<Outcome> {
    let interfaces = ovs.interfaces(port);
    let is_bond = interfaces.len() > 1;
    let mut outcomes = Vec::new();
    let mut dead = Vec::new();
    for interface in &interfaces {
        let subject = match is_bond {
            true => format!("{}/{}/{}", bridge.name, port.name, interface.name),
            false => format!("{}/{}", bridge.name, port.name),
        };
        match role(interface, devices.links) {
            Role::Internal => continue,
            Role::Guest => outcomes.extend(judge_guest_port(&subject, interface)),
            Role::Uplink if !vswitchd_runs => {
                let detail = format!("{} cannot be judged while ovs-vswitchd does not run", interface.name);
                let outcome = Outcome::undetermined(&subject, "vswitchd-not-running", detail);
                outcomes.push(outcome.because_of("ovs.daemons", "").touching(Part::Switch));
            }
            Role::Uplink => {
                let fault = fault(bridge, interface, devices);
                if fault.is_some() {
                    dead.push(outcomes.len());
                }
                outcomes.push(describe(&subject, interface, fault, devices.links));
                outcomes.extend(bonds::dead_members_below(&subject, &interface.name, devices.links));
            }
        }
    }
    if is_bond && dead.len() < interfaces.len() {
        tolerate(&mut outcomes, &dead);
    }
    outcomes
}

/// A bond with one live member carries everything: a dead one is worth a warning.
fn tolerate(outcomes: &mut [Outcome], dead: &[usize]) {
    for at in dead {
        if let Some(outcome) = outcomes.get_mut(*at) {
            outcome.at_most = Some(Level::Warn);
            outcome.detail.push_str("; the bond has a live member");
        }
    }
}

pub(super) enum Role {
    Uplink,
    Guest,
    Internal,
}

/// An uplink has a device of its own and is no guest's. Patch, internal and tunnel ports have none.
pub(super) fn role(interface: &Interface<'_>, links: &Links) -> Role {
    if !matches!(interface.kind.as_ref(), "" | "system" | "dpdk" | "afxdp") {
        return Role::Internal;
    }
    match value(&interface.external_ids, "iface-id").is_some() || looks_like_a_guests(&interface.name, links) {
        true => Role::Guest,
        false => Role::Uplink,
    }
}

/// By its device, or by its name where that is gone.
pub(super) fn looks_like_a_guests(name: &str, links: &Links) -> bool {
    match links.get(name) {
        Some(link) => link.kind.as_deref() == Some("tun"),
        None => GUEST_NAMES.iter().any(|prefix| name.starts_with(prefix)),
    }
}

/// Rows of guests that are gone stay behind on healthy hosts.
fn judge_guest_port(subject: &str, interface: &Interface<'_>) -> Option<Outcome> {
    let error = interface.error.as_deref()?;
    let detail = format!("{}, a guest's port, stayed behind: {error}", interface.name);
    Some(Outcome::fail(subject, Some("stale-guest-port"), detail).at_most(Level::Info).observing("error", error))
}

struct Fault {
    cause: &'static str,
    detail: String,
}

/// The first of the conditions that does not hold, the deepest cause first.
fn fault(bridge: &Bridge<'_>, interface: &Interface<'_>, devices: &Devices<'_>) -> Option<Fault> {
    let name = interface.name.as_ref();
    let of = format!("{name} of {}", bridge.name);
    let fault = |cause, detail| Some(Fault { cause, detail });
    let has_kernel_device = matches!(interface.kind.as_ref(), "" | "system" | "afxdp");
    let error = interface.error.as_deref();
    // A DPDK port has no device in the kernel, even where one there has its name.
    let link = devices.links.get(name).filter(|_| has_kernel_device);

    if has_kernel_device && link.is_none() {
        return match devices.renamed_from(interface) {
            Some(now) => fault("nic-renamed", format!("the NIC {of} is now called {now}")),
            None => fault("device-missing", format!("there is no device {of}")),
        };
    }
    if let Some(error) = error {
        let is_taken = error.contains("Device or resource busy") || error.contains("File exists");
        return fault(if is_taken { "busy" } else { "not-attached" }, format!("{of} is not attached: {error}"));
    }
    if interface.ofport.is_none_or(|ofport| ofport < 1) {
        return fault("not-attached", format!("{of} is in the database and not in the switch (no port number)"));
    }
    if has_kernel_device && bridge.uses_kernel {
        match link.and_then(|link| link.master.as_deref()) {
            Some(KERNEL_DATAPATH) => {}
            Some(other) => return fault("busy", format!("{of} belongs to {other} in the kernel")),
            None => return fault("not-attached", format!("{of} is in the database and not in the kernel's datapath")),
        }
    }
    match (link, interface.link_up) {
        (Some(link), _) if !link.admin_up => fault("link-down", format!("{of} is switched off")),
        (Some(link), _) if !link.carrier => fault("link-down", format!("{of} has no carrier")),
        (None, up) if up != Some(true) => fault("link-down", format!("{of} has no link")),
        _ => None,
    }
}

fn describe(subject: &str, interface: &Interface<'_>, fault: Option<Fault>, links: &Links) -> Outcome {
    let link = links.get(interface.name.as_ref()).filter(|_| interface.kind != "dpdk");
    let outcome = match fault {
        Some(fault) => Outcome::fail(subject, Some(fault.cause), fault.detail),
        None => Outcome::pass(subject, format!("{} is attached and has carrier", interface.name)),
    };
    outcome
        .touching(Part::Port(interface.name.to_string()))
        .expecting("ofport_at_least", 1)
        .expecting("carrier", true)
        .observing("ofport", interface.ofport)
        .observing("error", interface.error.as_deref())
        .observing("device", link.is_some())
        .observing("admin_up", link.map(|link| link.admin_up).or(interface.admin_up))
        .observing("carrier", link.map(|link| link.carrier).or(interface.link_up))
        .observing("master", link.and_then(|link| link.master.clone()))
        .observing("permanent_mac", link.and_then(|link| link.permanent_mac.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply with these interfaces, each a name and the address that OVS last saw on it.
    fn reply(interfaces: &[(&str, &str)]) -> String {
        let row = |(name, mac): &(&str, &str)| {
            serde_json::json!({
                "_uuid": ["uuid", name], "name": name, "type": "", "ofport": ["set", []], "error": ["set", []],
                "link_state": ["set", []], "admin_state": ["set", []], "mac_in_use": mac, "external_ids": ["map", []],
            })
        };
        let none = serde_json::json!({"rows": []});
        let rows: Vec<_> = interfaces.iter().map(row).collect();
        serde_json::json!([none, none, none, {"rows": rows}, none]).to_string()
    }

    #[test]
    fn a_renamed_nic_is_known_by_another_name_or_by_an_address_that_no_other_free_device_has() {
        let link = |mac: &str, alternative: &[&str]| Link {
            mac: Some(mac.to_owned()),
            alternative_names: alternative.iter().map(|name| (*name).to_owned()).collect(),
            ..Link::default()
        };
        let links: Links = [
            ("ens1", link("02:00:00:00:00:01", &["eno1", "enp1s0"])),
            ("ens2", link("02:00:00:00:00:02", &[])),
            ("ens3", link("02:00:00:00:00:03", &[])),
            ("ens4", link("02:00:00:00:00:03", &[])),
            ("ens5", link("02:00:00:00:00:05", &[])),
            ("br0", Link { kind: Some("bridge".to_owned()), ..link("02:00:00:00:00:02", &[]) }),
        ]
        .map(|(name, link)| (name.to_owned(), link))
        .into();
        let text = reply(&[
            ("eno1", "02:00:00:00:00:09"),
            ("eno2", "02:00:00:00:00:02"),
            ("eno3", "02:00:00:00:00:03"),
            ("eno5", "02:00:00:00:00:05"),
            ("ens5", "02:00:00:00:00:05"),
        ]);
        let ovs = Ovs::parse(text.as_bytes()).unwrap();
        let devices = Devices::new(&links, &ovs);
        let now = |name: &str| devices.renamed_from(ovs.all_interfaces().find(|other| other.name == name).unwrap());
        assert_eq!(now("eno1"), Some("ens1"));
        assert_eq!(now("eno2"), Some("ens2"));
        assert_eq!(now("eno3"), None, "two devices have the address");
        assert_eq!(now("eno5"), None, "the device with the address is in use");
    }
}
