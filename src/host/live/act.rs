//! What is done to this machine: each deed by the one code that there is for its kind.

use super::Live;
use super::exec;
use crate::host::change::{Change, NotDone};
use crate::model::plan::Deed;

impl Change for Live {
    fn act(&self, deed: &Deed) -> Result<(), NotDone> {
        match deed {
            Deed::Run(run) => exec::run(run).map(drop),
            Deed::Switch(_) | Deed::Remove(_) | Deed::File { .. } | Deed::Link { .. } | Deed::Setting { .. } => {
                Err(NotDone::new("not built yet"))
            }
        }
    }
}
