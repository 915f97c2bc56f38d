//! Checks of Python environments.

use super::Spec;
use crate::catalog::fields::table;
use crate::catalog::settings::Settings;
use crate::model::Query;
use crate::units::AbsolutePath;

/// The interpreter that the environments run on is there, and stays what it is.
#[derive(Clone, Debug)]
pub struct Environments {
    pub under: Vec<AbsolutePath>,
}

table!(Environments: under);

impl Spec for Environments {
    const CAUSES: &'static [&'static str] = &["interpreter-gone", "interpreter-changed", "interpreter-will-change"];

    fn questions(&self, _: &Settings) -> Vec<Query> {
        self.under.iter().map(|path| Query::PythonEnvironments(path.to_string())).collect()
    }
}
