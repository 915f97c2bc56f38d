//! `hostready fix`: what would repair the host. With `--apply` it is handed to a worker, which alone may change it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::follow::{self, Journal};
use super::options::{ProfileOptions, Progress, ReportOptions, ReportingOptions, StateOptions, duration};
use super::sight::{Sight, Wish, are_consents, are_known};
use super::{Looking, load, running, usage, work, write};
use crate::exit::Exit;
use crate::fix::gate::Gate;
use crate::fix::told;
use crate::host::handover::Handover;
use crate::host::store::Store;
use crate::host::{invoker, lock, run_id};
use crate::model::report::Intent;
use crate::model::run::Request;

/// The run that goes on at present.
const NOW: &str = "now";

#[derive(Clone, Debug, Args)]
pub struct Fix {
    /// What to repair: `disk.space:/var`, `disk.space`, or by which fix: `journal.vacuum`. Without one, what blocks
    #[arg(value_name = "ID[:SUBJECT]")]
    wanted: Vec<String>,
    /// Do it; without this nothing is changed
    #[arg(long)]
    apply: bool,
    /// Repair everything that blocks
    #[arg(long, requires = "apply", conflicts_with = "wanted")]
    all: bool,
    /// Allow what cannot be taken back or disturbs guests, by name: a fix, or `disruption`
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    accept: Vec<String>,
    /// Take it back after so long unless `hostready confirm` keeps it; needed for what this session hangs on
    #[arg(long, value_parser = duration, value_name = "DURATION", requires = "apply")]
    confirm_within: Option<Duration>,
    /// Follow a run that goes on, the present one or this; show again how one of this boot ended
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = NOW, conflicts_with_all = ["wanted", "apply", "from"], env = "HOSTREADY_ATTACH", hide_env = true)]
    attach: Option<String>,
    /// What the host is wanted fit for, before an upgrade [default: as its baseline, else agent]
    #[arg(long = "for", value_enum, value_name = "INTENT", env = "HOSTREADY_FOR", hide_env = true)]
    intent: Option<Intent>,
    /// Plan for the host in this bundle instead of this one
    #[arg(long, value_name = "FILE", env = "HOSTREADY_FROM", hide_env = true, conflicts_with = "apply")]
    from: Option<PathBuf>,
    /// How long to wait for the lock of the package manager
    #[arg(long, value_parser = duration, default_value = "2min", value_name = "DURATION", env = "HOSTREADY_LOCK_TIMEOUT", hide_env = true)]
    lock_timeout: Duration,
    /// How to show what goes on
    #[arg(long, value_enum, default_value_t, value_name = "HOW", env = "HOSTREADY_PROGRESS", hide_env = true)]
    progress: Progress,
    #[command(flatten)]
    profiles: ProfileOptions,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    pub reporting: ReportingOptions,
}

impl Fix {
    pub fn run(&self, looking: Looking, store: &Store) -> anyhow::Result<u8> {
        // An empty variable names nothing.
        if let Some(run) = self.attach.as_deref().filter(|run| !run.is_empty()) {
            return self.attach(run, store);
        }
        let subject = load::subject(self.from.as_deref(), &self.reporting.config, looking)?;
        are_known(&self.wanted(), &subject.catalog)?;
        are_consents(&self.accepted(), &subject.catalog)?;
        if self.apply {
            drop(subject);
            return self.hand_over(store);
        }
        self.show(looking, Sight::new(subject, self.wish())?, store)
    }

    /// An empty variable or word names nothing.
    fn wanted(&self) -> Vec<String> {
        self.wanted.iter().filter(|word| !word.is_empty()).cloned().collect()
    }

    fn accepted(&self) -> Vec<String> {
        self.accept.iter().filter(|word| !word.is_empty()).cloned().collect()
    }

    fn wish(&self) -> Wish {
        Wish {
            verb: "fix",
            // It has its name when it is begun.
            run: "RUN".to_owned(),
            wanted: self.wanted(),
            intent: self.intent,
            profiles: self.profiles.profile.clone(),
            state: self.state.directory(),
            timeout: self.reporting.look.timeout,
            fail_on: self.reporting.report.fail_on,
            session: invoker::session(),
            service: invoker::service(),
        }
    }

    /// The plan, and nothing else.
    fn show(&self, looking: Looking, mut sight: Sight, store: &Store) -> anyhow::Result<u8> {
        let is_live = self.from.is_none();
        if is_live {
            running::say_so();
            work::say_what_was_cut_off(&self.state.directory());
        }
        let host = if is_live { looking() } else { Arc::clone(&sight.subject.host) };
        let mut seen = sight.look(&host, is_live)?;
        let gate = Gate { accepted: self.accepted(), protected: seen.protected, is_guarded: false };
        seen.report.actions = seen.planned.iter().map(|planned| told::planned(planned, &gate)).collect();
        told::mention(&mut seen.report);
        for notice in sight.not_found(&seen.report) {
            write::say(&notice);
        }
        write::judged(&sight.subject, &seen.report, &self.reporting.report, store)
    }

    fn hand_over(&self, store: &Store) -> anyhow::Result<u8> {
        if self.wanted().is_empty() && !self.all {
            return Err(usage(
                "--apply without a name: what is to be repaired?",
                "`hostready fix` shows what can be; name it, or say --all for everything that blocks",
            ));
        }
        let request = Request {
            run: run_id::new(),
            undo: None,
            wanted: self.wanted(),
            accepted: self.accepted(),
            confirm_within_s: self.confirm_within.map(|within| within.as_secs().max(1)),
            lock_timeout_s: self.lock_timeout.as_secs(),
            intent: self.intent.map(|intent| intent.as_str().to_owned()),
            ..request(&self.state, &self.reporting, &self.profiles)?
        };
        begin(
            &request,
            Journal::of(&request.run, &self.state.directory()),
            self.progress,
            &self.reporting.report,
            store,
        )
    }

    fn attach(&self, run: &str, store: &Store) -> anyhow::Result<u8> {
        let run = match run {
            NOW => lock::holder().unwrap_or_default(),
            run => run.to_owned(),
        };
        if run.is_empty() {
            write::say("no fix is going on\nhint: `hostready undo --list` shows those that were");
            return Ok(Exit::Ready.code());
        }
        if !is_a_name(&run) || !Handover::of(&run).exists() {
            let hint = "`hostready undo --list` shows the runs that there were";
            return Err(usage(format!("{run}: no such run goes on, or ended since the last boot"), hint));
        }
        let journal = Journal::of(&run, &self.state.directory());
        follow::to_the_end(&run, journal, self.progress, &self.reporting.report, store)
    }
}

/// What names a run leads to no other file.
pub fn is_a_name(run: &str) -> bool {
    !run.is_empty() && run.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// What every request says, whatever is asked for.
pub fn request(
    state: &StateOptions,
    reporting: &ReportingOptions,
    profiles: &ProfileOptions,
) -> anyhow::Result<Request> {
    if !nix::unistd::geteuid().is_root() {
        return Err(usage("only root may change this host", "run it with sudo"));
    }
    // A worker is in no directory of ours.
    let absolute = |path: &std::path::Path| std::path::absolute(path).map(|path| path.display().to_string());
    Ok(Request {
        run: String::new(),
        undo: None,
        wanted: Vec::new(),
        accepted: Vec::new(),
        confirm_within_s: None,
        lock_timeout_s: 0,
        timeout_s: reporting.look.timeout.as_secs().max(1),
        profiles: profiles.profile.clone(),
        config: reporting.config.config.as_deref().map(absolute).transpose()?,
        state: absolute(&state.directory())?,
        intent: None,
        fail_on: reporting.report.fail_on,
        session: invoker::session(),
        service: invoker::service(),
    })
}

/// Hands the request over and follows it to its end.
pub fn begin(
    request: &Request,
    journal: Journal,
    progress: Progress,
    report: &ReportOptions,
    store: &Store,
) -> anyhow::Result<u8> {
    follow::start(request)?;
    write::say_on_terminal(
        &format!("run {}: goes on if this session ends; `hostready fix --attach` follows it", request.run),
        progress,
    );
    follow::to_the_end(&request.run, journal, progress, report, store)
}
