//! Does a person vouch for what no program can read?

use super::outcome::{NOT_CONFIGURED, Outcome};
use crate::catalog::Check;
use crate::catalog::settings::Attestation;
use crate::facts::Facts;

pub fn judge(check: &Check, facts: &Facts<'_>) -> Vec<Outcome> {
    vec![match word(check, facts) {
        Word::Holds(attestation) => vouched(attestation),
        Word::Expired(attestation) => observing(Outcome::fail("", None, expired(attestation)), attestation),
        Word::None => Outcome::skip("", NOT_CONFIGURED, how_to(&check.id)),
    }]
}

/// What somebody said of a check.
pub enum Word<'a> {
    Holds(&'a Attestation),
    /// It counts no more.
    Expired(&'a Attestation),
    None,
}

/// Of several the one that holds the longest.
pub fn word<'a>(check: &Check, facts: &Facts<'a>) -> Word<'a> {
    let said = facts.settings.attestations(&check.id).max_by_key(|attestation| attestation.until.to_string());
    match said {
        Some(attestation) if attestation.holds(facts.run.asked_at) => Word::Holds(attestation),
        Some(attestation) => Word::Expired(attestation),
        None => Word::None,
    }
}

pub fn vouched(attestation: &Attestation) -> Outcome {
    let Attestation { who, what, until, .. } = attestation;
    observing(Outcome::pass("", format!("{who} vouches for it until {until}: {what}")), attestation)
}

pub fn expired(attestation: &Attestation) -> String {
    let Attestation { who, what, until, .. } = attestation;
    format!("{who} vouched for it until {until}, which has passed: {what}")
}

pub fn observing(outcome: Outcome, attestation: &Attestation) -> Outcome {
    outcome
        .observing("attested_by", attestation.who.clone())
        .observing("attested_until", attestation.until.to_string())
        .observing("attested", attestation.what.clone())
}

/// How to vouch for it.
pub fn how_to(id: &str) -> String {
    format!("whoever knows writes [[attestation]] with id = \"{id}\", what, who and until in config.toml")
}
