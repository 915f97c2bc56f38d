//! Has the kernel that boots next the module?

use super::outcome::Outcome;
use crate::catalog::kind::boot::Module as Spec;
use crate::facts::Facts;

pub fn judge(_: &Spec, _: &Facts<'_>) -> Vec<Outcome> {
    Vec::new()
}
