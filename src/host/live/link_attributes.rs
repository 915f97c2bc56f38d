//! One link as the kernel describes it: a fixed header, then attributes.
//!
//! Attributes are taken by number from borrowed bytes, and those that we do not know are passed over. Decoders that
//! give every attribute a type have failed whole dumps after a kernel upgrade, which is when this program runs.

use crate::model::answer::{Bond, BondMember, Link};

const ADDRESS: u16 = 1;
const NAME: u16 = 3;
const MTU: u16 = 4;
const LOWER: u16 = 5;
const MASTER: u16 = 10;
const OPERATIONAL_STATE: u16 = 16;
const LINK_INFO: u16 = 18;
const LOWER_NAMESPACE: u16 = 37;
const PROPERTIES: u16 = 52;
const ALTERNATIVE_NAME: u16 = 53;
const PERMANENT_ADDRESS: u16 = 54;

const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const INFO_MEMBER_KIND: u16 = 4;
const INFO_MEMBER_DATA: u16 = 5;

const BOND_MEMBER_STATE: u16 = 1;
const BOND_MEMBER_MII_STATUS: u16 = 2;
const BOND_MEMBER_PERMANENT_ADDRESS: u16 = 4;

const VLAN_ID: u16 = 1;

const BOND_MODE: u16 = 1;
const BOND_MIIMON: u16 = 3;
const BOND_TRANSMIT_HASH: u16 = 14;
const BOND_LACP_RATE: u16 = 21;

/// As the kernel numbers them, and `ip link` calls them.
const BOND_MODES: [&str; 7] =
    ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"];
/// Those that spread by a hash.
const HASHING_MODES: [&str; 3] = ["balance-xor", "802.3ad", "balance-tlb"];
const BOND_HASHES: [&str; 6] = ["layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"];

const FLAG_UP: u32 = 1;
const FLAG_LOWER_UP: u32 = 1 << 16;

/// `struct ifinfomsg`: family, padding, type, index, flags, change mask.
const HEADER_BYTES: usize = 16;

/// The two high bits of an attribute's type say how its payload is laid out.
const TYPE_MASK: u16 = 0x3fff;

/// A link whose neighbours are still known by number only.
#[derive(Debug, Default)]
pub struct LinkRow {
    pub name: String,
    pub link: Link,
    pub master: Option<i32>,
    /// None where the device below is in another network namespace: its number means nothing in this one.
    pub lower: Option<i32>,
}

/// Decodes the payload of one RTM_NEWLINK message; `None` where it is too short to be one or has no name.
pub fn link_row(payload: &[u8]) -> Option<LinkRow> {
    let flags = u32::from_ne_bytes(payload.get(8..12)?.try_into().ok()?);
    let mut row = LinkRow::default();
    row.link.index = i32::from_ne_bytes(payload.get(4..8)?.try_into().ok()?);
    row.link.admin_up = flags & FLAG_UP != 0;
    // Not IFLA_CARRIER: drivers leave it as it was when the device was taken down.
    row.link.carrier = flags & FLAG_LOWER_UP != 0;
    row.link.state = state(0);
    let mut elsewhere = false;
    for (kind, value) in attributes(payload.get(HEADER_BYTES..)?) {
        match kind {
            NAME => row.name = text(value),
            LOWER => row.lower = number(value),
            MASTER => row.master = number(value),
            LOWER_NAMESPACE => elsewhere = true,
            _ => describe(&mut row.link, kind, value),
        }
    }
    if elsewhere {
        row.lower = None;
    }
    (!row.name.is_empty()).then_some(row)
}

fn describe(link: &mut Link, kind: u16, value: &[u8]) {
    match kind {
        ADDRESS => link.mac = mac(value),
        PERMANENT_ADDRESS => link.permanent_mac = mac(value),
        MTU => link.mtu = number(value).and_then(|mtu| u32::try_from(mtu).ok()).unwrap_or_default(),
        OPERATIONAL_STATE => link.state = state(value.first().copied().unwrap_or_default()),
        PROPERTIES => {
            let names = attributes(value).filter(|(kind, _)| *kind == ALTERNATIVE_NAME);
            link.alternative_names.extend(names.map(|(_, name)| text(name)));
        }
        LINK_INFO => describe_kind(link, value),
        _ => {}
    }
}

fn describe_kind(link: &mut Link, info: &[u8]) {
    let (mut data, mut member_data): (&[u8], &[u8]) = (&[], &[]);
    for (kind, value) in attributes(info) {
        match kind {
            INFO_KIND => link.kind = Some(text(value)),
            INFO_DATA => data = value,
            INFO_MEMBER_KIND => link.member_kind = Some(text(value)),
            INFO_MEMBER_DATA => member_data = value,
            _ => {}
        }
    }
    if link.member_kind.as_deref() == Some("bond") {
        link.bond_member = Some(bond_member(member_data));
    }
    match link.kind.as_deref() {
        Some("vlan") => {
            link.vlan_id = attributes(data).find(|(kind, _)| *kind == VLAN_ID).and_then(|(_, id)| short(id))
        }
        Some("bond") => link.bond = Some(bond(data)),
        _ => {}
    }
}

fn bond(data: &[u8]) -> Bond {
    let word = |words: &[&str], value: &[u8]| {
        value.first().and_then(|number| words.get(usize::from(*number))).map(|word| (*word).to_owned())
    };
    let mut bond = Bond::default();
    for (kind, value) in attributes(data) {
        match kind {
            BOND_MODE => bond.mode = word(&BOND_MODES, value).unwrap_or_default(),
            BOND_MIIMON => {
                bond.miimon = number(value).and_then(|number| u32::try_from(number).ok()).unwrap_or_default()
            }
            BOND_TRANSMIT_HASH => bond.transmit_hash = word(&BOND_HASHES, value),
            BOND_LACP_RATE => bond.lacp_fast = value.first() == Some(&1),
            _ => {}
        }
    }
    // The kernel tells a hash in every mode.
    bond.transmit_hash = bond.transmit_hash.filter(|_| HASHING_MODES.contains(&bond.mode.as_str()));
    bond
}

/// What is not said is not assumed to be well: a member without a state is neither active nor up.
fn bond_member(data: &[u8]) -> BondMember {
    let mut member = BondMember::default();
    for (kind, value) in attributes(data) {
        match kind {
            BOND_MEMBER_STATE => member.active = value.first() == Some(&0),
            BOND_MEMBER_MII_STATUS => member.link_up = value.first() == Some(&0),
            BOND_MEMBER_PERMANENT_ADDRESS => member.permanent_mac = mac(value),
            _ => {}
        }
    }
    member
}

/// The attributes of a netlink message or of a nest, in order. A length that makes no sense ends the walk.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (header, _) = bytes.split_first_chunk::<4>()?;
        let [length_low, length_high, type_low, type_high] = *header;
        let length = usize::from(u16::from_ne_bytes([length_low, length_high]));
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([type_low, type_high]) & TYPE_MASK, value))
    })
}

fn number(value: &[u8]) -> Option<i32> {
    Some(i32::from_ne_bytes(value.get(..4)?.try_into().ok()?))
}

fn short(value: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(value.get(..2)?.try_into().ok()?))
}

fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// A hardware address; all zeroes is how the kernel says that there is none, and tunnels put their IP address here.
fn mac(value: &[u8]) -> Option<String> {
    let hardware = !matches!(value.len(), 0 | 4 | 16) && value.iter().any(|byte| *byte != 0);
    hardware.then(|| {
        let mut text = String::with_capacity(3 * value.len());
        for byte in value {
            let digits = [byte >> 4, byte & 0xf].map(|digit| char::from_digit(digit.into(), 16));
            text.extend((!text.is_empty()).then_some(':').into_iter().chain(digits.into_iter().flatten()));
        }
        text
    })
}

/// The states of RFC 2863, as the kernel numbers them.
fn state(number: u8) -> String {
    match number {
        1 => "not-present".to_owned(),
        2 => "down".to_owned(),
        3 => "lower-layer-down".to_owned(),
        4 => "testing".to_owned(),
        5 => "dormant".to_owned(),
        6 => "up".to_owned(),
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(flags: u32, attributes: &[Vec<u8>]) -> Vec<u8> {
        let header = [0_u32.to_ne_bytes(), 7_i32.to_ne_bytes(), flags.to_ne_bytes(), 0_u32.to_ne_bytes()].concat();
        [header, attributes.concat()].concat()
    }

    #[test]
    fn a_bond_member_is_told_with_its_own_address() {
        let data = [attribute(1, &[0]), attribute(2, &[1]), attribute(4, &[2, 0, 0, 0, 0, 0xab]), attribute(99, &[1])];
        let info = [attribute(4, b"bond\0"), attribute(0x8005, &data.concat())];
        let row = link_row(&message(
            FLAG_UP | FLAG_LOWER_UP,
            &[attribute(3, b"eno1\0"), attribute(10, &9_i32.to_ne_bytes()), attribute(18, &info.concat())],
        ))
        .unwrap();
        assert_eq!((row.name.as_str(), row.link.index, row.master), ("eno1", 7, Some(9)));
        assert!(row.link.admin_up && row.link.carrier);
        assert_eq!(
            row.link.bond_member,
            Some(BondMember { active: true, link_up: false, permanent_mac: Some("02:00:00:00:00:ab".to_owned()) })
        );
    }

    #[test]
    fn a_vlan_and_a_bond_are_told_with_what_makes_them_again() {
        let row = |kind: &[u8], data: &[Vec<u8>]| {
            let info = [attribute(1, kind), attribute(2, &data.concat())].concat();
            link_row(&message(0, &[attribute(3, b"x\0"), attribute(18, &info)])).unwrap().link
        };
        assert_eq!(row(b"vlan\0", &[attribute(1, &200_u16.to_ne_bytes())]).vlan_id, Some(200));
        let data = |mode| {
            [attribute(1, &[mode]), attribute(3, &100_u32.to_ne_bytes()), attribute(14, &[1]), attribute(21, &[1])]
        };
        let expected = Bond {
            mode: "802.3ad".to_owned(),
            miimon: 100,
            transmit_hash: Some("layer3+4".to_owned()),
            lacp_fast: true,
        };
        assert_eq!(row(b"bond\0", &data(4)).bond, Some(expected));
        assert_eq!(row(b"bond\0", &data(1)).bond.unwrap().transmit_hash, None);
        assert_eq!(row(b"bridge\0", &[]).bond, None);
    }

    #[test]
    fn attributes_of_a_newer_kernel_are_passed_over() {
        let names = [attribute(53, b"enp1s0\0"), attribute(60, b"x"), attribute(53, b"enx02\0")].concat();
        let row = link_row(&message(
            0,
            &[
                attribute(900, &[0xff; 70]),
                attribute(3, b"eth0\0"),
                attribute(0x8000 | 52, &names),
                attribute(16, &[200]),
            ],
        ))
        .unwrap();
        assert_eq!(row.link.alternative_names, ["enp1s0", "enx02"]);
        assert_eq!(row.link.state, "unknown");
    }

    #[test]
    fn the_number_of_a_device_in_another_namespace_is_no_name_here() {
        let veth = [attribute(37, &0_i32.to_ne_bytes()), attribute(5, &2_i32.to_ne_bytes()), attribute(3, b"veth0\0")];
        assert_eq!(link_row(&message(0, &veth)).unwrap().lower, None);
    }

    #[test]
    fn zeroes_and_tunnel_addresses_are_no_hardware_address() {
        assert_eq!(mac(&[0; 6]), None);
        assert_eq!(mac(&[192, 0, 2, 1]), None);
        assert_eq!(mac(&[0xaa, 0xbb, 0xcc, 0, 1, 2]).as_deref(), Some("aa:bb:cc:00:01:02"));
    }

    #[test]
    fn broken_bytes_end_the_walk_and_never_panic() {
        assert!(link_row(&[0; 15]).is_none());
        assert!(link_row(&message(0, &[])).is_none());
        for broken in [&[0, 0, 1, 0][..], &[3, 0, 1, 0], &[200, 0, 1, 0, 1], &[4, 0]] {
            assert_eq!(attributes(broken).count(), 0, "{broken:?}");
        }
        assert_eq!(attributes(&[5, 0, 1, 0, 9]).collect::<Vec<_>>(), [(1, &[9_u8][..])]);
    }
}
