//! Is there a way in that does not need the network?

use super::outcome::Outcome;
use crate::catalog::Check;
use crate::facts::Facts;

pub fn judge(_: &Check, _: &Facts<'_>) -> Vec<Outcome> {
    Vec::new()
}
