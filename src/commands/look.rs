//! The rounds: gate, base, follow-up. Each asks what the answers so far call for, and is a pure function
//! of them.

use std::sync::Arc;
use std::time::Instant;

use super::baseline::Baseline;
use super::load::Subject;
use super::masked::masked;
use super::options::ScopeOptions;
use super::usage;
use crate::catalog::kind::Kind;
use crate::catalog::profile::LINUX;
use crate::catalog::{Catalog, Check, Level};
use crate::facts::{Facts, identity};
use crate::host::Observe;
use crate::host::asking::ask_all;
use crate::judge::{self, bridges, follow_up, profiles, remember};
use crate::model::answer::Asked;
use crate::model::gather::Gather as _;
use crate::model::report::{BridgeRow, Host, Intent, Scope};
use crate::model::sorted::SortedSet;
use crate::model::{Answers, Finding, Query, Reading};
use crate::units::IdGlob;

/// What came of looking.
pub struct Looked {
    pub host: Host,
    pub findings: Vec<Finding>,
    /// Nothing was left out by `--only` or `--skip`.
    pub complete: bool,
    /// The bridges of the switch, against those of the baseline.
    pub bridges: Vec<BridgeRow>,
    pub answers: Answers,
}

/// What a run is to find out.
#[derive(Clone, Copy, Debug)]
pub struct Aim {
    pub intent: Intent,
    /// No guest may be left running.
    pub drained: bool,
    /// That the host was not rebooted blocks.
    pub expect_reboot: bool,
    /// Everything is read that a baseline must hold, and nothing is compared.
    pub remember: bool,
}

impl Aim {
    pub fn of(intent: Intent) -> Self {
        Self { intent, drained: false, expect_reboot: false, remember: false }
    }
}

/// Which checks a run asks, as typed and validated.
pub struct Selection {
    pub aim: Aim,
    pub scope: Scope,
    pub profiles: Vec<String>,
}

impl Selection {
    pub fn new(catalog: &Catalog, options: &ScopeOptions, aim: Aim) -> anyhow::Result<Self> {
        // An empty variable names nothing.
        let named = |words: &[String]| words.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>();
        let scope = Scope { only: named(&options.only), skip: named(&options.skip) };
        let profiles = named(&options.profiles.profile);
        for pattern in scope.only.iter().chain(&scope.skip) {
            let glob = IdGlob(pattern.clone());
            if !catalog.checks.iter().any(|check| glob.matches(&check.id)) {
                return Err(usage(format!("no check is called `{pattern}`"), "`hostready explain` lists every check"));
            }
        }
        known_profiles(catalog, &profiles)?;
        Ok(Self { aim, scope, profiles })
    }

    fn is_named(&self, id: &str) -> bool {
        self.scope.only.iter().any(|pattern| IdGlob(pattern.clone()).matches(id))
    }

    /// Why a check is left out, if it is.
    fn excludes(&self, check: &Check) -> Option<&'static str> {
        let skipped = self.scope.skip.iter().any(|pattern| IdGlob(pattern.clone()).matches(&check.id));
        if !self.scope.only.is_empty() && !self.is_named(&check.id) {
            Some("left out by --only")
        } else if skipped {
            Some("left out by --skip")
        } else if check.level == Level::Off {
            Some("switched off by the configuration")
        } else {
            None
        }
    }
}

/// Every name is that of a profile.
pub fn known_profiles(catalog: &Catalog, names: &[String]) -> anyhow::Result<()> {
    let known: Vec<&str> =
        std::iter::once(LINUX).chain(catalog.profiles.iter().map(|profile| profile.name.as_str())).collect();
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(usage(format!("there is no profile `{unknown}`"), format!("known: {}", known.join(", ")))),
        None => Ok(()),
    }
}

/// Looks at a host, round by round, and judges it; against the baseline, where there is one.
pub fn look(
    host: &Arc<dyn Observe>,
    subject: &mut Subject,
    selection: &Selection,
    baseline: Option<&Baseline>,
    until: Instant,
) -> anyhow::Result<Looked> {
    look_further(host, subject, selection, baseline, until, Answers::default())
}

/// The same, where these answers are known and only the rest is asked.
pub fn look_further(
    host: &Arc<dyn Observe>,
    subject: &mut Subject,
    selection: &Selection,
    baseline: Option<&Baseline>,
    until: Instant,
    mut answers: Answers,
) -> anyhow::Result<Looked> {
    let profiles = gate(host, subject, selection, baseline, until, &mut answers)?;
    let (catalog, run) = (&subject.catalog, subject.run(selection.aim.intent));
    let meant = |check: &&Check| check.intents.contains(&selection.aim.intent) && profiles.contains(&check.profile);
    let (compared, judged): (Vec<&Check>, Vec<&Check>) =
        catalog.checks.iter().filter(meant).partition(|check| check.needs_baseline && selection.aim.remember);
    let (chosen, left_out): (Vec<&Check>, Vec<&Check>) =
        judged.into_iter().partition(|check| selection.excludes(check).is_none());

    // In one round: what keeps systemd busy comes last among all that it is asked.
    let of_checks = chosen.iter().flat_map(|check| check.kind.questions(&catalog.settings));
    ask(host, of_checks.chain(remember::questions(&compared, &catalog.settings)), until, &mut answers);
    if let Some(baseline) = baseline {
        mask_what_is_compared(&chosen, catalog, baseline, &mut answers)?;
    }
    // What is costly to parse is parsed once for all who ask: dpkg's status and the rows of OVSDB are large.
    let facts = Facts::new(&answers, &catalog.settings, run);
    let before = baseline.map(|baseline| baseline.before(&catalog.settings));
    let this = identity::host(&facts, profiles);
    let first = judge::judge(catalog, &chosen, &facts, before.as_ref());
    let mut open = follow_up::questions(&chosen, &first, &facts, |id| selection.is_named(id));
    if selection.aim.remember {
        open.extend(remember::open_questions(&facts));
    }
    let tree = bridges::rows(&first, &facts, before.as_ref());
    // A switch may have thousands of rows: those of the first round go before the second makes its own.
    drop(facts);
    let (mut findings, bridges) = if ask(host, open, until, &mut answers) {
        drop((first, tree));
        let facts = Facts::new(&answers, &catalog.settings, run);
        let findings = judge::judge(catalog, &chosen, &facts, before.as_ref());
        let tree = bridges::rows(&findings, &facts, before.as_ref());
        (findings, tree)
    } else {
        (first, tree)
    };
    findings.extend(rows_left_out(&chosen, &left_out, selection));
    Ok(Looked { host: this, findings, complete: selection.scope == Scope::default(), bridges, answers })
}

/// Asks everything that any check could ever want of this host.
pub fn look_at_all(
    host: &Arc<dyn Observe>,
    subject: &mut Subject,
    selection: &Selection,
    until: Instant,
) -> anyhow::Result<Answers> {
    let mut answers = Answers::default();
    gate(host, subject, selection, None, until, &mut answers)?;
    let (catalog, run) = (&subject.catalog, subject.run(selection.aim.intent));
    let checks: Vec<&Check> = catalog.checks.iter().collect();
    // What no check of today judges, and whoever reads the bundle wants to know.
    let others = remember::questions(&checks, &catalog.settings).into_iter().chain([Query::User, Query::Addresses]);
    let of_checks = checks.iter().flat_map(|check| check.kind.questions(&catalog.settings));
    ask(host, of_checks.chain(others), until, &mut answers);
    let facts = Facts::new(&answers, &catalog.settings, run);
    let open = follow_up::all_questions(&checks, &facts).into_iter().chain(remember::open_questions(&facts));
    ask(host, open.collect::<Vec<_>>(), until, &mut answers);
    Ok(answers)
}

/// The first round: which host is this, and which profiles fit it? They then have their say in the catalog.
fn gate(
    host: &Arc<dyn Observe>,
    subject: &mut Subject,
    selection: &Selection,
    baseline: Option<&Baseline>,
    until: Instant,
    answers: &mut Answers,
) -> anyhow::Result<Vec<String>> {
    let of_profiles = subject.catalog.profiles.iter().flat_map(|profile| profile.questions());
    ask(host, of_profiles.chain(identity::questions()), until, answers);
    let facts = Facts::new(answers, &subject.catalog.settings, subject.run(selection.aim.intent));
    let of_baseline = baseline.map_or(&[][..], |baseline| &baseline.snapshot.host.profiles);
    let profiles = profiles::detect(&subject.catalog.profiles, &selection.profiles, of_baseline, &facts);
    subject.settle(&profiles)?;
    for check in &mut subject.catalog.checks {
        check.settle(selection.aim.intent);
        demand(check, selection.aim);
    }
    Ok(profiles)
}

/// `--drained` and `--expect-reboot` are the strongest layer of the configuration.
fn demand(check: &mut Check, aim: Aim) {
    let is_demanded = match check.kind {
        Kind::GuestsRunning(_) => aim.drained,
        Kind::Rebooted(_) => aim.expect_reboot,
        _ => false,
    };
    if is_demanded {
        check.level = Level::Block;
    }
}

/// One row for each id of which nothing was asked: entries of several profiles may share one.
fn rows_left_out(chosen: &[&Check], left_out: &[&Check], selection: &Selection) -> Vec<Finding> {
    let mut ids: SortedSet<&str> = chosen.iter().map(|check| check.id.as_str()).gather();
    let mut rows = Vec::new();
    for check in left_out {
        if let Some(why) = selection.excludes(check).filter(|_| ids.insert(&check.id)) {
            rows.push(judge::excluded(check, why));
        }
    }
    rows
}

/// The baseline holds no secret: what is compared with it must not either, or every one would have changed. An answer
/// that is that of the baseline has none.
fn mask_what_is_compared(
    checks: &[&Check],
    catalog: &Catalog,
    baseline: &Baseline,
    answers: &mut Answers,
) -> anyhow::Result<()> {
    let compared: SortedSet<Query> = checks.iter().flat_map(|check| check.kind.remembered(&catalog.settings)).gather();
    let is_open =
        |(query, asked): &(&Query, &mut Asked)| compared.contains(query) && !baseline.heard(query, &asked.reading);
    for (query, asked) in answers.0.iter_mut().filter(is_open) {
        let reading = std::mem::replace(&mut asked.reading, Reading::Absent);
        asked.reading = masked(query, reading)?;
    }
    Ok(())
}

/// Asks what was not asked before. True where there was anything to ask.
pub fn ask(
    host: &Arc<dyn Observe>,
    queries: impl IntoIterator<Item = Query>,
    until: Instant,
    answers: &mut Answers,
) -> bool {
    let open: SortedSet<Query> = queries.into_iter().filter(|query| !answers.0.contains_key(query)).gather();
    let is_any = !open.is_empty();
    answers.0.extend(ask_all(host, open, until).0);
    is_any
}
