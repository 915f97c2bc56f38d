//! Do the named units run, and will they after the next boot?

use super::outcome::{NOT_PRESENT, Outcome};
use super::units_failed::NO_SYSTEMD;
use crate::catalog::kind::services::UnitState as Spec;
use crate::facts::Facts;
use crate::model::answer::Unit;
use crate::model::{Query, Reading};
use crate::units::UnitName;

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let judge_unit = |name: &UnitName| {
        let name: &str = name;
        let asked = Query::Unit(name.to_owned());
        match facts.reading::<Unit>(&asked) {
            Reading::Known(unit) => judge_state(name, unit),
            Reading::Absent => Outcome::skip(name, NOT_PRESENT, NO_SYSTEMD),
            Reading::Unreadable(trouble) => Outcome::unknown(name, &trouble),
        }
        .asking(asked)
    };
    spec.units.iter().map(judge_unit).collect()
}

/// The states of systemd.unit(5), the worst first.
fn judge_state(name: &str, unit: &Unit) -> Outcome {
    let is_active = matches!(unit.active.as_str(), "active" | "reloading");
    let outcome = if unit.load == "not-found" && is_active {
        let detail = format!("{name} runs, and its unit file is gone: it will not start again");
        Outcome::fail(name, Some("not-found-but-running"), detail)
    } else if unit.load == "not-found" {
        return Outcome::skip(name, NOT_PRESENT, format!("there is no unit {name}"));
    } else if unit.load == "masked" || unit.file_state.starts_with("masked") {
        Outcome::fail(name, Some("masked"), format!("{name} is masked: it cannot be started"))
    } else if unit.sub == "auto-restart" || unit.result == "start-limit-hit" {
        let detail = format!("{name} keeps failing ({}, {} restarts)", unit.result, unit.restarts);
        Outcome::fail(name, Some("crash-loop"), detail)
    } else if unit.active == "failed" {
        Outcome::fail(name, Some("failed"), format!("{name} has failed ({})", unit.result))
    } else if !is_active {
        Outcome::fail(name, Some("inactive"), format!("{name} is {} ({})", unit.active, unit.sub))
    } else if unit.file_state == "disabled" {
        let detail = format!("{name} runs, and is not enabled: the next boot may not start it");
        Outcome::fail(name, Some("disabled"), detail)
    } else {
        Outcome::pass(name, format!("{name} is {} ({})", unit.active, unit.sub))
    };
    outcome
        .expecting("active_state", "active")
        .observing("active_state", unit.active.clone())
        .observing("sub_state", unit.sub.clone())
        .observing("load_state", unit.load.clone())
        .observing("unit_file_state", unit.file_state.clone())
        .observing("restarts", unit.restarts)
}
