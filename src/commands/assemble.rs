//! The document of a run, from what was found.

use std::time::Instant;

use super::baseline::Baseline;
use super::load::Subject;
use super::look::{Looked, Selection};
use crate::exit::{Exit, FailOn};
use crate::host::run_id;
use crate::judge::{headlines, verdict, waivers};
use crate::model::Finding;
use crate::model::report::{Report, SCHEMA, SCHEMA_VERSION, Summary, Tool};

/// What a report says beside what was found.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    pub verb: &'static str,
    pub fail_on: FailOn,
    pub started: Instant,
}

/// `with` is the baseline, of a run that compared with one.
pub fn report(looked: Looked, subject: &Subject, selection: &Selection, ends: Ends, with: Option<&Baseline>) -> Report {
    let Looked { host, mut findings, complete, bridges, answers } = looked;
    // A switch may have answered with megabytes, and the document is made of none of them.
    drop(answers);
    waive(&mut findings, subject);
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
        baseline: with.map(Baseline::named),
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

/// What a person accepted blocks nothing and explains nothing.
pub fn waive(findings: &mut [Finding], subject: &Subject) {
    let waived = subject.catalog.settings.waiver.iter().map(toml::Spanned::get_ref);
    waivers::apply(findings, waived, &subject.asked_at);
    headlines::link(findings);
}

pub fn tool(subject: &Subject) -> Tool {
    Tool {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        catalog_digest: subject.catalog.digest.clone(),
    }
}
