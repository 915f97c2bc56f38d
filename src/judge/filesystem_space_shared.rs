//! Do the needs of paths that share a filesystem fit into it together?

use super::filesystem_space::worst_on;
use super::{offers, outcome::Outcome};
use crate::catalog::kind::filesystem::SpaceShared as Spec;
use crate::catalog::{Catalog, Check};
use crate::facts::Facts;
use crate::model::answer::Space;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading};
use crate::units::Bytes;

struct Group<'a> {
    space: &'a Space,
    paths: Vec<&'a str>,
    need: u64,
}

pub fn judge(catalog: &Catalog, check: &Check, spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let mut groups: SortedMap<&str, Group<'_>> = SortedMap::new();
    let mut outcomes = Vec::new();
    for (path, need) in &spec.paths {
        match facts.space(path) {
            Reading::Known(space) => {
                let group = groups.entry(&space.device).or_insert_with(|| Group { space, paths: Vec::new(), need: 0 });
                group.paths.push(path);
                group.need = group.need.saturating_add(need.0);
            }
            Reading::Absent => {}
            Reading::Unreadable(trouble) => {
                outcomes.push(Outcome::unknown(&**path, &trouble).because_of(&spec.needs_of, path));
            }
        }
    }
    let shared: Vec<&Group<'_>> = groups.values().filter(|group| group.paths.len() > 1).collect();
    if shared.is_empty() && outcomes.is_empty() {
        outcomes.push(Outcome::pass("", "no two of the paths share a filesystem"));
    }
    outcomes.extend(shared.into_iter().map(|group| judge_group(catalog, check, spec, group, facts)));
    outcomes
}

fn judge_group(catalog: &Catalog, check: &Check, spec: &Spec, group: &Group<'_>, facts: &Facts<'_>) -> Outcome {
    let space = group.space;
    let detail = format!(
        "{} need {} together, and {} has {} free",
        group.paths.join(", "),
        Bytes(group.need),
        space.mount_point,
        Bytes(space.available)
    );
    let outcome = if space.available >= group.need {
        Outcome::pass(&space.mount_point, detail)
    } else {
        let short_by = group.need - space.available;
        let offers = offers::for_space(catalog, check, facts, &space.device, short_by);
        let outcome = Outcome::fail(&space.mount_point, None, detail);
        let outcome = offers::mention_none(outcome, &offers, check, facts).offering(offers);
        match worst_on(&space.device, &spec.paths, facts) {
            Some(worst) => outcome.because_of(&spec.needs_of, worst),
            None => outcome,
        }
    };
    let outcome = group.paths.iter().fold(outcome, |outcome, path| outcome.asking(Query::Space((*path).to_owned())));
    outcome
        .expecting("free_bytes", group.need)
        .observing("free_bytes", space.available)
        .observing("paths", group.paths.clone())
}
