//! Repairs: what is planned for a finding, and how a plan is carried out so that it can be finished or taken back
//! wherever it stops.
//!
//! `plan` and `action` are pure: findings and facts in, a plan out. `apply` and `undo` alone hold the right to change
//! the host, and write each step down before they make it.

pub mod action;
pub mod apply;
pub mod book;
pub mod gate;
pub mod holds;
pub mod plan;
pub mod protected;
pub mod rounds;
pub mod standing;
pub mod told;
pub mod turn;
pub mod unattended;
pub mod undo;

#[cfg(test)]
pub mod tests;
