//! One file a renderer. A renderer decides nothing: it prints what the report says.

pub mod error;
pub mod explain;
pub mod json;
mod layout;
pub mod progress;
pub mod text;
