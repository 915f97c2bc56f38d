//! What a fix is called and how it is taken back.

use super::fields::{table, words};
use crate::model::query::Freeable;

#[derive(Clone, Debug)]
pub struct Fix {
    pub id: String,
    pub title: String,
    /// How it is taken back, or `none: …`.
    pub undo: String,
    /// The family of files that it frees. Fixes are offered safest first, in the order of a check's `fix`.
    pub frees: Option<Freeable>,
    /// It moves them to another filesystem, and can do so only where there is one with room.
    pub archives: bool,
    pub by_hand: Vec<Vec<String>>,
}

table!(Fix: id, title, undo; frees, archives, by_hand);

words!(Freeable: "archived-journals" => ArchivedJournals, "rotated-logs" => RotatedLogs, "apt-cache" => AptCache);

impl Fix {
    /// What it does cannot be taken back and is missed afterwards: it needs consent by its name.
    pub fn is_irreversible(&self) -> bool {
        self.undo.starts_with("none:")
    }
}
