//! The snapshot that a host is compared with.

use serde_json::Map;

use super::load::Subject;
use super::usage;
use crate::catalog::Settings;
use crate::facts::before::Before;
use crate::facts::{Facts, Run};
use crate::model::report::{self, Host, Intent};
use crate::model::{Answer, Answers, Query, Reading, Snapshot};

/// A snapshot, its answers apart.
pub struct Baseline {
    pub snapshot: Snapshot,
    answers: Answers,
}

impl Baseline {
    pub fn new(mut snapshot: Snapshot) -> Self {
        let remembered = std::mem::take(&mut snapshot.answers);
        // What was wrong then is known by its name and cause. The rest of ten thousand findings takes as much room as
        // the switch that they are about.
        for finding in &mut snapshot.findings {
            finding.detail = String::new();
            finding.expected = Map::new();
            finding.observed = Map::new();
            finding.by_hand = Vec::new();
        }
        Self { snapshot, answers: remembered.into_answers() }
    }

    /// Whether the host answered the very same.
    pub fn heard(&self, query: &Query, reading: &Reading<Answer>) -> bool {
        self.answers.0.get(query).is_some_and(|then| then.reading == *reading)
    }

    /// The facts of then, under the settings of now.
    pub fn before<'a>(&'a self, settings: &'a Settings) -> Before<'a> {
        let run = Run { intent: Intent::After, asked_at: &self.snapshot.taken_at };
        Before { facts: Facts::new(&self.answers, settings, run), snapshot: &self.snapshot }
    }

    /// A snapshot of another machine says nothing about this one. `hint` says what to do then. What only may be wrong is
    /// told beside the report.
    pub fn is_of(&self, host: &Host, subject: &mut Subject, hint: &str) -> anyhow::Result<()> {
        let Snapshot { name, taken_at, host: then, .. } = &self.snapshot;
        let lacks = match (&then.machine_id, &host.machine_id) {
            (Some(theirs), Some(ours)) if theirs == ours => None,
            (Some(theirs), Some(ours)) => {
                let message = format!("the snapshot `{name}` is of another machine: {theirs}, and this one is {ours}");
                return Err(usage(message, hint));
            }
            (None, _) => Some("the snapshot holds no machine id"),
            (_, None) => Some("this host tells no machine id"),
        };
        let doubt = |lacks| format!("nobody knows whether the snapshot `{name}` is of this machine: {lacks}");
        subject.notices.extend(lacks.map(doubt));
        let now = &subject.asked_at;
        if taken_at > now {
            let words = format!("the snapshot `{name}` was taken at {taken_at}, and this host's clock says {now}");
            subject.notices.insert(words + ": one of the two is wrong");
        }
        Ok(())
    }

    /// How a report names it.
    pub fn named(&self) -> report::Baseline {
        report::Baseline { name: self.snapshot.name.clone(), taken_at: self.snapshot.taken_at.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_findings_of_then_only_what_is_compared_stays_in_memory() {
        let text = include_str!("../../tests/fixtures/snapshots/1.0-hypervisor.json");
        let stored: Snapshot = serde_json::from_str(text).unwrap();
        let (query, reading) = stored.answers.0.iter().next().map(|(it, of)| (it.clone(), of.clone())).unwrap();
        let named = |findings: &[crate::model::Finding]| {
            findings.iter().map(|it| (it.reference(), it.status, it.cause.clone(), it.blocking)).collect::<Vec<_>>()
        };
        let before = named(&stored.findings);
        let baseline = Baseline::new(stored);
        assert!(!before.is_empty());
        assert_eq!(named(&baseline.snapshot.findings), before);
        let is_bare =
            |it: &crate::model::Finding| it.detail.is_empty() && it.observed.is_empty() && it.expected.is_empty();
        assert!(baseline.snapshot.findings.iter().all(is_bare));
        assert!(baseline.heard(&query, &reading) && !baseline.heard(&query, &Reading::Absent));
    }
}
