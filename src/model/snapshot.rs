//! What a host was like: the document that `snapshot` writes and `verify` compares with.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{self, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::answer::Asked;
use super::report::{Baseline, Host, Tool};
use super::stored::row;
use super::{Answer, Answers, Finding, Query, Reading, TroubleCause};
use crate::model::gather::Gather as _;
use crate::model::sorted::SortedMap;

pub const SCHEMA: &str = "hostready/snapshot";
pub const SCHEMA_VERSION: &str = "1.0";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Snapshot {
    pub schema: String,
    pub schema_version: String,
    pub tool: Tool,
    /// A name of its own: `20261121T091402Z`, or the one that was given.
    pub name: String,
    /// RFC 3339, UTC
    pub taken_at: String,
    /// It was written and is the baseline now. False where an earlier one stays in its place, where it was only printed, and
    /// where it could not be written.
    pub changed: bool,
    pub exit_code: u8,
    /// True for every exit code but 0.
    pub failed: bool,
    pub msg: String,
    pub comment: String,
    /// The baseline that stays, because the host has not come back whole. This document then holds no answers, and what is
    /// wrong against that baseline in `findings`.
    pub kept: Option<Baseline>,
    /// The boot guard may act on this host until then, RFC 3339. Never in the document that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub armed_until: Option<String>,
    pub host: Host,
    /// What could not be read, by question: it will not verify clean.
    pub unreadable: Vec<Unreadable>,
    /// What was wrong at that moment.
    #[serde(deserialize_with = "known_findings")]
    pub findings: Vec<Finding>,
    /// Question → what the host answered.
    #[cfg_attr(test, schemars(with = "SortedMap<String, serde_json::Value>"))]
    pub answers: Remembered,
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Unreadable {
    pub question: String,
    pub detail: String,
}

row!(Unreadable, Required { question, detail });

/// A row of `snapshot --list`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    pub name: String,
    /// None where the file is damaged.
    pub taken_at: Option<String>,
    /// Everything could be read when it was taken.
    pub complete: bool,
    pub is_baseline: bool,
    pub bytes: u64,
    /// Why it cannot be used.
    pub error: Option<String>,
}

/// What a host answered, without what each answer cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered(pub SortedMap<Query, Reading<Answer>>);

impl Remembered {
    /// To be read like the answers of a host that was asked just now.
    pub fn into_answers(self) -> Answers {
        Answers(self.0.into_iter().map(|(query, reading)| (query, Asked { reading, micros: 0 })).gather())
    }
}

impl Serialize for Remembered {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(self.0.len()))?;
        for (query, reading) in &self.0 {
            map.serialize_entry(&query.to_string(), &reading.to_json().map_err(ser::Error::custom)?)?;
        }
        map.end()
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
        let mut answers = SortedMap::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.parse::<Query>() {
                Ok(query) => drop(answers.insert(query, reading(map.next_value()?)?)),
                Err(_) => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Remembered(answers))
    }
}

/// An answer of a kind that a newer hostready gives is none to us.
fn reading<E: Error>(stored: &RawValue) -> Result<Reading<Answer>, E> {
    Reading::from_json(stored.get()).or_else(|error| match is_of_a_newer_kind(&error) {
        true => {
            let detail = "the baseline holds it in a form that this hostready does not know";
            Ok(Reading::unreadable(TroubleCause::Malformed, detail))
        }
        false => Err(E::custom(without_place(&error))),
    })
}

/// The findings in words that we know.
fn known_findings<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Finding>, D::Error> {
    let stored: Vec<&RawValue> = Deserialize::deserialize(input)?;
    let mut findings = Vec::with_capacity(stored.len());
    for finding in stored {
        match serde_json::from_str(finding.get()) {
            Ok(finding) => findings.push(finding),
            Err(error) if is_of_a_newer_kind(&error) => {}
            Err(error) => return Err(D::Error::custom(without_place(&error))),
        }
    }
    Ok(findings)
}

fn is_of_a_newer_kind(error: &serde_json::Error) -> bool {
    error.to_string().starts_with("unknown variant")
}

/// What is wrong, without the place: it counts within a part of the document.
pub fn without_place(error: &serde_json::Error) -> String {
    let words = error.to_string();
    words.split(" at line ").next().unwrap_or_default().to_owned()
}
