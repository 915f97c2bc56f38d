//! Takes a run back, or a part of it: backwards, each step only where it is still to be taken back, and to the end even
//! where some of it cannot be.

use std::io;

use super::apply::do_deed;
use super::book::Book;
use super::standing::{Left, Standing};
use crate::host::change::Change;
use crate::model::plan::Deed;
use crate::model::run::Entry;

/// What could not be taken back; empty where all was.
pub fn take_back(book: &mut Book, because: &str, change: &dyn Change) -> io::Result<Vec<String>> {
    let all: Vec<usize> = (0..book.standing.actions.len()).collect();
    take_back_actions(book, because, &all, change)
}

/// The same of these alone.
pub fn take_back_actions(
    book: &mut Book,
    because: &str,
    actions: &[usize],
    change: &dyn Change,
) -> io::Result<Vec<String>> {
    book.hold()?;
    let because = because.to_owned();
    let errors = book.write(Entry::Reverting { because }).and_then(|()| undo_actions(book, actions, change));
    book.release()?;
    errors
}

/// The same for one action, because it failed: the run itself goes on to its end.
pub fn take_back_action(book: &mut Book, action: usize, change: &dyn Change) -> io::Result<Vec<String>> {
    book.hold()?;
    let errors = undo_actions(book, &[action], change);
    book.release()?;
    errors
}

/// Takes back what a run that was killed has left half done, or all where somebody wanted that or nobody kept it.
pub fn take_back_left(book: &mut Book, change: &dyn Change) -> io::Result<Vec<String>> {
    let (because, steps) = match book.standing.left() {
        Left::Nothing => return Ok(Vec::new()),
        Left::Actions(actions) => return undo_actions(book, &actions, change),
        Left::All => {
            let because = book.standing.reverting.clone();
            (
                because.unwrap_or_else(|| "nobody kept it".to_owned()),
                steps(&book.standing, |action| !book.standing.may_keep_a_name(action)),
            )
        }
    };
    if book.standing.reverting.is_none() {
        book.write(Entry::Reverting { because })?;
    }
    undo_steps(book, steps, change)
}

fn undo_actions(book: &mut Book, actions: &[usize], change: &dyn Change) -> io::Result<Vec<String>> {
    let steps = steps(&book.standing, |action| actions.contains(&action));
    undo_steps(book, steps, change)
}

type Undo = (usize, usize, Vec<Deed>);

fn steps(standing: &Standing, of: impl Fn(usize) -> bool) -> Vec<Undo> {
    let all = standing.to_undo().filter(|(action, _, _)| of(*action));
    all.map(|(action, step, undoes)| (action, step, undoes.to_vec())).collect()
}

fn undo_steps(book: &mut Book, steps: Vec<Undo>, change: &dyn Change) -> io::Result<Vec<String>> {
    let mut errors = Vec::new();
    for (action, step, undoes) in steps {
        book.write(Entry::UndoIntent { action, step })?;
        let undoes = if book.standing.is_gone(action) { &[] } else { undoes.as_slice() };
        match undoes.iter().try_for_each(|deed| do_deed(change, deed).map(drop)) {
            Ok(()) => book.write(Entry::Undone { action, step })?,
            Err(not_done) => {
                let error = not_done.to_string();
                errors.push(error.clone());
                book.write(Entry::UndoFailed { action, step, error })?;
            }
        }
    }
    Ok(errors)
}
