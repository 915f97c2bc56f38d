//! Is what was enabled and ran still enabled, and does it run?

mod states;

use super::devices::in_the_baseline;
use crate::catalog::Level;
use crate::catalog::kind::services::Kept as Spec;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::judge::causes::Part;
use crate::judge::outcome::{NOT_PRESENT, Outcome};
use crate::judge::units_failed::NO_SYSTEMD;
use crate::model::answer::LoadedUnit;
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Query, Reading};
use crate::units::UnitName;
use states::{Loss, States};

/// Without these there is no switch. What else is called `ovs-` the first of them starts.
const SWITCH: [&str; 3] = ["openvswitch-switch.service", "ovs-vswitchd.service", "ovsdb-server.service"];

pub fn judge(spec: &Spec, facts: &Facts<'_>, before: &Before<'_>) -> Vec<Outcome> {
    let outcomes = match (states(&before.facts), states(facts)) {
        (Reading::Unreadable(trouble), _) => vec![Outcome::unknown("", &in_the_baseline(trouble))],
        (_, Reading::Unreadable(trouble)) => vec![Outcome::unknown("", &trouble)],
        (Reading::Absent, _) => vec![Outcome::skip("", NOT_PRESENT, NO_SYSTEMD)],
        (Reading::Known(_), Reading::Absent) => {
            vec![Outcome::fail("", Some("missing"), "systemd ran in the baseline, and does not run here")]
        }
        (Reading::Known(then), Reading::Known(now)) => judge_states(spec, &then, &now),
    };
    outcomes.into_iter().map(|outcome| outcome.asking(Query::UnitFiles).asking(Query::Units)).collect()
}

fn states<'f>(facts: &Facts<'f>) -> Reading<States<'f>> {
    let files = facts.reading::<SortedMap<String, String>>(&Query::UnitFiles);
    let loaded = facts.reading::<SortedMap<String, LoadedUnit>>(&Query::Units);
    files.and_then(|files| loaded.map(|loaded| States { files, loaded }))
}

fn judge_states(spec: &Spec, then: &States<'_>, now: &States<'_>) -> Vec<Outcome> {
    let (mut kept, mut outcomes) = (Vec::new(), Vec::new());
    for (service, units) in &spec.services {
        if units.iter().any(|unit| then.starts(unit)) {
            match judge_service(units, then, now) {
                None => kept.push(service.as_str()),
                lost => outcomes.extend(lost),
            }
        }
    }
    let named: SortedSet<&str> = spec.services.values().flatten().map(|unit| &**unit).collect();
    let others: Vec<&str> = then.enabled().filter(|unit| !named.contains(unit)).collect();
    outcomes.extend(others.iter().filter_map(|unit| judge_other(unit, then, now)));
    if outcomes.iter().all(|outcome| outcome.at_most == Some(Level::Info)) {
        let of_others = format!("{} other units that were enabled are as they were", others.len() - outcomes.len());
        let detail = match kept.as_slice() {
            [] => of_others,
            kept => format!("enabled and running as before: {}; {of_others}", kept.join(", ")),
        };
        outcomes.insert(0, Outcome::pass("", detail).observing("services", kept));
    }
    outcomes
}

/// A service that any one of these units provides, and at least one was enabled. What did not run in the baseline
/// need not run now; but what ran and has failed since is a loss, whatever else runs.
fn judge_service(units: &[UnitName], then: &States<'_>, now: &States<'_>) -> Option<Outcome> {
    let runs = |states: &States<'_>| units.iter().any(|unit| states.runs(unit));
    let has_failed = units.iter().any(|unit| then.runs(unit) && now.active(unit) == "failed");
    let is_enabled = units.iter().any(|unit| now.starts(unit));
    if is_enabled && (runs(now) || !runs(then)) && !has_failed {
        return None;
    }
    let (enabled, started): (Vec<&UnitName>, Vec<&UnitName>) = units.iter().partition(|unit| then.starts(unit));
    enabled.into_iter().chain(started).find_map(|unit| Some(outcome(unit, Loss::of(unit, then, now)?, then, now)))
}

/// What else was enabled, by the operator or by a package.
fn judge_other(name: &str, then: &States<'_>, now: &States<'_>) -> Option<Outcome> {
    // A template runs only as its instances, and those have no file.
    if name.contains("@.") {
        return None;
    }
    let loss = Loss::of(name, then, now)?;
    let has_run_out = then.sub(name) == "exited" || then.sub(name) == "elapsed";
    let level = match loss {
        _ if now.is_provided_otherwise(name) => return None,
        // A boot may have nothing to do for it.
        Loss::Stopped | Loss::Starting if has_run_out => return None,
        // A release renames and drops units. A package that is gone is told by what compares packages.
        Loss::Missing | Loss::Starting => Level::Info,
        _ => Level::Warn,
    };
    Some(outcome(name, loss, then, now).at_most(level))
}

fn outcome(name: &str, loss: Loss, then: &States<'_>, now: &States<'_>) -> Outcome {
    let (id, teller) = if name.starts_with("ovs-") { ("services.kept", SWITCH[0]) } else { ("agent.service", name) };
    let mut outcome = Outcome::fail(name, Some(loss.cause()), loss.detail(name, now))
        .because_of(id, teller)
        .expecting("unit_file_state", then.file(name))
        .expecting("active_state", then.active(name))
        .observing("unit_file_state", now.file(name))
        .observing("active_state", now.active(name))
        .touching(Part::Unit(name.to_owned()));
    if SWITCH.contains(&name) {
        outcome = outcome.touching(Part::Switch);
    }
    if loss == Loss::Starting {
        outcome = outcome.at_most(Level::Warn);
    }
    outcome
}

#[cfg(test)]
mod tests;
