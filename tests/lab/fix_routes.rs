//! Routes and rules of every kind are put back as they were, and taken back, as `ip -j` tells them.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("fix-routes":
    each_kind_comes_back_and_goes_again_as_ip_tells_it,
    device_that_is_down_comes_up_with_its_routes,
    route_that_would_turn_a_session_away_needs_a_timer,
);

/// Each with what takes it away.
const ROUTES: [&str; 20] = [
    "10.1.0.0/16 via 198.51.100.1 dev eno2 proto static metric 50",
    "10.1.0.0/16 via 198.51.100.2 dev eno2 proto static metric 60",
    "10.3.0.0/16 dev eno2",
    "10.4.0.0/16 nexthop via 198.51.100.1 dev eno2 weight 1 nexthop via 203.0.113.1 dev eno3 weight 7",
    "10.5.0.0/16 via 192.168.77.1 dev eno2 onlink",
    "10.6.0.0/16 via 198.51.100.1 dev eno2 src 198.51.100.7 mtu 1400",
    "10.7.0.0/16 via inet6 2001:db8:2::1 dev eno2",
    "10.8.0.9 via 198.51.100.1 dev eno2 proto static",
    "blackhole 10.9.0.0/16",
    "unreachable 10.10.0.0/16 metric 9",
    "prohibit 10.11.0.0/16 table 77",
    "throw 10.12.0.0/16 table 100",
    "default via 203.0.113.1 dev eno3 table 100",
    "default via 203.0.113.1 dev eno3 table 4000 metric 3",
    "-6 2001:db8:9::/48 via 2001:db8:2::1 dev eno2 proto static",
    "-6 2001:db8:a::/48 dev eno2 metric 77 mtu 1300",
    "-6 2001:db8:b::/48 nexthop via 2001:db8:2::1 dev eno2 weight 1 nexthop via 2001:db8:2::2 dev eno2 weight 3",
    "-6 default via 2001:db8:2::1 dev eno2 table 100",
    "-6 blackhole 2001:db8:c::/48",
    "-6 2001:db8:d::1 via 2001:db8:2::1 dev eno2 src 2001:db8:2::7",
];

const RULES: [&str; 7] = [
    "priority 100 from 198.51.100.0/24 lookup 100",
    "priority 102 from all fwmark 0x20/0xff lookup 4000",
    "priority 104 from all iif eno2 lookup 100",
    "priority 106 not from 10.0.0.0/8 to 203.0.113.0/24 lookup 100",
    "priority 112 from 10.66.0.0/16 blackhole",
    "-6 priority 100 from 2001:db8:2::/64 lookup 100",
    "-6 priority 103 from all to 2001:db8:ffff::/48 unreachable",
];

fn command(what: &str, verb: &str, line: &str) -> String {
    match line.strip_prefix("-6 ") {
        Some(rest) => format!("ip -6 {what} {verb} {rest}\n"),
        None => format!("ip {what} {verb} {line}\n"),
    }
}

fn all(what: &str, verb: &str, lines: &[&str]) -> String {
    lines.iter().map(|line| command(what, verb, line)).collect()
}

fn remembered(more: &str) -> Result<Lab> {
    let lab = recipe::bring_to_work(recipe::bonded().boot()?)?;
    lab.sh("ip link set eno2 up; ip link set eno3 up
        ip address add 198.51.100.7/24 dev eno2; ip -6 address add 2001:db8:2::7/64 dev eno2 nodad
        ip address add 203.0.113.7/24 dev eno3")?;
    lab.sh(more)?;
    lab.wait_until("the cards have carrier", |lab| {
        let cards = lab.sh("cat /sys/class/net/eno2/carrier /sys/class/net/eno3/carrier")?;
        Ok(cards == "1\n1")
    })?;
    lab.hostready(&["snapshot", "--replace", "--json"])?.exits(0)?;
    Ok(lab)
}

/// Row by row as `ip -j` tells them, but for what the kernel makes and keeps by itself.
fn printed(lab: &Lab) -> Result<String> {
    let mut rows = Vec::new();
    for command in ["-4 -j -d route show table all", "-6 -j -d route show table all", "-4 -j rule", "-6 -j rule"] {
        let told: Vec<Value> = serde_json::from_str(&lab.sh(&format!("ip {command}"))?)?;
        let is_own = |row: &Value| row["protocol"] == "kernel" || row["table"] == "local";
        rows.extend(told.iter().filter(|row| !is_own(row)).map(|row| format!("{command}: {row}")));
    }
    rows.sort();
    Ok(rows.join("\n"))
}

fn fix(lab: &Lab, words: &[&str]) -> Result<Run> {
    lab.hostready(&[&["fix", "--json", "--apply"], words].concat())
}

fn applied(run: &Run) -> Result<usize> {
    let actions = run.report()?["actions"].as_array().context("no actions")?;
    let others: Vec<&Value> = actions.iter().filter(|action| action["state"] != "applied").collect();
    ensure!(others.is_empty(), "{others:#?}");
    Ok(actions.len())
}

fn each_kind_comes_back_and_goes_again_as_ip_tells_it() -> Tested {
    let lab = remembered(&format!("{}{}", all("route", "add", &ROUTES), all("rule", "add", &RULES)))?;
    // Nobody hangs on the default route: a rule for all packets may be put back.
    lab.wire(&["ip", "address", "del", "192.0.2.1/24", "dev", "lan0"])?;
    let whole = printed(&lab)?;
    lab.sh(&format!("{}{}", all("rule", "del", &RULES), all("route", "del", &ROUTES)))?;
    let lost = printed(&lab)?;
    let both = ["route.restore", "rule.restore"];
    for _ in 0..2 {
        let count = applied(&fix(&lab, &both)?)?;
        ensure!(count == ROUTES.len() + RULES.len(), "{count} were put back");
        ensure!(printed(&lab)? == whole, "--- was\n{whole}\n--- is\n{}", printed(&lab)?);
        lab.hostready(&["undo", "--json"])?.exits(0)?;
        ensure!(printed(&lab)? == lost, "undone\n--- was\n{lost}\n--- is\n{}", printed(&lab)?);
    }
    applied(&fix(&lab, &both)?)?;

    // Only what differs is touched, and what is there instead comes back with the undo.
    lab.sh("ip route replace 10.1.0.0/16 via 198.51.100.254 dev eno2 proto static metric 50
        ip -6 route replace 2001:db8:9::/48 via 2001:db8:2::fe dev eno2 proto static
        ip route del blackhole 10.9.0.0/16; ip route add unreachable 10.9.0.0/16")?;
    let lost = printed(&lab)?;
    lab.sh("ip monitor route rule >/root/heard 2>&1 & echo $! >/root/monitor")?;
    let count = applied(&fix(&lab, &both)?)?;
    ensure!(count == 3 && printed(&lab)? == whole, "{count}\n--- was\n{whole}\n--- is\n{}", printed(&lab)?);
    lab.sh("kill $(cat /root/monitor)")?;
    let heard = lab.sh("cat /root/heard")?;
    let others: Vec<&str> = heard
        .lines()
        .filter(|line| !["10.1.0.0/16", "2001:db8:9::/48", "10.9.0.0/16"].iter().any(|it| line.contains(it)))
        .collect();
    ensure!(!heard.is_empty() && others.is_empty(), "others were touched: {others:#?}");
    lab.hostready(&["undo", "--json"])?.exits(0)?;
    ensure!(printed(&lab)? == lost, "undone\n--- was\n{lost}\n--- is\n{}", printed(&lab)?);
    Ok(())
}

fn device_that_is_down_comes_up_with_its_routes() -> Tested {
    let lab = remembered(
        "ip link set eno3 mtu 1400
        ip route add 10.1.0.0/16 via 203.0.113.1 dev eno3; ip route add 10.2.0.0/16 via 203.0.113.1 dev eno3 mtu 1300",
    )?;
    let link = "ip -j link show eno3 | grep -o '\"mtu\":[0-9]*'; cat /sys/class/net/eno3/flags";
    let (routes, card) = (printed(&lab)?, lab.sh(link)?);
    lab.sh("ip link set eno3 down mtu 1500")?;
    let lost = (printed(&lab)?, lab.sh(link)?);
    ensure!(lost.0 != routes, "it keeps its routes");
    for _ in 0..2 {
        ensure!(applied(&fix(&lab, &["route.restore"])?)? == 2, "not both");
        lab.wait_until("the carrier is back", |lab| Ok(printed(lab)? == routes))?;
        ensure!(lab.sh(link)? == card, "the card is not as it was: {}", lab.sh(link)?);
        lab.hostready(&["undo", "--json"])?.exits(0)?;
        ensure!((printed(&lab)?, lab.sh(link)?) == lost, "undone, and not as it was found");
    }
    Ok(())
}

fn route_that_would_turn_a_session_away_needs_a_timer() -> Tested {
    let lab = remembered(
        "ip route replace default via 203.0.113.1 dev eno3
        ip route add 10.20.0.0/16 via 198.51.100.1 dev eno2; ip route add 10.30.0.0/16 via 198.51.100.1 dev eno2",
    )?;
    lab.sh("ip route del 10.20.0.0/16; ip route del 10.30.0.0/16")?;
    // Somebody who came by the default route meanwhile.
    for address in ["203.0.113.1/24", "10.20.0.5/32"] {
        lab.wire(&["ip", "address", "add", address, "dev", "lan0"])?;
    }
    lab.wire(&["ip", "route", "add", "203.0.113.7", "dev", "lan0", "src", "10.20.0.5"])?;
    let session = lab.wire_stand_in(&["knock", "203.0.113.7:22"])?;
    lab.wait_until("the session stands", |lab| Ok(lab.sh("ss -Htn state established")?.contains("10.20.0.5")))?;
    let plan = lab.hostready(&["fix", "--json", "route.restore"])?;
    lab.wire(&["kill", &session])?;
    let actions = plan.report()?["actions"].as_array().context("no actions")?;
    let of = |place: &str| {
        let found =
            actions.iter().find(|action| action["after"]["route"].as_str().is_some_and(|it| it.contains(place)));
        found.map(|action| (action["needs"].to_string(), action["error"].to_string())).context("no such action")
    };
    let (needs, why) = of("10.20.0.0/16")?;
    ensure!(needs.contains("--confirm-within") && why.contains("leads to 10.20.0.5"), "{needs}: {why}");
    ensure!(of("10.30.0.0/16")?.0 == "null", "{actions:#?}");
    Ok(())
}
