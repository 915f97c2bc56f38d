//! The neighbours hear by which hardware address an address is reached: a gratuitous ARP (RFC 5227), or an unsolicited
//! advertisement (RFC 4861).
//!
//! It is a courtesy. Who has not heard it asks again within a minute, so that nothing is taken back for a device that
//! cannot send at this moment.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockType, sendto, socket};

type Mac = [u8; 6];

const EVERYBODY: Mac = [0xff; 6];
/// The hardware address of `ff02::1`, and that itself.
const ALL_NODES: (Mac, Ipv6Addr) = ([0x33, 0x33, 0, 0, 0, 1], Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1));

pub fn announce(device: &str, address: &str) {
    let Some((link, mac)) = link(device) else { return };
    let frames = match address.parse() {
        // Some listen to the one kind only, some to the other.
        Ok(IpAddr::V4(address)) => vec![arp(1, mac, address), arp(2, mac, address)],
        Ok(IpAddr::V6(address)) => vec![advertisement(is_router(device), mac, address)],
        Err(_) => return,
    };
    // Without a protocol it hears nothing, and only speaks.
    let Ok(socket) = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None) else { return };
    for frame in frames {
        let _ = sendto(socket.as_raw_fd(), &frame, &link, MsgFlags::MSG_DONTWAIT);
    }
}

fn link(device: &str) -> Option<(LinkAddr, Mac)> {
    let mut all = getifaddrs().ok()?.filter(|row| row.interface_name == device);
    let link = all.find_map(|row| row.address?.as_link_addr().copied())?;
    Some((link, link.addr()?))
}

/// Who forwards and does not say so is no router to his neighbours any more.
fn is_router(device: &str) -> bool {
    let setting = std::fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{device}/forwarding"));
    setting.is_ok_and(|text| text.trim() == "1")
}

fn arp(operation: u8, own: Mac, address: Ipv4Addr) -> Vec<u8> {
    let target = if operation == 1 { [0; 6] } else { EVERYBODY };
    let head: [&[u8]; 4] = [&EVERYBODY, &own, &[8, 6], &[0, 1, 8, 0, 6, 4, 0, operation]];
    let body: [&[u8]; 4] = [&own, &address.octets(), &target, &address.octets()];
    [head.concat(), body.concat()].concat()
}

fn advertisement(is_router: bool, own: Mac, address: Ipv6Addr) -> Vec<u8> {
    // What is known of it otherwise is overridden.
    let flags = if is_router { 0xa0 } else { 0x20 };
    let mut message = vec![136, 0, 0, 0, flags, 0, 0, 0];
    message.extend(address.octets());
    message.extend([2, 1]);
    message.extend(own);
    let ends = [address.octets(), ALL_NODES.1.octets()].concat();
    let sum = checksum(&[&ends[..], &[0, 0, 0, 32, 0, 0, 0, 58], &message].concat());
    message[2..4].copy_from_slice(&sum);
    let head: [&[u8]; 4] = [&ALL_NODES.0, &own, &[0x86, 0xdd], &[0x60, 0, 0, 0, 0, 32, 58, 255]];
    [head.concat(), ends, message].concat()
}

fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words = bytes.chunks_exact(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    let [_, _, high, low] = (!sum).to_be_bytes();
    [high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a device without a hardware address, or one that is not there, is told does no harm.
    #[test]
    fn nothing_is_said_where_nothing_can_be() {
        announce("lo", "127.0.0.1");
        announce("nothing-of-this-name", "2001:db8::1");
        announce("lo", "rubbish");
    }

    #[test]
    fn sums_come_out_even() {
        let frame = advertisement(true, [2, 0, 0, 0, 0, 9], "2001:db8::7".parse().unwrap());
        assert_eq!((frame.len(), frame[58]), (86, 0xa0));
        let summed = [&frame[22..54], &[0, 0, 0, 32, 0, 0, 0, 58], &frame[54..]].concat();
        assert_eq!(checksum(&summed), [0, 0], "with its own sum it comes out as nothing");
        assert_eq!(arp(1, [2, 0, 0, 0, 0, 9], Ipv4Addr::new(192, 0, 2, 7)).len(), 42);
    }
}
