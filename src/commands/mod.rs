//! One file a verb, each a straight pipeline. The rounds of looking are in `look`.

mod assemble;
mod baseline;
pub mod bundle;
pub mod check;
pub mod explain;
mod judging;
mod load;
mod look;
mod masked;
mod options;
pub mod schema;
pub mod snapshot;
pub mod verify;
mod wait;
mod write;

use std::sync::Arc;

use thiserror::Error;

use crate::host::Observe;

/// The right to look at this machine, as often as it takes: each look sees it anew.
pub type Looking = fn() -> Arc<dyn Observe>;

/// What a person did wrong: exit code 2, one message, nothing else.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// `hint:` stands on a line of its own.
pub fn usage(message: impl std::fmt::Display, hint: impl std::fmt::Display) -> anyhow::Error {
    UsageError(format!("{message}\nhint: {hint}")).into()
}
