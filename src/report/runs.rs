//! The runs that changed the host, or went about it.

use serde::Serialize;

use super::layout::{paragraph, time};
use crate::fix::standing::{Left, Standing};
use crate::model::run::Line;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    pub run: String,
    /// When it began, RFC 3339 in UTC.
    pub at: String,
    pub state: State,
    /// The run that it takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takes_back: Option<String>,
    /// What it did to the host, `journal.vacuum /var` each.
    pub actions: Vec<String>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Until when it waits to be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    GoingOn,
    /// It waits for `hostready confirm`.
    Pending,
    /// It was killed, and nobody took up what it left.
    CutOff,
    Done,
    Confirmed,
    TakenBack,
    /// Some of it could not be taken back.
    PartlyTakenBack,
}

impl Row {
    /// None for one that has not even begun. `holder` is the run that holds the lock.
    pub fn of(run: &str, lines: &[Line], standing: &Standing, holder: Option<&str>) -> Option<Self> {
        standing.request.as_ref()?;
        let touched = standing.actions.iter().filter(|acted| acted.stands() || acted.is_taken_back());
        Some(Self {
            run: run.to_owned(),
            at: lines.first()?.at.clone(),
            state: State::of(standing, holder == Some(run)),
            takes_back: standing.turns().map(str::to_owned),
            actions: touched.map(|acted| acted.planned.name()).collect(),
            message: standing.ended.as_ref().map(|(_, message)| message.clone()),
            deadline: standing.guard.as_ref().filter(|_| !standing.confirmed).map(|guard| guard.deadline.clone()),
        })
    }
}

impl State {
    fn of(standing: &Standing, holds_lock: bool) -> Self {
        let is_open = standing.left() != Left::Nothing;
        if is_open && holds_lock {
            if standing.pending { Self::Pending } else { Self::GoingOn }
        } else if is_open {
            Self::CutOff
        } else if standing.reverting.is_some() {
            if standing.has_changed() { Self::PartlyTakenBack } else { Self::TakenBack }
        } else if standing.confirmed {
            Self::Confirmed
        } else {
            Self::Done
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::GoingOn => "going on",
            Self::Pending => "to be confirmed",
            Self::CutOff => "cut off",
            Self::Done => "done",
            Self::Confirmed => "confirmed",
            Self::TakenBack => "taken back",
            Self::PartlyTakenBack => "partly taken back",
        }
    }
}

pub fn list(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no run has changed this host\n".to_owned();
    }
    let mut out = String::new();
    for row in rows {
        let until = row.deadline.as_ref().map(|deadline| format!(" until {}", time(deadline))).unwrap_or_default();
        out.push_str(&format!("{}  {}  {}{until}\n", row.run, time(&row.at), row.state.words()));
        if let Some(other) = &row.takes_back {
            out.push_str(&paragraph("    ", &format!("takes back run {other}")));
        }
        for action in &row.actions {
            out.push_str(&paragraph("    ", action));
        }
        if let Some(message) = &row.message {
            out.push_str(&paragraph("    ", message));
        }
    }
    out
}
