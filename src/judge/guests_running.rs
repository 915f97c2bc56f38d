//! Which virtual machines run here.

use std::collections::{BTreeMap, BTreeSet};

use super::outcome::Outcome;
use crate::catalog::kind::host::Guests as Spec;
use crate::facts::Facts;
use crate::model::answer::GuestProcess;
use crate::model::{Query, Reading};

const SHOWN: usize = 5;

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let state = Query::Directory(spec.libvirt_state.to_string());
    let processes = match facts.reading::<BTreeMap<u32, GuestProcess>>(&Query::Guests) {
        Reading::Known(processes) => processes,
        Reading::Unreadable(trouble) => return vec![Outcome::unknown("", &trouble).asking(Query::Guests)],
        Reading::Absent => return vec![Outcome::skip("", super::outcome::NOT_PRESENT, "no process table")],
    };
    let mut names: BTreeSet<&str> = processes.values().map(|guest| guest.name.as_str()).collect();
    let outcome = match facts.reading::<Vec<String>>(&state) {
        // libvirt keeps an XML file for each domain that runs; containers and paused ones included.
        Reading::Known(files) => {
            names.extend(files.iter().filter_map(|file| file.strip_suffix(".xml")));
            count(&names)
        }
        Reading::Absent => count(&names),
        Reading::Unreadable(trouble) if names.is_empty() => Outcome::unknown("", &trouble),
        Reading::Unreadable(_) => count(&names),
    };
    let replaced: Vec<&str> =
        processes.values().filter(|guest| guest.program_deleted).map(|guest| guest.name.as_str()).collect();
    let listed: Vec<&str> = names.into_iter().collect();
    vec![
        outcome
            .expecting("guests", 0)
            .observing("guests", listed)
            .observing("on_replaced_program", replaced)
            .asking(Query::Guests)
            .asking(state),
    ]
}

fn count(names: &BTreeSet<&str>) -> Outcome {
    if names.is_empty() {
        return Outcome::pass("", "no guest is running");
    }
    let mut shown: Vec<String> = names.iter().take(SHOWN).map(|name| (*name).to_owned()).collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    let (count, verb) = (names.len(), if names.len() == 1 { "guest is" } else { "guests are" });
    Outcome::fail("", None, format!("{count} {verb} running: {}", shown.join(", ")))
}
