//! Have the guests that start with the host started again?

use crate::catalog::kind::host::GuestsKept as Spec;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::judge::outcome::Outcome;

pub fn judge(_: &Spec, _: &Facts<'_>, _: &Before<'_>) -> Vec<Outcome> {
    vec![Outcome::undetermined("", "failed", "not built yet")]
}
