//! The kernel's devices: names of NICs, bonds, bridges, VLANs, MTUs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Command, Output, PRESENT_NAME, Step};
use crate::facts::Facts;
use crate::facts::nics::permanent_address;
use crate::judge::kept::devices::lasting;
use crate::model::Query;
use crate::model::answer::{Bond, Link, Nic};
use crate::model::gather::{Arrange as _, Gather as _};

/// What the kernel gives every new device.
const USUAL_MTU: u32 = 1500;

type Links = BTreeMap<String, Link>;

/// The devices that somebody configured, and what they are built on.
pub struct Devices<'a> {
    links: Option<&'a Links>,
    /// By name, and whether anything is on it.
    lasting: BTreeMap<&'a str, bool>,
}

impl<'a> Devices<'a> {
    pub fn new(facts: &Facts<'a>) -> Self {
        let links = facts.links().known();
        Self { links, lasting: links.map(|links| lasting::of(links, facts).0).unwrap_or_default() }
    }

    /// People configure the loopback device, too.
    pub fn is_configured(&self, name: &str) -> bool {
        name == "lo" || self.lasting.contains_key(name)
    }

    fn each(&self) -> impl Iterator<Item = (&'a str, &'a Link)> {
        let links = self.links.into_iter().flatten().map(|(name, link)| (name.as_str(), link));
        links.filter(|(name, _)| self.lasting.contains_key(name))
    }

    /// Those that are in use and no software.
    fn nics(&self) -> impl Iterator<Item = (&'a str, &'a Link)> {
        self.each().filter(|(name, link)| is_nic(link) && self.lasting.get(name).copied().unwrap_or_default())
    }

    /// A NIC is found by its address; everything else finds the NIC by its name.
    pub fn names(&self, facts: &Facts<'_>) -> Vec<Step> {
        self.nics().filter_map(|(name, link)| named_again(name, link, facts)).collect()
    }

    /// Bonds, bridges and VLANs of the kernel, each after what it is built on.
    pub fn built(&self) -> Vec<Step> {
        let mut built: BTreeSet<&str> = BTreeSet::new();
        let mut open: Vec<(&str, &Link)> = self.each().filter(|(_, link)| is_built(link)).collect();
        let mut steps = Vec::new();
        while !open.is_empty() {
            let names: BTreeSet<&str> = open.iter().map(|(name, _)| *name).gather();
            let waits = |name: &str| self.below(name).iter().any(|below| names.contains(below));
            let (later, ready): (Vec<_>, Vec<_>) = open.iter().copied().partition(|(name, _)| waits(name));
            // A circle that the kernel cannot have: whatever was read, we end.
            let now = if ready.is_empty() { later.clone() } else { ready };
            for (name, link) in now {
                built.insert(name);
                steps.extend(self.made(name, link));
            }
            open = later.into_iter().filter(|(name, _)| !built.contains(name)).collect();
        }
        steps
    }

    fn below(&self, name: &str) -> Vec<&'a str> {
        let lower = self.links.and_then(|links| links.get(name)).and_then(|link| link.lower.as_deref());
        self.members(name).into_iter().chain(lower).collect()
    }

    fn members(&self, name: &str) -> Vec<&'a str> {
        self.each().filter(|(_, link)| link.master.as_deref() == Some(name)).map(|(member, _)| member).collect()
    }

    fn made(&self, name: &str, link: &Link) -> Option<Step> {
        let add = match link.kind.as_deref()? {
            "vlan" => vlan(name, link)?,
            "bond" => bond(name, self.own_address(name, link), &link.bond.clone().unwrap_or_default()),
            "bridge" => Command::new(&["ip", "link", "add", name, "type", "bridge"]),
            _ => return None,
        };
        let mut commands = vec![add];
        for member in self.members(name) {
            // A bond takes only what is down.
            commands.push(Command::new(&["ip", "link", "set", member, "down"]));
            commands.push(Command::new(&["ip", "link", "set", member, "master", name, "up"]));
        }
        Some(Step::new(format!("{name}; leave this out where `ip link` shows it with its members"), commands))
    }

    /// The address of a bond that has it from none of its members.
    fn own_address<'l>(&self, name: &str, link: &'l Link) -> Option<&'l str> {
        let mut of_members = self.each().filter(|(_, other)| other.master.as_deref() == Some(name));
        let mac = link.mac.as_deref()?;
        (!of_members.any(|(_, member)| permanent_address(member) == Some(mac))).then_some(mac)
    }

    /// The MTUs that are not the usual, from below: what is above can have no larger one. And everything up.
    pub fn up(&self) -> Vec<Step> {
        let of_the_switch = |link: &Link| matches!(link.kind.as_deref(), Some("openvswitch" | "tun"));
        let mut commands = Vec::new();
        let mut wanted: Vec<_> = self.each().filter(|(_, link)| link.admin_up).collect();
        wanted.arrange_by_key(|(name, link)| (self.height(name, 0), of_the_switch(link)));
        for (name, link) in wanted {
            let is_nic = is_nic(link);
            if is_nic && !self.lasting.get(name).copied().unwrap_or_default() {
                continue;
            }
            // The switch gives its own devices the smallest MTU of the bridge.
            if link.mtu != USUAL_MTU && link.mtu != 0 && !of_the_switch(link) {
                commands.push(Command::new(&["ip", "link", "set", name, "mtu", &link.mtu.to_string()]));
            }
            if !is_nic {
                commands.push(Command::new(&["ip", "link", "set", name, "up"]));
            }
        }
        Step::if_any("up, with their MTU", commands).into_iter().collect()
    }

    /// On how many others it stands. Nothing real is eight high.
    fn height(&self, name: &str, depth: u32) -> u32 {
        if depth == 8 {
            return 0;
        }
        self.below(name).into_iter().map(|below| 1 + self.height(below, depth + 1)).max().unwrap_or(0)
    }

    /// NICs that are in a bond or a bridge, as the kernel or the switch has it.
    pub fn enslaved<'f>(&'f self, facts: &'f Facts<'_>) -> impl Iterator<Item = &'a str> + 'f {
        let wiring = facts.wiring().known();
        let is_port = move |name: &str| wiring.is_some_and(|wiring| wiring.place_of(name).is_some());
        self.nics().filter(move |(name, link)| link.master.is_some() || is_port(name)).map(|(name, _)| name)
    }
}

/// Hardware, or what takes its place in a namespace.
fn is_nic(link: &Link) -> bool {
    matches!(link.kind.as_deref(), None | Some("veth"))
}

fn is_built(link: &Link) -> bool {
    matches!(link.kind.as_deref(), Some("bond" | "bridge" | "vlan"))
}

fn named_again(name: &str, link: &Link, facts: &Facts<'_>) -> Option<Step> {
    let address = permanent_address(link).or(link.mac.as_deref())?;
    let nic = facts.reading::<Nic>(&Query::Nic(name.to_owned())).known();
    let place = nic.and_then(|nic| nic.pci.as_ref()).map(|pci| format!(" in {}", pci.address)).unwrap_or_default();
    // A bond shows its own address on each member; what the member has itself stands in the long form alone.
    let list = if link.member_kind.as_deref() == Some("bond") { "ip -o link" } else { "ip -br link" };
    let set = |words: &[&str]| Command::new(&[&["ip", "link", "set"], words].concat());
    let commands = vec![
        Command::of(list).into(Output::Filtered(address.to_owned())),
        set(&[PRESENT_NAME, "down"]),
        // udev gives a renamed NIC the name of its slot as another name, and then nothing else can be called so.
        Command::new(&["ip", "link", "property", "del", "dev", PRESENT_NAME, "altname", name]),
        set(&[PRESENT_NAME, "name", name]),
        set(&[name, "up"]),
    ];
    Some(Step::new(
        format!("{name} is the NIC {address}{place}; where it is called otherwise, {PRESENT_NAME}:"),
        commands,
    ))
}

fn vlan(name: &str, link: &Link) -> Option<Command> {
    let (lower, id) = (link.lower.as_deref()?, link.vlan_id?.to_string());
    Some(Command::new(&["ip", "link", "add", "link", lower, "name", name, "type", "vlan", "id", &id]))
}

fn bond(name: &str, address: Option<&str>, bond: &Bond) -> Command {
    let mut command = Command::new(&["ip", "link", "add", name]);
    command.argv.extend(address.into_iter().flat_map(|address| ["address", address]).map(str::to_owned));
    command.argv.extend(["type", "bond"].map(str::to_owned));
    let mut option = |key: &str, value: String| command.argv.extend([key.to_owned(), value]);
    if !bond.mode.is_empty() {
        option("mode", bond.mode.clone());
    }
    if bond.miimon != 0 {
        option("miimon", bond.miimon.to_string());
    }
    if let Some(hash) = &bond.transmit_hash {
        option("xmit_hash_policy", hash.clone());
    }
    if bond.lacp_fast {
        option("lacp_rate", "fast".to_owned());
    }
    command
}
