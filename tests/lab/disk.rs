//! Space, inodes and mounts.

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::harness::{Lab, Need, Run, Tested, recipe};

const MIB: u64 = 1 << 20;

crate::tests!("disk":
    healthy_host_is_ready,
    roomy_root_alone_is_enough,
    short_of_space_offers_what_can_be_freed,
    needs_on_one_filesystem_add_up,
    inodes_run_out,
    read_only_filesystem_blocks,
    no_programs_in_tmp_is_a_note,
    deleted_file_is_counted_once needs [Need::Loop],
);

fn healthy_host_is_ready() -> Tested {
    let lab = recipe::at_work()?;
    let run = lab.check(&[])?;
    run.is_green()?;
    for path in ["/var", "/var/log", "/opt", "/tmp"] {
        run.passes("disk.space", path)?;
    }
    run.passes("ovs.daemons", "")?;
    run.passes("ovs.uplink", "br-ex/eno1")?;
    run.passes("ovs.flows", "br-int")?;
    run.passes("packages.state", "")?;
    run.passes("services.failed", "")?;
    let guests = run.notes("guests.running", "", None)?;
    ensure!(guests["observed"]["guests"] == serde_json::json!(["vm1"]), "not the guest that runs: {guests:#}");
    Ok(())
}

/// One filesystem for everything, and no Open vSwitch at work.
fn roomy_root_alone_is_enough() -> Tested {
    let lab = Lab::builder().boot()?;
    let run = lab.check(&["--only", "disk.*"])?;
    run.exits(0)?;
    run.verdict("partial")?;
    run.passes("disk.space", "/opt").and(run.passes("disk.space-shared", "/"))
}

fn short_of_space_offers_what_can_be_freed() -> Tested {
    let mut lab = recipe::at_work()?;
    // Incompressible lines of 40 kB: as few messages as possible, because journald limits their rate.
    lab.sh("
        for round in 1 2 3; do
            head -c 12582912 /dev/urandom | base64 -w 40000 | systemd-cat -t noise
            journalctl --sync
            journalctl --rotate
        done
    ")?;
    // What is of this boot and the one before is not to be freed: of the latter what the power cut left open.
    lab.reboot()?;
    lab.reboot()?;
    let archived: u64 = lab
        .sh("cd /var/log/journal/*/ && du -B1 -c $(ls -t *@*.journal* | tail -n +2) | tail -1 | cut -f1")?
        .parse()?;
    lab.sh("
        head -c 31457280 /dev/urandom >/var/log/agent.log.7.gz
        touch -d '40 days ago' /var/log/agent.log.7.gz
        head -c 1048576 /dev/urandom >/var/log/agent.log.1.gz
        head -c 8388608 /dev/urandom >/var/cache/apt/archives/agent_1.0_amd64.deb
    ")?;
    leave_free(&lab, "/var", 5 * 1024 * MIB - 20 * MIB)?;

    let run = lab.check(&[])?;
    run.blocked_by(&["disk.space /var"])?;
    let row = run.blocks("disk.space", "/var", None)?;
    ensure!(row["expected"]["free_bytes"] == 5 * 1024 * MIB, "another threshold: {row:#}");
    let free = row["observed"]["free_bytes"].as_u64().context("no number of free bytes")?;
    ensure!(free.abs_diff(5 * 1024 * MIB - 20 * MIB) < 2 * MIB, "not what is free: {row:#}");

    let journals = offer(row, "journal.vacuum")?;
    ensure!(
        journals["frees_bytes"].as_u64().is_some_and(|bytes| bytes.abs_diff(archived) < MIB),
        "{archived}: {row:#}"
    );
    ensure!(journals["sufficient"] == true, "36 MiB of journals are enough for 20: {row:#}");
    let logs = offer(row, "logs.prune")?;
    ensure!(logs["frees_bytes"] == 30 * MIB, "one log is older than 30 days: {row:#}");
    let cache = offer(row, "apt.clean")?;
    ensure!(cache["frees_bytes"] == 8 * MIB && cache["sufficient"] == false, "{row:#}");
    Ok(())
}

fn needs_on_one_filesystem_add_up() -> Tested {
    let lab = recipe::hypervisor().disk("/opt", "tmpfs", "3500m").boot()?;
    let lab = recipe::bring_to_work(lab)?;
    lab.sh("mkdir -m 1777 /opt/tmp && mount --bind /opt/tmp /tmp")?;
    let run = lab.check(&[])?;
    run.passes("disk.space", "/opt")?;
    run.passes("disk.space", "/tmp")?;
    let row = run.says("disk.space-shared", "/opt", "fail")?;
    ensure!(row["blocking"] == false, "a warning does not block: {row:#}");
    ensure!(row["expected"]["free_bytes"] == 4 * 1024 * MIB, "3 and 1 are 4 GiB: {row:#}");
    run.verdict("warn")?;
    run.exits(0)?;
    lab.check(&["--fail-on", "warn"])?.exits(4)
}

fn inodes_run_out() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("mount -o remount,nr_inodes=$(($(df --output=iused /var | tail -1) + 20)) /var")?;
    let run = lab.check(&[])?;
    run.blocks("disk.inodes", "/var", None)?;
    run.passes("disk.space", "/var")?;
    run.passes("disk.inodes", "/opt")?;
    run.exits(3)
}

fn read_only_filesystem_blocks() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("mount -o remount,ro /opt")?;
    let run = lab.check(&[])?;
    run.blocks("disk.readonly", "/opt", None)?;
    run.passes("disk.readonly", "/var")?;
    run.blocked_by(&["disk.readonly /opt"])
}

fn no_programs_in_tmp_is_a_note() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("mount -o remount,noexec /tmp")?;
    let run = lab.check(&[])?;
    run.notes("disk.tmp-exec", "/tmp", None)?;
    run.is_green()
}

fn deleted_file_is_counted_once() -> Tested {
    const HELD: u64 = 1536 * MIB;
    let lab = recipe::at_work()?;
    lab.start("holder", &["stand-in", "delete-open", "/opt/agent.log", &HELD.to_string()])?;
    let holders = lab.sh("ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c '/opt/agent.log (deleted)'")?;
    ensure!(holders == "2", "the file is held by {holders}");

    // On a filesystem with room to spare nobody needs to go through all descriptors of the host.
    lab.check(&[])?.is_green()?;

    let run = lab.check(&["--only", "disk.deleted-open"])?;
    let row = held(&run)?;
    // The filesystem adds a block of its own for a file of that size.
    let bytes = row["observed"]["bytes"].as_u64().context("no number of bytes")?;
    ensure!(row["blocking"] == false && bytes.abs_diff(HELD) < MIB, "held twice and there once: {row:#}");
    run.verdict("partial")?;
    run.exits(0)?;

    // The check of space that it explains asks for it by itself.
    lab.sh("fallocate -l $(($(df -B1 --output=avail /opt | tail -1) - 2147483648)) /opt/ballast")?;
    let run = lab.check(&[])?;
    run.blocked_by(&["disk.space /opt"])?;
    held(&run).map(drop)
}

fn held(run: &Run) -> anyhow::Result<&Value> {
    run.says("disk.deleted-open", "/opt", "fail")
}

fn offer<'a>(row: &'a Value, id: &str) -> anyhow::Result<&'a Value> {
    let offers = row["fixes"].as_array();
    let offer = offers.and_then(|offers| offers.iter().find(|offer| offer["id"] == id));
    offer.with_context(|| format!("{id} is not offered: {row:#}"))
}

/// Shrinks a tmpfs until this much is free on it.
pub fn leave_free(lab: &Lab, path: &str, bytes: u64) -> Tested {
    lab.sh(&format!("mount -o remount,size=$(($(df -B1 --output=used {path} | tail -1) + {bytes})) {path}")).map(drop)
}
