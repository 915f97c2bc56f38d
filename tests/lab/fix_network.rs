//! Addresses, routes, rules and the resolver are put back, read with the system's own tools, and taken back.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("fix-network":
    lost_addresses_come_back_with_their_device,
    links_are_on_and_as_large_as_they_were,
    devices_of_the_switch_are_as_large_as_its_ports,
    bridge_of_the_kernel_is_as_large_as_its_ports,
    address_moves_to_its_bridge_and_the_neighbours_hear_of_it,
    routes_and_rules_come_back_to_their_tables,
    resolver_is_linked_or_written_as_it_was,
);

/// A hypervisor with two more cards that have addresses of their own, remembered. No session and no default route
/// hangs on them.
fn remembered(more: &str) -> Result<Lab> {
    let lab = recipe::bring_to_work(recipe::bonded().boot()?)?;
    lab.sh("ip link set eno2 up; ip link set eno3 up
        ip address add 198.51.100.7/24 broadcast + dev eno2
        ip -6 address add 2001:db8:2::7/64 dev eno2 nodad")?;
    lab.sh(more)?;
    lab.hostready(&["snapshot", "--replace", "--json"])?.exits(0)?;
    Ok(lab)
}

/// What is configured, as `ip` and the file tell it, without what counts down or differs from time to time.
const NETWORK: &str = "
for device in eno2 eno3 lan1; do
    ip -o link show dev $device 2>/dev/null | sed -n 's/.*[<,]\\(UP\\)[,>].*\\( mtu [0-9]*\\).*/\\1\\2/p; s/.*\\( mtu [0-9]*\\).*/\\1/p'
    ip -o address show dev $device scope global 2>/dev/null | grep -o 'inet.*scope [a-z]*' | sort
done
ip route show table all | grep -v 'table local\\|proto kernel\\|fe80' | sed 's/ *linkdown//; s/ *$//' | sort
ip -6 route show table all | grep -v 'table local\\|proto kernel\\|fe80\\|multicast' | sed 's/ *linkdown//; s/ *$//' | sort
ip rule; ip -6 rule
ls -l /etc/resolv.conf 2>&1 | grep -o '/etc/resolv.*'
! test -e /etc/resolv.conf || cat /etc/resolv.conf
";

fn network(lab: &Lab) -> Result<String> {
    lab.sh(NETWORK)
}

fn apply(lab: &Lab, wanted: &[&str]) -> Result<Run> {
    lab.hostready(&[&["fix", "--json", "--apply"], wanted].concat())
}

fn actions<'a>(run: &'a Run, id: &str) -> Result<Vec<&'a Value>> {
    let actions = run.report()?["actions"].as_array().context("no actions")?;
    Ok(actions.iter().filter(|action| action["id"] == id).collect())
}

fn are_applied(run: &Run, id: &str, count: usize) -> Tested {
    let actions = actions(run, id)?;
    ensure!(actions.len() == count, "{id}: {} actions\n{}", actions.len(), run.stdout);
    for action in actions {
        ensure!(action["state"] == "applied" && action["changed"] == true, "{action:#}");
    }
    Ok(())
}

/// It is lost, comes back, is taken back and comes back again; then there is nothing to do.
fn comes_back(lab: &Lab, loss: &str, fixes: &[(&str, usize)]) -> Tested {
    let whole = network(lab)?;
    lab.sh(loss)?;
    let lost = network(lab)?;
    ensure!(lost != whole, "{loss} changes nothing that is looked at");
    let wanted: Vec<&str> = fixes.iter().map(|(fix, _)| *fix).collect();
    for time in ["first", "second"] {
        let run = apply(lab, &wanted)?;
        for (fix, count) in fixes {
            are_applied(&run, fix, *count)?;
        }
        let mended = network(lab)?;
        ensure!(mended == whole, "{loss}, {time} time\n--- was\n{whole}\n--- is\n{mended}");
        if time == "first" {
            let undo = lab.hostready(&["undo", "--json"])?;
            let undone = network(lab)?;
            ensure!(undone == lost, "{loss}, undone\n--- was\n{lost}\n--- is\n{undone}\n{}", undo.stdout);
        }
    }
    let again = apply(lab, &wanted)?;
    ensure!(again.report()?["changed"] == false, "{}", again.stdout);
    Ok(())
}

fn lost_addresses_come_back_with_their_device() -> Tested {
    let lab = remembered("")?;
    comes_back(
        &lab,
        "ip address del 198.51.100.7/24 dev eno2; ip -6 address del 2001:db8:2::7/64 dev eno2
        ip link set eno2 down mtu 1400",
        &[("address.restore", 2)],
    )?;
    // What is there instead goes, and what lies beside it stays.
    comes_back(
        &lab,
        "ip address del 198.51.100.7/24 dev eno2; ip address add 198.51.100.7/16 broadcast + dev eno2",
        &[("address.restore", 1)],
    )?;
    // Its manager is named, with its own way.
    lab.write("/etc/network/interfaces", "auto eno2\niface eno2 inet static\n    address 198.51.100.7/24\n")?;
    lab.sh("ip address del 198.51.100.7/24 dev eno2")?;
    let plan = lab.hostready(&["fix", "--json", "address.restore"])?;
    let risk = actions(&plan, "address.restore")?.first().map(|action| action["risk"].to_string()).unwrap_or_default();
    let has_ifupdown = lab.run(&["test", "-e", "/sbin/ifup"])?.code == 0;
    ensure!(!has_ifupdown || risk.contains("`ifup --force eno2`"), "{}", plan.stdout);
    Ok(())
}

fn links_are_on_and_as_large_as_they_were() -> Tested {
    let lab = remembered(
        "ip link add lan1 link eno3 type macvlan mode bridge && ip link set lan1 up
        ip address add 203.0.113.7/24 broadcast + dev lan1",
    )?;
    // What lies on it shrinks with it, and comes back with it or by its own name.
    comes_back(&lab, "ip link set eno3 mtu 1400 down", &[(LINK, 2)])?;
    comes_back(&lab, "ip link set eno3 mtu 1600", &[(LINK, 1)])?;
    let whole = network(&lab)?;
    lab.sh("ip link set eno3 mtu 1400; ip link set lan1 down")?;
    are_applied(&apply(&lab, &["network.link-kept:lan1"])?, LINK, 1)?;
    ensure!(network(&lab)? == whole, "what lies below it is in its way");

    lab.sh("ip link set eno3 mtu 1600; ip link set lan1 mtu 1600")?;
    let unasked = lab.hostready(&["fix"])?;
    unasked.exits(0)?;
    ensure!(unasked.stdout.contains("what warns is repaired by its name"), "{}", unasked.stdout);
    let refused = apply(&lab, &["network.link-kept:eno3"])?;
    refused.exits(6)?;
    let action = actions(&refused, LINK)?.first().map(|action| action["error"].to_string()).unwrap_or_default();
    ensure!(action.contains("lan1 lies on eno3"), "{}", refused.stdout);
    for _ in 0..2 {
        apply(&lab, &[LINK])?;
    }
    let mended = network(&lab)?;
    ensure!(mended == whole, "--- was\n{whole}\n--- is\n{mended}");
    Ok(())
}

fn devices_of_the_switch_are_as_large_as_its_ports() -> Tested {
    let lab = remembered(
        "ip link set eno3 mtu 9000
        ovs-vsctl --timeout=10 add-br lan1 -- set bridge lan1 datapath_type=netdev -- add-port lan1 eno3
        ip link set lan1 up; ip address add 203.0.113.7/24 broadcast + dev lan1",
    )?;
    ensure!(network(&lab)?.contains("mtu 9000\nUP mtu 9000"), "the switch has not made its device larger");
    comes_back(&lab, "ip link set lan1 mtu 1500", &[(LINK, 1)])?;

    // The switch looks at the size of its ports for itself.
    let whole = network(&lab)?;
    lab.sh("ip link add small mtu 1400 type veth peer name small1; ovs-vsctl --timeout=10 add-port lan1 small")?;
    lab.wait_until("the switch has made its device smaller", |lab| {
        Ok(lab.sh("cat /sys/class/net/lan1/mtu")? == "1400")
    })?;
    let refused = apply(&lab, &[LINK])?;
    refused.exits(6)?;
    let error = actions(&refused, LINK)?.first().map(|action| action["error"].to_string()).unwrap_or_default();
    ensure!(error.contains("small has the MTU 1400"), "{}", refused.stdout);
    lab.sh("ovs-vsctl --timeout=10 set Interface lan1 mtu_request=9000")?;
    lab.wait_until("they are parted", |lab| Ok(network(lab)? == whole))
}

fn bridge_of_the_kernel_is_as_large_as_its_ports() -> Tested {
    let lab = remembered(
        "ip link set eno3 mtu 9000; ip link add lan1 type bridge; ip link set eno3 master lan1; ip link set lan1 up
        ip address add 203.0.113.7/24 broadcast + dev lan1",
    )?;
    let whole = network(&lab)?;
    lab.sh("ip link set eno3 mtu 1500")?;
    let lost = network(&lab)?;
    are_applied(&apply(&lab, &["network.link-kept:lan1"])?, LINK, 1)?;
    ensure!(network(&lab)? == whole, "{}", network(&lab)?);
    lab.hostready(&["undo", "--json"])?;
    ensure!(network(&lab)? == lost, "{}", network(&lab)?);
    // It follows its ports by itself, as long as nobody sets a size of its own.
    lab.sh("ip link set eno3 mtu 9000")?;
    ensure!(network(&lab)? == whole, "it follows its ports no more");
    // A port that was not there would drop what is larger than itself.
    lab.sh("ip link add small mtu 1400 type veth peer name small1; ip link set small master lan1")?;
    ensure!(lab.sh("cat /sys/class/net/lan1/mtu")? == "1400", "the kernel has not made the bridge smaller");
    let refused = apply(&lab, &[LINK])?;
    refused.exits(6)?;
    let error = actions(&refused, LINK)?.first().map(|action| action["error"].to_string()).unwrap_or_default();
    ensure!(error.contains("small in lan1 has the MTU 1400"), "{}", refused.stdout);
    Ok(())
}

const LINK: &str = "link.restore";

fn address_moves_to_its_bridge_and_the_neighbours_hear_of_it() -> Tested {
    let lab = remembered(
        "ip link add lan1 type bridge && ip link set eno3 master lan1 && ip link set lan1 up
        ip address add 203.0.113.7/24 broadcast + dev lan1; ip -6 address add 2001:db8:3::7/64 dev lan1 nodad
        ip route add 10.8.0.0/16 via 203.0.113.1 dev lan1 proto static",
    )?;
    lab.wire(&["ip", "address", "add", "203.0.113.1/24", "dev", "lan0"])?;
    lab.wire(&["ip", "-6", "address", "add", "2001:db8:3::1/64", "dev", "lan0", "nodad"])?;
    let loss = "ip address del 203.0.113.7/24 dev lan1; ip -6 address del 2001:db8:3::7/64 dev lan1
        ip route flush 10.8.0.0/16; ip address add 203.0.113.7/24 broadcast + dev eno3
        ip -6 address add 2001:db8:3::7/64 dev eno3 nodad
        ip route add 10.8.0.0/16 via 203.0.113.1 dev eno3 proto static";
    comes_back(&lab, loss, &[("address.move", 2)])?;

    // Neighbours that know it under another hardware address learn the new one without asking, and that of before with
    // the undo.
    lab.sh("ip link set lan1 address 02:00:00:00:00:0b")?;
    lab.sh(loss)?;
    let plan = lab.hostready(&["fix", "address.move"])?.stdout;
    for words in
        ["announce 203.0.113.7 on lan1: gratuitous ARP", "announce 2001:db8:3::7 on lan1: neighbour advertisement"]
    {
        ensure!(plan.contains(words), "it does not say `{words}`: {plan}");
    }
    neighbours_hear(&lab, "lan1", &|| are_applied(&apply(&lab, &["address.move"])?, "address.move", 2))?;
    neighbours_hear(&lab, "eno3", &|| lab.hostready(&["undo", "--json"])?.exits(0))?;
    // The second hangs below the first, and goes with it all the same.
    are_applied(&apply(&lab, &["--all"])?, "address.move", 2)?;

    // Whether a card leaves the bridge or its address moves is not ours to say.
    lab.sh("ip link set eno2 master lan1")?;
    let before = network(&lab)?;
    let refused = apply(&lab, &["address.move"])?;
    refused.exits(6)?;
    let actions = actions(&refused, "address.move")?;
    ensure!(!actions.is_empty() && actions.iter().all(|it| it["state"] == "refused"), "{}", refused.stdout);
    ensure!(network(&lab)? == before, "it was changed");
    Ok(())
}

/// While this is done, they are told which device has the addresses now, and believe it.
fn neighbours_hear(lab: &Lab, device: &str, done: &dyn Fn() -> Tested) -> Tested {
    let addresses = ["203.0.113.7", "2001:db8:3::7"];
    for address in addresses {
        let learnt = ["ip", "neigh", "replace", address, "lladdr", "02:00:00:00:00:99", "dev", "lan0", "nud", "stale"];
        lab.wire(&learnt)?;
    }
    // For a second the kernel believes what it has just learnt.
    lab.sh("sleep 1.2")?;
    let (heard, mac) = (tempfile::NamedTempFile::new()?, lab.sh(&format!("cat /sys/class/net/{device}/address"))?);
    let ear = lab.wire_stand_in(&["hear", &heard.path().display().to_string()])?;
    lab.wait_until("somebody listens", |lab| Ok(lab.wire(&["ss", "-0Hn"])?.contains("p_raw")))?;
    done()?;
    lab.wire(&["kill", &ear])?;
    let heard = std::fs::read_to_string(heard.path())?;
    let neighbours = lab.wire(&["ip", "neigh", "show", "dev", "lan0"])?;
    for address in addresses {
        ensure!(heard.contains(&format!("{mac} {address}\n")), "{device} does not announce {address}: {heard}");
        let line = neighbours.lines().find(|line| line.starts_with(&format!("{address} "))).unwrap_or_default();
        ensure!(line.contains(&mac), "{address} is still known elsewhere than {mac}: {neighbours}");
    }
    Ok(())
}

fn routes_and_rules_come_back_to_their_tables() -> Tested {
    let lab = remembered(
        "ip route add 10.9.0.0/16 via 198.51.100.1 dev eno2 proto static metric 50
        ip route add default via 198.51.100.1 dev eno2 table 100
        ip route add 10.7.0.0/16 table 100 nexthop via 198.51.100.1 dev eno2 weight 2 nexthop via 198.51.100.2 dev eno2
        ip route add blackhole 10.6.0.0/16
        ip -6 route add 2001:db8:9::/48 via 2001:db8:2::1 dev eno2
        ip rule add priority 100 from 198.51.100.7 lookup 100
        ip -6 rule add priority 101 from 2001:db8:2::7 fwmark 0x10 lookup 100",
    )?;
    comes_back(
        &lab,
        "ip route del 10.9.0.0/16; ip route flush table 100; ip route del blackhole 10.6.0.0/16
        ip -6 route del 2001:db8:9::/48; ip rule del priority 100; ip -6 rule del priority 101",
        &[("route.restore", 5), ("rule.restore", 2)],
    )?;
    comes_back(
        &lab,
        "ip route replace 10.9.0.0/16 via 198.51.100.254 dev eno2 proto static metric 50",
        &[("route.restore", 1)],
    )
}

fn resolver_is_linked_or_written_as_it_was() -> Tested {
    let lab = remembered(
        "mkdir -p /run/names && rm -f /etc/resolv.conf && echo nameserver 192.0.2.53 >/run/names/resolv.conf
        ln -s ../run/names/resolv.conf /etc/resolv.conf",
    )?;
    comes_back(&lab, "rm /etc/resolv.conf; echo nameserver 192.0.2.99 >/etc/resolv.conf", &[("resolver.restore", 1)])?;
    comes_back(&lab, "rm /etc/resolv.conf", &[("resolver.restore", 1)])?;

    // What is behind the link is written by others.
    lab.sh("echo nameserver 192.0.2.54 >/run/names/resolv.conf")?;
    let refused = apply(&lab, &["resolver.restore"])?;
    refused.exits(6)?;
    ensure!(lab.sh("cat /etc/resolv.conf")? == "nameserver 192.0.2.54", "it was changed");

    lab.sh("rm /etc/resolv.conf; printf 'search lab.example\\nnameserver 192.0.2.53\\n' >/etc/resolv.conf")?;
    lab.hostready(&["snapshot", "--replace", "--json"])?.exits(0)?;
    comes_back(&lab, "ln -sf ../run/names/resolv.conf /etc/resolv.conf", &[("resolver.restore", 1)])
}
