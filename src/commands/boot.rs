//! `hostready boot`, which a unit starts at each boot: takes back what nobody has kept when the host went down, and, on a
//! host that is armed, brings back the NICs and ports of the baseline that are missing.

mod duty;
mod judged;
pub mod peers;
pub mod survives;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use clap::Args;

use self::duty::Duty;
use self::judged::{Ended, with_what_was_done};
use self::peers::Peers;
use super::follow::homes;
use super::guard::{AGAIN_AFTER, IN_TIME, TRIES, ended, wait_for_what_is_left};
use super::options::{StateOptions, duration};
use super::sight::{Sight, Sighted};
use super::work::{Worker, apply, left_of_boot, take_back_what_was_cut_off};
use super::{Changing, Looking, kept, write};
use crate::catalog::Check;
use crate::exit::{Exit, FailOn};
use crate::fix::unattended;
use crate::host::lock::{Refused, RunLock};
use crate::host::session;
use crate::host::snapshots::Snapshots;
use crate::host::store::Store;
use crate::host::{armed, boot, lock, run_id};
use crate::model::armed::Armed;
use crate::model::run::Request;
use crate::model::{Answer, Query, Reading};
use crate::report::json;

const VSWITCHD: &str = "ovs-vswitchd.service";
const PAUSE: Duration = Duration::from_millis(500);
/// What comes up after a repair has at least so long for it.
const TO_SETTLE: Duration = Duration::from_secs(15);

#[derive(Clone, Debug, Args)]
pub struct Boot {
    /// So long Open vSwitch and the NICs of the baseline are waited for
    #[arg(long = "for", value_parser = duration, default_value = "90s", value_name = "DURATION", hide = true)]
    wait: Duration,
    #[command(flatten)]
    state: StateOptions,
}

impl Boot {
    pub fn run(&self, looking: Looking, changing: Changing, store: &Store) -> anyhow::Result<u8> {
        let signals = session::settle().context("cannot leave the session")?;
        let state = self.state.directory();
        let _lock = match RunLock::take("boot") {
            Ok(lock) => lock,
            // Whoever goes on takes back first of all what nobody kept.
            Err(Refused::Busy(other)) => {
                let other = other.unwrap_or_else(|| "of unknown name".to_owned());
                say(&format!("another run goes on ({other}), and has the say: nothing is done"));
                return Ok(Exit::Ready.code());
            }
            Err(Refused::Failed(error)) => anyhow::bail!("cannot take the lock under {}: {error}", lock::DIRECTORY),
        };
        wait_for_what_is_left();
        let taken_back = take_back_unconfirmed(&state, changing)?;
        let Some(counted) = watch(&state, store)? else { return Ok(taken_back.unwrap_or(Exit::Ready).code()) };
        if let Some(exit) = taken_back {
            // What a person has not kept is not made again behind his back.
            say("a change that nobody confirmed is taken back: nothing else is done in this boot");
            disarm_after_the_last(&counted, &state, store)?;
            return Ok(exit.code());
        }
        let worker =
            Worker { request: request(&state), looking, changing, signals, is_unattended: true, notices: Vec::new() };
        let guard = BootGuard { worker, state, counted, until: Instant::now() + self.wait };
        guard.look_after(store)?;
        // What is wrong with the host is told by the report; the unit has done what it is there for.
        Ok(Exit::Ready.code())
    }
}

fn say(words: &str) {
    write::say(&format!("hostready: {words}"));
}

/// Takes back what nobody has kept; none where there was nothing. What could not be is tried again: devices come when they
/// come.
fn take_back_unconfirmed(state: &Path, changing: Changing) -> anyhow::Result<Option<Exit>> {
    let homes = homes(state);
    let mut left = left_of_boot(&homes, &*changing())?;
    for _ in 1..TRIES {
        if left.iter().all(|(_, errors)| errors.is_empty()) {
            break;
        }
        std::thread::sleep(AGAIN_AFTER);
        left = left_of_boot(&homes, &*changing())?;
    }
    for (run, errors) in &left {
        let Some(runs) = homes.iter().find(|runs| runs.exists(run)) else { continue };
        runs.resume(run).and_then(|mut journal| crate::host::runs::Log::write(&mut journal, ended(IN_TIME, errors)))?;
        kept::amend(runs, run);
        let words = if errors.is_empty() { "is taken back".to_owned() } else { errors.join("; ") };
        say(&format!("run {run}, which nobody confirmed: {words}"));
    }
    let is_whole = left.iter().all(|(_, errors)| errors.is_empty());
    Ok((!left.is_empty()).then_some(if is_whole { Exit::Ready } else { Exit::Unmended }))
}

/// The arming, this boot counted and on the disk; none where nothing is to be done, which it says.
fn watch(state: &Path, store: &Store) -> anyhow::Result<Option<Armed>> {
    let place = armed::path(state);
    let place = place.display();
    let read = Snapshots { state: state.to_owned() }
        .is_safe()
        .map_err(std::io::Error::other)
        .and_then(|()| armed::read(state));
    let found = match read {
        Ok(None) => return Ok(None),
        Ok(Some(found)) => found,
        Err(error) => {
            say(&format!("{place}: {error}\nhint: nothing is done; `hostready snapshot --arm` arms this host anew"));
            return Ok(None);
        }
    };
    match duty::of(found, &boot::id().unwrap_or_default(), SystemTime::now()) {
        Duty::Rest(why) => say(&format!("nothing is done: {why}")),
        Duty::Disarm(why) => {
            armed::remove(store, state).with_context(|| format!("cannot remove {place}"))?;
            say(&format!("this host is not armed any more: {why}; nothing is done"));
        }
        Duty::Watch(counted) => {
            armed::write(store, state, &counted)
                .with_context(|| format!("{place} cannot be written, so nothing is done"))?;
            return Ok(Some(counted));
        }
    }
    Ok(None)
}

fn disarm_after_the_last(counted: &Armed, state: &Path, store: &Store) -> std::io::Result<()> {
    if counted.boots_left == 0 { armed::remove(store, state) } else { Ok(()) }
}

/// What a person would have asked for who consents to nothing.
fn request(state: &Path) -> Request {
    Request {
        run: run_id::new(),
        undo: None,
        wanted: unattended::FIXES.map(str::to_owned).into(),
        accepted: Vec::new(),
        confirm_within_s: None,
        lock_timeout_s: 0,
        timeout_s: 30,
        profiles: Vec::new(),
        config: None,
        state: state.display().to_string(),
        intent: None,
        fail_on: FailOn::Block,
        session: None,
        service: None,
    }
}

struct BootGuard {
    worker: Worker,
    state: PathBuf,
    counted: Armed,
    /// Until then what may come up by itself is waited for.
    until: Instant,
}

impl BootGuard {
    fn look_after(mut self, store: &Store) -> anyhow::Result<()> {
        let armed_with = &self.counted.baseline;
        let baseline = Snapshots { state: self.state.clone() }.baseline_name();
        if baseline.as_ref() != Some(armed_with) {
            say(&format!("nothing is done: it was armed with {armed_with}, and that is not the baseline any more"));
            return Ok(disarm_after_the_last(&self.counted, &self.state, store)?);
        }
        take_back_what_was_cut_off(&mut self.worker)?;
        let mut sight = self.sight()?;
        let mut peers = Peers::new(self.worker.looking, sight.peers_before());
        let first = self.settled(&mut sight, judged::awaits)?;
        let wrong = judged::wrong(&first.report.findings, &sight.subject.catalog.checks);
        let mut acted = None;
        if !first.planned.is_empty() {
            acted = Some(apply::carry_out(&mut self.worker, sight, Some(&mut peers))?);
            self.until = self.until.max(Instant::now() + TO_SETTLE);
            sight = self.sight()?;
        }
        // What was repaired may bring up the rest: an address, a bond.
        let last = if acted.is_some() { self.settled(&mut sight, judged::comes_up)? } else { first };
        let checks = &sight.subject.catalog.checks;
        let left = judged::wrong(&last.report.findings, checks);
        let beside = judged::beside(&last.report.findings, checks);
        let report = acted.map_or(last.report.clone(), |acted| with_what_was_done(last.report.clone(), acted));
        let ended = Ended { wrong, left, beside, report, is_harmed: peers.is_harmed };
        self.end(&ended, &peers, store)
    }

    fn end(&self, ended: &Ended, peers: &Peers, store: &Store) -> anyhow::Result<()> {
        self.worker.notices.iter().for_each(|notice| say(notice));
        let disarmed = ended.disarms(self.counted.boots_left);
        if disarmed.is_some() {
            armed::remove(store, &self.state)
                .with_context(|| format!("cannot remove {}", armed::path(&self.state).display()))?;
        }
        ended.lines(&self.state, &self.since(peers)).iter().for_each(|line| say(line));
        say(&disarmed.unwrap_or_else(|| {
            let Armed { until, boots_left, .. } = &self.counted;
            format!("it stays armed until {until}, for {boots_left} more of its boots")
        }));
        let kept = armed::keep_report(store, &self.state, &|out| json::write(&ended.report, out));
        kept.with_context(|| format!("cannot keep the report in {}", armed::report(&self.state).display()))
    }

    /// When the last repair was made, counted from Open vSwitch and from the boot.
    fn since(&self, peers: &Peers) -> String {
        let Some(made_ms) = peers.made_ms else { return String::new() };
        let unit = (self.worker.looking)().ask(&Query::Unit(VSWITCHD.to_owned()));
        let seconds = |ms: u64| format!("{}.{} s after", ms / 1000, ms % 1000 / 100);
        let of_switch = match unit {
            Reading::Known(Answer::Unit(unit)) if unit.active_since_us > 0 => {
                format!("{} Open vSwitch was up, ", seconds(made_ms.saturating_sub(unit.active_since_us / 1000)))
            }
            _ => String::new(),
        };
        format!("repaired {of_switch}{} the boot", seconds(made_ms))
    }

    fn sight(&self) -> anyhow::Result<Sight> {
        Ok(Sight::new(self.worker.subject()?, self.worker.wish("boot"))?.unattended())
    }

    /// The first look in which nothing is awaited, or the last within the time.
    fn settled(&self, sight: &mut Sight, awaits: fn(&Sighted, &[Check]) -> bool) -> anyhow::Result<Sighted> {
        loop {
            let seen = sight.glance(&(self.worker.looking)())?;
            let is_over = Instant::now() >= self.until || self.worker.signals.is_asked_to_stop();
            if is_over || !awaits(&seen, &sight.subject.catalog.checks) {
                return Ok(seen);
            }
            std::thread::sleep(PAUSE);
        }
    }
}
