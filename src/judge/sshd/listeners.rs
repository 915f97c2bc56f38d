//! Does somebody answer wherever sshd is told to listen?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{ID, Sshd, Units};
use crate::catalog::Level;
use crate::catalog::kind::ssh::{DENIED, OPTIONS};
use crate::facts::Facts;
use crate::facts::sshd::{Endpoint, Options};
use crate::judge::causes::Part;
use crate::judge::outcome::Outcome;
use crate::model::answer::{Address, Banner, Unit};
use crate::model::finding::FindingRef;
use crate::model::{Query, Reading, Status, Trouble, TroubleCause};

/// A place where somebody should listen, and how that is found out.
pub struct Planned {
    endpoint: Endpoint,
    how: How,
}

enum How {
    Ask(Query),
    /// At an address that may be out of use for now, because it is somebody's own and the usual one is not there.
    AskInstead(Query),
    /// systemd listens: a connection would start what is not running.
    Socket(&'static str, Unit),
    /// No interface has the address: whoever answered would be another host.
    Elsewhere,
    /// There is no such family on this host, so that nobody can be wanted there.
    NoFamily,
    /// Within a routing domain.
    Domain(String),
}

impl Planned {
    pub fn question(self) -> Option<Query> {
        match self.how {
            How::Ask(query) | How::AskInstead(query) => Some(query),
            _ => None,
        }
    }
}

/// Where to look, without looking.
pub fn plan(sshd: &Sshd, facts: &Facts<'_>) -> Vec<Planned> {
    let endpoints = endpoints(sshd, facts).known().unwrap_or_default();
    let own = Own::of(facts);
    let socket = sshd.units.listening_socket();
    // systemd's socket for all of IPv6 takes the callers of IPv4 too, unless it has a socket for those; sshd's does not.
    let is_for_both = |endpoint: &Endpoint| {
        let is_v4 = |other: &Endpoint| other.port == endpoint.port && other.address() == Some(V4_ANY);
        socket.is_some() && !endpoints.iter().any(is_v4)
    };
    let planned = |endpoint: &Endpoint| {
        let asked = |host: String| Query::Banner(Endpoint { host, ..endpoint.clone() }.to_string());
        let how = match (&endpoint.domain, endpoint.address(), socket) {
            (_, _, Some((name, unit))) if sshd.units.waits_for_a_connection() => How::Socket(name, unit.clone()),
            (Some(domain), _, _) => How::Domain(domain.clone()),
            (None, Some(any), _) if any.is_unspecified() => match own.one_of(any, is_for_both(endpoint)) {
                Some(address) if address.is_loopback() => How::Ask(asked(address.to_string())),
                Some(address) => How::AskInstead(asked(address.to_string())),
                None => How::NoFamily,
            },
            (None, Some(address), _) if !own.has(address) => How::Elsewhere,
            _ => How::Ask(asked(endpoint.host.clone())),
        };
        Planned { endpoint: endpoint.clone(), how }
    };
    endpoints.iter().map(planned).collect()
}

const V4_ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const V4_OWN: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6_OWN: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// The addresses of this host, where they are known.
struct Own(Option<Vec<IpAddr>>);

impl Own {
    fn of(facts: &Facts<'_>) -> Self {
        let address = |row: &Address| row.address.split('/').next()?.parse().ok();
        let rows = facts.reading::<Vec<Address>>(&Query::Addresses).known();
        Self(rows.map(|rows| rows.iter().filter_map(address).collect()))
    }

    fn has(&self, address: IpAddr) -> bool {
        address == V4_OWN || self.0.as_ref().is_none_or(|own| own.contains(&address))
    }

    /// Where one on this host asks who listens at `any` address of a family. With IPv6 switched off ::1 goes, and the
    /// addresses that somebody gave to a bridge of his own stay.
    fn one_of(&self, any: IpAddr, is_for_both: bool) -> Option<IpAddr> {
        let is_of_family = |address: &&IpAddr| address.is_ipv4() == any.is_ipv4() && !is_of_a_link(address);
        let loopback = if any.is_ipv4() { V4_OWN } else { V6_OWN };
        match &self.0 {
            _ if self.has(loopback) => Some(loopback),
            _ if is_for_both => Some(V4_OWN),
            own => own.iter().flatten().find(is_of_family).copied(),
        }
    }
}

/// It means nothing without the name of its link.
fn is_of_a_link(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Where the socket unit or else sshd's configuration says.
fn endpoints(sshd: &Sshd, facts: &Facts<'_>) -> Reading<Vec<Endpoint>> {
    if let Some((name, _)) = sshd.units.listening_socket() {
        let listens = facts.reading::<Vec<String>>(&Query::Listens((*name).to_owned()));
        return listens.map(|listens| listens.iter().filter_map(|text| Endpoint::parse(text)).collect());
    }
    match sshd.read.known() {
        Some(configuration) => Reading::Known(configuration.endpoints()),
        // It is the configuration that is told to be unreadable.
        None => Reading::Absent,
    }
}

pub fn judge(sshd: &Sshd, facts: &Facts<'_>) -> Vec<Outcome> {
    if let (Reading::Unreadable(trouble), Some((name, _))) = (endpoints(sshd, facts), sshd.units.listening_socket()) {
        return vec![Outcome::unknown(*name, &trouble).asking(Query::Listens((*name).to_owned()))];
    }
    let plan = plan(sshd, facts);
    let mut outcomes: Vec<Outcome> = plan.iter().filter_map(|planned| judge_one(planned, sshd, facts)).collect();
    soften(&plan, &mut outcomes);
    hang_below_the_first(sshd, &mut outcomes);
    outcomes
}

fn judge_one(planned: &Planned, sshd: &Sshd, facts: &Facts<'_>) -> Option<Outcome> {
    let subject = planned.endpoint.to_string();
    let outcome = match &planned.how {
        How::NoFamily => return None,
        How::Domain(domain) => {
            return Some(Outcome::pass(subject, format!("within the routing domain {domain}: not connected")));
        }
        How::Socket(name, unit) => judge_socket(&subject, name, unit),
        How::Elsewhere => {
            let detail = format!("no interface has the address of {subject}: sshd cannot listen there");
            missing(Outcome::fail(&subject, Some("no-listener"), detail), sshd)
        }
        How::AskInstead(asked) if is_idle(asked, facts) => return None,
        How::AskInstead(asked) | How::Ask(asked) => judge_answer(&subject, asked, sshd, facts).asking(asked.clone()),
    };
    let outcome = if sshd.units.service_runs() { outcome } else { Units::touched_by(outcome) };
    // At an address that is gone, or not up, nobody listens.
    Some(outcome.expecting("greeting", "SSH-2.0-").touching(Part::Peer(subject)))
}

/// There is no way yet to the address of a bridge that nobody is on. That says nothing of who listens everywhere.
fn is_idle(asked: &Query, facts: &Facts<'_>) -> bool {
    matches!(facts.reading::<Banner>(asked), Reading::Known(Banner::NotReached { reason }) if !reason.ends_with(REFUSED))
}

fn judge_socket(subject: &str, name: &str, unit: &Unit) -> Outcome {
    let state = format!("{} ({})", unit.active, unit.sub);
    let outcome = match unit.sub.as_str() {
        "listening" | "running" => {
            let detail = format!("{name} listens at {subject} and starts sshd for whoever connects: not connected");
            Outcome::pass(subject, detail)
        }
        _ => Outcome::fail(subject, Some("no-listener"), format!("{name} does not listen at {subject}: it is {state}")),
    };
    outcome.observing("socket", state).asking(Query::Unit(name.to_owned()))
}

fn denies_somebody(facts: &Facts<'_>) -> bool {
    let rules = facts.reading::<Vec<u8>>(&Query::File(DENIED.to_owned())).known();
    let is_rule = |line: &[u8]| !matches!(line.trim_ascii().first(), None | Some(b'#'));
    rules.is_some_and(|text| text.split(|byte| *byte == b'\n').any(is_rule))
}

/// How the reason ends where nobody listens, which the row says in words of its own.
const REFUSED: &str = ": nothing listens there";

fn judge_answer(subject: &str, asked: &Query, sshd: &Sshd, facts: &Facts<'_>) -> Outcome {
    match facts.reading::<Banner>(asked) {
        Reading::Known(Banner::Said(greeting)) => judge_greeting(subject, greeting),
        Reading::Known(Banner::Silent { reason, hung_up }) => {
            let detail = format!("no greeting of SSH at {subject}: {reason}");
            let outcome = Outcome::fail(subject, Some("no-greeting"), detail);
            // libwrap lets whom it turns away wait for longer than we do.
            let may_be_turned_away = *hung_up || denies_somebody(facts);
            let outcome = if may_be_turned_away && sshd.units.service_runs() { turned_away(outcome) } else { outcome };
            outcome.observing("reason", reason.clone())
        }
        Reading::Known(Banner::NotReached { reason }) => {
            if let Some(trouble) = started_otherwise(sshd, facts) {
                return Outcome::unknown(subject, &trouble).at_most(Level::Warn);
            }
            let complaint = sshd.units.complaint().map(|complaint| format!("; {complaint}")).unwrap_or_default();
            let seen = reason.trim_end_matches(REFUSED);
            let detail = format!("nobody listens at {subject}: {seen}{complaint}");
            missing(Outcome::fail(subject, Some("no-listener"), detail).observing("reason", reason.clone()), sshd)
        }
        Reading::Absent => Outcome::undetermined(subject, TroubleCause::Failed.as_str(), "nothing was tried"),
        Reading::Unreadable(trouble) if trouble.cause == TroubleCause::NotAsked => {
            let detail = format!("nobody asked at {subject}: a file that is included late names it");
            Outcome::unknown(subject, &Trouble::new(TroubleCause::NotAsked, detail)).at_most(Level::Warn)
        }
        Reading::Unreadable(trouble) => Outcome::unknown(subject, &trouble),
    }
}

/// sshd has nothing against others where it hangs up on this host itself.
fn turned_away(outcome: Outcome) -> Outcome {
    let detail = format!(
        "{}; sshd runs, and may turn away this host alone: see /etc/hosts.deny, and MaxStartups in sshd_config",
        outcome.detail
    );
    Outcome { detail, ..outcome }.at_most(Level::Warn)
}

fn judge_greeting(subject: &str, greeting: &str) -> Outcome {
    let outcome = if greeting.starts_with("SSH-2.0-") || greeting.starts_with("SSH-1.99-") {
        Outcome::pass(subject, format!("{subject} answers: {greeting}"))
    } else if matches!(greeting, "Exceeded MaxStartups" | "Not allowed at this time") {
        // It is there, and turns callers away for a while: MaxStartups, PerSourcePenalties.
        let detail = format!("sshd at {subject} turns us away for now: `{greeting}`");
        Outcome::fail(subject, Some("no-greeting"), detail).at_most(Level::Warn)
    } else {
        Outcome::fail(subject, Some("no-greeting"), format!("{subject} answers, and not with SSH: `{greeting}`"))
    };
    outcome.observing("greeting", greeting)
}

/// Nobody listens because sshd does not start, where that is so.
fn missing(outcome: Outcome, sshd: &Sshd) -> Outcome {
    let is_broken = sshd.read.known().is_none_or(|configuration| !configuration.faults.is_empty());
    match sshd.units.masked_service() {
        _ if sshd.units.service_runs() => outcome,
        _ if is_broken => outcome.because_of(ID, &sshd.read.path),
        Some(masked) => outcome.because_of(ID, masked),
        None => outcome,
    }
}

/// An sshd that does not run is missed at all of its addresses: that is told once.
fn hang_below_the_first(sshd: &Sshd, outcomes: &mut [Outcome]) {
    let is_missing = |outcome: &&mut Outcome| outcome.cause == Some("no-listener") && outcome.caused_by.is_none();
    let mut missing = outcomes.iter_mut().filter(is_missing);
    let first = missing.next().filter(|_| !sshd.units.service_runs()).map(|outcome| outcome.subject.clone());
    if let Some(first) = first {
        missing.for_each(|outcome| outcome.caused_by = Some(FindingRef { id: ID.to_owned(), subject: first.clone() }));
    }
}

/// Where the sshd that runs was told something else than the files say: it listens where that says.
fn started_otherwise(sshd: &Sshd, facts: &Facts<'_>) -> Option<Trouble> {
    if sshd.read.known().is_some_and(|configuration| !configuration.unread.is_empty()) {
        return Some(Trouble::new(TroubleCause::NotAsked, "a file that was not read may say where sshd listens"));
    }
    let pid = sshd.units.main_pid()?;
    let command = facts.reading::<Vec<u8>>(&Query::File(format!("/proc/{pid}/cmdline"))).known()?;
    let command = String::from_utf8_lossy(command);
    // `sshd: /usr/sbin/sshd -D -p 2222 [listener] 0 of 10-100 startups`, or the words as they were given.
    let words = command.split(['\0', ' ']).filter(|word| !word.is_empty());
    let own = words.skip_while(|word| !word.starts_with('/')).skip(1).take_while(|word| *word != "[listener]");
    let own = Options::parse(own);
    (own != sshd.read.options).then(|| {
        let detail =
            format!("sshd was started with other options than {OPTIONS} has: `{}`", command.replace('\0', " ").trim());
        Trouble::new(TroubleCause::Failed, detail)
    })
}

/// Who gets in at another address than this host's own is not locked out.
fn soften(plan: &[Planned], outcomes: &mut [Outcome]) {
    let is_outward = |planned: &Planned| planned.endpoint.address().is_none_or(|address| !address.is_loopback());
    let outward: Vec<String> = plan.iter().filter(|one| is_outward(one)).map(|one| one.endpoint.to_string()).collect();
    let gets_in = |outcome: &Outcome| outcome.status == Status::Pass && outward.contains(&outcome.subject);
    if outcomes.iter().any(gets_in) {
        for outcome in outcomes.iter_mut().filter(|outcome| outcome.status == Status::Fail) {
            outcome.at_most = Some(outcome.at_most.map_or(Level::Warn, |level| level.min(Level::Warn)));
        }
    }
}
