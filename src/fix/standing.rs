//! How far a run came: read from its journal alone, so that whoever comes next can finish it or take it back.

use super::action::PIN;
use crate::host::boot;
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
    /// Bytes that were free before it and after it, where it makes room.
    pub free: Option<(u64, u64)>,
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
                free: None,
                undo_errors: SortedMap::new(),
            })),
            Entry::Intent { action, step } => self.set(*action, *step, StepState::Begun),
            Entry::Done { action, step, already: true } => self.set(*action, *step, StepState::Already),
            Entry::Done { action, step, already: false } => self.set(*action, *step, StepState::Done),
            Entry::Failed { action, step, untouched, .. } => {
                self.set(*action, *step, if *untouched { StepState::Open } else { StepState::Failed });
            }
            Entry::Freed { action, free_before, free_after } => {
                if let Some(acted) = self.actions.get_mut(*action) {
                    acted.free = Some((*free_before, *free_after));
                }
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

    /// The devices that what stands of it has touched.
    pub fn touched(&self) -> Vec<String> {
        let stands = self.actions.iter().filter(|acted| acted.stands());
        stands.flat_map(|acted| acted.planned.touches.iter().cloned()).collect()
    }

    /// Whether it ever did anything to the host, taken back or not.
    pub fn has_acted(&self) -> bool {
        self.actions
            .iter()
            .any(|acted| acted.steps.iter().any(|state| state.is_touched() || *state == StepState::Undone))
    }

    /// Whether an action ended with the boot that it was made in. What is there now under the same names was made by the
    /// boot of now, and taking it away would be no undo: an address that the configuration gives, a unit that it starts.
    pub fn is_gone(&self, action: usize) -> bool {
        self.actions.get(action).is_some_and(Acted::ends_with_boot) && self.is_of_another_boot()
    }

    /// By a pin of an earlier boot a NIC may have its name: that goes by `undo` alone, which judges what then becomes of it.
    pub fn may_keep_a_name(&self, action: usize) -> bool {
        self.actions.get(action).is_some_and(|acted| acted.planned.fix == PIN) && self.is_of_another_boot()
    }

    fn is_of_another_boot(&self) -> bool {
        matches!((&self.boot_id, boot::id()), (Some(then), Some(now)) if *then != now)
    }

    /// What is to be taken back, the last first: what was made, and what may have been.
    pub fn to_undo(&self) -> impl Iterator<Item = (usize, usize, &[Deed])> {
        self.actions
            .iter()
            .enumerate()
            .rev()
            .flat_map(|(action, acted)| acted.to_undo().map(move |(step, undoes)| (action, step, undoes)))
    }

    /// The run that this one takes back, as a run of its own.
    pub fn turns(&self) -> Option<&str> {
        self.request.as_ref()?.undo.as_deref()
    }

    /// What a run of its own has taken back of this one is taken back.
    pub fn is_turned_by(&mut self, run: &str, by: &Self) {
        let is_made = |acted: &Acted| {
            let same = |it: &&Acted| it.planned.fix == acted.planned.fix && it.planned.subject == acted.planned.subject;
            by.actions.iter().find(same).is_some_and(Acted::is_made)
        };
        for acted in self.actions.iter_mut().filter(|acted| is_made(acted)) {
            let touched = acted.steps.iter_mut().filter(|state| state.is_touched());
            touched.for_each(|state| *state = StepState::Undone);
            self.reverting = Some(format!("by run {run}"));
        }
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
        let cut_off = (0..).zip(&self.actions).filter(|(_, acted)| is_cut_off(acted)).map(|(action, _)| action);
        Left::Actions(cut_off.filter(|action| !self.may_keep_a_name(*action)).collect())
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

    /// Of what has no undo at most something beside it is put back: a package that was held is held again.
    pub fn is_taken_back(&self) -> bool {
        !self.stands() && self.steps.contains(&StepState::Undone) && !self.planned.is_irreversible()
    }

    /// Why it could not be taken back, where that was tried.
    pub fn undo_error(&self) -> Option<String> {
        let errors: Vec<&str> = self.undo_errors.values().map(String::as_str).collect();
        (!errors.is_empty()).then(|| errors.join("; "))
    }

    /// Nothing of what was done to it, taken back or not, outlives a boot.
    fn ends_with_boot(&self) -> bool {
        let made = self.steps.iter().zip(&self.planned.steps);
        let mut made = made.filter(|(state, _)| !matches!(state, StepState::Open | StepState::Already));
        made.all(|(_, planned)| planned.does.ends_with_boot())
    }

    /// What is to be taken back of it, the last first.
    pub fn to_undo(&self) -> impl Iterator<Item = (usize, &[Deed])> {
        let steps = self.steps.iter().zip(&self.planned.steps).enumerate().rev();
        steps
            .filter(|(_, (state, planned))| state.is_touched() && !planned.undoes.is_empty())
            .map(|(step, (_, planned))| (step, planned.undoes.as_slice()))
    }
}
