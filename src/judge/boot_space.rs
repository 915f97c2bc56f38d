//! Has /boot room for the kernels of an upgrade?

use super::outcome::Outcome;
use crate::catalog::kind::boot::Space as Spec;
use crate::facts::Facts;

pub fn judge(_: &Spec, _: &Facts<'_>) -> Vec<Outcome> {
    Vec::new()
}
