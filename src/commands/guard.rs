//! `hostready guard RUN`: starts the worker of a run that is to be confirmed, watches over it, and takes it back at its
//! deadline unless somebody keeps it. `hostready boot`: does so with what nobody has kept when the host went down.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use clap::Args;

use super::fix::is_a_name;
use super::follow::{WORK, homes};
use super::options::{STATE, StateOptions};
use super::work::{busy, left_of_boot};
use super::{Changing, Looking, usage, write};
use crate::exit::Exit;
use crate::fix::book::Book;
use crate::fix::standing::Standing;
use crate::fix::undo;
use crate::host::handover::{Answer, Handover};
use crate::host::lock::{Refused, RunLock};
use crate::host::runs::Runs;
use crate::host::session::{self, Signals};
use crate::host::{boot, lock};
use crate::model::answer::Unit;
use crate::model::run::{Entry, Request};
use crate::model::{Answer as Told, Query, Reading};

const PAUSE: Duration = Duration::from_millis(100);
/// A worker that has not begun by then will not come.
const TO_BEGIN: Duration = Duration::from_secs(120);
/// What could not be taken back is tried again after so long, so often.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
const TRIES: usize = 5;

const UNIT: &str = "hostready-boot.service";
/// What lies here is gone after a boot.
const NOT_KEPT: [&str; 3] = ["/run/", "/tmp/", "/dev/"];

#[derive(Clone, Debug, Args)]
pub struct Guard {
    run: String,
}

#[derive(Clone, Debug, Args)]
pub struct Boot {
    #[command(flatten)]
    state: StateOptions,
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
        let survives_reboot = survives_reboot(looking, &request);
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
            // A host that goes down takes it back when it comes up again.
            if self.signals.is_asked_to_stop() {
                return Ok(Exit::Ready.code());
            }
            std::thread::sleep(pause);
        }
    }

    fn look(&self) -> anyhow::Result<Watched> {
        let homes = homes(Path::new(&self.request.state));
        let Some(runs) = homes.iter().find(|runs| runs.exists(&self.run)) else {
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
            None if standing.request.is_some() => self.promise(runs)?,
            // The time of another boot is over.
            Some(guard) if guard.boot_id != boot::id() || boot::now_ms()? >= guard.deadline_boot_ms => {
                self.take_back(runs)?;
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

    fn take_back(&self, runs: &Runs) -> anyhow::Result<()> {
        let mut book = Book::new(Box::new(runs.resume(&self.run)?), &[]);
        // A step that is being made is waited for, and whoever confirms at this moment comes first or too late.
        book.hold()?;
        if book.standing.confirmed || book.standing.ended.is_some() {
            return Ok(book.release()?);
        }
        let mut errors = undo::take_back(&mut book, "nobody confirmed it in time", &*(self.changing)())?;
        for _ in 1..TRIES {
            if errors.is_empty() {
                break;
            }
            std::thread::sleep(AGAIN_AFTER);
            errors = undo::take_back_left(&mut book, &*(self.changing)())?;
        }
        book.write(ended(&errors))?;
        Ok(book.release()?)
    }
}

fn ended(errors: &[String]) -> Entry {
    let message = match errors {
        [] => "nobody confirmed it in time: it is taken back".to_owned(),
        errors => format!("nobody confirmed it in time, and it could not be taken back: {}", errors.join("; ")),
    };
    Entry::Ended { exit_code: Exit::Unmended.code(), message }
}

/// Whether somebody takes it back after a power cut: our unit is enabled, and we and the journal will be there.
fn survives_reboot(looking: Looking, request: &Request) -> bool {
    let is_enabled = || match looking().ask(&Query::Unit(UNIT.to_owned())) {
        Reading::Known(Told::Unit(Unit { file_state, .. })) => file_state == "enabled",
        _ => false,
    };
    let is_kept = |path: &Path| path.to_str().is_some_and(|path| !NOT_KEPT.iter().any(|place| path.starts_with(place)));
    session::has_systemd()
        && request.state == STATE
        && std::env::current_exe().is_ok_and(|own| is_kept(&own))
        && is_enabled()
}

impl Boot {
    /// Takes back what nobody has kept. What could not be is tried again: devices come when they come.
    pub fn run(&self, changing: Changing) -> anyhow::Result<u8> {
        let _signals = session::settle().context("cannot leave the session")?;
        let _lock = match RunLock::take("boot") {
            Ok(lock) => lock,
            // Whoever goes on does it first of all.
            Err(Refused::Busy(_)) => return Ok(Exit::Ready.code()),
            Err(Refused::Failed(error)) => anyhow::bail!("cannot take the lock under {}: {error}", lock::DIRECTORY),
        };
        let homes = homes(&self.state.directory());
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
            runs.resume(run).and_then(|mut journal| crate::host::runs::Log::write(&mut journal, ended(errors)))?;
            let words = if errors.is_empty() { "is taken back".to_owned() } else { errors.join("; ") };
            write::say(&format!("run {run}, which nobody confirmed: {words}"));
        }
        let is_whole = left.iter().all(|(_, errors)| errors.is_empty());
        Ok(if is_whole { Exit::Ready } else { Exit::Unmended }.code())
    }
}
