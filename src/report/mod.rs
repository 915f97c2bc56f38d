//! One file a renderer. A renderer decides nothing: it prints what the report says.

mod actions;
pub mod console_card;
pub mod error;
pub mod explain;
pub mod json;
mod layout;
pub mod progress;
pub mod runs;
pub mod snapshot;
pub mod text;
mod tree;

pub use layout::time;
