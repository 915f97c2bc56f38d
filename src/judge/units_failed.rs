//! Which units have failed.

use super::outcome::{NOT_PRESENT, Outcome};
use crate::facts::Facts;
use crate::model::answer::LoadedUnit;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading};

pub const NO_SYSTEMD: &str = "systemd does not run here";

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    let outcomes = match facts.reading::<SortedMap<String, LoadedUnit>>(&Query::Units) {
        Reading::Known(units) => {
            let failed: Vec<Outcome> = units
                .iter()
                .filter_map(|(name, unit)| {
                    let words = match (unit.active.as_str(), unit.sub.as_str()) {
                        ("failed", _) => "has failed",
                        (_, "auto-restart") => "fails and is started again and again",
                        _ => return None,
                    };
                    let outcome = Outcome::fail(name, None, format!("{name} {words}"));
                    Some(outcome.observing("sub_state", unit.sub.clone()))
                })
                .collect();
            if failed.is_empty() {
                vec![Outcome::pass("", format!("none of {} loaded units has failed", units.len()))]
            } else {
                failed
            }
        }
        Reading::Absent => vec![Outcome::skip("", NOT_PRESENT, NO_SYSTEMD)],
        Reading::Unreadable(trouble) => vec![Outcome::unknown("", &trouble)],
    };
    outcomes.into_iter().map(|outcome| outcome.asking(Query::Units)).collect()
}
