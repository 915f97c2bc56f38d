//! Do netplan's files say what they mean to?

use super::outcome::Outcome;
use crate::facts::Facts;

pub fn judge(_: &Facts<'_>) -> Vec<Outcome> {
    Vec::new()
}
