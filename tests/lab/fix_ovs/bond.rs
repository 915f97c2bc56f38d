//! A bond of the switch, of which a NIC comes back under another name.

use std::collections::BTreeSet;

use anyhow::{Context, ensure};

use super::{differs_by, fix, hypervisor, is_applied, switch, undo};
use crate::harness::Tested;

crate::tests!("fix-ovs-bond": member_of_a_bond_is_taken_up_under_its_new_name);

/// In the place of its old row, so that the bond is never without it; or with the whole bond, where that is lost.
fn member_of_a_bond_is_taken_up_under_its_new_name() -> Tested {
    let lab = hypervisor()?;
    let whole = switch(&lab)?;
    lab.sh("ip link set eno3 down; ip link set eno3 name ens3; ip address add 198.51.100.4/24 dev ens3")?;
    for (loss, finding) in
        [("show", "ovs.port-kept:br-data/bond1/eno3"), ("del-port bond1", "ovs.port-kept:br-data/bond1")]
    {
        lab.sh(&format!("ovs-vsctl --timeout=10 {loss}"))?;
        let lost = switch(&lab)?;
        is_applied(&fix(&lab, finding)?, "nic.take-up").with_context(|| finding)?;
        let mended = switch(&lab)?;
        // They are listed by their names.
        let as_set = |text: &str| text.replace("eno3", "ens3").lines().map(str::to_owned).collect::<BTreeSet<_>>();
        ensure!(as_set(&mended) == as_set(&whole), "{finding}\n--- was\n{whole}\n--- is\n{mended}");
        let members =
            lab.sh("ovs-appctl bond/show bond1 | sed -nE 's/^(slave|member) (ens?o?[0-9]):.*/\\2/p' | sort | xargs")?;
        ensure!(!mended.contains("eno3") && members == "eno2 ens3", "the bond at work has {members}");
        undo(&lab, "nic.take-up")?;
        // The switch had it open from before it was renamed, and now asks for it in vain.
        differs_by(&lab, &lost, r#"Interface eno3 error "could not open network device eno3 (No such device)""#)
            .with_context(|| format!("{finding}, undone"))?;
    }
    Ok(())
}
