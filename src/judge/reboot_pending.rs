//! Has something that was installed asked for a reboot?

use super::outcome::Outcome;
use crate::catalog::kind::host::RebootPending as Spec;
use crate::facts::Facts;
use crate::model::gather::Arrange as _;
use crate::model::{Query, Reading};

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let asked = Query::Exists(spec.marker.to_string());
    let outcome = match facts.reading::<bool>(&asked) {
        Reading::Known(true) => pending(spec, facts),
        Reading::Known(false) | Reading::Absent => Outcome::pass("", "nothing asks for a reboot"),
        Reading::Unreadable(trouble) => Outcome::unknown("", &trouble),
    };
    vec![outcome.asking(asked)]
}

fn pending(spec: &Spec, facts: &Facts<'_>) -> Outcome {
    let listed = facts.reading::<Vec<u8>>(&Query::File(spec.packages.to_string())).known();
    let text = listed.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
    let mut packages: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    packages.arrange();
    packages.dedup();
    let by = if packages.is_empty() { String::new() } else { format!(", by {}", packages.join(", ")) };
    Outcome::fail("", None, format!("{} asks for a reboot{by}", spec.marker)).observing("packages", packages)
}
