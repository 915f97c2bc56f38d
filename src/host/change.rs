//! The right to change this machine: what `fix --apply`, `confirm`, `undo` and their guardian hold, and nobody who looks.

use std::fmt;

use super::Observe;
use crate::model::plan::Deed;

pub trait Change: Observe {
    /// Does it, and nothing else. That it succeeded is for whoever reads the host again to say.
    fn act(&self, deed: &Deed) -> Result<(), NotDone>;
}

/// Why it was not done, or not to its end: one sentence, and what the program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDone {
    pub why: String,
    /// Nothing of it was done, so that nothing is to be taken back: what it was to be done on has changed since it was
    /// planned, takes nothing, or is not to be reached.
    pub outdated: bool,
}

impl NotDone {
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), outdated: false }
    }

    /// Somebody else has the lock of the package manager: what dpkg, and apt, say before they have done anything.
    pub fn is_locked_out(&self) -> bool {
        ["lock was locked by another process", "E: Could not get lock"].iter().any(|words| self.why.contains(words))
    }
}

impl fmt::Display for NotDone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.why)
    }
}
