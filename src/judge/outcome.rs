//! What a judge says of one thing, before the catalog says how much it counts.

use serde_json::{Map, Value};

use super::causes::Part;
use crate::catalog::Level;
use crate::model::finding::{FindingRef, Offer};
use crate::model::{Query, Status, Trouble};

/// Causes of rows that were not judged.
pub const NOT_PRESENT: &str = "not-present";
pub const NOT_CONFIGURED: &str = "not-configured";
pub const NOT_NEEDED: &str = "not-needed";
pub const EXCLUDED: &str = "excluded";
pub const NO_BASELINE: &str = "no-baseline";

/// A command to be typed by hand.
pub fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub status: Status,
    pub subject: String,
    pub cause: Option<&'static str>,
    pub detail: String,
    pub expected: Map<String, Value>,
    pub observed: Map<String, Value>,
    pub caused_by: Option<FindingRef>,
    /// What of the host it is about: what lies below these explains it.
    pub touches: Vec<Part>,
    /// It counts no more than this, whatever the level of the check.
    pub at_most: Option<Level>,
    pub offers: Vec<Offer>,
    /// What a person would type about this one thing, where the commands of the check do not fit it.
    pub by_hand: Vec<Vec<String>>,
    /// What was asked for it, for its duration.
    pub asked: Vec<Query>,
}

impl Outcome {
    fn new(status: Status, subject: impl Into<String>, cause: Option<&'static str>, detail: impl Into<String>) -> Self {
        Self {
            status,
            subject: subject.into(),
            cause,
            detail: detail.into(),
            expected: Map::new(),
            observed: Map::new(),
            caused_by: None,
            touches: Vec::new(),
            at_most: None,
            offers: Vec::new(),
            by_hand: Vec::new(),
            asked: Vec::new(),
        }
    }

    pub fn pass(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Status::Pass, subject, None, detail)
    }

    pub fn fail(subject: impl Into<String>, cause: Option<&'static str>, detail: impl Into<String>) -> Self {
        Self::new(Status::Fail, subject, cause, detail)
    }

    pub fn skip(subject: impl Into<String>, cause: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Status::Skip, subject, Some(cause), detail)
    }

    /// The look failed.
    pub fn unknown(subject: impl Into<String>, trouble: &Trouble) -> Self {
        Self::new(Status::Unknown, subject, Some(trouble.cause.as_str()), trouble.detail.clone())
    }

    /// Nobody can tell, for a reason that is no failed look.
    pub fn undetermined(subject: impl Into<String>, cause: &'static str, detail: impl Into<String>) -> Self {
        Self::new(Status::Unknown, subject, Some(cause), detail)
    }

    pub fn expecting(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.expected.insert(key.to_owned(), value.into());
        self
    }

    pub fn observing(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.observed.insert(key.to_owned(), value.into());
        self
    }

    pub fn because_of(mut self, id: &str, subject: &str) -> Self {
        self.caused_by = Some(FindingRef { id: id.to_owned(), subject: subject.to_owned() });
        self
    }

    pub fn touching(mut self, part: Part) -> Self {
        self.touches.push(part);
        self
    }

    pub fn at_most(mut self, level: Level) -> Self {
        self.at_most = Some(level);
        self
    }

    pub fn offering(mut self, offers: Vec<Offer>) -> Self {
        self.offers = offers;
        self
    }

    pub fn by_hand(mut self, commands: Vec<Vec<String>>) -> Self {
        self.by_hand = commands;
        self
    }

    pub fn asking(mut self, query: Query) -> Self {
        self.asked.push(query);
        self
    }
}
