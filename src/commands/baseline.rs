//! The snapshot that a host is compared with.

use crate::catalog::Settings;
use crate::facts::before::Before;
use crate::facts::{Facts, Run};
use crate::model::report::{self, Intent};
use crate::model::snapshot::Remembered;
use crate::model::{Answers, Snapshot};

/// A snapshot, its answers apart.
pub struct Baseline {
    pub snapshot: Snapshot,
    answers: Answers,
}

impl Baseline {
    pub fn new(mut snapshot: Snapshot) -> Self {
        let remembered = std::mem::replace(&mut snapshot.answers, Remembered::default());
        Self { snapshot, answers: remembered.into_answers() }
    }

    /// The facts of then, under the settings of now.
    pub fn before<'a>(&'a self, settings: &'a Settings) -> Before<'a> {
        let run = Run { intent: Intent::After, asked_at: &self.snapshot.taken_at };
        Before { facts: Facts::new(&self.answers, settings, run), snapshot: &self.snapshot }
    }

    /// How a report names it.
    pub fn named(&self) -> report::Baseline {
        report::Baseline { name: self.snapshot.name.clone(), taken_at: self.snapshot.taken_at.clone() }
    }
}
