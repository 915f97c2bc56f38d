//! Two moments of a host, for tests.

use crate::catalog::Settings;
use crate::facts::before::Before;
use crate::facts::{Facts, Run};
use crate::judge::outcome::Outcome;
use crate::model::answer::Asked;
use crate::model::report::Intent;
use crate::model::{Answer, Answers, Reading, Snapshot, Status};

pub const NOW: &str = "2026-11-20T09:14:02Z";

/// Question → what the host answered.
pub type Told<'a> = (&'a str, Reading<Answer>);

pub fn answers(told: &[Told<'_>]) -> Answers {
    let asked = |reading: &Reading<Answer>| Asked { reading: reading.clone(), micros: 0 };
    Answers(told.iter().map(|(key, reading)| (key.parse().unwrap(), asked(reading))).collect())
}

/// What `judge` says of `now` against `then`.
pub fn compared(
    then: &[Told<'_>],
    now: &[Told<'_>],
    judge: impl FnOnce(&Facts<'_>, &Before<'_>) -> Vec<Outcome>,
) -> Vec<Outcome> {
    let (then, now, settings) = (answers(then), answers(now), Settings::default());
    let run = Run { intent: Intent::After, asked_at: NOW };
    let snapshot = snapshot();
    judge(&Facts::new(&now, &settings, run), &Before { facts: Facts::new(&then, &settings, run), snapshot: &snapshot })
}

/// One that says nothing of its host.
pub fn snapshot() -> Snapshot {
    serde_json::from_value(serde_json::json!({
        "schema": "hostready/snapshot", "schema_version": "1.0",
        "tool": {"name": "hostready", "version": "0", "catalog_digest": ""},
        "name": "one", "taken_at": "2026-11-20T08:00:00Z",
        "changed": true, "exit_code": 0, "failed": false, "msg": "", "comment": "", "kept": null,
        "host": {
            "hostname": null, "machine_id": null, "boot_id": null, "os": {"id": null, "version": null}, "kernel": null,
            "hypervisor": {"qemu": null, "libvirt": null}, "profiles": ["linux"], "roles": [], "cluster": null,
            "ids": {}, "labels": {}
        },
        "unreadable": [], "findings": [], "answers": {},
    }))
    .unwrap()
}

/// `fail masked x.service`, `fail missing y.service at most info`: what counts of each outcome.
pub fn words(outcomes: &[Outcome]) -> Vec<String> {
    let told = |outcome: &Outcome| {
        let status = match outcome.status {
            Status::Pass => "pass",
            Status::Fail => "fail",
            Status::Unknown => "unknown",
            Status::Skip => "skip",
        };
        let limit = outcome.at_most.map(|level| format!("at most {}", level.as_str()));
        let parts = [Some(status), outcome.cause, Some(outcome.subject.as_str()), limit.as_deref()];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    outcomes.iter().map(told).collect()
}
