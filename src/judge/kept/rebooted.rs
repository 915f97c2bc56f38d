//! Has the host been rebooted since the baseline?

use crate::catalog::kind::host::BOOT_ID;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::judge::outcome::Outcome;
use crate::model::{Query, Reading, Trouble, TroubleCause};

pub fn judge(facts: &Facts<'_>, before: &Before<'_>) -> Vec<Outcome> {
    let query = Query::File(BOOT_ID.to_owned());
    let outcome = match (boot(&before.facts, "the baseline has"), boot(facts, "there is")) {
        (Ok(then), Ok(now)) => {
            let outcome = if then == now {
                let taken_at = &before.snapshot.taken_at;
                Outcome::fail("", None, format!("this is still the boot of the baseline, taken at {taken_at}"))
            } else {
                Outcome::pass("", "the host has been rebooted since the baseline")
            };
            outcome.expecting("other_boot_than", then).observing("boot", now)
        }
        (Err(trouble), _) | (_, Err(trouble)) => Outcome::unknown("", &trouble),
    };
    vec![outcome.asking(query)]
}

fn boot(facts: &Facts<'_>, whose: &str) -> Result<String, Trouble> {
    match facts.reading::<Vec<u8>>(&Query::File(BOOT_ID.to_owned())) {
        Reading::Known(id) => Ok(String::from_utf8_lossy(id).trim().to_owned()),
        Reading::Absent => Err(Trouble::new(TroubleCause::Failed, format!("{whose} no {BOOT_ID}"))),
        Reading::Unreadable(trouble) => Err(trouble),
    }
}
