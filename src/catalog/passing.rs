//! What `--wait` waits for.

use serde::{Deserialize, Serialize};

/// Which findings of a check may pass: all of them or none, or those of some causes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, expecting = "true, or a list of causes")]
pub enum Passing {
    Any(bool),
    Causes(Vec<String>),
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
