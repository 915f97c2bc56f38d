//! Will sshd let anybody in, now and after the next boot?

use super::outcome::Outcome;
use crate::facts::Facts;
use crate::model::Query;

pub fn judge(_: &Facts<'_>) -> Vec<Outcome> {
    Vec::new()
}

/// What must be read before it can be judged.
pub fn open_questions(_: &Facts<'_>) -> Vec<Query> {
    Vec::new()
}
