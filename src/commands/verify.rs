//! `hostready verify`: did this host come back whole? A check with a baseline.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use clap::builder::FalseyValueParser;

use super::assemble::{Ends, compared};
use super::baseline::Baseline;
use super::look::{Aim, Selection, look};
use super::options::{ConfigOptions, LookOptions, ReportOptions, ScopeOptions, StateOptions, WaitOptions};
use super::{Looking, UsageError, load, running, wait, write};
use crate::exit::ExitStyle;
use crate::host::snapshots::{self, Snapshots};
use crate::host::store::Store;
use crate::model::report::Intent;

#[derive(Clone, Debug, Args)]
pub struct Verify {
    /// Compare with this snapshot, a name or a file, instead of the last baseline
    #[arg(long, value_name = "NAME|FILE", env = "HOSTREADY_BASELINE", hide_env = true)]
    baseline: Option<String>,
    /// The host must have been rebooted since the baseline
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HOSTREADY_EXPECT_REBOOT", hide_env = true)]
    expect_reboot: bool,
    /// Judge the host in this bundle instead of this one
    #[arg(long, value_name = "FILE", env = "HOSTREADY_FROM", hide_env = true, conflicts_with = "wait")]
    from: Option<PathBuf>,
    #[command(flatten)]
    wait: WaitOptions,
    #[command(flatten)]
    scope: ScopeOptions,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    report: ReportOptions,
    #[command(flatten)]
    look: LookOptions,
    #[command(flatten)]
    config: ConfigOptions,
}

impl Verify {
    pub fn is_json(&self) -> bool {
        self.report.format.format() == super::options::Format::Json
    }

    pub fn exit_style(&self) -> ExitStyle {
        self.report.exit_style
    }

    pub fn run(&self, looking: Looking, store: &Store) -> anyhow::Result<u8> {
        let started = Instant::now();
        let config = self.config.config.as_deref();
        let mut subject = match &self.from {
            Some(file) => load::recorded(file, config)?,
            None => {
                running::say_so();
                load::live(looking(), config)?
            }
        };
        let baseline = self.baseline()?;
        let aim = Aim { expect_reboot: self.expect_reboot, ..Aim::of(Intent::After) };
        let selection = Selection::new(&subject.catalog, &self.scope, aim)?;
        let report = wait::until_settled(&self.wait, || {
            if self.from.is_none() {
                subject.host = looking();
            }
            let host = Arc::clone(&subject.host);
            let until = Instant::now() + self.look.timeout;
            let looked = look(&host, &mut subject, &selection, baseline.as_ref(), until)?;
            if let Some(baseline) = &baseline {
                baseline.is_of(&looked.host, "`hostready snapshot --list` shows those that are kept here")?;
            }
            let ends = Ends { verb: "verify", fail_on: self.report.fail_on, started };
            let report = compared(looked, &subject, &selection, ends, baseline.as_ref());
            Ok((report, subject.catalog.checks.clone()))
        })?;
        write::judged(&subject, &report, &self.report, store)
    }

    /// The snapshot to compare with; none where none was ever taken and none was asked for.
    fn baseline(&self) -> anyhow::Result<Option<Baseline>> {
        let snapshots = Snapshots { state: self.state.directory() };
        let found = match self.baseline.as_deref().filter(|name| !name.is_empty()) {
            None => snapshots.baseline(),
            Some(file) if file.contains('/') => snapshots::read(Path::new(file)).map(Some),
            Some(name) if snapshots.path(name).exists() => snapshots::read(&snapshots.path(name)).map(Some),
            Some(name) if Path::new(name).exists() => snapshots::read(Path::new(name)).map(Some),
            Some(name) => snapshots::read(&snapshots.path(name)).map(Some),
        };
        Ok(found.map_err(|error| UsageError(error.to_string()))?.map(Baseline::new))
    }
}
