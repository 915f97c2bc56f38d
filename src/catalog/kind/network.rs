//! Checks of the network: what the host can reach, and what its names and addresses will be after the next boot.
//! Whom it should reach is the operator's to say.

use super::Spec;
use super::boot::{COMMAND_LINE, of_the_kernel};
use super::packages::STATUS;
use crate::catalog::settings::{Management as ManagementSettings, Peer, Settings, Way};
use crate::model::Query;
use crate::model::query::HttpTarget;
use crate::units::Target;

/// Each configured URL of the management plane answers.
#[derive(Clone, Debug, Default)]
pub struct Management;

impl Spec for Management {
    const CAUSES: &'static [&'static str] = &["not-reached", "certificate"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        with_the_way(settings.management.urls.iter().map(|url| settings.management.contact(url)).collect())
    }
}

/// Each configured peer accepts a connection, or answers an echo request.
#[derive(Clone, Debug, Default)]
pub struct Peers;

impl Spec for Peers {
    const CAUSES: &'static [&'static str] = &["not-reached", "certificate"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        with_the_way(settings.network.peers().map(Peer::contact).collect())
    }
}

/// What is asked of peers, and by which devices packets leave for them: that may explain why one does not answer.
fn with_the_way(mut asked: Vec<Query>) -> Vec<Query> {
    if !asked.is_empty() {
        asked.extend([Query::Links, Query::Routes]);
    }
    asked
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
pub const LINK_DIRECTORIES: [&str; 5] =
    [OWN_LINKS, RUN_LINKS, "/usr/local/lib/systemd/network", "/usr/lib/systemd/network", "/lib/systemd/network"];
/// The administrator's own.
pub const OWN_LINKS: &str = "/etc/systemd/network";
/// Empty after a boot, until programs write there again.
pub const RUN_LINKS: &str = "/run/systemd/network";
pub const RUN_RULES: &str = "/run/udev/rules.d";
/// Where rules lie that may name a device themselves.
pub const RULE_DIRECTORIES: [&str; 2] = ["/etc/udev/rules.d", RUN_RULES];
pub const NETPLAN_DIRECTORIES: [&str; 3] = ["/lib/netplan", "/etc/netplan", "/run/netplan"];

/// The NICs in use keep their names.
#[derive(Clone, Debug, Default)]
pub struct Names;

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
#[derive(Clone, Debug, Default)]
pub struct Netplan;

impl Spec for Netplan {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        let files = NETPLAN_DIRECTORIES.into_iter().map(|directory| Query::Files(format!("{directory}/*.yaml")));
        files.chain([Query::File(STATUS.to_owned())]).collect()
    }
}

pub const INTERFACES: &str = "/etc/network/interfaces";
pub const INTERFACES_DIRECTORY: &str = "/etc/network/interfaces.d/*";
pub const NETWORKD_DIRECTORY: &str = "/etc/systemd/network";
pub const RESOLVER: &str = "/etc/resolv.conf";
/// The servers that systemd-resolved itself asks, where programs are told to ask it.
pub const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";

/// Who looks after a device: what is repaired by hand, netplan or ifupdown would undo.
pub(super) fn of_the_managers() -> Vec<Query> {
    let netplan = NETPLAN_DIRECTORIES.into_iter().map(|directory| Query::Files(format!("{directory}/*.yaml")));
    let ifupdown = [Query::File(INTERFACES.to_owned()), Query::Files(INTERFACES_DIRECTORY.to_owned())];
    netplan.chain(ifupdown).collect()
}

/// What every check asks that compares the kernel's network with that of a baseline.
fn of_the_network(settings: &Settings) -> Vec<Query> {
    let kernel = [Query::Links, Query::Addresses, Query::Routes, Query::Rules];
    // Whether a device is in a bridge is for the switch to say.
    kernel.into_iter().chain([Query::Ovsdb(settings.ovs.socket())]).collect()
}

/// The same, and who would undo what is repaired by hand: that is a matter of now.
fn of_the_network_and_its_managers(settings: &Settings) -> Vec<Query> {
    of_the_network(settings).into_iter().chain(of_the_managers()).collect()
}

/// Each link of the baseline is there under its name, up, and with its MTU.
#[derive(Clone, Debug, Default)]
pub struct LinksKept;

impl Spec for LinksKept {
    const CAUSES: &'static [&'static str] =
        &["renamed", "missing", "mtu", "down", "bond-member-missing", "detached", "changed"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        of_the_network_and_its_managers(settings)
    }

    fn remembered(&self, settings: &Settings) -> Vec<Query> {
        of_the_network(settings)
    }
}

/// Each address that was configured is where it was.
#[derive(Clone, Debug, Default)]
pub struct AddressesKept;

impl Spec for AddressesKept {
    const CAUSES: &'static [&'static str] = &["on-enslaved-nic", "missing"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        of_the_network_and_its_managers(settings)
    }

    fn remembered(&self, settings: &Settings) -> Vec<Query> {
        of_the_network(settings)
    }
}

/// Each route that was configured is in its table.
#[derive(Clone, Debug, Default)]
pub struct RoutesKept;

impl Spec for RoutesKept {
    fn questions(&self, settings: &Settings) -> Vec<Query> {
        of_the_network_and_its_managers(settings)
    }

    fn remembered(&self, settings: &Settings) -> Vec<Query> {
        of_the_network(settings)
    }
}

#[derive(Clone, Debug, Default)]
pub struct RulesKept;

impl Spec for RulesKept {
    fn questions(&self, settings: &Settings) -> Vec<Query> {
        of_the_network_and_its_managers(settings)
    }

    fn remembered(&self, settings: &Settings) -> Vec<Query> {
        of_the_network(settings)
    }
}

/// Names are resolved by the servers that the baseline had.
#[derive(Clone, Debug, Default)]
pub struct ResolverKept;

impl Spec for ResolverKept {
    const CAUSES: &'static [&'static str] = &["missing", "link-changed", "servers-changed"];

    fn questions(&self, _: &Settings) -> Vec<Query> {
        let files = [RESOLVER, RESOLVED].map(|path| Query::File(path.to_owned()));
        files.into_iter().chain([Query::Listing(RESOLVER.to_owned())]).collect()
    }

    fn remembered(&self, settings: &Settings) -> Vec<Query> {
        self.questions(settings)
    }
}
