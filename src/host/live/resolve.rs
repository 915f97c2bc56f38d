//! Names to addresses, without a child process and never past a deadline.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};

use super::bounded::remaining;
use crate::model::gather::Arrange as _;

/// How long the first family waits for the other: both usually come together.
const GRACE: Duration = Duration::from_millis(50);

type Answer = Result<Vec<SocketAddr>, LookupError>;

/// The look-ups of one name, one a family, each on a thread that nobody waits for.
///
/// musl fails a whole look-up when the AAAA half of it is broken and the A half is fine, so the halves are asked apart,
/// and what one of them found is used while the other hangs.
#[derive(Debug)]
pub struct Lookup {
    ready: Vec<SocketAddr>,
    receiver: Receiver<Answer>,
    pending: usize,
    failures: Vec<LookupError>,
}

impl Lookup {
    /// Starts to look `host` up; an address as such needs no look-up.
    pub fn start(host: &str, port: u16) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let mut lookup = Self { ready: Vec::new(), receiver, pending: 0, failures: Vec::new() };
        if let Ok(address) = host.parse::<IpAddr>() {
            lookup.ready.push(SocketAddr::new(address, port));
            return Ok(lookup);
        }
        for family in families(host) {
            let (sender, host) = (sender.clone(), host.to_owned());
            // The answer of a look-up that came too late has no taker.
            thread::Builder::new().spawn(move || drop(sender.send(look_up(&host, port, *family))))?;
            lookup.pending += 1;
        }
        Ok(lookup)
    }

    /// The next addresses to try, waiting for them until `deadline`; empty when no more will come in time.
    pub fn next_addresses(&mut self, deadline: Instant) -> Vec<SocketAddr> {
        while self.pending > 0 {
            let until = if self.ready.is_empty() { deadline } else { deadline.min(Instant::now() + GRACE) };
            let Ok(answer) = self.receiver.recv_timeout(remaining(until)) else { break };
            self.pending -= 1;
            match answer {
                Ok(addresses) => self.ready.extend(addresses),
                Err(error) => self.failures.push(error),
            }
        }
        // IPv4 goes first: where IPv6 is half configured it costs its whole share of the time.
        self.ready.arrange_by_key(SocketAddr::is_ipv6);
        std::mem::take(&mut self.ready)
    }

    /// True while a family may still bring addresses.
    pub fn is_pending(&self) -> bool {
        self.pending > 0
    }

    /// Why no address came, in words that follow the name.
    pub fn failure(&self) -> String {
        let unknown = |error: &LookupError| matches!(error.kind(), LookupErrorKind::NoName | LookupErrorKind::NoData);
        let worst = self.failures.iter().find(|error| !unknown(error)).or(self.failures.first());
        match worst {
            _ if self.is_pending() => "was not resolved in time: no name server answers".to_owned(),
            Some(error) if unknown(error) => "does not resolve: there is no such name".to_owned(),
            Some(error) if matches!(error.kind(), LookupErrorKind::Again | LookupErrorKind::Fail) => {
                "does not resolve: no name server gave a usable answer".to_owned()
            }
            Some(error) => format!("does not resolve: {error}"),
            None => "does not resolve: it has no address".to_owned(),
        }
    }
}

/// Only IPv6 has addresses with a zone (`fe80::1%eth0`), which libc alone can read.
fn families(host: &str) -> &'static [i32] {
    if host.contains(':') { &[nix::libc::AF_INET6] } else { &[nix::libc::AF_INET, nix::libc::AF_INET6] }
}

fn look_up(host: &str, port: u16, family: i32) -> Answer {
    let hints = AddrInfoHints { address: family, socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let mut addresses = Vec::new();
    for found in getaddrinfo(Some(host), None, Some(hints))? {
        let mut address = found?.sockaddr;
        address.set_port(port);
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    /// A look-up whose answers the test gives.
    fn scripted() -> (mpsc::Sender<Answer>, Lookup) {
        let (sender, receiver) = mpsc::channel();
        (sender, Lookup { ready: Vec::new(), receiver, pending: 2, failures: Vec::new() })
    }

    fn seven() -> Answer {
        Ok(vec!["192.0.2.7:443".parse().unwrap()])
    }

    #[test]
    fn an_address_needs_no_look_up() {
        let mut lookup = Lookup::start("2001:db8::7", 22).unwrap();
        assert_eq!(lookup.next_addresses(Instant::now()), ["[2001:db8::7]:22".parse().unwrap()]);
        assert!(!lookup.is_pending());
    }

    #[test]
    fn a_family_that_hangs_does_not_delay_the_other() {
        let (sender, mut lookup) = scripted();
        sender.send(seven()).unwrap();
        let started = Instant::now();
        assert_eq!(lookup.next_addresses(soon()), ["192.0.2.7:443".parse().unwrap()]);
        assert!(started.elapsed() < Duration::from_secs(2) && lookup.is_pending());
        sender.send(Ok(vec!["[2001:db8::7]:443".parse().unwrap()])).unwrap();
        assert_eq!(lookup.next_addresses(soon()), ["[2001:db8::7]:443".parse().unwrap()]);
    }

    #[test]
    fn a_family_that_is_broken_does_not_spoil_the_other() {
        let (sender, mut lookup) = scripted();
        sender.send(Err(LookupError::new(nix::libc::EAI_AGAIN))).unwrap();
        sender.send(seven()).unwrap();
        assert_eq!(lookup.next_addresses(soon()).len(), 1);
    }

    #[test]
    fn nothing_is_waited_for_past_the_deadline() {
        let (_sender, mut lookup) = scripted();
        let started = Instant::now();
        assert!(lookup.next_addresses(started + Duration::from_millis(30)).is_empty());
        assert!(started.elapsed() < Duration::from_secs(2));
        assert!(lookup.failure().contains("not resolved in time"));
    }

    #[test]
    fn a_silent_server_explains_more_than_a_missing_name() {
        let (sender, mut lookup) = scripted();
        sender.send(Err(LookupError::new(nix::libc::EAI_NONAME))).unwrap();
        sender.send(Err(LookupError::new(nix::libc::EAI_AGAIN))).unwrap();
        assert!(lookup.next_addresses(soon()).is_empty());
        assert!(lookup.failure().contains("name server"), "{}", lookup.failure());
    }
}
