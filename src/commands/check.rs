//! `hostready check`: may this host be upgraded now?

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;

use super::look::{Looked, Selection, look};
use super::options::{ConfigOptions, LookOptions, ReportOptions, ScopeOptions, WaitOptions};
use super::{Looking, load, wait, write};
use crate::exit::{Exit, ExitStyle, FailOn};
use crate::host::run_id;
use crate::host::store::Store;
use crate::judge::{headlines, verdict, waivers};
use crate::model::report::{Report, SCHEMA, SCHEMA_VERSION, Summary, Tool};

#[derive(Clone, Debug, Args)]
pub struct Check {
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
            None => load::live(looking(), config)?,
        };
        let selection = Selection::new(&subject.catalog, &self.scope)?;
        let report = wait::until_settled(&self.wait, || {
            if self.from.is_none() {
                subject.host = looking();
            }
            let host = Arc::clone(&subject.host);
            let looked = look(&host, &mut subject, &selection, Instant::now() + self.look.timeout)?;
            let report = assemble(looked, &subject, &selection, self.report.fail_on, started);
            Ok((report, subject.catalog.checks.clone()))
        })?;

        if let Some(notice) = &subject.notice {
            write::say(&format!("warning: {notice}"));
        }
        let judged = exit_of(&report);
        let written = write::report(&report, &self.report, store)?;
        Ok(judged.merge(written).styled(self.report.exit_style))
    }
}

/// The document, from what was found.
pub fn assemble(
    looked: Looked,
    subject: &load::Subject,
    selection: &Selection,
    fail_on: FailOn,
    started: Instant,
) -> Report {
    let Looked { host, mut findings, complete } = looked;
    let waived = subject.catalog.settings.waiver.iter().map(toml::Spanned::get_ref);
    waivers::apply(&mut findings, waived, &subject.asked_at);
    headlines::link(&mut findings);
    let judged = verdict::judged(&findings);
    let shown = verdict::shown(judged, complete);
    let exit = Exit::of(judged, fail_on);
    let message = verdict::message(shown, &findings);
    Report {
        schema: SCHEMA.to_owned(),
        schema_version: SCHEMA_VERSION.to_owned(),
        tool: Tool {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            catalog_digest: subject.catalog.digest.clone(),
        },
        run_id: run_id::new(),
        verb: "check".to_owned(),
        intent: selection.intent,
        complete,
        scope: selection.scope.clone(),
        host,
        baseline: None,
        started_at: subject.asked_at.clone(),
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        verdict: shown,
        exit_code: exit.code(),
        changed: false,
        failed: exit.is_failure(),
        msg: message.clone(),
        comment: message,
        summary: Summary::of(&findings),
        findings,
        actions: Vec::new(),
    }
}

fn exit_of(report: &Report) -> Exit {
    Exit::from_code(report.exit_code)
}
