//! Answers as JSON.

use serde_json::value::{RawValue, to_raw_value};

use super::Answer;
use crate::model::{Reading, objects};

impl Reading<Answer> {
    /// Reads one from its JSON. Its decoder is large, and would be made anew for each kind of input: there is this one.
    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        objects::from_slice(text.as_bytes())
    }

    /// Its JSON, by the one encoder that there is.
    pub fn to_json(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(self)
    }
}
