//! Answers become typed facts. A parser takes bytes and sees no host; what it cannot make sense of is
//! unreadable, never empty.

pub mod identity;
pub mod ovs;
pub mod packages;

use std::cell::OnceCell;
use std::collections::BTreeMap;

use crate::catalog::Settings;
use crate::catalog::kind::packages::STATUS;
use crate::model::answer::{FromAnswer, Holder, Link, Lock, Space};
use crate::model::{Answers, Query, Reading, TroubleCause};
use ovs::Ovs;
use packages::Packages;

/// Everything that is known of one host, parsed once and only where somebody asks.
#[derive(Debug)]
pub struct Facts<'a> {
    pub answers: &'a Answers,
    pub settings: &'a Settings,
    packages: OnceCell<Reading<Packages<'a>>>,
    ovs: OnceCell<Reading<Ovs<'a>>>,
}

impl<'a> Facts<'a> {
    pub fn new(answers: &'a Answers, settings: &'a Settings) -> Self {
        Self { answers, settings, packages: OnceCell::new(), ovs: OnceCell::new() }
    }

    pub fn reading<T: FromAnswer>(&self, query: &Query) -> Reading<&'a T> {
        self.answers.reading(query)
    }

    pub fn space(&self, path: &str) -> Reading<&'a Space> {
        self.reading(&Query::Space(path.to_owned()))
    }

    pub fn links(&self) -> Reading<&'a BTreeMap<String, Link>> {
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
        let socket = &self.settings.ovs.socket;
        let parse = || {
            self.reading::<Vec<u8>>(&Query::Ovsdb(socket.to_string())).and_then(|bytes| {
                Ovs::parse(bytes).map_or_else(
                    |error| Reading::unreadable(TroubleCause::Malformed, format!("{socket}: {error}")),
                    Reading::Known,
                )
            })
        };
        self.ovs.get_or_init(parse).as_ref()
    }

    /// The process that holds vswitchd's lock on its PID file: a file alone proves nothing.
    pub fn vswitchd(&self) -> Reading<&'a Holder> {
        let pidfile = Query::Lock(self.settings.ovs.vswitchd_pidfile());
        self.reading::<Lock>(&pidfile).and_then(|lock| lock.holder.as_ref().map_or(Reading::Absent, Reading::Known))
    }
}

#[cfg(test)]
mod tests;
