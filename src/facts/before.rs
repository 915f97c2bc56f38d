//! What the host is compared with: the same facts, of the moment of the baseline.

use super::Facts;
use crate::model::Snapshot;

#[derive(Debug)]
pub struct Before<'a> {
    pub facts: Facts<'a>,
    /// When it was, which host it was, what was wrong then. Its answers are in `facts`.
    pub snapshot: &'a Snapshot,
}
