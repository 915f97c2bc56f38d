//! A run of `fix --apply`.

use std::io;
use std::time::{Duration, Instant};

use super::begin::{Watch, pending, wait_for_guardian, wait_to_be_kept};
use super::package_lock::{self, Waited};
use super::prune::prune;
use super::{Worker, back};
use crate::catalog::Check;
use crate::commands::Ended;
use crate::commands::boot::peers::{Over, Peers};
use crate::commands::sight::{Sight, Sighted};
use crate::exit::Exit;
use crate::fix::action::needs_dpkg;
use crate::fix::book::Book;
use crate::fix::gate::Gate;
use crate::fix::rounds::{Outcome, Seen, World, rounds};
use crate::fix::standing::Standing;
use crate::fix::told;
use crate::host::change::Change;
use crate::host::runs::Runs;
use crate::judge::outlook::{Outlook, outlook};
use crate::model::finding::FindingRef;
use crate::model::plan::Planned;
use crate::model::report::{Action, ActionState, Intent};
use crate::model::run::Entry;
use crate::model::{Finding, Report, Status};

/// So long may what was mended take to show: a link comes up, a daemon connects.
const TO_SETTLE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(500);

pub fn apply(worker: &mut Worker) -> anyhow::Result<Report> {
    let sight = Sight::new(worker.subject()?, worker.wish("fix"))?;
    carry_out(worker, sight, None)
}

/// The same for what this sees to be repaired. With `peers`, each step is taken back that costs the answer of one.
pub fn carry_out(worker: &mut Worker, sight: Sight, peers: Option<&mut Peers>) -> anyhow::Result<Report> {
    let before = back::take_back_what_was_cut_off(worker)?;
    prune(worker);
    let gate = Gate {
        accepted: worker.request.accepted.clone(),
        is_guarded: worker.request.confirm_within_s.is_some(),
        ..Gate::default()
    };
    let wait_until = Instant::now() + Duration::from_secs(worker.request.lock_timeout_s);
    let mut applying = Applying {
        worker,
        sight,
        gate,
        wait_until,
        is_busy: None,
        last: None,
        runs: None,
        book: None,
        watch: None,
        peers,
    };
    let rounded = rounds(&mut applying);
    let mut outcome = rounded.map_err(|error| applying.told_what_stands(error))?;
    // Begun, and then nothing was left that might be done.
    let unused = applying.book.take();
    outcome.book = outcome.book.or(unused);
    if let Some(book) = &mut outcome.book {
        wait_to_be_kept(book, applying.watch.as_ref(), &*applying.worker.change())?;
    }
    let Applying { worker, sight, last, runs, is_busy, .. } = applying;
    let Some(seen) = last else { anyhow::bail!("nobody looked") };
    let mut report = report(worker, seen.report, before, &outcome);
    if !worker.is_unattended {
        worker.notices.extend(sight.not_found(&report));
        worker.notices.extend(how_to_wait(&report, &sight.subject.catalog.checks));
    }
    let because = outcome.book.as_ref().and_then(|book| book.standing.reverting.as_ref());
    worker.notices.extend(because.map(|because| format!("note: the run is taken back: {because}")));
    if let Some(holder) = is_busy {
        end_with(&mut report, Exit::Busy);
        worker.notices.push(format!("busy: {holder}\nhint: wait for it, or give it longer with --lock-timeout"));
    }
    end(worker, runs, outcome, &report)?;
    Ok(report)
}

/// The host as it was left, and what was done to it.
fn report(worker: &Worker, mut report: Report, before: Vec<Action>, outcome: &Outcome) -> Report {
    let pending = outcome.book.as_ref().and_then(|book| pending(&worker.request.run, &book.standing));
    let acted = outcome.book.iter().flat_map(|book| &book.standing.actions).map(told::acted);
    let waits = |action: Action| match action.state {
        ActionState::Applied if pending.is_some() => Action { state: ActionState::Pending, ..action },
        _ => action,
    };
    let acted = acted.map(waits).collect::<Vec<_>>();
    let refused = outcome.refused.iter().map(|(planned, why)| told::refused(planned, why));
    let has_taken_back = before.iter().any(|action| action.changed);
    report.actions = before.into_iter().chain(acted).chain(refused).collect();
    report.run_id.clone_from(&worker.request.run);
    report.pending = pending;
    report.changed = has_taken_back || report.actions.iter().any(|action| action.changed);
    let was_taken_back = outcome.book.as_ref().is_some_and(|book| book.standing.reverting.is_some());
    let has_missed = was_taken_back || report.actions.iter().any(|action| has_missed(action.state));
    if has_missed {
        end_with(&mut report, Exit::Unmended);
    }
    told::mention(&mut report);
    report
}

/// Whoever was just started or cut off needs a moment, which nobody waits for here.
fn how_to_wait(report: &Report, checks: &[Check]) -> Option<String> {
    let may_pass = || matches!(outlook(&report.findings, checks, Intent::After), Outlook::MayPass(_));
    let is_left = report.exit_code == Exit::Blocked.code() && report.changed && report.intent == Intent::After;
    (is_left && may_pass())
        .then(|| "note: what is still wrong may pass by itself: `hostready verify --wait 2m` waits for it".to_owned())
}

fn end_with(report: &mut Report, exit: Exit) {
    let exit = Exit::from_code(report.exit_code).merge(exit);
    report.exit_code = exit.code();
    report.failed = exit.is_failure();
}

fn has_missed(state: ActionState) -> bool {
    matches!(state, ActionState::Failed | ActionState::Refused)
}

/// A run that did nothing leaves nothing.
fn end(worker: &mut Worker, runs: Option<Runs>, outcome: Outcome, report: &Report) -> io::Result<()> {
    let (Some(runs), Some(mut book)) = (runs, outcome.book) else { return Ok(()) };
    let run = worker.request.run.clone();
    if !book.standing.has_acted() {
        return runs.forget(&run);
    }
    if !book.standing.pending && book.standing.ended.is_none() {
        book.write(Entry::Ended { exit_code: report.exit_code, message: report.msg.clone() })?;
    }
    worker.keep(&runs, &run, report);
    runs.keep_room();
    Ok(())
}

struct Applying<'w> {
    worker: &'w mut Worker,
    sight: Sight,
    gate: Gate,
    /// Until then the package manager's lock is waited for; who had it then.
    wait_until: Instant,
    is_busy: Option<String>,
    last: Option<Sighted>,
    /// Where it is written down, once it is.
    runs: Option<Runs>,
    /// The journal, until the rounds take it.
    book: Option<Book>,
    /// By whom it is taken back.
    watch: Option<Watch>,
    /// Who must not be cut off.
    peers: Option<&'w mut Peers>,
}

impl World for Applying<'_> {
    fn look(&mut self, mended: &[FindingRef]) -> anyhow::Result<Seen> {
        let end = Instant::now() + TO_SETTLE;
        loop {
            let seen = self.sight.look(&(self.worker.looking)(), true)?;
            let is_over = Instant::now() > end || self.worker.signals.is_asked_to_stop();
            if is_over || !self.may_pass(&seen.report.findings, mended) {
                self.gate.protected = seen.protected.clone();
                if self.has_waited_for_packages(&seen.planned) {
                    continue;
                }
                let rows = Seen { findings: seen.report.findings.clone(), planned: seen.planned.clone() };
                self.last = Some(seen);
                return Ok(rows);
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn forbids(&mut self, planned: &Planned) -> Option<String> {
        let is_watched = self.gate.unguarded(planned).is_some() && self.is_watched(planned);
        let gate = Gate { is_guarded: self.gate.is_guarded || is_watched, ..self.gate.clone() };
        match gate.holds(planned) {
            Some(held) => Some(held.words()),
            None if needs_dpkg(planned) && self.is_busy.is_some() => self.is_busy.clone(),
            None => self.cannot_be_written_down(planned),
        }
    }

    fn begin(&mut self, _: &[Planned]) -> Result<Book, String> {
        let mut book = self.book.take().ok_or_else(|| "it cannot be written down".to_owned())?;
        if self.worker.request.confirm_within_s.is_some() {
            match wait_for_guardian(&self.worker.request.run, &mut book) {
                Ok(watch) => self.watch = Some(watch),
                Err(why) => {
                    self.book = Some(book);
                    return Err(why);
                }
            }
        }
        Ok(book)
    }

    fn change(&self) -> Box<dyn Change> {
        self.worker.change()
    }

    fn before(&mut self) {
        if let Some(peers) = &mut self.peers {
            peers.before();
        }
    }

    fn harm(&mut self) -> Option<String> {
        self.peers.as_mut()?.harm()
    }

    fn stop(&self) -> Option<String> {
        self.worker.stop(self.watch.as_ref())
    }
}

impl Applying<'_> {
    /// Asked anew before each step: where nobody answers it could not be told what a step has cut off. Where all are silent
    /// that are known to be reached that way, and nobody speaks with this host, it is dead.
    fn is_watched(&mut self, planned: &Planned) -> bool {
        let is_spoken_with = self.gate.protected.is_spoken_with();
        self.peers.as_mut().is_some_and(|peers| match peers.over(&planned.touches) {
            Over::Answering => true,
            Over::Silent => !is_spoken_with,
            Over::Nobody => false,
        })
    }

    /// The run ends without a word in its journal, as one that was killed.
    fn told_what_stands(&self, error: anyhow::Error) -> anyhow::Error {
        let run = &self.worker.request.run;
        let lines = self.runs.as_ref().and_then(|runs| runs.read(run).ok()).unwrap_or_default();
        if !Standing::of(&lines).has_changed() {
            return error;
        }
        let message = format!(
            "{error:#}\nhint: run {run} ended here, and what it has done so far stands: `hostready undo` takes it back, \
             the same command goes on"
        );
        Ended { exit: Exit::Internal, message }.into()
    }

    /// Whether what was to be mended may still turn green by itself.
    fn may_pass(&self, findings: &[Finding], mended: &[FindingRef]) -> bool {
        let is_open = |finding: &&Finding| {
            matches!(finding.status, Status::Fail | Status::Unknown) && mended.contains(&finding.reference())
        };
        let open: Vec<Finding> = findings.iter().filter(is_open).cloned().collect();
        matches!(outlook(&open, &self.sight.subject.catalog.checks, Intent::After), Outlook::MayPass(_))
    }

    /// Whether somebody else was at the packages and has gone: what was planned is out of date.
    fn has_waited_for_packages(&mut self, planned: &[Planned]) -> bool {
        if !planned.iter().any(|it| needs_dpkg(it) && self.gate.holds(it).is_none()) {
            return false;
        }
        match package_lock::wait(self.worker, self.wait_until) {
            Waited::Not => self.is_busy = None,
            Waited::ForAWhile => return true,
            Waited::InVain(holder) => self.is_busy = Some(holder),
        }
        false
    }

    /// Why not; a journal is begun where there is none yet.
    fn cannot_be_written_down(&mut self, planned: &Planned) -> Option<String> {
        if self.runs.is_none() {
            let runs = Runs { state: self.worker.state() };
            match self.worker.begin_in(&runs) {
                Ok(book) => (self.runs, self.book) = (Some(runs), Some(book)),
                Err(error) => return self.write_down_elsewhere(planned, &error),
            }
        }
        let is_elsewhere = self.runs.as_ref().is_some_and(Runs::is_of_this_boot);
        (is_elsewhere && !frees_space(planned)).then(|| NO_JOURNAL.to_owned())
    }

    /// What frees space is what a full disk needs: its journal lasts until the next boot.
    fn write_down_elsewhere(&mut self, planned: &Planned, error: &io::Error) -> Option<String> {
        if !frees_space(planned) {
            return Some(format!("{NO_JOURNAL}: {error}"));
        }
        let runs = Runs::for_this_boot();
        match self.worker.begin_in(&runs) {
            Ok(book) => {
                let place = runs.of(&self.worker.request.run);
                self.worker.notices.push(format!(
                    "warning: {error}\nwarning: the journal of this run is in {} and lasts until the next boot",
                    place.display()
                ));
                (self.runs, self.book) = (Some(runs), Some(book));
                None
            }
            Err(again) => Some(format!("{NO_JOURNAL}: {error}; {again}")),
        }
    }
}

const NO_JOURNAL: &str = "it cannot be written down before it is done";

fn frees_space(planned: &Planned) -> bool {
    planned.frees_bytes.is_some()
}
