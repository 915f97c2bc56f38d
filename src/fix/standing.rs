//! How far a run came: read from its journal alone, so that whoever comes next can finish it or take it back.

use crate::model::plan::{Deed, Planned};
use crate::model::report::ActionState;
use crate::model::run::{Entry, Line, Request};

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    Open,
    /// It was about to be made: perhaps it was, perhaps not.
    Begun,
    /// There was nothing to do.
    Already,
    Done,
    Failed,
    Undone,
    UndoFailed,
}

#[derive(Clone, Debug)]
pub struct Acted {
    pub planned: Planned,
    pub steps: Vec<StepState>,
    pub judged: Option<(ActionState, Option<String>)>,
}

#[derive(Clone, Debug, Default)]
pub struct Standing {
    pub request: Option<Request>,
    pub boot_id: Option<String>,
    pub actions: Vec<Acted>,
    pub guard: Option<Guard>,
    /// Everything is done and judged, and waits to be kept.
    pub pending: bool,
    pub confirmed: bool,
    /// It is being taken back, or was: why.
    pub reverting: Option<String>,
    pub ended: Option<(u8, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    pub deadline_boot_ms: u64,
    pub boot_id: Option<String>,
    pub deadline: String,
    pub survives_reboot: bool,
}

impl Standing {
    pub fn of(lines: &[Line]) -> Self {
        let mut standing = Self::default();
        for line in lines {
            standing.take(&line.what);
        }
        standing
    }

    fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Begun { boot_id, request } => {
                self.boot_id.clone_from(boot_id);
                self.request = Some((**request).clone());
            }
            Entry::Guarded { deadline_boot_ms, boot_id, deadline, survives_reboot } => {
                self.guard = Some(Guard {
                    deadline_boot_ms: *deadline_boot_ms,
                    boot_id: boot_id.clone(),
                    deadline: deadline.clone(),
                    survives_reboot: *survives_reboot,
                });
            }
            Entry::Planned { actions } => self.actions.extend(actions.iter().map(|planned| Acted {
                planned: planned.clone(),
                steps: vec![StepState::Open; planned.steps.len()],
                judged: None,
            })),
            Entry::Intent { action, step } => self.set(*action, *step, StepState::Begun),
            Entry::Done { action, step, already: true } => self.set(*action, *step, StepState::Already),
            Entry::Done { action, step, already: false } => self.set(*action, *step, StepState::Done),
            Entry::Failed { action, step, .. } => self.set(*action, *step, StepState::Failed),
            Entry::Judged { action, state, error } => {
                if let Some(acted) = self.actions.get_mut(*action) {
                    acted.judged = Some((*state, error.clone()));
                }
            }
            Entry::Reverting { because } => self.reverting = Some(because.clone()),
            // Until it is said to be undone, it may still be there.
            Entry::UndoIntent { .. } => {}
            Entry::Undone { action, step } => self.set(*action, *step, StepState::Undone),
            Entry::UndoFailed { action, step, .. } => self.set(*action, *step, StepState::UndoFailed),
            Entry::Pending => self.pending = true,
            Entry::Confirmed { .. } => self.confirmed = true,
            Entry::Ended { exit_code, message } => self.ended = Some((*exit_code, message.clone())),
        }
    }

    fn set(&mut self, action: usize, step: usize, state: StepState) {
        if let Some(slot) = self.actions.get_mut(action).and_then(|acted| acted.steps.get_mut(step)) {
            *slot = state;
        }
    }

    /// Whether anything of it may have touched the host and still stands.
    pub fn has_changed(&self) -> bool {
        self.to_undo().next().is_some()
    }

    /// What is to be taken back, the last first: what was made, and what may have been.
    pub fn to_undo(&self) -> impl Iterator<Item = (usize, usize, &[Deed])> {
        self.actions.iter().enumerate().rev().flat_map(|(action, acted)| {
            let steps = acted.steps.iter().zip(&acted.planned.steps).enumerate().rev();
            let touched = |state: StepState| {
                matches!(state, StepState::Begun | StepState::Done | StepState::Failed | StepState::UndoFailed)
            };
            steps
                .filter(move |(_, (state, _))| touched(**state))
                .map(move |(step, (_, planned))| (action, step, planned.undoes.as_slice()))
        })
    }

    /// It was killed, or the power went: nobody said how it ended, and nothing waits to be kept.
    pub fn is_unfinished(&self) -> bool {
        self.ended.is_none() && !self.pending
    }
}
