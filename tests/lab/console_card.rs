//! The recovery card, typed by somebody who has nothing else.

use anyhow::{Context as _, Result, bail, ensure};

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("console_card": network_that_is_gone_is_typed_in_again, whole_network_suffers_no_card);

/// What a person configured, each part in a way of its own. The kernel's own bonds and VLANs need modules that a lab
/// does not have.
const CONFIGURED: &str = "
ip link set eno2 up && ip link set eno3 up
ovs-vsctl --timeout=10 \
    -- set port eno1 vlan_mode=native-untagged tag=12 trunks=[100,200] external_ids:owner='the network team' \
    -- set bridge br-ex other_config:hwaddr=\\\"52:54:00:0a:00:01\\\" external_ids:purpose=provider \
    -- add-br br-data -- set bridge br-data datapath_type=netdev \
    -- add-bond br-data bond0 eno2 eno3 bond_mode=balance-slb other_config:bond-rebalance-interval=5000 \
    -- add-port br-data mgmt0 tag=120 -- set interface mgmt0 type=internal mtu_request=1400 \
    -- add-br vlan300 br-data 300 \
    -- add-port br-data to-ex -- set interface to-ex type=patch options:peer=to-data \
    -- add-port br-ex to-data -- set interface to-data type=patch options:peer=to-ex \
    -- add-port br-data vx0 -- set interface vx0 type=vxlan options:remote_ip=192.0.2.20 options:key=77
ip link set br-data up && ip link set mgmt0 up && ip link set vlan300 up
ip address replace 198.51.100.10/24 dev br-data
ip address replace 2001:db8:5::10/64 dev br-data nodad
ip address replace 203.0.113.10/25 dev mgmt0
ip route replace 203.0.113.128/25 via 198.51.100.1
ip route replace default via 198.51.100.1 dev br-data table 100
ip route replace blackhole 192.0.2.128/25 metric 50
ip -6 route replace default via 2001:db8:5::1 metric 2048
ip rule add priority 1000 from 198.51.100.10 lookup 100
";

/// The network as its own tools show it, without what changes by itself.
const SHOWN: &str = r#"
ip -o -br link | sed 's/@[^ ]*//' | awk '{ print $1, $3 }' | grep -v -e '^ovs-netdev' -e '^vxlan_sys' -e '^vlan300' -e '^mgmt0' -e '^br-' | sort
ip -o -br address | sed 's/@[^ ]*//; s| fe80:[^ ]*||g; s/ *$//' | awk '{ $2 = ""; print }' | grep -v -e '^ovs-netdev' -e '^vxlan_sys' | sort
ip -o link show mgmt0 | grep -o 'mtu [0-9]*'
ip route show table all type unicast proto boot | sort; ip route show table all type blackhole
ip -6 route show default; ip rule
ovs-vsctl list-br
for bridge in br-ex br-data; do
    ovs-vsctl get bridge $bridge datapath_type other_config external_ids
    ovs-vsctl list-ports $bridge
    for port in $(ovs-vsctl list-ports $bridge); do ovs-vsctl get port $port tag trunks vlan_mode bond_mode other_config external_ids; done
    for name in $(ovs-vsctl list-ifaces $bridge); do ovs-vsctl get interface $name type options mtu_request ofport_request; done
done
cat /etc/resolv.conf
"#;

/// What an upgrade, a reboot and somebody's attempt to mend it can leave behind, all at once.
const LOST: &str = "
ip rule del priority 1000
ip route flush table 100
ip -6 route del default via 2001:db8:5::1
ip route del blackhole 192.0.2.128/25
ovs-vsctl --timeout=10 -- del-br vlan300 -- del-br br-data -- del-br br-ex
ip link set eno1 down && ip link set eno1 name eno1np0 && ip link property add dev eno1np0 altname eno1
ip link set eno2 down && ip link set eno3 down && ip link set eno2 name spare && ip link set eno3 name eno2 && ip link set spare name eno3
ip address add 192.0.2.10/24 dev eno1np0
systemctl disable --quiet --now openvswitch-switch
: > /etc/resolv.conf
";

fn network_that_is_gone_is_typed_in_again() -> Tested {
    let lab = configured()?;
    let before = lab.sh(SHOWN)?;
    lab.hostready(&["snapshot", "--json"])?.exits(0)?;
    lab.sh(LOST)?;
    verified(&lab)?.exits(3)?;
    type_card(&lab)?;
    let after = lab.sh(SHOWN)?;
    ensure!(before == after, "the network was\n{before}\n\nand is\n{after}\n\nby the card\n{}", card(&lab)?);
    // What the controller of this bridge would do.
    lab.sh("ovs-ofctl add-flow br-int priority=0,actions=NORMAL")?;
    is_whole(&lab)
}

/// Typed where nothing is missing, it takes nothing away.
fn whole_network_suffers_no_card() -> Tested {
    let lab = configured()?;
    let before = lab.sh(SHOWN)?;
    lab.hostready(&["snapshot", "--json"])?.exits(0)?;
    type_card(&lab)?;
    let after = lab.sh(SHOWN)?;
    ensure!(before == after, "the network was\n{before}\n\nand is\n{after}");
    is_whole(&lab)
}

/// Nobody has rebooted the lab.
fn verified(lab: &Lab) -> Result<Run> {
    lab.hostready(&["verify", "--json", "--skip", "host.rebooted", "--wait", "20s"])
}

fn is_whole(lab: &Lab) -> Tested {
    let run = verified(lab)?;
    ensure!(run.loud()?.is_empty(), "after the card\n{}", run.loud()?.join("\n"));
    run.exits(0)
}

fn configured() -> Result<Lab> {
    let lab = recipe::bring_to_work(recipe::bonded().boot()?)?;
    lab.sh(CONFIGURED)?;
    Ok(lab)
}

fn card(lab: &Lab) -> Result<String> {
    lab.sh("cat /var/lib/hostready/console.txt")
}

/// Types the card from the top, as its words say: what exists is passed by, what is called otherwise gets its name.
fn type_card(lab: &Lab) -> Tested {
    let card = card(lab)?;
    for line in card.lines() {
        ensure!(line.chars().count() <= 80, "nobody reads this at a console: {line}");
    }
    let joined = card.replace(" \\\n ", "");
    let mut present_name = String::new();
    for line in joined.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [.., "|", "grep", "-i", address] => present_name = called(lab, line, address)?,
            [.., "|", "grep", "-i", address, "#", name] => {
                let present_name = called(lab, line, address)?;
                if present_name != *name {
                    give(lab, &present_name, name)?;
                }
            }
            ["ip", "link", "set", "NEW", "down"] | ["ip", "link", "property", "del", "dev", "NEW", ..] => {}
            ["ip", "link", "set", "NEW", "name", name] if present_name == *name => {}
            ["ip", "link", "set", "NEW", "name", name] => give(lab, &present_name, name)?,
            // They only look, and not everybody has the last.
            ["ovs-vsctl", .., "show"] | ["ping", ..] | ["hostready", ..] => {}
            _ => enter(lab, line)?,
        }
    }
    Ok(())
}

/// The one line of the list that is no bridge's.
fn called(lab: &Lab, line: &str, address: &str) -> Result<String> {
    let shown = lab.sh(line)?;
    // Bridges of a switch without a kernel module are such, and may have the address of their NIC.
    let bridges = lab.sh("ip -br link show type tun")?;
    let names_in = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.split([' ', '@']).next()).map(str::to_owned).collect()
    };
    let bridges = names_in(&bridges);
    let mut nics = names_in(&shown).into_iter().filter(|name| !bridges.contains(name));
    let name = nics.next().with_context(|| format!("nothing has the address {address}: {shown}"))?;
    ensure!(nics.next().is_none(), "two NICs have the address {address}: {shown}");
    Ok(name)
}

/// Gives a NIC its name; who has it by mistake gets a third one first, as the heading of the card says.
fn give(lab: &Lab, present: &str, name: &str) -> Tested {
    enter(lab, &format!("ip link set {present} down"))?;
    lab.run(&["ip", "link", "property", "del", "dev", present, "altname", name])?;
    let renamed = lab.run(&["ip", "link", "set", present, "name", name])?;
    if renamed.code != 0 {
        ensure!(renamed.stderr.contains("File exists"), "{}", renamed.stderr);
        enter(lab, &format!("ip link set {name} down"))?;
        enter(lab, &format!("ip link set {name} name third"))?;
        enter(lab, &format!("ip link set {present} name {name}"))?;
    }
    Ok(())
}

fn enter(lab: &Lab, line: &str) -> Tested {
    let outcome = lab.run(&["sh", "-c", line])?;
    if outcome.code != 0 && !outcome.stderr.contains("File exists") {
        bail!("`{line}` exited {}: {}", outcome.code, outcome.stderr);
    }
    Ok(())
}
