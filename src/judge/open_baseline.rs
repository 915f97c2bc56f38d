//! May a new snapshot take the place of the open baseline?

use crate::facts::Facts;
use crate::facts::before::Before;

/// What tells that the host went through something since the baseline: its boot, its release, or the version of an
/// agent's, the switch's or a kernel's package. Empty where a new snapshot says the same as the old one.
pub fn went_through(_: &Facts<'_>, _: &Before<'_>) -> Vec<String> {
    Vec::new()
}
