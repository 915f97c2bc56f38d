//! `hostready undo`: takes back what a run changed. Like every change it is made by a worker.

use clap::Args;
use clap::builder::FalseyValueParser;

use super::fix::{begin, is_a_name, request};
use super::follow::{Journal, homes};
use super::options::{ConfigOptions, Format, LookOptions, ProfileOptions, Progress, ReportOptions, StateOptions};
use super::work::{last, past};
use super::{usage, write};
use crate::exit::{Exit, ExitStyle};
use crate::host::store::Store;
use crate::host::{lock, run_id};
use crate::model::run::Request;
use crate::report::runs;

#[derive(Clone, Debug, Args)]
pub struct Undo {
    /// The run to take back [default: the last one that changed something]
    run: Option<String>,
    /// Show the runs that there were, and take none back
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HOSTREADY_LIST", hide_env = true)]
    list: bool,
    /// How to show what goes on
    #[arg(long, value_enum, default_value_t, value_name = "HOW", env = "HOSTREADY_PROGRESS", hide_env = true)]
    progress: Progress,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    report: ReportOptions,
    #[command(flatten)]
    look: LookOptions,
    #[command(flatten)]
    config: ConfigOptions,
}

impl Undo {
    pub fn is_json(&self) -> bool {
        self.report.output.format.format() == Format::Json
    }

    pub fn exit_style(&self) -> ExitStyle {
        self.report.exit_style
    }

    pub fn run(&self, store: &Store) -> anyhow::Result<u8> {
        if self.list {
            return self.show_list();
        }
        let run = self.run.clone().unwrap_or_default();
        if !run.is_empty() && !is_a_name(&run) {
            return Err(usage(format!("`{run}` names no run"), "`hostready undo --list` shows those that there are"));
        }
        let profiles = ProfileOptions::default();
        let request = Request {
            run: run_id::new(),
            undo: Some(run.clone()),
            ..request(&self.state, &self.config, &self.look, &profiles, &self.report)?
        };
        // Which one it will be can be told before, most of the time; it is for the worker to say.
        let state = self.state.directory();
        let target =
            if run.is_empty() { last(&past(&homes(&state)).0).map(|past| past.run.clone()) } else { Some(run) };
        let journal = Journal::of(target.as_deref().unwrap_or(&request.run), &state).already_told();
        begin(&request, journal, self.progress, &self.report, store)
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
        match self.report.output.format.format() {
            Format::Json => write::print(&(serde_json::to_string_pretty(&rows)? + "\n"))?,
            Format::Text => write::print(&runs::list(&rows))?,
        }
        Ok(if notices.is_empty() { Exit::Ready } else { Exit::Incomplete }.code())
    }
}
