//! The guardian of a timed change: that it is there, what time it goes by, and what becomes of a run without it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::fix_guard::{APART, Host, LOST};
use crate::harness::{Lab, Tested, recipe};

crate::tests!("fix-guardian":
    it_answers_before_the_first_change_and_holds_the_lock,
    console_confirms_once_the_gateway_answers,
    without_systemd_it_is_detached,
    killed_for_good_it_leaves_nothing_behind,
    killed_under_systemd_it_comes_back_and_the_run_goes_on,
    asked_to_stop_between_two_steps_all_is_taken_back,
    it_goes_by_the_time_since_the_boot,
    confirmed_at_the_last_instant_one_of_both_wins,
);

/// What the journal of the only run says, line by line.
fn journal(lab: &Lab) -> Result<Vec<Value>> {
    let text = lab.sh("cat /var/lib/hostready/runs/*/journal")?;
    text.lines().map(|line| serde_json::from_str(line).context("a line of the journal")).collect()
}

/// Where the first line of this kind stands.
fn place(lines: &[Value], kind: &str) -> Option<usize> {
    lines.iter().position(|line| line["what"] == kind || line["what"][kind].is_object())
}

fn state(lab: &Lab) -> Result<String> {
    let rows: Value = serde_json::from_str(&lab.hostready(&["undo", "--list", "--json"])?.stdout)?;
    Ok(rows[0]["state"].as_str().unwrap_or_default().to_owned())
}

/// An address that has slipped from its bridge to a card of that: several steps bring it back.
fn slipped() -> Result<Lab> {
    let lab = recipe::bring_to_work(recipe::bonded().boot()?)?;
    lab.sh(
        "ip link add lan1 type bridge && ip link set eno3 master lan1 && ip link set eno3 up && ip link set lan1 up
        ip address add 203.0.113.7/24 broadcast + dev lan1",
    )?;
    lab.hostready(&["snapshot", "--json", "--replace"])?.exits(0)?;
    lab.sh("ip address del 203.0.113.7/24 dev lan1; ip address add 203.0.113.7/24 broadcast + dev eno3")?;
    Ok(lab)
}

fn addresses(lab: &Lab) -> Result<String> {
    lab.sh("ip -o -4 address show | grep -o '[0-9]*: .* scope [a-z]*' | sort")
}

/// With the first address that is added, a process of ours whose command line holds this gets that signal.
fn signal_at_first_step(lab: &Lab, signal: &str, whom: &str) -> Tested {
    let script = format!(
        "#!/bin/sh
        case \"$*\" in *'address add'*)
            if mkdir /root/once 2>/dev/null; then
                for process in /proc/[0-9]*; do
                    tr '\\0' ' ' <$process/cmdline 2>/dev/null | grep -q 'hostready {whom} ' || continue
                    kill -{signal} ${{process#/proc/}}
                done
            fi ;;
        esac
        exec /bin/ip \"$@\"\n"
    );
    lab.sh("rm -f /usr/sbin/ip; test -x /bin/ip")?;
    lab.write("/usr/sbin/ip", &script)?;
    lab.sh("chmod 755 /usr/sbin/ip").map(drop)
}

const MOVE: &str = "code=0
hostready fix --json --apply --confirm-within 40s address.move >/root/out 2>/root/err || code=$?
echo $code >/root/code";
/// Where systemd does not run, as far as anybody can see.
const NO_SYSTEMD: &str = "mount -t tmpfs none /run/systemd";

fn it_answers_before_the_first_change_and_holds_the_lock() -> Tested {
    let lab = slipped()?;
    lab.sh(MOVE)?;
    ensure!(state(&lab)? == "pending", "{}", lab.sh("cat /root/code /root/out /root/err")?);
    let lines = journal(&lab)?;
    let guarded = place(&lines, "guarded").context("no guardian")?;
    ensure!(Some(guarded) < place(&lines, "intent"), "changed before it was watched over: {lines:#?}");
    let run = lab.sh("ls /var/lib/hostready/runs")?;
    ensure!(lab.sh("cat /run/hostready/lock")? == run, "another name");
    ensure!(lab.run(&["flock", "-n", "/run/hostready/lock", "true"])?.code != 0, "nobody holds the lock");
    lab.hostready(&["undo", "--json"])?.exits(0)?;

    // One that holds the lock and says nothing: nothing is changed.
    let (before, run) = (addresses(&lab)?, "01a00000-0000-7000-8000-000000000000");
    let request = json!({
        "run": run, "wanted": ["address.move"], "accepted": [], "lock_timeout_s": 1, "timeout_s": 30,
        "confirm_within_s": 60, "profiles": [], "config": null, "state": "/var/lib/hostready",
    });
    lab.write(&format!("/run/hostready/{run}/request"), &request.to_string())?;
    lab.write("/run/hostready/lock", run)?;
    // How it ends is in its answer.
    lab.run(&["flock", "/run/hostready/lock", "hostready", "work", run])?;
    let answer = lab.sh(&format!("cat /run/hostready/{run}/answer"))?;
    ensure!(answer.contains("the guardian of this run does not answer within 15 s"), "{answer}");
    ensure!(addresses(&lab)? == before, "changed, and nobody watches");
    Ok(())
}

fn console_confirms_once_the_gateway_answers() -> Tested {
    let host = Host::boot()?;
    host.waits(300)?;
    host.lab.wire(&["ip", "address", "del", "192.0.2.1/24", "dev", "lan0"])?;
    let silent = host.lab.hostready(&["confirm"])?;
    silent.exits(6)?;
    ensure!(silent.stderr.contains("192.0.2.1 does not answer"), "{}", silent.stderr);
    ensure!(host.state()? == "pending", "{}", host.state()?);
    // A gateway on a way that was not touched says nothing of the one that was.
    host.lab.wire(&["ip", "address", "replace", "198.51.100.1/24", "dev", "lan0"])?;
    host.lab.sh("ip route add default via 198.51.100.1 dev eno2 metric 500")?;
    host.lab.hostready(&["confirm"])?.exits(6)?;
    host.lab.wire(&["ip", "address", "add", "192.0.2.1/24", "dev", "lan0"])?;
    host.lab.hostready(&["confirm"])?.exits(0)?;
    ensure!(host.state()? == "confirmed" && host.is_attached()?, "{}", host.state()?);
    let (said, code) = host.ssh("-S none", APART, "hostready confirm")?;
    ensure!(code == 6 && said.contains("confirmed already"), "{code}: {said}");
    Ok(())
}

fn without_systemd_it_is_detached() -> Tested {
    let host = Host::boot()?;
    let apply = format!(
        "{NO_SYSTEMD}
        echo $$ >/root/shell.pid
        hostready fix --json --apply --confirm-within 20s {LOST} >/root/out 2>/root/err"
    );
    host.lab.write("/root/session.sh", &apply)?;
    host.lab.sh("setsid unshare -m sh /root/session.sh </dev/null >/dev/null 2>&1; test -s /root/out")?;
    let report: Value = serde_json::from_str(&host.lab.sh("cat /root/out")?)?;
    ensure!(report["pending"]["survives_reboot"] == false, "{:#}", report["pending"]);
    ensure!(host.is_attached()? && host.state()? == "pending", "{}", host.state()?);
    // In a session of its own, it has outlived that of whoever asked.
    host.lab.sh("session=$(cat /root/shell.pid); ! test -e /proc/$session
        for process in /proc/[0-9]*; do
            tr '\\0' ' ' <$process/cmdline 2>/dev/null | grep -q 'hostready guard ' || continue
            test $(cut -d ' ' -f 6 $process/stat) != $session && exit 0
        done
        exit 1")?;
    host.is_taken_back()
}

fn killed_for_good_it_leaves_nothing_behind() -> Tested {
    let lab = slipped()?;
    let before = addresses(&lab)?;
    signal_at_first_step(&lab, "KILL", "guard")?;
    lab.write("/root/session.sh", &format!("{NO_SYSTEMD}\n{MOVE}"))?;
    lab.sh("unshare -m sh /root/session.sh")?;
    let said = lab.sh("cat /root/code /root/out /root/err")?;
    ensure!(said.starts_with("6\n") && said.contains("its guardian is gone"), "{said}");
    ensure!(addresses(&lab)? == before && state(&lab)? != "pending", "it was left without a guardian");
    let lines = journal(&lab)?;
    ensure!(place(&lines, "pending").is_none() && place(&lines, "undone").is_some(), "{lines:#?}");
    // Nothing of it is in the way of the next one.
    lab.sh(MOVE)?;
    ensure!(state(&lab)? == "pending", "{}", lab.sh("cat /root/code /root/out /root/err")?);
    Ok(())
}

fn killed_under_systemd_it_comes_back_and_the_run_goes_on() -> Tested {
    let lab = slipped()?;
    let before = addresses(&lab)?;
    signal_at_first_step(&lab, "KILL", "guard")?;
    lab.sh(MOVE)?;
    ensure!(state(&lab)? == "pending", "{}", lab.sh("cat /root/code /root/out /root/err")?);
    ensure!(addresses(&lab)? != before, "it is not done");
    lab.sh("test -d /root/once; systemctl is-active 'hostready-guard-*'")?;
    lab.hostready(&["undo", "--json"])?.exits(0)?;
    ensure!(addresses(&lab)? == before, "not as it was");
    Ok(())
}

fn asked_to_stop_between_two_steps_all_is_taken_back() -> Tested {
    let lab = slipped()?;
    let before = addresses(&lab)?;
    for whom in ["guard", "work"] {
        signal_at_first_step(&lab, "TERM", whom)?;
        lab.sh(MOVE)?;
        let said = lab.sh("rmdir /root/once; cat /root/code /root/out /root/err")?;
        ensure!(said.starts_with("6\n") && said.contains("asked to stop"), "{whom}: {said}");
        lab.wait_until("nothing of it stands", |lab| Ok(addresses(lab)? == before))?;
        ensure!(state(&lab)? != "pending", "{whom}: {}", state(&lab)?);
    }
    Ok(())
}

fn it_goes_by_the_time_since_the_boot() -> Tested {
    let host = Host::boot()?;
    host.waits(12)?;
    // Where the clock was set back by an hour, the time of day of the deadline is an hour away.
    let path = host.lab.sh("ls /var/lib/hostready/runs/*/journal")?;
    host.lab.sh(&format!(
        "later=$(date -u -d '1 hour' +%Y-%m-%dT%H:%M:%SZ)
        sed -i -E \"s/(\\\"deadline\\\":)\\\"[^\\\"]*\\\"/\\1\\\"$later\\\"/\" {path}; grep -q $later {path}"
    ))?;
    host.is_taken_back()?;

    // Time that the host has slept counts: this clock has gone on for two hours, and no other has.
    host.waits(300)?;
    let after_sleep =
        |clock: &str| host.lab.run(&["unshare", "--time", "--fork", clock, "7200", "hostready", "confirm"]);
    let late = after_sleep("--boottime")?;
    ensure!(late.code == 6 && late.stderr.contains("too late"), "{}: {}", late.code, late.stderr);
    let awake = after_sleep("--monotonic")?;
    ensure!(awake.code == 0, "{}: {}", awake.code, awake.stderr);
    Ok(())
}

/// Whoever is later finds it decided.
fn confirmed_at_the_last_instant_one_of_both_wins() -> Tested {
    let host = Host::boot()?;
    let mut kept = 0;
    for before_ms in [150, 60, 40, 20, 0] {
        host.lab.sh("rm -rf /var/lib/hostready/runs")?;
        host.waits(12)?;
        let deadline = journal(&host.lab)?.iter().find_map(|line| line["what"]["guarded"]["deadline_boot_ms"].as_u64());
        let at = deadline.context("no deadline")? - before_ms;
        let wait =
            format!("import time\nwhile time.clock_gettime(time.CLOCK_BOOTTIME) * 1000 < {at}: time.sleep(.001)");
        let confirmed = host.lab.run(&["sh", "-c", &format!("python3 -c '{wait}'; hostready confirm")])?;
        host.lab.wait_until("it is decided", |lab| Ok(place(&journal(lab)?, "ended").is_some()))?;
        let lines = journal(&host.lab)?;
        let is_kept = place(&lines, "confirmed").is_some();
        ensure!(is_kept != place(&lines, "reverting").is_some(), "{before_ms}: both or none: {lines:#?}");
        ensure!(is_kept == (confirmed.code == 0), "{before_ms}: {}: {}", confirmed.code, confirmed.stderr);
        ensure!(host.is_attached()? == is_kept, "{before_ms}: the host shows otherwise than the journal");
        if is_kept {
            kept += 1;
            host.lab.sh("ovs-vsctl del-port br-ex eno1")?;
        }
    }
    ensure!(kept < 5, "no confirmation was too late");
    Ok(())
}
