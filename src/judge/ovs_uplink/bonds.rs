//! The kernel's bonds below an uplink. OVS sees the bond alone, and not which of its members is dead.

use super::Links;
use crate::judge::causes::Part;
use crate::judge::outcome::Outcome;
use crate::model::answer::Link;

/// The dead members of a kernel bond that this uplink is, or that lies below its VLAN, while another lives.
pub fn dead_members_below(subject: &str, name: &str, links: &Links) -> Vec<Outcome> {
    let mut bond = name;
    while let Some(lower) = links.get(bond).filter(|link| link.kind.as_deref() == Some("vlan")) {
        match lower.lower.as_deref() {
            Some(below) if below != bond => bond = below,
            _ => return Vec::new(),
        }
    }
    let is_bond = links.get(bond).is_some_and(|link| link.kind.as_deref() == Some("bond"));
    if !is_bond {
        return Vec::new();
    }
    let is_live = |link: &Link| link.admin_up && link.carrier;
    let members = || links.iter().filter(|(_, link)| link.master.as_deref() == Some(bond));
    // With all dead the bond itself has no carrier, and says so.
    if !members().any(|(_, link)| is_live(link)) {
        return Vec::new();
    }
    members()
        .filter(|(_, link)| !is_live(link))
        .map(|(member, link)| {
            let detail = format!("{member} of {bond} has no link; the bond has a live member");
            Outcome::fail(format!("{subject}/{member}"), Some("bond-member-down"), detail)
                .touching(Part::Device(member.clone()))
                .touching(Part::Device(bond.to_owned()))
                .expecting("carrier", true)
                .observing("admin_up", link.admin_up)
                .observing("carrier", link.carrier)
        })
        .collect()
}
