//! Who answered before a step, and does not any more after it.

use std::time::{Duration, Instant};

use crate::commands::Looking;
use crate::host::asking::ask_all;
use crate::host::boot;
use crate::judge::topology::Part;
use crate::model::answer::Contact;
use crate::model::sorted::SortedSet;
use crate::model::{Answer, Answers, Query, Reading};

/// So long has somebody who answered before to answer again: a link comes up, a switch forwards, an address is announced.
const TO_ANSWER: Duration = Duration::from_secs(20);
/// Whoever is silent before a step is not waited for: the host is without a network.
const BEFORE: Duration = Duration::from_secs(2);
const AFTER: Duration = Duration::from_secs(5);
/// What cuts somebody off does not do so at once: an address is learnt anew, a loop fills.
const TO_SHOW: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub struct Peers {
    looking: Looking,
    all: Vec<Peer>,
    /// Those that did before the step that is made.
    answered: Vec<Query>,
    /// When the last fix was made: milliseconds since the boot.
    pub made_ms: Option<u64>,
    /// Somebody does not answer any more.
    pub is_harmed: bool,
}

/// Somebody who answers, and the devices that he was reached over.
#[derive(Debug)]
pub struct Peer {
    pub asked: Query,
    pub over: SortedSet<String>,
}

/// Of those who were reached over some devices.
#[derive(Debug, PartialEq, Eq)]
pub enum Over {
    Answering,
    Silent,
    /// Nobody is known to have been.
    Nobody,
}

impl Peers {
    pub fn new(looking: Looking, all: Vec<Peer>) -> Self {
        Self { looking, all, answered: Vec::new(), made_ms: None, is_harmed: false }
    }

    pub fn before(&mut self) {
        let all: Vec<Query> = self.all.iter().map(|peer| peer.asked.clone()).collect();
        self.answered = answering(&self.ask(&all, BEFORE));
    }

    /// Whether anybody answers by whom harm to these devices would show.
    pub fn over(&mut self, touched: &[String]) -> Over {
        self.before();
        over(&self.all, &self.answered, touched)
    }

    /// Why what was just made is to be taken back.
    pub fn harm(&mut self) -> Option<String> {
        let made_ms = boot::now_ms().ok();
        if !self.answered.is_empty() {
            std::thread::sleep(TO_SHOW);
        }
        let end = Instant::now() + TO_ANSWER;
        let mut missed = self.answered.clone();
        while !missed.is_empty() {
            missed = lost(&missed, &answering(&self.ask(&missed, AFTER)));
            if Instant::now() > end {
                break;
            }
        }
        if missed.is_empty() {
            self.made_ms = made_ms;
            return None;
        }
        self.is_harmed = true;
        let names: Vec<String> = missed.iter().map(name).collect();
        Some(format!("{} answered before it, and not after it", names.join(", ")))
    }

    fn ask(&self, whom: &[Query], within: Duration) -> Answers {
        ask_all(&(self.looking)(), whom.iter().cloned(), Instant::now() + within)
    }
}

fn answering(answers: &Answers) -> Vec<Query> {
    let is_reached =
        |reading: &Reading<Answer>| matches!(reading, Reading::Known(Answer::Contact(Contact::Reached { .. })));
    answers.0.iter().filter(|(_, asked)| is_reached(&asked.reading)).map(|(query, _)| query.clone()).collect()
}

/// Who is reached another way answers whatever becomes of these.
fn over(all: &[Peer], answered: &[Query], touched: &[String]) -> Over {
    let mut theirs = all.iter().filter(|peer| touched.iter().any(|device| peer.over.contains(device))).peekable();
    match (theirs.peek().is_some(), theirs.any(|peer| answered.contains(&peer.asked))) {
        (false, _) => Over::Nobody,
        (true, false) => Over::Silent,
        (true, true) => Over::Answering,
    }
}

/// What a peer is reached by. Behind a proxy lies what the proxy reaches, and behind a link what is on it.
pub fn reached_by(asked: &Query) -> Part {
    let target = match asked {
        Query::Http(target) => target.proxy.as_deref().unwrap_or(&target.url).to_owned(),
        other => name(other),
    };
    match target.split_once('%') {
        Some((_, device)) if matches!(asked, Query::Ping(_)) => Part::Device(device.to_owned()),
        _ => Part::Peer(target),
    }
}

/// Of those that answered before, who does not now. Who did not before says nothing.
fn lost(before: &[Query], now: &[Query]) -> Vec<Query> {
    before.iter().filter(|peer| !now.contains(peer)).cloned().collect()
}

/// `ping:192.0.2.1` → `192.0.2.1`
fn name(peer: &Query) -> String {
    let key = peer.to_string();
    key.split_once(':').map_or(key.clone(), |(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gather::Gather as _;
    use crate::model::query::HttpTarget;

    #[test]
    fn who_is_reached_another_way_shows_no_harm() {
        let peer = |name: &str, over: &[&str]| Peer {
            asked: Query::Ping(name.to_owned()),
            over: over.iter().map(|device| (*device).to_owned()).gather(),
        };
        let all = [peer("192.0.2.1", &["br-ex", "eno1"]), peer("198.51.100.1", &["br-stor"])];
        let answered: Vec<Query> = all.iter().map(|peer| peer.asked.clone()).collect();
        let shown = |answered: &[Query], touched: &str| over(&all, answered, &[touched.to_owned()]);
        assert_eq!(shown(&answered, "eno1"), Over::Answering);
        assert_eq!(shown(&answered[1..], "br-ex"), Over::Silent, "the other one does not count");
        assert_eq!(shown(&answered[1..], "br-stor"), Over::Answering);
        assert_eq!(shown(&answered, "bond1"), Over::Nobody);
    }

    #[test]
    fn a_peer_is_reached_by_its_address_its_proxy_or_its_link() {
        let peer = |target: &str| Part::Peer(target.to_owned());
        assert_eq!(reached_by(&Query::Ping("192.0.2.1".to_owned())), peer("192.0.2.1"));
        assert_eq!(reached_by(&Query::Ping("fe80::1%eno1".to_owned())), Part::Device("eno1".to_owned()));
        assert_eq!(reached_by(&Query::Tcp("[2001:db8::1]:443".to_owned())), peer("[2001:db8::1]:443"));
        let url = HttpTarget::from("https://pcd.example/%7E");
        let behind = HttpTarget { proxy: Some("http://192.0.2.9:3128".to_owned().try_into().unwrap()), ..url.clone() };
        assert_eq!(reached_by(&Query::Http(url)), peer("https://pcd.example/%7E"));
        assert_eq!(reached_by(&Query::Http(behind)), peer("http://192.0.2.9:3128"));
    }

    #[test]
    fn who_never_answered_is_not_missed() {
        let peer = |name: &str| Query::Ping(name.to_owned());
        let (one, two, three) = (peer("192.0.2.1"), peer("192.0.2.2"), peer("fe80::1%eno1"));
        assert_eq!(lost(&[one.clone(), two.clone()], &[one.clone(), three.clone()]), [two]);
        assert_eq!(lost(&[], &[]), [] as [Query; 0]);
        assert_eq!(lost(std::slice::from_ref(&one), std::slice::from_ref(&one)), [] as [Query; 0]);
        assert_eq!(name(&three), "fe80::1%eno1");
    }
}
