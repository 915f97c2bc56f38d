//! Does a person vouch for what no program can read?

use super::outcome::Outcome;
use crate::catalog::Check;
use crate::facts::Facts;

pub fn judge(_: &Check, _: &Facts<'_>) -> Vec<Outcome> {
    Vec::new()
}
