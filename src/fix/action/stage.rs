//! Plans for what was found between two moments of a host, for tests.

use super::{Context, plan};
use crate::catalog::{Catalog, Level, Settings};
use crate::facts::before::Before;
use crate::facts::{Facts, Run};
use crate::judge::kept::staged::{NOW, snapshot};
use crate::judge::outcome::Outcome;
use crate::model::finding::Severity;
use crate::model::plan::{Deed, Planned};
use crate::model::report::Intent;
use crate::model::{Answers, Finding, Status};

/// What `fix` would do for each of what `judge` says is wrong, a check of this `id`.
pub fn planned(
    [then, now]: [&Answers; 2],
    (id, fix): (&str, &str),
    judge: impl FnOnce(&Facts<'_>, &Before<'_>) -> Vec<Outcome>,
) -> Vec<Planned> {
    let catalog = Catalog::load(&[], &[]).unwrap();
    let (settings, snapshot) = (Settings::default(), snapshot());
    let run = Run { intent: Intent::After, asked_at: NOW };
    let facts = Facts::new(now, &settings, run);
    let before = Before { facts: Facts::new(then, &settings, run), snapshot: &snapshot };
    let wrong = judge(&facts, &before).into_iter().filter(|it| it.status == Status::Fail);
    let findings: Vec<Finding> = wrong.map(|it| finding(id, it)).collect();
    let context = Context {
        catalog: &catalog,
        facts: &facts,
        before: Some(&before),
        findings: &findings,
        named: false,
        home: "/state/runs/one",
    };
    findings.iter().filter_map(|finding| plan(fix, finding, &context)).collect()
}

fn finding(id: &str, outcome: Outcome) -> Finding {
    Finding {
        id: id.to_owned(),
        subject: outcome.subject,
        status: outcome.status,
        severity: if outcome.at_most == Some(Level::Info) { Severity::Info } else { Severity::High },
        blocking: true,
        new: Some(true),
        title: String::new(),
        detail: outcome.detail,
        cause: outcome.cause.map(str::to_owned),
        caused_by: outcome.caused_by,
        expected: outcome.expected,
        observed: outcome.observed,
        waiver: None,
        fixes: Vec::new(),
        by_hand: outcome.by_hand,
        duration_us: 0,
    }
}

/// Line by line what is done, and behind `<-` what takes it back.
pub fn lines(planned: &[Planned]) -> Vec<String> {
    let told = |deeds: &[Deed]| deeds.iter().flat_map(Deed::lines).collect::<Vec<_>>().join(" && ");
    let mut lines = Vec::new();
    for planned in planned {
        lines.extend(planned.steps.iter().map(|step| {
            let undo = if step.undoes.is_empty() { String::new() } else { format!(" <- {}", told(&step.undoes)) };
            told(std::slice::from_ref(&step.does)) + &undo
        }));
        lines.extend(planned.refused.iter().map(|why| format!("refused: {why}")));
    }
    lines
}
