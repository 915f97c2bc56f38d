//! Echo requests to one address, and the answers to them (RFC 792, RFC 4443).

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, setsockopt, socket};

/// Type, code, checksum, identifier, sequence number; behind them the payload.
const HEADER: usize = 8;

/// A socket that is connected to the address, so that the kernel tells what it hears of it.
#[derive(Debug)]
pub struct Echo {
    pub address: SocketAddr,
    socket: UdpSocket,
    /// Whoever repeats it has heard us.
    payload: [u8; 16],
}

#[derive(Debug)]
pub enum OpenError {
    /// The kernel lets this user send none.
    Denied,
    Io(io::Error),
}

impl Echo {
    pub fn open(address: SocketAddr) -> Result<Self, OpenError> {
        let socket = open_socket(address).map_err(|errno| match errno {
            Errno::EACCES | Errno::EPERM => OpenError::Denied,
            errno => OpenError::Io(errno.into()),
        })?;
        let reports = match address {
            SocketAddr::V4(_) => setsockopt(&socket, Ipv4RecvErr, &true),
            SocketAddr::V6(_) => setsockopt(&socket, Ipv6RecvErr, &true),
        };
        reports.map_err(|errno| OpenError::Io(errno.into()))?;
        let socket = UdpSocket::from(socket);
        socket.connect(address).map_err(OpenError::Io)?;
        let random = RandomState::new();
        let mut payload = [0; 16];
        payload[..8].copy_from_slice(&random.hash_one(0).to_ne_bytes());
        payload[8..].copy_from_slice(&random.hash_one(1).to_ne_bytes());
        Ok(Self { address, socket, payload })
    }

    pub fn send(&mut self, sequence: u16) -> io::Result<()> {
        let packet = request(self.address.is_ipv6(), sequence, self.payload);
        match self.socket.send(&packet) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            sent => sent.map(drop),
        }
    }

    /// Reads all that has come. The error is what the network says of the address.
    pub fn has_answered(&mut self) -> io::Result<bool> {
        let mut packet = [0; 256];
        loop {
            match self.socket.recv(&mut packet) {
                Ok(length) if is_answer(self.address.is_ipv6(), &packet[..length], self.payload) => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Echo {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The kind that the kernel gives to users of `net.ipv4.ping_group_range`, or else the one that it gives to root.
fn open_socket(address: SocketAddr) -> nix::Result<OwnedFd> {
    let (family, protocol) = match address {
        SocketAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp),
        SocketAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6),
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    match socket(family, SockType::Datagram, flags, protocol) {
        Err(Errno::EACCES | Errno::EPERM | Errno::EPROTONOSUPPORT) => socket(family, SockType::Raw, flags, protocol),
        opened => opened,
    }
}

/// The kernel fills in the identifier of its own kind of socket, and every checksum of IPv6.
fn request(ipv6: bool, sequence: u16, payload: [u8; 16]) -> [u8; HEADER + 16] {
    let mut packet = [0; HEADER + 16];
    packet[0] = if ipv6 { 128 } else { 8 };
    packet[4..6].copy_from_slice(&payload[..2]);
    packet[6..8].copy_from_slice(&sequence.to_be_bytes());
    packet[HEADER..].copy_from_slice(&payload);
    if !ipv6 {
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

/// RFC 1071
fn checksum(packet: &[u8]) -> u16 {
    let words = packet.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

/// A raw socket of IPv4 gives the header before it, and gives answers to others, too.
fn is_answer(ipv6: bool, packet: &[u8], payload: [u8; 16]) -> bool {
    let packet = match packet.first() {
        Some(first) if !ipv6 && first >> 4 == 4 => packet.get(usize::from(first & 0xf) * 4..).unwrap_or_default(),
        _ => packet,
    };
    let answer = if ipv6 { 129 } else { 0 };
    packet.first() == Some(&answer) && packet.get(HEADER..) == Some(&payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: [u8; 16] = *b"sixteen bytes ab";

    #[test]
    fn a_request_is_what_the_rfc_says() {
        let packet = request(false, 0x0102, PAYLOAD);
        assert_eq!((packet[0], packet[1], &packet[6..8]), (8, 0, [1, 2].as_slice()));
        // Over a whole packet with its checksum, the sum comes out as nothing.
        assert_eq!(checksum(&packet), 0);
        assert_eq!(request(true, 1, PAYLOAD)[0], 128);
        // RFC 1071, section 3
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn only_the_answer_to_ones_own_request_counts() {
        let mut answer = request(false, 1, PAYLOAD).to_vec();
        assert!(!is_answer(false, &answer, PAYLOAD), "our own request");
        answer[0] = 0;
        assert!(is_answer(false, &answer, PAYLOAD));
        assert!(!is_answer(false, &answer, [0; 16]), "the answer to another one");
        let raw = [&[0x45; 20], answer.as_slice()].concat();
        assert!(is_answer(false, &raw, PAYLOAD));
        answer[0] = 129;
        assert!(is_answer(true, &answer, PAYLOAD) && !is_answer(false, &answer, PAYLOAD));
        for length in 0..raw.len() {
            assert!(!is_answer(false, &raw[..length], PAYLOAD) && !is_answer(true, &raw[..length], PAYLOAD));
        }
    }
}
