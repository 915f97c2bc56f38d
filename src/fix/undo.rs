//! Takes a run back: backwards, each step only where it is still to be taken back, and to the end even where some of it
//! cannot be.

use std::io;

use super::apply::do_deed;
use super::standing::Standing;
use crate::host::change::Change;
use crate::host::runs::Journal;
use crate::model::run::Entry;

/// What could not be taken back; empty where all was.
pub fn take_back(
    standing: &Standing,
    because: &str,
    change: &dyn Change,
    journal: &mut Journal,
) -> io::Result<Vec<String>> {
    let mut errors = Vec::new();
    journal.write(Entry::Reverting { because: because.to_owned() })?;
    for (action, step, undoes) in standing.to_undo() {
        journal.write(Entry::UndoIntent { action, step })?;
        match undoes.iter().try_for_each(|deed| do_deed(change, deed).map(drop)) {
            Ok(()) => journal.write(Entry::Undone { action, step })?,
            Err(not_done) => {
                let error = not_done.to_string();
                errors.push(error.clone());
                journal.write(Entry::UndoFailed { action, step, error })?;
            }
        }
    }
    Ok(errors)
}
