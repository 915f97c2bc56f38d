//! The kernel's table of TCP sockets, `/proc/PID/net/tcp` and `tcp6`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::{Failure, Holders};
use crate::model::gather::Gather as _;
use crate::model::sorted::SortedSet;

const ESTABLISHED: &str = "01";
const LISTEN: &str = "0A";

/// The sockets of one network namespace.
#[derive(Debug, Default)]
pub struct Table {
    pub established: Vec<Row>,
    listening_ports: SortedSet<u16>,
}

#[derive(Debug, PartialEq)]
pub struct Row {
    pub local: SocketAddr,
    pub peer: SocketAddr,
    pub inode: u64,
    /// How often in a row it has asked for an answer by now.
    pub unanswered: u32,
}

impl Table {
    /// `None` where the process has ended.
    pub fn of_process(process: &Path) -> Result<Option<Self>, Failure> {
        let mut table = Self::default();
        let mut is_there = false;
        for name in ["tcp", "tcp6"] {
            let path = process.join("net").join(name);
            let added = match std::fs::read_to_string(&path) {
                Ok(text) => table.add(&text).ok_or_else(|| io::Error::other("a line makes no sense")),
                // A process that has ended; for tcp6, a kernel without IPv6.
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => continue,
                Err(error) => Err(error),
            };
            added.map_err(|error| (path, error))?;
            is_there = true;
        }
        Ok(is_there.then_some(table))
    }

    /// `None` where a line makes no sense.
    pub fn add(&mut self, text: &str) -> Option<()> {
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let [_, local, peer, state, _, _, retransmits, _, probes, inode, ..] = fields[..] else { return None };
            match state {
                LISTEN => drop(self.listening_ports.insert(endpoint(local)?.port())),
                ESTABLISHED => {
                    let unanswered = u32::from_str_radix(retransmits, 16).ok()?.saturating_add(probes.parse().ok()?);
                    let (local, peer, inode) = (endpoint(local)?, endpoint(peer)?, inode.parse().ok()?);
                    self.established.push(Row { local, peer, inode, unanswered });
                }
                _ => {}
            }
        }
        Some(())
    }

    /// Somebody on this host listens at its own end: it came in.
    pub fn is_accepted(&self, row: &Row) -> bool {
        self.listening_ports.contains(&row.local.port())
    }

    /// Both ends are on this host.
    pub fn stays_within(&self, row: &Row) -> bool {
        row.peer.ip().is_loopback() || row.peer.ip() == row.local.ip()
    }

    /// The other ends of connections which these opened within this host.
    pub fn far_ends(&self, holders: &Holders) -> SortedSet<u64> {
        let opened = |row: &&Row| holders.contains_key(&row.inode) && self.stays_within(row) && !self.is_accepted(row);
        let ends: SortedSet<_> = self.established.iter().filter(opened).map(|row| (row.peer, row.local)).gather();
        let others = self.established.iter().filter(|row| ends.contains(&(row.local, row.peer)));
        others.map(|row| row.inode).filter(|inode| !holders.contains_key(inode)).gather()
    }
}

/// `0100007F:1F90`: the address as the words of memory that hold it, the port as a number. An IPv4 address in an IPv6
/// socket is an IPv4 address.
fn endpoint(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let address = match address.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            IpAddr::from(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, u16::from_str_radix(port, 16).ok()?))
}
