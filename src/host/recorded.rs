//! A host from a file: what `bundle` writes, and what `check --from` and the tests judge.

use std::cell::RefCell;
use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::configuration::ConfigurationFile;
use super::{Observe, scrub};
use crate::model::answer::Asked;
use crate::model::snapshot::without_place;
use crate::model::{Answer, Answers, Query, Reading, Report, TroubleCause};

const SCHEMA: &str = "hostready/bundle";
const SCHEMA_VERSION: &str = "1.0";

/// The file that `bundle` writes. The answers come last: what is cut off is what is judged, and says so.
#[derive(Debug, Serialize)]
pub struct Bundle {
    schema: &'static str,
    schema_version: &'static str,
    recorded_at: String,
    configuration: Value,
    report: Value,
    answers: Value,
}

impl Bundle {
    /// The file's content, every secret masked.
    pub fn new(
        recorded_at: &str,
        configuration: &[ConfigurationFile],
        report: &Report,
        answers: &Answers,
    ) -> serde_json::Result<Self> {
        let scrubbed = |plain: serde_json::Result<Value>| {
            plain.map(|mut plain| {
                scrub::value(&mut plain);
                plain
            })
        };
        Ok(Self {
            schema: SCHEMA,
            schema_version: SCHEMA_VERSION,
            recorded_at: recorded_at.to_owned(),
            configuration: scrubbed(serde_json::to_value(configuration))?,
            report: scrubbed(serde_json::to_value(report))?,
            answers: scrubbed(stored(answers))?,
        })
    }
}

/// One answer in a bundle.
#[derive(Debug, Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    reading: &'a RawValue,
    #[serde(default)]
    us: u64,
}

fn stored(answers: &Answers) -> serde_json::Result<Value> {
    let mut stored = Map::new();
    for (query, asked) in &answers.0 {
        let reading: Value = serde_json::from_slice(asked.reading.to_json()?.get().as_bytes())?;
        stored.insert(query.to_string(), json!({"reading": reading, "us": asked.micros}));
    }
    Ok(Value::Object(stored))
}

/// A host that answers what was recorded, and nothing else.
#[derive(Debug, Default)]
pub struct Recorded {
    pub recorded_at: String,
    pub configuration: Vec<ConfigurationFile>,
    pub answers: Answers,
    /// Where the file ended too early: `line 812`.
    pub truncated_at: Option<String>,
}

#[derive(Debug, Error)]
#[error("{file}:{error}")]
pub struct UnusableBundle {
    file: String,
    error: RecordedError,
}

#[derive(Debug, Error)]
pub enum RecordedError {
    #[error(" {0}\nhint: name a file that `hostready bundle` wrote")]
    Unreadable(std::io::Error),
    #[error("{line}:{column}: {message}\nhint: a bundle is what `hostready bundle --output FILE` writes")]
    Malformed { line: usize, column: usize, message: String },
    #[error(
        "1:1: a bundle of schema version {0}, and this hostready reads {SCHEMA_VERSION}\nhint: use a newer hostready"
    )]
    TooNew(String),
}

impl Recorded {
    /// Reads a bundle. An error names the file.
    pub fn read(file: &Path) -> Result<Self, UnusableBundle> {
        let unusable = |error: RecordedError| UnusableBundle { file: file.display().to_string(), error };
        let text = std::fs::read_to_string(file).map_err(|error| unusable(RecordedError::Unreadable(error)))?;
        Self::parse(&text).map_err(unusable)
    }

    pub fn parse(text: &str) -> Result<Self, RecordedError> {
        let collected = RefCell::new(Collected::default());
        let mut deserializer = serde_json::Deserializer::from_slice(text.as_bytes());
        let outcome = Whole(&collected).deserialize(&mut deserializer).and_then(|()| deserializer.end());
        let collected = collected.into_inner();
        let malformed = |error: &serde_json::Error, message: String| RecordedError::Malformed {
            line: error.line(),
            column: error.column(),
            message,
        };
        let truncated_at = match &outcome {
            Ok(()) => None,
            // Half a support case is better than none, as long as the missing half reads as unknown.
            Err(error) if error.is_eof() && collected.reached_answers => Some(format!("line {}", error.line())),
            Err(error) => {
                let words = error.to_string();
                let message = words.split(" at line ").next().unwrap_or_default().to_owned();
                return Err(malformed(error, message));
            }
        };
        if collected.schema.as_deref() != Some(SCHEMA) {
            let message = "this is no bundle of hostready".to_owned();
            return Err(RecordedError::Malformed { line: 1, column: 1, message });
        }
        if !collected.schema_version.starts_with("1.") {
            return Err(RecordedError::TooNew(collected.schema_version));
        }
        Ok(Self {
            recorded_at: collected.recorded_at,
            configuration: collected.configuration,
            answers: collected.answers,
            truncated_at,
        })
    }
}

impl Observe for Recorded {
    fn ask(&self, query: &Query) -> Reading<Answer> {
        match (self.answers.0.get(query), &self.truncated_at) {
            (Some(asked), _) => asked.reading.clone(),
            (None, Some(place)) => {
                let detail = format!("the recording is cut off at {place}, before `{query}`");
                Reading::unreadable(TroubleCause::NotRecorded, detail)
            }
            (None, None) => Reading::unreadable(TroubleCause::NotRecorded, format!("`{query}` was not recorded")),
        }
    }
}

/// What was read of a bundle so far; it survives the error that ends a truncated one.
#[derive(Default)]
struct Collected {
    schema: Option<String>,
    schema_version: String,
    recorded_at: String,
    configuration: Vec<ConfigurationFile>,
    answers: Answers,
    reached_answers: bool,
}

struct Whole<'a>(&'a RefCell<Collected>);

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a bundle")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "schema" => self.0.borrow_mut().schema = Some(map.next_value()?),
                "schema_version" => self.0.borrow_mut().schema_version = map.next_value()?,
                "recorded_at" => self.0.borrow_mut().recorded_at = map.next_value()?,
                "configuration" => self.0.borrow_mut().configuration = map.next_value()?,
                "answers" => {
                    self.0.borrow_mut().reached_answers = true;
                    map.next_value_seed(EachAnswer(self.0))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct EachAnswer<'a>(&'a RefCell<Collected>);

impl<'de> DeserializeSeed<'de> for EachAnswer<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EachAnswer<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("answers by question")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            // A newer hostready may ask more than we know of. What we do know is judged all the same.
            let Ok(query) = key.parse::<Query>() else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let stored: Stored<'_> = map.next_value()?;
            let wrong = |error: serde_json::Error| M::Error::custom(without_place(&error));
            let reading = Reading::from_json(stored.reading.get()).map_err(wrong)?;
            self.0.borrow_mut().answers.0.insert(query, Asked { reading, micros: stored.us });
        }
        Ok(())
    }
}
