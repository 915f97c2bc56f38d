//! Open vSwitch before and after: what `snapshot` remembers, and `verify` misses.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("ovs-kept":
    restarted_daemons_change_nothing,
    each_change_is_told_and_taken_back,
    lost_bridge_is_one_headline,
    renamed_nic_is_one_headline_live_and_after_a_restart,
    swapped_nics_are_told_with_what_is_where,
    emptied_database_is_one_headline,
    guests_and_ovn_are_counted_and_not_compared,
    chassis_of_ovn_keeps_books_and_hides_no_loss,
);

/// More of what people configure. The cards stay down: all are plugged into one wire, and frames would go in circles.
const MORE: &str = "
ovs-vsctl --timeout=10 \
    -- set bridge br-ex other_config:hwaddr=02:00:00:0a:00:10 external_ids:bridge-id=br-ex \
    -- set port eno1 trunks=100,200,300 vlan_mode=native-untagged \
    -- add-bond br-ex bond1 eno2 eno3 bond_mode=active-backup other_config:bond-primary=eno2 \
    -- add-br br-data -- set bridge br-data datapath_type=netdev \
    -- add-port br-data eno4 tag=40 -- set interface eno4 mtu_request=1450 ingress_policing_rate=100000 \
    -- add-port br-data vx7 -- set interface vx7 type=vxlan options:remote_ip=192.0.2.77 options:key=7 options:psk=swordfish \
    -- add-port br-ex to-data -- set interface to-data type=patch options:peer=to-ex \
    -- add-port br-data to-ex -- set interface to-ex type=patch options:peer=to-data \
    -- set port eno4 qos=@q -- --id=@q create qos type=linux-noop other_config:max-rate=1000000
ovs-vsctl --timeout=10 add-br br-v50 br-data 50
ovs-vsctl --timeout=10 set open_vswitch . external_ids:ovn-bridge-mappings=physnet1:br-ex
";

fn hypervisor() -> Result<Lab> {
    let lab = recipe::bonded().nic("eno4", "52:54:00:0a:00:04").boot()?;
    let lab = recipe::bring_to_work(lab)?;
    lab.sh(MORE)?;
    Ok(lab)
}

fn snapshot(lab: &Lab) -> Tested {
    let run = lab.hostready(&["snapshot", "--json", "--replace"])?;
    run.exits(0)
}

fn verify(lab: &Lab) -> Result<Run> {
    lab.hostready(&["verify", "--json", "--only", "ovs.database-emptied", "--only", "ovs.*-kept"])
}

/// Nothing that compares the switch raises anything.
fn is_as_it_was(lab: &Lab) -> Tested {
    let run = verify(lab)?;
    let loud = run.loud()?;
    ensure!(loud.is_empty(), "nothing was changed\n{}", loud.join("\n"));
    for id in ["ovs.database-emptied", "ovs.bridge-kept", "ovs.port-kept"] {
        run.passes(id, "")?;
    }
    Ok(())
}

/// Types what a row tells a person to type.
fn by_hand(lab: &Lab, row: &Value) -> Tested {
    for argv in row["by_hand"].as_array().into_iter().flatten() {
        let argv: Vec<&str> = argv.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        lab.run(&argv)?.success()?;
    }
    Ok(())
}

/// What fails, blocks, and has no cause, each `id subject cause`.
fn headlines(run: &Run) -> Result<Vec<String>> {
    let headline = |row: &&Value| row["status"] == "fail" && row["blocking"] == true && row["caused_by"].is_null();
    let word = |row: &Value, key: &str| row[key].as_str().unwrap_or("-").to_owned();
    let named = |row: &Value| ["id", "subject", "cause"].map(|key| word(row, key)).join(" ");
    Ok(run.findings()?.iter().filter(headline).map(named).collect())
}

fn has_headlines(run: &Run, expected: &[&str]) -> Tested {
    let found = headlines(run)?;
    ensure!(found == expected, "headlines {found:#?}, not {expected:#?}\n{}", run.loud()?.join("\n"));
    Ok(())
}

/// Of Debian's units each stops with the others, and the first to be named does not wait for them.
const STOP: &str = "systemctl stop openvswitch-switch ovs-vswitchd ovsdb-server";
const START: &str = "systemctl start openvswitch-switch";

fn while_stopped(lab: &Lab, script: &str) -> Tested {
    lab.sh(&format!("{STOP}\n{script}\n{START}")).map(drop)
}

fn restarted_daemons_change_nothing() -> Tested {
    let lab = hypervisor()?;
    snapshot(&lab)?;
    is_as_it_was(&lab)?;
    while_stopped(&lab, "")?;
    is_as_it_was(&lab)
}

/// A change, the one headline that it makes, and a word of what it says.
const CHANGES: &[(&str, &str, &str)] = &[
    ("del-port br-ex eno1", "ovs.port-kept br-ex/eno1 detached", "eno1 is in no bridge"),
    ("del-port br-ex eno1 -- add-port br-data eno1", "ovs.port-kept br-ex/eno1 wrong-bridge", "eno1 is on br-data"),
    ("set port eno4 tag=41", "ovs.port-kept br-data/eno4 attributes-changed", "tag is 41, and was 40"),
    ("clear port eno4 tag", "ovs.port-kept br-data/eno4 attributes-changed", "tag is not set, and was 40"),
    ("remove port eno1 trunks 200", "ovs.port-kept br-ex/eno1 attributes-changed", "trunks is 100,300"),
    ("clear interface eno4 mtu_request", "ovs.port-kept br-data/eno4 attributes-changed", "mtu_request is not set"),
    ("set interface eno4 ingress_policing_rate=0", "ovs.port-kept br-data/eno4 attributes-changed", "was 100000"),
    ("clear port eno4 qos", "ovs.port-kept br-data/eno4 attributes-changed", "qos is not set"),
    ("set interface vx7 options:remote_ip=192.0.2.78", "ovs.port-kept br-data/vx7 attributes-changed", "192.0.2.78"),
    ("remove interface vx7 options psk", "ovs.port-kept br-data/vx7 attributes-changed", "options:psk is not set"),
    ("del-port br-data vx7", "ovs.port-kept br-data/vx7 missing", "vx7 is gone"),
    ("del-port br-ex to-data", "ovs.port-kept br-ex/to-data missing", "to-data is gone"),
    ("del-br br-v50", "ovs.port-kept br-data/br-v50 missing", "br-v50 is gone"),
    ("del-bond-iface bond1 eno3", "ovs.port-kept br-ex/bond1/eno3 detached", "eno3 is in no bridge, and was in bond1"),
    ("set port bond1 bond_mode=balance-slb", "ovs.port-kept br-ex/bond1 attributes-changed", "bond_mode"),
    ("set port bond1 other_config:bond-primary=eno3", "ovs.port-kept br-ex/bond1 attributes-changed", "bond-primary"),
    ("del-port br-ex bond1", "ovs.port-kept br-ex/bond1 detached", "bond1 is gone from br-ex"),
    ("set bridge br-data fail_mode=secure", "ovs.bridge-kept br-data attributes-changed", "fail_mode is secure"),
    ("set bridge br-ex other_config:hwaddr=02:00:00:0a:00:11", "ovs.bridge-kept br-ex attributes-changed", "hwaddr"),
    ("set bridge br-data protocols=OpenFlow13", "ovs.bridge-kept br-data attributes-changed", "protocols"),
    ("set-controller br-data tcp:127.0.0.1:6653", "ovs.bridge-kept br-data attributes-changed", "controllers"),
    ("set open_vswitch . external_ids:system-id=other", "ovs.bridge-kept Open_vSwitch attributes-changed", "system-id"),
    (
        "remove open_vswitch . external_ids ovn-bridge-mappings",
        "ovs.bridge-kept Open_vSwitch attributes-changed",
        "ovn-bridge-mappings is not set",
    ),
    (
        "--no-wait set open_vswitch . other_config:flow-restore-wait=true",
        "ovs.bridge-kept Open_vSwitch attributes-changed",
        "ovs-vswitchd changes no flow",
    ),
];

/// And what the row tells a person to type puts it right again.
fn each_change_is_told_and_taken_back() -> Tested {
    let lab = hypervisor()?;
    snapshot(&lab)?;
    lab.sh("cp -L /etc/openvswitch/conf.db /root/conf.db")?;
    for (change, headline, word) in CHANGES {
        lab.sh(&format!("ovs-vsctl --timeout=10 {change}"))?;
        let run = verify(&lab)?;
        has_headlines(&run, &[headline]).map_err(|error| error.context(*change))?;
        let mut named = headline.split(' ');
        let row = run.row(named.next().unwrap_or_default(), named.next().unwrap_or_default())?;
        let detail = row["detail"].as_str().unwrap_or_default();
        ensure!(detail.contains(word), "{change}: {detail:?} does not say {word:?}");
        ensure!(!detail.contains("swordfish") && !row.to_string().contains("swordfish"), "a secret is told: {row:#}");

        // Of what rows point at, and of secrets, the row tells only that they are missing.
        if !word.contains("qos") && !word.contains("psk") && *change != "del-port br-data vx7" {
            by_hand(&lab, row)?;
            is_as_it_was(&lab).map_err(|error| error.context(format!("{change}: by hand {}", row["by_hand"])))?;
        } else {
            while_stopped(&lab, "cp /root/conf.db $(readlink -f /etc/openvswitch/conf.db)")?;
            is_as_it_was(&lab).map_err(|error| error.context(*change))?;
        }
    }
    Ok(())
}

fn lost_bridge_is_one_headline() -> Tested {
    let lab = hypervisor()?;
    snapshot(&lab)?;
    lab.sh("ovs-vsctl del-br br-data")?;
    let run = verify(&lab)?;
    has_headlines(&run, &["ovs.bridge-kept br-data missing"])?;
    let row = run.blocks("ovs.port-kept", "br-data/eno4", Some("detached"))?;
    ensure!(row["caused_by"]["id"] == "ovs.bridge-kept", "{row:#}");

    // It is built again by what the rows say, but for what rows point at and for secrets.
    by_hand(&lab, run.row("ovs.bridge-kept", "br-data")?)?;
    for port in ["eno4", "to-ex", "vx7", "br-v50"] {
        by_hand(&lab, run.row("ovs.port-kept", &format!("br-data/{port}"))?)?;
    }
    let run = verify(&lab)?;
    let left = ["eno4", "vx7"].map(|port| format!("ovs.port-kept br-data/{port} attributes-changed"));
    has_headlines(&run, &left.each_ref().map(String::as_str))?;
    for (subject, word) in [("br-data/eno4", "br-data/eno4: qos is not set"), ("br-data/vx7", "options:psk is not set")]
    {
        let row = run.row("ovs.port-kept", subject)?;
        ensure!(row["detail"].as_str().is_some_and(|detail| detail.contains(word)), "{row:#}");
    }
    Ok(())
}

/// While it runs, the switch says nothing at all of a NIC that was renamed.
fn renamed_nic_is_one_headline_live_and_after_a_restart() -> Tested {
    let lab = hypervisor()?;
    snapshot(&lab)?;
    lab.sh("ip link set eno1 down; ip link set eno1 name eno1np0; ip link set eno1np0 up")?;
    for _ in 0..2 {
        let run = verify(&lab)?;
        has_headlines(&run, &["ovs.port-kept br-ex/eno1 nic-renamed"])?;
        let row = run.row("ovs.port-kept", "br-ex/eno1")?;
        ensure!(row["observed"]["device"] == "eno1np0", "{row:#}");
        while_stopped(&lab, "")?;
    }
    // Who makes a port of the new name has mended it, as well as who gives the old name back.
    lab.sh("ovs-vsctl del-port eno1 -- add-port br-ex eno1np0 trunks=100,200,300 vlan_mode=native-untagged")?;
    is_as_it_was(&lab)?;
    lab.sh("ovs-vsctl del-port eno1np0 -- add-port br-ex eno1 trunks=100,200,300 vlan_mode=native-untagged; true")?;
    let run = verify(&lab)?;
    by_hand(&lab, run.row("ovs.port-kept", "br-ex/eno1")?)?;
    is_as_it_was(&lab)
}

fn swapped_nics_are_told_with_what_is_where() -> Tested {
    let lab = hypervisor()?;
    snapshot(&lab)?;
    while_stopped(
        &lab,
        "ip link set eno1 down; ip link set eno4 down
        ip link set eno1 name tmp; ip link set eno4 name eno1; ip link set tmp name eno4",
    )?;
    let run = verify(&lab)?;
    for (subject, said) in [
        ("br-ex/eno1", "eno1 is now called eno4; what is called eno1 now was eno4"),
        ("br-data/eno4", "eno4 is now called eno1; what is called eno4 now was eno1"),
    ] {
        let row = run.blocks("ovs.port-kept", subject, Some("nic-renamed"))?;
        ensure!(row["detail"].as_str().is_some_and(|detail| detail.starts_with(said)), "{row:#}");
    }
    // Either row's commands put both right.
    by_hand(&lab, run.row("ovs.port-kept", "br-ex/eno1")?)?;
    while_stopped(&lab, "")?;
    is_as_it_was(&lab)
}

/// What an upgrade does that cannot convert the database.
fn emptied_database_is_one_headline() -> Tested {
    let lab = hypervisor()?;
    snapshot(&lab)?;
    while_stopped(
        &lab,
        "cp -L /etc/openvswitch/conf.db /etc/openvswitch/conf.db.backup8.3.0-3423580704
        : >/etc/openvswitch/conf.db.backup7.16.1-1
        rm -f $(readlink -f /etc/openvswitch/conf.db)",
    )?;
    let run = verify(&lab)?;
    has_headlines(&run, &["ovs.database-emptied  -"])?;
    let row = run.row("ovs.database-emptied", "")?;
    let detail = row["detail"].as_str().unwrap_or_default();
    ensure!(detail.contains("/etc/openvswitch/conf.db.backup8.3.0-3423580704"), "{row:#}");
    by_hand(&lab, row)?;
    is_as_it_was(&lab)
}

fn guests_and_ovn_are_counted_and_not_compared() -> Tested {
    let lab = hypervisor()?;
    lab.sh("ovs-vsctl set open_vswitch . external_ids:ovn-remote=tcp:127.0.0.1:6642
        ovs-vsctl add-port br-int tap1 -- set interface tap1 external_ids:iface-id=9c1b22f0 \
            -- add-port br-ex vnet2 -- add-port br-int ovn-hv02-0 \
            -- set interface ovn-hv02-0 type=vxlan options:remote_ip=192.0.2.11 options:key=flow \
            -- set port ovn-hv02-0 external_ids:ovn-chassis-id=hv-02 \
            -- add-port br-ex patch-br-ex -- set interface patch-br-ex type=patch options:peer=patch-int \
            -- set port patch-br-ex external_ids:ovn-localnet-port=net1 \
            -- set bridge br-int external_ids:ct-zone-lr0=4")?;
    snapshot(&lab)?;
    let run = verify(&lab)?;
    ensure!(run.row("ovs.port-kept", "br-ex")?["observed"]["owned_by_others"] == 2, "vnet2 and the patch");
    lab.sh("ovs-vsctl del-port tap1 -- del-port vnet2 -- del-port ovn-hv02-0 -- del-port patch-br-ex \
            -- clear bridge br-int external_ids -- set bridge br-int other_config:disable-in-band=true \
            -- set open_vswitch . external_ids:ovn-startup-ts=1 other_config:vlan-limit=0")?;
    is_as_it_was(&lab)
}

/// What ovn-controller writes by itself over a restart is no change; and that it makes its bridge again in an empty
/// database does not hide that all else is lost.
fn chassis_of_ovn_keeps_books_and_hides_no_loss() -> Tested {
    let lab = crate::ovn::chassis()?;
    snapshot(&lab)?;
    // Set in the database alone, it is gone with the next start, and OVN takes the host for another one.
    while_stopped(&lab, "")?;
    let run = verify(&lab)?;
    has_headlines(&run, &["ovs.bridge-kept Open_vSwitch attributes-changed"])?;
    by_hand(&lab, run.row("ovs.bridge-kept", "Open_vSwitch")?)?;
    is_as_it_was(&lab)?;
    lab.sh("systemctl restart ovn-controller.service")?;
    is_as_it_was(&lab)?;
    while_stopped(&lab, "")?;
    lab.sh("systemctl restart ovn-controller.service")?;
    lab.wait_until("its bridge is back", |lab| Ok(lab.run(&["ovs-vsctl", "br-exists", "br-int"])?.code == 0))?;
    is_as_it_was(&lab)?;

    while_stopped(&lab, "rm -f $(readlink -f /etc/openvswitch/conf.db)")?;
    lab.sh("ovs-vsctl set open_vswitch . external_ids:ovn-remote=unix:/run/ovn/ovnsb_db.sock \
            external_ids:ovn-encap-type=geneve external_ids:ovn-encap-ip=192.0.2.10 external_ids:system-id=hv-01
        systemctl restart ovn-controller.service")?;
    lab.wait_until("it makes its bridge", |lab| Ok(lab.run(&["ovs-vsctl", "br-exists", "br-int"])?.code == 0))?;
    let run = verify(&lab)?;
    run.blocks("ovs.database-emptied", "", None)?;
    let row = run.blocks("ovs.bridge-kept", "br-ex", Some("missing"))?;
    ensure!(row["caused_by"]["id"] == "ovs.database-emptied", "{row:#}");
    Ok(())
}
