//! No secret is remembered, and what is compared with a baseline is masked alike.

use serde_json::Value;

use crate::catalog::kind::packages::STATUS;
use crate::host::scrub;
use crate::model::{Answer, Query, Reading};

/// The answer with every secret masked that we know the shape of.
pub fn masked(query: &Query, reading: Reading<Answer>) -> serde_json::Result<Reading<Answer>> {
    let Reading::Known(answer) = &reading else { return Ok(reading) };
    match answer {
        // Names and versions, thousands of them.
        Answer::Text(_) if *query == Query::File(STATUS.to_owned()) => Ok(reading),
        Answer::Text(_) => Ok(reading.map(|answer| match answer {
            Answer::Text(bytes) => Answer::Text(scrub::bytes(bytes)),
            other => other,
        })),
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
        | Answer::Modified(_) => Ok(reading),
        _ => {
            let mut plain: Value = serde_json::from_slice(reading.to_json()?.get().as_bytes())?;
            scrub::value(&mut plain);
            Reading::from_json(&plain.to_string())
        }
    }
}
