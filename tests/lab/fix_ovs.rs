//! What became of the switch and of its NICs is repaired, proven with the switch's own tools, and taken back.

pub mod bond;
pub mod refused;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("fix-ovs":
    each_lost_port_comes_back_as_it_was_and_goes_again,
    port_on_another_bridge_is_moved_only_where_it_is_named,
    queues_that_are_made_go_with_the_undo,
    renamed_nic_gets_its_name_back,
    swapped_nics_get_their_names_back,
    nic_that_cannot_be_renamed_is_taken_up_under_its_new_name,
    lost_bridge_comes_back_with_its_ports,
    emptied_database_gets_back_what_nobody_else_makes,
    what_was_set_otherwise_of_a_bridge_is_set_back,
    of_the_bridge_of_ovn_nothing_else_is_set_back,
);

/// A bridge for data beside the one that the host hangs on. The cards stay down: all are plugged into one wire.
const DATA: &str = "
ovs-vsctl --timeout=10 \
    -- add-br br-data -- set bridge br-data datapath_type=netdev other_config:hwaddr=02:00:00:0a:00:10 \
    -- add-port br-data eno4 tag=40 vlan_mode=native-untagged trunks=100,200 \
    -- set interface eno4 mtu_request=1450 ofport_request=44 ingress_policing_rate=100000 external_ids:who=me \
    -- set port eno4 external_ids:owner=me other_config:stp-path-cost=7 \
    -- set port eno4 qos=@q -- --id=@q create qos type=linux-noop other_config:max-rate=1000000 queues:0=@r \
    -- --id=@r create queue other_config:min-rate=1000 \
    -- add-bond br-data bond1 eno2 eno3 bond_mode=active-backup other_config:bond-primary=eno2 lacp=passive \
    -- add-port br-data vx7 -- set interface vx7 type=vxlan options:remote_ip=192.0.2.77 options:key=7 bfd:min_tx=1000 \
    -- add-port br-ex to-data -- set interface to-data type=patch options:peer=to-ex \
    -- add-port br-data to-ex -- set interface to-ex type=patch options:peer=to-data
ovs-vsctl --timeout=10 add-port br-int tap7 tag=7 -- set interface tap7 type=internal external_ids:iface-id=guest-7
";

fn hypervisor() -> Result<Lab> {
    let lab = recipe::bonded().nic("eno4", "52:54:00:0a:00:04").boot()?;
    let lab = recipe::bring_to_work(lab)?;
    lab.sh(DATA)?;
    lab.hostready(&["snapshot", "--json", "--replace"])?.exits(0)?;
    Ok(lab)
}

/// The whole database of the switch.
pub fn switch(lab: &Lab) -> Result<String> {
    lab.run(&["python3", "-c", include_str!("fix_ovs/whole.py")])?.success()
}

/// What differs between two of these, line by line.
fn difference(was: &str, is: &str) -> String {
    let only = |sign: &str, of: &str, other: &str| -> String {
        of.lines().filter(|line| !other.lines().any(|it| it == *line)).map(|line| format!("\n{sign} {line}")).collect()
    };
    only("-", was, is) + &only("+", is, was)
}

/// Every row is as it was, and there is none more.
fn is_as_it_was(lab: &Lab, was: &str, why: &str) -> Tested {
    let is = switch(lab)?;
    ensure!(is == was, "{why}: the switch is not as it was{}", difference(was, &is));
    Ok(())
}

fn undo(lab: &Lab, id: &str) -> Tested {
    let undo = lab.hostready(&["undo", "--json"])?;
    ensure!(action(&undo, id)?["state"] == "reverted", "{}", undo.stdout);
    Ok(())
}

fn fix(lab: &Lab, wanted: &str) -> Result<Run> {
    lab.hostready(&["fix", "--json", "--apply", wanted])
}

fn action<'a>(run: &'a Run, id: &str) -> Result<&'a Value> {
    let actions = run.report()?["actions"].as_array().context("no actions")?;
    actions.iter().find(|action| action["id"] == id).with_context(|| format!("no action {id}\n{}", run.stdout))
}

fn is_applied(run: &Run, id: &str) -> Tested {
    ensure!(!run.stderr.contains("nothing of this"), "it acted, and says that there was nothing: {}", run.stderr);
    let action = action(run, id)?;
    ensure!(action["state"] == "applied" && action["changed"] == true, "{action:#}");
    Ok(())
}

fn is_refused(run: &Run, id: &str, word: &str) -> Tested {
    let action = action(run, id)?;
    ensure!(action["state"] == "refused" && action["changed"] == false, "{action:#}");
    ensure!(action.to_string().contains(word), "it does not say {word:?}: {action:#}");
    ensure!(run.report()?["changed"] == false, "{}", run.stdout);
    Ok(())
}

/// What is done to the switch, and the finding that it makes.
const LOSSES: &[(&str, &str)] = &[
    ("del-port br-data eno4", "ovs.port-kept:br-data/eno4"),
    ("del-port br-data vx7", "ovs.port-kept:br-data/vx7"),
    ("del-port br-data to-ex", "ovs.port-kept:br-data/to-ex"),
    ("del-port br-data bond1", "ovs.port-kept:br-data/bond1"),
    ("del-bond-iface bond1 eno3", "ovs.port-kept:br-data/bond1/eno3"),
    ("set port eno4 tag=41", "ovs.port-kept:br-data/eno4"),
    ("clear port eno4 tag -- set port eno4 trunks=100", "ovs.port-kept:br-data/eno4"),
    ("clear interface eno4 mtu_request", "ovs.port-kept:br-data/eno4"),
    ("clear port eno4 qos", "ovs.port-kept:br-data/eno4"),
    ("set interface eno4 ingress_policing_rate=0 external_ids:who=you", "ovs.port-kept:br-data/eno4"),
    ("set interface vx7 options:remote_ip=192.0.2.78 options:csum=true", "ovs.port-kept:br-data/vx7"),
    ("set port bond1 bond_mode=balance-slb", "ovs.port-kept:br-data/bond1"),
];

fn each_lost_port_comes_back_as_it_was_and_goes_again() -> Tested {
    let lab = hypervisor()?;
    let whole = switch(&lab)?;
    for (loss, finding) in LOSSES {
        let within = || format!("{loss}: {finding}");
        lab.sh(&format!("ovs-vsctl --timeout=10 {loss}"))?;
        let lost = switch(&lab)?;
        ensure!(lost != whole, "{loss} changes nothing that is looked at");
        let run = fix(&lab, finding)?;
        is_applied(&run, "ovs.port.readd").with_context(within)?;
        is_as_it_was(&lab, &whole, loss)?;
        is_at_its_number(&lab).with_context(within)?;

        undo(&lab, "ovs.port.readd").with_context(within)?;
        is_as_it_was(&lab, &lost, &format!("{loss}, undone"))?;
        is_applied(&fix(&lab, finding)?, "ovs.port.readd").with_context(within)?;
        is_as_it_was(&lab, &whole, &format!("{loss}, mended again"))?;
        let again = fix(&lab, finding)?;
        ensure!(again.report()?["changed"] == false, "{loss}: {}", again.stdout);
    }
    Ok(())
}

/// The number that flows were written for, and no word of an error.
fn is_at_its_number(lab: &Lab) -> Tested {
    let said = lab.sh("ovs-vsctl get interface eno4 ofport error")?;
    ensure!(said == "44\n[]", "{said}");
    Ok(())
}

/// A queue that is gone, or that somebody set otherwise, is made anew; what is left of it is nobody else's.
fn queues_that_are_made_go_with_the_undo() -> Tested {
    let lab = hypervisor()?;
    let whole = switch(&lab)?;
    let finding = "ovs.port-kept:br-data/eno4";
    let losses = [
        ("ovs-vsctl -- clear port eno4 qos -- --all destroy qos -- --all destroy queue", true),
        ("ovs-vsctl --timeout=10 del-port eno4; ovs-vsctl -- --all destroy qos -- --all destroy queue", true),
        // The one that is there may serve others so.
        ("ovs-vsctl set qos $(ovs-vsctl get port eno4 qos) other_config:max-rate=5", false),
    ];
    for (loss, is_whole) in losses {
        lab.sh(loss)?;
        let lost = switch(&lab)?;
        is_applied(&fix(&lab, finding)?, "ovs.port.readd").with_context(|| loss)?;
        let shaped = lab.sh("ovs-vsctl get qos $(ovs-vsctl get port eno4 qos) other_config:max-rate")?;
        ensure!(shaped == "\"1000000\"", "{loss}: {shaped}");
        ensure!(!is_whole || switch(&lab)? == whole, "{loss}{}", difference(&whole, &switch(&lab)?));
        undo(&lab, "ovs.port.readd").with_context(|| loss)?;
        is_as_it_was(&lab, &lost, loss)?;
        is_applied(&fix(&lab, finding)?, "ovs.port.readd").with_context(|| loss)?;
    }
    Ok(())
}

fn port_on_another_bridge_is_moved_only_where_it_is_named() -> Tested {
    let lab = hypervisor()?;
    let whole = switch(&lab)?;
    lab.sh("ovs-vsctl --timeout=10 clear port eno4 external_ids trunks")?;
    lab.sh("ovs-vsctl --timeout=10 remove bridge br-data ports $(ovs-vsctl get port eno4 _uuid) \
        -- add bridge br-int ports $(ovs-vsctl get port eno4 _uuid)")?;
    let lost = switch(&lab)?;
    let all = lab.hostready(&["fix", "--json", "--apply", "--all"])?;
    is_refused(&all, "ovs.port.readd", "hostready fix ovs.port-kept:br-data/eno4")?;
    ensure!(switch(&lab)? == lost, "it was moved");
    fix(&lab, "ovs.port-kept:br-data/eno4")?;
    ensure!(lab.sh("ovs-vsctl port-to-br eno4")? == "br-data", "it was not moved");
    undo(&lab, "ovs.port.readd")?;
    is_as_it_was(&lab, &lost, "undone")?;
    fix(&lab, "ovs.port-kept:br-data/eno4")?;
    // What else was lost on the way is another finding of the same port.
    fix(&lab, "ovs.port-kept:br-data/eno4")?;
    is_as_it_was(&lab, &whole, "moved and set")
}

const RENAMED: &str = "ip link set eno4 down; ip link set eno4 name ens4; ip link set ens4 up";

fn mac(lab: &Lab, name: &str) -> Result<String> {
    lab.sh(&format!("cat /sys/class/net/{name}/address"))
}

fn renamed_nic_gets_its_name_back() -> Tested {
    let lab = hypervisor()?;
    let (whole, own) = (switch(&lab)?, mac(&lab, "eno4")?);
    // udev leaves the names that it might have taken.
    lab.sh(&format!("{RENAMED}; ip link property add dev ens4 altname eno4"))?;
    let run = fix(&lab, "ovs.port-kept:br-data/eno4")?;
    is_applied(&run, "nic.rename-back")?;
    ensure!(mac(&lab, "eno4")? == own && switch(&lab)? == whole, "{}", lab.sh("ip link")?);
    lab.wait_until("the switch has it again", |lab| Ok(lab.sh("ovs-vsctl get interface eno4 ofport")? != "-1"))?;
    // Called otherwise than by its slot, it has that name beside its own.
    lab.sh("ip link property add dev eno4 altname ens4")?;

    let undo = lab.hostready(&["undo", "--json"])?;
    ensure!(action(&undo, "nic.rename-back")?["state"] == "reverted", "{}", undo.stdout);
    ensure!(mac(&lab, "ens4")? == own, "not undone: {}", lab.sh("ip link")?);
    lab.sh("ip link show ens4 | grep -q 'altname eno4'")?;
    Ok(())
}

fn swapped_nics_get_their_names_back() -> Tested {
    let lab = hypervisor()?;
    let whole = switch(&lab)?;
    let own = [mac(&lab, "eno4")?, mac(&lab, "eno2")?];
    lab.sh("ip link set eno4 down; ip link set eno2 down
        ip link set eno4 name tmp; ip link set eno2 name eno4; ip link set tmp name eno2")?;
    let run = fix(&lab, "ovs.port-kept:br-data/eno4")?;
    is_applied(&run, "nic.rename-back")?;
    ensure!([mac(&lab, "eno4")?, mac(&lab, "eno2")?] == own && switch(&lab)? == whole, "{}", lab.sh("ip link")?);
    let undo = lab.hostready(&["undo", "--json"])?;
    ensure!(action(&undo, "nic.rename-back")?["state"] == "reverted", "{}", undo.stdout);
    ensure!([mac(&lab, "eno2")?, mac(&lab, "eno4")?] == own, "{}", lab.sh("ip link")?);
    Ok(())
}

fn nic_that_cannot_be_renamed_is_taken_up_under_its_new_name() -> Tested {
    let lab = hypervisor()?;
    lab.write("/etc/network/interfaces", "iface eno4 inet manual\n")?;
    lab.sh(&format!("{RENAMED}; ip address add 198.51.100.4/24 dev ens4"))?;
    let lost = switch(&lab)?;
    let run = fix(&lab, "ovs.port-kept:br-data/eno4")?;
    is_applied(&run, "nic.take-up")?;
    ensure!(action(&run, "nic.take-up")?.to_string().contains("/etc/network/interfaces"), "{}", run.stdout);
    ensure!(lab.sh("ovs-vsctl port-to-br ens4; ovs-vsctl get port ens4 tag")? == "br-data\n40", "{}", switch(&lab)?);
    ensure!(!switch(&lab)?.contains("eno4"), "the old port stays: {}", switch(&lab)?);
    undo(&lab, "nic.take-up")?;
    // The switch had it open from before it was renamed, and now asks for it in vain; its words for that depend on how far
    // it gets.
    differs_by(&lab, &lost, "Interface eno4 error ")
}

/// As it was but for the lines that begin so, which may have come or not.
fn differs_by(lab: &Lab, was: &str, beginning: &str) -> Tested {
    let without = |text: &str| text.lines().filter(|it| !it.starts_with(beginning)).collect::<Vec<_>>().join("\n");
    let (was, is) = (without(was), without(&switch(lab)?));
    ensure!(was == is, "the switch is not as it was{}", difference(&was, &is));
    Ok(())
}

/// A mirror sees one port and leaves by another, and a second sees all.
const MIRRORS: &str = "
ovs-vsctl --timeout=10 set-controller br-data tcp:127.0.0.1:6653 tcp:127.0.0.1:6654 \
    -- set bridge br-data fail_mode=secure \
    -- add-port br-data mon0 -- set interface mon0 type=internal \
    -- --id=@a get port eno4 -- --id=@b get port vx7 -- --id=@m get port mon0 \
    -- --id=@one create mirror name=one select_src_port=@a,@b select_dst_port=@a output_port=@m select_vlan=7 \
    -- --id=@all create mirror name=all select_all=true output_vlan=99 \
    -- --id=@n create netflow targets='\"127.0.0.1:5566\"' active_timeout=30 \
    -- set bridge br-data mirrors=@one,@all netflow=@n
for it in $(ovs-vsctl --bare --columns=_uuid find controller); do
    ovs-vsctl --timeout=10 set controller $it connection_mode=out-of-band inactivity_probe=9000
done
";

fn mirrored() -> Result<Lab> {
    let lab = hypervisor()?;
    lab.sh(MIRRORS)?;
    lab.hostready(&["snapshot", "--json", "--replace"])?.exits(0)?;
    Ok(lab)
}

fn lost_bridge_comes_back_with_its_ports() -> Tested {
    let lab = mirrored()?;
    let whole = switch(&lab)?;
    for more in ["", "; ovs-vsctl -- --all destroy qos -- --all destroy queue"] {
        lab.sh(&format!("ovs-vsctl --timeout=10 del-br br-data{more}"))?;
        let lost = switch(&lab)?;
        is_applied(&fix(&lab, "ovs.bridge-kept:br-data")?, "ovs.database.restore")?;
        is_as_it_was(&lab, &whole, "restored")?;
        undo(&lab, "ovs.database.restore")?;
        // Of the other end of the cable between the bridges this is said when it is looked at the next time.
        let told = r#"Interface to-data error "No usable peer 'to-ex' exists in 'netdev' datapath.""#;
        differs_by(&lab, &lost, told)?;
        is_applied(&fix(&lab, "ovs.bridge-kept:br-data")?, "ovs.database.restore")?;
    }
    Ok(())
}

/// What is done to a bridge that stays.
const CHANGES: &[&str] = &[
    "del-controller br-data",
    "set-controller br-data tcp:127.0.0.1:7777",
    "clear bridge br-data mirrors",
    "clear bridge br-data netflow fail_mode",
    "set mirror one select_vlan=8",
    "clear mirror one select_dst_port",
    "set bridge br-data other_config:hwaddr=02:00:00:0a:00:11 other_config:mac-aging-time=60 protocols=OpenFlow13",
];

fn what_was_set_otherwise_of_a_bridge_is_set_back() -> Tested {
    let lab = mirrored()?;
    let whole = switch(&lab)?;
    for change in CHANGES {
        lab.sh(&format!("ovs-vsctl --timeout=10 {change}"))?;
        let changed = switch(&lab)?;
        ensure!(changed != whole, "{change} changes nothing that is looked at");
        is_applied(&fix(&lab, "ovs.bridge-kept:br-data")?, "ovs.database.restore").with_context(|| *change)?;
        is_as_it_was(&lab, &whole, change)?;
        undo(&lab, "ovs.database.restore").with_context(|| *change)?;
        is_as_it_was(&lab, &changed, &format!("{change}, undone"))?;
        is_applied(&fix(&lab, "ovs.bridge-kept:br-data")?, "ovs.database.restore").with_context(|| *change)?;
    }
    // A port that goes takes its place in the mirror with it: the port comes first, and one command does both.
    lab.sh("ovs-vsctl --timeout=10 del-port eno4")?;
    let run = lab.hostready(&["fix", "--json", "--apply", "ovs.bridge-kept:br-data", "ovs.port-kept:br-data/eno4"])?;
    is_applied(&run, "ovs.port.readd")?;
    is_applied(&run, "ovs.database.restore")?;
    is_as_it_was(&lab, &whole, "both")?;
    let lost = "ovs-vsctl --timeout=10 del-port eno4";
    lab.sh(lost)?;
    let run = fix(&lab, "ovs.bridge-kept:br-data")?;
    is_refused(&run, "ovs.database.restore", "needs port eno4, which is not on br-data: it comes first")
}

/// What OVN's bridge is set up with is OVN's, but for what people choose.
fn of_the_bridge_of_ovn_nothing_else_is_set_back() -> Tested {
    let lab = hypervisor()?;
    lab.sh("ovs-vsctl --timeout=10 set open_vswitch . external_ids:ovn-remote=unix:/run/none")?;
    lab.hostready(&["snapshot", "--json", "--replace"])?.exits(0)?;
    lab.sh("ovs-vsctl --timeout=10 set bridge br-int other_config:of-ovn=new fail_mode=standalone")?;
    is_applied(&fix(&lab, "ovs.bridge-kept:br-int")?, "ovs.database.restore")?;
    let is = lab.sh("ovs-vsctl get bridge br-int fail_mode other_config:of-ovn")?;
    ensure!(is == "secure\nnew", "{is}");
    undo(&lab, "ovs.database.restore")?;
    let is = lab.sh("ovs-vsctl get bridge br-int fail_mode other_config:of-ovn")?;
    ensure!(is == "standalone\nnew", "{is}");
    Ok(())
}

/// What an upgrade does that cannot convert the database. OVN's bridge and its guests are not made here.
fn emptied_database_gets_back_what_nobody_else_makes() -> Tested {
    let lab = hypervisor()?;
    lab.sh("ovs-vsctl --timeout=10 set open_vswitch . external_ids:ovn-bridge-mappings=physnet1:br-ex external_ids:ovn-encap-type=geneve")?;
    lab.hostready(&["snapshot", "--json", "--replace"])?;
    // Each start writes what the host is called.
    let ours = |text: &str| -> String {
        let others = ["br-int", "metadata0", "tap7", "Open_vSwitch ["];
        let lines = text.lines().filter(|line| !others.iter().any(|other| line.contains(other)));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let told = "ovs-vsctl get open_vswitch . external_ids:ovn-bridge-mappings external_ids:ovn-encap-type external_ids:system-id";
    let (whole, was_told) = (ours(&switch(&lab)?), lab.sh(told)?);
    lab.sh("systemctl stop openvswitch-switch ovs-vswitchd ovsdb-server
        rm -f $(readlink -f /etc/openvswitch/conf.db)
        systemctl start openvswitch-switch")?;
    let is_named = "ovs-vsctl --if-exists get open_vswitch . external_ids:hostname | grep -q hv-01";
    lab.wait_until("the host's name is noted", |lab| Ok(lab.run(&["sh", "-c", is_named])?.code == 0))?;
    let lost = switch(&lab)?;
    for state in ["/var/lib/hostready", "/opt/state"] {
        lab.sh(&format!("test -d {state} || cp -a /var/lib/hostready {state}; rm -rf {state}/runs"))?;
        let run = lab.hostready(&["fix", "--json", "--apply", "ovs.database-emptied", "--state-dir", state])?;
        is_applied(&run, "ovs.database.restore")?;
        let is = ours(&switch(&lab)?);
        ensure!(is == whole, "{}", difference(&whole, &is));
        ensure!(lab.sh(told)? == was_told, "{}", lab.sh(told)?);
        lab.sh("! ovs-vsctl br-exists br-int")?;
        // As it was found it lies with the journal of the run, and nowhere else.
        let name = run.report()?["run_id"].as_str().context("no run")?;
        lab.sh(&format!(
            "tar tf {state}/runs/{name}/conf.db.tar | grep -q conf.db
            test $(find /var /opt -name 'conf.db*.tar' | wc -l) = 1"
        ))?;
        let undo = lab.hostready(&["undo", "--json", "--state-dir", state])?;
        ensure!(action(&undo, "ovs.database.restore")?["state"] == "reverted", "{}", undo.stdout);
        is_as_it_was(&lab, &lost, state)?;
        lab.sh("test $(find /var /opt -name 'conf.db*.tar' | wc -l) = 0")?;
    }
    Ok(())
}
