//! Plain data that every layer names. Nothing here reads, judges or prints.

pub mod answer;
pub mod armed;
pub mod finding;
pub mod gather;
pub mod objects;
pub mod plan;
pub mod query;
pub mod reading;
pub mod report;
pub mod run;
pub mod snapshot;
pub mod sorted;
pub mod stored;

pub use answer::{Answer, Answers};
pub use finding::{Finding, Severity, Status};
pub use query::Query;
pub use reading::{Reading, Trouble, TroubleCause};
pub use report::Report;
pub use snapshot::Snapshot;
