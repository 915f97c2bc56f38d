//! What `--wait` waits for.

use serde::Serialize;
use toml::de::DeValue;

use super::fields::{Placed, Written};
use super::source::SourceError;

/// Which findings of a check may pass: all of them or none, or those of some causes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Passing {
    Any(bool),
    Causes(Vec<String>),
}

impl Written for Passing {
    fn read(value: Placed<'_>) -> Result<Self, SourceError> {
        match value.value() {
            DeValue::Boolean(any) => Ok(Self::Any(*any)),
            DeValue::Array(_) => Vec::read(value).map(Self::Causes),
            _ => Err(value.invalid("true, or a list of causes")),
        }
    }
}

impl Default for Passing {
    fn default() -> Self {
        Self::Any(false)
    }
}

impl Passing {
    pub fn may_pass(&self, cause: Option<&str>) -> bool {
        match self {
            Self::Any(any) => *any,
            Self::Causes(causes) => causes.iter().any(|it| Some(it.as_str()) == cause),
        }
    }
}
