//! Looks at the host and plans what was wanted: what `fix` prints and what its worker carries out.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::assemble::{Ends, report};
use super::baseline::Baseline;
use super::boot::peers::{Peer, reached_by};
use super::load::Subject;
use super::look::{Aim, Selection, ask, look};
use super::options::{ProfileOptions, ScopeOptions};
use super::{UsageError, usage};
use crate::catalog::Catalog;
use crate::catalog::settings::Peer as NetworkPeer;
use crate::exit::FailOn;
use crate::facts::Facts;
use crate::fix::action::Context;
use crate::fix::plan::{Wanted, plan, questions};
use crate::fix::protected::{self, Asker, Protected, gateways};
use crate::fix::unattended;
use crate::host::Observe;
use crate::host::runs::Runs;
use crate::host::snapshots::Snapshots;
use crate::judge::topology::Topology;
use crate::model::answer::Route;
use crate::model::plan::Planned;
use crate::model::report::Intent;
use crate::model::{Query, Report, Status};

/// What is to be looked for, and how.
#[derive(Clone, Debug)]
pub struct Wish {
    pub verb: &'static str,
    /// The run that this is for.
    pub run: String,
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
    /// Who hangs on what is asked also where nothing of it is planned to be touched.
    asks_who_hangs_on_what: bool,
    /// Nobody asks for it: only what is certain is done.
    is_unattended: bool,
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
        Ok(Self {
            subject,
            wish,
            wanted,
            baseline,
            selection,
            started: Instant::now(),
            asks_who_hangs_on_what: false,
            is_unattended: false,
        })
    }

    #[must_use]
    pub fn asking_who_hangs_on_what(self) -> Self {
        Self { asks_who_hangs_on_what: true, ..self }
    }

    #[must_use]
    pub fn unattended(self) -> Self {
        Self { is_unattended: true, ..self }
    }

    /// The gateways of the baseline and whoever the configuration names, with the devices that each was reached over.
    pub fn peers_before(&self) -> Vec<Peer> {
        let settings = &self.subject.catalog.settings;
        let before = self.baseline.as_ref().map(|baseline| baseline.before(settings));
        let facts = before.as_ref().map(|before| &before.facts);
        let routes = facts.and_then(|facts| facts.reading::<Vec<Route>>(&Query::Routes).known());
        let gateways = gateways(routes.map_or(&[], Vec::as_slice), &[]).into_iter().map(Query::Ping);
        let management = &settings.management;
        let named = settings.network.peers().map(NetworkPeer::contact);
        let all = gateways.chain(management.urls.iter().map(|url| management.contact(url))).chain(named);
        let mut topology = facts.map(|facts| Topology::new(facts, None)).unwrap_or_default();
        all.map(|asked| Peer { over: topology.devices_below(&reached_by(&asked)), asked }).collect()
    }

    /// Reads everything anew.
    pub fn look(&mut self, host: &Arc<dyn Observe>, is_live: bool) -> anyhow::Result<Sighted> {
        self.look_at(host, is_live, true)
    }

    /// The same, but for who hangs on what: a gateway that is silent takes seconds to ask.
    pub fn glance(&mut self, host: &Arc<dyn Observe>) -> anyhow::Result<Sighted> {
        self.look_at(host, true, false)
    }

    fn look_at(&mut self, host: &Arc<dyn Observe>, is_live: bool, asks_paths: bool) -> anyhow::Result<Sighted> {
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

        let home = Runs { state: self.wish.state.clone() }.of(&self.wish.run);
        let home = &*home.to_string_lossy();
        let (catalog, run) = (&self.subject.catalog, self.subject.run(self.selection.aim.intent));
        // What nobody needs to judge, and what a repair is planned from.
        let open = {
            let before = self.baseline.as_ref().map(|baseline| baseline.before(&catalog.settings));
            let facts = Facts::new(&answers, &catalog.settings, run);
            let (before, findings) = (before.as_ref(), &report.findings);
            let context = Context { catalog, facts: &facts, before, findings, named: false, home };
            questions(&self.wanted, &context)
        };
        ask(host, open, until, &mut answers);
        let asker = Asker { session: self.wish.session.as_deref(), service: self.wish.service.as_deref() };
        let (planned, questions) = {
            let before = self.baseline.as_ref().map(|baseline| baseline.before(&catalog.settings));
            let facts = Facts::new(&answers, &catalog.settings, run);
            let (before, findings) = (before.as_ref(), &report.findings);
            let context = Context { catalog, facts: &facts, before, findings, named: false, home };
            let mut planned = plan(&self.wanted, &context);
            if self.is_unattended {
                unattended::restrict(&mut planned, &context);
            }
            (planned, protected::questions(asker))
        };
        // Else it is nobody's business.
        let touches = self.asks_who_hangs_on_what || planned.iter().any(|planned| !planned.touches.is_empty());
        let protected = if touches && asks_paths {
            ask(host, questions, until, &mut answers);
            let second = protected::second_questions(&Facts::new(&answers, &catalog.settings, run));
            ask(host, second, until, &mut answers);
            protected::paths(&Facts::new(&answers, &catalog.settings, run), asker)
        } else {
            Protected::default()
        };
        Ok(Sighted { planned, protected, report })
    }

    /// What was named and is nowhere found, or has nothing to repair: it says so, and nothing is wrong with that.
    pub fn not_found(&self, report: &Report) -> Vec<String> {
        let is_there = |wanted: &&Wanted| {
            let found = report.findings.iter().any(|finding| finding.status != Status::Skip && wanted.means(finding));
            // What was mended is found no more.
            let mut acted = report.actions.iter();
            found
                || acted.any(|it| {
                    it.id == wanted.id || it.mends.as_ref().is_some_and(|it| wanted.names(&it.id, &it.subject))
                })
        };
        let intent = if self.baseline.is_some() { "; with --for it is judged as before an upgrade" } else { "" };
        let says = |wanted: &Wanted| match self.subject.catalog.fix(&wanted.id) {
            Some(_) => format!("note: {}: there is nothing here that it could repair{intent}", wanted.name()),
            None => format!("note: {}: nothing of this is found here{intent}", wanted.name()),
        };
        self.wanted.iter().filter(|wanted| !is_there(wanted)).map(says).collect()
    }
}
