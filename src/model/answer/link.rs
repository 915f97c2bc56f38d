//! Network devices and their addresses, by netlink.

use crate::model::stored::row;

/// A network device, by netlink.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    pub index: i32,
    pub mac: Option<String>,
    pub permanent_mac: Option<String>,
    pub alternative_names: Vec<String>,
    pub mtu: u32,
    /// `IFF_UP`: an administrator wants it up.
    pub admin_up: bool,
    pub carrier: bool,
    /// IFLA_OPERSTATE in words: `up`, `down`, `unknown`, …
    pub state: String,
    /// IFLA_INFO_KIND: `bond`, `vlan`, `tun`, `openvswitch`, …; none for a physical device.
    pub kind: Option<String>,
    /// IFLA_INFO_SLAVE_KIND: `openvswitch`, `bond`, `bridge`.
    pub member_kind: Option<String>,
    /// The device that this one is enslaved to.
    pub master: Option<String>,
    /// The device below (VLAN) or the far end (veth), where it is in this namespace.
    pub lower: Option<String>,
    pub bond_member: Option<BondMember>,
    /// What a VLAN device tags with.
    pub vlan_id: Option<u16>,
    /// How a bond of the kernel shares its load.
    pub bond: Option<Bond>,
}

row!(
    Link,
    Optional {
        index,
        mac,
        permanent_mac,
        alternative_names,
        mtu,
        admin_up,
        carrier,
        state,
        kind,
        member_kind,
        master,
        lower,
        bond_member,
        vlan_id: Sparse,
        bond: Sparse,
    }
);

impl Link {
    /// The device that it lies on. The other end of a veth is none.
    pub fn below(&self) -> Option<&str> {
        self.lower.as_deref().filter(|_| self.kind.as_deref() != Some("veth"))
    }
}

/// The options of a kernel bond that it takes to make it again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bond {
    /// `active-backup`, `802.3ad`, …
    pub mode: String,
    pub miimon: u32,
    /// `layer2`, `layer3+4`, …; none where the mode does not hash.
    pub transmit_hash: Option<String>,
    pub lacp_fast: bool,
}

row!(Bond, Optional { mode, miimon, transmit_hash, lacp_fast });

#[derive(Clone, Debug, Default, PartialEq)]
pub struct BondMember {
    pub active: bool,
    pub link_up: bool,
    /// The member's own address; `permanent_mac` of some drivers is the bond's while it is a member.
    pub permanent_mac: Option<String>,
}

row!(BondMember, Optional { active, link_up, permanent_mac });

#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    pub link: String,
    /// `192.0.2.7/24`
    pub address: String,
    /// `global`, `link`, `host`, …
    pub scope: String,
    /// Neither leased nor temporary.
    pub permanent: bool,
}

row!(Address, Required { link, address, scope, permanent });
