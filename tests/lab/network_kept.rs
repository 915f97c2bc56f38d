//! The kernel's network against the baseline: one thing is changed with the tools of an operator, and told.

pub mod routes;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("network_kept":
    churn_is_no_finding,
    lost_address_is_told_with_its_device,
    address_on_a_member_of_the_bridge_is_told_as_such,
    renamed_nic_is_followed,
    swapped_nics_are_told,
    lost_link_is_told,
    size_and_state_of_a_link_are_compared,
    dead_member_of_a_bond_of_the_switch_is_a_warning,
    resolver_is_compared,
    manager_of_a_device_is_named,
);

const NETWORK: [&str; 5] = ["link", "address", "route", "rule", "dns"];

/// A hypervisor with two more cards that have addresses of their own, remembered.
fn remembered(more: &str) -> Result<Lab> {
    let lab = recipe::bring_to_work(recipe::bonded().boot()?)?;
    lab.sh("ip link set eno2 up; ip link set eno3 up
        ip address add 198.51.100.7/24 dev eno2
        ip -6 address add 2001:db8:2::7/64 dev eno2 nodad
        ip address add 203.0.113.7/24 dev eno3")?;
    lab.sh(more)?;
    // What a card says of its carrier comes a moment after it is switched on.
    lab.wait_until("the cards have carrier", |lab| {
        Ok(lab
            .run(&["sh", "-c", "grep -qx 1 /sys/class/net/eno2/carrier && grep -qx 1 /sys/class/net/eno3/carrier"])?
            .code
            == 0)
    })?;
    let run = lab.hostready(&["snapshot", "--replace", "--json"])?;
    ensure!(run.report()?["changed"] == true, "no baseline: {}{}", run.stdout, run.stderr);
    Ok(lab)
}

fn verify(lab: &Lab) -> Result<Run> {
    let ids: Vec<String> = NETWORK.iter().map(|what| format!("network.{what}-kept")).collect();
    let only = ids.iter().flat_map(|id| ["--only", id.as_str()]);
    lab.hostready(&["verify", "--json"].into_iter().chain(only).collect::<Vec<_>>())
}

/// Everything is as it was.
fn is_whole(run: &Run) -> Tested {
    let loud = run.loud()?;
    ensure!(loud.is_empty(), "a host as it was raises\n{}", loud.join("\n"));
    for what in NETWORK {
        let rows = run.rows(&format!("network.{what}-kept"))?;
        ensure!(rows.len() == 1 && rows[0]["status"] != "fail", "network.{what}-kept: {rows:#?}");
    }
    Ok(())
}

/// The rows that fail, `id subject cause`.
fn failing(run: &Run) -> Result<Vec<String>> {
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let told = |row: &&Value| row["status"] == "fail" || row["status"] == "unknown";
    let mut failing: Vec<String> = run
        .findings()?
        .iter()
        .filter(told)
        .map(|row| {
            format!(
                "{} {} {}",
                word(row, "id").trim_start_matches("network."),
                word(row, "subject"),
                word(row, "cause")
            )
        })
        .collect();
    failing.sort();
    Ok(failing)
}

fn fails_with(lab: &Lab, expected: &[&str]) -> Result<Run> {
    let run = verify(lab)?;
    let failing = failing(&run)?;
    ensure!(failing == expected, "expected {expected:#?}, and it says {failing:#?}\n{}", run.stdout);
    Ok(run)
}

fn detail<'a>(run: &'a Run, id: &str, subject: &str) -> Result<&'a str> {
    run.row(id, subject)?["detail"].as_str().context("a row has a detail")
}

/// Types what the rows propose.
fn type_by_hand(lab: &Lab, run: &Run) -> Tested {
    // Several rows may tell the same command, which a person types once.
    let mut typed = Vec::new();
    for row in run.findings()?.iter().filter(|row| row["status"] == "fail") {
        for command in row["by_hand"].as_array().into_iter().flatten() {
            if typed.contains(command) {
                continue;
            }
            typed.push(command.clone());
            let words: Vec<&str> = command.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            lab.run(&words)?.success()?;
        }
    }
    Ok(())
}

fn churn_is_no_finding() -> Tested {
    let lab = remembered(
        "ip tuntap add mode tap name vnet0 && ip link set vnet0 up
        ip link add veth0a type veth peer name veth0b && ip link set veth0a up
        ip link add docker0 type bridge && ip address add 172.17.0.1/16 dev docker0
        ip address add 198.51.100.99/24 dev eno2 valid_lft 3600 preferred_lft 1800
        ip address add 198.51.100.200/32 dev eno2
        ip route add 10.99.0.0/16 via 198.51.100.1 proto bird
        ip route add 10.98.0.0/16 via 198.51.100.1 proto dhcp
        ip route add 172.18.0.0/16 dev docker0 2>/dev/null || ip link set docker0 up",
    )?;
    is_whole(&verify(&lab)?)?;
    lab.sh("ip link delete vnet0 && ip link delete veth0a && ip link delete docker0
        ip tuntap add mode tap name vnet7 && ip link set vnet7 up && ip address add 10.7.7.7/24 dev vnet7
        ip address delete 198.51.100.99/24 dev eno2
        ip address add 198.51.100.98/24 dev eno2 valid_lft 3600 preferred_lft 1800
        ip route delete 10.99.0.0/16 && ip route delete 10.98.0.0/16
        ip -6 address add fe80::77/64 dev eno2 nodad")?;
    is_whole(&verify(&lab)?)?;
    // An address of keepalived's kind may be on another host by now: a note, and no more.
    lab.sh("ip address delete 198.51.100.200/32 dev eno2")?;
    let run = verify(&lab)?;
    run.notes("network.address-kept", "eno2 198.51.100.200/32", Some("missing"))?;
    run.exits(0)
}

fn lost_address_is_told_with_its_device() -> Tested {
    let lab = remembered("ip address add 192.0.2.77/24 dev br-ex")?;
    lab.sh("ip address delete 192.0.2.77/24 dev br-ex")?;
    let run = fails_with(&lab, &["address-kept br-ex 192.0.2.77/24 missing"])?;
    run.blocks("network.address-kept", "br-ex 192.0.2.77/24", Some("missing"))?;
    type_by_hand(&lab, &run)?;
    is_whole(&verify(&lab)?)?;
    // Moved to where nothing is below another.
    lab.sh("ip address delete 203.0.113.7/24 dev eno3 && ip address add 203.0.113.7/24 dev eno2")?;
    let run = fails_with(&lab, &["address-kept eno3 203.0.113.7/24 missing"])?;
    ensure!(run.row("network.address-kept", "eno3 203.0.113.7/24")?["observed"]["link"] == "eno2");
    type_by_hand(&lab, &run)?;
    is_whole(&verify(&lab)?)?;
    lab.sh("ip address delete 203.0.113.7/24 dev eno3 && ip address add 203.0.113.7/25 dev eno3")?;
    let run = fails_with(&lab, &["address-kept eno3 203.0.113.7/24 missing"])?;
    ensure!(run.row("network.address-kept", "eno3 203.0.113.7/24")?["observed"]["address"] == "203.0.113.7/25");
    Ok(())
}

/// What networkd and cloud-init do to a bridge that they know nothing of.
fn address_on_a_member_of_the_bridge_is_told_as_such() -> Tested {
    let lab = remembered(
        "ip link add lan1 type bridge && ip link set eno3 master lan1 && ip link set lan1 up
        ip address flush dev eno3 && ip address add 203.0.113.7/24 dev lan1",
    )?;
    is_whole(&verify(&lab)?)?;
    lab.sh("ip address delete 192.0.2.10/24 dev br-ex && ip address add 192.0.2.10/24 dev eno1
        ip route replace default via 192.0.2.1 dev br-ex onlink")?;
    let run = verify(&lab)?;
    let row = run.blocks("network.address-kept", "br-ex 192.0.2.10/24", Some("on-enslaved-nic"))?;
    ensure!(row["observed"]["link"] == "eno1" && row["observed"]["enslaved_to"] == "br-ex", "{row:#}");
    lab.sh("ip address delete 192.0.2.10/24 dev eno1 && ip address add 192.0.2.10/24 dev br-ex
        ip route replace default via 192.0.2.1 dev br-ex")?;
    is_whole(&verify(&lab)?)?;

    lab.sh("ip address delete 203.0.113.7/24 dev lan1 && ip address add 203.0.113.7/24 dev eno3")?;
    fails_with(&lab, &["address-kept lan1 203.0.113.7/24 on-enslaved-nic"])?;
    lab.sh("ip address delete 203.0.113.7/24 dev eno3 && ip address add 203.0.113.7/24 dev lan1")?;
    lab.sh("ip link set eno3 nomaster")?;
    let run = verify(&lab)?;
    run.blocks("network.link-kept", "eno3", Some("detached"))?;
    lab.sh("ip link set eno3 master lan1")?;
    // A card whose address stays on it when somebody puts it into a bridge.
    lab.sh("ip link set eno2 master lan1")?;
    let run = verify(&lab)?;
    run.blocks("network.address-kept", "eno2 198.51.100.7/24", Some("on-enslaved-nic")).map(drop)
}

fn renamed_nic_is_followed() -> Tested {
    let lab = remembered(
        "ip route add 10.1.0.0/16 via 198.51.100.1 dev eno2
        ip rule add priority 100 from all iif eno2 lookup 100",
    )?;
    // With nothing lost but the name: a note, and the rule that names it.
    lab.sh("ip link set eno2 down && ip link set eno2 name ens9 && ip link set ens9 up
        ip -6 address replace 2001:db8:2::7/64 dev ens9 nodad
        ip route add 10.1.0.0/16 via 198.51.100.1 dev ens9")?;
    let rule = "priority 100 from all iif eno2 lookup 100";
    let run = fails_with(&lab, &["link-kept eno2 renamed", &format!("rule-kept {rule} -")])?;
    run.notes("network.link-kept", "eno2", Some("renamed"))?;
    ensure!(detail(&run, "network.rule-kept", rule)?.starts_with("eno2 is now called ens9; "), "{}", run.stdout);
    lab.sh("ip rule delete priority 100")?;
    fails_with(&lab, &["link-kept eno2 renamed", &format!("rule-kept {rule} -")])?;

    // With the address gone, as when the configuration names the card by its old name.
    lab.sh("ip address flush dev ens9 scope global")?;
    let run = verify(&lab)?;
    for subject in ["eno2 198.51.100.7/24", "eno2 2001:db8:2::7/64"] {
        run.blocks("network.address-kept", subject, Some("missing"))?;
        let told = detail(&run, "network.address-kept", subject)?;
        ensure!(told.starts_with("eno2 is now called ens9; "), "{told}");
    }
    run.blocks("network.route-kept", "10.1.0.0/16 table main", None)?;
    type_by_hand(&lab, &run)?;
    is_whole(&verify(&lab)?)?;
    Ok(())
}

fn swapped_nics_are_told() -> Tested {
    let lab = remembered("")?;
    lab.sh("ip link set eno2 down && ip link set eno3 down
        ip link set eno2 name tmp0 && ip link set eno3 name eno2 && ip link set tmp0 name eno3
        ip link set eno2 up && ip link set eno3 up
        ip address flush dev eno2 scope global && ip address flush dev eno3 scope global
        ip address add 198.51.100.7/24 dev eno2 && ip -6 address add 2001:db8:2::7/64 dev eno2 nodad
        ip address add 203.0.113.7/24 dev eno3")?;
    // By name all is as it was, and every address is on the wrong wire.
    let expected = [
        "address-kept eno2 198.51.100.7/24 missing",
        "address-kept eno2 2001:db8:2::7/64 missing",
        "address-kept eno3 203.0.113.7/24 missing",
        "link-kept eno2 renamed",
        "link-kept eno3 renamed",
    ];
    let run = fails_with(&lab, &expected)?;
    let told = detail(&run, "network.address-kept", "eno2 198.51.100.7/24")?;
    ensure!(told == "eno2 is now called eno3; 198.51.100.7/24 is on eno2, which was called eno3", "{told}");
    Ok(())
}

fn lost_link_is_told() -> Tested {
    let lab = remembered("ip route add 10.1.0.0/16 via 203.0.113.1 dev eno3")?;
    lab.sh("ip link delete eno3")?;
    let expected =
        ["address-kept eno3 203.0.113.7/24 missing", "link-kept eno3 missing", "route-kept 10.1.0.0/16 table main -"];
    let run = fails_with(&lab, &expected)?;
    run.blocks("network.link-kept", "eno3", Some("missing"))?;
    ensure!(detail(&run, "network.address-kept", "eno3 203.0.113.7/24")?.starts_with("eno3 is gone; "));
    // Another card of its name is not the card.
    lab.sh("ip link add eno3 address 52:54:00:0a:00:99 type veth peer name far3 && ip link set eno3 up
        ip address add 203.0.113.7/24 dev eno3")?;
    let run = verify(&lab)?;
    run.blocks("network.link-kept", "eno3", Some("missing")).map(drop)
}

fn size_and_state_of_a_link_are_compared() -> Tested {
    let lab = remembered("ip link set eno2 mtu 9000")?;
    lab.sh("ip link set eno2 mtu 1500")?;
    let run = fails_with(&lab, &["link-kept eno2 mtu"])?;
    let row = run.says("network.link-kept", "eno2", "fail")?;
    ensure!(row["blocking"] == false && row["severity"] != "info", "a warning: {row:#}");
    ensure!(row["expected"]["mtu"] == 9000 && row["observed"]["mtu"] == 1500, "{row:#}");
    lab.sh("ip link set eno2 mtu 9000")?;
    lab.wire(&["ip", "link", "set", "w-eno3", "down"])?;
    fails_with(&lab, &["link-kept eno3 down"])?.blocks("network.link-kept", "eno3", Some("down"))?;
    lab.wire(&["ip", "link", "set", "w-eno3", "up"])?;
    lab.wait_until("the card has carrier again", |lab| Ok(lab.sh("cat /sys/class/net/eno3/carrier")? == "1"))?;
    is_whole(&verify(&lab)?)?;
    lab.sh("ip link set eno3 down")?;
    let run = verify(&lab)?;
    ensure!(detail(&run, "network.link-kept", "eno3")?.starts_with("eno3 is switched off"), "{}", run.stdout);
    Ok(())
}

fn dead_member_of_a_bond_of_the_switch_is_a_warning() -> Tested {
    let lab = remembered(
        "ip address flush dev eno2 scope global && ip address flush dev eno3 scope global
        ovs-vsctl add-bond br-ex bond1 eno2 eno3",
    )?;
    lab.wire(&["ip", "link", "set", "w-eno3", "down"])?;
    let run = fails_with(&lab, &["link-kept eno3 down"])?;
    let row = run.row("network.link-kept", "eno3")?;
    ensure!(row["blocking"] == false && row["severity"] != "info", "a warning: {row:#}");
    lab.wire(&["ip", "link", "set", "w-eno2", "down"])?;
    let run = fails_with(&lab, &["link-kept eno2 down", "link-kept eno3 down"])?;
    run.blocks("network.link-kept", "eno2", Some("down"))?;
    run.blocks("network.link-kept", "eno3", Some("down")).map(drop)
}

fn resolver_is_compared() -> Tested {
    let lab = remembered(
        "mkdir -p /run/names && rm -f /etc/resolv.conf
        printf 'nameserver 192.0.2.53\\nnameserver 192.0.2.54\\nsearch lab.example\\n' >/run/names/resolv.conf
        ln -s ../run/names/resolv.conf /etc/resolv.conf",
    )?;
    is_whole(&verify(&lab)?)?;
    let told = |cause: &str| -> Result<Run> {
        let run = fails_with(&lab, &[&format!("dns-kept  {cause}")])?;
        ensure!(run.row("network.dns-kept", "")?["blocking"] == false, "a warning: {}", run.stdout);
        Ok(run)
    };
    lab.sh("printf 'search lab.example\\nnameserver 192.0.2.54\\nnameserver 192.0.2.53\\n' >/run/names/resolv.conf")?;
    is_whole(&verify(&lab)?)?;
    lab.sh("printf 'search lab.example\\nnameserver 192.0.2.54\\n' >/run/names/resolv.conf")?;
    told("servers-changed")?;
    lab.sh("mv /run/names/resolv.conf /run/names/other")?;
    let run = told("missing")?;
    ensure!(detail(&run, "network.dns-kept", "")?.contains("../run/names/resolv.conf, which is not there"));
    lab.sh("ln -sf ../run/names/other /etc/resolv.conf
        printf 'search lab.example\\nnameserver 192.0.2.54\\nnameserver 192.0.2.53\\n' >/run/names/other")?;
    told("link-changed")?;
    lab.sh("rm /etc/resolv.conf")?;
    told("missing")?;
    Ok(())
}

fn manager_of_a_device_is_named() -> Tested {
    let lab = remembered("")?;
    lab.write("/etc/network/interfaces", "auto eno3\niface eno3 inet static\n    address 203.0.113.7/24\n")?;
    lab.sh("ip address delete 203.0.113.7/24 dev eno3")?;
    let run = fails_with(&lab, &["address-kept eno3 203.0.113.7/24 missing"])?;
    // Left behind by a package that is not there, the file manages nothing.
    let is_there = lab.run(&["test", "-e", "/usr/sbin/ifup"])?.code == 0;
    let told = detail(&run, "network.address-kept", "eno3 203.0.113.7/24")?;
    ensure!(told.contains("ifupdown manages eno3 (/etc/network/interfaces)") == is_there, "{told}");
    Ok(())
}
