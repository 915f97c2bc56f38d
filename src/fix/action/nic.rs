//! A renamed NIC gets its name back, or is taken up under its new one.

mod link_file;
mod pin;
mod take_up;

use serde_json::json;

use super::Context;
use super::ip::{self, sized, switched};
use crate::facts::nics::{Whereabouts, address};
use crate::judge::kept::devices::Devices;
use crate::judge::kept::ovs_ports::by_hand::{ASIDE, Move};
use crate::judge::topology::{Part, Topology};
use crate::model::answer::{Address, Link};
use crate::model::gather::Gather as _;
use crate::model::plan::{Deed, Planned, Run, Step};
use crate::model::run::Holds;
use crate::model::{Finding, Query, Reading};

pub use pin::{FIX as PIN, fold as fold_pins, plan as pin, questions as pin_questions};

const RISK: &str =
    "the NIC is down for a moment; where udev gives a NIC the wanted name beside its own, that goes first";

pub fn plan(fix: &str, finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let devices = Devices::new(context.facts, context.before?).ok()?;
    let names = renamed(finding, context, &devices);
    match fix {
        _ if names.is_empty() => None,
        "nic.rename-back" => rename_back(&names, finding, context, &devices),
        _ => take_up::plan(finding, context),
    }
}

pub fn questions(finding: &Finding, context: &Context<'_>) -> Vec<Query> {
    let Some(devices) = context.before.and_then(|before| Devices::new(context.facts, before).ok()) else {
        return Vec::new();
    };
    let names = renamed(finding, context, &devices);
    if names.is_empty() {
        return Vec::new();
    }
    let moves = chains(&names, &devices).into_iter().flatten();
    let nics = moves.map(|it| Query::Nic(it.called.to_owned()));
    nics.chain(link_file::questions()).chain(take_up::questions()).chain([Query::Addresses]).collect()
}

/// The NICs of the baseline that a finding is about and that have other names now.
fn renamed(finding: &Finding, context: &Context<'_>, devices: &Devices<'_>) -> Vec<String> {
    let mut names = meant(finding, context, devices);
    names.retain(|name| matches!(devices.nics.place(name), Whereabouts::Renamed(_)));
    names
}

/// The devices of the baseline that a finding is about, whatever they are called now.
pub fn meant(finding: &Finding, context: &Context<'_>, devices: &Devices<'_>) -> Vec<String> {
    let mut names = Vec::new();
    let mut subject = finding.subject.splitn(3, '/');
    match (finding.id.as_str(), subject.next(), subject.next(), subject.next()) {
        ("ovs.port-kept", _, _, Some(member)) => names.push(member.to_owned()),
        ("ovs.port-kept", Some(bridge), Some(port), None) => {
            let then = context.before.and_then(|before| before.facts.wiring().known());
            let port = then.and_then(|then| then.bridges.get(bridge)?.ports.get(port));
            names.extend(port.into_iter().flat_map(|port| port.interfaces.keys().cloned()));
        }
        ("network.address-kept", ..) => names.extend(ip::word(&finding.expected, "link").map(str::to_owned)),
        _ => {
            names.push(finding.subject.clone());
            let members = devices.then.iter().filter(|(_, it)| it.master.as_deref() == Some(&finding.subject));
            names.extend(members.filter(|(_, it)| it.bond_member.is_some()).map(|(name, _)| name.clone()));
        }
    }
    names
}

/// Who gets which name: those together that took each other's names, in an order in which each name is free. Of a circle
/// the last goes aside before.
fn chains<'m>(names: &'m [String], devices: &'m Devices<'_>) -> Vec<Vec<Move<'m>>> {
    let mut chains: Vec<Vec<Move<'m>>> = Vec::new();
    for name in names {
        let Some(called) = devices.nics.now(name) else { continue };
        let mut chain = devices.moves(name, called);
        chain.reverse();
        let is_known = chains.iter().flatten().any(|other| chain.iter().any(|it| it.called == other.called));
        if !is_known {
            chains.push(chain);
        }
    }
    chains
}

/// Why one of them cannot be renamed; none where all can.
fn is_in_the_way(moves: &[Move<'_>], context: &Context<'_>, devices: &Devices<'_>) -> Option<String> {
    let addresses = match context.facts.reading::<Vec<Address>>(&Query::Addresses) {
        Reading::Known(addresses) => addresses,
        _ => return Some("its addresses could not be read".to_owned()),
    };
    let wiring = context.facts.wiring().known();
    moves.iter().find_map(|it| {
        let (called, wanted) = (it.called, it.wanted);
        let link = devices.links.get(called)?;
        let is_moved = |name: &str| moves.iter().any(|other| other.called == name);
        if devices.links.contains_key(wanted) && !is_moved(wanted) {
            return Some(format!("the name {wanted} is taken"));
        }
        let has_name = |(other, link): (&String, &Link)| {
            other != called && !is_moved(other) && link.alternative_names.iter().any(|name| name == wanted)
        };
        if let Some((other, _)) = devices.links.iter().find(|it| has_name(*it)) {
            return Some(format!("{other} has {wanted} as another name"));
        }
        // The datapath of the kernel keeps a NIC that was renamed, whatever the database says.
        if let Some(master) = link.master.as_deref().filter(|_| link.member_kind.as_deref() != Some("openvswitch")) {
            return Some(format!("{called} is in {master}"));
        }
        if addresses.iter().any(|address| address.link == called && address.scope == "global") {
            return Some(format!("{called} has an address"));
        }
        let is_port = wiring.is_some_and(|wiring| wiring.row("Interface", called).is_some());
        (is_port && !devices.then.contains_key(called)).then(|| format!("the switch has a port {called}"))
    })
}

fn rename_back(names: &[String], finding: &Finding, context: &Context<'_>, devices: &Devices<'_>) -> Option<Planned> {
    let chains = chains(names, devices);
    let moves: Vec<Move<'_>> = chains.iter().flatten().copied().collect();
    let in_the_way = is_in_the_way(&moves, context, devices);
    // What can be taken up under its new name is.
    if in_the_way.is_some() && finding.id != "network.link-kept" {
        return None;
    }
    let (mut steps, mut notes) = (Vec::new(), Vec::new());
    for chain in &chains {
        let (mut made, why_not) = chain_steps(chain, context, devices);
        steps.append(&mut made);
        notes.extend(why_not);
    }
    let told: Vec<String> = moves.iter().map(|it| format!("{} is called {}", it.wanted, it.called)).collect();
    let parts: Vec<Part> =
        moves.iter().flat_map(|it| [it.called, it.wanted]).map(|name| Part::Device(name.to_owned())).collect();
    let pairs = |from: fn(&Move<'_>) -> (String, String)| {
        moves.iter().map(|it| from(it)).map(|(mac, name)| (mac, json!(name))).gather()
    };
    Some(Planned {
        fix: "nic.rename-back".to_owned(),
        subject: names.join(","),
        mends: finding.reference(),
        why: format!("{}: what was bound to its old name finds it by that", told.join(", ")),
        steps,
        undo: "inverse operation: each NIC gets the name back that it has now, and the .link files go".to_owned(),
        risk: Some([vec![RISK.to_owned()], notes].concat().join("; ")),
        needs: Vec::new(),
        touches: Topology::new(context.facts, context.before).devices_on(&parts),
        frees_bytes: None,
        before: pairs(|it| (it.wanted.to_owned(), it.called.to_owned())),
        after: pairs(|it| (it.wanted.to_owned(), it.wanted.to_owned())),
        refused: in_the_way,
    })
}

/// The steps, and which `.link` files are not written.
fn chain_steps(chain: &[Move<'_>], context: &Context<'_>, devices: &Devices<'_>) -> (Vec<Step>, Vec<String>) {
    let (mut steps, mut notes) = (Vec::new(), Vec::new());
    let last = chain.last().filter(|last| chain.first().is_some_and(|first| first.wanted == last.called));
    let aside = last.and_then(|last| Some((last.called, devices.links.get(last.called)?)));
    if let Some((called, link)) = aside {
        steps.push(switched(called, false, link.admin_up));
        steps.push(named(called, ASIDE, address(link).unwrap_or_default()));
    }
    for it in chain {
        let Some(link) = devices.links.get(it.called) else { continue };
        let called = if aside.is_some_and(|(called, _)| called == it.called) { ASIDE } else { it.called };
        steps.extend(renaming(it, called, link, devices.then.get(it.wanted)));
        match link_file::step(it, link, context) {
            Ok(step) => steps.push(step),
            Err(why) => notes.push(format!("no .link file is written for {}: {why}", it.wanted)),
        }
    }
    (steps, notes)
}

pub fn ip(words: &[&str], until: Option<Holds>) -> Deed {
    let run = Run::new(&[&["ip", "link"], words].concat());
    Deed::Run(match until {
        Some(until) => run.until(until),
        None => run,
    })
}

fn named(called: &str, wanted: &str, mac: &str) -> Step {
    let deed = |from: &str, to: &str| {
        ip(&["set", "dev", from, "name", to], Some(Holds::LinkNamed { name: to.to_owned(), mac: mac.to_owned() }))
    };
    Step { does: deed(called, wanted), undoes: vec![deed(wanted, called)] }
}

/// Down, its name, its MTU, up.
fn renaming(it: &Move<'_>, called: &str, link: &Link, then: Option<&Link>) -> Vec<Step> {
    let (wanted, mac) = (it.wanted, address(link).unwrap_or_default());
    let mut steps = Vec::new();
    if called == it.called {
        steps.push(switched(called, false, link.admin_up));
    }
    if it.is_alternative {
        let deed = |how: &str, there: bool| {
            let holds = Holds::AlternativeName { name: wanted.to_owned(), of: called.to_owned(), there };
            ip(&["property", how, "dev", called, "altname", wanted], Some(holds))
        };
        steps.push(Step { does: deed("del", false), undoes: vec![deed("add", true)] });
    }
    steps.push(named(called, wanted, mac));
    steps.extend(then.filter(|then| then.mtu != link.mtu).map(|then| sized(wanted, then.mtu, link.mtu)));
    if then.is_none_or(|then| then.admin_up) || link.admin_up {
        // Always made, and so always taken back: the switch may have switched it on by then, and what is up keeps its name.
        let does = ip(&["set", "dev", wanted, "up"], None);
        steps.push(Step { does, undoes: vec![ip(&["set", "dev", wanted, "down"], None)] });
    }
    steps
}
