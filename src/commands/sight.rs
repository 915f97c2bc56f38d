//! Looks at the host and plans what was wanted: what `fix` prints and what its worker carries out.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::assemble::{Ends, report};
use super::baseline::Baseline;
use super::load::Subject;
use super::look::{Aim, Selection, ask, look};
use super::options::{ProfileOptions, ScopeOptions};
use super::{UsageError, usage};
use crate::catalog::Catalog;
use crate::exit::FailOn;
use crate::facts::Facts;
use crate::fix::action::Context;
use crate::fix::plan::{Wanted, plan, questions};
use crate::fix::protected::{self, Asker, Protected};
use crate::host::Observe;
use crate::host::snapshots::Snapshots;
use crate::model::plan::Planned;
use crate::model::report::Intent;
use crate::model::{Report, Status};

/// What is to be looked for, and how.
#[derive(Clone, Debug)]
pub struct Wish {
    pub verb: &'static str,
    /// What was typed: `disk.space:/var`, `journal.vacuum`; empty for everything that blocks.
    pub wanted: Vec<String>,
    /// As `--for` says it. Without it the host is compared with its baseline, where it has one.
    pub intent: Option<Intent>,
    pub profiles: Vec<String>,
    pub state: PathBuf,
    pub timeout: Duration,
    pub fail_on: FailOn,
    /// `SSH_CONNECTION` of whoever asked.
    pub session: Option<String>,
    /// The service that asked.
    pub service: Option<String>,
}

pub struct Sight {
    pub subject: Subject,
    wish: Wish,
    wanted: Vec<Wanted>,
    baseline: Option<Baseline>,
    selection: Selection,
    started: Instant,
}

/// The host at one moment, and what would be done to it.
pub struct Sighted {
    pub report: Report,
    pub planned: Vec<Planned>,
    pub protected: Protected,
}

/// The consent that is no fix's name.
const DISRUPTION: &str = "disruption";

/// Each word is the id of a finding or of a fix.
pub fn are_known(words: &[String], catalog: &Catalog) -> anyhow::Result<()> {
    let is_known = |id: &str| catalog.fix(id).is_some() || catalog.checks.iter().any(|check| check.id == id);
    match words.iter().find(|word| !is_known(&Wanted::parse(word).id)) {
        Some(word) => Err(usage(
            format!("there is no check and no fix `{}`", Wanted::parse(word).id),
            "`hostready fix` shows what can be repaired here; `hostready explain` lists every check",
        )),
        None => Ok(()),
    }
}

/// Each word of `--accept` is the id of a fix, or `disruption`.
pub fn are_consents(words: &[String], catalog: &Catalog) -> anyhow::Result<()> {
    match words.iter().find(|word| *word != DISRUPTION && catalog.fix(word).is_none()) {
        Some(word) => Err(usage(
            format!("--accept {word}: there is no fix of this name"),
            "`hostready fix` shows what each fix needs: the fix's own name, or `disruption`",
        )),
        None => Ok(()),
    }
}

impl Sight {
    pub fn new(subject: Subject, wish: Wish) -> anyhow::Result<Self> {
        let baseline = match wish.intent {
            None => Snapshots { state: wish.state.clone() }
                .baseline()
                .map_err(|error| UsageError(format!("{error}\nhint: with --for it is not compared with a baseline")))?,
            Some(_) => None,
        };
        let implied = if baseline.is_some() { Intent::After } else { Intent::Agent };
        let scope = ScopeOptions::of(ProfileOptions { profile: wish.profiles.clone() });
        let selection = Selection::new(&subject.catalog, &scope, Aim::of(wish.intent.unwrap_or(implied)))?;
        let wanted = wish.wanted.iter().map(|word| Wanted::parse(word)).collect();
        let baseline = baseline.map(Baseline::new);
        Ok(Self { subject, wish, wanted, baseline, selection, started: Instant::now() })
    }

    /// Reads everything anew.
    pub fn look(&mut self, host: &Arc<dyn Observe>, is_live: bool) -> anyhow::Result<Sighted> {
        if is_live {
            self.subject.asked_at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        }
        let until = Instant::now() + self.wish.timeout;
        let mut looked = look(host, &mut self.subject, &self.selection, self.baseline.as_ref(), until)?;
        let mut answers = std::mem::take(&mut looked.answers);
        if let Some(baseline) = &self.baseline {
            baseline.is_of(&looked.host, &mut self.subject, "with --for it is not compared with a baseline")?;
        }
        let ends = Ends { verb: self.wish.verb, fail_on: self.wish.fail_on, started: self.started };
        let report = report(looked, &self.subject, &self.selection, ends, self.baseline.as_ref());

        let (catalog, run) = (&self.subject.catalog, self.subject.run(self.selection.aim.intent));
        // What nobody needs to judge, and what a repair is planned from.
        let open = {
            let before = self.baseline.as_ref().map(|baseline| baseline.before(&catalog.settings));
            let facts = Facts::new(&answers, &catalog.settings, run);
            let context =
                Context { catalog, facts: &facts, before: before.as_ref(), findings: &report.findings, named: false };
            questions(&self.wanted, &context)
        };
        ask(host, open, until, &mut answers);
        let asker = Asker { session: self.wish.session.as_deref(), service: self.wish.service.as_deref() };
        let (planned, questions) = {
            let before = self.baseline.as_ref().map(|baseline| baseline.before(&catalog.settings));
            let facts = Facts::new(&answers, &catalog.settings, run);
            let context =
                Context { catalog, facts: &facts, before: before.as_ref(), findings: &report.findings, named: false };
            (plan(&self.wanted, &context), protected::questions(asker))
        };
        // Who hangs on what is asked where anything of it is to be touched.
        let protected = if planned.iter().any(|planned| !planned.touches.is_empty()) {
            ask(host, questions, until, &mut answers);
            let second = protected::second_questions(&Facts::new(&answers, &catalog.settings, run));
            ask(host, second, until, &mut answers);
            protected::paths(&Facts::new(&answers, &catalog.settings, run), asker)
        } else {
            Protected::default()
        };
        Ok(Sighted { planned, protected, report })
    }

    /// What was named and is nowhere found: it says so, and nothing is wrong with that.
    pub fn not_found(&self, report: &Report) -> Vec<String> {
        let is_fix = |wanted: &&Wanted| self.subject.catalog.fix(&wanted.id).is_some();
        let is_there = |wanted: &&Wanted| {
            // What was mended is found no more.
            report.findings.iter().any(|finding| finding.status != Status::Skip && wanted.means(finding))
                || report.actions.iter().flat_map(|action| &action.mends).any(|it| wanted.names(&it.id, &it.subject))
        };
        let missing = self.wanted.iter().filter(|wanted| !is_fix(wanted) && !is_there(wanted));
        let intent = if self.baseline.is_some() { "; with --for it is judged as before an upgrade" } else { "" };
        missing.map(|wanted| format!("note: {}: nothing of this is found here{intent}", wanted.name())).collect()
    }
}
