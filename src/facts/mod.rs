//! Answers become typed facts. A parser takes bytes and sees no host; what it cannot make sense of is
//! unreadable, never empty.

pub mod before;
pub mod grub;
pub mod identity;
pub mod kernels;
pub mod link_files;
pub mod managers;
pub mod netplan;
pub mod nic_naming;
pub mod nics;
pub mod ovs;
pub mod packages;
pub mod repositories;
pub mod resolver;
pub mod sshd;
pub mod udev_rules;
pub mod versions;
pub mod wildcard;
pub mod wiring;

use std::cell::OnceCell;

use crate::catalog::Settings;
use crate::catalog::kind::ovs::VSWITCHD;
use crate::catalog::kind::packages::STATUS;
use crate::model::answer::{Content, FromAnswer, Link, Lock, Space};
use crate::model::report::Intent;
use crate::model::sorted::SortedMap;
use crate::model::{Answers, Query, Reading, TroubleCause};
use ovs::Ovs;
use packages::Packages;
use wiring::Wiring;

/// Name → content, of one directory.
pub type Files = SortedMap<String, Reading<Content>>;

/// What a run is about: the same host can be fit for one thing and not for another.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    pub intent: Intent,
    /// When the host was asked, RFC 3339 in UTC.
    pub asked_at: &'a str,
}

/// Everything that is known of one host, parsed once and only where somebody asks.
#[derive(Debug)]
pub struct Facts<'a> {
    pub answers: &'a Answers,
    pub settings: &'a Settings,
    pub run: Run<'a>,
    packages: OnceCell<Reading<Packages<'a>>>,
    ovs: OnceCell<Reading<Ovs<'a>>>,
    wiring: OnceCell<Reading<Wiring<'a>>>,
}

impl<'a> Facts<'a> {
    pub fn new(answers: &'a Answers, settings: &'a Settings, run: Run<'a>) -> Self {
        Self { answers, settings, run, packages: OnceCell::new(), ovs: OnceCell::new(), wiring: OnceCell::new() }
    }

    pub fn reading<T: FromAnswer>(&self, query: &Query) -> Reading<&'a T> {
        self.answers.reading(query)
    }

    /// The files of several directories, in the order of `patterns`.
    pub fn files(&self, patterns: impl IntoIterator<Item = String>) -> Vec<(String, Reading<&'a Files>)> {
        let read = |pattern: String| {
            let directory = pattern.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
            (directory, self.reading(&Query::Files(pattern)))
        };
        patterns.into_iter().map(read).collect()
    }

    pub fn space(&self, path: &str) -> Reading<&'a Space> {
        self.reading(&Query::Space(path.to_owned()))
    }

    pub fn links(&self) -> Reading<&'a SortedMap<String, Link>> {
        self.reading(&Query::Links)
    }

    /// The dpkg database; absent where there is none.
    pub fn packages(&self) -> Reading<&Packages<'a>> {
        let parse = || {
            self.reading::<Vec<u8>>(&Query::File(STATUS.to_owned())).and_then(|bytes| {
                Packages::parse(bytes).map_or_else(
                    |error| Reading::unreadable(TroubleCause::Malformed, format!("{STATUS}:{error}")),
                    Reading::Known,
                )
            })
        };
        self.packages.get_or_init(parse).as_ref()
    }

    /// What the OVSDB holds; absent where there is no socket.
    pub fn ovs(&self) -> Reading<&Ovs<'a>> {
        let socket = self.settings.ovs.socket();
        let parse = || {
            self.reading::<Vec<u8>>(&Query::Ovsdb(socket.clone())).and_then(|bytes| {
                Ovs::parse(bytes).map_or_else(
                    |error| Reading::unreadable(TroubleCause::Malformed, format!("{socket}: {error}")),
                    Reading::Known,
                )
            })
        };
        self.ovs.get_or_init(parse).as_ref()
    }

    /// How the switch is put together; absent where there is no socket.
    pub fn wiring(&self) -> Reading<&Wiring<'a>> {
        let socket = self.settings.ovs.socket();
        let parse = || {
            self.reading::<Vec<u8>>(&Query::OvsConfiguration(socket.clone())).and_then(|bytes| {
                Wiring::parse(bytes).map_or_else(
                    |error| Reading::unreadable(TroubleCause::Malformed, format!("{socket}: {error}")),
                    Reading::Known,
                )
            })
        };
        self.wiring.get_or_init(parse).as_ref()
    }

    /// Whether vswitchd runs: it holds a lock on its PID file, or a process of its name is there. The file alone
    /// proves nothing.
    pub fn vswitchd(&self) -> Reading<()> {
        let pidfile = self.reading::<Lock>(&Query::Lock(self.settings.ovs.vswitchd_pidfile()));
        match pidfile {
            Reading::Known(Lock { holder: Some(_) }) => Reading::Known(()),
            Reading::Unreadable(trouble) => Reading::Unreadable(trouble),
            // Started without a PID file, or with one elsewhere.
            Reading::Known(_) | Reading::Absent => {
                match self.reading::<Vec<u32>>(&Query::Processes(VSWITCHD.to_owned())) {
                    Reading::Known(pids) if !pids.is_empty() => Reading::Known(()),
                    _ => Reading::Absent,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
