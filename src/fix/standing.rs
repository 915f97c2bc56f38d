//! How far a run came: read from its journal alone, so that whoever comes next can finish it or take it back.

use crate::model::plan::{Deed, Planned};
use crate::model::report::ActionState;
use crate::model::run::{Entry, Line, Request};
use crate::model::sorted::SortedMap;

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
    /// What was said by the steps that could not be taken back, each under its number.
    pub undo_errors: SortedMap<usize, String>,
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

    pub fn take(&mut self, entry: &Entry) {
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
                undo_errors: SortedMap::new(),
            })),
            Entry::Intent { action, step } => self.set(*action, *step, StepState::Begun),
            Entry::Done { action, step, already: true } => self.set(*action, *step, StepState::Already),
            Entry::Done { action, step, already: false } => self.set(*action, *step, StepState::Done),
            Entry::Failed { action, step, untouched, .. } => {
                self.set(*action, *step, if *untouched { StepState::Open } else { StepState::Failed });
            }
            Entry::Judged { action, state, error } => {
                if let Some(acted) = self.actions.get_mut(*action) {
                    acted.judged = Some((*state, error.clone()));
                }
            }
            Entry::Reverting { because } => {
                self.reverting = Some(because.clone());
                // It had ended, perhaps; now it goes on until this has.
                self.ended = None;
            }
            // Until it is said to be undone, it may still be there.
            Entry::UndoIntent { .. } => {}
            Entry::Undone { action, step } => {
                self.set(*action, *step, StepState::Undone);
                self.set_undo_error(*action, *step, None);
            }
            Entry::UndoFailed { action, step, error } => {
                self.set(*action, *step, StepState::UndoFailed);
                self.set_undo_error(*action, *step, Some(error.clone()));
            }
            Entry::Pending => self.pending = true,
            Entry::Confirmed { .. } => self.confirmed = true,
            Entry::Ended { exit_code, message } => self.ended = Some((*exit_code, message.clone())),
        }
    }

    fn set_undo_error(&mut self, action: usize, step: usize, error: Option<String>) {
        let Some(acted) = self.actions.get_mut(action) else { return };
        match error {
            Some(error) => acted.undo_errors.insert(step, error),
            None => acted.undo_errors.remove(&step),
        };
    }

    fn set(&mut self, action: usize, step: usize, state: StepState) {
        if let Some(slot) = self.actions.get_mut(action).and_then(|acted| acted.steps.get_mut(step)) {
            *slot = state;
        }
    }

    /// Whether anything of it may have touched the host and still stands.
    pub fn has_changed(&self) -> bool {
        self.actions.iter().any(Acted::stands)
    }

    /// Whether it ever did anything to the host, taken back or not.
    pub fn has_acted(&self) -> bool {
        self.actions
            .iter()
            .any(|acted| acted.steps.iter().any(|state| state.is_touched() || *state == StepState::Undone))
    }

    /// What is to be taken back, the last first: what was made, and what may have been.
    pub fn to_undo(&self) -> impl Iterator<Item = (usize, usize, &[Deed])> {
        self.actions
            .iter()
            .enumerate()
            .rev()
            .flat_map(|(action, acted)| acted.to_undo().map(move |(step, undoes)| (action, step, undoes)))
    }

    /// Why nothing more is to be done in it: somebody else has taken it back, or kept it.
    pub fn is_over(&self) -> Option<String> {
        match (&self.reverting, &self.ended) {
            (Some(because), _) => Some(format!("the run is taken back: {because}")),
            (None, Some((_, message))) => Some(format!("the run has ended: {message}")),
            (None, None) => None,
        }
    }

    /// What is left to be taken back of a run that nobody goes on with any more.
    pub fn left(&self) -> Left {
        if self.ended.is_some() || self.request.is_none() {
            return Left::Nothing;
        }
        let is_unkept = self.guard.is_some() && !self.confirmed;
        if self.reverting.is_some() || is_unkept {
            return Left::All;
        }
        let is_cut_off = |acted: &Acted| acted.judged.is_none() && acted.stands() && !acted.is_made();
        Left::Actions(
            (0..).zip(&self.actions).filter(|(_, acted)| is_cut_off(acted)).map(|(action, _)| action).collect(),
        )
    }
}

/// What a run that was killed, or that nobody kept, leaves to whoever comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// It came to its end.
    Nothing,
    /// These actions were begun and not made to their end; perhaps none.
    Actions(Vec<usize>),
    /// Somebody wanted all of it taken back, or nobody kept it.
    All,
}

impl StepState {
    fn is_touched(self) -> bool {
        matches!(self, Self::Begun | Self::Done | Self::Failed | Self::UndoFailed)
    }
}

impl Acted {
    /// Whether any of it may be there, and was not taken back.
    pub fn stands(&self) -> bool {
        self.steps.iter().any(|state| state.is_touched())
    }

    /// Each step was made, or had nothing to do.
    pub fn is_made(&self) -> bool {
        self.steps.iter().all(|state| matches!(state, StepState::Done | StepState::Already))
    }

    pub fn is_taken_back(&self) -> bool {
        !self.stands() && self.steps.contains(&StepState::Undone)
    }

    /// Why it could not be taken back, where that was tried.
    pub fn undo_error(&self) -> Option<String> {
        let errors: Vec<&str> = self.undo_errors.values().map(String::as_str).collect();
        (!errors.is_empty()).then(|| errors.join("; "))
    }

    /// What is to be taken back of it, the last first.
    pub fn to_undo(&self) -> impl Iterator<Item = (usize, &[Deed])> {
        let steps = self.steps.iter().zip(&self.planned.steps).enumerate().rev();
        steps
            .filter(|(_, (state, planned))| state.is_touched() && !planned.undoes.is_empty())
            .map(|(step, (_, planned))| (step, planned.undoes.as_slice()))
    }
}
