//! Is what was installed and held still so, at no lower version?

use crate::catalog::kind::packages::Kept as Spec;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::judge::outcome::Outcome;

pub fn judge(_: &Spec, _: &Facts<'_>, _: &Before<'_>) -> Vec<Outcome> {
    vec![Outcome::undetermined("", "failed", "not built yet")]
}
