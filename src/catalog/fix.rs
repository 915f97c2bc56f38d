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
    #[serde(default)]
    pub by_hand: Vec<Vec<String>>,
}
