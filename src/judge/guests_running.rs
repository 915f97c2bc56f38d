//! Which virtual machines run here.

use super::outcome::Outcome;
use crate::catalog::kind::host::Guests as Spec;
use crate::facts::Facts;
use crate::model::answer::GuestProcess;
use crate::model::gather::Gather as _;
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Query, Reading};
use crate::units::AbsolutePath;

const SHOWN: usize = 5;

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let names = match names(&spec.libvirt_state, facts) {
        Reading::Known(names) => names,
        Reading::Unreadable(trouble) => {
            return vec![Outcome::unknown("", &trouble).asking(Query::Guests)];
        }
        Reading::Absent => return vec![Outcome::skip("", super::outcome::NOT_PRESENT, "no process table")],
    };
    let processes = facts.reading::<SortedMap<u32, GuestProcess>>(&Query::Guests).known().into_iter().flatten();
    let replaced: Vec<&str> =
        processes.filter(|(_, guest)| guest.program_deleted).map(|(_, guest)| guest.name.as_str()).collect();
    let outcome = count(&names);
    let listed: Vec<&str> = names.into_iter().collect();
    vec![
        outcome
            .expecting("guests", 0)
            .observing("guests", listed)
            .observing("on_replaced_program", replaced)
            .asking(Query::Guests)
            .asking(Query::Directory(spec.libvirt_state.to_string())),
    ]
}

/// The guests that run, by what libvirt keeps of each and by their processes.
pub fn names<'f>(libvirt_state: &AbsolutePath, facts: &Facts<'f>) -> Reading<SortedSet<&'f str>> {
    let processes = facts.reading::<SortedMap<u32, GuestProcess>>(&Query::Guests);
    processes.and_then(|processes| {
        let mut names: SortedSet<&str> = processes.values().map(|guest| guest.name.as_str()).gather();
        match facts.reading::<Vec<String>>(&Query::Directory(libvirt_state.to_string())) {
            // libvirt keeps an XML file for each domain that runs; containers and paused ones included.
            Reading::Known(files) => names.extend(files.iter().filter_map(|file| file.strip_suffix(".xml"))),
            Reading::Unreadable(trouble) if names.is_empty() => return Reading::Unreadable(trouble),
            Reading::Absent | Reading::Unreadable(_) => {}
        }
        Reading::Known(names)
    })
}

fn count(names: &SortedSet<&str>) -> Outcome {
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
