//! Does the agent speak with its management plane?

use super::outcome::Outcome;
use crate::catalog::kind::agent::Connected as Spec;
use crate::facts::Facts;

pub fn judge(_: &Spec, _: &Facts<'_>) -> Vec<Outcome> {
    vec![Outcome::undetermined("", "failed", "not built yet")]
}
