//! Units are started, restarted once, and enabled as the baseline has them. What did not run there stays as it is.

mod switch;

use super::Context;
use super::ip::{draft, pairs};
use crate::judge::unit_state::is_active;
use crate::model::answer::{Address, LoadedUnit, Unit};
use crate::model::plan::{Deed, Planned, Run, Step};
use crate::model::run::Holds;
use crate::model::sorted::SortedMap;
use crate::model::{Finding, Query};

/// A unit may take its time to come up; ending `systemctl` ends the waiting, not the unit.
const STARTING_S: u64 = 120;

pub fn plan(fix: &str, finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let draft = draft(fix, finding, context);
    if finding.id == "ovs.daemons" {
        return if fix == "unit.start" { switch::plan(draft, finding, context) } else { None };
    }
    match (fix, finding.cause.as_deref()?) {
        ("unit.start", "stopped" | "inactive" | "failed" | "crash-loop" | "starting") => start(draft, context),
        ("unit.enable", "disabled" | "masked") => enable(draft, context),
        _ => None,
    }
}

pub fn questions(finding: &Finding, context: &Context<'_>) -> Vec<Query> {
    let names = if finding.id == "ovs.daemons" { &switch::UNITS[..] } else { &[finding.subject.as_str()] };
    let loaded = context.facts.reading::<SortedMap<String, LoadedUnit>>(&Query::Units).known();
    let has_failed =
        |name: &str| loaded.is_none_or(|all| all.get(name).is_some_and(|unit| fails(&unit.active, &unit.sub)));
    let of = |name: &&str| std::iter::once(unit(name)).chain(has_failed(name).then(|| log(name)));
    names.iter().flat_map(of).collect()
}

/// What has failed, or does so again and again, says why.
fn fails(active: &str, sub: &str) -> bool {
    active == "failed" || sub == "auto-restart"
}

fn log(name: &str) -> Query {
    Query::UnitLog(name.to_owned())
}

fn unit(name: &str) -> Query {
    Query::Unit(name.to_owned())
}

fn now<'a>(name: &str, context: &Context<'a>) -> Option<&'a Unit> {
    context.facts.reading::<Unit>(&unit(name)).known()
}

/// The state of its file in the baseline, and whether it ran; none where there is no baseline or it knows no such unit.
fn then<'a>(name: &str, context: &Context<'a>) -> (Option<&'a str>, Option<bool>) {
    let Some(facts) = context.before.map(|before| &before.facts) else { return (None, None) };
    let one = facts.reading::<Unit>(&unit(name)).known();
    let files = facts.reading::<SortedMap<String, String>>(&Query::UnitFiles).known();
    let loaded = facts.reading::<SortedMap<String, LoadedUnit>>(&Query::Units).known();
    let file = files.and_then(|files| files.get(name).map(String::as_str));
    // What systemd had not loaded did not run.
    let active = loaded.map(|loaded| loaded.get(name).map_or("inactive", |unit| unit.active.as_str()));
    let file = file.or(one.map(|unit| unit.file_state.as_str()));
    (file, active.or(one.map(|unit| unit.active.as_str())).map(is_active))
}

fn start(draft: Planned, context: &Context<'_>) -> Option<Planned> {
    let name = draft.subject.clone();
    let unit = now(&name, context)?;
    let draft = Planned {
        before: pairs(&[("active_state", Some(&unit.active))]),
        after: pairs(&[("active_state", Some("active"))]),
        why: why(&draft.why, &[(&name, unit)], context),
        undo: undo(&draft.undo, &[(&name, unit)]),
        ..draft
    };
    if let Some(why) = cannot_start(&name, unit, context) {
        return Some(draft.refused(why));
    }
    let (needs, risk) = disturbs(&name);
    Some(Planned { steps: start_steps(&name, unit), needs, risk, touches: touches(&name, context), ..draft })
}

/// Why it is left as it is.
fn cannot_start(name: &str, unit: &Unit, context: &Context<'_>) -> Option<String> {
    match (unit.load.as_str(), unit.active.as_str(), unit.sub.as_str()) {
        ("masked", ..) => return Some(format!("{name} is masked")),
        ("loaded", ..) => {}
        (load, ..) => return Some(format!("systemd cannot load {name}: {load}")),
    }
    match (unit.active.as_str(), unit.sub.as_str()) {
        (_, "auto-restart") => {
            return Some(format!(
                "systemd starts {name} again by itself, and it has failed each time ({}, {} restarts): mend what it says, \
                 one more start would only count against its limit",
                unit.result, unit.restarts
            ));
        }
        ("inactive" | "failed", _) => {}
        (active, sub) => return Some(format!("{name} is {active} ({sub}): nothing is to be started")),
    }
    let (file, ran) = then(name, context);
    match (file, ran) {
        (Some(file), Some(false)) => Some(format!("{name} did not run in the baseline ({file}), and stays so")),
        _ => None,
    }
}

/// What was found, and of each that has failed how it ended and what it said last.
fn why(detail: &str, units: &[(&str, &Unit)], context: &Context<'_>) -> String {
    let mut why = detail.to_owned();
    for (name, unit) in units.iter().filter(|(_, unit)| fails(&unit.active, &unit.sub)) {
        if !matches!(unit.result.as_str(), "" | "success") && !why.contains(&unit.result) {
            why.push_str(&format!(" ({})", unit.result));
        }
        let said = context.facts.reading::<Vec<u8>>(&log(name)).known();
        let said = said.map(|said| String::from_utf8_lossy(said)).unwrap_or_default();
        said.lines().for_each(|line| why.push_str(&format!("; it said: {line}")));
        if said.is_empty() {
            why.push_str(&format!("; `journalctl -b -n 20 -u {name}` says why"));
        }
    }
    why
}

/// A unit that had failed is not made to fail again.
fn undo(undo: &str, units: &[(&str, &Unit)]) -> String {
    let had_failed = units.iter().any(|(_, unit)| unit.active == "failed");
    format!("{undo}{}", if had_failed { "; it is inactive then, and shows no longer that it had failed" } else { "" })
}

/// Once, and no more: what fails again is a person's. The count of starts is forgotten first, since one that ran into
/// its limit is not started any more.
fn start_steps(name: &str, unit: &Unit) -> Vec<Step> {
    let is_active = |active| Holds::UnitActive { unit: name.to_owned(), active };
    let set = |verb: &str, active| {
        Deed::Run(Run { deadline_s: Some(STARTING_S), ..Run::new(&["systemctl", verb, name]).until(is_active(active)) })
    };
    let has_failed = unit.active == "failed";
    let reset = || Run::new(&["systemctl", "reset-failed", name]);
    // What was inactive may be failed once it is stopped, or where it did not start; what had failed shows that again.
    let is_inactive = Holds::UnitInactive { unit: name.to_owned() };
    let as_found = (!has_failed).then(|| Deed::Run(reset().until(is_inactive)));
    let undoes = [set("stop", false)].into_iter().chain(as_found).collect();
    let start = Step { does: set(if has_failed { "restart" } else { "start" }, true), undoes };
    let reset = has_failed.then(|| Step { does: Deed::Run(reset()), undoes: Vec::new() });
    reset.into_iter().chain([start]).collect()
}

/// What must be accepted by name, and why.
fn disturbs(name: &str) -> (Vec<String>, Option<String>) {
    let begins = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
    if begins(&["ovs", "openvswitch"]) {
        let risk = "the switch forgets its flows when it starts: guests may lose packets until they are there again";
        (vec!["disruption".to_owned()], Some(risk.to_owned()))
    } else if begins(&["libvirt", "virt"]) {
        (vec!["disruption".to_owned()], Some("it takes up every guest of this host anew".to_owned()))
    } else if begins(&NETWORK) {
        (Vec::new(), Some("it sets up the network of this host anew".to_owned()))
    } else {
        (Vec::new(), None)
    }
}

/// What configures devices as a whole when it starts.
const NETWORK: [&str; 3] = ["systemd-networkd", "networking", "NetworkManager"];

fn touches(name: &str, context: &Context<'_>) -> Vec<String> {
    if name.starts_with("ovs") || name.starts_with("openvswitch") {
        return switch::devices(context);
    }
    if !NETWORK.iter().any(|start| name.starts_with(start)) {
        return Vec::new();
    }
    let addresses = context.facts.reading::<Vec<Address>>(&Query::Addresses).known();
    let carries = |it: &&Address| it.link != "lo" && it.scope == "global";
    addresses.into_iter().flatten().filter(carries).map(|it| it.link.clone()).collect()
}

/// As it was, and only where it was so.
fn enable(draft: Planned, context: &Context<'_>) -> Option<Planned> {
    let name = draft.subject.clone();
    let unit = now(&name, context)?;
    let state = unit.file_state.as_str();
    let Some(was) = then(&name, context).0 else {
        return Some(draft.refused(format!("no baseline says that {name} was otherwise")));
    };
    let draft = Planned {
        before: pairs(&[("unit_file_state", Some(state))]),
        after: pairs(&[("unit_file_state", Some(was))]),
        ..draft
    };
    let is_masked = state.starts_with("masked");
    if was.starts_with("masked") || (!is_masked && was != "enabled") {
        return Some(draft.refused(format!("{name} was {was} in the baseline, and stays so")));
    }
    if state.starts_with("linked") {
        return Some(
            draft.refused(format!("{name} is linked from elsewhere: `systemctl disable` would not bring that back")),
        );
    }
    let is = |state: &str| Holds::UnitFile { unit: name.clone(), state: state.to_owned() };
    let set = |words: &[&str]| Run::new(&[&["systemctl"], words, &[name.as_str()]].concat());
    let mut steps = Vec::new();
    if is_masked {
        let runtime: &[&str] = if state == "masked-runtime" { &["--runtime"] } else { &[] };
        let unmask = set(&[&["unmask"], runtime].concat());
        // What lay below the mask, enabled or not, is seen only then.
        let does = if was == "enabled" { unmask } else { unmask.until(is(was)) };
        let back = set(&[&["mask"], runtime].concat()).until(is(state));
        steps.push(Step { does: Deed::Run(does), undoes: vec![Deed::Run(back)] });
    }
    if was == "enabled" {
        let below = if is_masked { "disabled" } else { state };
        let back = set(&["disable"]).until(is(below));
        steps.push(Step { does: Deed::Run(set(&["enable"]).until(is("enabled"))), undoes: vec![Deed::Run(back)] });
    }
    Some(Planned { steps, ..draft })
}

#[cfg(test)]
mod tests;
