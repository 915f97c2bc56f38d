//! Did dpkg leave a journal that it has yet to replay?

use super::outcome::{NOT_PRESENT, Outcome};
use super::package_state::NO_DPKG;
use crate::catalog::Level;
use crate::catalog::kind::packages::UPDATES;
use crate::facts::Facts;
use crate::model::answer::Lock;
use crate::model::{Query, Reading};

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    let asked = Query::Directory(UPDATES.to_owned());
    let outcome = match facts.reading::<Vec<String>>(&asked) {
        Reading::Known(names) => judge_names(names, facts),
        Reading::Absent => Outcome::skip("", NOT_PRESENT, NO_DPKG),
        Reading::Unreadable(trouble) => Outcome::unknown("", &trouble),
    };
    vec![outcome.asking(asked)]
}

fn judge_names(names: &[String], facts: &Facts<'_>) -> Outcome {
    // apt and dpkg look at names of digits alone; dpkg keeps other files there while it works.
    let is_journal = |name: &&String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let left: Vec<&String> = names.iter().filter(is_journal).collect();
    if left.is_empty() {
        return Outcome::pass("", "dpkg left nothing to replay");
    }
    let holder = facts.reading::<Lock>(&Query::Lock("/var/lib/dpkg/lock".to_owned())).known();
    let outcome = match holder.and_then(|lock| lock.holder.as_ref()) {
        // A dpkg at work keeps its journal in the same place; how long it may is `packages.lock`'s to say.
        Some(_) => {
            let detail = format!("dpkg is at work and has {} in {UPDATES}", entries(left.len()));
            let outcome = Outcome::fail("", None, detail).because_of("packages.lock", "/var/lib/dpkg/lock");
            outcome.at_most(Level::Info)
        }
        None => Outcome::fail("", None, format!("dpkg was interrupted: {} in {UPDATES}", entries(left.len()))),
    };
    outcome.expecting("entries", 0).observing("entries", left.len())
}

fn entries(count: usize) -> String {
    format!("{count} {}", if count == 1 { "entry" } else { "entries" })
}
