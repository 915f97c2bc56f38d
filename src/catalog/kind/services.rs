//! Checks of systemd's units.

use serde::Deserialize;

use super::Spec;
use crate::catalog::settings::Settings;
use crate::model::Query;
use crate::units::UnitName;

/// These units run, and will run after the next boot.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitState {
    pub units: Vec<UnitName>,
}

impl Spec for UnitState {
    const CAUSES: &'static [&'static str] =
        &["inactive", "failed", "masked", "disabled", "crash-loop", "not-found-but-running"];

    fn questions(&self, _: &Settings) -> Vec<Query> {
        self.units.iter().map(|unit| Query::Unit(unit.to_string())).collect()
    }
}

/// No loaded unit is in the state `failed`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitsFailed {}

impl Spec for UnitsFailed {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::Units]
    }
}
