//! A member comes back into its bond of the kernel.

use serde_json::json;

use super::Context;
use super::ip::switched;
use super::nic::ip;
use crate::facts::nics::Whereabouts;
use crate::judge::kept::devices::Devices;
use crate::judge::topology::{Part, Topology};
use crate::model::Finding;
use crate::model::gather::Gather as _;
use crate::model::plan::{Planned, Step};
use crate::model::run::Holds;

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    if finding.cause.as_deref() != Some("bond-member-missing") {
        return None;
    }
    let bond = finding.subject.as_str();
    let devices = Devices::new(context.facts, context.before?).ok()?;
    let members = devices.then.iter().filter(|(_, link)| link.master.as_deref() == Some(bond));
    let (mut added, mut steps, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for (member, _) in members {
        let called = match devices.nics.place(member) {
            Whereabouts::Same => member,
            Whereabouts::Renamed(called) => called,
            Whereabouts::Gone | Whereabouts::Unknown => {
                left_out.push(format!("{member} is gone"));
                continue;
            }
        };
        let Some(link) = devices.links.get(called) else { continue };
        match devices.holder(context.facts, called).or(link.master.as_deref()) {
            Some(holder) if holder == bond => {}
            Some(holder) => left_out.push(format!("{called} is in {holder}")),
            None => {
                steps.extend(enslaved(called, bond, link.admin_up));
                added.push(called.to_owned());
            }
        }
    }
    if added.is_empty() && left_out.is_empty() {
        return None;
    }
    let parts: Vec<Part> = added.iter().map(|name| Part::Device(name.clone())).collect();
    let is_there = devices.links.get(bond).is_some_and(|link| link.kind.as_deref() == Some("bond"));
    let refused = match (is_there, added.is_empty()) {
        (false, _) => Some(format!("there is no bond {bond}")),
        (true, true) => Some(left_out.join("; ")),
        (true, false) => None,
    };
    let note = "a member gets the bond's address and loses its own IP addresses".to_owned();
    Some(Planned {
        fix: "bond.member.readd".to_owned(),
        subject: bond.to_owned(),
        mends: finding.reference(),
        why: finding.detail.split("; ").next().unwrap_or_default().to_owned(),
        steps,
        undo: "inverse operation: the NIC leaves the bond".to_owned(),
        risk: Some([vec![note], left_out].concat().join("; ")),
        needs: Vec::new(),
        touches: Topology::new(context.facts, context.before).devices_on(&parts),
        frees_bytes: None,
        before: [("without".to_owned(), json!(added))].into_iter().gather(),
        after: [("with".to_owned(), json!(added))].into_iter().gather(),
        refused,
    })
}

/// A bond takes only what is down, and switches it on.
fn enslaved(name: &str, bond: &str, was_up: bool) -> Vec<Step> {
    let of =
        |master: Option<&str>| Some(Holds::LinkMaster { name: name.to_owned(), master: master.map(str::to_owned) });
    let does = ip(&["set", "dev", name, "master", bond], of(Some(bond)));
    let undoes = vec![ip(&["set", "dev", name, "nomaster"], of(None))];
    vec![switched(name, false, was_up), Step { does, undoes }, switched(name, true, true)]
}
