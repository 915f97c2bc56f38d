//! Does ovn-controller run, connected, and understand what northd writes?

use std::time::Duration;

use super::causes::Part;
use super::outcome::{NOT_PRESENT, Outcome};
use super::unit_state;
use crate::catalog::Level;
use crate::catalog::kind::ovs::Controller as Spec;
use crate::facts::Facts;
use crate::facts::ovs::value;
use crate::model::answer::OvnController;
use crate::model::report::Intent;
use crate::model::{Query, Reading, Status, Trouble, TroubleCause};

/// What it logs in this case: the two versions stand around it.
const MISMATCH: [&str; 2] = ["controller version - ", " mismatch with northd version - "];
/// It writes this when it is woken, and at most once a minute. The question for its connection wakes it: so what is
/// true now was written within the last minute, and what was written before is over.
const RECENT: Duration = Duration::from_secs(90);
/// What the row of the version is about.
const NORTHD: &str = "version of northd";

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let asked = Query::OvnController(facts.settings.ovn.run_directory());
    let unit = unit_state::judge_unit(&spec.unit, facts);
    let controller = facts.reading::<OvnController>(&asked);
    let is_wrong_unit = unit.status == Status::Fail;
    let outcome = match &controller {
        // It does its work, and was not started as it should be: that counts when it has to start.
        Reading::Known(it) if is_wrong_unit && is_connected(it) => match facts.run.intent {
            Intent::Reboot => unit,
            _ => unit.at_most(Level::Warn),
        },
        Reading::Known(_) | Reading::Absent if is_wrong_unit => unit,
        Reading::Known(it) if is_connected(it) => {
            Outcome::pass("", format!("ovn-controller {} runs and is connected", version(it)))
        }
        Reading::Known(it) => not_connected(it, facts),
        Reading::Absent if unit.status == Status::Skip => {
            Outcome::skip("", NOT_PRESENT, "ovn-controller does not run here, and has no unit")
        }
        Reading::Absent => {
            let directory = facts.settings.ovn.run_directory();
            Outcome::fail("", Some("not-running"), format!("no ovn-controller runs out of {directory}"))
        }
        Reading::Unreadable(_) if is_wrong_unit => unit,
        Reading::Unreadable(trouble) => Outcome::unknown("", trouble),
    };
    let mut outcome = outcome.asking(Query::Unit(spec.unit.to_string())).asking(asked);
    outcome.subject.clear();
    outcome = outcome.touching(Part::Unit(spec.unit.to_string())).touching(Part::Switch);
    let mut outcomes = Vec::new();
    if let Reading::Known(controller) = controller {
        outcome = outcome
            .expecting("connection", "connected")
            .observing("connection", controller.connection.clone())
            .observing("version", controller.version.clone());
        if is_connected(controller) {
            outcomes.extend(judge_version(spec, controller, facts));
        }
    }
    outcomes.insert(0, outcome);
    outcomes
}

fn is_connected(controller: &OvnController) -> bool {
    controller.connection == "connected"
}

fn version(controller: &OvnController) -> &str {
    controller.version.as_deref().unwrap_or("of unknown version")
}

/// A setting of this chassis: absent where it is not set, or no database is there to set it in.
fn setting<'f>(facts: &'f Facts<'_>, key: &str) -> Reading<&'f str> {
    match facts.ovs() {
        Reading::Known(ovs) => value(&ovs.switch.external_ids, key).map_or(Reading::Absent, Reading::Known),
        Reading::Absent => {
            let socket = facts.settings.ovs.socket();
            Reading::Unreadable(Trouble::new(TroubleCause::Refused, format!("there is no OVSDB socket {socket}")))
        }
        Reading::Unreadable(trouble) => Reading::Unreadable(trouble),
    }
}

fn not_connected(controller: &OvnController, facts: &Facts<'_>) -> Outcome {
    let remote = setting(facts, "ovn-remote");
    let detail = match &remote {
        Reading::Known(remote) => {
            format!("ovn-controller is {} to its southbound database, {remote}", controller.connection)
        }
        Reading::Absent => {
            "ovn-controller is not connected: external_ids:ovn-remote of Open vSwitch names no database".to_owned()
        }
        Reading::Unreadable(trouble) => format!(
            "ovn-controller is {} to its southbound database; where that is cannot be read: {}",
            controller.connection, trouble.detail
        ),
    };
    let peer = Part::Peer(remote.clone().known().unwrap_or_default().to_owned());
    Outcome::fail("", Some("not-connected"), detail).observing("ovn_remote", remote.known()).touching(peer)
}

/// As smap_get_bool of OVN reads it.
fn must_match(facts: &Facts<'_>) -> Reading<bool> {
    match setting(facts, "ovn-match-northd-version") {
        Reading::Known(value) => Reading::Known(value.eq_ignore_ascii_case("true")),
        Reading::Absent => Reading::Known(false),
        Reading::Unreadable(trouble) => Reading::Unreadable(trouble),
    }
}

/// The log is read once the control socket has answered: see `RECENT`.
pub fn open_questions(spec: &Spec, facts: &Facts<'_>) -> Vec<Query> {
    match must_match(facts) {
        Reading::Known(true) => vec![Query::Tail(spec.log.to_string())],
        _ => Vec::new(),
    }
}

/// A row of its own, where the version counts: a unit that is wrong as well hides no mismatch.
fn judge_version(spec: &Spec, controller: &OvnController, facts: &Facts<'_>) -> Option<Outcome> {
    match must_match(facts) {
        Reading::Known(true) => {}
        Reading::Known(false) | Reading::Absent => return None,
        Reading::Unreadable(trouble) => {
            let detail = format!("whether it must be of northd's version cannot be read: {}", trouble.detail);
            return Some(Outcome::unknown(NORTHD, &Trouble::new(trouble.cause, detail)).at_most(Level::Warn));
        }
    }
    let asked = Query::Tail(spec.log.to_string());
    let seen = match facts.reading::<Vec<u8>>(&asked) {
        Reading::Known(log) => {
            let log = String::from_utf8_lossy(log);
            latest_mismatch(&log, facts.run.asked_at).map(|(own, northd)| (own.to_owned(), northd.to_owned()))
        }
        Reading::Absent => None,
        Reading::Unreadable(trouble) if trouble.cause == TroubleCause::NotAsked => {
            return Some(Outcome::unknown(NORTHD, &trouble).at_most(Level::Warn));
        }
        Reading::Unreadable(trouble) => {
            return Some(Outcome::unknown(NORTHD, &trouble).at_most(Level::Warn).asking(asked));
        }
    };
    let outcome = match seen {
        Some((own, northd)) => {
            let detail = format!("ovn-controller {own} changes no flow until northd, at {northd}, has its version");
            Outcome::fail(NORTHD, Some("version-mismatch"), detail)
                .expecting("internal_version", northd)
                .observing("internal_version", own)
        }
        None => {
            let detail = format!(
                "ovn-match-northd-version is set: an upgrade of ovn-controller, at {}, or of northd stops its work \
                 until both are of one version",
                version(controller)
            );
            Outcome::fail(NORTHD, Some("version-must-match"), detail)
        }
    };
    Some(outcome.asking(asked))
}

/// The versions of controller and northd, where the log tells of a mismatch that still is one.
fn latest_mismatch<'l>(log: &'l str, now: &str) -> Option<(&'l str, &'l str)> {
    let line = log.lines().rev().find(|line| line.contains(MISMATCH[1]))?;
    let said_at = humantime::parse_rfc3339(line.split('|').next()?).ok()?;
    let now = humantime::parse_rfc3339(now).ok()?;
    if now.duration_since(said_at).is_ok_and(|age| age > RECENT) {
        return None;
    }
    let (before, northd) = line.split_once(MISMATCH[1])?;
    let (_, own) = before.split_once(MISMATCH[0])?;
    Some((own, northd.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "2026-11-21T06:28:11.024Z|00024|main|WARN|controller version - 23.03.1-20.27.0-70.6 mismatch \
        with northd version - 21.12.0-20.21.0-61.3\n";

    #[test]
    fn only_a_mismatch_of_the_last_minute_is_one() {
        let versions = Some(("23.03.1-20.27.0-70.6", "21.12.0-20.21.0-61.3"));
        let log = format!(
            "2026-11-21T06:28:10.000Z|00022|memory|INFO|x\n{LINE}2026-11-21T06:28:12.000Z|00025|rconn|INFO|y\n"
        );
        assert_eq!(latest_mismatch(&log, "2026-11-21T06:28:10Z"), versions);
        assert_eq!(latest_mismatch(&log, "2026-11-21T06:29:11Z"), versions);
        assert_eq!(latest_mismatch(&log, "2026-11-21T06:38:11Z"), None);
        for damaged in ["", "|", &LINE[10..], &LINE.replace("controller version - ", "")] {
            assert_eq!(latest_mismatch(damaged, "2026-11-21T06:28:10Z"), None, "{damaged}");
        }
    }
}
