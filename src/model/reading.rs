//! What came of one question. "Absent" and "could not look" are different values, all the way to the report.

use crate::model::stored::{choice, row};

/// The three things that a question can come to.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading<T> {
    Known(T),
    /// The host answered: there is no such thing here.
    Absent,
    /// Nobody knows: the look itself failed.
    Unreadable(Trouble),
}

choice! {
    Reading<T>: Self::Absent;
    "known" => Known(value),
    "absent" => Absent,
    "unreadable" => Unreadable(trouble),
}

/// Why a look failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    pub cause: TroubleCause,
    pub detail: String,
}

row!(Trouble, Required { cause, detail });

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleCause {
    /// The kernel or a service refused us; usually: not root.
    Denied,
    TimedOut,
    /// Something is there, and nothing listens behind it.
    Refused,
    /// An answer came and makes no sense.
    Malformed,
    Failed,
    /// A recording does not hold this answer.
    NotRecorded,
    /// Nobody asked in the rounds so far; a follow-up may.
    NotAsked,
    /// The probe itself panicked.
    Crashed,
}

choice! {
    TroubleCause: Self::Denied;
    "denied" => Denied,
    "timed-out" => TimedOut,
    "refused" => Refused,
    "malformed" => Malformed,
    "failed" => Failed,
    "not-recorded" => NotRecorded,
    "not-asked" => NotAsked,
    "crashed" => Crashed,
}

impl TroubleCause {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::TimedOut => "timed-out",
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::Failed => "failed",
            Self::NotRecorded => "not-recorded",
            Self::NotAsked => "not-asked",
            Self::Crashed => "crashed",
        }
    }
}

impl Trouble {
    pub fn new(cause: TroubleCause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into() }
    }
}

impl<T> Reading<T> {
    pub fn unreadable(cause: TroubleCause, detail: impl Into<String>) -> Self {
        Self::Unreadable(Trouble::new(cause, detail))
    }

    pub fn as_ref(&self) -> Reading<&T> {
        match self {
            Self::Known(value) => Reading::Known(value),
            Self::Absent => Reading::Absent,
            Self::Unreadable(trouble) => Reading::Unreadable(trouble.clone()),
        }
    }

    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Reading<U> {
        self.and_then(|value| Reading::Known(change(value)))
    }

    pub fn and_then<U>(self, next: impl FnOnce(T) -> Reading<U>) -> Reading<U> {
        match self {
            Self::Known(value) => next(value),
            Self::Absent => Reading::Absent,
            Self::Unreadable(trouble) => Reading::Unreadable(trouble),
        }
    }

    /// The value, where the difference between absent and unreadable does not matter to the caller.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }
}
