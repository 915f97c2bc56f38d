//! What netplan allows where: the keys of netplan 1.1, which are those of every version before it and some more.

/// The newest release whose keys are all listed here. A later one may know more.
pub const NEWEST: (u32, u32) = (1, 1);

pub type Fields = &'static [(&'static str, Shape)];

/// What a value must be. Where only netplan itself can tell, anything goes.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    Anything,
    Text,
    Bool,
    Unsigned,
    Renderer,
    /// As `Renderer`, and of a VLAN also `sriov`.
    OwnRenderer,
    Version,
    BondMode,
    Ip4,
    Ip6,
    Sequence,
    Texts,
    IpAddresses,
    /// With their length: `192.0.2.7/24`.
    Prefixes,
    Mapping,
    Fields(Fields),
    /// A sequence of mappings.
    List(Fields),
    /// The name of another definition, or several.
    Reference,
    References,
    /// A mapping whose keys are names of definitions.
    ReferringKeys,
    /// Pairs of names, which are defined by this.
    PatchPorts,
    Definitions(Kind),
}

/// The kinds of definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bond,
    Bridge,
    Dummy,
    Ethernet,
    Modem,
    NetworkManager,
    PatchPort,
    Tunnel,
    Veth,
    Vlan,
    Vrf,
    Wifi,
}

use Shape::{
    Anything, BondMode, Bool, Definitions, Ip4, Ip6, IpAddresses, List, Mapping, OwnRenderer, PatchPorts, Prefixes,
    Reference, References, ReferringKeys, Renderer, Sequence, Text, Texts, Unsigned, Version,
};

pub const ROOT: Fields = &[("network", Shape::Fields(NETWORK))];

const NETWORK: Fields = &[
    ("bonds", Definitions(Kind::Bond)),
    ("bridges", Definitions(Kind::Bridge)),
    ("dummy-devices", Definitions(Kind::Dummy)),
    ("ethernets", Definitions(Kind::Ethernet)),
    ("modems", Definitions(Kind::Modem)),
    ("nm-devices", Definitions(Kind::NetworkManager)),
    ("openvswitch", Shape::Fields(OPENVSWITCH)),
    ("renderer", Renderer),
    ("tunnels", Definitions(Kind::Tunnel)),
    ("version", Version),
    ("virtual-ethernets", Definitions(Kind::Veth)),
    ("vlans", Definitions(Kind::Vlan)),
    ("vrfs", Definitions(Kind::Vrf)),
    ("wifis", Definitions(Kind::Wifi)),
];

const OPENVSWITCH: Fields = &[
    ("external-ids", Mapping),
    ("other-config", Mapping),
    ("ports", PatchPorts),
    ("protocols", Sequence),
    ("ssl", Mapping),
];

impl Kind {
    /// The tables that together list what a definition of this kind may say.
    pub fn fields(self) -> [Fields; 3] {
        let (physical, own): (Fields, Fields) = match self {
            Self::Bond => (&[], BOND),
            Self::Bridge => (&[], BRIDGE),
            Self::Dummy | Self::PatchPort => (&[], &[]),
            Self::Ethernet | Self::NetworkManager => (PHYSICAL, ETHERNET),
            Self::Modem => (PHYSICAL, MODEM),
            Self::Tunnel => (&[], TUNNEL),
            Self::Veth => (&[], &[("peer", Reference)]),
            Self::Vlan => (&[], &[("id", Unsigned), ("link", Reference)]),
            Self::Vrf => (&[], &[("interfaces", References), ("table", Unsigned)]),
            Self::Wifi => (PHYSICAL, WIFI),
        };
        [own, physical, COMMON]
    }
}

const COMMON: Fields = &[
    ("accept-ra", Bool),
    ("activation-mode", Text),
    ("addresses", Prefixes),
    ("critical", Bool),
    ("dhcp-identifier", Text),
    ("dhcp4", Bool),
    ("dhcp4-overrides", Shape::Fields(DHCP)),
    ("dhcp6", Bool),
    ("dhcp6-overrides", Shape::Fields(DHCP)),
    ("gateway4", Ip4),
    ("gateway6", Ip6),
    ("hairpin", Bool),
    ("ignore-carrier", Bool),
    ("ipv6-address-generation", Text),
    ("ipv6-address-token", Text),
    ("ipv6-mtu", Unsigned),
    ("ipv6-privacy", Bool),
    ("link-local", Texts),
    ("macaddress", Text),
    ("mtu", Unsigned),
    ("nameservers", Shape::Fields(&[("addresses", IpAddresses), ("search", Texts)])),
    ("neigh-suppress", Bool),
    ("networkmanager", Mapping),
    ("openvswitch", Mapping),
    ("optional", Bool),
    ("optional-addresses", Texts),
    ("port-mac-learning", Bool),
    ("ra-overrides", Shape::Fields(&[("table", Unsigned), ("use-dns", Bool), ("use-domains", Text)])),
    ("renderer", OwnRenderer),
    ("routes", List(ROUTE)),
    ("routing-policy", List(RULE)),
];

const DHCP: Fields = &[
    ("hostname", Text),
    ("route-metric", Unsigned),
    ("send-hostname", Bool),
    ("use-dns", Bool),
    ("use-domains", Text),
    ("use-hostname", Bool),
    ("use-mtu", Bool),
    ("use-ntp", Bool),
    ("use-routes", Bool),
];

const ROUTE: Fields = &[
    ("advertised-mss", Unsigned),
    ("advertised-receive-window", Unsigned),
    ("congestion-window", Unsigned),
    ("from", Text),
    ("metric", Unsigned),
    ("mtu", Unsigned),
    ("on-link", Bool),
    ("scope", Text),
    ("table", Unsigned),
    ("to", Text),
    ("type", Text),
    ("via", Text),
];

const RULE: Fields = &[
    ("from", Text),
    ("mark", Unsigned),
    ("priority", Unsigned),
    ("table", Unsigned),
    ("to", Text),
    ("type-of-service", Unsigned),
];

const PHYSICAL: Fields = &[
    ("emit-lldp", Bool),
    ("generic-receive-offload", Bool),
    ("generic-segmentation-offload", Bool),
    ("large-receive-offload", Bool),
    ("match", Shape::Fields(&[("driver", Anything), ("macaddress", Text), ("name", Text)])),
    ("receive-checksum-offload", Bool),
    ("set-name", Text),
    ("tcp-segmentation-offload", Bool),
    ("tcp6-segmentation-offload", Bool),
    ("transmit-checksum-offload", Bool),
    ("wakeonlan", Bool),
    ("wakeonwlan", Sequence),
];

const ETHERNET: Fields = &[
    ("auth", Mapping),
    ("delay-virtual-functions-rebind", Bool),
    ("embedded-switch-mode", Text),
    ("infiniband-mode", Text),
    ("link", Reference),
    ("virtual-function-count", Unsigned),
];

const WIFI: Fields = &[("access-points", Mapping), ("auth", Mapping), ("regulatory-domain", Text)];

const MODEM: Fields = &[
    ("apn", Text),
    ("auto-config", Bool),
    ("device-id", Text),
    ("network-id", Text),
    ("number", Text),
    ("password", Text),
    ("pin", Text),
    ("sim-id", Text),
    ("sim-operator-id", Text),
    ("username", Text),
];

const BRIDGE: Fields = &[
    ("interfaces", References),
    (
        "parameters",
        Shape::Fields(&[
            ("ageing-time", Text),
            ("aging-time", Text),
            ("forward-delay", Text),
            ("hello-time", Text),
            ("max-age", Text),
            ("path-cost", ReferringKeys),
            ("port-priority", ReferringKeys),
            ("priority", Unsigned),
            ("stp", Bool),
        ]),
    ),
];

const BOND: Fields = &[
    ("interfaces", References),
    (
        "parameters",
        Shape::Fields(&[
            ("ad-select", Text),
            ("all-members-active", Bool),
            ("all-slaves-active", Bool),
            ("arp-all-targets", Text),
            ("arp-interval", Text),
            ("arp-ip-targets", Texts),
            ("arp-validate", Text),
            ("down-delay", Text),
            ("fail-over-mac-policy", Text),
            ("gratuitious-arp", Unsigned),
            ("gratuitous-arp", Unsigned),
            ("lacp-rate", Text),
            ("learn-packet-interval", Text),
            ("mii-monitor-interval", Text),
            ("min-links", Unsigned),
            ("mode", BondMode),
            ("packets-per-member", Unsigned),
            ("packets-per-slave", Unsigned),
            ("primary", Reference),
            ("primary-reselect-policy", Text),
            ("resend-igmp", Unsigned),
            ("transmit-hash-policy", Text),
            ("up-delay", Text),
        ]),
    ),
];

const TUNNEL: Fields = &[
    ("ageing", Unsigned),
    ("aging", Unsigned),
    ("arp-proxy", Bool),
    ("checksums", Sequence),
    ("do-not-fragment", Bool),
    ("extensions", Sequence),
    ("flow-label", Unsigned),
    ("id", Unsigned),
    ("key", Anything),
    ("keys", Anything),
    ("limit", Unsigned),
    ("link", Reference),
    ("local", Text),
    ("mac-learning", Bool),
    ("mark", Unsigned),
    ("mode", Text),
    ("notifications", Sequence),
    ("peers", Sequence),
    ("port", Unsigned),
    ("port-range", Sequence),
    ("remote", Text),
    ("short-circuit", Bool),
    ("ttl", Unsigned),
    ("type-of-service", Unsigned),
];
