//! The kernel's devices: names of NICs, bonds, bridges, VLANs, MTUs.

use super::{Command, Output, PRESENT_NAME, Step, traffic};
use crate::facts::Facts;
use crate::facts::nics::permanent_address;
use crate::facts::wiring::Wiring;
use crate::judge::kept::devices::lasting;
use crate::model::Query;
use crate::model::answer::{Bond, Link, Nic};
use crate::model::gather::{Arrange as _, Gather as _};
use crate::model::sorted::{SortedMap, SortedSet};

/// What the kernel gives every new device.
const USUAL_MTU: u32 = 1500;

const MOST_NAMED: usize = 12;

type Links = SortedMap<String, Link>;

/// The devices that somebody configured, and what they are built on.
pub struct Devices<'a> {
    links: Option<&'a Links>,
    /// By name, and whether anything is on it.
    lasting: SortedMap<&'a str, bool>,
    members: SortedMap<&'a str, Vec<&'a str>>,
    stands: SortedMap<&'a str, Stand>,
    /// Members of the switch's ports.
    switched: SortedSet<&'a str>,
    /// What the default route goes through: the way to the host. Empty where that is not known.
    path: SortedSet<String>,
}

/// What a device is built on.
#[derive(Clone, Copy, Default)]
struct Stand {
    /// How many others are below.
    height: u32,
    /// It, or what is below it, is made by Open vSwitch.
    is_on_switch: bool,
    /// It, or what is below it, is of a kind that is not made here.
    is_beyond: bool,
}

impl<'a> Devices<'a> {
    pub fn new(facts: &'a Facts<'_>) -> Self {
        let links = facts.links().known();
        let lasting = links.map(|links| lasting::of(links, facts).0).unwrap_or_default();
        let switched = facts.wiring().known().map(|wiring| interfaces(wiring).gather()).unwrap_or_default();
        let (members, stands, path) = (SortedMap::new(), SortedMap::new(), SortedSet::new());
        let mut devices = Self { links, lasting, members, stands, switched, path };
        let mut members: SortedMap<&str, Vec<&str>> = SortedMap::new();
        for (name, link) in devices.each() {
            if let Some(master) = link.master.as_deref() {
                members.entry(master).or_default().push(name);
            }
        }
        devices.members = members;
        let mut stands = SortedMap::new();
        for (name, _) in devices.each() {
            devices.stand(name, 0, &mut stands);
        }
        devices.stands = stands;
        let path = devices.path(facts);
        // A way out that ends in no NIC is none that could be mended alone.
        if devices.nics().any(|(name, _)| path.contains(name)) {
            devices.path = path;
        }
        devices
    }

    fn stand(&self, name: &'a str, depth: u32, stands: &mut SortedMap<&'a str, Stand>) -> Stand {
        if let Some(stand) = stands.get(name) {
            return *stand;
        }
        let kind = self.links.and_then(|links| links.get(name)).and_then(|link| link.kind.as_deref());
        let mut stand = Stand {
            height: 0,
            is_on_switch: matches!(kind, Some("openvswitch" | "tun")),
            is_beyond: matches!(kind, Some("macvlan" | "team" | "vrf" | "wireguard")),
        };
        // Nothing real is eight high: whatever was read, we end.
        for below in self.below(name).into_iter().filter(|_| depth < 8) {
            let below = self.stand(below, depth + 1, stands);
            stand.height = stand.height.max(below.height + 1);
            stand.is_on_switch |= below.is_on_switch;
            stand.is_beyond |= below.is_beyond;
        }
        stands.insert(name, stand);
        stand
    }

    fn path(&self, facts: &Facts<'_>) -> SortedSet<String> {
        let mut path = SortedSet::new();
        let mut open: Vec<String> = traffic::ways_out(facts).filter_map(|hop| hop.link.clone()).collect();
        let wiring = facts.wiring().known();
        while let Some(name) = open.pop() {
            if path.contains(&name) {
                continue;
            }
            open.extend(self.below(&name).into_iter().map(str::to_owned));
            let bridges = wiring.into_iter().flat_map(|wiring| &wiring.bridges);
            for (bridge, it) in bridges.filter(|(bridge, it)| **bridge == name || it.ports.contains_key(&name)) {
                path.insert(bridge.clone());
                // The ports of hardware lead out of the host.
                let out = it.ports.iter().filter(|(_, port)| port.interfaces.keys().any(|it| self.is_nic(it)));
                for (port, row) in out {
                    path.insert(port.clone());
                    open.extend(row.interfaces.keys().cloned());
                }
            }
            path.insert(name);
        }
        path
    }

    fn is_nic(&self, name: &str) -> bool {
        self.links
            .and_then(|links| links.get(name))
            .is_some_and(|link| !matches!(link.kind.as_deref(), Some("openvswitch" | "tun")))
    }

    pub fn is_on_path(&self, name: &str) -> bool {
        !self.has_path() || self.path.contains(name)
    }

    /// Where the way out is not known, all of the network may be it.
    pub fn has_path(&self) -> bool {
        !self.path.is_empty()
    }

    fn is_beyond(&self, name: &str) -> bool {
        self.stands.get(name).is_some_and(|stand| stand.is_beyond)
    }

    /// What is not made here, nor what is on it.
    pub fn beyond(&self) -> Option<Step> {
        let named = |(name, link): (&str, &Link)| format!("{name} ({})", link.kind.as_deref().unwrap_or("NIC"));
        let names: Vec<String> =
            self.each().filter(|(name, _)| self.is_beyond(name)).take(MOST_NAMED).map(named).collect();
        let comment = format!("not rebuilt here, nor their addresses and routes: {}", names.join(", "));
        (!names.is_empty()).then(|| Step::new(comment, Vec::new()))
    }

    /// People configure the loopback device, too.
    pub fn is_configured(&self, name: &str) -> bool {
        name == "lo" || self.lasting.contains_key(name) && !self.is_beyond(name)
    }

    fn each(&self) -> impl Iterator<Item = (&'a str, &'a Link)> {
        let links = self.links.into_iter().flatten().map(|(name, link)| (name.as_str(), link));
        links.filter(|(name, _)| self.lasting.contains_key(name))
    }

    /// Those that are in use and no software.
    fn nics(&self) -> impl Iterator<Item = (&'a str, &'a Link)> {
        self.each().filter(|(name, link)| is_nic(link) && self.lasting.get(name).copied().unwrap_or_default())
    }

    /// A NIC is found by its address; everything else finds the NIC by its name. How one gets its name back is said
    /// for those on the way out alone.
    pub fn names(&self, facts: &Facts<'_>, is_first: bool) -> Vec<Step> {
        let nics = self.nics().filter(|(name, _)| self.is_on_path(name) == is_first);
        if is_first {
            return nics.filter_map(|(name, link)| named_again(name, link, facts)).collect();
        }
        let shown = nics.filter_map(|(name, link)| found(link, Some(name)));
        let comment = "NICs; where one is not called as `#` says, it is NEW, and named as above";
        Step::if_any(comment, shown.collect()).into_iter().collect()
    }

    /// Bonds, bridges and VLANs of the kernel, each after what it is built on; those that stand on a device of the
    /// switch come after the switch.
    pub fn built(&self, on_switch: bool, is_first: bool) -> Vec<Step> {
        let stand = |name: &str| self.stands.get(name).copied().unwrap_or_default();
        let is_wanted =
            |name: &str, link| is_built(link) && stand(name).is_on_switch == on_switch && !stand(name).is_beyond;
        let part = self.each().filter(|(name, _)| self.is_on_path(name) == is_first);
        let mut wanted: Vec<_> = part.filter(|(name, link)| is_wanted(name, link)).collect();
        wanted.arrange_by_key(|(name, _)| stand(name).height);
        wanted.into_iter().filter_map(|(name, link)| self.made(name, link)).collect()
    }

    fn below(&self, name: &str) -> Vec<&'a str> {
        let lower = self.links.and_then(|links| links.get(name)).and_then(|link| link.lower.as_deref());
        self.members(name).iter().copied().chain(lower).collect()
    }

    fn members(&self, name: &str) -> &[&'a str] {
        self.members.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    fn made(&self, name: &str, link: &Link) -> Option<Step> {
        let add = match link.kind.as_deref()? {
            "vlan" => vlan(name, link)?,
            "bond" => bond(name, self.own_address(name, link), &link.bond.clone().unwrap_or_default()),
            kind @ ("bridge" | "dummy") => Command::new(&["ip", "link", "add", name, "type", kind]),
            _ => return None,
        };
        let mut commands = vec![add];
        for member in self.members(name).iter().copied() {
            // A bond takes only what is down.
            commands.push(Command::new(&["ip", "link", "set", member, "down"]));
            commands.push(Command::new(&["ip", "link", "set", member, "master", name, "up"]));
        }
        // A primary, ARP targets, the filter of VLANs: whoever made it is to look there.
        let more = match link.kind.as_deref() {
            Some("bond" | "bridge") => " with its members; options beyond these are not recorded",
            _ => "",
        };
        Some(Step::new(format!("{name}; leave this out where `ip link` shows it{more}"), commands))
    }

    /// The address of a bond that has it from none of its members.
    fn own_address<'l>(&self, name: &str, link: &'l Link) -> Option<&'l str> {
        let mut of_members = self.members(name).iter().filter_map(|member| self.links?.get(*member));
        let mac = link.mac.as_deref()?;
        (!of_members.any(|member| permanent_address(member) == Some(mac))).then_some(mac)
    }

    /// The MTUs that are not the usual, from below: what is above can have no larger one. And everything up.
    pub fn up(&self, is_first: bool) -> Vec<Step> {
        let of_the_switch = |link: &Link| matches!(link.kind.as_deref(), Some("openvswitch" | "tun"));
        let mut commands = Vec::new();
        let part = self.each().filter(|(name, _)| self.is_on_path(name) == is_first);
        let mut wanted: Vec<_> = part.filter(|(name, link)| link.admin_up && !self.is_beyond(name)).collect();
        let height = |name: &str| self.stands.get(name).map_or(0, |stand| stand.height);
        wanted.arrange_by_key(|(name, link)| (height(name), of_the_switch(link)));
        for (name, link) in wanted {
            if is_nic(link) && !self.lasting.get(name).copied().unwrap_or_default() {
                continue;
            }
            let mut set = Command::new(&["ip", "link", "set", name]);
            // The switch gives its own devices the smallest MTU of the bridge.
            if link.mtu != USUAL_MTU && link.mtu != 0 && !of_the_switch(link) {
                set.argv.extend(["mtu".to_owned(), link.mtu.to_string()]);
            }
            set.argv.push("up".to_owned());
            commands.push(set);
        }
        Step::if_any("up, with their MTU", commands).into_iter().collect()
    }

    /// NICs that are in a bond or a bridge, as the kernel or the switch has it.
    pub fn enslaved(&self) -> impl Iterator<Item = &'a str> + '_ {
        let is_member = |name: &str, link: &Link| link.master.is_some() || self.switched.contains(name);
        self.nics().filter(move |(name, link)| is_member(name, link)).map(|(name, _)| name)
    }
}

fn interfaces<'w>(wiring: &'w Wiring<'_>) -> impl Iterator<Item = &'w str> {
    let ports = wiring.bridges.values().flat_map(|bridge| bridge.ports.values());
    ports.flat_map(|port| port.interfaces.keys().map(String::as_str))
}

/// Hardware, or what takes its place in a namespace.
fn is_nic(link: &Link) -> bool {
    matches!(link.kind.as_deref(), None | Some("veth"))
}

fn is_built(link: &Link) -> bool {
    matches!(link.kind.as_deref(), Some("bond" | "bridge" | "dummy" | "vlan"))
}

/// The line of `ip link` that shows by what name a NIC goes.
fn found(link: &Link, name: Option<&str>) -> Option<Command> {
    let address = permanent_address(link).or(link.mac.as_deref())?;
    // A bond shows its own address on each member; what the member has itself stands in the long form alone.
    let list = if link.member_kind.as_deref() == Some("bond") { "ip -o link" } else { "ip -br link" };
    Some(Command::of(list).into(Output::Filtered(address.to_owned(), name.map(str::to_owned))))
}

fn named_again(name: &str, link: &Link, facts: &Facts<'_>) -> Option<Step> {
    let address = permanent_address(link).or(link.mac.as_deref())?;
    let nic = facts.reading::<Nic>(&Query::Nic(name.to_owned())).known();
    let place = nic.and_then(|nic| nic.pci.as_ref()).map(|pci| format!(" in {}", pci.address)).unwrap_or_default();
    let set = |words: &[&str]| Command::new(&[&["ip", "link", "set"], words].concat());
    let commands = vec![
        found(link, None)?,
        set(&[PRESENT_NAME, "down"]),
        // udev gives a renamed NIC the name of its slot as another name, and then nothing else can be called so.
        Command::new(&["ip", "link", "property", "del", "dev", PRESENT_NAME, "altname", name]),
        set(&[PRESENT_NAME, "name", name]),
        set(&[name, "up"]),
    ];
    Some(Step::new(format!("{name} is {address}{place}; where it is called {PRESENT_NAME}:"), commands))
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
