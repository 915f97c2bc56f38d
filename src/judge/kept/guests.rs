//! Have the guests that start with the host started again?

use crate::catalog::Level;
use crate::catalog::kind::host::GuestsKept as Spec;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::judge::causes::Part;
use crate::judge::guests_running;
use crate::judge::outcome::{NOT_NEEDED, NOT_PRESENT, Outcome};
use crate::model::gather::Gather as _;
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Query, Reading, Trouble};

/// Who starts them: one daemon, or one for each kind of guest.
const LIBVIRT: [&str; 2] = ["libvirtd.service", "virtqemud.service"];

/// A guest that ran in the baseline and starts with the host must run. A guest that does not start with it, or one
/// that a scheduler may have put elsewhere, need not.
pub fn judge(spec: &Spec, facts: &Facts<'_>, before: &Before<'_>) -> Vec<Outcome> {
    let outcomes = match scheduler(spec, facts).or_else(|| scheduler(spec, &before.facts)) {
        Some(unit) => vec![Outcome::skip("", NOT_NEEDED, format!("{unit} decides which guests run here"))],
        None => compared(spec, facts, before).unwrap_or_else(|trouble| vec![Outcome::unknown("", &trouble)]),
    };
    outcomes.into_iter().map(|outcome| outcome.asking(Query::Guests)).collect()
}

fn compared(spec: &Spec, facts: &Facts<'_>, before: &Before<'_>) -> Result<Vec<Outcome>, Trouble> {
    let started = autostarting(spec, &before.facts)?;
    let ran = known(guests_running::names(&spec.libvirt_state, &before.facts))?;
    let expected: Vec<&str> = ran.into_iter().filter(|name| started.contains(name)).collect();
    if expected.is_empty() {
        let detail = "no guest that starts with the host ran in the baseline";
        return Ok(vec![Outcome::skip("", NOT_PRESENT, detail)]);
    }
    let running = known(guests_running::names(&spec.libvirt_state, facts))?;
    let (kept, gone): (Vec<&str>, Vec<&str>) = expected.into_iter().partition(|name| running.contains(name));
    if gone.is_empty() {
        let detail = format!("{} that start with the host run", kept.len());
        return Ok(vec![Outcome::pass("", detail).observing("guests", kept)]);
    }
    let still = autostarting(spec, facts)?;
    let of_libvirt =
        |outcome| LIBVIRT.into_iter().fold(outcome, |it: Outcome, unit| it.touching(Part::Unit(unit.into())));
    Ok(gone.into_iter().map(|name| of_libvirt(missing(name, still.contains(name)))).collect())
}

fn missing(name: &str, still_starts: bool) -> Outcome {
    if still_starts {
        return Outcome::fail(name, None, format!("{name} starts with the host, ran in the baseline and does not run"));
    }
    // No reboot and no upgrade takes that from it: somebody moved it, or changed his mind.
    let detail = format!("{name} ran in the baseline and does not run; it no longer starts with the host");
    Outcome::fail(name, None, detail).at_most(Level::Info)
}

fn scheduler(spec: &Spec, facts: &Facts<'_>) -> Option<String> {
    let files = facts.reading::<SortedMap<String, String>>(&Query::UnitFiles).known()?;
    spec.schedulers.iter().find(|unit| files.contains_key(&***unit)).map(ToString::to_string)
}

fn autostarting<'f>(spec: &Spec, facts: &'f Facts<'_>) -> Result<SortedSet<&'f str>, Trouble> {
    let links = facts.reading::<Vec<String>>(&Query::Directory(spec.libvirt_autostart.to_string()));
    known(links.map(|links| links.iter().filter_map(|link| link.strip_suffix(".xml")).gather()))
}

/// Nothing is there where there is no libvirt.
fn known<T: Default>(reading: Reading<T>) -> Result<T, Trouble> {
    match reading {
        Reading::Known(found) => Ok(found),
        Reading::Absent => Ok(T::default()),
        Reading::Unreadable(trouble) => Err(trouble),
    }
}

#[cfg(test)]
mod tests;
