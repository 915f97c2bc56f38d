//! The snapshot that a host is compared with.

use super::usage;
use crate::catalog::Settings;
use crate::facts::before::Before;
use crate::facts::{Facts, Run};
use crate::model::report::{self, Host, Intent};
use crate::model::{Answers, Snapshot};

/// A snapshot, its answers apart.
pub struct Baseline {
    pub snapshot: Snapshot,
    answers: Answers,
}

impl Baseline {
    pub fn new(mut snapshot: Snapshot) -> Self {
        let remembered = std::mem::take(&mut snapshot.answers);
        Self { snapshot, answers: remembered.into_answers() }
    }

    /// The facts of then, under the settings of now.
    pub fn before<'a>(&'a self, settings: &'a Settings) -> Before<'a> {
        let run = Run { intent: Intent::After, asked_at: &self.snapshot.taken_at };
        Before { facts: Facts::new(&self.answers, settings, run), snapshot: &self.snapshot }
    }

    /// A snapshot of another machine says nothing about this one. `hint` says what to do then.
    pub fn is_of(&self, host: &Host, hint: &str) -> anyhow::Result<()> {
        match (&self.snapshot.host.machine_id, &host.machine_id) {
            (Some(theirs), Some(ours)) if theirs != ours => {
                let name = &self.snapshot.name;
                let message = format!("the snapshot `{name}` is of another machine: {theirs}, and this one is {ours}");
                Err(usage(message, hint))
            }
            _ => Ok(()),
        }
    }

    /// How a report names it.
    pub fn named(&self) -> report::Baseline {
        report::Baseline { name: self.snapshot.name.clone(), taken_at: self.snapshot.taken_at.clone() }
    }
}
