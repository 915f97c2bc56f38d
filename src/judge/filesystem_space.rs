//! Is there enough free space for unprivileged writers at each path?

use serde_json::json;

use super::{offers, outcome::Outcome};
use crate::catalog::kind::filesystem::Space as Spec;
use crate::catalog::{Catalog, Check};
use crate::facts::Facts;
use crate::model::answer::{Largest, Space};
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading};
use crate::units::{AbsolutePath, Bytes};

pub fn judge(catalog: &Catalog, check: &Check, spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let judge_path = |(path, need): (&AbsolutePath, &Bytes)| {
        let path: &str = path;
        let asked = Query::Space(path.to_owned());
        match facts.space(path) {
            Reading::Known(space) => {
                let outcome = measured(path, *need, space, &sharing(path, space, spec, facts));
                if space.available >= need.0 {
                    outcome
                } else {
                    let worst = worst_on(&space.device, &spec.paths, facts).unwrap_or(path);
                    let offers = offers::for_space(catalog, check, facts, &space.device, need.0 - space.available);
                    with_largest(offers::mention_none(outcome, &offers, check, facts), path, facts)
                        .offering(offers)
                        .because_of(&check.id, worst)
                }
            }
            Reading::Absent => Outcome::skip(path, super::outcome::NOT_PRESENT, format!("{path} does not exist")),
            Reading::Unreadable(trouble) => Outcome::unknown(path, &trouble),
        }
        .asking(asked)
    };
    spec.paths.iter().map(judge_path).collect()
}

/// One filesystem that is short is one fault, told at the path that misses most; the others hang below it.
pub fn worst_on<'p>(device: &str, needs: &'p SortedMap<AbsolutePath, Bytes>, facts: &Facts<'_>) -> Option<&'p str> {
    let missing = |(path, need): (&'p AbsolutePath, &Bytes)| {
        let space = facts.space(path).known().filter(|space| space.device == device)?;
        let missing = need.0.checked_sub(space.available).filter(|missing| *missing > 0)?;
        Some((missing, &**path))
    };
    // The first of those that miss the same: the order of the report must not change from run to run.
    needs.iter().filter_map(missing).min_by_key(|(missing, _)| std::cmp::Reverse(*missing)).map(|(_, path)| path)
}

fn measured(path: &str, need: Bytes, space: &Space, sharing: &[String]) -> Outcome {
    let mut detail = format!("{path} has {} free, needs {need}", Bytes(space.available));
    if space.existing != path && path.starts_with(&space.existing) {
        detail.push_str(&format!("; it does not exist yet and would be on {}", space.mount_point));
    }
    if !sharing.is_empty() {
        detail.push_str(&format!("; it shares {} with {}", space.mount_point, sharing.join(", ")));
    }
    let outcome = if space.available >= need.0 {
        Outcome::pass(path, detail)
    } else {
        if space.free >= need.0 {
            detail.push_str(&format!("; {} more are reserved for root", Bytes(space.free - space.available)));
        }
        Outcome::fail(path, None, detail)
    };
    outcome
        .expecting("free_bytes", need.0)
        .observing("free_bytes", space.available)
        .observing("reserved_bytes", space.free.saturating_sub(space.available))
        .observing("size_bytes", space.size)
        .observing("filesystem", space.mount_point.clone())
        .observing("filesystem_type", space.filesystem_type.clone())
        .observing("shared_with", sharing)
}

/// The other paths of this check on the same filesystem: the same bytes serve all of them.
fn sharing(path: &str, space: &Space, spec: &Spec, facts: &Facts<'_>) -> Vec<String> {
    let on_same_device = |other: &&AbsolutePath| {
        &***other != path && facts.space(other).known().is_some_and(|it| it.device == space.device)
    };
    spec.paths.keys().filter(on_same_device).map(ToString::to_string).collect()
}

/// What takes up the space, once the follow-up round has looked.
fn with_largest(outcome: Outcome, path: &str, facts: &Facts<'_>) -> Outcome {
    let Reading::Known(largest) = facts.reading::<Largest>(&Query::Largest(path.to_owned())) else {
        return outcome;
    };
    let rows: Vec<_> = largest.entries.iter().map(|entry| json!({"path": entry.path, "bytes": entry.bytes})).collect();
    outcome.observing("largest", rows).observing("largest_complete", largest.complete)
}
