//! `hostready snapshot`: remembers how this host is put together, for `verify` to compare with.

mod arm;
mod card;
mod document;
mod keep;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::FalseyValueParser;

use super::assemble::{Ends, report};
use super::baseline::Baseline;
use super::look::{Aim, Looked, Selection, look, look_further};
use super::options::{
    ConfigOptions, Format, LookOptions, OutputOptions, ProfileOptions, ScopeOptions, StateOptions, duration,
};
use super::{Looking, UsageError, load, usage, write};
use crate::exit::{Exit, FailOn};
use crate::facts::Facts;
use crate::host::snapshots::{self, Snapshots, UnusableSnapshot};
use crate::host::store::Store;
use crate::judge::{open_baseline, verdict};
use crate::model::report::{Intent, Verdict};
use crate::model::{Finding, Snapshot};
use crate::report::snapshot as shown;
use crate::report::text::line;

#[derive(Clone, Debug, Args)]
pub struct SnapshotVerb {
    /// Call it so, instead of by the time; it then stays until somebody removes it
    #[arg(long, env = "HOSTREADY_NAME", hide_env = true)]
    name: Option<String>,
    /// Show the snapshots that there are, and take none
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HOSTREADY_LIST", hide_env = true)]
    list: bool,
    /// Take the place of the baseline, whatever speaks against it; with --name, only of the snapshot of that name
    #[arg(long)]
    replace: bool,
    /// Let the boot guard act on this host, for so long and over three boots at most [default: 12h]
    #[arg(long, value_parser = duration, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "12h", conflicts_with_all = ["list", "from", "disarm"])]
    arm: Option<Duration>,
    /// Do not let the boot guard act any more, and take no snapshot
    #[arg(long, conflicts_with_all = ["replace"])]
    disarm: bool,
    /// Keep so many of the snapshots that are called by their time, the newest
    #[arg(long, value_name = "COUNT", default_value_t = 10, env = "HOSTREADY_KEEP", hide_env = true)]
    keep: usize,
    /// Remember the host in this bundle instead of this one: on stdout, and where --state-dir says
    #[arg(long, value_name = "FILE", env = "HOSTREADY_FROM", hide_env = true)]
    from: Option<PathBuf>,
    #[command(flatten)]
    profiles: ProfileOptions,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    output: OutputOptions,
    #[command(flatten)]
    look: LookOptions,
    #[command(flatten)]
    config: ConfigOptions,
}

/// An open baseline that stays, and why.
struct Stays {
    baseline: Baseline,
    /// What the host went through since.
    since: Vec<String>,
    findings: Vec<Finding>,
    /// The host has not come back whole; what of it blocks could not be looked at where it is incomplete.
    verdict: Verdict,
    /// The fault in one line.
    message: String,
}

/// What to say against a baseline that stays.
const OVERRIDE: &str = "`hostready snapshot --replace`, without --name, makes a new baseline all the same";

impl SnapshotVerb {
    pub fn is_json(&self) -> bool {
        self.output.format.format() == Format::Json
    }

    pub fn run(&self, looking: Looking, store: &Store) -> anyhow::Result<u8> {
        let snapshots = Snapshots { state: self.state.directory() };
        if self.list {
            return self.show_list(&snapshots, store);
        }
        if self.disarm {
            return self.disarm(&snapshots.state, store);
        }
        self.is_name()?;
        self.may_arm(looking, &snapshots.state)?;
        // A host that is somebody else's is remembered here only where a person says so.
        let is_kept = self.from.is_none() || self.state.state_dir.is_some();
        let open = if is_kept { self.open_baseline(&snapshots)? } else { None };
        // What could not be read must not cost what could be.
        let complete = open.as_ref().filter(|open| open.snapshot.unreadable.is_empty()).map(Baseline::named);
        let mut subject = load::subject(self.from.as_deref(), &self.config, looking)?;
        let aim = Aim { remember: true, ..Aim::of(Intent::After) };
        let scope = ScopeOptions::of(self.profiles.clone());
        let selection = Selection::new(&subject.catalog, &scope, aim)?;
        let host = Arc::clone(&subject.host);
        let mut looked = look(&host, &mut subject, &selection, None, Instant::now() + self.look.timeout)?;
        let stays = match open {
            Some(open) => self.stays(open, &mut looked, &mut subject, &scope)?,
            None => None,
        };
        write::warn(&subject);
        let mut snapshot = match stays {
            Some(stays) => document::of_what_stays(stays, looked.host, &subject),
            None => {
                let name = self.name(&snapshots, is_kept, &subject)?;
                let mut snapshot = document::of(name, looked, &subject)?;
                if is_kept {
                    self.keep(&mut snapshot, complete, &subject, &snapshots, store);
                }
                snapshot
            }
        };
        if is_kept {
            self.arm(&mut snapshot, &snapshots, store)?;
        }
        let written = self.print(&snapshot, &snapshots, store)?;
        Ok(Exit::from_code(snapshot.exit_code).merge(written).code())
    }

    fn show_list(&self, snapshots: &Snapshots, store: &Store) -> anyhow::Result<u8> {
        let listed =
            snapshots.list().map_err(|error| UsageError(format!("{}: {error}", snapshots.directory().display())))?;
        let shown = match self.output.format.format() {
            Format::Json => serde_json::to_string_pretty(&listed)? + "\n",
            Format::Text => shown::list(&listed, &snapshots.directory()),
        };
        write::print(&shown)?;
        let written = write::output(&self.output, 0o600, store, &|| Ok(shown.clone().into_bytes()))?;
        let is_damaged = listed.iter().any(|row| row.error.is_some());
        Ok(if is_damaged { Exit::Incomplete } else { Exit::Ready }.merge(written).code())
    }

    /// The baseline that a new snapshot must not simply replace. Whoever says --replace and no name wants none; with a name
    /// the snapshot of that name is meant, and a playbook that says both is to be run again like any other.
    fn open_baseline(&self, snapshots: &Snapshots) -> anyhow::Result<Option<Baseline>> {
        snapshots.is_safe().map_err(|error| UsageError(error.to_string()))?;
        if self.replace && self.given().is_none() {
            return Ok(None);
        }
        let unusable = |error: UnusableSnapshot| usage(&error, error.hint(OVERRIDE));
        Ok(snapshots.baseline().map_err(unusable)?.map(Baseline::new))
    }

    fn given(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| !name.is_empty())
    }

    /// The name that was given can be one.
    fn is_name(&self) -> anyhow::Result<()> {
        let name = self.given().unwrap_or("none");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_shaped = !name.starts_with(['.', '-']) && name.len() <= 100 && name.chars().all(is_plain);
        let hint = if snapshots::is_by_time(name) {
            "snapshots without a name are called by the time, and the oldest of them go: put a word before it"
        } else if !is_shaped || name.ends_with(".json") {
            "use up to 100 letters, digits, `-`, `_` and `.`, the first a letter or a digit, and no `.json` at the end"
        } else {
            return Ok(());
        };
        Err(usage(format!("`{name}` is no name for a snapshot"), hint))
    }

    /// The name of the new snapshot: that which was given, or the time, if need be with a number behind it.
    fn name(&self, snapshots: &Snapshots, is_kept: bool, subject: &load::Subject) -> anyhow::Result<String> {
        let is_taken = |name: &str| is_kept && snapshots.path(name).symlink_metadata().is_ok();
        let Some(name) = self.given() else {
            return Ok(by_time(
                &subject.asked_at,
                if is_kept { snapshots.names().unwrap_or_default() } else { Vec::new() },
            ));
        };
        if is_taken(name) && !self.replace {
            let message = format!("{}: there is a snapshot of this name", snapshots.path(name).display());
            return Err(usage(message, "leave --name out to call it by the time, or say --replace"));
        }
        Ok(name.to_owned())
    }

    /// The open baseline, where it must stay: the host went through something since and has not come back whole.
    fn stays(
        &self,
        open: Baseline,
        looked: &mut Looked,
        subject: &mut load::Subject,
        scope: &ScopeOptions,
    ) -> anyhow::Result<Option<Stays>> {
        open.is_of(&looked.host, subject, OVERRIDE)?;
        let settings = subject.catalog.settings.clone();
        let before = open.before(&settings);
        let facts = Facts::new(&looked.answers, &settings, subject.run(Intent::After));
        let since = open_baseline::went_through(&subject.catalog, &facts, &before, &looked.host.profiles);
        drop(facts);
        if since.is_empty() {
            return Ok(None);
        }
        let started = Instant::now();
        let selection = Selection::new(&subject.catalog, scope, Aim::of(Intent::After))?;
        // The same answers, so that what is remembered and what is judged cannot disagree.
        let answers = std::mem::take(&mut looked.answers);
        let host = Arc::clone(&subject.host);
        let mut judged = look_further(&host, subject, &selection, Some(&open), started + self.look.timeout, answers)?;
        looked.answers = std::mem::take(&mut judged.answers);
        let ends = Ends { verb: "snapshot", fail_on: FailOn::Block, started };
        let report = report(judged, subject, &selection, ends, Some(&open));
        let holding = open_baseline::holding(&report.findings, &subject.catalog, &before);
        if holding.is_empty() {
            return Ok(None);
        }
        let verdict = verdict::judged(&holding);
        let verdict = if verdict == Verdict::Blocked { verdict } else { Verdict::Incomplete };
        let message = verdict::message(verdict, &holding);
        drop(before);
        Ok(Some(Stays { baseline: open, since, findings: report.findings, verdict, message }))
    }

    fn print(&self, snapshot: &Snapshot, snapshots: &Snapshots, store: &Store) -> anyhow::Result<Exit> {
        let format = self.output.format.format();
        let text = || shown::render(snapshot, &snapshots.state);
        // Of a switch with thousands of ports the document is large: it is held as a whole only where it is stored.
        let document = |out: &mut dyn Write| document::write(snapshot, out).and_then(|()| out.write_all(b"\n"));
        match (format, self.output.quiet) {
            (Format::Json, _) => write::print_with(&mut |out| document(out))?,
            (Format::Text, true) => write::print(&line(&snapshot.host, &snapshot.msg))?,
            (Format::Text, false) => write::print(&text())?,
        }
        write::output(&self.output, 0o600, store, &|| {
            let mut content = Vec::new();
            match format {
                Format::Json => document(&mut content)?,
                Format::Text => content.extend(text().into_bytes()),
            }
            Ok(content)
        })
    }
}

/// The time, or, where it is taken, with a number behind it that no other of that second had.
fn by_time(asked_at: &str, taken: Vec<String>) -> String {
    let time: String = asked_at.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let number = |name: &String| match name.strip_prefix(&time)? {
        "" => Some(1),
        rest => rest.strip_prefix('-')?.parse::<u32>().ok(),
    };
    match taken.iter().filter_map(number).max() {
        Some(last) => format!("{time}-{}", last.saturating_add(1)),
        None => time,
    }
}
