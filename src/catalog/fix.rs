//! What a fix is called and how it is taken back.

use serde::Deserialize;

use crate::model::query::Freeable;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fix {
    pub id: String,
    pub title: String,
    /// How it is taken back, or `none: …`.
    pub undo: String,
    /// The family of files that it frees. Fixes are offered safest first, in the order of a check's `fix`.
    pub frees: Option<Freeable>,
    /// It moves them to another filesystem, and can do so only where there is one with room.
    #[serde(default)]
    pub archives: bool,
    #[serde(default)]
    pub by_hand: Vec<Vec<String>>,
}

impl Fix {
    /// What it does cannot be taken back and is missed afterwards: it needs consent by its name.
    pub fn is_irreversible(&self) -> bool {
        self.undo.starts_with("none:")
    }
}
