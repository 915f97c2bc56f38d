//! `hostready snapshot`: remembers how this host is put together, for `verify` to compare with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use clap::builder::FalseyValueParser;

use super::assemble::{Ends, compared, tool};
use super::baseline::Baseline;
use super::look::{Aim, Looked, Selection, look};
use super::options::{ConfigOptions, Format, FormatOptions, LookOptions, ScopeOptions, StateOptions};
use super::{Looking, UsageError, load, usage, write};
use crate::exit::{Exit, FailOn};
use crate::facts::{Facts, packages};
use crate::host::recorded::Recorded;
use crate::host::scrub;
use crate::host::snapshots::Snapshots;
use crate::host::store::Store;
use crate::judge::{open_baseline, remember};
use crate::model::report::Intent;
use crate::model::snapshot::{Remembered, SCHEMA, SCHEMA_VERSION, Unreadable};
use crate::model::{Answer, Query, Reading, Report, Snapshot};
use crate::report::{console_card, snapshot as shown};

#[derive(Clone, Debug, Args)]
pub struct SnapshotVerb {
    /// Call it so, instead of by the time
    #[arg(long, env = "HOSTREADY_NAME", hide_env = true)]
    name: Option<String>,
    /// Show the snapshots that there are, and take none
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HOSTREADY_LIST", hide_env = true)]
    list: bool,
    /// Take the place of a baseline that is still open
    #[arg(long)]
    replace: bool,
    /// Keep so many snapshots, the newest
    #[arg(long, value_name = "COUNT", default_value_t = 10, env = "HOSTREADY_KEEP", hide_env = true)]
    keep: usize,
    /// Remember the host in this bundle, on stdout alone
    #[arg(long, value_name = "FILE", env = "HOSTREADY_FROM", hide_env = true)]
    from: Option<PathBuf>,
    #[command(flatten)]
    scope: ScopeOptions,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    format: FormatOptions,
    #[command(flatten)]
    look: LookOptions,
    #[command(flatten)]
    config: ConfigOptions,
}

impl SnapshotVerb {
    pub fn is_json(&self) -> bool {
        self.format.format() == Format::Json
    }

    pub fn run(&self, looking: Looking, store: &Store) -> anyhow::Result<u8> {
        let snapshots = Snapshots { state: self.state.state_dir.clone() };
        if self.list {
            return self.show_list(&snapshots);
        }
        let config = self.config.config.as_deref();
        let mut subject = match &self.from {
            Some(file) => load::recorded(file, config)?,
            None => load::live(looking(), config)?,
        };
        let aim = Aim { remember: true, ..Aim::of(Intent::After) };
        let selection = Selection::new(&subject.catalog, &self.scope, aim)?;
        let host = Arc::clone(&subject.host);
        let looked = look(&host, &mut subject, &selection, None, Instant::now() + self.look.timeout)?;
        let open = match &self.from {
            Some(_) => None,
            None => snapshots.baseline().map_err(|error| UsageError(error.to_string()))?.map(Baseline::new),
        };
        let unsettled = match &open {
            Some(open) if !self.replace => self.unsettled(open, &looked, &mut subject)?,
            _ => None,
        };
        let mut snapshot = document(self.name(&subject)?, looked, &subject)?;
        let mut exit = Exit::from_code(snapshot.exit_code);
        match (unsettled, open) {
            (Some(report), Some(open)) => stays(&mut snapshot, &open, report),
            _ if self.from.is_none() => exit = exit.merge(self.keep(&snapshot, &snapshots, store)?),
            _ => {}
        }
        let text = match self.format.format() {
            Format::Json => serde_json::to_string_pretty(&snapshot).context("the snapshot")? + "\n",
            Format::Text => shown::render(&snapshot, &snapshots.state),
        };
        write::print(&text)?;
        Ok(exit.code())
    }

    fn show_list(&self, snapshots: &Snapshots) -> anyhow::Result<u8> {
        let names = snapshots.names().with_context(|| snapshots.directory().display().to_string())?;
        write::print(&shown::list(&names))?;
        Ok(Exit::Ready.code())
    }

    fn name(&self, subject: &load::Subject) -> anyhow::Result<String> {
        let by_time = || subject.asked_at.chars().filter(|c| !matches!(c, '-' | ':')).collect();
        let name = self.name.clone().unwrap_or_else(by_time);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
            let message = format!("`{name}` is no name for a snapshot");
            return Err(usage(message, "use letters, digits, `-`, `_` and `.`"));
        }
        Ok(name)
    }

    /// What is wrong with the host against the open baseline; none where a new one may take its place.
    fn unsettled(
        &self,
        open: &Baseline,
        looked: &Looked,
        subject: &mut load::Subject,
    ) -> anyhow::Result<Option<Report>> {
        let settings = subject.catalog.settings.clone();
        let facts = Facts::new(&looked.answers, &settings, subject.run(Intent::After));
        if open_baseline::went_through(&facts, &open.before(&settings)).is_empty() {
            return Ok(None);
        }
        drop(facts);
        let started = Instant::now();
        let selection = Selection::new(&subject.catalog, &self.scope, Aim::of(Intent::After))?;
        // The same answers, so that what is remembered and what is judged cannot disagree.
        let recorded = Arc::new(Recorded { answers: looked.answers.clone(), ..Recorded::default() });
        let looked = look(&(recorded as _), subject, &selection, Some(open), started + self.look.timeout)?;
        let ends = Ends { verb: "snapshot", fail_on: FailOn::Block, started };
        let report = compared(looked, subject, &selection, ends, Some(open));
        Ok((report.exit_code != Exit::Ready.code()).then_some(report))
    }

    /// Writes the snapshot, makes it the baseline, and lets the oldest go.
    fn keep(&self, snapshot: &Snapshot, snapshots: &Snapshots, store: &Store) -> anyhow::Result<Exit> {
        let (directory, path) = (snapshots.directory(), snapshots.path(&snapshot.name));
        let text = serde_json::to_vec_pretty(snapshot).context("the snapshot")?;
        let written = store
            .make_directory(&directory)
            .and_then(|()| store.write(&path, &text, 0o600))
            .and_then(|()| store.write(&snapshots.console_card(), console_card::render(snapshot).as_bytes(), 0o600))
            .and_then(|()| {
                store.point(&snapshots.baseline_link(), &PathBuf::from(format!("snapshots/{}.json", snapshot.name)))
            });
        if let Err(error) = written {
            write::say(&format!("error: {}: {error}\nhint: the baseline is what it was", path.display()));
            return Ok(Exit::Internal);
        }
        let names = snapshots.names().unwrap_or_default();
        for old in names.iter().rev().skip(self.keep.max(1)).filter(|name| **name != snapshot.name) {
            if let Err(error) = store.remove(&snapshots.path(old)) {
                write::say(&format!("warning: {}: {error}", snapshots.path(old).display()));
            }
        }
        Ok(Exit::Ready)
    }
}

/// The document of what was just read.
fn document(name: String, looked: Looked, subject: &load::Subject) -> anyhow::Result<Snapshot> {
    let Looked { host, findings, answers, .. } = looked;
    let settings = &subject.catalog.settings;
    let compared: Vec<_> = subject
        .catalog
        .checks
        .iter()
        .filter(|check| check.needs_baseline && host.profiles.contains(&check.profile))
        .collect();
    let mut kept = Remembered::default();
    for (query, asked) in answers.0 {
        if remember::is_kept(&query, &compared, settings) {
            let reading = thinned(&query, asked.reading);
            kept.0.insert(query, reading);
        }
    }
    let mut plain = serde_json::to_value(&kept)?;
    scrub::value(&mut plain);
    let answers: Remembered = serde_json::from_value(plain)?;
    let unreadable: Vec<Unreadable> = answers.0.iter().filter_map(unreadable).collect();
    let exit = if unreadable.is_empty() { Exit::Ready } else { Exit::Incomplete };
    let msg = match unreadable.as_slice() {
        [] => format!("{name} is the baseline"),
        [first, ..] => format!("{name} is incomplete: {}", first.detail),
    };
    Ok(Snapshot {
        schema: SCHEMA.to_owned(),
        schema_version: SCHEMA_VERSION.to_owned(),
        tool: tool(subject),
        name,
        taken_at: subject.asked_at.clone(),
        changed: true,
        exit_code: exit.code(),
        failed: exit.is_failure(),
        comment: msg.clone(),
        msg,
        kept: None,
        host,
        unreadable,
        findings,
        answers,
    })
}

/// Of dpkg's database the few fields that are ever compared.
fn thinned(query: &Query, reading: Reading<Answer>) -> Reading<Answer> {
    match (query, reading) {
        (Query::File(path), Reading::Known(Answer::Text(bytes))) if path == crate::catalog::kind::packages::STATUS => {
            Reading::Known(Answer::Text(packages::thinned(&bytes)))
        }
        (_, reading) => reading,
    }
}

fn unreadable((query, reading): (&Query, &Reading<Answer>)) -> Option<Unreadable> {
    match reading {
        Reading::Unreadable(trouble) => {
            Some(Unreadable { question: query.to_string(), detail: trouble.detail.clone() })
        }
        Reading::Known(_) | Reading::Absent => None,
    }
}

/// An earlier baseline stays: what was just read is shown and not kept.
fn stays(snapshot: &mut Snapshot, open: &Baseline, report: Report) {
    let named = open.named();
    snapshot.msg = format!(
        "the baseline of {} stays: the host has not come back whole ({}); --replace overrides",
        named.taken_at, report.msg
    );
    snapshot.comment = snapshot.msg.clone();
    snapshot.changed = false;
    snapshot.exit_code = Exit::Ready.code();
    snapshot.failed = false;
    snapshot.findings = report.findings;
    snapshot.kept = Some(named);
}
