//! The document of a run, from what was found.

use std::time::Instant;

use super::baseline::Baseline;
use super::load::Subject;
use super::look::{Looked, Selection};
use crate::exit::{Exit, FailOn};
use crate::host::run_id;
use crate::judge::{headlines, verdict, waivers};
use crate::model::report::{Report, SCHEMA, SCHEMA_VERSION, Summary, Tool};

/// What a report says beside what was found.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    pub verb: &'static str,
    pub fail_on: FailOn,
    pub started: Instant,
}

pub fn report(looked: Looked, subject: &Subject, selection: &Selection, ends: Ends) -> Report {
    let Looked { host, mut findings, complete, bridges, .. } = looked;
    let waived = subject.catalog.settings.waiver.iter().map(toml::Spanned::get_ref);
    waivers::apply(&mut findings, waived, &subject.asked_at);
    headlines::link(&mut findings);
    let judged = verdict::judged(&findings);
    let shown = verdict::shown(judged, complete);
    let exit = Exit::of(judged, ends.fail_on);
    let message = verdict::message(shown, &findings);
    Report {
        schema: SCHEMA.to_owned(),
        schema_version: SCHEMA_VERSION.to_owned(),
        tool: tool(subject),
        run_id: run_id::new(),
        verb: ends.verb.to_owned(),
        intent: selection.aim.intent,
        complete,
        scope: selection.scope.clone(),
        host,
        baseline: None,
        started_at: subject.asked_at.clone(),
        duration_ms: u64::try_from(ends.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        verdict: shown,
        exit_code: exit.code(),
        changed: false,
        failed: exit.is_failure(),
        msg: message.clone(),
        comment: message,
        summary: Summary::of(&findings),
        findings,
        bridges,
        actions: Vec::new(),
        pending: None,
    }
}

/// The same, of a run that compared with a baseline.
pub fn compared(
    looked: Looked,
    subject: &Subject,
    selection: &Selection,
    ends: Ends,
    with: Option<&Baseline>,
) -> Report {
    Report { baseline: with.map(Baseline::named), ..report(looked, subject, selection, ends) }
}

pub fn tool(subject: &Subject) -> Tool {
    Tool {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        catalog_digest: subject.catalog.digest.clone(),
    }
}
