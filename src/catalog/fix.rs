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
    pub by_hand: Vec<Vec<String>>,
}

table!(Fix: id, title, undo; frees, by_hand);

words!(Freeable: "archived-journals" => ArchivedJournals, "rotated-logs" => RotatedLogs, "apt-cache" => AptCache);
