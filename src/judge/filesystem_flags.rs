//! How the filesystems of the paths are mounted: for writing, for running programs.

use super::outcome::{NOT_PRESENT, Outcome};
use crate::catalog::kind::filesystem::{NoExec, ReadOnly};
use crate::facts::Facts;
use crate::model::answer::Space;
use crate::model::{Query, Reading};
use crate::units::AbsolutePath;

pub fn judge_read_only(spec: &ReadOnly, facts: &Facts<'_>) -> Vec<Outcome> {
    each(&spec.paths, facts, |path, space| {
        let word = if space.read_only { "read-only" } else { "writable" };
        let detail = format!("{path} is on {} ({}), mounted {word}", space.mount_point, space.filesystem_type);
        let outcome = if space.read_only { Outcome::fail(path, None, detail) } else { Outcome::pass(path, detail) };
        outcome.expecting("read_only", false).observing("read_only", space.read_only)
    })
}

pub fn judge_no_exec(spec: &NoExec, facts: &Facts<'_>) -> Vec<Outcome> {
    each(&spec.paths, facts, |path, space| {
        let word = if space.no_exec { "noexec" } else { "exec" };
        let detail = format!("{path} is on {} ({}), mounted {word}", space.mount_point, space.filesystem_type);
        let outcome = if space.no_exec { Outcome::fail(path, None, detail) } else { Outcome::pass(path, detail) };
        outcome.expecting("no_exec", false).observing("no_exec", space.no_exec)
    })
}

fn each(paths: &[AbsolutePath], facts: &Facts<'_>, judge: impl Fn(&str, &Space) -> Outcome) -> Vec<Outcome> {
    let judge_path = |path: &AbsolutePath| {
        match facts.space(path) {
            Reading::Known(space) => judge(path, space).observing("filesystem", space.mount_point.clone()),
            Reading::Absent => Outcome::skip(&**path, NOT_PRESENT, format!("{path} does not exist")),
            Reading::Unreadable(trouble) => Outcome::unknown(&**path, &trouble),
        }
        .asking(Query::Space(path.to_string()))
    };
    paths.iter().map(judge_path).collect()
}
