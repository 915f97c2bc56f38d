//! `snapshot` and `verify` on a host with its own disks, through reboots.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Need, Run, Tested, recipe};

crate::tests!("snapshots":
    playbook_run_again_after_a_broken_reboot_keeps_the_baseline,
    agent_package_of_another_version_is_told_without_a_reboot,
    full_disk_leaves_the_old_baseline_and_still_prints_the_new needs [Need::Loop],
    filesystem_that_cannot_be_written_costs_the_exit_code,
    room_for_a_journal_is_kept_where_there_is_any,
    killed_at_any_moment_leaves_a_whole_baseline,
    nobody_but_root_reads_it_and_no_secret_is_in_it,
    wait_ends_when_the_switch_is_up_again,
    wait_ends_at_once_where_nothing_heals,
);

const STATE: &str = "/var/lib/hostready";

fn snapshot(lab: &Lab, arguments: &[&str]) -> Result<Run> {
    lab.hostready(&[&["snapshot", "--json"], arguments].concat())
}

fn verify(lab: &Lab, arguments: &[&str]) -> Result<Run> {
    lab.hostready(&[&["verify", "--json"], arguments].concat())
}

/// The snapshot is the baseline. Its name.
fn takes_over(run: &Run) -> Result<String> {
    run.exits(0)?;
    let said = run.report()?;
    ensure!(said["changed"] == true && said["kept"].is_null(), "it is not kept: {}", said["msg"]);
    Ok(said["name"].as_str().context("no name")?.to_owned())
}

/// Every file below the state directory with its hash, every link with its target.
fn state(lab: &Lab) -> Result<String> {
    lab.sh(&format!("cd {STATE} && find . -printf '%p %y %m %s %l\\n' -type f -exec sha256sum {{}} + | sort"))
}

/// What was written and has no place.
fn nothing_is_left_over(lab: &Lab) -> Tested {
    let strays = lab.sh("find / -xdev -name '.hostready-*'; find /var -xdev -name '.hostready-*'")?;
    ensure!(strays.is_empty(), "left behind: {strays}");
    Ok(())
}

fn playbook_run_again_after_a_broken_reboot_keeps_the_baseline() -> Tested {
    let mut lab = recipe::at_work()?;
    let first = takes_over(&snapshot(&lab, &[])?)?;
    let before = state(&lab)?;
    verify(&lab, &[])?.exits(0)?;

    // The host does not configure its address at boot any more.
    lab.sh("sed -i.whole '/^ip address/d; /^ip route/d' /etc/lab-network")?;
    lab.reboot()?;
    for _again in 0..2 {
        let run = verify(&lab, &["--expect-reboot"])?;
        run.blocks("network.address-kept", "br-ex 192.0.2.10/24", Some("missing"))?;
        run.exits(3)?;
        let kept = snapshot(&lab, &[])?;
        kept.exits(0)?;
        let said = kept.report()?;
        ensure!(said["changed"] == false && said["kept"]["name"] == *first, "it did not stay: {}", said["msg"]);
        let msg = said["msg"].as_str().unwrap_or_default();
        ensure!(msg.contains("rebooted") && msg.contains("192.0.2.10/24"), "what is wrong is not told: {msg}");
        ensure!(state(&lab)? == before, "something was written");
    }

    lab.sh("mv /etc/lab-network.whole /etc/lab-network; systemctl restart lab-network.service")?;
    let run = verify(&lab, &["--wait", "30s"])?;
    run.passes("host.rebooted", "")?;
    run.exits(0)?;
    let second = takes_over(&snapshot(&lab, &[])?)?;
    ensure!(second != first, "the name of the old one");
    let listed = lab.hostready(&["snapshot", "--list", "--json"])?;
    let rows = listed.report()?.as_array().context("no list")?.clone();
    let names: Vec<&Value> = rows.iter().map(|row| &row["name"]).collect();
    ensure!(names == [&first, &second], "{names:?}");
    ensure!(rows[0]["is_baseline"] == false && rows[1]["is_baseline"] == true, "{rows:?}");
    nothing_is_left_over(&lab)
}

fn agent_package_of_another_version_is_told_without_a_reboot() -> Tested {
    let lab = recipe::plain().boot()?;
    let package = |version: &str| {
        lab.sh(&format!(
            "mkdir -p /root/agent/DEBIAN
            printf 'Package: pf9-hostagent\\nVersion: {version}\\nArchitecture: all\\nMaintainer: a test\\nDescription: a test\\n' \
                >/root/agent/DEBIAN/control
            dpkg-deb --build /root/agent /root/agent.deb
            dpkg --install /root/agent.deb"
        ))
    };
    package("1.0")?;
    let run = snapshot(&lab, &[])?;
    ensure!(run.report()?["changed"] == true, "{}", run.stdout);
    // Nothing happened to the host: a newer snapshot says the same.
    ensure!(snapshot(&lab, &[])?.report()?["changed"] == true, "there was nothing to judge");
    package("2.0")?;
    lab.sh("fallocate -l 5g /var/tmp/image")?;
    let run = snapshot(&lab, &[])?;
    let msg = run.report()?["msg"].as_str().unwrap_or_default().to_owned();
    ensure!(msg.contains("pf9-hostagent 1.0 to 2.0") && msg.contains("/var"), "{msg}");
    ensure!(run.report()?["changed"] == false, "{msg}");
    ensure!(snapshot(&lab, &["--replace"])?.report()?["changed"] == true, "--replace overrides");
    Ok(())
}

fn full_disk_leaves_the_old_baseline_and_still_prints_the_new() -> Tested {
    for (kind, size) in [("tmpfs", "16m"), ("ext4", "24m")] {
        let lab = recipe::hypervisor().disk("/srv/state", kind, size).boot()?;
        lab.sh("chmod 700 /srv/state")?;
        let taken = |lab: &Lab| snapshot(lab, &["--state-dir", "/srv/state"]);
        takes_over(&taken(&lab)?)?;
        let files = "cd /srv/state && ls -lAR --time-style=+ . && sha256sum baseline console.txt";
        // Whatever is free is little enough that some of the write succeeds, and then it does not.
        for left in [0, 8, 32] {
            let free = lab.sh(&format!(
                "cd /srv/state; rm -f ballast
                head -c {left}K /dev/zero >spare
                if head -c 1G /dev/zero >ballast; then echo 'the disk has no end' >&2; exit 1; fi
                rm spare
                echo $(($(stat -f -c '%a * %S / 1024' .)))"
            ))?;
            let free: u64 = free.parse()?;
            // A filesystem keeps some blocks for itself.
            ensure!(free <= left + 16, "{kind}: {free} KiB are free and not {left}");
            let before = lab.sh(files)?;
            let run = taken(&lab)?;
            run.exits(1)?;
            let said = run.report()?;
            ensure!(said["changed"] == false && said["failed"] == true, "{}", said["msg"]);
            ensure!(said["answers"].as_object().is_some_and(|answers| answers.len() > 20), "the document is not whole");
            ensure!(run.stderr.contains("No space left") && run.stderr.contains("as it was"), "{}", run.stderr);
            ensure!(lab.sh(files)? == before, "{kind}, {left} KiB left: something changed");
        }
        verify(&lab, &["--state-dir", "/srv/state"])?
            .passes("host.rebooted", "")
            .err()
            .context("it was not rebooted")?;
        lab.sh("rm /srv/state/ballast")?;
        takes_over(&taken(&lab)?)?;
    }
    Ok(())
}

fn filesystem_that_cannot_be_written_costs_the_exit_code() -> Tested {
    let lab = recipe::plain().disk("/srv/state", "tmpfs", "16m").boot()?;
    lab.sh("chmod 700 /srv/state; mount -o remount,ro /srv/state")?;
    let run = snapshot(&lab, &["--state-dir", "/srv/state"])?;
    run.exits(1)?;
    ensure!(run.stderr.contains("Read-only file system") && run.stderr.contains("no baseline"), "{}", run.stderr);
    ensure!(run.stderr.matches("error: ").count() == 1, "{}", run.stderr);
    ensure!(run.report()?["changed"] == false, "it was not kept");
    // One that is another's is none of ours.
    lab.sh("mkdir /srv/theirs; chown 1000 /srv/theirs")?;
    let run = snapshot(&lab, &["--state-dir", "/srv/theirs"])?;
    run.exits(2)?;
    ensure!(run.stderr.contains("belongs to user 1000"), "{}", run.stderr);
    ensure!(lab.sh("ls -A /srv/theirs")?.is_empty(), "something was written there");
    Ok(())
}

fn room_for_a_journal_is_kept_where_there_is_any() -> Tested {
    let lab = recipe::plain().disk("/srv/state", "tmpfs", "3m").boot()?;
    let run = snapshot(&lab, &[])?;
    ensure!(run.report()?["changed"] == true, "{}", run.stdout);
    let blocks: u64 = lab.sh(&format!("stat -c '%b * %B' {STATE}/reserve | xargs expr"))?.parse()?;
    ensure!(blocks >= 4 << 20, "only {blocks} bytes are allocated");
    lab.sh(&format!("rm {STATE}/reserve"))?;
    snapshot(&lab, &[])?;
    lab.sh(&format!("test -s {STATE}/reserve"))?;
    // Too small for that, and for nothing else.
    lab.sh("chmod 700 /srv/state")?;
    let whole = snapshot(&lab, &["--state-dir", "/srv/state"])?;
    ensure!(whole.report()?["changed"] == true && whole.code != 1, "{}", whole.stderr);
    ensure!(whole.stderr.contains("/srv/state/reserve: No space left"), "{}", whole.stderr);
    ensure!(lab.sh("ls -A /srv/state")? == "baseline\nconsole.txt\nsnapshots", "something is left of it");
    Ok(())
}

/// At whatever call it is killed, `verify` finds a baseline that is whole.
fn killed_at_any_moment_leaves_a_whole_baseline() -> Tested {
    let lab = recipe::plain().boot()?;
    snapshot(&lab, &[])?;
    let mut killed = 0;
    for call in ["write", "fsync", "rename", "renameat2", "symlink", "link", "unlink", "fallocate"] {
        for nth in [1, 2, 3, 5, 8] {
            let inject = format!("inject={call}:signal=KILL:when={nth}");
            let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=all", "-e", &inject];
            let run = lab.run(&[&strace[..], &["hostready", "snapshot", "--json"]].concat())?;
            killed += u32::from(run.code == 137);
            let verified = verify(&lab, &[])?;
            ensure!([0, 3, 5].contains(&verified.code), "{call} {nth}: exit {}\n{}", verified.code, verified.stderr);
            ensure!(verified.report()?["baseline"].is_object(), "{call} {nth}: no baseline");
        }
    }
    // What it left behind goes once it is old.
    lab.sh(&format!("find {STATE} -name '.hostready-*' -exec touch -h -d '2 hours ago' {{}} +"))?;
    snapshot(&lab, &[])?;
    nothing_is_left_over(&lab)?;
    ensure!(killed > 10, "only {killed} runs were killed");
    Ok(())
}

fn nobody_but_root_reads_it_and_no_secret_is_in_it() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("ovs-vsctl add-port br-int ipsec0 -- set interface ipsec0 type=vxlan options:remote_ip=192.0.2.9 options:psk=swordfish
        ovs-vsctl set open . external_ids:ovn-remote=ssl:192.0.2.1:6642 external_ids:api-token=hunter2")?;
    snapshot(&lab, &[])?;
    let modes = lab.sh(&format!("find {STATE} -not -type l -printf '%m %y\\n' | sort -u"))?;
    ensure!(modes == "600 f\n700 d", "{modes}");
    let text = lab.sh(&format!("cat {STATE}/baseline {STATE}/console.txt"))?;
    for secret in ["swordfish", "hunter2"] {
        ensure!(!text.contains(secret), "`{secret}` is in it");
    }
    ensure!(text.contains("ssl:192.0.2.1:6642"), "what is public is masked, or was never read");
    // What is masked in the baseline has not changed since.
    let run = verify(&lab, &[])?;
    for row in run.rows("ovs.port-kept")?.into_iter().chain(run.rows("ovs.bridge-kept")?) {
        ensure!(row["status"] != "fail", "{row:#}");
    }
    Ok(())
}

fn wait_ends_when_the_switch_is_up_again() -> Tested {
    let lab = recipe::at_work()?;
    takes_over(&snapshot(&lab, &[])?)?;
    lab.sh("systemctl stop openvswitch-switch ovs-vswitchd ovsdb-server
        systemd-run --quiet --on-active=4 sh -c 'systemctl start openvswitch-switch && sh /etc/lab-network'")?;
    let run = verify(&lab, &["--wait", "50s", "--progress", "json"])?;
    ensure!(run.took > Duration::from_secs(2) && run.took < Duration::from_secs(40), "it took {:?}", run.took);
    run.exits(0)?;
    let events = run.stderr.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let waited_for = events.first().context("no event")?["for"].to_string();
    ensure!(waited_for.contains("ovs.daemons"), "{waited_for}");
    Ok(())
}

fn wait_ends_at_once_where_nothing_heals() -> Tested {
    let lab = recipe::at_work()?;
    takes_over(&snapshot(&lab, &[])?)?;
    lab.sh("ip address del 192.0.2.10/24 dev br-ex; ip address add 192.0.2.10/24 dev eno1")?;
    let run = verify(&lab, &["--wait", "50s"])?;
    run.blocks("network.address-kept", "br-ex 192.0.2.10/24", Some("on-enslaved-nic"))?;
    ensure!(run.took < Duration::from_secs(10), "it waited {:?}", run.took);
    // Nor without anything to compare with.
    lab.sh(&format!("rm -r {STATE}"))?;
    let run = verify(&lab, &["--wait", "50s"])?;
    run.exits(5)?;
    ensure!(run.took < Duration::from_secs(10), "it waited {:?}", run.took);
    Ok(())
}
