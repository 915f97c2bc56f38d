//! What a report says of a fix: that it is planned, or what became of it.

use super::gate::{Gate, Held};
use super::standing::Acted;
use crate::model::Report;
use crate::model::plan::{Deed, Planned, Step};
use crate::model::report::{Action, ActionState, ActionStep};

/// A fix that nobody has carried out yet.
pub fn planned(planned: &Planned, gate: &Gate) -> Action {
    let action = action(planned, ActionState::Planned);
    match gate.holds(planned) {
        None => action,
        Some(Held::Refused(why)) => Action { state: ActionState::Refused, error: Some(why), ..action },
        Some(Held::Needs { flags, why }) => Action { needs: flags, error: why, ..action },
    }
}

/// One that was wanted, and not begun.
pub fn refused(planned: &Planned, why: &str) -> Action {
    Action { error: Some(why.to_owned()), ..action(planned, ActionState::Refused) }
}

/// One that was begun, as its run's journal has it.
pub fn acted(acted: &Acted) -> Action {
    let (state, error) = match &acted.judged {
        Some((ActionState::Applied, error)) if acted.is_taken_back() => (ActionState::Reverted, error.clone()),
        Some(judged) => judged.clone(),
        None if acted.is_taken_back() => (ActionState::Reverted, None),
        None => (ActionState::Failed, Some("it was cut off".to_owned())),
    };
    Action { error, changed: acted.stands(), ..measured(action(&acted.planned, state), acted) }
}

/// What it freed itself, in the place of what was foreseen: of two on one filesystem each has its own.
fn measured(mut action: Action, acted: &Acted) -> Action {
    if let Some((before, after)) = acted.free {
        for (figures, free) in [(&mut action.before, before), (&mut action.after, after)] {
            figures.insert("free_bytes".to_owned(), free.into());
        }
        action.frees_bytes = Some(after.saturating_sub(before));
    }
    action
}

/// One that is being taken back by the run that reports.
pub fn taken_back(acted: &Acted, error: Option<String>) -> Action {
    let (state, error) = match error {
        Some(error) => (ActionState::Failed, Some(error)),
        None if acted.is_taken_back() => (ActionState::Reverted, None),
        None => (ActionState::Applied, Some(format!("it stays: {}", acted.planned.undo))),
    };
    Action { error, changed: acted.is_taken_back(), ..action(&acted.planned, state) }
}

fn action(planned: &Planned, state: ActionState) -> Action {
    Action {
        id: planned.fix.clone(),
        subject: planned.subject.clone(),
        state,
        changed: false,
        before: planned.before.clone(),
        after: planned.after.clone(),
        undo: planned.undo.clone(),
        error: None,
        mends: Some(planned.mends.clone()),
        why: planned.why.clone(),
        risk: planned.risk.clone(),
        needs: Vec::new(),
        frees_bytes: planned.frees_bytes,
        steps: planned.steps.iter().map(step).collect(),
    }
}

fn step(step: &Step) -> ActionStep {
    match &step.does {
        Deed::Run(run) => ActionStep { argv: Some(run.argv.clone()), words: Vec::new() },
        deed => ActionStep { argv: None, words: deed.lines() },
    }
}

/// Says in the report's own line what was done, or would be, before what is wrong.
pub fn mention(report: &mut Report) {
    let count = |state: ActionState| report.actions.iter().filter(|action| action.state == state).count();
    let counts: Vec<String> = [
        (count(ActionState::Planned), "to be made"),
        (count(ActionState::Applied), "applied"),
        (count(ActionState::Pending), "to be confirmed"),
        (count(ActionState::Reverted), "taken back"),
        (count(ActionState::Failed), "failed"),
        (count(ActionState::Refused), "refused"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, words)| format!("{count} {} {words}", if count == 1 { "fix" } else { "fixes" }))
    .collect();
    if counts.is_empty() {
        return;
    }
    let (word, rest) = report.msg.split_once(": ").unwrap_or((report.verdict.as_str(), &report.msg));
    report.msg = format!("{word}: {}; {rest}", counts.join(", "));
    report.comment.clone_from(&report.msg);
}
