//! `hostready work RUN`: carries out what `fix --apply` or `undo` asked for, in a session of its own. The one verb that
//! changes the host.

pub(super) mod apply;
mod back;
mod begin;
mod package_lock;
mod pins;
mod prune;
mod turned;

pub(super) use back::take_back_what_was_cut_off;
pub use back::{Past, last, last_of_fix, left_of_boot, past, say_what_was_cut_off};

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use package_lock::Patient;

use super::fix::is_a_name;
use super::follow::homes;
use super::load::{self, Subject};
use super::sight::Wish;
use super::{Changing, Ended, Looking, UsageError, kept, usage};
use crate::exit::Exit;
use crate::fix::standing::Standing;
use crate::host::at_work;
use crate::host::change::Change;
use crate::host::handover::{Answer, Handover};
use crate::host::lock::{Refused, RunLock, holder};
use crate::host::runs::Runs;
use crate::host::session::{self, Signals};
use crate::model::Report;
use crate::model::report::Intent;
use crate::model::run::Request;
use crate::report::time;

const FOR_WHAT_IS_LEFT: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Args)]
pub struct Work {
    run: String,
}

/// What a run is carried out with.
pub(super) struct Worker {
    pub request: Request,
    pub looking: Looking,
    pub changing: Changing,
    pub signals: Signals,
    /// Nobody asked for it: packages are left alone.
    pub is_unattended: bool,
    /// What is to be said beside the report.
    pub notices: Vec<String>,
}

impl Work {
    /// The exit code is for the log of whoever started us; the answer is in the handover.
    pub fn run(&self, looking: Looking, changing: Changing) -> anyhow::Result<u8> {
        let signals = session::settle().context("cannot leave the session")?;
        if !is_a_name(&self.run) {
            return Err(usage(format!("`{}` names no run", self.run), "this verb is not for typing"));
        }
        let handover = Handover::of(&self.run);
        let (_alive, request) = handover.take().context("there is nothing to be done, or somebody does it already")?;
        let mut worker = Worker { request, looking, changing, signals, is_unattended: false, notices: Vec::new() };
        let ended = catch_unwind(AssertUnwindSafe(|| worker.work()));
        let answer = match ended {
            Ok(Ok(report)) => Answer::Report { report: Box::new(report), notices: worker.notices },
            Ok(Err(error)) => Answer::Error { exit_code: exit(&error).code(), message: format!("{error:#}") },
            Err(_) => Answer::Error {
                exit_code: Exit::Internal.code(),
                message:
                    "a bug in hostready ended the run; what it has done so far stands\nhint: `hostready undo` takes \
                          it back; report it, with the bundle that `hostready bundle` makes"
                        .to_owned(),
            },
        };
        let code = match &answer {
            Answer::Report { report, .. } => report.exit_code,
            Answer::Error { exit_code, .. } => *exit_code,
        };
        handover.answer(&answer).context("cannot leave the answer")?;
        Ok(code)
    }
}

fn exit(error: &anyhow::Error) -> Exit {
    match error.downcast_ref::<Ended>() {
        Some(ended) => ended.exit,
        None if error.is::<UsageError>() => Exit::Usage,
        None => Exit::Internal,
    }
}

impl Worker {
    fn work(&mut self) -> anyhow::Result<Report> {
        // Locked first, read then: what another run was doing is done.
        let _lock = self.lock()?;
        // One that hangs for ever is no reason to leave the host as it is.
        self.notices.extend(at_work::wait(FOR_WHAT_IS_LEFT).err());
        match self.request.undo.clone() {
            Some(run) => back::take_back(self, &run),
            None => apply::apply(self),
        }
    }

    /// The lock of a run that is to be confirmed is its guardian's. A run that waits to be confirmed is taken back in
    /// spite of it: that is what its guardian is there for.
    fn lock(&self) -> anyhow::Result<Option<RunLock>> {
        let run = &self.request.run;
        if self.request.confirm_within_s.is_some() {
            return match holder() {
                Some(holder) if holder == *run => Ok(None),
                _ => anyhow::bail!("nobody watches over the run {run}; nothing was changed"),
            };
        }
        let other = match RunLock::take(run) {
            Ok(lock) => return Ok(Some(lock)),
            Err(Refused::Busy(other)) => other.unwrap_or_else(|| "of unknown name".to_owned()),
            Err(Refused::Failed(error)) => {
                return Err(anyhow::Error::new(error).context("cannot take the lock under /run/hostready"));
            }
        };
        let means_it = self.request.undo.as_ref().is_some_and(|run| run.is_empty() || *run == other);
        let guard = guarded(&self.state(), &other);
        // Whoever made it is done, or dead.
        let is_left = guard.as_ref().is_some_and(|(_, pending)| *pending || !Handover::of(&other).is_taken());
        if means_it && is_left {
            return Ok(None);
        }
        Err(busy(&other, pending(&self.state(), &other).as_deref()))
    }

    pub fn wish(&self, verb: &'static str) -> Wish {
        Wish {
            verb,
            run: self.request.run.clone(),
            wanted: self.request.wanted.clone(),
            intent: self.request.intent.as_deref().and_then(Intent::parse),
            profiles: self.request.profiles.clone(),
            state: PathBuf::from(&self.request.state),
            timeout: Duration::from_secs(self.request.timeout_s),
            fail_on: self.request.fail_on,
            session: self.request.session.clone(),
            service: self.request.service.clone(),
        }
    }

    pub fn subject(&self) -> anyhow::Result<Subject> {
        load::live((self.looking)(), self.request.config.as_deref().map(Path::new))
    }

    fn change(&self) -> Box<dyn Change> {
        let until = Instant::now() + Duration::from_secs(self.request.lock_timeout_s);
        Box::new(Patient { host: (self.changing)(), until })
    }

    fn state(&self) -> PathBuf {
        PathBuf::from(&self.request.state)
    }

    /// Keeps the report beside the journal. Where it cannot be kept, it is printed all the same.
    fn keep(&mut self, runs: &Runs, run: &str, report: &Report) {
        if let Err(error) = kept::keep(runs, run, report) {
            self.notices.push(format!("warning: the report is not kept in {}: {error}", runs.of(run).display()));
        }
        // Its guardian may have been quicker.
        if report.pending.is_some() {
            kept::amend(runs, run);
        }
    }
}

/// When a guardian takes this run back, where one does, and whether it waits to be confirmed.
fn guarded(state: &Path, run: &str) -> Option<(String, bool)> {
    let runs = homes(state).into_iter().find(|runs| runs.exists(run))?;
    let standing = Standing::of(&runs.read(run).ok()?);
    let is_open = standing.is_over().is_none() && !standing.confirmed;
    standing.guard.filter(|_| is_open).map(|guard| (guard.deadline, standing.pending))
}

/// Until when this run waits to be confirmed, where it does.
pub fn pending(state: &Path, run: &str) -> Option<String> {
    guarded(state, run).filter(|(_, pending)| *pending).map(|(deadline, _)| deadline)
}

pub fn busy(other: &str, pending: Option<&str>) -> anyhow::Error {
    let (goes_on, hint) = match pending {
        Some(deadline) => (
            format!("run {other} waits to be confirmed, until {}", time(deadline)),
            "`hostready confirm` keeps it, `hostready undo` takes it back",
        ),
        None => (format!("another run goes on: {other}"), "`hostready fix --attach` follows it"),
    };
    let message = format!("{goes_on}\nhint: {hint}; nothing was changed by this one");
    Ended { exit: Exit::Busy, message }.into()
}
