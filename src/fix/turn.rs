//! A run turned around: what takes it back, as a plan of its own. Under a guardian it is made like any other plan, so
//! that it can itself be taken back.

use std::io;

use super::apply::{Broken, Hands};
use super::book::Book;
use super::rounds::{fail, leave_out};
use super::standing::{Acted, Standing};
use crate::host::change::Change;
use crate::model::plan::{Deed, Planned, Step};
use crate::model::report::ActionState;
use crate::model::run::Entry;

/// The last of its actions first, and of each what stands and can be taken back.
pub fn turned(run: &str, standing: &Standing) -> Vec<Planned> {
    // What ended with its boot is not there to be taken back.
    let there = (0..).zip(&standing.actions).filter(|(action, _)| !standing.is_gone(*action));
    let actions: Vec<&Acted> = there.map(|(_, acted)| acted).collect();
    actions.into_iter().rev().map(|acted| of_action(run, acted)).filter(|planned| !planned.steps.is_empty()).collect()
}

fn of_action(run: &str, acted: &Acted) -> Planned {
    let planned = acted.planned.clone();
    let steps = acted.to_undo().flat_map(|(step, undoes)| {
        // Done again with each of these that is taken back: what holds already is not done twice. What follows it and has
        // no undo goes with it: the neighbours are told again.
        let rest = planned.steps.iter().skip(step).enumerate();
        let with_it = rest.take_while(|(at, step)| *at == 0 || step.undoes.is_empty());
        let again: Vec<Deed> = with_it.map(|(_, step)| step.does.clone().again()).collect();
        undoes.iter().map(move |deed| Step { does: deed.clone(), undoes: again.clone() })
    });
    Planned {
        steps: steps.collect(),
        why: format!("run {run} made it"),
        undo: format!("it is made again as run {run} made it"),
        needs: Vec::new(),
        frees_bytes: None,
        before: planned.after,
        after: planned.before,
        refused: None,
        ..acted.planned.clone()
    }
}

/// Makes every action of a run that was turned around, also where one of them cannot be made: that one stays as it was.
pub fn make(
    book: &mut Book,
    planned: Vec<Planned>,
    change: &dyn Fn() -> Box<dyn Change>,
    stop: &dyn Fn() -> Option<String>,
) -> io::Result<()> {
    book.write(Entry::Planned { actions: planned.clone() })?;
    let mut stopped: Option<String> = None;
    for (action, planned) in planned.iter().enumerate() {
        if let Some(why) = &stopped {
            leave_out(book, action, why)?;
            continue;
        }
        // What was read for one deed is read anew for the next.
        let hands = change();
        match (Hands { change: &*hands, book, stop }).carry_out(action, planned) {
            Ok(()) => book.write(Entry::Judged { action, state: ActionState::Applied, error: None })?,
            Err(Broken::Journal(error)) => return Err(error),
            Err(Broken::Step(not_done)) => fail(book, action, not_done.to_string(), &*change())?,
            Err(Broken::Stopped(why)) => {
                fail(book, action, why.clone(), &*change())?;
                stopped = Some(why);
            }
        }
    }
    Ok(())
}
