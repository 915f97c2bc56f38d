//! Does a host answer an echo request? Every address of its name is asked once a second; the first answer counts.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::bounded::remaining;
use super::reach::{Endpoint, Failure, MOST_TRIED, in_words};
use super::resolve::Lookup;
use crate::host::asking::seconds;
use crate::model::answer::Contact;
use crate::model::{Reading, Trouble, TroubleCause};

mod echo;

use echo::Echo;

const BETWEEN: Duration = Duration::from_secs(1);

pub fn ping(host: &str, deadline: Instant) -> Reading<Contact> {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    // The port is a form that has to be filled in: an echo has none.
    if Endpoint::new(host, 1).is_none() {
        return Reading::unreadable(TroubleCause::Malformed, "whom to ping is written as a name or an address");
    }
    let lookup = match Lookup::start(host, 0) {
        Ok(lookup) => lookup,
        Err(error) => return Reading::unreadable(TroubleCause::Failed, format!("cannot look up {host}: {error}")),
    };
    let asked = Instant::now();
    let mut round = Round { host, lookup, asked, deadline, waiting: Vec::new(), tried: Vec::new() };
    match round.run() {
        Ok(()) => Reading::Known(Contact::Reached { status: None, verified: None }),
        Err(Failure::NotReached(reason)) => Reading::Known(Contact::NotReached { reason }),
        Err(Failure::Trouble(trouble)) => Reading::Unreadable(trouble),
    }
}

struct Round<'a> {
    host: &'a str,
    lookup: Lookup,
    asked: Instant,
    deadline: Instant,
    waiting: Vec<Echo>,
    /// What became of the addresses that are not waited for any more.
    tried: Vec<String>,
}

impl Round<'_> {
    /// Back without an error once anybody answers.
    fn run(&mut self) -> Result<(), Failure> {
        let mut sequence = 0;
        while !remaining(self.deadline).is_zero() {
            // Only where there is nobody yet to wait for is the look-up.
            let until = if self.waiting.is_empty() { self.deadline } else { Instant::now() };
            for address in self.lookup.next_addresses(until) {
                self.add(address)?;
            }
            if self.waiting.is_empty() && !self.lookup.is_pending() {
                break;
            }
            sequence += 1;
            self.each(|echo| echo.send(sequence).map(|()| false))?;
            let next = self.deadline.min(Instant::now() + BETWEEN);
            while !remaining(next).is_zero() && !self.waiting.is_empty() {
                self.wait(next)?;
                if self.each(Echo::has_answered)? {
                    return Ok(());
                }
            }
        }
        Err(Failure::NotReached(self.in_words()))
    }

    fn add(&mut self, address: SocketAddr) -> Result<(), Failure> {
        if self.waiting.len() + self.tried.len() >= MOST_TRIED {
            return Ok(());
        }
        match Echo::open(address) {
            Ok(echo) => self.waiting.push(echo),
            Err(echo::OpenError::Denied) => return Err(Failure::Trouble(denied())),
            Err(echo::OpenError::Io(error)) => self.give_up(address, &error)?,
        }
        Ok(())
    }

    /// Does this with each that is waited for; those where it fails are given up.
    fn each(&mut self, mut what: impl FnMut(&mut Echo) -> io::Result<bool>) -> Result<bool, Failure> {
        let mut answered = false;
        for mut echo in std::mem::take(&mut self.waiting) {
            match what(&mut echo) {
                Ok(yes) => {
                    answered |= yes;
                    self.waiting.push(echo);
                }
                Err(error) => self.give_up(echo.address, &error)?,
            }
        }
        Ok(answered)
    }

    fn give_up(&mut self, address: SocketAddr, error: &io::Error) -> Result<(), Failure> {
        let words = match error.kind() {
            // What a firewall that rejects says by itself.
            io::ErrorKind::ConnectionRefused => "is there, and a firewall rejects the echo request".to_owned(),
            _ => in_words(error, self.asked.elapsed())?,
        };
        self.tried.push(format!("{} {words}", self.name(address)));
        Ok(())
    }

    fn wait(&self, until: Instant) -> Result<(), Failure> {
        let mut polled: Vec<PollFd<'_>> =
            self.waiting.iter().map(|echo| PollFd::new(echo.as_fd(), PollFlags::POLLIN)).collect();
        let left = remaining(until).as_millis().min(1000) + 1;
        match poll(&mut polled, PollTimeout::from(u16::try_from(left).unwrap_or(1))) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(errno) => {
                let detail = format!("cannot wait for an echo: {errno}");
                Err(Failure::Trouble(Trouble::new(TroubleCause::Failed, detail)))
            }
        }
    }

    fn name(&self, address: SocketAddr) -> String {
        let address = address.ip().to_string();
        if address == self.host { address } else { format!("{} ({address})", self.host) }
    }

    fn in_words(&self) -> String {
        let waited = seconds(self.asked.elapsed());
        let silent =
            |echo: &Echo| format!("{} did not answer an echo request within {waited}", self.name(echo.address));
        let silent = self.waiting.iter().map(silent);
        let all: Vec<String> = self.tried.iter().cloned().chain(silent).collect();
        if all.is_empty() { format!("{} {}", self.host, self.lookup.failure()) } else { all.join("; ") }
    }
}

fn denied() -> Trouble {
    let detail = "this user may not send echo requests: run as root, or let `sysctl net.ipv4.ping_group_range` \
                  include one of its groups";
    Trouble::new(TroubleCause::Denied, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_host_is_not_asked() {
        for wrong in ["", "a b", "u@h", "[]"] {
            let reading = ping(wrong, Instant::now() + BETWEEN);
            assert!(matches!(reading, Reading::Unreadable(trouble) if trouble.cause == TroubleCause::Malformed));
        }
    }
}
