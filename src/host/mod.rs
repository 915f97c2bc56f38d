//! The only door to the machine.

pub mod live;

use crate::model::{Answer, Query, Reading};

/// The right to look. What it can be asked is the closed list of `Query`; it cannot write.
pub trait Observe: Send + Sync {
    fn ask(&self, query: &Query) -> Reading<Answer>;
}
