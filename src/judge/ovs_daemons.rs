//! Does the database answer, does vswitchd run, and has it done what the database says?

use super::causes::Part;
use super::outcome::{NOT_PRESENT, Outcome};
use crate::catalog::kind::ovs::{DATABASES, OWN_DATABASE, PACKAGES};
use crate::facts::Facts;
use crate::facts::ovs::Ovs;
use crate::facts::packages::Package;
use crate::model::answer::OvsProgress;
use crate::model::{Query, Reading, Trouble, TroubleCause};

const NO_OVS: &str = "Open vSwitch is not installed here";

/// Whether Open vSwitch is meant to be here, where no database answers.
enum Presence {
    Installed,
    NotInstalled,
    /// The package database cannot be read, and nothing else tells.
    Unclear(Trouble),
}

fn presence(facts: &Facts<'_>) -> Presence {
    if facts.settings.ovs.is_configured() {
        return Presence::Installed;
    }
    let exists = |path: &str| matches!(facts.reading::<bool>(&Query::Exists(path.to_owned())), Reading::Known(true));
    match facts.packages() {
        Reading::Known(packages) => {
            let mut known = PACKAGES.iter().filter_map(|name| packages.find(name)).peekable();
            // A package that was removed leaves its database behind; one that was purged, the one below /var.
            let was_never_packaged = known.peek().is_none();
            match known.any(Package::is_there) || (was_never_packaged && exists(OWN_DATABASE)) {
                true => Presence::Installed,
                false => Presence::NotInstalled,
            }
        }
        _ if DATABASES.into_iter().any(exists) => Presence::Installed,
        Reading::Absent => Presence::NotInstalled,
        Reading::Unreadable(trouble) => Presence::Unclear(trouble),
    }
}

/// What a check of the switch's content says where there is no database to read it from.
pub fn without_database(facts: &Facts<'_>) -> Outcome {
    match presence(facts) {
        Presence::NotInstalled => Outcome::skip("", NOT_PRESENT, NO_OVS),
        Presence::Installed | Presence::Unclear(_) => {
            Outcome::undetermined("", "ovsdb-unreachable", "cannot be judged without OVSDB")
                .because_of("ovs.daemons", "")
                .touching(Part::Switch)
        }
    }
}

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    let socket = facts.settings.ovs.socket();
    let outcome = match facts.ovs() {
        Reading::Known(ovs) => judge_vswitchd(ovs, facts),
        Reading::Absent => match presence(facts) {
            Presence::Installed => {
                Outcome::fail("", Some("ovsdb-unreachable"), format!("there is no OVSDB socket {socket}"))
            }
            Presence::NotInstalled => Outcome::skip("", NOT_PRESENT, NO_OVS),
            Presence::Unclear(trouble) => Outcome::unknown("", &trouble),
        },
        Reading::Unreadable(trouble) if trouble.cause == TroubleCause::Refused => {
            let detail = format!("nobody listens on the OVSDB socket {socket}");
            Outcome::fail("", Some("ovsdb-unreachable"), detail)
        }
        Reading::Unreadable(trouble) => Outcome::unknown("", &trouble),
    };
    vec![outcome.observing("socket", socket.clone()).asking(Query::Ovsdb(socket)).touching(Part::Switch)]
}

fn judge_vswitchd(ovs: &Ovs<'_>, facts: &Facts<'_>) -> Outcome {
    if !ovs.switch.is_initialised {
        let detail = "the database was never set up: it has no Open_vSwitch row";
        return Outcome::fail("", Some("config-not-applied"), detail);
    }
    let version = ovs.switch.version.as_deref().unwrap_or("of unknown version");
    let (current, next) = (ovs.switch.current_config, ovs.switch.next_config);
    let outcome = match facts.vswitchd() {
        Reading::Absent => {
            let detail = "ovs-vswitchd does not run: what the database says of ports is stale";
            Outcome::fail("", Some("vswitchd-not-running"), detail)
                .observing("pidfile", facts.settings.ovs.vswitchd_pidfile())
        }
        Reading::Unreadable(trouble) => Outcome::unknown("", &trouble),
        Reading::Known(_) if current >= next => {
            Outcome::pass("", format!("Open vSwitch {version} runs and has applied its configuration"))
        }
        Reading::Known(_) => judge_progress(current, next, facts),
    };
    outcome.expecting("current_config", next).observing("current_config", current)
}

/// vswitchd lags behind for a moment after every change: only a second look tells a stuck one.
fn judge_progress(current: i64, next: i64, facts: &Facts<'_>) -> Outcome {
    let asked = Query::OvsProgress(facts.settings.ovs.socket());
    match facts.reading::<OvsProgress>(&asked) {
        Reading::Known(later) if later.current >= next => {
            Outcome::pass("", "Open vSwitch runs and has just applied a change of its configuration").asking(asked)
        }
        Reading::Unreadable(trouble) if trouble.cause != TroubleCause::NotAsked => {
            Outcome::unknown("", &trouble).asking(asked)
        }
        _ => {
            let detail = format!("ovs-vswitchd does not apply its configuration: it is at {current} of {next}");
            Outcome::fail("", Some("config-not-applied"), detail).asking(asked)
        }
    }
}
