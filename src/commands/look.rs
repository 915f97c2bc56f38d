//! The rounds: gate, base, follow-up. Each asks what the answers so far call for, and is a pure function
//! of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::options::ScopeOptions;
use super::usage;
use crate::catalog::{Catalog, Check, Level};
use crate::facts::{Facts, identity};
use crate::host::Observe;
use crate::host::asking::ask_all;
use crate::judge::{self, follow_up, profiles};
use crate::model::report::{Host, Intent, Scope};
use crate::model::{Answers, Finding, Query};
use crate::units::IdGlob;

/// What came of looking.
pub struct Looked {
    pub host: Host,
    pub findings: Vec<Finding>,
    /// Nothing was left out by `--only` or `--skip`.
    pub complete: bool,
}

/// Which checks a run asks, as typed and validated.
pub struct Selection {
    pub intent: Intent,
    pub scope: Scope,
    pub profiles: Vec<String>,
}

impl Selection {
    pub fn new(catalog: &Catalog, options: &ScopeOptions) -> anyhow::Result<Self> {
        for pattern in options.only.iter().chain(&options.skip) {
            let glob = IdGlob(pattern.clone());
            if !catalog.checks.iter().any(|check| glob.matches(&check.id)) {
                return Err(usage(format!("no check is called `{pattern}`"), "`hostready explain` lists every check"));
            }
        }
        let known: Vec<&str> =
            std::iter::once("linux").chain(catalog.profiles.iter().map(|profile| profile.name.as_str())).collect();
        if let Some(unknown) = options.profile.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(usage(format!("there is no profile `{unknown}`"), format!("known: {}", known.join(", "))));
        }
        Ok(Self {
            intent: options.intent,
            scope: Scope { only: options.only.clone(), skip: options.skip.clone() },
            profiles: options.profile.clone(),
        })
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

/// Looks at a host and judges it.
pub fn look(
    host: &Arc<dyn Observe>,
    catalog: &Catalog,
    selection: &Selection,
    until: Instant,
    answers: &mut Answers,
) -> Looked {
    ask(host, gate_questions(catalog), until, answers);
    let profiles = profiles::detect(&catalog.profiles, &selection.profiles, &Facts::new(answers, &catalog.settings));

    let meant = |check: &&Check| check.intents.contains(&selection.intent) && profiles.contains(&check.profile);
    let (chosen, left_out): (Vec<&Check>, Vec<&Check>) =
        catalog.checks.iter().filter(meant).partition(|check| selection.excludes(check).is_none());

    ask(host, chosen.iter().flat_map(|check| check.kind.questions(&catalog.settings)), until, answers);
    let mut findings = judge::judge(catalog, &chosen, &Facts::new(answers, &catalog.settings));

    let open =
        follow_up::questions(&chosen, &findings, &Facts::new(answers, &catalog.settings), |id| selection.is_named(id));
    if ask(host, open, until, answers) {
        findings = judge::judge(catalog, &chosen, &Facts::new(answers, &catalog.settings));
    }
    let mut rows: BTreeSet<&str> = chosen.iter().map(|check| check.id.as_str()).collect();
    for check in left_out {
        // Entries of several profiles may share an id, and a row is told by its id.
        if let Some(why) = selection.excludes(check).filter(|_| rows.insert(&check.id)) {
            findings.push(judge::excluded(check, why));
        }
    }
    Looked {
        host: identity::host(&Facts::new(answers, &catalog.settings), profiles),
        findings,
        complete: selection.scope == Scope::default(),
    }
}

/// Asks everything that any check could ever want of this host.
pub fn look_at_all(host: &Arc<dyn Observe>, catalog: &Catalog, until: Instant, answers: &mut Answers) {
    ask(host, gate_questions(catalog), until, answers);
    // What no check of today judges, and whoever reads the bundle wants to know.
    ask(host, [Query::User, Query::Addresses], until, answers);
    let checks: Vec<&Check> = catalog.checks.iter().collect();
    ask(host, checks.iter().flat_map(|check| check.kind.questions(&catalog.settings)), until, answers);
    let open = follow_up::all_questions(&checks, &Facts::new(answers, &catalog.settings));
    ask(host, open, until, answers);
}

/// Which host is this, and which profiles fit it?
fn gate_questions(catalog: &Catalog) -> Vec<Query> {
    catalog.profiles.iter().flat_map(|profile| profile.questions()).chain(identity::questions()).collect()
}

/// Asks what was not asked before. True where there was anything to ask.
fn ask(
    host: &Arc<dyn Observe>,
    queries: impl IntoIterator<Item = Query>,
    until: Instant,
    answers: &mut Answers,
) -> bool {
    let open: BTreeSet<Query> = queries.into_iter().filter(|query| !answers.0.contains_key(query)).collect();
    let is_any = !open.is_empty();
    answers.0.extend(ask_all(host, open, until).0);
    is_any
}
