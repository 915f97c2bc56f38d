//! Checks of the way in that everybody uses.

use super::Spec;
use super::packages::STATUS;
use crate::catalog::settings::Settings;
use crate::model::Query;

pub const CONFIGURATION: &str = "/etc/ssh/sshd_config";
/// What Debian's and Ubuntu's own configuration includes.
pub const INCLUDED: &str = "/etc/ssh/sshd_config.d/*.conf";
/// `SSHD_OPTS`: what sshd is started with.
pub const OPTIONS: &str = "/etc/default/ssh";
/// Where the host keys are.
pub const DIRECTORY: &str = "/etc/ssh";
/// Whom libwrap turns away.
pub const DENIED: &str = "/etc/hosts.deny";
/// The package whose version is sshd's.
pub const PACKAGE: &str = "openssh-server";
pub const SERVICES: [&str; 2] = ["ssh.service", "sshd.service"];
pub const SOCKETS: [&str; 2] = ["ssh.socket", "sshd.socket"];

/// sshd would start with its configuration, will be started, and somebody listens now.
#[derive(Clone, Debug, Default)]
pub struct Sshd;

impl Spec for Sshd {
    const CAUSES: &'static [&'static str] =
        &["configuration", "no-host-key", "not-enabled", "no-listener", "no-greeting"];

    fn questions(&self, _: &Settings) -> Vec<Query> {
        let units = SERVICES.into_iter().chain(SOCKETS).map(|unit| Query::Unit(unit.to_owned()));
        let listens = SOCKETS.into_iter().map(|unit| Query::Listens(unit.to_owned()));
        let files = [
            Query::File(CONFIGURATION.to_owned()),
            Query::Files(INCLUDED.to_owned()),
            Query::Listing(DIRECTORY.to_owned()),
            Query::File(OPTIONS.to_owned()),
            Query::File(DENIED.to_owned()),
            // Which sshd it is, and which addresses are this host's.
            Query::File(STATUS.to_owned()),
            Query::Addresses,
        ];
        units.chain(listens).chain(files).collect()
    }
}
