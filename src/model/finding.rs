//! The answer to one check about one thing.

use crate::model::stored::{choice, row};
use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename_all = "lowercase"))]
pub enum Status {
    Pass,
    Fail,
    Unknown,
    Skip,
}

choice! {
    Status: Self::Pass;
    "pass" => Pass,
    "fail" => Fail,
    "unknown" => Unknown,
    "skip" => Skip,
}

/// How bad it is. Whether it stops an upgrade is `blocking`, never inferred from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename_all = "lowercase"))]
pub enum Severity {
    Info,
    Low,
    Medium,
    High,
}

choice! {
    Severity: Self::Info;
    "info" => Info,
    "low" => Low,
    "medium" => Medium,
    "high" => High,
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// Dotted, stable and documented by `hostready explain ID`.
    pub id: String,
    /// The thing that was checked: a path, a package, a unit, `bridge/port`, …
    pub subject: String,
    pub status: Status,
    pub severity: Severity,
    /// Does it stop the upgrade?
    pub blocking: bool,
    /// Against a baseline: was it not yet there when the baseline was taken?
    pub new: Option<bool>,
    pub title: String,
    pub detail: String,
    /// The reason, where a check can fail in several ways.
    pub cause: Option<String>,
    /// The finding that explains this one.
    pub caused_by: Option<FindingRef>,
    pub expected: Map<String, Value>,
    pub observed: Map<String, Value>,
    pub waiver: Option<Waiver>,
    pub fixes: Vec<Offer>,
    /// Commands that a person can type, each an argument vector.
    pub by_hand: Vec<Vec<String>>,
    pub duration_us: u64,
}

row!(
    Finding,
    Required {
        id,
        subject,
        status,
        severity,
        blocking,
        new,
        title,
        detail,
        cause,
        caused_by,
        expected,
        observed,
        waiver,
        fixes,
        by_hand,
        duration_us,
    }
);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FindingRef {
    pub id: String,
    pub subject: String,
}

row!(FindingRef, Required { id, subject });

/// A finding that a person accepted until a date.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Waiver {
    pub reason: String,
    /// RFC 3339, UTC
    pub expires: String,
}

row!(Waiver, Required { reason, expires });

/// What a fix would do for a finding.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Offer {
    pub id: String,
    /// What it would free on the filesystem in question; none where it frees nothing or nobody could tell.
    pub frees_bytes: Option<u64>,
    /// Would this fix alone be enough?
    pub sufficient: Option<bool>,
    /// Is it in the smallest set of fixes that is enough?
    pub in_smallest_set: Option<bool>,
    /// How it is taken back, or why it cannot be.
    pub undo: String,
    /// The same by hand: it frees what was measured, and spares what the fix spares.
    #[cfg_attr(test, schemars(default))]
    pub by_hand: Vec<Vec<String>>,
}

row!(Offer, Required { id, frees_bytes, sufficient, in_smallest_set, undo, by_hand: Optional });
impl FindingRef {
    /// `disk.space /var`, or the id alone where it speaks of the host as a whole.
    pub fn name(&self) -> String {
        if self.subject.is_empty() { self.id.clone() } else { format!("{} {}", self.id, self.subject) }
    }
}

impl Finding {
    pub fn reference(&self) -> FindingRef {
        FindingRef { id: self.id.clone(), subject: self.subject.clone() }
    }

    /// `disk.space /var`, or the id alone where it speaks of the host as a whole.
    pub fn name(&self) -> String {
        if self.subject.is_empty() { self.id.clone() } else { format!("{} {}", self.id, self.subject) }
    }

    /// A cause by itself: what a person must hear of first.
    pub fn is_headline(&self) -> bool {
        self.status == Status::Fail && self.blocking && self.caused_by.is_none()
    }
}
