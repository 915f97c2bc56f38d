//! Are apt's sources those of this release?

use super::outcome::Outcome;
use crate::facts::Facts;

pub fn judge(_: &Facts<'_>) -> Vec<Outcome> {
    Vec::new()
}
