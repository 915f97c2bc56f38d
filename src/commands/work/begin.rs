//! A journal to write a run down in, and a guardian that has promised to take it back.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use super::Worker;
use crate::fix::book::Book;
use crate::fix::standing::Standing;
use crate::fix::undo;
use crate::host::change::Change;
use crate::host::runs::Runs;
use crate::host::{boot, lock, session};
use crate::model::report::Pending;
use crate::model::run::Entry;

/// So long has a guardian to answer.
const TO_ANSWER: Duration = Duration::from_secs(15);
/// One that was killed has so long to be there again.
const TO_COME_BACK: Duration = Duration::from_secs(10);
const UNWATCHED: &str = "its guardian is gone";

impl Worker {
    pub fn begin_in(&self, runs: &Runs) -> io::Result<Book> {
        runs.is_safe().map_err(io::Error::other)?;
        let request = Box::new(self.request.clone());
        let mut book = Book::new(Box::new(runs.begin(&request.run)?), &[]);
        book.write(Entry::Begun { boot_id: boot::id(), request })?;
        Ok(book)
    }

    /// Why to stop before the next step.
    pub fn stop(&self, watch: Option<&Watch>) -> Option<String> {
        let is_asked = self.signals.is_asked_to_stop().then(|| "a signal asked to stop".to_owned());
        is_asked.or_else(|| watch.and_then(Watch::is_over))
    }
}

/// The guardian of a run, as the run sees him.
#[derive(Debug)]
pub struct Watch {
    run: String,
    /// When he takes it back.
    deadline_boot_ms: u64,
    /// He was waited for in vain.
    is_lost: Cell<bool>,
}

impl Watch {
    /// He is about to take it back, or nobody would.
    fn is_over(&self) -> Option<String> {
        // A clock that cannot be read is one that has run out.
        if boot::now_ms().map_or(true, |now| now >= self.deadline_boot_ms) {
            return Some("the time to confirm it is over".to_owned());
        }
        (!self.is_there()).then(|| UNWATCHED.to_owned())
    }

    /// Whether there is somebody who would take it back. systemd starts him anew where he was killed, and that takes it
    /// some seconds.
    fn is_there(&self) -> bool {
        let comes_back = session::has_systemd() && !self.is_lost.get();
        let end = Instant::now() + if comes_back { TO_COME_BACK } else { Duration::ZERO };
        loop {
            let is_there = lock::holder().is_some_and(|holder| holder == self.run);
            if is_there || Instant::now() > end {
                self.is_lost.set(!is_there);
                return is_there;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Nothing is changed before the guardian has written down when he takes the change back.
pub fn wait_for_guardian(run: &str, book: &mut Book) -> Result<Watch, String> {
    let end = Instant::now() + TO_ANSWER;
    while Instant::now() < end {
        let seen = book.hold().and_then(|()| book.release());
        seen.map_err(|error| error.to_string())?;
        if let Some(guard) = &book.standing.guard {
            let deadline_boot_ms = guard.deadline_boot_ms;
            return Ok(Watch { run: run.to_owned(), deadline_boot_ms, is_lost: Cell::new(false) });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Err(format!("the guardian of this run does not answer within {} s", TO_ANSWER.as_secs()))
}

/// What was made and has a guardian waits to be kept from here on; where nothing of it stands there is nothing to keep,
/// and what nobody watches over is not left to wait. A guardian that takes it back is waited for.
pub fn wait_to_be_kept(book: &mut Book, watch: Option<&Watch>, change: &dyn Change) -> io::Result<()> {
    let is_watched = watch.is_none_or(Watch::is_there);
    book.hold()?;
    let is_open = book.standing.guard.is_some() && book.standing.has_changed() && book.standing.is_over().is_none();
    let written = match (is_open, is_watched) {
        (false, _) => Ok(()),
        (true, true) => book.write(Entry::Pending),
        (true, false) => undo::take_back(book, UNWATCHED, change).map(drop),
    };
    book.release()?;
    written
}

pub fn pending(run: &str, standing: &Standing) -> Option<Pending> {
    let guard = standing.guard.as_ref().filter(|_| standing.pending && standing.is_over().is_none())?;
    Some(Pending { run: run.to_owned(), deadline: guard.deadline.clone(), survives_reboot: guard.survives_reboot })
}
