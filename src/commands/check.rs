//! `hostready check`: may this host be upgraded now?

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use super::assemble::{Ends, report};
use super::look::{Aim, Selection, look};
use super::options::{AimOptions, ConfigOptions, LookOptions, ReportOptions, ScopeOptions, WaitOptions};
use super::{Looking, load, running, wait, write};
use crate::exit::ExitStyle;
use crate::host::store::Store;

#[derive(Clone, Debug, Args)]
pub struct Check {
    #[command(flatten)]
    aim: AimOptions,
    #[command(flatten)]
    scope: ScopeOptions,
    /// Judge the host in this bundle instead of this one
    #[arg(long, value_name = "FILE", env = "HOSTREADY_FROM", hide_env = true, conflicts_with = "wait")]
    from: Option<PathBuf>,
    #[command(flatten)]
    wait: WaitOptions,
    #[command(flatten)]
    report: ReportOptions,
    #[command(flatten)]
    look: LookOptions,
    #[command(flatten)]
    config: ConfigOptions,
}

impl Check {
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
        let aim = Aim { drained: self.aim.drained, ..Aim::of(self.aim.intent) };
        let selection = Selection::new(&subject.catalog, &self.scope, aim)?;
        let report = wait::until_settled(&self.wait, || {
            if self.from.is_none() {
                subject.host = looking();
            }
            let host = Arc::clone(&subject.host);
            let looked = look(&host, &mut subject, &selection, None, Instant::now() + self.look.timeout)?;
            let report =
                report(looked, &subject, &selection, Ends { verb: "check", fail_on: self.report.fail_on, started });
            Ok((report, subject.catalog.checks.clone()))
        })?;

        write::judged(&subject, &report, &self.report, store)
    }
}
