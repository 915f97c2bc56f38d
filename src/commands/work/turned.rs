//! `undo --confirm-within`: what takes a run back is a run of its own, which its guardian takes back in turn.

use anyhow::Context;

use super::Worker;
use super::back::{Past, report};
use super::begin::{pending, wait_for_guardian, wait_to_be_kept};
use crate::fix::{told, turn};
use crate::model::Report;
use crate::model::plan::Planned;
use crate::model::report::{Action, ActionState};
use crate::model::run::Entry;

pub fn take_back(worker: &mut Worker, target: &Past) -> anyhow::Result<Report> {
    let planned = turn::turned(&target.run, &target.standing);
    let runs = target.runs.clone();
    let own = worker.request.run.clone();
    let mut book =
        worker.begin_in(&runs).context("it cannot be written down before it is done; nothing was changed")?;
    let watch = match wait_for_guardian(&own, &mut book) {
        Ok(watch) => watch,
        Err(why) => {
            runs.forget(&own)?;
            return refuse(worker, &planned, &why);
        }
    };
    turn::make(&mut book, planned, &|| worker.change(), &|| worker.stop(Some(&watch)))?;
    wait_to_be_kept(&mut book, Some(&watch), &*worker.change())?;
    let waits = pending(&own, &book.standing);
    let state = if waits.is_some() { ActionState::Pending } else { ActionState::Reverted };
    let told = book.standing.actions.iter().map(told::acted).map(|action| match action.state {
        ActionState::Applied => Action { state, ..action },
        _ => action,
    });
    let actions: Vec<Action> = told.collect();
    let failed = actions.iter().filter(|action| action.state == ActionState::Failed).count();
    let words = match (failed, &waits) {
        (0, Some(waits)) => {
            format!("run {} is taken back until {}, for good once confirmed", target.run, waits.deadline)
        }
        (0, None) => format!("nothing to take back: of run {} nothing is there any more", target.run),
        _ => format!("not wholly taken back: run {}, {failed} of {} failed", target.run, actions.len()),
    };
    let mut report = report(worker, actions, &words)?;
    report.pending = waits;
    if !book.standing.has_acted() {
        runs.forget(&own)?;
        return Ok(report);
    }
    if report.pending.is_none() && book.standing.ended.is_none() {
        book.write(Entry::Ended { exit_code: report.exit_code, message: words })?;
    }
    worker.keep(&runs, &own, &report);
    Ok(report)
}

pub fn refuse(worker: &mut Worker, planned: &[Planned], why: &str) -> anyhow::Result<Report> {
    let actions = planned.iter().map(|planned| told::refused(planned, why)).collect();
    report(worker, actions, &format!("nothing taken back: {why}"))
}
