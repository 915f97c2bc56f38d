//! The side of whoever asked for a run: hands it over, follows its journal, and tells how it ended. None of it is
//! needed for the run to go on.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::options::{Progress, ReportOptions};
use super::{Ended, write};
use crate::exit::Exit;
use crate::fix::standing::Standing;
use crate::host::handover::{Answer, Handover};
use crate::host::runs::Runs;
use crate::host::store::Store;
use crate::host::{handover, session};
use crate::model::run::Request;
use crate::report::{progress, time};

/// The hidden verb of the process that carries a run out.
pub const WORK: &str = "work";
/// The one of the process that watches over it where it is to be confirmed, and starts the other.
pub const GUARD: &str = "guard";

const PAUSE: Duration = Duration::from_millis(20);
/// A worker that nobody has seen by then will not come.
const TO_BEGIN: Duration = Duration::from_secs(30);

/// Hands a request to a worker of its own.
pub fn start(request: &Request) -> anyhow::Result<()> {
    handover::sweep();
    let run = request.run.as_str();
    Handover::of(run).give(request).with_context(|| format!("cannot hand the run over under {}", handover::PLACE))?;
    let notice = match request.confirm_within_s {
        Some(_) => session::start_guardian(&format!("hostready-guard-{run}"), &[GUARD, run]),
        None => session::start(&format!("hostready-{run}"), &[WORK, run]),
    }
    .context("cannot start the run")?;
    if let Some(notice) = notice {
        write::say(&format!("warning: {notice}"));
    }
    Ok(())
}

/// Follows a run to its end, and ends as it did.
pub fn to_the_end(
    run: &str,
    journal: Journal,
    progress: Progress,
    options: &ReportOptions,
    store: &Store,
) -> anyhow::Result<u8> {
    let mut follower = Follower::new(journal, progress);
    let answer = follower.wait(&Handover::of(run));
    follower.finish();
    match answer? {
        Some(Answer::Report { report, notices }) => {
            for notice in notices {
                write::say(&notice);
            }
            write::ended(&report, options, store)
        }
        Some(Answer::Error { exit_code, message }) => Err(Ended { exit: Exit::from_code(exit_code), message }.into()),
        None => Err(killed(run, &follower.journal)),
    }
}

/// It went without a word, as only what is killed does.
fn killed(run: &str, journal: &Journal) -> anyhow::Error {
    let standing = journal.find().unwrap_or_default();
    let message = if let Some(guard) = standing.guard.as_ref().filter(|_| standing.has_acted()) {
        format!(
            "run {run} was killed before its end: what it has done so far is taken back at {}\nhint: `hostready undo` \
             takes it back at once",
            time(&guard.deadline)
        )
    } else if standing.has_acted() {
        format!(
            "run {run} was killed before its end: what it has done so far stands\nhint: `hostready undo` takes it back; \
             the same `hostready fix --apply` goes on"
        )
    } else {
        format!("run {run} was killed before it changed anything\nhint: run it again")
    };
    Ended { exit: Exit::Internal, message }.into()
}

/// Where the journal of a run is, once there is one.
#[derive(Clone, Debug)]
pub struct Journal {
    pub run: String,
    pub state: PathBuf,
    /// How many of its lines were told.
    told: usize,
}

impl Journal {
    pub fn of(run: &str, state: &Path) -> Self {
        Self { run: run.to_owned(), state: state.to_owned(), told: 0 }
    }

    /// What stands in it already is not told again.
    #[must_use]
    pub fn already_told(self) -> Self {
        let runs = homes(&self.state).into_iter().find(|runs| runs.exists(&self.run));
        let told = runs.and_then(|runs| runs.read(&self.run).ok()).map_or(0, |lines| lines.len());
        Self { told, ..self }
    }

    fn find(&self) -> Option<Standing> {
        homes(&self.state)
            .iter()
            .find(|runs| runs.exists(&self.run))
            .and_then(|runs| runs.read(&self.run).ok().map(|lines| Standing::of(&lines)))
    }
}

/// Where runs are kept: in the state directory, and those that found no room there.
pub fn homes(state: &Path) -> [Runs; 2] {
    [Runs { state: state.to_owned() }, Runs::for_this_boot()]
}

struct Follower {
    journal: Journal,
    progress: Progress,
    is_terminal: bool,
    /// How much of the journal was read.
    length: u64,
    /// What goes on, since when, and how it was last drawn.
    doing: (String, Instant),
    drawn: String,
}

impl Follower {
    fn new(journal: Journal, progress: Progress) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        // Before there is a journal, and before there is a step in it.
        let doing = ("looking at the host; a package manager at work is waited for".to_owned(), Instant::now());
        Self { journal, progress, is_terminal, length: 0, doing, drawn: String::new() }
    }

    /// None where it was killed.
    fn wait(&mut self, handover: &Handover) -> anyhow::Result<Option<Answer>> {
        let started = Instant::now();
        let mut was_taken = false;
        loop {
            // In this order: a worker answers before it lets go.
            let is_taken = handover.is_taken();
            self.tell();
            if let Some(answer) = handover.answered().context("the answer of the run")? {
                return Ok(Some(answer));
            }
            was_taken |= is_taken;
            if !is_taken && (was_taken || started.elapsed() > TO_BEGIN) {
                return Ok(None);
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn tell(&mut self) {
        if self.progress == Progress::None || self.progress == Progress::Auto && !self.is_terminal {
            return;
        }
        self.tell_what_is_new();
        if self.progress == Progress::Auto {
            let line = progress::timed(&self.doing.0, self.doing.1.elapsed());
            if line != self.drawn {
                write::overwrite(&line);
                self.drawn = line;
            }
        }
    }

    fn tell_what_is_new(&mut self) {
        let homes = homes(&self.journal.state);
        let found = homes.iter().find_map(|runs| Some((runs, runs.length(&self.journal.run)?)));
        // A plan may be long, and a step may take an hour.
        let Some((home, length)) = found.filter(|(_, length)| *length != self.length) else { return };
        self.length = length;
        let Ok(lines) = home.read(&self.journal.run) else { return };
        for count in self.journal.told..lines.len() {
            let standing = Standing::of(&lines[..=count]);
            let told = progress::Step { run: &self.journal.run, line: &lines[count], standing: &standing };
            match self.progress {
                Progress::Json => progress::step_event(&told).iter().for_each(|event| write::say(event)),
                _ => self.doing = progress::step_line(&told).map_or(self.doing.clone(), |it| (it, Instant::now())),
            }
        }
        self.journal.told = lines.len();
    }

    /// Leaves the terminal as it was found.
    fn finish(&self) {
        if !self.drawn.is_empty() {
            write::overwrite("");
        }
    }
}
