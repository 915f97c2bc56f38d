//! The only door to the machine.

pub mod armed;
pub mod asking;
pub mod at_work;
pub mod boot;
pub mod change;
pub mod configuration;
pub mod handover;
pub mod invoker;
pub mod live;
pub mod lock;
pub mod recorded;
pub mod run_id;
pub mod runs;
pub mod scrub;
pub mod session;
pub mod snapshots;
pub mod store;

use crate::model::{Answer, Query, Reading};

/// The right to look. What it can be asked is the closed list of `Query`; it cannot write.
pub trait Observe: Send + Sync {
    fn ask(&self, query: &Query) -> Reading<Answer>;
}
