//! The branch that somebody sits on: a change of it is taken back unless it is confirmed over a new connection. A real
//! sshd, a client at the other end of the wire, and a guardian under a real systemd.

use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::client::Client;
use crate::harness::{Lab, Tested, recipe};

crate::tests!("fix-guard":
    change_of_the_own_way_is_refused_and_under_a_timer_taken_back,
    change_is_kept_over_a_new_connection_alone,
    power_cut_takes_back_what_nobody_confirmed,
    guardian_that_is_killed_is_there_again_and_undo_takes_back_at_once,
);

/// What is wrong in each of them: the uplink is on no bridge any more.
pub const LOST: &str = "ovs.port-kept:br-ex/eno1";
/// The way by the uplink, and the way by a card of its own.
pub const UPLINK: &str = "192.0.2.10";
pub const APART: &str = "198.51.100.10";

/// A card that the kernel's datapath has taken gives its packets to the switch; that of the lab, in user space, leaves
/// the kernel a copy.
const DATAPATH: &str = "while sleep 0.1; do
    if ovs-vsctl --timeout=10 port-to-br eno1 2>/dev/null; then
        ip rule add priority 5 to 192.0.2.0/24 blackhole
    else
        ip rule del priority 5
    fi 2>/dev/null
done";

pub struct Host {
    pub lab: Lab,
    pub client: Client,
}

impl Host {
    /// A whole host with its baseline, a second way into it, and a client that may come in.
    pub fn boot() -> Result<Self> {
        let lab = recipe::hypervisor().nic("eno2", "52:54:00:0a:00:02").boot()?;
        let lab = recipe::bring_to_work(lab)?;
        let client = Client::of(&lab)?;
        let host = Self { lab, client };
        host.second_way()?;
        host.lab.wire(&["ip", "address", "add", "198.51.100.1/24", "dev", "lan0"])?;
        host.lab.hostready(&["snapshot", "--json", "--replace"])?.exits(0)?;
        host.lab.sh("ovs-vsctl del-port br-ex eno1")?;
        Ok(host)
    }

    fn second_way(&self) -> Tested {
        self.lab.sh(&format!("ip link set eno2 up; ip address replace {APART}/24 dev eno2")).map(drop)
    }

    /// The host hangs on the card itself, as one does whose bridge was made after it was installed.
    pub fn hang_on_the_card(&self) -> Tested {
        self.lab
            .sh(&format!(
                "ip address del {UPLINK}/24 dev br-ex
                ip address add {UPLINK}/24 dev eno1
                ip route replace default via 192.0.2.1 dev eno1
                systemd-run --quiet --unit=datapath sh -c '{DATAPATH}'"
            ))
            .map(drop)
    }

    pub fn ssh(&self, options: &str, address: &str, command: &str) -> Result<(String, i32)> {
        self.client.run(&self.lab, options, address, command)
    }

    pub fn confirm(&self, options: &str, code: i32, word: &str) -> Tested {
        let (said, ended) = self.ssh(options, APART, "hostready confirm")?;
        ensure!(ended == code && said.contains(word), "confirm ended with {ended}: {said}");
        Ok(())
    }

    pub fn is_attached(&self) -> Result<bool> {
        Ok(self.lab.run(&["ovs-vsctl", "--timeout=10", "port-to-br", "eno1"])?.code == 0)
    }

    pub fn waits(&self, seconds: u32) -> Result<Value> {
        let within = seconds.to_string();
        let run = self.lab.hostready(&["fix", "--json", "--apply", "--confirm-within", &within, LOST])?;
        let report = run.report()?.clone();
        ensure!(
            report["pending"]["run"].is_string(),
            "exit {}: nothing waits: {}\n{}",
            run.code,
            run.stdout,
            run.stderr
        );
        ensure!(self.is_attached()?, "it is not done");
        Ok(report)
    }

    fn stop_guardian(&self, report: &Value) -> Tested {
        let run = report["pending"]["run"].as_str().unwrap_or_default();
        self.lab.sh(&format!("systemctl stop hostready-guard-{run}")).map(drop)
    }

    /// In the words of the list of runs.
    pub fn state(&self) -> Result<String> {
        let rows: Value = serde_json::from_str(&self.lab.hostready(&["undo", "--list", "--json"])?.stdout)?;
        Ok(rows[0]["state"].as_str().unwrap_or_default().to_owned())
    }

    pub fn is_taken_back(&self) -> Tested {
        self.lab.wait_until("it is taken back", |_| Ok(self.state()? == "taken-back"))?;
        ensure!(!self.is_attached()?, "it is said to be taken back, and is not");
        Ok(())
    }
}

fn change_of_the_own_way_is_refused_and_under_a_timer_taken_back() -> Tested {
    let host = Host::boot()?;
    host.hang_on_the_card()?;
    let reaches = |host: &Host| host.ssh("-S none", UPLINK, "echo here").map(|(said, _)| said.contains("here"));
    ensure!(reaches(&host)?, "nobody gets in to begin with");
    let routes = "ip -br address show eno1; ip route; ovs-vsctl list-ports br-ex";
    let before = host.lab.sh(routes)?;

    let (said, code) = host.ssh("-S none", UPLINK, &format!("hostready fix --json --apply {LOST}"))?;
    ensure!(code == 6 && said.contains("--confirm-within"), "not refused: {code}: {said}");
    ensure!(said.contains("session that asks") && host.lab.sh(routes)? == before, "changed: {said}");
    host.lab.sh("test ! -e /var/lib/hostready/runs/*")?;

    // The worker goes on when this connection is cut, and so does the guardian.
    let (said, code) =
        host.ssh("-S none", UPLINK, &format!("hostready fix --json --apply --confirm-within 25s {LOST}"))?;
    ensure!(code == 255 && host.is_attached()?, "the session lives: {code}: {said}");
    ensure!(!reaches(&host)?, "the change has cut nobody off");
    host.is_taken_back()?;
    ensure!(host.lab.sh(routes)? == before, "not as it was");
    host.lab.wait_until("somebody gets in again", |_| reaches(&host))?;
    let late = host.lab.hostready(&["confirm"])?;
    late.exits(6)?;
    ensure!(late.stderr.contains("nobody confirmed it in time"), "{}", late.stderr);
    Ok(())
}

fn change_is_kept_over_a_new_connection_alone() -> Tested {
    let host = Host::boot()?;
    host.lab.hostready(&["confirm"])?.exits(6)?;
    let shared = format!("-S {}", host.client.file("shared"));
    host.client.share(&host.lab, "", &shared, APART)?;
    let (said, _) = host.ssh(&shared, APART, &format!("hostready fix --json --apply --confirm-within 40s {LOST}"))?;
    // Words may follow it.
    let report = serde_json::Deserializer::from_str(&said).into_iter::<Value>().next();
    let report = report.context("nothing is said")?.with_context(|| format!("no report: {said}"))?;
    ensure!(report["pending"]["survives_reboot"] == false, "no unit is enabled: {:#}", report["pending"]);
    ensure!(report["actions"][0]["state"] == "pending" && host.state()? == "pending", "{:#}", report["actions"]);

    let busy = host.lab.hostready(&["fix", "--json", "--apply", LOST])?;
    busy.exits(7)?;
    let busy = format!("{}{}", busy.stdout, busy.stderr);
    ensure!(busy.contains("waits to be confirmed"), "it does not say for what: {busy}");
    host.confirm(&shared, 6, "this is the connection over which the change was made")?;
    // A shell from which the variable was dropped is not at a console for that.
    let (said, code) = host.ssh(&shared, APART, "env -u SSH_CONNECTION hostready confirm; exit $?")?;
    ensure!(code == 6, "{code}: {said}");
    host.confirm("-S none", 0, "is kept")?;
    host.confirm("-S none", 6, "confirmed already")?;
    let units = host.lab.sh("systemctl --no-legend --all list-units 'hostready*'")?;
    ensure!(units.is_empty(), "units stay: {units}");
    sleep(Duration::from_secs(42));
    ensure!(host.is_attached()? && host.state()? == "confirmed", "taken back after it was confirmed");
    Ok(())
}

fn power_cut_takes_back_what_nobody_confirmed() -> Tested {
    let mut host = Host::boot()?;
    let unit = include_str!("../../packaging/hostready-boot.service").replace("/usr/bin/", "/usr/local/bin/");
    host.lab.write("/etc/systemd/system/hostready-boot.service", &unit)?;
    host.lab.sh("systemctl daemon-reload; systemctl enable --quiet hostready-boot.service")?;
    let report = host.waits(3600)?;
    ensure!(report["pending"]["survives_reboot"] == true, "{:#}", report["pending"]);
    // One that is stopped, as a host that goes down stops it, leaves it to the next boot.
    host.stop_guardian(&report)?;
    ensure!(host.is_attached()? && host.state()? == "cut-off", "{}", host.state()?);
    host.lab.reboot()?;
    host.is_taken_back()?;
    let said = host.lab.sh("journalctl --sync; journalctl -o cat -u hostready-boot.service")?;
    ensure!(said.contains("which nobody confirmed"), "it says nothing: {said}");
    host.lab.hostready(&["confirm"])?.exits(6)
}

fn guardian_that_is_killed_is_there_again_and_undo_takes_back_at_once() -> Tested {
    let host = Host::boot()?;
    let report = host.waits(20)?;
    let unit = format!("hostready-guard-{}", report["pending"]["run"].as_str().unwrap_or_default());
    host.lab.sh(&format!("systemctl kill --signal=KILL {unit}"))?;
    host.lab.wait_until("the guardian is there again", |lab| {
        Ok(lab.run(&["systemctl", "is-active", "--quiet", &unit])?.code == 0)
    })?;
    ensure!(host.is_attached()?, "a guardian that was killed is no reason to take it back");
    host.is_taken_back()?;

    host.waits(3600)?;
    host.lab.hostready(&["undo", "--json"])?.exits(0)?;
    host.is_taken_back()?;

    // One that is stopped, and that no boot follows in, leaves nothing behind that nobody watches over.
    let report = host.waits(3600)?;
    host.stop_guardian(&report)?;
    host.is_taken_back()
}
