//! A run of `undo`, and what comes before any other run: what a run that was killed left half done is taken back.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::package_lock::{self, Waited};
use super::{Worker, pins, turned};
use crate::commands::follow::homes;
use crate::commands::load::Subject;
use crate::commands::sight::{Sight, Wish};
use crate::commands::{Ended, kept, usage, write};
use crate::exit::Exit;
use crate::fix::action::needs_dpkg;
use crate::fix::book::Book;
use crate::fix::standing::{Left, Standing};
use crate::fix::{told, turn, undo};
use crate::host::change::Change;
use crate::host::lock;
use crate::host::runs::Runs;
use crate::model::Report;
use crate::model::gather::Arrange as _;
use crate::model::report::{Action, ActionState, Intent};
use crate::model::run::{Entry, Line};

/// A run that was, as its journal has it.
pub struct Past {
    pub runs: Runs,
    pub run: String,
    pub lines: Vec<Line>,
    pub standing: Standing,
}

/// All runs, the oldest first, and what is to be said of those that cannot be read.
pub fn past(homes: &[Runs]) -> (Vec<Past>, Vec<String>) {
    let (mut found, mut notices) = (Vec::new(), Vec::new());
    for runs in homes {
        let names = runs.is_safe().map_err(std::io::Error::other).and_then(|()| runs.list());
        let names = names.unwrap_or_else(|error| {
            notices.push(format!("warning: the runs in {} are left alone: {error}", runs.state.display()));
            Vec::new()
        });
        for run in names {
            match runs.read(&run) {
                Ok(lines) => {
                    let standing = Standing::of(&lines);
                    found.push(Past { runs: runs.clone(), run, lines, standing });
                }
                Err(error) => notices.push(format!("warning: the run {run} is left alone: {error}")),
            }
        }
    }
    found.arrange_by(|one, other| one.run.cmp(&other.run));
    turn(&mut found);
    (found, notices)
}

/// A run that took another one back, and was not taken back itself, has the say of what stands of that one.
fn turn(past: &mut [Past]) {
    for at in (0..past.len()).rev() {
        let (before, rest) = past.split_at_mut(at);
        let Some(by) = rest.first() else { continue };
        let Some(turned) = by.standing.turns() else { continue };
        if let Some(target) = before.iter_mut().find(|past| past.run == turned) {
            target.standing.is_turned_by(&by.run, &by.standing);
        }
    }
}

impl Past {
    pub fn open(&self) -> anyhow::Result<Book> {
        let journal = self.runs.resume(&self.run).with_context(|| format!("cannot go on with the run {}", self.run))?;
        Ok(Book::new(Box::new(journal), &self.lines))
    }
}

/// The run that `undo` means without a name: the last one that ever did anything, and asked again the same one. One that
/// took another one back is meant as long as it waits to be kept.
pub fn last(past: &[Past]) -> Option<&Past> {
    past.iter().rev().find(|past| {
        past.standing.has_acted() && (past.standing.turns().is_none() || past.standing.left() == Left::All)
    })
}

/// The same where it is to be taken back by a run of its own.
pub fn last_of_fix(past: &[Past]) -> Option<&Past> {
    past.iter().rev().find(|past| past.standing.has_acted() && past.standing.turns().is_none())
}

/// Whoever only plans leaves it as it is, and says what comes before the plan.
pub fn say_what_was_cut_off(state: &Path) {
    let holder = lock::holder();
    for past in past(&homes(state)).0 {
        let is_left = past.standing.left() != Left::Nothing && past.standing.has_acted();
        if is_left && holder.is_none() {
            write::say(&format!(
                "note: run {} was cut off: what it had begun and not ended is taken back by `hostready undo`, and by \
                 --apply before anything else is done",
                past.run
            ));
        }
    }
}

pub fn take_back(worker: &mut Worker, run: &str) -> anyhow::Result<Report> {
    let is_guarded = worker.request.confirm_within_s.is_some();
    if is_guarded {
        take_back_what_was_cut_off(worker)?;
    }
    let (past, notices) = past(&homes(&worker.state()));
    worker.notices.extend(notices);
    let target = match run {
        "" => last(&past),
        run => Some(past.iter().find(|past| past.run == run).ok_or_else(|| {
            usage(format!("there is no run {run}"), "`hostready undo --list` shows those that there are")
        })?),
    };
    let Some(target) = target else {
        return report(worker, Vec::new(), "nothing to take back: no run has changed this host");
    };
    let standing = &target.standing;
    if standing.to_undo().next().is_none() {
        let touched = standing_actions(standing);
        let words = if touched.is_empty() { "was taken back already" } else { "cannot be taken back" };
        let actions = told_of(standing, &touched);
        return report(worker, actions, &format!("nothing to take back: run {} {words}", target.run));
    }
    let refused = match pins::forbidden(worker, standing)? {
        None if is_guarded => return turned::take_back(worker, target),
        None => forbidden(worker, standing)?,
        refused => refused,
    };
    match refused {
        Some(why) => turned::refuse(worker, &turn::turned(&target.run, standing), &why),
        None => take_back_now(worker, target),
    }
}

/// In the run's own journal: nobody takes that back.
fn take_back_now(worker: &mut Worker, target: &Past) -> anyhow::Result<Report> {
    let because = format!("hostready undo, run {}", worker.request.run);
    let touched = standing_actions(&target.standing);
    let mut book = target.open()?;
    // Its guardian may be about to do the same.
    book.hold()?;
    let change = worker.change();
    undo::take_back_actions(&mut book, &because, &touched, &*change)?;
    let actions = told_of(&book.standing, &touched);
    let failed = actions.iter().filter(|action| action.state == ActionState::Failed).count();
    let stays = actions.iter().filter(|action| action.state == ActionState::Applied).count();
    let words = match failed {
        0 if stays == actions.len() => format!("nothing to take back: run {} cannot be taken back", target.run),
        0 => format!("taken back: run {}", target.run),
        _ => format!("not wholly taken back: run {}, {failed} of {} failed", target.run, actions.len()),
    };
    let exit = if failed == 0 { Exit::Ready } else { Exit::Unmended };
    book.write(Entry::Ended { exit_code: exit.code(), message: words.clone() })?;
    book.release()?;
    kept::amend(&target.runs, &target.run);
    report(worker, actions, &words)
}

/// Why none of it may be taken back now: what somebody's session hangs on is touched under a guardian alone.
fn forbidden(worker: &Worker, standing: &Standing) -> anyhow::Result<Option<String>> {
    let stands = standing_actions(standing).into_iter().filter(|action| !standing.is_gone(*action));
    let stands = stands.filter_map(|action| standing.actions.get(action));
    let touches: Vec<String> = stands.flat_map(|acted| acted.planned.touches.clone()).collect();
    // What its guardian would take back anyway may be taken back now.
    if touches.is_empty() || standing.left() == Left::All {
        return Ok(None);
    }
    let subject = worker.subject().or_else(|_| Subject::built_in((worker.looking)()))?;
    let wish = Wish { intent: Some(Intent::Agent), ..worker.wish("undo") };
    let seen = Sight::new(subject, wish)?.asking_who_hangs_on_what().look(&(worker.looking)(), true)?;
    let why = seen.protected.forbids(&touches);
    Ok(why.map(|why| format!("it touches what a session hangs on: {why}; it needs --confirm-within 5min")))
}

fn standing_actions(standing: &Standing) -> Vec<usize> {
    (0..).zip(&standing.actions).filter(|(_, acted)| acted.stands()).map(|(action, _)| action).collect()
}

fn told_of(standing: &Standing, actions: &[usize]) -> Vec<Action> {
    let of = |action: &usize| {
        let acted = standing.actions.get(*action)?;
        let told = told::taken_back(acted, acted.undo_error());
        let gone = "it ended with the boot that it was made in: nothing is done to what the boot since has made";
        Some(match standing.is_gone(*action) {
            true => Action { error: Some(gone.to_owned()), changed: false, ..told },
            false => told,
        })
    };
    actions.iter().filter_map(of).collect()
}

/// The host as it is now; what is wrong with it is no fault of this run.
pub fn report(worker: &mut Worker, actions: Vec<Action>, words: &str) -> anyhow::Result<Report> {
    // Of what may be wrong with the configuration nothing must keep anybody from taking back a change.
    let subject = worker.subject().or_else(|error| {
        worker.notices.push(format!("warning: the configuration is left aside: {error:#}"));
        Subject::built_in((worker.looking)())
    })?;
    let mut wish = worker.wish("undo");
    wish.profiles.clear();
    let mut sight = Sight::new(subject, wish.clone()).or_else(|error| {
        worker.notices.push(format!("warning: the baseline is left aside: {error:#}"));
        wish.intent = Some(Intent::Agent);
        Sight::new(Subject::built_in((worker.looking)())?, wish)
    })?;
    let host = (worker.looking)();
    let mut report = sight.look(&host, true)?.report;
    let has_missed = |action: &Action| matches!(action.state, ActionState::Failed | ActionState::Refused);
    let exit = if actions.iter().any(has_missed) { Exit::Unmended } else { Exit::Ready };
    report.run_id.clone_from(&worker.request.run);
    report.changed = actions.iter().any(|action| action.changed);
    report.exit_code = exit.code();
    report.failed = exit.is_failure();
    let (verdict, rest) = report.msg.split_once(": ").unwrap_or((report.verdict.as_str(), &report.msg));
    report.msg = format!("{verdict}: {words}; {rest}");
    report.comment.clone_from(&report.msg);
    report.actions = actions;
    Ok(report)
}

/// Runs that were killed: what they began and did not make to its end is taken back; what they made to its end stays,
/// and is judged with the rest of the host.
pub fn take_back_what_was_cut_off(worker: &mut Worker) -> anyhow::Result<Vec<Action>> {
    let (past, notices) = past(&homes(&worker.state()));
    worker.notices.extend(notices);
    let mut told = Vec::new();
    for past in past.iter().rev().filter(|past| past.standing.left() != Left::Nothing) {
        if !past.standing.has_acted() {
            past.runs.forget(&past.run).with_context(|| format!("cannot remove the run {}", past.run))?;
            continue;
        }
        told.extend(take_back_left(worker, past)?);
    }
    Ok(told)
}

fn take_back_left(worker: &mut Worker, past: &Past) -> anyhow::Result<Vec<Action>> {
    let run = &past.run;
    let mut book = past.open()?;
    let half_done = match book.standing.left() {
        Left::Nothing => return Ok(Vec::new()),
        Left::Actions(actions) => actions,
        Left::All => standing_actions(&book.standing),
    };
    // Whoever was killed has left its package manager at work.
    let is_of_dpkg = |action: &usize| book.standing.actions.get(*action).is_some_and(|it| needs_dpkg(&it.planned));
    let has_packages = half_done.iter().any(is_of_dpkg);
    if has_packages && worker.is_unattended {
        return Ok(Vec::new());
    }
    if has_packages {
        let until = Instant::now() + Duration::from_secs(worker.request.lock_timeout_s);
        if let Waited::InVain(holder) = package_lock::wait(worker, until) {
            let message = format!("run {run} was cut off, and {holder}\nhint: wait for it, and run this again");
            return Err(Ended { exit: Exit::Busy, message }.into());
        }
    }
    let change = worker.change();
    let errors = undo::take_back_left(&mut book, &*change)?;
    let actions = told_of(&book.standing, &half_done);
    if errors.is_empty() {
        let words = "it was cut off: what it had begun is taken back";
        worker.notices.push(format!("note: run {run} was cut off; what it had begun and not ended is taken back"));
        book.write(Entry::Ended { exit_code: Exit::Unmended.code(), message: words.to_owned() })?;
        kept::amend(&past.runs, run);
        return Ok(actions);
    }
    let words = format!("it was cut off, and could not be taken back: {}", errors.join("; "));
    book.write(Entry::Ended { exit_code: Exit::Unmended.code(), message: words.clone() })?;
    let message = format!(
        "run {run}: {words}\nhint: nothing else was changed; `hostready undo {run}` tries again, the same `hostready fix \
         --apply` goes on from here"
    );
    Err(Ended { exit: Exit::Unmended, message }.into())
}

/// Runs that nobody has kept and nobody watches over: of an earlier boot, or of a guardian that was killed. What could
/// not be taken back, each with its run.
pub fn left_of_boot(homes: &[Runs], change: &dyn Change) -> anyhow::Result<Vec<(String, Vec<String>)>> {
    let (past, _) = past(homes);
    let mut told = Vec::new();
    for past in past.iter().rev().filter(|past| past.standing.guard.is_some() && past.standing.left() == Left::All) {
        let mut book = past.open()?;
        let errors = undo::take_back_left(&mut book, change)?;
        told.push((past.run.clone(), errors));
    }
    Ok(told)
}
