//! The recovery card, from what was just remembered.

use crate::catalog::Check;
use crate::catalog::kind::Kind;
use crate::commands::load::Subject;
use crate::facts::Facts;
use crate::judge::recovery;
use crate::model::Snapshot;
use crate::model::gather::Gather as _;
use crate::model::report::Intent;
use crate::model::snapshot::Remembered;
use crate::report::console_card;

/// The snapshot lends its answers and has them back: a switch may have thousands of ports.
pub(super) fn of(snapshot: &mut Snapshot, subject: &Subject) -> String {
    let answers = std::mem::take(&mut snapshot.answers).into_answers();
    let facts = Facts::new(&answers, &subject.catalog.settings, subject.run(Intent::After));
    let in_force = |check: &&Check| snapshot.host.profiles.contains(&check.profile);
    let units = subject.catalog.checks.iter().filter(in_force).flat_map(|check| match &check.kind {
        Kind::AgentService(spec) => spec.units.keys().map(|unit| &**unit).collect(),
        _ => Vec::new(),
    });
    let steps = recovery::steps(&facts, &units.collect::<Vec<&str>>());
    drop(facts);
    snapshot.answers = Remembered(answers.0.into_iter().map(|(query, asked)| (query, asked.reading)).gather());
    console_card::render(snapshot, &steps)
}
