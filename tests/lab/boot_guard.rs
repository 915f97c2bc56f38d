//! The boot guard: what it brings back on a host that is armed, and that it touches no other.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::fix_ovs::switch;
use crate::harness::{Lab, Tested, recipe};

crate::tests!("boot-guard":
    armed_host_gets_its_port_back_and_is_not_armed_any_more,
    host_that_is_not_armed_is_not_touched,
    arming_fails_where_nothing_would_act,
    nic_without_a_permanent_address_keeps_its_new_name,
    change_that_nobody_confirmed_is_not_made_again,
    step_that_cuts_off_a_peer_is_taken_back,
    port_of_a_bridge_that_carries_everything_comes_back,
    guard_that_is_killed_leaves_it_to_the_next_boot,
);

const ARMED: &str = "/var/lib/hostready/armed";

/// A hypervisor whose boot unit is enabled, with a card on a network of its own, and one that is down.
fn hypervisor() -> Result<Lab> {
    let lab = recipe::hypervisor()
        .nic("eno2", "52:54:00:0a:00:02")
        .nic("eno3", "52:54:00:0a:00:03")
        .file("/etc/hostready/config.toml", "[network]\npeers = [{ address = \"icmp://198.51.100.1\" }]\n")
        .file("/etc/systemd/system/apart.service", APART)
        .boot()?;
    let lab = recipe::bring_to_work(lab)?;
    let unit = include_str!("../../packaging/hostready-boot.service").replace("/usr/bin/", "/usr/local/bin/");
    lab.write("/etc/systemd/system/hostready-boot.service", &unit)?;
    lab.sh("systemctl daemon-reload; systemctl enable --quiet hostready-boot.service; systemctl enable --quiet --now apart")?;
    lab.wire(&["ip", "address", "add", "198.51.100.1/24", "dev", "lan0"])?;
    Ok(lab)
}

const APART: &str = "[Unit]
Before=hostready-boot.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'ip link set eno2 up; ip address replace 198.51.100.10/24 dev eno2'
[Install]
WantedBy=multi-user.target
";

fn arm(lab: &Lab) -> Result<Value> {
    let run = lab.hostready(&["snapshot", "--json", "--replace", "--arm=2h"])?;
    run.exits(0)?;
    serde_json::from_str(&run.stdout).context("the snapshot")
}

fn lose_port(lab: &Lab) -> Tested {
    lab.sh("ovs-vsctl del-port br-ex eno1").map(drop)
}

fn is_attached(lab: &Lab) -> Result<bool> {
    Ok(lab.run(&["ovs-vsctl", "--timeout=10", "port-to-br", "eno1"])?.code == 0)
}

fn is_armed(lab: &Lab) -> Result<bool> {
    Ok(lab.run(&["test", "-e", ARMED])?.code == 0)
}

/// What it said in this boot.
fn said(lab: &Lab) -> Result<String> {
    lab.sh("journalctl --sync; journalctl --boot -o cat -u hostready-boot.service")
}

fn kept(lab: &Lab, path: &str) -> Result<Value> {
    serde_json::from_str(&lab.sh(&format!("cat {path}"))?).with_context(|| path.to_owned())
}

fn armed_host_gets_its_port_back_and_is_not_armed_any_more() -> Tested {
    let mut lab = hypervisor()?;
    lab.sh("ovs-vsctl set port eno1 tag=40 external_ids:owner=me")?;
    let snapshot = arm(&lab)?;
    let armed = kept(&lab, ARMED)?;
    ensure!(armed["until"] == snapshot["armed_until"] && armed["baseline"] == snapshot["name"], "{armed:#}");
    ensure!(armed["boots_left"] == 3 && armed["schema_version"] == "1.0", "{armed:#}");
    let stored = lab.sh("cat /var/lib/hostready/baseline")?;
    ensure!(!stored.contains("armed_until"), "the arming is in the baseline");
    let whole = switch(&lab)?;
    // Started in the boot of the arming it does nothing.
    lose_port(&lab)?;
    lab.sh("systemctl start hostready-boot")?;
    ensure!(!is_attached(&lab)? && is_armed(&lab)?, "it acted before any boot: {}", said(&lab)?);

    lab.reboot()?;
    let told = said(&lab)?;
    ensure!(is_attached(&lab)?, "the port is not back: {told}");
    let is = switch(&lab)?;
    ensure!(is == whole, "the switch is not as it was:\n{whole}\n\n{is}");
    ensure!(!is_armed(&lab)?, "still armed: {told}");
    // Whoever logs in does not wait for it.
    lab.sh("! systemctl show --property=After --value multi-user.target ssh.service | grep -q hostready-boot")?;
    for words in [
        "wrong: ovs.port-kept br-ex/eno1",
        "done: ovs.port.readd br-ex/eno1",
        "after Open vSwitch was up",
        "the network is whole",
    ] {
        ensure!(told.contains(words), "not said: {words}\n{told}");
    }
    let report = kept(&lab, "/var/lib/hostready/runs/*/report.json")?;
    let last = kept(&lab, "/var/lib/hostready/boot.json")?;
    for report in [&report, &last] {
        ensure!(report["verb"] == "boot" && report["changed"] == true, "{:#}", report["msg"]);
        ensure!(report["actions"][0]["state"] == "applied", "{:#}", report["actions"]);
    }
    ensure!(report["run_id"] == last["run_id"], "not of the same run");

    // Nothing is wrong: that is told, and the arming ends.
    arm(&lab)?;
    lab.reboot()?;
    ensure!(!is_armed(&lab)? && said(&lab)?.contains("the network is whole"), "{}", said(&lab)?);
    let last = kept(&lab, "/var/lib/hostready/boot.json")?;
    ensure!(last["changed"] == false && last["actions"] == json!([]), "{last:#}");
    lab.sh("test $(ls /var/lib/hostready/runs | wc -l) = 1").map(drop)
}

fn host_that_is_not_armed_is_not_touched() -> Tested {
    let mut lab = hypervisor()?;
    arm(&lab)?;
    let armed = kept(&lab, ARMED)?;
    lab.hostready(&["snapshot", "--disarm"])?.exits(0)?;
    ensure!(!is_armed(&lab)?, "not disarmed");
    lose_port(&lab)?;
    let lost = switch(&lab)?;
    let with = |key: &str, value: Value| {
        let mut changed = armed.clone();
        changed[key] = value;
        changed.to_string()
    };
    for (what, file, stays, words) in [
        ("not armed", None, false, ""),
        ("expired", Some(with("until", json!("2020-01-01T00:00:00Z"))), false, "it was armed until 2020"),
        ("boots used up", Some(with("boots_left", json!(0))), false, "three boots"),
        ("a clock set back", Some(with("seen_at", json!("2100-01-01T00:00:00Z"))), true, "nobody can tell"),
        ("unreadable", Some("{\"schema\":\"hostready/armed\"".to_owned()), true, "hostready snapshot --arm"),
    ] {
        if let Some(file) = &file {
            lab.write(ARMED, file)?;
        }
        lab.reboot()?;
        let told = said(&lab)?;
        ensure!(switch(&lab)? == lost && !is_attached(&lab)?, "{what}: it was touched: {told}");
        ensure!(is_armed(&lab)? == stays, "{what}: armed is another: {told}");
        ensure!(told.contains(words), "{what}: not said: {told}");
        lab.sh("test ! -e /var/lib/hostready/runs/* && test ! -e /var/lib/hostready/boot.json").context(what)?;
    }
    // It has not come back whole: the baseline stays, and is what it is armed with.
    let run = lab.hostready(&["snapshot", "--json", "--arm"])?;
    run.exits(0)?;
    let stays: Value = serde_json::from_str(&run.stdout)?;
    ensure!(stays["kept"]["name"] == armed["baseline"] && stays["armed_until"].is_string(), "{stays:#}");
    ensure!(kept(&lab, ARMED)?["baseline"] == armed["baseline"], "armed with another");
    lab.reboot()?;
    ensure!(is_attached(&lab)? && !is_armed(&lab)?, "{}", said(&lab)?);
    Ok(())
}

fn change_that_nobody_confirmed_is_not_made_again() -> Tested {
    let mut lab = hypervisor()?;
    arm(&lab)?;
    lose_port(&lab)?;
    let lost = switch(&lab)?;
    lab.hostready(&["fix", "--json", "--apply", "--confirm-within", "1h", "ovs.port.readd"])?.report()?;
    ensure!(is_attached(&lab)?, "it is not made");
    lab.reboot()?;
    let told = said(&lab)?;
    ensure!(switch(&lab)? == lost && told.contains("nothing else is done in this boot"), "{told}");
    ensure!(kept(&lab, ARMED)?["boots_left"] == 2, "the boot was not counted: {told}");
    // What somebody has set otherwise is there, and stays so.
    lab.sh("ovs-vsctl add-port br-ex eno1 tag=7")?;
    let other = switch(&lab)?;
    lab.reboot()?;
    ensure!(switch(&lab)? == other, "what was set otherwise was set back: {}", said(&lab)?);
    ensure!(is_armed(&lab)? && said(&lab)?.contains("NOT whole: ovs.port-kept br-ex/eno1"), "{}", said(&lab)?);
    Ok(())
}

fn arming_fails_where_nothing_would_act() -> Tested {
    let lab = hypervisor()?;
    let refused = |program: &str, how: &str, words: &str| -> Tested {
        let run = lab.run(&["sh", "-c", &format!("exec {program} snapshot --arm{how}")])?;
        ensure!(run.code == 2 && run.stderr.contains(words), "{}: {}{}", run.code, run.stdout, run.stderr);
        lab.sh("test ! -e /var/lib/hostready").map(drop)
    };
    lab.sh("cp /usr/local/bin/hostready /tmp/hostready; mkdir /home/other; chmod 777 /home/other")?;
    refused("/tmp/hostready", "", "/tmp/hostready is gone after a boot\nhint: install hostready as")?;
    refused("hostready", " --state-dir /srv/state", "hint: leave --state-dir out")?;
    refused("hostready", "=60days", "30 days at most")?;
    refused("setpriv --reuid=65534 --clear-groups hostready", "", "only root may arm")?;
    lab.sh("cp /usr/local/bin/hostready /usr/local/bin/newer")?;
    refused(
        "newer",
        "",
        "starts /usr/local/bin/hostready, and this is /usr/local/bin/newer\nhint: install this one as",
    )?;
    lab.sh("systemctl disable --quiet hostready-boot")?;
    refused("hostready", "", "hostready-boot.service is disabled\nhint: systemctl enable hostready-boot.service")?;
    lab.sh("rm /etc/systemd/system/hostready-boot.service; systemctl daemon-reload")?;
    refused("hostready", "", "there is no hostready-boot.service\nhint: install the package")?;
    // What consents is said on the command line alone.
    lab.sh("HOSTREADY_ARM=12h hostready snapshot --json >/root/out")?;
    ensure!(!is_armed(&lab)?, "a variable has armed it");
    Ok(())
}

fn nic_without_a_permanent_address_keeps_its_new_name() -> Tested {
    let mut lab = hypervisor()?;
    // The card comes back under another name, and whoever configures the network looks for the old one.
    let rename = "[Unit]
DefaultDependencies=no
Before=network-pre.target ovs-vswitchd.service ovsdb-server.service lab-network.service
Wants=network-pre.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'ip link set eno1 down; ip link set eno1 name ens9; ip link set ens9 up'
[Install]
WantedBy=sysinit.target
";
    lab.write("/etc/systemd/system/rename.service", rename)?;
    lab.sh("sed -i 's/^ip link set eno1 up/ip link set eno1 up || ip link set ens9 up/' /etc/lab-network
        systemctl daemon-reload; systemctl enable --quiet rename")?;
    arm(&lab)?;
    // But for what the switch says of a device that it does not find.
    let rows = |lab: &Lab| -> Result<String> {
        let all = switch(lab)?;
        Ok(all.lines().filter(|row| !row.contains(" eno1 error ")).collect::<Vec<_>>().join("\n"))
    };
    let whole = rows(&lab)?;
    lab.reboot()?;
    let told = said(&lab)?;
    lab.sh("ip link show ens9; ! ip link show eno1")?;
    ensure!(rows(&lab)? == whole, "the switch was touched: {told}\n{whole}\n\n{}", rows(&lab)?);
    for words in ["eno1 is now called ens9", "no permanent address tells", "NOT whole", "hostready fix", "console.txt"]
    {
        ensure!(told.contains(words), "not said: {words}\n{told}");
    }
    ensure!(is_armed(&lab)? && kept(&lab, ARMED)?["boots_left"] == 2, "{told}");
    let last = kept(&lab, "/var/lib/hostready/boot.json")?;
    ensure!(last["changed"] == false && last["actions"][0]["state"] == "refused", "{last:#}");
    Ok(())
}

/// As soon as the switch has the card, nobody answers any more at the other one; `$1` is done then.
const HARM: &str = "[Unit]
ConditionPathExists=!/root/once
Before=hostready-boot.service
[Service]
ExecStart=/bin/sh -c 'while sleep 0.1; do \
    if ovs-vsctl --timeout=10 port-to-br eno1 2>/dev/null; then ip rule add priority 5 to 198.51.100.0/24 blackhole; THEN; \
    else ip rule del priority 5; fi 2>/dev/null; done'
[Install]
WantedBy=multi-user.target
";

fn harmful(lab: &Lab, then: &str) -> Tested {
    arm(lab)?;
    lose_port(lab)?;
    lab.write("/etc/systemd/system/harm.service", &HARM.replace("THEN", then))?;
    lab.sh("systemctl daemon-reload; systemctl enable --quiet harm").map(drop)
}

fn step_that_cuts_off_a_peer_is_taken_back() -> Tested {
    let mut lab = hypervisor()?;
    harmful(&lab, ":")?;
    let lost = switch(&lab)?;
    lab.reboot()?;
    let told = said(&lab)?;
    ensure!(switch(&lab)? == lost && !is_attached(&lab)?, "it is not taken back: {told}");
    ensure!(told.contains("198.51.100.1 answered before it, and not after it"), "{told}");
    ensure!(!is_armed(&lab)?, "it would do so again at the next boot: {told}");
    let last = kept(&lab, "/var/lib/hostready/boot.json")?;
    ensure!(last["actions"][0]["state"] == "failed" && last["changed"] == false, "{last:#}");
    lab.wait_until("the peer answers again", |lab| {
        Ok(lab.run(&["hostready", "__ask", "ping:198.51.100.1"])?.stdout.contains("reached"))
    })
}

/// Nobody is there to confirm it: the gateway, which answers all the time, watches over it.
fn port_of_a_bridge_that_carries_everything_comes_back() -> Tested {
    let mut lab = hypervisor()?;
    lab.sh("ovs-vsctl --timeout=10 add-port br-ex eno3")?;
    arm(&lab)?;
    lab.sh("ovs-vsctl --timeout=10 del-port br-ex eno3")?;
    let by_hand = lab.hostready(&["fix", "--json", "--apply", "ovs.port-kept:br-ex/eno3"])?;
    let action = &by_hand.report()?["actions"][0];
    ensure!(action["error"].to_string().contains("it needs --confirm-within"), "not what sessions hang on: {action:#}");
    lab.reboot()?;
    let told = said(&lab)?;
    ensure!(lab.sh("ovs-vsctl --timeout=10 port-to-br eno3")? == "br-ex", "the port is not back: {told}");
    ensure!(told.contains("done: ovs.port.readd br-ex/eno3") && !is_armed(&lab)?, "{told}");
    Ok(())
}

fn guard_that_is_killed_leaves_it_to_the_next_boot() -> Tested {
    let mut lab = hypervisor()?;
    harmful(&lab, "mkdir /root/once && systemctl kill --signal=KILL hostready-boot")?;
    // A unit that was killed has failed, and a host with one is no host that came up.
    lab.write("/etc/systemd/system/hostready-boot.service.d/killed.conf", "[Service]\nSuccessExitStatus=SIGKILL\n")?;
    lab.reboot()?;
    ensure!(is_armed(&lab)? && kept(&lab, ARMED)?["boots_left"] == 2, "the boot was not counted: {}", said(&lab)?);
    lab.sh(
        "test -e /root/once && test -e /var/lib/hostready/runs/*/journal && test ! -e /var/lib/hostready/boot.json",
    )?;
    lose_port(&lab)?;
    lab.reboot()?;
    let told = said(&lab)?;
    ensure!(is_attached(&lab)? && !is_armed(&lab)?, "{told}");
    let rows: Value = serde_json::from_str(&lab.hostready(&["undo", "--list", "--json"])?.stdout)?;
    let open = rows.as_array().is_some_and(|rows| rows.iter().any(|row| row["state"] == "cut-off"));
    ensure!(!open, "a run is left open: {rows:#}");
    Ok(())
}
