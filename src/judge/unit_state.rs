//! Do the named units run, and will they after the next boot?

use super::causes::Part;
use super::outcome::{NOT_PRESENT, Outcome};
use super::units_failed::NO_SYSTEMD;
use crate::catalog::kind::services::UnitState as Spec;
use crate::facts::Facts;
use crate::model::answer::Unit;
use crate::model::{Query, Reading};
use crate::units::UnitName;

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    spec.units.iter().map(|name| judge_unit(name, facts)).collect()
}

pub fn judge_unit(name: &UnitName, facts: &Facts<'_>) -> Outcome {
    let name: &str = name;
    let asked = Query::Unit(name.to_owned());
    match facts.reading::<Unit>(&asked) {
        Reading::Known(unit) => judge_state(name, unit),
        Reading::Absent => Outcome::skip(name, NOT_PRESENT, NO_SYSTEMD),
        Reading::Unreadable(trouble) => Outcome::unknown(name, &trouble),
    }
    .touching(Part::Unit(name.to_owned()))
    .asking(asked)
}

/// What fails and is started again is active in between: so long it must be to count as running, after so many restarts.
const SETTLED_MS: u64 = 30_000;
const RESTARTS: u32 = 2;

/// The states of systemd.unit(5), the worst first.
fn judge_state(name: &str, unit: &Unit) -> Outcome {
    let is_active = is_active(&unit.active);
    let outcome = if unit.load == "not-found" && is_active {
        let detail = format!("{name} runs, and its unit file is gone: it will not start again");
        Outcome::fail(name, Some("not-found-but-running"), detail)
    } else if unit.load == "not-found" {
        return Outcome::skip(name, NOT_PRESENT, format!("there is no unit {name}"));
    } else if unit.load == "masked" || unit.file_state.starts_with("masked") {
        Outcome::fail(name, Some("masked"), masked(name, unit, is_active))
    } else if unit.sub == "auto-restart" || unit.result == "start-limit-hit" {
        let detail = format!("{name} keeps failing ({}, {} restarts)", unit.result, unit.restarts);
        Outcome::fail(name, Some("crash-loop"), detail)
    } else if let Some(ms) = unit.active_for_ms.filter(|ms| *ms < SETTLED_MS && unit.restarts >= RESTARTS && is_active)
    {
        let detail =
            format!("{name} keeps failing: started again {} s ago, after {} restarts", ms / 1000, unit.restarts);
        Outcome::fail(name, Some("crash-loop"), detail)
    } else if unit.active == "failed" {
        Outcome::fail(name, Some("failed"), format!("{name} has failed ({})", unit.result))
    } else if !is_active {
        Outcome::fail(name, Some("inactive"), format!("{name} is {} ({})", unit.active, unit.sub))
    } else if let Some(state) = ends_with_this_boot(&unit.file_state) {
        let detail = format!("{name} runs, and is {state}: the next boot does not start it, unless another unit does");
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

pub fn is_active(state: &str) -> bool {
    matches!(state, "active" | "reloading" | "refreshing")
}

fn masked(name: &str, unit: &Unit, is_active: bool) -> String {
    match (is_active, unit.file_state.as_str()) {
        (true, "masked") => {
            format!("{name} runs, and is masked: once stopped it does not start again, and not at a boot")
        }
        (_, "masked-runtime") => format!("{name} is masked until the next boot: it cannot be started before"),
        _ => format!("{name} is masked: it cannot be started"),
    }
}

/// In words, where nothing in the unit's file makes a boot start it. What is `static`, `indirect`, `alias` or
/// `generated` is started by other units or by what made it.
pub fn ends_with_this_boot(file_state: &str) -> Option<&'static str> {
    match file_state {
        "disabled" => Some("not enabled"),
        "enabled-runtime" => Some("enabled until the next boot only"),
        "linked" | "linked-runtime" => Some("linked and not enabled"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Status;

    fn unit(load: &str, active: &str, sub: &str, file_state: &str, result: &str) -> Unit {
        let own = str::to_owned;
        Unit {
            load: own(load),
            active: own(active),
            sub: own(sub),
            file_state: own(file_state),
            result: own(result),
            ..Unit::default()
        }
    }

    #[test]
    fn what_was_just_started_again_does_not_count_as_running() {
        let running = unit("loaded", "active", "running", "enabled", "success");
        for (restarts, active_for_ms, status) in [
            (12, Some(900), Status::Fail),
            (2, Some(29_999), Status::Fail),
            (1, Some(900), Status::Pass),
            (12, Some(30_000), Status::Pass),
            (12, None, Status::Pass),
        ] {
            let outcome = judge_state("x.service", &Unit { restarts, active_for_ms, ..running.clone() });
            assert_eq!(outcome.status, status, "{restarts} {active_for_ms:?}: {}", outcome.detail);
            assert_eq!(outcome.cause, (status == Status::Fail).then_some("crash-loop"));
        }
    }

    #[test]
    fn every_cause_has_its_state() {
        for (state, status, cause) in [
            (unit("loaded", "active", "running", "enabled", "success"), Status::Pass, None),
            (unit("loaded", "active", "exited", "static", "success"), Status::Pass, None),
            (unit("not-found", "inactive", "dead", "", "success"), Status::Skip, Some("not-present")),
            (unit("not-found", "active", "running", "", "success"), Status::Fail, Some("not-found-but-running")),
            (unit("masked", "inactive", "dead", "masked", "success"), Status::Fail, Some("masked")),
            (unit("loaded", "activating", "auto-restart", "enabled", "exit-code"), Status::Fail, Some("crash-loop")),
            (unit("loaded", "failed", "failed", "enabled", "start-limit-hit"), Status::Fail, Some("crash-loop")),
            (unit("loaded", "failed", "failed", "enabled", "exit-code"), Status::Fail, Some("failed")),
            (unit("loaded", "inactive", "dead", "enabled", "success"), Status::Fail, Some("inactive")),
            (unit("loaded", "active", "running", "disabled", "success"), Status::Fail, Some("disabled")),
            (unit("loaded", "active", "running", "enabled-runtime", "success"), Status::Fail, Some("disabled")),
            (unit("loaded", "active", "running", "linked", "success"), Status::Fail, Some("disabled")),
            (unit("loaded", "active", "running", "linked-runtime", "success"), Status::Fail, Some("disabled")),
            (unit("loaded", "active", "running", "alias", "success"), Status::Pass, None),
            (unit("loaded", "active", "running", "indirect", "success"), Status::Pass, None),
            (unit("loaded", "active", "running", "generated", "success"), Status::Pass, None),
            (unit("loaded", "active", "running", "transient", "success"), Status::Pass, None),
            (unit("masked", "active", "running", "masked-runtime", "success"), Status::Fail, Some("masked")),
        ] {
            let outcome = judge_state("x.service", &state);
            assert_eq!((outcome.status, outcome.cause), (status, cause), "{state:?}");
        }
    }
}
