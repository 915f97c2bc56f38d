//! Does another process hold a package manager's lock, and for how long?

use super::outcome::{NOT_PRESENT, Outcome};
use crate::catalog::Level;
use crate::catalog::kind::packages::Locks as Spec;
use crate::facts::Facts;
use crate::model::answer::{Holder, Lock};
use crate::model::finding::FindingRef;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading, Status};
use crate::units::AbsolutePath;

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let judge_file = |file: &AbsolutePath| {
        let file: &str = file;
        let asked = Query::Lock(file.to_owned());
        match facts.reading::<Lock>(&asked) {
            Reading::Known(Lock { holder: None }) => Outcome::pass(file, format!("nobody holds {file}")),
            Reading::Known(Lock { holder: Some(holder) }) => held(spec, file, holder),
            Reading::Absent => Outcome::skip(file, NOT_PRESENT, format!("{file} does not exist")),
            Reading::Unreadable(trouble) => Outcome::unknown(file, &trouble),
        }
        .asking(asked)
    };
    let mut outcomes: Vec<Outcome> = spec.files.iter().map(judge_file).collect();
    hang_below_the_first(&mut outcomes);
    outcomes
}

/// One process takes several locks: that is told once.
fn hang_below_the_first(outcomes: &mut [Outcome]) {
    let mut first: SortedMap<String, String> = SortedMap::new();
    for outcome in outcomes.iter_mut().filter(|outcome| outcome.status == Status::Fail) {
        let Some(pid) = outcome.observed.get("pid").filter(|pid| !pid.is_null()) else { continue };
        match first.get(&pid.to_string()) {
            Some(file) => {
                outcome.caused_by = Some(FindingRef { id: "packages.lock".to_owned(), subject: file.clone() })
            }
            None => drop(first.insert(pid.to_string(), outcome.subject.clone())),
        }
    }
}

fn held(spec: &Spec, file: &str, holder: &Holder) -> Outcome {
    let command = holder.command.as_deref().unwrap_or("a process");
    let pid = holder.pid.map_or_else(|| "of another namespace".to_owned(), |pid| format!("pid {pid}"));
    let limit = spec.older_than_minutes * 60;
    // Who hides its age may be as old as it likes.
    let is_old = holder.age_seconds.is_none_or(|age| age > limit);
    let age = match holder.age_seconds {
        Some(age) if age >= 120 => format!("started {} minutes ago", age / 60),
        Some(age) => format!("started {age} s ago"),
        None => "of unknown age".to_owned(),
    };
    let outcome = Outcome::fail(file, None, format!("{command} ({pid}, {age}) holds {file}"))
        .expecting("age_seconds_at_most", limit)
        .observing("pid", holder.pid)
        .observing("command", holder.command.clone())
        .observing("age_seconds", holder.age_seconds);
    if is_old { outcome } else { outcome.at_most(Level::Info) }
}
