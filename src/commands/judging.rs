//! What `check` and `verify` have in common: whom they look at, how often, and where the report goes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use super::assemble::{Ends, report};
use super::baseline::Baseline;
use super::look::{Aim, Selection, look};
use super::options::{ReportingOptions, ScopeOptions, WaitOptions};
use super::{Looking, load, running, wait, write};
use crate::host::store::Store;

#[derive(Clone, Debug, Args)]
pub struct Judging {
    /// Judge the host in this bundle instead of this one
    #[arg(long, value_name = "FILE", env = "HOSTREADY_FROM", hide_env = true, conflicts_with = "wait")]
    from: Option<PathBuf>,
    #[command(flatten)]
    wait: WaitOptions,
    #[command(flatten)]
    scope: ScopeOptions,
    #[command(flatten)]
    pub reporting: ReportingOptions,
}

impl Judging {
    pub fn run(
        &self,
        verb: &'static str,
        aim: Aim,
        baseline: Option<&Baseline>,
        looking: Looking,
        store: &Store,
    ) -> anyhow::Result<u8> {
        let started = Instant::now();
        if self.from.is_none() {
            running::say_so();
        }
        let mut subject = load::subject(self.from.as_deref(), &self.reporting.config, looking)?;
        let selection = Selection::new(&subject.catalog, &self.scope, aim)?;
        let report = wait::until_settled(&self.wait, || {
            if self.from.is_none() {
                subject.host = looking();
            }
            let host = Arc::clone(&subject.host);
            let looked = look(&host, &mut subject, &selection, baseline, Instant::now() + self.reporting.look.timeout)?;
            if let Some(baseline) = baseline {
                let hint = "`hostready snapshot --list` shows those that are kept here";
                baseline.is_of(&looked.host, &mut subject, hint)?;
            }
            let ends = Ends { verb, fail_on: self.reporting.report.fail_on, started };
            Ok((report(looked, &subject, &selection, ends, baseline), subject.catalog.checks.clone()))
        })?;
        write::judged(&subject, &report, &self.reporting.report, store)
    }
}
