//! The kernel's network against the baseline: one thing is changed with the tools of an operator, and told.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("network_kept":
    churn_is_no_finding,
    routes_and_rules_are_typed_again_as_they_were,
    lost_route_and_rule_are_told_by_their_own_text,
    lost_address_is_told_with_its_device,
    address_on_a_member_of_the_bridge_is_told_as_such,
    renamed_nic_is_followed,
    swapped_nics_are_told,
    lost_link_is_told,
    size_and_state_of_a_link_are_compared,
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
    for row in run.findings()?.iter().filter(|row| row["status"] == "fail") {
        for command in row["by_hand"].as_array().into_iter().flatten() {
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

const ROUTES: &str = "10.1.0.0/16 via 198.51.100.1
10.2.0.0/16 via 198.51.100.1 dev eno2 metric 50
10.2.0.0/16 via 198.51.100.2 dev eno2 metric 60
10.3.0.0/16 dev eno3
10.3.1.0/24 dev eno3 scope global
10.4.0.0/16 nexthop via 198.51.100.1 dev eno2 weight 1 nexthop via 203.0.113.1 dev eno3 weight 7
10.5.0.0/16 via 192.168.77.1 dev eno2 onlink
10.6.0.0/16 via 198.51.100.1 src 198.51.100.7 mtu 1400
10.7.0.0/16 via inet6 2001:db8:2::1 dev eno2
10.8.0.9 via 198.51.100.1 proto static
blackhole 10.9.0.0/16
unreachable 10.10.0.0/16 metric 9
prohibit 10.11.0.0/16 table 77
throw 10.12.0.0/16 table 100
default via 203.0.113.1 dev eno3 table 100
default via 203.0.113.1 dev eno3 table 4000 metric 3
local 10.13.0.0/16 dev lo table 100
-6 2001:db8:9::/48 via 2001:db8:2::1
-6 2001:db8:a::/48 dev eno2 metric 77 mtu 1300
-6 2001:db8:b::/48 nexthop via 2001:db8:2::1 dev eno2 weight 1 nexthop via 2001:db8:2::2 dev eno2 weight 3
-6 default via 2001:db8:2::1 dev eno2 table 100
-6 blackhole 2001:db8:c::/48
-6 2001:db8:d::1 via 2001:db8:2::1 dev eno2 src 2001:db8:2::7";

const RULES: &str = "priority 100 from 198.51.100.0/24 lookup 100
priority 101 from all to 203.0.113.0/24 lookup 100
priority 102 from all fwmark 0x10 lookup 100
priority 103 from all fwmark 0x20/0xff lookup 4000
priority 104 from all iif eno2 lookup 100
priority 105 from all oif eno3 lookup 100
priority 106 not from 10.0.0.0/8 lookup 100
priority 107 from 192.0.2.7 tos 0x10 lookup 100
priority 108 from all dport 80 ipproto 6 lookup 100
priority 109 from all dport 53 ipproto 17 sport 1000-2000 lookup 100
priority 110 from all uidrange 1000-1999 lookup 100
priority 111 from all suppress_prefixlength 0 lookup 254
priority 112 from 10.66.0.0/16 blackhole
priority 113 from 10.67.0.0/16 prohibit
priority 114 from 10.68.0.0/16 unreachable
priority 115 from 10.69.0.0/16 goto 200
priority 116 from all tun_id 7 lookup 100
priority 117 from all suppress_ifgroup 3 lookup 100
priority 200 from all lookup 4000
-6 priority 100 from 2001:db8:2::/64 lookup 100
-6 priority 102 from all fwmark 0x10 lookup 100
-6 priority 103 from all to 2001:db8:ffff::/48 unreachable";

fn commands(what: &str, lines: &str) -> String {
    let command = |line: &str| match line.strip_prefix("-6 ") {
        Some(rest) => format!("ip -6 {what} add {rest}\n"),
        None => format!("ip {what} add {line}\n"),
    };
    lines.lines().map(command).collect()
}

/// What `ip` prints, without what comes and goes by itself.
fn printed(lab: &Lab) -> Result<String> {
    lab.sh("{ ip -N route show table all; ip -N -6 route show table all; } | grep -v 'table 255' |
            sed -E 's/ proto (3|4|boot|static)//; s/ *$//' | sort
        ip -N rule; ip -N -6 rule")
}

/// What stands in the baseline is enough to make the same routes and rules again, and says so in the words of `ip`.
fn routes_and_rules_are_typed_again_as_they_were() -> Tested {
    let lab = remembered(&format!("{}{}", commands("route", ROUTES), commands("rule", RULES)))?;
    let before = printed(&lab)?;
    let run = verify(&lab)?;
    is_whole(&run)?;
    let count =
        |id: &str| -> Result<String> { Ok(detail(&run, id, "")?.split(';').next().unwrap_or_default().to_owned()) };
    // The default route of the host is one more.
    ensure!(count("network.route-kept")? == format!("{} routes are there", ROUTES.lines().count() + 1));
    ensure!(count("network.rule-kept")? == format!("{} routing rules are there", RULES.lines().count()));

    lab.sh("for family in -4 -6; do
            for table in 77 100 4000; do ip $family route flush table $table || true; done
            for kind in boot static; do ip $family route flush proto $kind || true; done
            for kind in blackhole unreachable; do ip $family route flush type $kind proto boot || true; done
        done
        for family in -4 -6; do
            for priority in $(seq 100 117) 200; do ip $family rule delete priority $priority 2>/dev/null || true; done
        done")?;
    let run = verify(&lab)?;
    let lost = |id: &str| -> Result<usize> { Ok(run.rows(id)?.iter().filter(|row| row["status"] == "fail").count()) };
    ensure!(lost("network.route-kept")? == ROUTES.lines().count() + 1, "{:#?}", failing(&run)?);
    ensure!(lost("network.rule-kept")? == RULES.lines().count(), "{:#?}", failing(&run)?);
    let subjects: std::collections::BTreeSet<&str> =
        run.findings()?.iter().filter_map(|row| row["subject"].as_str()).collect();
    for rule in RULES.lines() {
        ensure!(subjects.contains(rule), "no row for the rule {rule}: {subjects:#?}");
    }
    let texts: Vec<&str> =
        run.rows("network.route-kept")?.iter().filter_map(|row| row["expected"]["route"].as_str()).collect();
    for route in ["10.3.0.0/16 dev eno3", "10.3.1.0/24 dev eno3 scope global", "throw 10.12.0.0/16 table 100"] {
        ensure!(texts.contains(&route), "no row for the route {route}: {texts:#?}");
    }

    type_by_hand(&lab, &run)?;
    let after = printed(&lab)?;
    ensure!(before == after, "before:\n{before}\nafter:\n{after}");
    is_whole(&verify(&lab)?)
}

fn lost_route_and_rule_are_told_by_their_own_text() -> Tested {
    let lab = remembered(
        "ip route add 10.1.0.0/16 via 198.51.100.1 dev eno2 table 100
        ip rule add priority 100 from 198.51.100.7 lookup 100
        ip rule add from 10.0.0.0/8 lookup 100
        ip rule add from 10.1.0.0/16 lookup 100",
    )?;
    lab.sh("ip route delete 10.1.0.0/16 table 100")?;
    let run = fails_with(&lab, &["route-kept 10.1.0.0/16 table 100 -"])?;
    let row = run.blocks("network.route-kept", "10.1.0.0/16 table 100", None)?;
    ensure!(row["expected"]["route"] == "10.1.0.0/16 via 198.51.100.1 dev eno2 table 100", "{row:#}");
    // Another way there is not the same.
    lab.sh("ip route add 10.1.0.0/16 via 198.51.100.2 dev eno2 table 100")?;
    let run = fails_with(&lab, &["route-kept 10.1.0.0/16 table 100 -"])?;
    let row = run.row("network.route-kept", "10.1.0.0/16 table 100")?;
    ensure!(row["observed"]["instead"][0] == "10.1.0.0/16 via 198.51.100.2 dev eno2 table 100", "{row:#}");
    type_by_hand(&lab, &run)?;
    is_whole(&verify(&lab)?)?;

    lab.sh("ip rule delete priority 100")?;
    let run = fails_with(&lab, &["rule-kept priority 100 from 198.51.100.7 lookup 100 -"])?;
    type_by_hand(&lab, &run)?;
    // Rules without a priority come in any order.
    lab.sh("ip rule delete from 10.0.0.0/8 && ip rule delete from 10.1.0.0/16
        ip rule add from 10.1.0.0/16 lookup 100 && ip rule add from 10.0.0.0/8 lookup 100")?;
    is_whole(&verify(&lab)?)?;

    lab.sh("ip route delete default")?;
    fails_with(&lab, &["route-kept default table 254 -"])?;
    Ok(())
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
    let run = fails_with(&lab, &["link-kept eno2 renamed", &format!("rule-kept {rule} -")])?;
    type_by_hand(&lab, &run)?;

    // With the address gone, as when the configuration names the card by its old name.
    lab.sh("ip address flush dev ens9 scope global")?;
    let run = verify(&lab)?;
    for subject in ["eno2 198.51.100.7/24", "eno2 2001:db8:2::7/64"] {
        run.blocks("network.address-kept", subject, Some("missing"))?;
        let told = detail(&run, "network.address-kept", subject)?;
        ensure!(told.starts_with("eno2 is now called ens9; "), "{told}");
    }
    run.blocks("network.route-kept", "10.1.0.0/16 table 254", None)?;
    type_by_hand(&lab, &run)?;
    fails_with(&lab, &["link-kept eno2 renamed"])?;
    lab.sh("ip link property add dev ens9 altname eno2")?;
    let run = fails_with(&lab, &["link-kept eno2 renamed"])?;
    ensure!(detail(&run, "network.link-kept", "eno2")?.contains("alternative name"), "{}", run.stdout);
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
        ["address-kept eno3 203.0.113.7/24 missing", "link-kept eno3 missing", "route-kept 10.1.0.0/16 table 254 -"];
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
