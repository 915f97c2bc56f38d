//! What must not be done to the switch is not begun; what somebody else does meanwhile is not overwritten; and what the
//! switch does not take up is taken back.

use anyhow::{Result, ensure};

use super::{action, fix, hypervisor, is_applied, is_as_it_was, is_refused, switch, undo};
use crate::harness::{Lab, Run, Tested};

crate::tests!("fix-ovs":
    switch_that_does_not_act_is_not_written_to,
    card_that_is_gone_or_that_others_have_is_not_taken,
    somebody_who_changes_the_same_meanwhile_is_not_overwritten,
    guests_stay_where_they_are,
    port_that_the_switch_does_not_take_is_no_success,
);

const LOST: &str = "ovs-vsctl --timeout=10 del-port eno4";
const FINDING: &str = "ovs.port-kept:br-data/eno4";

/// vswitchd is stopped, or hangs before it was looked at or after.
fn switch_that_does_not_act_is_not_written_to() -> Tested {
    let lab = hypervisor()?;
    lab.sh(LOST)?;
    let lost = switch(&lab)?;

    lab.sh("systemctl kill --signal=SIGSTOP ovs-vswitchd")?;
    let run = fix(&lab, FINDING)?;
    let hung = action(&run, "ovs.port.readd")?;
    ensure!(hung["state"] == "failed" && hung["changed"] == false, "{hung:#}");
    ensure!(hung["error"] == "ovs-vswitchd runs and does not follow its database; the switch is as it was", "{hung:#}");
    ensure!(run.code == 6 && run.report()?["changed"] == false, "{}", run.stdout);
    is_as_it_was(&lab, &lost, "it hangs")?;
    is_refused(&fix(&lab, FINDING)?, "ovs.port.readd", "vswitchd")?;
    is_as_it_was(&lab, &lost, "it hangs and is known to")?;
    lab.sh("systemctl kill --signal=SIGCONT ovs-vswitchd; ovs-vsctl --timeout=30 -- add-br passing -- del-br passing")?;

    // Its unit would take the database down with it.
    lab.sh("ovs-appctl --timeout=10 exit")?;
    lab.wait_until("the daemon has ended", |lab| Ok(lab.run(&["pgrep", "ovs-vswitchd"])?.code == 1))?;
    let lost = switch(&lab)?;
    is_refused(&fix(&lab, FINDING)?, "ovs.port.readd", "ovs-vswitchd does not run")?;
    is_as_it_was(&lab, &lost, "it is stopped")?;
    lab.sh("systemctl restart openvswitch-switch")?;
    is_applied(&fix(&lab, FINDING)?, "ovs.port.readd")
}

/// What somebody does with the card, what the plan says of it, and how it is free again.
const OTHERS: &[(&str, &str, &str)] = &[
    ("ip link add br9 type bridge; ip link set eno4 master br9", "eno4 is in br9", "ip link del br9"),
    (
        "ip address add 198.51.100.4/24 dev eno4",
        "eno4 has 198.51.100.4/24: `ip address del 198.51.100.4/24 dev eno4` first",
        "ip address del 198.51.100.4/24 dev eno4",
    ),
    (
        "ip address add 2001:db8::4/64 dev eno4 nodad",
        "eno4 has 2001:db8::4/64",
        "ip address del 2001:db8::4/64 dev eno4",
    ),
    (
        "ovs-vsctl --timeout=10 add-bond br-int bond8 eno4 lo8 -- set interface lo8 type=internal",
        "eno4 is a part of bond8 of br-int",
        "ovs-vsctl --timeout=10 del-port bond8",
    ),
];

fn card_that_is_gone_or_that_others_have_is_not_taken() -> Tested {
    let lab = hypervisor()?;
    lab.sh(LOST)?;
    let lost = switch(&lab)?;
    for (taken, why, freed) in OTHERS {
        lab.sh(taken)?;
        let before = switch(&lab)?;
        is_refused(&fix(&lab, FINDING)?, "ovs.port.readd", why)?;
        is_as_it_was(&lab, &before, why)?;
        lab.sh(freed)?;
    }
    is_as_it_was(&lab, &lost, "free again")?;
    // What the host had before as well is moved where it was, and keeps nobody away.
    lab.sh("ip link set eno4 up; ip -6 address show dev eno4 scope link | grep -q inet6")?;
    is_applied(&fix(&lab, FINDING)?, "ovs.port.readd")?;

    lab.sh(LOST)?;
    lab.sh("ip link del eno4")?;
    is_refused(&fix(&lab, FINDING)?, "ovs.port.readd", "eno4 is gone")?;
    is_as_it_was(&lab, &lost, "gone")
}

/// Somebody else writes between the look and the deed: while vswitchd is held up, the fix asks it whether it follows, and
/// it has planned by then.
const MEANWHILE: &str = r#"
count() { ovsdb-client --timeout=10 transact '["Open_vSwitch",{"op":"select","table":"Open_vSwitch","where":[],"columns":["next_cfg"]}]'; }
systemctl kill --signal=SIGSTOP ovs-vswitchd
was=$(count)
hostready fix --json --apply "$1" >/root/said &
while test "$(count)" = "$was"; do :; done
ovs-vsctl --no-wait --timeout=10 $2 >/dev/null
systemctl kill --signal=SIGCONT ovs-vswitchd
wait $! || code=$?
cat /root/said
exit ${code:-0}
"#;

fn meanwhile(lab: &Lab, finding: &str, change: &str) -> Result<Run> {
    Ok(Run::new(lab.run(&["sh", "-uc", MEANWHILE, "sh", finding, change])?))
}

/// What is lost, what somebody does to the same meanwhile, and what shows that it was done.
const CONCURRENT: &[(&str, &str, &str)] = &[
    // Another port on the same bridge.
    (LOST, "add-port br-data other0 -- set interface other0 type=internal", "Bridge br-data ports"),
    // The same port.
    (LOST, "add-port br-data eno4 tag=41", "Port eno4 tag 41"),
    ("ovs-vsctl set port eno4 tag=41", "set port eno4 tag=42", "Port eno4 tag 42"),
    ("ovs-vsctl set interface eno4 external_ids:who=you", "set interface eno4 external_ids:who=they", "they"),
    ("ovs-vsctl clear port eno4 qos", "set port eno4 qos=@q -- --id=@q create qos type=linux-htb", "linux-htb"),
    (
        "ovs-vsctl --timeout=10 del-port eno4 -- add-port br-int eno4",
        "del-port eno4 -- add-port br-ex eno4",
        r#"["Port", "eno4"], ["Port", "to-data"]"#,
    ),
];

fn somebody_who_changes_the_same_meanwhile_is_not_overwritten() -> Tested {
    let lab = hypervisor()?;
    lab.sh("cp -a /var/lib/hostready /root/kept; cp -a $(readlink -f /etc/openvswitch/conf.db) /root/conf.db")?;
    for (loss, change, shows) in CONCURRENT {
        lab.sh(loss)?;
        let run = meanwhile(&lab, FINDING, change)?;
        let failed = action(&run, "ovs.port.readd")?;
        ensure!(failed["state"] == "failed" && failed["changed"] == false, "{change}: {failed:#}");
        ensure!(failed["error"].to_string().contains("the switch has changed since"), "{change}: {failed:#}");
        ensure!(run.code == 6 && run.report()?["changed"] == false, "{change}: {}", run.stdout);
        // As whoever was quicker has it.
        let is = switch(&lab)?;
        ensure!(is.contains(shows), "{change}: {is}");
        lab.sh("hostready undo --json | grep -q 'nothing to take back'")?;
        lab.sh("systemctl stop openvswitch-switch ovs-vswitchd ovsdb-server
            cat /root/conf.db >$(readlink -f /etc/openvswitch/conf.db)
            systemctl start openvswitch-switch")?;
    }
    // Beside it anybody may write.
    lab.sh("ovs-vsctl --timeout=10 set interface eno4 external_ids:who=you")?;
    let run = meanwhile(&lab, FINDING, "set interface eno4 external_ids:what=new -- set port vx7 tag=9")?;
    is_applied(&run, "ovs.port.readd")?;
    let is = lab.sh("ovs-vsctl get interface eno4 external_ids -- get port vx7 tag")?;
    ensure!(is == "{what=new, who=me}\n9", "{is}");
    undo(&lab, "ovs.port.readd")?;
    let is = lab.sh("ovs-vsctl get interface eno4 external_ids -- get port vx7 tag")?;
    ensure!(is == "{what=new, who=you}\n9", "{is}");
    Ok(())
}

/// Of each tap of a guest: bridge, tag, whose it is, and that the switch has it.
const GUESTS: &str = "
for tap in tap7 tap8 vnet9; do
    echo $tap $(ovs-vsctl --timeout=10 port-to-br $tap) $(ovs-vsctl get port $tap tag) \
        $(ovs-vsctl get interface $tap _uuid external_ids:iface-id ofport error)
done
";

/// What is done beside them and on their own bridge.
fn guests_stay_where_they_are() -> Tested {
    let lab = hypervisor()?;
    lab.sh("ovs-vsctl --timeout=10 \
        -- add-port br-data tap8 tag=8 -- set interface tap8 type=internal external_ids:iface-id=guest-8 \
        -- add-port br-ex vnet9 -- set interface vnet9 type=internal external_ids:iface-id=guest-9")?;
    lab.hostready(&["snapshot", "--json", "--replace"])?.exits(0)?;
    let guests = lab.sh(GUESTS)?;
    let losses = [
        (LOST, FINDING),
        ("ovs-vsctl --timeout=10 set port eno4 tag=41", FINDING),
        ("ovs-vsctl --timeout=10 del-port bond1", "ovs.port-kept:br-data/bond1"),
        ("ovs-vsctl --timeout=10 del-port eno4 -- add-port br-int eno4", FINDING),
        ("ovs-vsctl --timeout=10 set bridge br-data fail_mode=secure", "ovs.bridge-kept:br-data"),
    ];
    for (loss, finding) in losses {
        lab.sh(loss)?;
        let run = fix(&lab, finding)?;
        ensure!(run.report()?["changed"] == true, "{loss}: {}", run.stdout);
        ensure!(lab.sh(GUESTS)? == guests, "{loss}: {}", lab.sh(GUESTS)?);
        lab.hostready(&["undo", "--json"])?.exits(0)?;
        ensure!(lab.sh(GUESTS)? == guests, "{loss}, undone: {}", lab.sh(GUESTS)?);
        fix(&lab, finding)?;
        fix(&lab, finding)?;
    }
    Ok(())
}

/// Somebody has the same tunnel under another name: the database takes the port, and the switch cannot.
fn port_that_the_switch_does_not_take_is_no_success() -> Tested {
    let lab = hypervisor()?;
    lab.sh("ovs-vsctl --timeout=10 del-port vx7
        ovs-vsctl --timeout=10 add-port br-data vx8 -- set interface vx8 type=vxlan options:remote_ip=192.0.2.77 options:key=7")?;
    let lost = switch(&lab)?;
    let run = fix(&lab, "ovs.port-kept:br-data/vx7")?;
    let failed = action(&run, "ovs.port.readd")?;
    ensure!(run.code == 6 && failed["state"] == "failed" && failed["changed"] == false, "{failed:#}");
    is_as_it_was(&lab, &lost, "it was not taken back")?;
    lab.sh("ovs-vsctl --timeout=10 del-port vx8")?;
    is_applied(&fix(&lab, "ovs.port-kept:br-data/vx7")?, "ovs.port.readd")
}
