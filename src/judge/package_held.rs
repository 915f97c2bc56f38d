//! Which packages are held back.

use super::outcome::{NOT_PRESENT, Outcome};
use super::package_state::{NO_DPKG, subject};
use crate::catalog::kind::packages::STATUS;
use crate::facts::Facts;
use crate::model::{Query, Reading};

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    let outcomes = match facts.packages() {
        Reading::Known(packages) => {
            let held: Vec<Outcome> = packages
                .0
                .iter()
                .filter(|package| package.want == "hold" && package.is_there())
                .map(|package| {
                    Outcome::fail(
                        subject(package, packages),
                        None,
                        format!("{} is held at {}", package.name, package.version),
                    )
                    .observing("version", package.version)
                })
                .collect();
            if held.is_empty() { vec![Outcome::pass("", "no package is held back")] } else { held }
        }
        Reading::Absent => vec![Outcome::skip("", NOT_PRESENT, NO_DPKG)],
        Reading::Unreadable(trouble) => vec![Outcome::unknown("", &trouble)],
    };
    outcomes.into_iter().map(|outcome| outcome.asking(Query::File(STATUS.to_owned()))).collect()
}
