//! Does a peer answer? Not reaching it is an answer too, in plain words that name the address.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::bounded::{self, remaining};
use super::resolve::Lookup;
use crate::host::asking::seconds;
use crate::model::answer::Contact;
use crate::model::{Reading, Trouble, TroubleCause};

/// A name of many addresses is not worth more lines than this.
pub const MOST_TRIED: usize = 8;

/// Does `host:port` or `[v6]:port` accept a connection? Tells so by `deadline`.
pub fn tcp(endpoint: &str, deadline: Instant) -> Reading<Contact> {
    let Some(endpoint) = Endpoint::parse(endpoint) else {
        return Reading::unreadable(TroubleCause::Malformed, "an endpoint is written `host:port` or `[address]:port`");
    };
    match connect(&endpoint, deadline) {
        Ok(_) => Reading::Known(Contact::Reached { status: None, verified: None }),
        Err(Failure::NotReached(reason)) => Reading::Known(Contact::NotReached { reason }),
        Err(Failure::Trouble(trouble)) => Reading::Unreadable(trouble),
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
}

impl Endpoint {
    /// `host:port` or `[address]:port`.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        // Without brackets nobody can tell the port from the last group of an address.
        if bracketed.is_none() && host.contains(':') {
            return None;
        }
        Self::new(bracketed.unwrap_or(host), port.parse().ok()?)
    }

    /// `None` for what can be no host and no port.
    pub fn new(host: &str, port: u16) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
        let valid = port != 0 && !host.is_empty() && host.bytes().all(plain);
        valid.then(|| Self { host: host.to_owned(), port })
    }

    /// Begins a sentence about one address; a name stands before the address that it led to.
    pub fn names(&self, address: SocketAddr) -> String {
        match self.host.parse::<IpAddr>() {
            Ok(_) => address.to_string(),
            Err(_) => format!("{} ({address})", self.host),
        }
    }
}

/// `host:port`, and `[address]:port` where the address has colons itself.
impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(out, "[{host}]:{port}") } else { write!(out, "{host}:{port}") }
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub enum Failure {
    NotReached(String),
    /// It could not even be tried.
    Trouble(Trouble),
}

/// Connects to the first address that accepts. Each address gets its share of the time that is left, so that the
/// first, where it is silent, does not eat that of the others.
pub fn connect(endpoint: &Endpoint, deadline: Instant) -> Result<TcpStream, Failure> {
    let Endpoint { host, port } = endpoint;
    let mut lookup = Lookup::start(host, *port).map_err(|error| {
        Failure::Trouble(Trouble::new(TroubleCause::Failed, format!("cannot look up {host}: {error}")))
    })?;
    let mut tried = Vec::new();
    loop {
        let addresses = lookup.next_addresses(deadline);
        if addresses.is_empty() {
            break;
        }
        let mut sharers = addresses.len().min(MOST_TRIED) + usize::from(lookup.is_pending());
        for address in addresses.into_iter().take(MOST_TRIED) {
            let share = remaining(deadline) / u32::try_from(sharers.max(1)).unwrap_or(u32::MAX);
            sharers -= 1;
            match attempt(address, share) {
                Ok(stream) => return Ok(stream),
                Err(error) => tried.push(format!("{} {}", endpoint.names(address), in_words(&error, share)?)),
            }
        }
    }
    Err(Failure::NotReached(if tried.is_empty() { format!("{host} {}", lookup.failure()) } else { tried.join("; ") }))
}

fn attempt(address: SocketAddr, share: Duration) -> io::Result<TcpStream> {
    if share.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    TcpStream::connect_timeout(&address, share)
}

/// What a failed attempt says about the peer; one that says nothing about it is our own trouble.
pub fn in_words(error: &io::Error, share: Duration) -> Result<String, Failure> {
    use nix::libc::{EMFILE, ENFILE, ENOBUFS, ENOMEM};
    Ok(match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused the connection: nothing listens there".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => format!("did not answer within {}", seconds(share)),
        io::ErrorKind::HostUnreachable => "is unreachable: there is no such host, or no way to it".to_owned(),
        io::ErrorKind::NetworkUnreachable => "is unreachable: this host has no route to it".to_owned(),
        io::ErrorKind::ConnectionReset => "reset the connection".to_owned(),
        io::ErrorKind::PermissionDenied => "cannot be asked: this host's own rules forbid the connection".to_owned(),
        _ if matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS | ENOMEM)) => {
            return Err(Failure::Trouble(Trouble::new(
                TroubleCause::Failed,
                format!("cannot open a connection: {error}"),
            )));
        }
        _ => format!("could not be connected to: {error}"),
    })
}

/// Runs a probe that its own timeouts should end, and sees to it that they do.
pub fn contact_by(
    deadline: Instant,
    what: &str,
    probe: impl FnOnce() -> Reading<Contact> + Send + 'static,
) -> Reading<Contact> {
    match bounded::by(deadline, what, probe) {
        Reading::Unreadable(trouble) if trouble.cause == TroubleCause::TimedOut => {
            Reading::Known(Contact::NotReached { reason: format!("{what} did not answer in time") })
        }
        reading => reading,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn within(millis: u64) -> Instant {
        Instant::now() + Duration::from_millis(millis)
    }

    fn reason(reading: Reading<Contact>) -> String {
        match reading {
            Reading::Known(Contact::NotReached { reason }) => reason,
            other => panic!("reached or unreadable: {other:?}"),
        }
    }

    #[test]
    fn what_listens_is_reached_by_address_and_by_name() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["127.0.0.1", "localhost"] {
            let reading = tcp(&format!("{host}:{port}"), within(5000));
            assert_eq!(reading, Reading::Known(Contact::Reached { status: None, verified: None }), "{host}");
        }
    }

    #[test]
    fn a_refused_connection_names_the_address() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let said = reason(tcp(&format!("127.0.0.1:{port}"), within(5000)));
        assert_eq!(said, format!("127.0.0.1:{port} refused the connection: nothing listens there"));
        let said = reason(tcp(&format!("localhost:{port}"), within(5000)));
        assert!(said.starts_with(&format!("localhost (127.0.0.1:{port}) refused")), "{said}");
    }

    #[test]
    fn no_time_left_is_an_answer_too() {
        let said = reason(tcp("127.0.0.1:9", Instant::now()));
        assert!(said.starts_with("127.0.0.1:9 did not answer within"), "{said}");
    }

    #[test]
    fn endpoints_are_taken_apart_or_turned_down() {
        let parsed = Endpoint::parse("[2001:db8::7]:443").unwrap();
        assert_eq!((parsed.host.as_str(), parsed.port), ("2001:db8::7", 443));
        assert_eq!(Endpoint::parse("hv-07.example:22").unwrap().port, 22);
        assert!(Endpoint::parse("[fe80::1%eth0]:22").is_some());
        for wrong in
            ["", "host", "host:", ":22", "host:0", "host:99999", "::1:22", "a b:22", "u@h:22", "h/x:22", "[]:1"]
        {
            assert!(Endpoint::parse(wrong).is_none(), "{wrong}");
            let reading = tcp(wrong, within(1000));
            assert!(
                matches!(reading, Reading::Unreadable(trouble) if trouble.cause == TroubleCause::Malformed),
                "{wrong}"
            );
        }
    }

    #[test]
    fn running_out_of_descriptors_says_nothing_about_the_peer() {
        let error = io::Error::from_raw_os_error(nix::libc::EMFILE);
        assert!(matches!(in_words(&error, Duration::ZERO), Err(Failure::Trouble(_))));
    }
}
