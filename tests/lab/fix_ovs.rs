//! What became of the switch and of its NICs is repaired, proven with the switch's own tools, and taken back.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("fix-ovs":
    each_lost_port_comes_back_as_it_was_and_goes_again,
    port_on_another_bridge_is_moved_only_where_it_is_named,
    what_cannot_be_done_is_refused_and_nothing_is_changed,
    renamed_nic_gets_its_name_back,
    swapped_nics_get_their_names_back,
    nic_that_cannot_be_renamed_is_taken_up_under_its_new_name,
    lost_bridge_comes_back_with_its_ports,
    emptied_database_gets_back_what_nobody_else_makes,
    transaction_fails_where_the_switch_has_changed_since,
);

/// A bridge for data beside the one that the host hangs on. The cards stay down: all are plugged into one wire.
const DATA: &str = "
ovs-vsctl --timeout=10 \
    -- add-br br-data -- set bridge br-data datapath_type=netdev other_config:hwaddr=02:00:00:0a:00:10 \
    -- add-port br-data eno4 tag=40 vlan_mode=native-untagged trunks=100,200 \
    -- set interface eno4 mtu_request=1450 ingress_policing_rate=100000 external_ids:who=me \
    -- set port eno4 qos=@q -- --id=@q create qos type=linux-noop other_config:max-rate=1000000 queues:0=@r \
    -- --id=@r create queue other_config:min-rate=1000 \
    -- add-bond br-data bond1 eno2 eno3 bond_mode=active-backup other_config:bond-primary=eno2 \
    -- add-port br-data vx7 -- set interface vx7 type=vxlan options:remote_ip=192.0.2.77 options:key=7 \
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

/// Every bridge, port and interface as the switch has it, but for uuids and numbers that it gives out by itself.
const SWITCH: &str = "
for table in 'Bridge name,datapath_type,fail_mode,other_config,external_ids,protocols' \
    'Port name,tag,trunks,vlan_mode,bond_mode,lacp,other_config,external_ids,fake_bridge' \
    'Interface name,type,options,external_ids,other_config,mtu_request,ingress_policing_rate,error' \
    'QoS type,other_config' 'Queue other_config' 'Controller target' 'Open_vSwitch external_ids,other_config'; do
    ovs-vsctl --timeout=10 --format=json --columns=${table#* } list ${table%% *} |
        python3 -c 'import json,sys; [print(sys.argv[1], *map(json.dumps, row)) for row in sorted(json.load(sys.stdin)[\"data\"], key=str)]' ${table%% *}
done
echo with queues: $(ovs-vsctl --bare --columns=name find Port 'qos!=[]')
for bridge in $(ovs-vsctl list-br); do echo $bridge: $(ovs-vsctl list-ports $bridge); done
";

fn switch(lab: &Lab) -> Result<String> {
    lab.sh(SWITCH)
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
        let mended = switch(&lab)?;
        ensure!(mended == whole, "{loss}\n--- was\n{whole}\n--- is\n{mended}");

        let undo = lab.hostready(&["undo", "--json"])?;
        ensure!(action(&undo, "ovs.port.readd")?["state"] == "reverted", "{loss}: {}", undo.stdout);
        let undone = switch(&lab)?;
        ensure!(undone == lost, "{loss}, undone\n--- was\n{lost}\n--- is\n{undone}\n{}", undo.stdout);
        is_applied(&fix(&lab, finding)?, "ovs.port.readd").with_context(within)?;
        ensure!(switch(&lab)? == whole, "{loss}: not mended again");
        let again = fix(&lab, finding)?;
        ensure!(again.report()?["changed"] == false, "{loss}: {}", again.stdout);
    }
    Ok(())
}

fn port_on_another_bridge_is_moved_only_where_it_is_named() -> Tested {
    let lab = hypervisor()?;
    let whole = switch(&lab)?;
    lab.sh("ovs-vsctl --timeout=10 del-port br-data eno4 -- add-port br-int eno4 tag=40")?;
    let lost = switch(&lab)?;
    let all = lab.hostready(&["fix", "--json", "--apply", "--all"])?;
    is_refused(&all, "ovs.port.readd", "hostready fix ovs.port-kept:br-data/eno4")?;
    ensure!(switch(&lab)? == lost, "it was moved");
    fix(&lab, "ovs.port-kept:br-data/eno4")?;
    ensure!(lab.sh("ovs-vsctl port-to-br eno4")? == "br-data", "it was not moved");
    // What else was lost on the way is another finding of the same port.
    fix(&lab, "ovs.port-kept:br-data/eno4")?;
    ensure!(switch(&lab)? == whole, "not as it was\n{}", switch(&lab)?);
    Ok(())
}

fn what_cannot_be_done_is_refused_and_nothing_is_changed() -> Tested {
    let lab = hypervisor()?;
    lab.sh("ovs-vsctl --timeout=10 del-port eno4")?;
    let lost = switch(&lab)?;

    // A daemon that does not run takes nothing up.
    lab.sh("systemctl kill --signal=SIGSTOP ovs-vswitchd; ovs-vsctl --no-wait --timeout=10 set open_vswitch . next_cfg=99999")?;
    let run = fix(&lab, "ovs.port-kept:br-data/eno4")?;
    is_refused(&run, "ovs.port.readd", "vswitchd")?;
    lab.sh("systemctl kill --signal=SIGCONT ovs-vswitchd; ovs-vsctl --timeout=20 set open_vswitch . external_ids:a=b; ovs-vsctl --timeout=10 remove open_vswitch . external_ids a")?;
    ensure!(switch(&lab)? == lost, "something was written");

    // A NIC that is gone.
    lab.sh("ip link del eno4")?;
    let run = fix(&lab, "ovs.port-kept:br-data/eno4")?;
    is_refused(&run, "ovs.port.readd", "eno4 is gone")?;
    ensure!(switch(&lab)? == lost, "something was written");
    Ok(())
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
    let undo = lab.hostready(&["undo", "--json"])?;
    ensure!(action(&undo, "nic.take-up")?["state"] == "reverted", "{}", undo.stdout);
    // The switch had it open from before it was renamed, and now asks for it in vain.
    let without = |text: String| {
        text.replace(r#"["set", []]"#, "-").replace(r#""could not open network device eno4 (No such device)""#, "-")
    };
    ensure!(without(switch(&lab)?) == without(lost.clone()), "--- was\n{lost}\n--- is\n{}", switch(&lab)?);
    Ok(())
}

fn lost_bridge_comes_back_with_its_ports() -> Tested {
    let lab = hypervisor()?;
    lab.sh("ovs-vsctl --timeout=10 set-controller br-data tcp:127.0.0.1:6653 -- set bridge br-data fail_mode=secure")?;
    lab.hostready(&["snapshot", "--json", "--replace"])?;
    let whole = switch(&lab)?;
    lab.sh("ovs-vsctl --timeout=10 del-br br-data")?;
    let lost = switch(&lab)?;
    let run = fix(&lab, "ovs.bridge-kept:br-data")?;
    is_applied(&run, "ovs.database.restore")?;
    ensure!(switch(&lab)? == whole, "--- was\n{whole}\n--- is\n{}", switch(&lab)?);
    let undo = lab.hostready(&["undo", "--json"])?;
    ensure!(action(&undo, "ovs.database.restore")?["state"] == "reverted", "{}", undo.stdout);
    ensure!(switch(&lab)? == lost, "not undone\n{}", switch(&lab)?);
    Ok(())
}

/// What an upgrade does that cannot convert the database. OVN's bridge and its guests are not made here.
fn emptied_database_gets_back_what_nobody_else_makes() -> Tested {
    let lab = hypervisor()?;
    lab.sh("ovs-vsctl --timeout=10 set open_vswitch . external_ids:ovn-bridge-mappings=physnet1:br-ex external_ids:ovn-encap-type=geneve")?;
    lab.hostready(&["snapshot", "--json", "--replace"])?;
    // Each start writes what the host is called.
    let ours = |text: String| -> Vec<String> {
        let others = ["br-int", "metadata0", "tap7"];
        let lines = text.lines().filter(|line| !others.iter().any(|other| line.contains(other)));
        lines.map(|line| line.replace(r#"["hostname", "hv-01"], "#, "")).collect()
    };
    let whole = ours(switch(&lab)?);
    lab.sh("systemctl stop openvswitch-switch ovs-vswitchd ovsdb-server
        rm -f $(readlink -f /etc/openvswitch/conf.db)
        systemctl start openvswitch-switch")?;
    let lost = switch(&lab)?;
    let run = fix(&lab, "ovs.database-emptied")?;
    is_applied(&run, "ovs.database.restore")?;
    ensure!(ours(switch(&lab)?) == whole, "--- was\n{}\n--- is\n{}", whole.join("\n"), switch(&lab)?);
    lab.sh("tar tf /var/lib/hostready/conf.db-*.tar | grep -q conf.db && ! ovs-vsctl br-exists br-int")?;
    let undo = lab.hostready(&["undo", "--json"])?;
    ensure!(action(&undo, "ovs.database.restore")?["state"] == "reverted", "{}", undo.stdout);
    // Rows of QoS and their queues that nothing refers to any more stay: they shape nobody's traffic.
    let referred = |text: &str| -> Vec<String> {
        let is_left = |line: &&str| line.starts_with("QoS ") || line.starts_with("Queue ");
        text.lines().filter(|line| !is_left(line)).map(str::to_owned).collect()
    };
    ensure!(referred(&switch(&lab)?) == referred(&lost), "not undone\n--- was\n{lost}\n--- is\n{}", switch(&lab)?);
    Ok(())
}

/// Of the journal of the last run, each transaction as the server gets it.
const TRANSACTIONS: &str = r#"
import glob, json
journal = sorted(glob.glob('/var/lib/hostready/runs/*/journal'))[-1]
for line in open(journal):
    text = json.loads(line)
    def walk(value):
        if isinstance(value, dict):
            if 'operations' in value:
                for operation in value['operations']:
                    if operation['op'] == 'wait':
                        operation['timeout'] = 0
                print(json.dumps(['Open_vSwitch', *value['operations']]))
            for inner in value.values(): walk(inner)
        elif isinstance(value, list):
            for inner in value: walk(inner)
    walk(text)
"#;

/// What was planned before somebody else changed the same bridge is not carried out after.
fn transaction_fails_where_the_switch_has_changed_since() -> Tested {
    let lab = hypervisor()?;
    lab.sh("ovs-vsctl --timeout=10 del-port br-data eno4")?;
    is_applied(&fix(&lab, "ovs.port-kept:br-data/eno4")?, "ovs.port.readd")?;
    lab.hostready(&["undo", "--json"])?;
    lab.write("/root/transactions.py", TRANSACTIONS)?;
    lab.sh("cd /root; cp -r /var/lib/hostready/runs kept; python3 transactions.py | head -1 >plan; test -s plan")?;
    let transact = "ovsdb-client transact \"$(cat /root/plan)\"";
    lab.sh("ovs-vsctl --timeout=10 add-port br-data other0 -- set interface other0 type=internal")?;
    let changed = switch(&lab)?;
    let said = lab.sh(transact)?;
    ensure!(said.contains("timed out"), "it was taken: {said}");
    ensure!(switch(&lab)? == changed, "something was written");
    // The same is taken where nothing has changed.
    lab.sh("ovs-vsctl --timeout=10 del-port other0")?;
    let said = lab.sh(transact)?;
    ensure!(!said.contains("error") && lab.sh("ovs-vsctl port-to-br eno4")? == "br-data", "{said}");
    Ok(())
}
