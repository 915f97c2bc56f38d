//! Is what was enabled and ran still enabled, and does it run?

use crate::catalog::kind::services::Kept as Spec;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::judge::outcome::Outcome;

pub fn judge(_: &Spec, _: &Facts<'_>, _: &Before<'_>) -> Vec<Outcome> {
    vec![Outcome::undetermined("", "failed", "not built yet")]
}
