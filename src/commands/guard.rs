//! `hostready guard RUN`: starts the worker of a run that is to be confirmed, watches over it, and takes it back at its
//! deadline unless somebody keeps it.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use clap::Args;

use super::boot::survives;
use super::fix::is_a_name;
use super::follow::{WORK, homes};
use super::work::busy;
use super::{Changing, Looking, kept, usage, write};
use crate::exit::Exit;
use crate::fix::book::Book;
use crate::fix::standing::Standing;
use crate::fix::undo;
use crate::host::at_work;
use crate::host::boot;
use crate::host::handover::{Answer, Handover};
use crate::host::lock::{Refused, RunLock};
use crate::host::runs::Runs;
use crate::host::session::{self, Signals};
use crate::model::run::{Entry, Request};

const PAUSE: Duration = Duration::from_millis(100);
/// A worker that has not begun by then will not come.
const TO_BEGIN: Duration = Duration::from_secs(120);
/// What could not be taken back is tried again after so long, so often.
pub(super) const AGAIN_AFTER: Duration = Duration::from_secs(2);
pub(super) const TRIES: usize = 30;
pub(super) const IN_TIME: &str = "nobody confirmed it in time";
const TO_END: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Args)]
pub struct Guard {
    run: String,
}

struct Guardian {
    run: String,
    request: Request,
    handover: Handover,
    changing: Changing,
    survives_reboot: bool,
    signals: Signals,
    started: Instant,
}

enum Watched {
    /// Nothing is left to be watched over.
    Over,
    GoesOn,
}

impl Guard {
    pub fn run(&self, looking: Looking, changing: Changing) -> anyhow::Result<u8> {
        let signals = session::settle().context("cannot leave the session")?;
        let run = self.run.clone();
        if !is_a_name(&run) {
            return Err(usage(format!("`{run}` names no run"), "this verb is not for typing"));
        }
        let handover = Handover::of(&run);
        let request = handover.request().context("there is nothing to be watched over")?;
        let _lock = match RunLock::take(&run) {
            Ok(lock) => lock,
            Err(refused) => return decline(&handover, &request, refused),
        };
        let is_new = !homes(Path::new(&request.state)).iter().any(|runs| runs.exists(&run)) && !handover.is_taken();
        if is_new && handover.answered()?.is_none() {
            session::start(&format!("hostready-{run}"), &[WORK, &run]).context("cannot start the run")?;
        }
        let survives_reboot = survives::prevented(looking, Path::new(&request.state)).is_none();
        let started = Instant::now();
        Guardian { run, request, handover, changing, survives_reboot, signals, started }.watch()
    }
}

/// Tells whoever asked, instead of the worker that there will not be.
fn decline(handover: &Handover, request: &Request, refused: Refused) -> anyhow::Result<u8> {
    let (exit, message) = match refused {
        Refused::Busy(other) => {
            let other = other.unwrap_or_else(|| "of unknown name".to_owned());
            let pending = super::work::pending(Path::new(&request.state), &other);
            (Exit::Busy, busy(&other, pending.as_deref()).to_string())
        }
        Refused::Failed(error) => (Exit::Internal, format!("cannot take the lock under /run/hostready: {error}")),
    };
    handover.answer(&Answer::Error { exit_code: exit.code(), message })?;
    // Nobody is to start us again for this.
    Ok(Exit::Ready.code())
}

impl Guardian {
    fn watch(&self) -> anyhow::Result<u8> {
        loop {
            // What cannot be read or written now may be later: a disk that is full does not end the watch.
            let pause = match self.look() {
                Ok(Watched::Over) => return Ok(Exit::Ready.code()),
                Ok(Watched::GoesOn) => PAUSE,
                Err(error) => {
                    write::say(&format!("warning: {error:#}"));
                    AGAIN_AFTER
                }
            };
            if self.signals.is_asked_to_stop() {
                self.leave()?;
                return Ok(Exit::Ready.code());
            }
            std::thread::sleep(pause);
        }
    }

    /// A host that goes down takes it back when it comes up again. Where nobody would, nothing is left behind that nobody
    /// watches over.
    fn leave(&self) -> anyhow::Result<()> {
        let Some(runs) = self.runs() else { return Ok(()) };
        match Standing::of(&runs.read(&self.run)?).guard {
            Some(guard) if !guard.survives_reboot => self.take_back(&runs, "its guardian was asked to stop", 1),
            _ => Ok(()),
        }
    }

    /// Where it is written down, once it is.
    fn runs(&self) -> Option<Runs> {
        homes(Path::new(&self.request.state)).into_iter().find(|runs| runs.exists(&self.run))
    }

    fn look(&self) -> anyhow::Result<Watched> {
        let Some(runs) = self.runs() else {
            // It has not begun, or did nothing and left nothing.
            let is_awaited = self.handover.is_taken() || self.started.elapsed() < TO_BEGIN;
            let is_over = self.handover.answered()?.is_some() || !is_awaited;
            return Ok(if is_over { Watched::Over } else { Watched::GoesOn });
        };
        let Ok(lines) = runs.read(&self.run) else { return Ok(Watched::GoesOn) };
        let standing = Standing::of(&lines);
        if standing.ended.is_some() || standing.confirmed {
            return Ok(Watched::Over);
        }
        match &standing.guard {
            None if standing.request.is_some() => self.promise(&runs)?,
            // The time of another boot is over.
            Some(guard) if guard.boot_id != boot::id() || boot::now_ms()? >= guard.deadline_boot_ms => {
                self.take_back(&runs, IN_TIME, TRIES)?;
                return Ok(Watched::Over);
            }
            _ => {}
        }
        Ok(Watched::GoesOn)
    }

    /// From here on it will be taken back: the worker waits for this line before it changes anything.
    fn promise(&self, runs: &Runs) -> anyhow::Result<()> {
        let within = Duration::from_secs(self.request.confirm_within_s.unwrap_or_default());
        let deadline = SystemTime::now().checked_add(within).context("no clock counts so far")?;
        let mut book = Book::new(Box::new(runs.resume(&self.run)?), &[]);
        let millis = u64::try_from(within.as_millis()).context("no clock counts so far")?;
        book.write(Entry::Guarded {
            deadline_boot_ms: boot::now_ms()?.saturating_add(millis),
            boot_id: boot::id(),
            deadline: humantime::format_rfc3339_seconds(deadline).to_string(),
            survives_reboot: self.survives_reboot && !runs.is_of_this_boot(),
        })?;
        Ok(())
    }

    fn take_back(&self, runs: &Runs, because: &str, tries: usize) -> anyhow::Result<()> {
        let mut book = Book::new(Box::new(runs.resume(&self.run)?), &[]);
        // A step that is being made is waited for, and whoever confirms at this moment comes first or too late.
        book.hold()?;
        if book.standing.confirmed || book.standing.ended.is_some() {
            return Ok(book.release()?);
        }
        wait_for_what_is_left();
        let mut errors = undo::take_back(&mut book, because, &*(self.changing)())?;
        for _ in 1..tries {
            if errors.is_empty() {
                break;
            }
            std::thread::sleep(AGAIN_AFTER);
            errors = undo::take_back_left(&mut book, &*(self.changing)())?;
        }
        // What was tried once only is left to whoever comes next.
        if errors.is_empty() || tries > 1 {
            book.write(ended(because, &errors))?;
        }
        kept::amend(runs, &self.run);
        Ok(book.release()?)
    }
}

/// What a worker that was killed had started; a promise is kept in spite of one that hangs.
pub(super) fn wait_for_what_is_left() {
    at_work::wait(TO_END).unwrap_or_else(|warning| write::say(&warning));
}

pub(super) fn ended(because: &str, errors: &[String]) -> Entry {
    let message = match errors {
        [] => format!("{because}: it is taken back"),
        errors => format!("{because}, and it could not be taken back: {}", errors.join("; ")),
    };
    Entry::Ended { exit_code: Exit::Unmended.code(), message }
}
