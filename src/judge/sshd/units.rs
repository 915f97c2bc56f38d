//! sshd's service and its socket: which of them runs, and which will after the next boot.

use crate::catalog::kind::ssh::{DIRECTORY, SERVICES, SOCKETS};
use crate::facts::Facts;
use crate::judge::causes::Part;
use crate::judge::outcome::Outcome;
use crate::model::answer::{Entry, Unit};
use crate::model::gather::Arrange as _;
use crate::model::{Query, Reading, Trouble};

/// Debian's units do not start sshd where this file is.
const NOT_TO_BE_RUN: &str = "sshd_not_to_be_run";

#[derive(Clone, Debug, Default)]
pub struct Units {
    pub are_of_systemd: bool,
    pub service: Option<(&'static str, Unit)>,
    pub socket: Option<(&'static str, Unit)>,
}

fn is_active(unit: &Unit) -> bool {
    matches!(unit.active.as_str(), "active" | "reloading")
}

fn is_masked(unit: &Unit) -> bool {
    unit.load == "masked" || unit.file_state.starts_with("masked")
}

/// Somebody starts it at the next boot: it is enabled, or of the kind that another unit or a script of init starts.
fn starts_at_boot(unit: &Unit) -> bool {
    !is_masked(unit) && matches!(unit.file_state.as_str(), "enabled" | "static" | "alias" | "indirect" | "generated")
}

impl Units {
    pub fn of(facts: &Facts<'_>) -> Result<Self, (&'static str, Trouble)> {
        let mut are_of_systemd = false;
        let mut one_of = |names: [&'static str; 2]| {
            let mut found: Vec<(&'static str, Unit)> = Vec::new();
            for name in names {
                match facts.reading::<Unit>(&Query::Unit(name.to_owned())) {
                    Reading::Known(unit) => {
                        are_of_systemd = true;
                        if unit.load != "not-found" || is_active(unit) {
                            found.push((name, unit.clone()));
                        }
                    }
                    Reading::Absent => {}
                    Reading::Unreadable(trouble) => return Err((name, trouble)),
                }
            }
            // The one that matters, where both are there and neither is an alias of the other.
            found.arrange_by_key(|(_, unit)| (!is_active(unit), !starts_at_boot(unit)));
            Ok(found.into_iter().next())
        };
        let (service, socket) = (one_of(SERVICES)?, one_of(SOCKETS)?);
        Ok(Self { are_of_systemd, service, socket })
    }

    pub fn is_none(&self) -> bool {
        self.service.is_none() && self.socket.is_none()
    }

    pub fn main_pid(&self) -> Option<u32> {
        self.service.as_ref().map(|(_, unit)| unit.main_pid).filter(|pid| *pid > 0)
    }

    fn each(&self) -> impl Iterator<Item = &(&'static str, Unit)> {
        self.service.iter().chain(&self.socket)
    }

    /// Why nobody can start sshd.
    pub fn masked_service(&self) -> Option<&'static str> {
        self.service.as_ref().filter(|(_, unit)| is_masked(unit)).map(|(name, _)| *name)
    }

    fn runs(&self) -> bool {
        self.each().any(|(_, unit)| is_active(unit))
    }

    pub fn service_runs(&self) -> bool {
        self.service.as_ref().is_some_and(|(_, unit)| is_active(unit))
    }

    /// systemd listens, and a connection would start sshd.
    pub fn waits_for_a_connection(&self) -> bool {
        self.socket.as_ref().is_some_and(|(_, unit)| is_active(unit)) && !self.service_runs()
    }

    /// The socket unit says where to listen, and sshd's configuration does not.
    pub fn listening_socket(&self) -> Option<&(&'static str, Unit)> {
        let service_starts = self.service.as_ref().is_some_and(|(_, unit)| is_active(unit) || starts_at_boot(unit));
        self.socket.as_ref().filter(|(_, unit)| is_active(unit) || starts_at_boot(unit) && !service_starts)
    }

    /// The unit that somebody wanted not to run, where it does not. One that is masked is more than switched off.
    pub fn switched_off(&self) -> Option<&'static str> {
        let is_off = |(_, unit): &(&str, Unit)| !is_active(unit) && !starts_at_boot(unit) && !is_masked(unit);
        let (name, _) = self.each().next()?;
        self.each().all(is_off).then_some(*name)
    }

    /// Nothing where the next boot starts sshd.
    pub fn judge_boot(&self, facts: &Facts<'_>) -> Option<Outcome> {
        let (name, unit) = self.each().find(|(_, unit)| is_active(unit)).or(self.each().next())?;
        let name = *name;
        let marker = facts.reading::<Vec<Entry>>(&Query::Listing(DIRECTORY.to_owned())).known();
        let detail = if marker.is_some_and(|entries| entries.iter().any(|entry| entry.name == NOT_TO_BE_RUN)) {
            format!("{DIRECTORY}/{NOT_TO_BE_RUN} exists: {name} does not start while it is there")
        } else if let Some(name) = self.masked_service() {
            format!("{name} is masked: it cannot be started{}", self.until_then())
        } else if self.each().any(|(_, unit)| starts_at_boot(unit)) {
            return None;
        } else {
            format!("{name} is {}: the next boot starts no sshd", in_words(unit))
        };
        Some(
            Outcome::fail(name, Some("not-enabled"), detail)
                .expecting("unit_file_state", "enabled")
                .observing("unit_file_state", unit.file_state.clone())
                .observing("active_state", unit.active.clone())
                .touching(Part::Unit(name.to_owned()))
                .asking(Query::Unit(name.to_owned())),
        )
    }

    /// Any of them may be the one that is missed.
    pub fn touched_by(outcome: Outcome) -> Outcome {
        let units = SERVICES.into_iter().chain(SOCKETS).map(|name| Part::Unit(name.to_owned()));
        units.fold(outcome, Outcome::touching)
    }

    fn until_then(&self) -> &'static str {
        if self.runs() { ", and what runs now ends with the next boot" } else { "" }
    }

    /// What is the matter with those that should run and do not.
    pub fn complaint(&self) -> Option<String> {
        let idle = |(name, unit): &(&str, Unit)| {
            let result = Some(unit.result.as_str()).filter(|result| !matches!(*result, "" | "success"));
            let why = result.map(|result| format!(" ({result})")).unwrap_or_default();
            (!is_active(unit) && (starts_at_boot(unit) || is_masked(unit) || unit.active == "failed"))
                .then(|| format!("{name} is {}{why}", unit.active))
        };
        let complaints: Vec<String> = self.each().filter_map(idle).collect();
        (!complaints.is_empty()).then(|| complaints.join(", "))
    }
}

fn in_words(unit: &Unit) -> &'static str {
    match unit.file_state.as_str() {
        "enabled-runtime" => "enabled until the next boot only",
        "linked" | "linked-runtime" => "linked, and not enabled",
        "transient" => "made for this boot only",
        "" => "without a unit file",
        _ => "not enabled",
    }
}
