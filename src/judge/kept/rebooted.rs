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

#[cfg(test)]
mod tests {
    use super::super::staged::{compared, words};
    use super::*;
    use crate::model::Answer;

    #[test]
    fn only_another_boot_is_a_reboot() {
        let boot = |id: &str| Reading::Known(Answer::Text(format!("{id}\n").into_bytes()));
        let denied = Reading::unreadable(TroubleCause::Denied, "no");
        for (then, now, said) in [
            (boot("a"), boot("b"), "pass"),
            (boot("a"), boot("a"), "fail"),
            (denied.clone(), boot("b"), "unknown denied"),
            (boot("a"), denied, "unknown denied"),
            (Reading::Absent, boot("b"), "unknown failed"),
            (boot("a"), Reading::Absent, "unknown failed"),
        ] {
            let key = format!("file:{BOOT_ID}");
            assert_eq!(words(&compared(&[(&key, then)], &[(&key, now)], judge)), [said]);
        }
    }
}
