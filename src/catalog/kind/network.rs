//! Checks of what the host can reach. Whom it should reach is the operator's to say.

use serde::Deserialize;

use super::Spec;
use crate::catalog::settings::Settings;
use crate::model::Query;

/// Each configured URL of the management plane answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Management {}

impl Spec for Management {
    const CAUSES: &'static [&'static str] = &["not-reached", "certificate"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        settings.management.urls.iter().map(|url| contact(url)).collect()
    }
}

/// Each configured peer accepts a connection.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {}

impl Spec for Peers {
    const CAUSES: &'static [&'static str] = &["not-reached", "certificate"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        settings.network.peers.iter().map(|peer| contact(&peer.address)).collect()
    }
}

/// `https://…` and `http://…` are asked over HTTP, `host:port` by a TCP connection.
pub fn contact(target: &str) -> Query {
    if target.starts_with("https://") || target.starts_with("http://") {
        Query::Http(target.to_owned())
    } else {
        Query::Tcp(target.strip_prefix("tcp://").unwrap_or(target).to_owned())
    }
}
