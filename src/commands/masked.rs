//! No secret is remembered, and what is compared with a baseline is masked alike.

use crate::catalog::kind::packages::STATUS;
use crate::host::scrub;
use crate::model::{Answer, Query, Reading};

/// The answer with every secret masked that we know the shape of.
pub fn masked(query: &Query, reading: Reading<Answer>) -> serde_json::Result<Reading<Answer>> {
    Ok(match reading {
        Reading::Known(answer) => Reading::Known(masked_answer(query, answer)?),
        other => other,
    })
}

fn masked_answer(query: &Query, answer: Answer) -> serde_json::Result<Answer> {
    match answer {
        // Names and versions, thousands of them.
        Answer::Text(bytes) if *query == Query::File(STATUS.to_owned()) => Ok(Answer::Text(bytes)),
        Answer::Text(bytes) => Ok(Answer::Text(scrub::bytes(bytes))),
        // Rows of the kernel and of systemd: they have no field for a secret, and may be many.
        Answer::Links(_)
        | Answer::Addresses(_)
        | Answer::Routes(_)
        | Answer::Rules(_)
        | Answer::Nic(_)
        | Answer::Flows(_)
        | Answer::Units(_)
        | Answer::UnitFiles(_)
        | Answer::GuestTaps(_)
        | Answer::Hashes(_)
        | Answer::Modified(_) => Ok(answer),
        other => {
            let mut plain = serde_json::to_value(other)?;
            scrub::value(&mut plain);
            serde_json::from_value(plain)
        }
    }
}
