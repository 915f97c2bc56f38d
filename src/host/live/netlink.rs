//! Links and addresses, from the kernel by netlink: one dump each, no child process, no sysfs.

use std::collections::HashMap;
use std::io::{self, Cursor};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use neli::consts::nl::{NlmF, Nlmsg};
use neli::err::DeError;
use neli::nl::{NlPayload, Nlmsghdr, NlmsghdrBuilder};
use neli::types::Buffer;
use neli::{FromBytes, ToBytes};
use nix::errno::Errno;
use nix::net::if_::if_indextoname;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::bounded;
use super::link_attributes::{LinkRow, attributes, link_row};
use crate::model::answer::{Address, Link};
use crate::model::gather::{Arrange as _, Gather as _};
use crate::model::sorted::SortedMap;
use crate::model::{Reading, Trouble, TroubleCause};

const GET_LINK: u16 = 18;
const NEW_LINK: u16 = 16;
const GET_ADDRESS: u16 = 22;
const NEW_ADDRESS: u16 = 20;

/// What every dump asks for and every answer carries.
const SEQUENCE: u32 = 1;

/// The kernel fills at most 32 KiB at a time.
const BUFFER_BYTES: usize = 32 * 1024;

/// How often a list is read anew because it changed while it was read.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// Every network device of this namespace by name.
pub fn links(deadline: Instant) -> Reading<SortedMap<String, Link>> {
    // A driver that hangs under the kernel's network lock stops us while we send, where no timeout reaches.
    bounded::by(deadline, "network links", move || match dump(&link_request(), NEW_LINK, deadline, link_row) {
        Ok(rows) => Reading::Known(named(rows)),
        Err(trouble) => Reading::Unreadable(about("network links", trouble)),
    })
}

/// Every IPv4 and IPv6 address of this namespace, sorted by link and address.
pub fn addresses(deadline: Instant) -> Reading<Vec<Address>> {
    bounded::by(deadline, "network addresses", move || {
        match dump(&address_request(), NEW_ADDRESS, deadline, address_row) {
            Ok(rows) => Reading::Known(on_links(rows)),
            Err(trouble) => Reading::Unreadable(about("network addresses", trouble)),
        }
    })
}

pub fn about(what: &str, trouble: Trouble) -> Trouble {
    Trouble::new(trouble.cause, format!("{what}: {}", trouble.detail))
}

/// `struct ifinfomsg` of zeroes and a filter: without statistics, and without the virtual functions of a NIC, which
/// fill tens of KiB each and ask its firmware.
fn link_request() -> (u16, Vec<u8>) {
    const EXTENDED_MASK: u16 = 29;
    const SKIP_STATISTICS: u32 = 1 << 3;
    let mut payload = vec![0; 16];
    payload.extend(8_u16.to_ne_bytes());
    payload.extend(EXTENDED_MASK.to_ne_bytes());
    payload.extend(SKIP_STATISTICS.to_ne_bytes());
    (GET_LINK, payload)
}

/// `struct ifaddrmsg` of zeroes: every family, every link.
fn address_request() -> (u16, Vec<u8>) {
    (GET_ADDRESS, vec![0; 8])
}

/// Gives the numbers of masters and lower devices their names.
fn named(rows: Vec<LinkRow>) -> SortedMap<String, Link> {
    let names: HashMap<i32, String> = rows.iter().map(|row| (row.link.index, row.name.clone())).collect();
    let name = |index: Option<i32>| index.and_then(|index| names.get(&index).cloned());
    rows.into_iter()
        .map(|row| (row.name, Link { master: name(row.master), lower: name(row.lower), ..row.link }))
        .gather()
}

struct AddressRow {
    index: u32,
    address: String,
    scope: String,
    permanent: bool,
}

/// Decodes the payload of one RTM_NEWADDR message; `None` for families other than IP.
fn address_row(payload: &[u8]) -> Option<AddressRow> {
    const PEER_OR_LOCAL: u16 = 1;
    const LOCAL: u16 = 2;
    const FLAGS: u16 = 8;
    const PERMANENT: u32 = 0x80;
    // The same bit says "secondary" of an IPv4 address, which is no less permanent for that.
    const TEMPORARY: u32 = 0x01;

    let [family, length, header_flags, scope, index @ ..] = *payload.first_chunk::<8>()?;
    let (mut local, mut other, mut flags) = (None, None, u32::from(header_flags));
    for (kind, value) in attributes(payload.get(8..)?) {
        match kind {
            LOCAL => local = ip(family, value),
            PEER_OR_LOCAL => other = ip(family, value),
            FLAGS => flags = value.try_into().map_or(flags, u32::from_ne_bytes),
            _ => {}
        }
    }
    let address = local.or(other)?;
    Some(AddressRow {
        index: u32::from_ne_bytes(index),
        address: format!("{address}/{length}"),
        scope: scope_word(scope),
        permanent: flags & PERMANENT != 0 && (address.is_ipv4() || flags & TEMPORARY == 0),
    })
}

pub fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match i32::from(family) {
        nix::libc::AF_INET => Some(Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).into()),
        nix::libc::AF_INET6 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).into()),
        _ => None,
    }
}

pub fn scope_word(scope: u8) -> String {
    match scope {
        0 => "global".to_owned(),
        200 => "site".to_owned(),
        253 => "link".to_owned(),
        254 => "host".to_owned(),
        255 => "nowhere".to_owned(),
        other => other.to_string(),
    }
}

/// Addresses with the names of their links. A link that went since took its addresses with it.
fn on_links(rows: Vec<AddressRow>) -> Vec<Address> {
    let mut names: HashMap<u32, Option<String>> = HashMap::new();
    let mut addresses: Vec<Address> = rows
        .into_iter()
        .filter_map(|AddressRow { index, address, scope, permanent }| {
            let name = names.entry(index).or_insert_with(|| {
                if_indextoname(index).ok().map(|name| String::from_utf8_lossy(name.to_bytes()).into_owned())
            });
            Some(Address { link: name.clone()?, address, scope, permanent })
        })
        .collect();
    addresses.arrange_by(|one, other| (&one.link, &one.address).cmp(&(&other.link, &other.address)));
    addresses
}

/// Reads a whole list. One that changed while it was read may lack rows, so it is read again.
pub fn dump<R>(
    request: &(u16, Vec<u8>),
    wanted: u16,
    deadline: Instant,
    decode: impl Fn(&[u8]) -> Option<R>,
) -> Result<Vec<R>, Trouble> {
    for _ in 0..ATTEMPTS {
        if let Some(rows) = dump_once(request, wanted, deadline, &decode)? {
            return Ok(rows);
        }
        thread::sleep(PAUSE);
    }
    Err(Trouble::new(TroubleCause::Failed, format!("the list changed {ATTEMPTS} times while it was read")))
}

/// One dump; `None` where the kernel says that it was interrupted.
fn dump_once<R>(
    request: &(u16, Vec<u8>),
    wanted: u16,
    deadline: Instant,
    decode: impl Fn(&[u8]) -> Option<R>,
) -> Result<Option<Vec<R>>, Trouble> {
    let socket = open(deadline).map_err(|errno| trouble("cannot ask the kernel", errno))?;
    ask(&socket, request)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut rows, mut interrupted) = (Vec::new(), false);
    loop {
        let mut bytes = Cursor::new(receive(&socket, &mut buffer, deadline)?);
        while bytes.position() < bytes.get_ref().len() as u64 {
            // One at a time: a list of all messages costs the allocator more than the kernel takes to write them.
            let message = Nlmsghdr::<u16, Buffer>::from_bytes(&mut bytes).map_err(malformed)?;
            if *message.nl_seq() != SEQUENCE {
                continue;
            }
            interrupted |= message.nl_flags().contains(NlmF::DUMP_INTR);
            match message.nl_payload() {
                NlPayload::Payload(payload) if *message.nl_type() == wanted => rows.extend(decode(payload.as_ref())),
                NlPayload::Err(error) => return Err(refused(*error.error())),
                NlPayload::DumpExtAck(end) if *end.error() != 0 => return Err(refused(*end.error())),
                _ => {}
            }
            if *message.nl_type() == u16::from(Nlmsg::Done) {
                return Ok((!interrupted).then_some(rows));
            }
        }
    }
}

fn malformed(error: DeError) -> Trouble {
    Trouble::new(TroubleCause::Malformed, format!("a netlink message makes no sense: {error}"))
}

fn open(deadline: Instant) -> nix::Result<OwnedFd> {
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    let micros = i64::try_from(bounded::remaining(deadline).as_micros()).unwrap_or(i64::MAX);
    // A timeout of zero would be none at all.
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::microseconds(micros.max(1)))?;
    Ok(socket)
}

fn ask(socket: &OwnedFd, (kind, payload): &(u16, Vec<u8>)) -> Result<(), Trouble> {
    let unwritable =
        |error: String| Trouble::new(TroubleCause::Failed, format!("cannot write a netlink message: {error}"));
    let message = NlmsghdrBuilder::default()
        .nl_type(*kind)
        .nl_flags(NlmF::REQUEST | NlmF::DUMP)
        .nl_seq(SEQUENCE)
        .nl_payload(NlPayload::Payload(Buffer::from(payload.as_slice())))
        .build()
        .map_err(|error| unwritable(error.to_string()))?;
    let mut bytes = Cursor::new(Vec::new());
    message.to_bytes(&mut bytes).map_err(|error| unwritable(error.to_string()))?;
    send(socket.as_raw_fd(), bytes.get_ref(), MsgFlags::empty())
        .map_err(|errno| trouble("cannot ask the kernel", errno))
        .map(drop)
}

fn receive<'a>(socket: &OwnedFd, buffer: &'a mut [u8], deadline: Instant) -> Result<&'a [u8], Trouble> {
    let length = loop {
        if bounded::remaining(deadline).is_zero() {
            return Err(trouble("the kernel did not answer", Errno::EAGAIN));
        }
        match recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_TRUNC) {
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(trouble("the kernel did not answer", errno)),
            Ok(length) => break length,
        }
    };
    // With MSG_TRUNC the kernel tells the true length, also where the buffer was too small for it.
    let Some(bytes) = buffer.get(..length) else {
        return Err(Trouble::new(TroubleCause::Failed, format!("a netlink message of {length} bytes is too long")));
    };
    Ok(bytes)
}

/// The kernel's own refusal, a negative errno.
fn refused(code: i32) -> Trouble {
    trouble("the kernel refused", Errno::from_raw(-code))
}

fn trouble(what: &str, errno: Errno) -> Trouble {
    let cause = match errno {
        Errno::EPERM | Errno::EACCES => TroubleCause::Denied,
        Errno::EAGAIN => return Trouble::new(TroubleCause::TimedOut, format!("{what} in time")),
        _ => TroubleCause::Failed,
    };
    Trouble::new(cause, format!("{what}: {}", io::Error::from(errno)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[test]
    fn every_namespace_has_a_loopback_link() {
        let links = links(soon()).known().unwrap();
        let loopback = &links["lo"];
        assert_eq!((loopback.index, loopback.mtu > 0, &loopback.mac), (1, true, &None));
        assert!(loopback.kind.is_none() && loopback.master.is_none() && loopback.permanent_mac.is_none());
    }

    #[test]
    fn addresses_are_sorted_and_name_links_that_exist() {
        let links = links(soon()).known().unwrap();
        let addresses = addresses(soon()).known().unwrap();
        assert!(addresses.iter().all(|address| links.contains_key(&address.link)));
        assert!(addresses.is_sorted_by_key(|address| (address.link.clone(), address.address.clone())));
    }

    #[test]
    fn a_deadline_that_has_passed_is_a_timeout() {
        let reading = addresses(Instant::now());
        assert!(matches!(reading, Reading::Unreadable(trouble) if trouble.cause == TroubleCause::TimedOut));
    }

    fn address(family: u8, flags: u8, attributes: &[(u16, &[u8])]) -> AddressRow {
        let mut bytes = vec![family, 24, flags, 0, 2, 0, 0, 0];
        for (kind, value) in attributes {
            bytes.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(*value);
        }
        address_row(&bytes).unwrap()
    }

    #[test]
    fn the_local_end_is_the_address_and_a_secondary_one_is_permanent() {
        let row = address(2, 0x81, &[(1, &[192, 0, 2, 1]), (2, &[192, 0, 2, 7]), (77, &[0; 4])]);
        assert_eq!((row.address.as_str(), row.index, row.permanent), ("192.0.2.7/24", 2, true));
    }

    #[test]
    fn leased_and_temporary_addresses_are_not_permanent() {
        let six = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
        assert!(!address(10, 0x80, &[(1, &six), (8, &0x81_u32.to_ne_bytes())]).permanent);
        assert!(!address(10, 0x80, &[(1, &six), (8, &0x300_u32.to_ne_bytes())]).permanent);
        assert_eq!(address(10, 0x80, &[(1, &six)]).address, "2001:db8::7/24");
    }
}
