//! Open vSwitch: what the database says, and what is so.

use anyhow::ensure;

use crate::harness::{Tested, recipe};

crate::tests!("ovs":
    uplink_without_a_device_blocks,
    renamed_nic_is_told_as_such,
    dead_link_blocks,
    link_switched_off_blocks,
    bond_with_a_live_member_is_a_warning,
    bond_without_a_live_member_blocks,
    stopped_vswitchd_is_the_one_headline,
    stopped_database_is_the_one_headline,
    change_that_is_not_applied_blocks,
    secure_bridge_without_flows_blocks,
    guest_port_left_behind_is_a_note,
    host_without_ovs_skips,
);

/// `ovs-vsctl add-port` of a card that is not there exits 0, and the port is listed from then on.
fn uplink_without_a_device_blocks() -> Tested {
    let lab = recipe::at_work()?;
    let outcome = lab.run(&["ovs-vsctl", "add-port", "br-ex", "eno9"])?;
    ensure!(outcome.code == 0, "ovs-vsctl noticed: {}", outcome.stderr);
    ensure!(lab.sh("ovs-vsctl port-to-br eno9")? == "br-ex", "the port is not listed");
    let run = lab.check(&[])?;
    run.blocks("ovs.uplink", "br-ex/eno9", Some("device-missing"))?;
    run.passes("ovs.uplink", "br-ex/eno1")?;
    run.blocked_by(&["ovs.uplink br-ex/eno9"])
}

fn renamed_nic_is_told_as_such() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("systemctl stop openvswitch-switch.service
        ip link set eno1 down && ip link set eno1 name eno1np0 && ip link set eno1np0 up
        systemctl start openvswitch-switch.service")?;
    lab.wait_until("vswitchd says what it misses", |lab| Ok(lab.sh("ovs-vsctl get interface eno1 ofport")? == "-1"))?;
    let run = lab.check(&[])?;
    // OVS may have forgotten the address of the card, and then nobody can tell without a baseline who it was.
    let row = run.says("ovs.uplink", "br-ex/eno1", "fail")?;
    ensure!(row["blocking"] == true, "a lost uplink blocks: {row:#}");
    ensure!(row["cause"] == "nic-renamed" || row["cause"] == "device-missing", "{row:#}");
    run.exits(3)
}

fn dead_link_blocks() -> Tested {
    let lab = recipe::at_work()?;
    lab.wire(&["ip", "link", "set", "w-eno1", "down"])?;
    let run = lab.check(&[])?;
    run.blocks("ovs.uplink", "br-ex/eno1", Some("link-down"))?;
    run.blocked_by(&["ovs.uplink br-ex/eno1"])?;
    lab.wire(&["ip", "link", "set", "w-eno1", "up"])?;
    lab.check(&[])?.is_green()
}

fn link_switched_off_blocks() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("ip link set eno1 down")?;
    lab.check(&[])?.blocks("ovs.uplink", "br-ex/eno1", Some("link-down")).map(drop)
}

fn bond_with_a_live_member_is_a_warning() -> Tested {
    let lab = recipe::bring_to_work(recipe::bonded().boot()?)?;
    lab.sh("ovs-vsctl add-bond br-ex bond1 eno2 eno3 && ip link set eno2 up && ip link set eno3 up")?;
    lab.check(&[])?.is_green()?;
    lab.wire(&["ip", "link", "set", "w-eno3", "down"])?;
    let run = lab.check(&[])?;
    run.passes("ovs.uplink", "br-ex/bond1/eno2")?;
    let row = run.says("ovs.uplink", "br-ex/bond1/eno3", "fail")?;
    ensure!(row["blocking"] == false && row["severity"] != "info", "a warning: {row:#}");
    run.verdict("warn")?;
    run.exits(0)
}

fn bond_without_a_live_member_blocks() -> Tested {
    let lab = recipe::bring_to_work(recipe::bonded().boot()?)?;
    lab.sh("ovs-vsctl add-bond br-ex bond1 eno2 eno3 && ip link set eno2 up && ip link set eno3 up")?;
    lab.wire(&["ip", "link", "set", "w-eno2", "down"])?;
    lab.wire(&["ip", "link", "set", "w-eno3", "down"])?;
    let run = lab.check(&[])?;
    run.blocks("ovs.uplink", "br-ex/bond1/eno2", Some("link-down"))?;
    run.blocks("ovs.uplink", "br-ex/bond1/eno3", Some("link-down"))?;
    run.exits(3)
}

fn stopped_vswitchd_is_the_one_headline() -> Tested {
    let lab = recipe::at_work()?;
    // Not by systemctl: Debian's units then stop the database as well, a moment later.
    lab.sh("ovs-appctl exit")?;
    lab.wait_until("the daemon has ended", |lab| Ok(lab.run(&["pgrep", "ovs-vswitchd"])?.code == 1))?;
    let run = lab.check(&[])?;
    run.blocks("ovs.daemons", "", Some("vswitchd-not-running"))?;
    run.blocked_by(&["ovs.daemons"])?;
    // What the database says of the ports is from before, and nobody may call it fine.
    for (id, subject) in [("ovs.uplink", "br-ex/eno1"), ("ovs.flows", "br-int")] {
        let row = run.says(id, subject, "unknown")?;
        ensure!(row["caused_by"]["id"] == "ovs.daemons", "it hangs below the daemon: {row:#}");
    }
    Ok(())
}

fn stopped_database_is_the_one_headline() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("systemctl stop ovsdb-server.service")?;
    let run = lab.check(&[])?;
    run.blocks("ovs.daemons", "", Some("ovsdb-unreachable"))?;
    run.blocked_by(&["ovs.daemons"])?;
    for id in ["ovs.uplink", "ovs.flows"] {
        ensure!(run.rows(id)?.iter().all(|row| row["status"] != "pass"), "{id} was seen by nobody");
    }
    Ok(())
}

/// A vswitchd that hangs: it holds its lock, and the database takes changes as ever. Only a change that somebody
/// waits for is counted, so `--no-wait` would leave no trace.
fn change_that_is_not_applied_blocks() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("systemctl kill --signal=STOP ovs-vswitchd.service")?;
    ensure!(lab.run(&["ovs-vsctl", "--timeout=1", "set", "bridge", "br-ex", "other_config:test=2"])?.code != 0);
    let run = lab.check(&[])?;
    run.blocks("ovs.daemons", "", Some("config-not-applied"))?;
    run.exits(3)?;
    lab.sh("systemctl kill --signal=CONT ovs-vswitchd.service")?;
    lab.wait_until("vswitchd catches up", |lab| {
        Ok(lab.sh("ovs-vsctl get open_vswitch . next_cfg")? == lab.sh("ovs-vsctl get open_vswitch . cur_cfg")?)
    })?;
    lab.check(&[])?.is_green()
}

fn secure_bridge_without_flows_blocks() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("ovs-ofctl del-flows br-int")?;
    let run = lab.check(&[])?;
    run.blocks("ovs.flows", "br-int", None)?;
    run.blocked_by(&["ovs.flows br-int"])
}

fn guest_port_left_behind_is_a_note() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("ovs-vsctl add-port br-int tap9c1b22f0-1d \
        -- set interface tap9c1b22f0-1d external_ids:iface-id=9c1b22f0-1d1e-4b6e-8a0e-0f3c1d2e4a5b")?;
    let run = lab.check(&[])?;
    run.notes("ovs.uplink", "br-int/tap9c1b22f0-1d", Some("stale-guest-port"))?;
    run.is_green()
}

/// Purged, not stopped: then there is nothing to miss.
fn host_without_ovs_skips() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.sh("export DEBIAN_FRONTEND=noninteractive
        dpkg --purge openvswitch-switch openvswitch-common
        rm -rf /etc/openvswitch /run/openvswitch /var/lib/openvswitch")?;
    let run = lab.check(&[])?;
    for id in ["ovs.daemons", "ovs.uplink", "ovs.flows"] {
        let rows = run.rows(id)?;
        let absent = rows.iter().all(|row| row["status"] == "skip" && row["cause"] == "not-present");
        ensure!(absent, "{id} is not skipped: {rows:#?}");
    }
    run.is_green()
}
