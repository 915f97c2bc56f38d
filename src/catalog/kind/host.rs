//! Checks of the host as a whole.

use serde::Deserialize;

use super::Spec;
use crate::catalog::settings::Settings;
use crate::model::Query;
use crate::units::AbsolutePath;

/// Virtual machines that an upgrade or a reboot would disturb.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guests {
    /// Where libvirt keeps one XML file for each domain that runs.
    pub libvirt_state: AbsolutePath,
}

impl Spec for Guests {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::Guests, Query::Directory(self.libvirt_state.to_string())]
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RebootPending {
    /// A file whose existence asks for a reboot, and the one that lists for whom.
    pub marker: AbsolutePath,
    pub packages: AbsolutePath,
}

impl Spec for RebootPending {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::Exists(self.marker.to_string()), Query::File(self.packages.to_string())]
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {}

impl Spec for Clock {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::Clock]
    }
}
