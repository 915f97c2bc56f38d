//! A real systemd-networkd beside us: what we put back stays, and it is not restarted.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("fix-networkd":
    networkd_leaves_what_is_put_back_and_its_own_way_is_named,
);

const CARD: &str = "[Match]
Name=eno2
[Network]
LinkLocalAddressing=no
IPv6AcceptRA=no
Address=198.51.100.7/24
Address=2001:db8:2::7/64
[Route]
Destination=10.9.0.0/16
Gateway=198.51.100.1
[RoutingPolicyRule]
Priority=100
From=198.51.100.7
Table=100
";

fn network(lab: &Lab) -> Result<String> {
    lab.sh("ip -o address show dev eno2 | grep -o 'inet.* scope [a-z]*' | sort
        ip route show table all dev eno2 | grep -v 'table local\\|linkdown' | sort; ip rule")
}

fn risks(run: &Run) -> Result<String> {
    let actions = run.report()?["actions"].as_array().context("no actions")?;
    Ok(actions.iter().map(|action| format!("{}\n", action["risk"])).collect())
}

fn is_applied(run: &Run, count: usize) -> Tested {
    let actions = run.report()?["actions"].as_array().context("no actions")?;
    let is_made = |action: &Value| action["state"] == "applied";
    ensure!(actions.len() == count && actions.iter().all(is_made), "{actions:#?}");
    Ok(())
}

fn networkd_leaves_what_is_put_back_and_its_own_way_is_named() -> Tested {
    let lab = recipe::bring_to_work(recipe::bonded().boot()?)?;
    lab.write("/etc/systemd/network/20-eno2.network", CARD)?;
    lab.sh("systemctl start systemd-networkd")?;
    lab.wait_until("networkd has set it up", |lab| {
        Ok(network(lab)?.contains("10.9.0.0/16") && lab.sh("networkctl status eno2")?.contains("(configured)"))
    })?;
    // One that stands in none of its files: somebody typed it.
    lab.sh("ip address add 192.168.99.7/24 broadcast + dev eno2; ip route add 10.8.0.0/16 via 192.168.99.1 dev eno2 proto static")?;
    lab.hostready(&["snapshot", "--replace", "--json"])?.exits(0)?;
    let whole = network(&lab)?;
    let started = "systemctl show -p ExecMainStartTimestampMonotonic -p NRestarts systemd-networkd";
    let before = lab.sh(started)?;

    lab.sh("ip address del 198.51.100.7/24 dev eno2; ip -6 address del 2001:db8:2::7/64 dev eno2
        ip address del 192.168.99.7/24 dev eno2
        ip route flush 10.9.0.0/16; ip route flush 10.8.0.0/16; ip rule del priority 100")?;
    let lost = network(&lab)?;
    let wanted = ["address.restore", "route.restore", "rule.restore"];
    let plan = lab.hostready(&[&["fix", "--json"], &wanted[..]].concat())?;
    let said = risks(&plan)?;
    for words in [
        "networkd manages eno2 (/etc/systemd/network/20-eno2.network)",
        "`networkctl reconfigure eno2`, makes again what stands there and takes away what does not",
    ] {
        ensure!(said.contains(words), "it does not say `{words}`: {said}");
    }
    ensure!(network(&lab)? == lost, "a plan changed it");
    let run = lab.hostready(&[&["fix", "--json", "--apply"], &wanted[..]].concat())?;
    is_applied(&run, 6)?;
    ensure!(network(&lab)? == whole, "--- was\n{whole}\n--- is\n{}", network(&lab)?);

    // It hears of each change, and of a cable that is pulled and plugged in again.
    lab.wire(&["ip", "link", "set", "w-eno2", "down"])?;
    lab.wait_until("no carrier", |lab| Ok(lab.sh("networkctl status eno2")?.contains("no-carrier")))?;
    lab.wire(&["ip", "link", "set", "w-eno2", "up"])?;
    lab.wait_until("it is configured again", |lab| Ok(lab.sh("networkctl status eno2")?.contains("(configured)")))?;
    ensure!(network(&lab)? == whole, "after the cable\n--- was\n{whole}\n--- is\n{}", network(&lab)?);
    ensure!(lab.sh(started)? == before, "networkd was started anew");

    // What its file says it makes again, once; what was typed it takes away, as the plan has said.
    lab.sh("networkctl reconfigure eno2")?;
    let left: Vec<&str> = whole.lines().filter(|line| !line.contains("192.168.99.")).collect();
    lab.wait_until("it has its own way", |lab| Ok(network(lab)?.lines().eq(left.iter().copied())))
}
