//! Can a file still be made at each path?

use super::outcome::{NOT_PRESENT, Outcome};
use crate::catalog::kind::filesystem::Inodes as Spec;
use crate::facts::Facts;
use crate::model::answer::Space;
use crate::model::{Query, Reading};
use crate::units::AbsolutePath;

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let judge_path = |path: &AbsolutePath| {
        match facts.space(path) {
            Reading::Known(space) => judge_space(spec, path, space),
            Reading::Absent => Outcome::skip(&**path, NOT_PRESENT, format!("{path} does not exist")),
            Reading::Unreadable(trouble) => Outcome::unknown(&**path, &trouble),
        }
        .asking(Query::Space(path.to_string()))
    };
    spec.paths.iter().map(judge_path).collect()
}

fn judge_space(spec: &Spec, path: &str, space: &Space) -> Outcome {
    if space.inodes == 0 {
        // btrfs and some network filesystems make inodes as they need them.
        let detail = format!("{} ({}) has no fixed number of inodes", space.mount_point, space.filesystem_type);
        return Outcome::skip(path, NOT_PRESENT, detail);
    }
    let percent = u64::try_from(u128::from(space.inodes_available) * 100 / u128::from(space.inodes)).unwrap_or(100);
    let detail = format!("{path} has {} of {} inodes free ({percent} %)", space.inodes_available, space.inodes);
    // A small share of very many is plenty, and a small filesystem never has many.
    let is_short = percent < spec.below_percent && space.inodes_available < spec.below_count;
    let outcome = if is_short { Outcome::fail(path, None, detail) } else { Outcome::pass(path, detail) };
    outcome
        .expecting("free_percent", spec.below_percent)
        .expecting("free_inodes", spec.below_count)
        .observing("free_percent", percent)
        .observing("free_inodes", space.inodes_available)
        .observing("inodes", space.inodes)
        .observing("filesystem", space.mount_point.clone())
}
