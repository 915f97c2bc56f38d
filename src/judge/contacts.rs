//! Do the management plane and the configured peers answer?

use super::outcome::{NOT_CONFIGURED, Outcome};
use crate::catalog::Level;
use crate::catalog::settings::Peer;
use crate::facts::Facts;
use crate::model::answer::Contact;
use crate::model::{Query, Reading, TroubleCause};

pub fn judge_management(facts: &Facts<'_>) -> Vec<Outcome> {
    let urls = &facts.settings.management.urls;
    if urls.is_empty() {
        let detail = "name what must answer in `[management] urls` of /etc/hostready/config.toml";
        return vec![Outcome::skip("", NOT_CONFIGURED, detail)];
    }
    urls.iter().map(|url| judge_target(url, facts.settings.management.contact(url), facts)).collect()
}

pub fn judge_peers(facts: &Facts<'_>) -> Vec<Outcome> {
    let peers = &facts.settings.network.peers;
    if peers.is_empty() {
        let detail = "name what must answer in `[network] peers` of /etc/hostready/config.toml";
        return vec![Outcome::skip("", NOT_CONFIGURED, detail)];
    }
    let judge_peer = |peer: &Peer| {
        let outcome = judge_target(&peer.address, peer.contact(), facts);
        // What nobody needs cannot stop an upgrade.
        if peer.required { outcome } else { outcome.at_most(Level::Warn) }
    };
    peers.iter().map(judge_peer).collect()
}

fn judge_target(target: &str, asked: Query, facts: &Facts<'_>) -> Outcome {
    match facts.reading::<Contact>(&asked) {
        Reading::Known(Contact::Reached { status: Some(status) }) => {
            Outcome::pass(target, format!("{target} answers (HTTP {status})")).observing("http_status", *status)
        }
        Reading::Known(Contact::Reached { status: None }) => {
            Outcome::pass(target, format!("{target} accepts connections"))
        }
        Reading::Known(Contact::BadCertificate { reason }) => {
            let detail = format!("{target} answers, and its certificate does not verify: {reason}");
            Outcome::fail(target, Some("certificate"), detail).observing("reason", reason.clone())
        }
        Reading::Known(Contact::NotReached { reason }) => {
            let detail = format!("{target} does not answer: {reason}");
            Outcome::fail(target, Some("not-reached"), detail).observing("reason", reason.clone())
        }
        Reading::Absent => Outcome::undetermined(target, TroubleCause::Failed.as_str(), "nothing was tried"),
        Reading::Unreadable(trouble) => Outcome::unknown(target, &trouble),
    }
    .asking(asked)
}
