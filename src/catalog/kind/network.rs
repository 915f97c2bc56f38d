//! Checks of the network: what the host can reach, and what its names and addresses will be after the next boot.
//! Whom it should reach is the operator's to say.

use serde::Deserialize;

use super::Spec;
use super::boot::{COMMAND_LINE, of_the_kernel};
use super::packages::STATUS;
use crate::catalog::settings::{Management as ManagementSettings, Peer, Settings, Way};
use crate::model::Query;
use crate::model::query::HttpTarget;
use crate::units::Target;

/// Each configured URL of the management plane answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Management {}

impl Spec for Management {
    const CAUSES: &'static [&'static str] = &["not-reached", "certificate"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        settings.management.urls.iter().map(|url| settings.management.contact(url)).collect()
    }
}

/// Each configured peer accepts a connection, or answers an echo request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {}

impl Spec for Peers {
    const CAUSES: &'static [&'static str] = &["not-reached", "certificate"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        settings.network.peers().map(Peer::contact).collect()
    }
}

impl ManagementSettings {
    /// How one of its URLs is asked.
    pub fn contact(&self, url: &Target) -> Query {
        contact(url, &self.way)
    }
}

impl Peer {
    /// How it is asked.
    pub fn contact(&self) -> Query {
        contact(&self.address, &self.way)
    }
}

/// `https://…` and `http://…` are asked over HTTP, `icmp://host` by an echo request, `host:port` by a TCP connection.
fn contact(target: &Target, way: &Way) -> Query {
    let is_encrypted = target.starts_with("https://");
    if is_encrypted || target.starts_with("http://") {
        Query::Http(HttpTarget {
            url: target.to_string(),
            // What counts for certificates says nothing of a URL that shows none.
            ca_file: way.ca_file.clone().filter(|_| is_encrypted),
            insecure: way.insecure && is_encrypted,
            proxy: way.proxy.clone(),
        })
    } else if let Some(host) = target.strip_prefix("icmp://") {
        Query::Ping(host.to_owned())
    } else {
        Query::Tcp(target.to_string())
    }
}

/// Where `.link` files lie; of two with one name the earlier directory's counts.
pub const LINK_DIRECTORIES: [&str; 5] = [
    "/etc/systemd/network",
    RUN_LINKS,
    "/usr/local/lib/systemd/network",
    "/usr/lib/systemd/network",
    "/lib/systemd/network",
];
/// Empty after a boot, until programs write there again.
pub const RUN_LINKS: &str = "/run/systemd/network";
pub const RUN_RULES: &str = "/run/udev/rules.d";
/// Where rules lie that may name a device themselves.
pub const RULE_DIRECTORIES: [&str; 2] = ["/etc/udev/rules.d", RUN_RULES];
pub const NETPLAN_DIRECTORIES: [&str; 3] = ["/lib/netplan", "/etc/netplan", "/run/netplan"];

/// The NICs in use keep their names.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {}

impl Spec for Names {
    const CAUSES: &'static [&'static str] = &["will-rename", "not-pinned"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        let links = LINK_DIRECTORIES.into_iter().flat_map(|directory| {
            // The second tells which files have something added to them, in a directory `NAME.link.d`.
            [Query::Files(format!("{directory}/*.link")), Query::Directory(directory.to_owned())]
        });
        let kept = RULE_DIRECTORIES.into_iter().filter(|directory| *directory != RUN_RULES);
        let rules = kept.map(|directory| Query::Files(format!("{directory}/*.rules")));
        let netplan = NETPLAN_DIRECTORIES.into_iter().map(|directory| Query::Files(format!("{directory}/*.yaml")));
        let rest = [
            Query::Links,
            Query::Addresses,
            Query::Ovsdb(settings.ovs.socket()),
            Query::File(STATUS.to_owned()),
            Query::File(COMMAND_LINE.to_owned()),
        ];
        links.chain(rules).chain(netplan).chain(of_the_kernel()).chain(rest).collect()
    }
}

/// netplan's files say what they mean to.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Netplan {}

impl Spec for Netplan {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        let files = NETPLAN_DIRECTORIES.into_iter().map(|directory| Query::Files(format!("{directory}/*.yaml")));
        files.chain([Query::File(STATUS.to_owned())]).collect()
    }
}
