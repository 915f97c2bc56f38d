//! Does the switch's database still hold what it held?

use super::devices::in_the_baseline;
use crate::catalog::kind::ovs::{DATABASE_DIRECTORIES, OWN_DATABASE};
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::wiring::Wiring;
use crate::judge::causes::Part;
use crate::judge::outcome::{NOT_PRESENT, Outcome, command};
use crate::judge::ovs_daemons;
use crate::model::answer::{Entry, EntryKind};
use crate::model::{Query, Reading, Status};

/// The switch then, and now: none where Open vSwitch is not here any more.
pub type Both<'f, 'a, 'b> = (&'f Wiring<'b>, Option<&'f Wiring<'a>>);

/// How the switch was put together and is; where that is not to be compared, what every check says of it.
pub fn both<'f, 'a, 'b>(facts: &'f Facts<'a>, before: &'f Before<'b>) -> Result<Both<'f, 'a, 'b>, Box<Outcome>> {
    let then = match before.facts.wiring() {
        Reading::Known(then) => then,
        Reading::Absent => return Err(Box::new(Outcome::skip("", NOT_PRESENT, "the baseline has no Open vSwitch"))),
        Reading::Unreadable(trouble) => return Err(Box::new(Outcome::unknown("", &in_the_baseline(trouble)))),
    };
    match facts.wiring() {
        Reading::Known(now) => Ok((then, Some(now))),
        Reading::Absent => match ovs_daemons::without_database(facts) {
            // Not installed any more: it has lost everything.
            outcome if outcome.status == Status::Skip => Ok((then, None)),
            outcome => Err(Box::new(outcome.touching(Part::Switch))),
        },
        Reading::Unreadable(trouble) => {
            Err(Box::new(Outcome::unknown("", &trouble).because_of("ovs.daemons", "").touching(Part::Switch)))
        }
    }
}

pub fn judge(facts: &Facts<'_>, before: &Before<'_>) -> Vec<Outcome> {
    let outcome = match both(facts, before) {
        Ok((then, now)) => judge_both(then, now, facts, integration_bridge(before)),
        Err(outcome) => *outcome,
    };
    vec![outcome.asking(Query::OvsConfiguration(facts.settings.ovs.socket()))]
}

/// The bridge that ovn-controller makes again by itself, in an empty database too.
fn integration_bridge<'f>(before: &'f Before<'_>) -> Option<&'f str> {
    match before.facts.ovs() {
        Reading::Known(ovs) if ovs.uses_ovn() => Some(ovs.integration_bridge()),
        _ => None,
    }
}

fn judge_both(then: &Wiring<'_>, now: Option<&Wiring<'_>>, facts: &Facts<'_>, of_ovn: Option<&str>) -> Outcome {
    if then.bridges.is_empty() {
        return Outcome::skip("", NOT_PRESENT, "the baseline has no bridge");
    }
    let is_left = |now: &Wiring<'_>, name: &String| now.bridges.contains_key(name) && of_ovn != Some(name);
    let left = |now: &Wiring<'_>| then.bridges.keys().filter(|name| is_left(now, name)).count();
    let Some(now) = now else {
        return emptied(then, 0, "Open vSwitch is not installed any more").by_hand(vec![command(&[
            "apt-get",
            "install",
            "openvswitch-switch",
        ])]);
    };
    match left(now) {
        // A host may have no bridge but that of OVN.
        0 if is_made_anew(then, now) && (now.bridges.is_empty() || then.bridges.len() > 1) => {
            made_anew(then, now, facts)
        }
        // One bridge that somebody deleted is told by itself.
        0 if then.bridges.len() > 1 && now.bridges.is_empty() => {
            emptied(then, 0, "the switch has no bridge any more, though its database is the one that it was")
        }
        _ => Outcome::pass("", "the database of the switch is the one that it was"),
    }
}

/// The one row of the switch as a whole gets its uuid when a database is first set up.
fn is_made_anew(then: &Wiring<'_>, now: &Wiring<'_>) -> bool {
    then.switch.uuid() != now.switch.uuid()
}

fn made_anew(then: &Wiring<'_>, now: &Wiring<'_>, facts: &Facts<'_>) -> Outcome {
    let backups = backups(facts);
    let mut details = vec!["the database of the switch was made anew and has none of its bridges".to_owned()];
    let shown: Vec<String> = backups.iter().map(|backup| format!("{} ({} bytes)", backup.path, backup.bytes)).collect();
    details.push(match shown.as_slice() {
        [] => format!("no {OWN_DATABASE}.backup* lies beside it"),
        [only] => format!("what it replaced is kept in {only}"),
        several => {
            format!("what it replaced is kept in one of {}: look which is the last good one", several.join(", "))
        }
    });
    let outcome = emptied(then, now.bridges.len(), &details.join("; "));
    let outcome = outcome.observing("backups", backups.iter().map(|backup| backup.path.clone()).collect::<Vec<_>>());
    // Which of several is the one, its size does not tell.
    match backups.as_slice() {
        [only] => outcome.by_hand(put_back(&only.path)),
        _ => outcome,
    }
}

fn emptied(then: &Wiring<'_>, bridges_now: usize, why: &str) -> Outcome {
    let names: Vec<&str> = then.bridges.keys().map(String::as_str).collect();
    let detail = format!("{why}; it had {}", names.join(", "));
    Outcome::fail("", None, detail).expecting("bridges", names).observing("bridges", bridges_now).touching(Part::Switch)
}

struct Backup {
    path: String,
    bytes: u64,
}

/// What `ovs-ctl` sets aside before it makes a database of another schema: `conf.db.backup8.3.0-3423580704`.
fn backups(facts: &Facts<'_>) -> Vec<Backup> {
    let mut backups = Vec::new();
    for directory in DATABASE_DIRECTORIES {
        let entries = facts.reading::<Vec<Entry>>(&Query::Listing(directory.to_owned())).known();
        let of_database = |entry: &&Entry| {
            entry.kind == EntryKind::File && entry.bytes > 0 && entry.name.starts_with("conf.db.backup")
        };
        let found = entries.into_iter().flatten().filter(of_database);
        backups.extend(found.map(|it| Backup { path: format!("{directory}/{}", it.name), bytes: it.bytes }));
    }
    backups
}

/// The schema of the backup is brought up to that of the server in a copy: where that fails, as it did in the upgrade,
/// nothing is stopped yet. What there is now is kept.
fn put_back(backup: &str) -> Vec<Vec<String>> {
    let (emptied, converted) = (format!("{OWN_DATABASE}.emptied"), format!("{OWN_DATABASE}.converted"));
    vec![
        command(&["cp", backup, &converted]),
        command(&["ovsdb-tool", "convert", &converted, "/usr/share/openvswitch/vswitch.ovsschema"]),
        // Debian's units stop with each other, and the first to be named does not wait for the others.
        command(&["systemctl", "stop", "openvswitch-switch", "ovs-vswitchd", "ovsdb-server"]),
        command(&["cp", "-L", OWN_DATABASE, &emptied]),
        command(&["cp", &converted, OWN_DATABASE]),
        command(&["systemctl", "start", "openvswitch-switch"]),
    ]
}

#[cfg(test)]
mod tests;
