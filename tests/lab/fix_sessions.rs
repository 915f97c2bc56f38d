//! The session that asked for a repair is lost while a package's script runs: the run goes on, and a new session sees it.
//! A real sshd, a client at the other end of the wire, a real dpkg.

use anyhow::{Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Lab, Need, Tested, recipe};

crate::tests!("fix-sessions":
    client_that_is_killed_does_not_end_the_run needs [Need::Ssh],
    cable_that_is_pulled_does_not_end_the_run needs [Need::Ssh],
    script_that_outlasts_every_deadline_is_never_signalled needs [Need::Strace],
);

/// Its script goes on until somebody lets it.
const HELD: &str = r#"
mkdir -p /root/tree/DEBIAN
printf 'Package: host-tool\nVersion: 1.0\nArchitecture: all\nMaintainer: a test\nDescription: a test\n' >/root/tree/DEBIAN/control
printf '#!/bin/sh\necho begun >>/root/begun\nwhile ! test -e /root/go; do sleep 0.1; done\n' >/root/tree/DEBIAN/postinst
chmod 755 /root/tree/DEBIAN/postinst
dpkg-deb --build /root/tree /root/host-tool.deb
dpkg --unpack /root/host-tool.deb
"#;

const FIX: &str = "hostready fix --json --apply --accept packages.configure packages.state";

/// The way that is cut, and the one by which the next session comes.
const FIRST: &str = "198.51.100.10";
const SECOND: &str = "203.0.113.10";

struct Host {
    lab: Lab,
    keys: TempDir,
}

impl Host {
    fn boot() -> Result<Self> {
        let lab = recipe::plain().nic("eno1", "52:54:00:0a:00:01").nic("eno2", "52:54:00:0a:00:02").boot()?;
        let keys = TempDir::new()?;
        lab.sh(&format!(
            "ip link set eno1 up; ip address add {FIRST}/24 dev eno1
            ip link set eno2 up; ip address add {SECOND}/24 dev eno2"
        ))?;
        for own in ["198.51.100.1/24", "203.0.113.1/24"] {
            lab.wire(&["ip", "address", "add", own, "dev", "lan0"])?;
        }
        let key = keys.path().join("key").display().to_string();
        lab.wire(&["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", &key])?;
        lab.write("/root/.ssh/authorized_keys", &std::fs::read_to_string(format!("{key}.pub"))?)?;
        lab.sh(HELD)?;
        Ok(Self { lab, keys })
    }

    fn client(&self, address: &str, command: &str) -> String {
        let key = self.keys.path().join("key");
        format!(
            "ssh -F none -i {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes \
             -o LogLevel=ERROR -o ConnectTimeout=10 root@{address} '{command}'",
            key.display()
        )
    }

    /// What a new session says by the second way.
    fn ssh(&self, command: &str) -> Result<String> {
        self.lab.wire(&["sh", "-c", &self.client(SECOND, command)])
    }

    /// A session by the first way in which the repair is asked for, up to where dpkg runs the script; its client.
    fn begin(&self) -> Result<String> {
        let said = self.keys.path().join("said");
        let script = format!("{} >{} 2>&1 & echo $!", self.client(FIRST, FIX), said.display());
        let client = self.lab.wire(&["setsid", "sh", "-c", &script])?;
        self.lab.wait_until("the script runs", |lab| Ok(lab.run(&["test", "-s", "/root/begun"])?.code == 0))?;
        Ok(client)
    }

    fn state(&self) -> Result<Value> {
        let rows: Value = serde_json::from_str(&self.ssh("hostready undo --list --json")?)?;
        ensure!(rows.as_array().map(Vec::len) == Some(1), "{rows:#}");
        Ok(rows[0]["state"].clone())
    }

    /// A new session sees that it goes on and follows it to its end; the script ran once, and dpkg is content.
    fn goes_on(&self) -> Tested {
        let state = self.state()?;
        ensure!(state == "going-on", "a new session is told that it is {state}");
        // It tells how it ends, whoever asked.
        let said = self.keys.path().join("attached");
        let follow = self.client(SECOND, "hostready fix --attach --json");
        self.lab.wire(&["setsid", "sh", "-c", &format!("{follow} >{} 2>&1 &", said.display())])?;
        self.lab.wait_until("a new session follows it", |lab| {
            Ok(lab.run(&["pgrep", "-f", "^hostready fix --attach"])?.code == 0)
        })?;
        self.lab.sh("touch /root/go")?;
        let mut report = Value::Null;
        self.lab.wait_until("it has told", |_| {
            report = serde_json::from_str(&std::fs::read_to_string(&said)?).unwrap_or_default();
            Ok(!report.is_null())
        })?;
        ensure!(report["actions"][0]["state"] == "applied" && report["exit_code"] == 0, "{report:#}");
        ensure!(self.lab.sh("cat /root/begun")? == "begun", "the script ran more than once");
        let status = self.lab.sh("dpkg-query -W -f '${Status}' host-tool; dpkg --audit")?;
        ensure!(status == "install ok installed", "{status}");
        let state = self.state()?;
        ensure!(state == "done", "a run that ended is told to be {state}");
        Ok(())
    }
}

fn client_that_is_killed_does_not_end_the_run() -> Tested {
    let host = Host::boot()?;
    let client = host.begin()?;
    host.lab.wire(&["kill", "-KILL", &client])?;
    host.lab.wait_until("sshd has seen it", |lab| Ok(lab.sh("ss -Htn state established sport = :22")?.is_empty()))?;
    host.goes_on()
}

/// Nobody is told: both ends still wait for each other.
fn cable_that_is_pulled_does_not_end_the_run() -> Tested {
    let host = Host::boot()?;
    let client = host.begin()?;
    host.lab.wire(&["ip", "link", "delete", "w-eno1"])?;
    let ended = host.goes_on();
    host.lab.wire(&["kill", "-KILL", &client])?;
    ended
}

/// Of `--timeout`, `--lock-timeout` and of the time to confirm; and systemd asks the run to stop.
fn script_that_outlasts_every_deadline_is_never_signalled() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.sh(HELD)?;
    lab.sh(&format!("setsid {FIX} --timeout 1s --lock-timeout 1s --confirm-within 3s </dev/null >/root/said 2>&1 &"))?;
    lab.wait_until("the script runs", |lab| Ok(lab.run(&["test", "-s", "/root/begun"])?.code == 0))?;
    lab.sh("setsid strace -f -qq -e trace=none -e 'signal=!chld' -o /root/signals -p \"$(pgrep -x dpkg)\" </dev/null >/root/strace 2>&1 &
        while ! grep -q 'TracerPid:.[1-9]' /proc/$(pgrep -x dpkg)/status; do sleep 0.05; done")?;
    // It asks the guardian to take the run back, and that waits for the step to end.
    lab.sh("sleep 4; systemctl stop --no-block 'hostready-0*.service'; sleep 2; pgrep -x dpkg; touch /root/go")?;
    lab.wait_until("the run ends", |lab| Ok(lab.sh("cat /var/lib/hostready/runs/*/journal")?.contains("\"ended\"")))?;
    let status = lab.sh("dpkg-query -W -f '${Status}' host-tool; dpkg --audit")?;
    ensure!(status == "install ok installed", "{status}: {}", lab.sh("cat /root/said")?);
    lab.wait_until("strace ends", |lab| Ok(lab.run(&["pgrep", "-x", "strace"])?.code != 0))?;
    let signals = lab.sh("cat /root/signals /root/strace")?;
    ensure!(signals.is_empty(), "dpkg got a signal: {signals}");
    ensure!(lab.sh("cat /root/begun")? == "begun", "the script ran more than once");
    Ok(())
}
