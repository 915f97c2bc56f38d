//! Do the management plane and the configured peers answer?

use serde_json::Value;

use super::causes::Part;
use super::outcome::{NOT_CONFIGURED, Outcome, command};
use crate::catalog::Level;
use crate::catalog::settings::Peer;
use crate::facts::Facts;
use crate::model::answer::Contact;
use crate::model::query::HttpTarget;
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
    let network = &facts.settings.network;
    if network.peers().next().is_none() {
        let detail = "name what must answer in `[network] peers` of /etc/hostready/config.toml";
        return vec![Outcome::skip("", NOT_CONFIGURED, detail)];
    }
    let judge_peer = |peer: &Peer| {
        let outcome = judge_target(&peer.address, peer.contact(), facts);
        // What nobody needs cannot stop an upgrade.
        if peer.required { outcome } else { outcome.at_most(Level::Warn) }
    };
    network.peers().map(judge_peer).collect()
}

fn judge_target(target: &str, asked: Query, facts: &Facts<'_>) -> Outcome {
    let outcome = match facts.reading::<Contact>(&asked) {
        Reading::Known(Contact::Reached { status, verified }) => reached(target, &asked, *status, *verified),
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
    };
    let outcome = match proxy(&asked) {
        Some(proxy) => outcome.observing("proxy", proxy),
        None => outcome,
    };
    // Behind a proxy lies what the proxy reaches.
    let peer = proxy(&asked).unwrap_or(target).to_owned();
    let peer = if is_refused(&outcome) { Part::Refuser(peer) } else { Part::Peer(peer) };
    outcome.by_hand(by_hand(&asked)).touching(peer).asking(asked)
}

/// By every address that was tried.
fn is_refused(outcome: &Outcome) -> bool {
    let reason = outcome.observed.get("reason").and_then(Value::as_str);
    reason.is_some_and(|reason| reason.split("; ").all(|tried| tried.contains(" refused the connection")))
}

/// The commands of the check ask a URL as it is; nothing where they will do.
fn by_hand(asked: &Query) -> Vec<Vec<String>> {
    match asked {
        Query::Ping(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            vec![command(&["ping", "-c", "3", host]), command(&["ip", "route"])]
        }
        Query::Http(target) if *target != HttpTarget::from(target.url.as_str()) => {
            let mut curl = command(&["curl", "-v", "-m", "10", "-o", "/dev/null"]);
            curl.extend(target.ca_file.iter().flat_map(|file| command(&["--cacert", file])));
            curl.extend(target.proxy.iter().flat_map(|proxy| command(&["--proxy", proxy])));
            curl.extend(target.insecure.then(|| "--insecure".to_owned()));
            curl.push(target.url.clone());
            vec![curl]
        }
        _ => Vec::new(),
    }
}

fn reached(target: &str, asked: &Query, status: Option<u16>, verified: Option<bool>) -> Outcome {
    let Some(status) = status else {
        let what = if matches!(asked, Query::Ping(_)) { "answers echo requests" } else { "accepts connections" };
        return Outcome::pass(target, format!("{target} {what}"));
    };
    let by = proxy(asked).map_or_else(String::new, |proxy| format!(" through {proxy}"));
    let unverified = if verified == Some(false) { "; its certificate was not verified, as configured" } else { "" };
    let outcome = Outcome::pass(target, format!("{target} answers{by} (HTTP {status}){unverified}"))
        .observing("http_status", status);
    match verified {
        Some(verified) => outcome.observing("verified", verified),
        None => outcome,
    }
}

fn proxy(asked: &Query) -> Option<&str> {
    match asked {
        Query::Http(target) => target.proxy.as_deref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Settings;
    use crate::facts::Run;
    use crate::judge::kept::staged::{NOW, answers};
    use crate::model::Answer;
    use crate::model::report::Intent;

    #[test]
    fn the_way_to_who_refuses_by_every_address_is_whole() {
        let refused = "192.0.2.9:443 refused the connection: nothing listens there";
        let silent = "[2001:db8::9]:443 did not answer within 2.0 s";
        let plane = "plane:443";
        for (reason, part) in [
            (refused.to_owned(), Part::Refuser(plane.to_owned())),
            (format!("{refused}; {refused}"), Part::Refuser(plane.to_owned())),
            (format!("{refused}; {silent}"), Part::Peer(plane.to_owned())),
            (silent.to_owned(), Part::Peer(plane.to_owned())),
        ] {
            let contact = Reading::Known(Answer::Contact(Contact::NotReached { reason }));
            let (answers, settings) = (answers(&[("tcp:plane:443", contact)]), Settings::default());
            let facts = Facts::new(&answers, &settings, Run { intent: Intent::After, asked_at: NOW });
            assert_eq!(judge_target(plane, Query::Tcp(plane.to_owned()), &facts).touches, [part]);
        }
    }
}
