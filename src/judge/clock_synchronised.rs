//! Does the kernel believe that its clock is right?

use super::outcome::{NOT_PRESENT, Outcome};
use crate::facts::Facts;
use crate::model::answer::Clock;
use crate::model::{Query, Reading};

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    let outcome = match facts.reading::<Clock>(&Query::Clock) {
        Reading::Known(clock) => {
            let outcome = if clock.synchronised {
                Outcome::pass("", format!("the clock is right to within {} ms", clock.max_error_us / 1000))
            } else {
                Outcome::fail("", None, "no time service has synchronised the clock")
            };
            outcome.observing("synchronised", clock.synchronised).observing("max_error_us", clock.max_error_us)
        }
        Reading::Absent => Outcome::skip("", NOT_PRESENT, "no clock to ask"),
        Reading::Unreadable(trouble) => Outcome::unknown("", &trouble),
    };
    vec![outcome.expecting("synchronised", true).asking(Query::Clock)]
}
