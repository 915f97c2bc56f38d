//! Does ovn-controller run, connected, and understand what northd writes?

use super::outcome::Outcome;
use crate::catalog::kind::ovs::Controller as Spec;
use crate::facts::Facts;

pub fn judge(_: &Spec, _: &Facts<'_>) -> Vec<Outcome> {
    Vec::new()
}
