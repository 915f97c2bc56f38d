//! Routes and rules: what the baseline holds of them is what `ip` takes.

use anyhow::{Result, ensure};

use super::{detail, failing, fails_with, is_whole, remembered, type_by_hand, verify};
use crate::harness::{Lab, Tested};

crate::tests!("network_kept::routes":
    routes_and_rules_are_typed_again_as_they_were,
    lost_route_and_rule_are_told_by_their_own_text,
);

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

    lab.sh("for table in 77 100 4000; do ip -4 route flush table $table; done
        ip -6 route flush table 100
        for family in -4 -6; do
            for kind in boot static; do ip $family route flush proto $kind; done
            for kind in blackhole unreachable; do ip $family route flush type $kind proto boot; done
        done
        for priority in $(seq 100 117) 200; do ip -4 rule delete priority $priority; done
        for priority in 100 102 103; do ip -6 rule delete priority $priority; done")?;
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
    fails_with(&lab, &["route-kept default table main -"])?;
    Ok(())
}
