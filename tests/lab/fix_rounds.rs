//! One `fix --apply` over several rounds, on a real switch and kernel: cards get their names back first, and what only
//! shows afterwards follows.

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::harness::state::{is_again, state};
use crate::harness::{Tested, recipe};

crate::tests!("fix-rounds": cards_come_back_first_and_then_what_was_on_them);

const WHOLE: &str = "
ip link set eno2 up; ip address add 198.51.100.7/24 broadcast + dev eno2; ip -6 address add 2001:db8:2::7/64 dev eno2 nodad
ip route add 10.9.0.0/16 via 198.51.100.1 dev eno2 proto static
ovs-vsctl --timeout=10 \
    -- add-br br-data -- set bridge br-data datapath_type=netdev other_config:hwaddr=02:00:00:0a:00:10 \
    -- add-port br-data eno4 tag=40 -- set interface eno4 mtu_request=1450 external_ids:who=me";

/// Both have new names; of what was on them nothing is left, and the port is gone, too.
const LOST: &str = "
ovs-vsctl --timeout=10 del-port br-data eno4
ip address flush dev eno2; ip link set eno2 down; ip link set eno2 name ens2
ip link set eno4 down; ip link set eno4 name ens4";

fn cards_come_back_first_and_then_what_was_on_them() -> Tested {
    let lab = recipe::bring_to_work(recipe::bonded().nic("eno4", "52:54:00:0a:00:04").boot()?)?;
    lab.sh(WHOLE)?;
    lab.hostready(&["snapshot", "--json", "--replace"])?.exits(0)?;
    let whole = state(&lab)?;
    lab.sh(LOST)?;
    let lost = state(&lab)?;

    let wanted = ["ovs.port-kept", "network.address-kept", "network.route-kept"];
    let run = lab.hostready(&[&["fix", "--json", "--apply"], &wanted[..]].concat())?;
    let actions = run.report()?["actions"].as_array().context("no actions")?;
    let told = |action: &Value| format!("{} {}: {}", action["id"], action["subject"], action["state"]).replace('"', "");
    let told: Vec<String> = actions.iter().map(told).collect();
    ensure!(told.len() >= 6 && told.iter().all(|it| it.ends_with(": applied")), "{told:#?}\n{}", run.stdout);
    let at = |fix: &str| told.iter().position(|it| it.starts_with(fix)).with_context(|| format!("no {fix}: {told:#?}"));
    let named = told.iter().filter(|it| it.starts_with("nic.rename-back")).count();
    ensure!(named == 2, "{told:#?}");
    ensure!(at("nic.rename-back")? < at("address.restore")?, "{told:#?}");
    ensure!(at("nic.rename-back")? < at("ovs.port.readd")?, "{told:#?}");
    ensure!(at("address.restore")? < at("route.restore")?, "{told:#?}");
    let plans = lab.sh("grep -c '\"what\":{\"planned\"' /var/lib/hostready/runs/*/journal")?;
    ensure!(plans.parse::<u32>()? >= 2, "it was all planned at once: {plans}");

    is_again(&lab, &whole, "mended")?;
    lab.hostready(&["undo", "--json"])?.exits(0)?;
    is_again(&lab, &lost, "undone")
}
