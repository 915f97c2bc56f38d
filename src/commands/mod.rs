//! One file a verb, each a straight pipeline. The rounds of looking are in `look`.

mod assemble;
mod baseline;
pub mod boot;
pub mod bundle;
pub mod check;
pub mod confirm;
pub mod explain;
pub mod fix;
pub mod follow;
pub mod guard;
mod judging;
mod kept;
mod load;
mod look;
pub mod manual;
mod masked;
mod options;
mod running;
pub mod schema;
mod sight;
pub mod snapshot;
pub mod undo;
pub mod verify;
mod wait;
pub mod work;
mod write;

use std::sync::Arc;

use thiserror::Error;

use crate::exit::Exit;
use crate::host::Observe;
use crate::host::change::Change;

/// The right to look at this machine, as often as it takes: each look sees it anew.
pub type Looking = fn() -> Arc<dyn Observe>;

/// The right to change this machine, anew for each deed. Only a worker holds it.
pub type Changing = fn() -> Box<dyn Change>;

/// A run that ended without a report, and not because of what a person did wrong.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct Ended {
    pub exit: Exit,
    pub message: String,
}

/// What a person did wrong: exit code 2, one message, nothing else.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// `hint:` stands on a line of its own.
pub fn usage(message: impl std::fmt::Display, hint: impl std::fmt::Display) -> anyhow::Error {
    UsageError(format!("{message}\nhint: {hint}")).into()
}
