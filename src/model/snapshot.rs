//! What a host was like: the document that `snapshot` writes and `verify` compares with.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::answer::Asked;
use super::report::{Baseline, Host, Tool};
use super::{Answer, Answers, Finding, Query, Reading};

pub const SCHEMA: &str = "hostready/snapshot";
pub const SCHEMA_VERSION: &str = "1.0";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Snapshot {
    pub schema: String,
    pub schema_version: String,
    pub tool: Tool,
    /// A name of its own: `20261121T091402Z`, or the one that was given.
    pub name: String,
    /// RFC 3339, UTC
    pub taken_at: String,
    /// False where an earlier baseline stays in its place and nothing was written.
    pub changed: bool,
    pub exit_code: u8,
    /// True for every exit code but 0.
    pub failed: bool,
    pub msg: String,
    pub comment: String,
    /// The baseline that stays in place of this one.
    pub kept: Option<Baseline>,
    pub host: Host,
    /// What could not be read, by question: it will not verify clean.
    pub unreadable: Vec<Unreadable>,
    /// What was wrong at that moment.
    pub findings: Vec<Finding>,
    /// Question → what the host answered.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub answers: Remembered,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Unreadable {
    pub question: String,
    pub detail: String,
}

/// What a host answered, without what each answer cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered(pub BTreeMap<Query, Reading<Answer>>);

impl Remembered {
    /// To be read like the answers of a host that was asked just now.
    pub fn into_answers(self) -> Answers {
        Answers(self.0.into_iter().map(|(query, reading)| (query, Asked { reading, micros: 0 })).collect())
    }
}

impl Serialize for Remembered {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_map(self.0.iter().map(|(query, reading)| (query.to_string(), reading)))
    }
}

impl<'de> Deserialize<'de> for Remembered {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(EachAnswer)
    }
}

struct EachAnswer;

impl<'de> Visitor<'de> for EachAnswer {
    type Value = Remembered;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("answers by question")
    }

    /// A newer hostready may remember more than we know of. What we do know is compared all the same.
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Remembered, M::Error> {
        let mut answers = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.parse::<Query>() {
                Ok(query) => drop(answers.insert(query, map.next_value()?)),
                Err(_) => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Remembered(answers))
    }
}
