//! `hostready undo`: takes back what a run changed. Like every change it is made by a worker.

use std::time::Duration;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::fix::{begin, is_a_name, request};
use super::follow::{Journal, homes};
use super::options::{Format, ProfileOptions, Progress, ReportingOptions, StateOptions, duration};
use super::work::{last, last_of_fix, past};
use super::{usage, write};
use crate::exit::Exit;
use crate::host::store::Store;
use crate::host::{lock, run_id};
use crate::model::run::Request;
use crate::report::runs;

#[derive(Clone, Debug, Args)]
pub struct Undo {
    /// The run to take back [default: the last one that changed something]
    run: Option<String>,
    /// Show the runs that there were, and take none back
    #[arg(long, value_parser = FalseyValueParser::new(), conflicts_with = "confirm_within", env = "HOSTREADY_LIST", hide_env = true)]
    list: bool,
    /// Do it again after so long unless `hostready confirm` keeps it so; needed for what this session hangs on
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    confirm_within: Option<Duration>,
    /// How to show what goes on
    #[arg(long, value_enum, default_value_t, value_name = "HOW", env = "HOSTREADY_PROGRESS", hide_env = true)]
    progress: Progress,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    pub reporting: ReportingOptions,
}

impl Undo {
    pub fn run(&self, store: &Store) -> anyhow::Result<u8> {
        if self.list {
            return self.show_list();
        }
        let named = self.run.clone().unwrap_or_default();
        if !named.is_empty() && !is_a_name(&named) {
            return Err(usage(format!("`{named}` names no run"), "`hostready undo --list` shows those that there are"));
        }
        let state = self.state.directory();
        let (past, _) = past(&homes(&state));
        let confirm_within_s = self.confirm_within.map(|within| within.as_secs().max(1));
        let meant = match (named.as_str(), confirm_within_s) {
            ("", None) => last(&past),
            ("", Some(_)) => last_of_fix(&past),
            (named, _) => past.iter().find(|past| past.run == named),
        };
        let meant = meant.map(|past| past.run.clone());
        let request = Request {
            run: run_id::new(),
            // Without a guardian it is for the worker to say which one it will be.
            undo: Some(if confirm_within_s.is_some() { meant.clone().unwrap_or(named) } else { named }),
            confirm_within_s,
            ..request(&self.state, &self.reporting, &ProfileOptions::default())?
        };
        let journal = match (&meant, confirm_within_s) {
            (Some(meant), None) => Journal::of(meant, &state).already_told(),
            _ => Journal::of(&request.run, &state),
        };
        begin(&request, journal, self.progress, &self.reporting.report, store)
    }

    fn show_list(&self) -> anyhow::Result<u8> {
        let (past, notices) = past(&homes(&self.state.directory()));
        for notice in &notices {
            write::say(notice);
        }
        let holder = lock::holder();
        let rows: Vec<runs::Row> = past
            .iter()
            .rev()
            .filter_map(|past| runs::Row::of(&past.run, &past.lines, &past.standing, holder.as_deref()))
            .collect();
        match self.reporting.report.output.format.format() {
            Format::Json => write::print(&(serde_json::to_string_pretty(&rows)? + "\n"))?,
            Format::Text => write::print(&runs::list(&rows))?,
        }
        Ok(if notices.is_empty() { Exit::Ready } else { Exit::Incomplete }.code())
    }
}
