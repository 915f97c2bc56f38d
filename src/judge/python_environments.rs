//! Do Python environments keep their interpreter?

use super::outcome::Outcome;
use crate::catalog::kind::python::Environments as Spec;
use crate::facts::Facts;

pub fn judge(_: &Spec, _: &Facts<'_>) -> Vec<Outcome> {
    Vec::new()
}
