//! Checks of systemd's units.

use super::Spec;
use crate::catalog::fields::table;
use crate::catalog::settings::Settings;
use crate::model::Query;
use crate::model::sorted::SortedMap;
use crate::units::UnitName;

/// These units run, and will run after the next boot.
#[derive(Clone, Debug)]
pub struct UnitState {
    pub units: Vec<UnitName>,
}

table!(UnitState: units);

impl Spec for UnitState {
    const CAUSES: &'static [&'static str] =
        &["inactive", "failed", "masked", "disabled", "crash-loop", "not-found-but-running"];

    fn questions(&self, _: &Settings) -> Vec<Query> {
        self.units.iter().map(|unit| Query::Unit(unit.to_string())).collect()
    }
}

/// No loaded unit is in the state `failed`.
#[derive(Clone, Debug, Default)]
pub struct UnitsFailed;

impl Spec for UnitsFailed {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::Units]
    }
}

/// What was enabled and ran still is, and does.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What the host cannot do without: a service, and the units of which any one provides it. What else was enabled
    /// is compared too, and counts less.
    pub services: SortedMap<String, Vec<UnitName>>,
}

table!(Kept: services);

impl Spec for Kept {
    const CAUSES: &'static [&'static str] = &["disabled", "masked", "stopped", "missing"];

    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::UnitFiles, Query::Units]
    }

    fn remembered(&self, settings: &Settings) -> Vec<Query> {
        self.questions(settings)
    }
}
