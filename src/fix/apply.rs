//! Carries out what was planned: written down, synced, made, and read again.

use std::io;

use super::book::Book;
use super::holds::holds;
use crate::host::change::{Change, NotDone};
use crate::model::plan::{Deed, Planned, Step};
use crate::model::run::{Entry, Holds};
use crate::model::{Answer, Finding, Query, Reading};

/// What it takes to change the host: the right to, and where it is written down.
pub struct Hands<'a> {
    pub change: &'a dyn Change,
    pub book: &'a mut Book,
    /// Why to stop before the next step: a signal, or a deadline that has passed.
    pub stop: &'a dyn Fn() -> Option<String>,
}

/// Why an action ended before its end.
#[derive(Debug)]
pub enum Broken {
    /// The step could not be made, or did not do what it was to do.
    Step(NotDone),
    /// Somebody wants it to end: nothing of the next step was done.
    Stopped(String),
    /// It cannot be written down, so it is not done.
    Journal(io::Error),
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Journal(error)
    }
}

impl Hands<'_> {
    /// Makes every step of an action; `action` is its number in the run. What a kill leaves is a step that was begun.
    pub fn carry_out(&mut self, action: usize, planned: &Planned) -> Result<(), Broken> {
        let free_before = self.free(planned);
        let made = self.make_each(action, planned);
        if let (Some(free_before), Some(free_after)) = (free_before, self.free(planned)) {
            self.book.write(Entry::Freed { action, free_before, free_after })?;
        }
        made
    }

    fn make_each(&mut self, action: usize, planned: &Planned) -> Result<(), Broken> {
        for (step, planned) in planned.steps.iter().enumerate() {
            // A guardian that takes the run back waits for the step to end, and no other is made after it has begun.
            self.book.hold()?;
            let made = match (self.stop)().or_else(|| self.book.standing.is_over()) {
                Some(why) => Err(Broken::Stopped(why)),
                None => self.make(action, step, planned),
            };
            self.book.release()?;
            made?;
        }
        Ok(())
    }

    /// What is free where it makes room: the files say only what they should give.
    fn free(&self, planned: &Planned) -> Option<u64> {
        planned.frees_bytes?;
        match self.change.ask(&Query::Space(planned.subject.clone())) {
            Reading::Known(Answer::Space(space)) => Some(space.available),
            _ => None,
        }
    }

    fn make(&mut self, action: usize, step: usize, planned: &Step) -> Result<(), Broken> {
        // What was so before is never begun: a kill here must not let anybody take it back.
        if is_done(self.change, &planned.does) {
            self.book.write(Entry::Done { action, step, already: true })?;
            return Ok(());
        }
        self.book.write(Entry::Intent { action, step })?;
        match act(self.change, &planned.does) {
            Ok(()) => Ok(self.book.write(Entry::Done { action, step, already: false })?),
            Err(not_done) => {
                let error = not_done.to_string();
                self.book.write(Entry::Failed { action, step, error, untouched: not_done.outdated })?;
                Err(Broken::Step(not_done))
            }
        }
    }
}

/// Does it, unless it is done.
pub fn do_deed(change: &dyn Change, deed: &Deed) -> Result<(), NotDone> {
    if is_done(change, deed) { Ok(()) } else { act(change, deed) }
}

fn is_done(change: &dyn Change, deed: &Deed) -> bool {
    goal(deed).is_some_and(|(goal, socket)| matches!(holds(change, goal, socket), Reading::Known(true)))
}

/// Done is only what the host shows afterwards.
fn act(change: &dyn Change, deed: &Deed) -> Result<(), NotDone> {
    change.act(deed)?;
    match goal(deed).map(|(goal, socket)| holds(change, goal, socket)) {
        None | Some(Reading::Known(true)) => Ok(()),
        Some(Reading::Unreadable(trouble)) => {
            Err(NotDone::new(format!("done, and then unreadable: {}", trouble.detail)))
        }
        Some(_) => Err(NotDone::new(format!("`{}` ended well and changed nothing", deed.lines().join("; ")))),
    }
}

/// What must hold then, and the socket of the switch that it is about.
fn goal(deed: &Deed) -> Option<(&Holds, Option<&str>)> {
    match deed {
        Deed::Run(run) => run.until.as_ref().map(|until| (until, None)),
        Deed::Switch(transaction) => Some((&transaction.until, Some(&transaction.socket))),
        // Whoever does these looks for himself: the file is the goal.
        Deed::Remove(_)
        | Deed::Archive { .. }
        | Deed::Unpack { .. }
        | Deed::File { .. }
        | Deed::Link { .. }
        | Deed::Announce { .. } => None,
    }
}

/// An action is applied when what it mends is found no more.
pub fn is_mended(planned: &Planned, findings: &[Finding]) -> bool {
    // One that is made for several things at once names each of them.
    let is_one_of = |finding: &Finding| {
        finding.id == planned.mends.id
            && planned.subject.contains(',')
            && planned.subject.split(',').any(|it| it == finding.subject)
    };
    let mut of_it = findings.iter().filter(|finding| finding.reference() == planned.mends || is_one_of(finding));
    of_it.all(|finding| finding.status == crate::model::Status::Pass)
}
