//! Hosts where something hangs, lies or refuses: a row each, never the end of a run, never a pass.

use std::time::Duration;

use anyhow::ensure;

use crate::harness::{Lab, Need, Run, Tested, recipe};

const OVSDB: &str = "/run/openvswitch/db.sock";

crate::tests!("bad_hosts":
    stopped_ovsdb_process_costs_its_deadline,
    ovsdb_that_never_answers_costs_its_deadline,
    ovsdb_with_a_full_backlog_costs_its_deadline,
    ovsdb_that_talks_nonsense_is_unknown,
    dbus_that_never_answers_costs_its_deadline,
    everything_hangs_and_the_timeout_holds,
    malformed_package_status_is_unknown,
    truncated_bundle_is_refused,
    dead_fuse_mount_costs_its_deadline needs [Need::Fuse],
    link_onto_a_dead_mount_costs_its_deadline needs [Need::Fuse],
    without_root_nothing_unseen_passes,
);

/// One probe takes 5 s at most; the rest is for a busy machine.
const ONE_PROBE: Duration = Duration::from_millis(7500);

fn ended_within(run: &Run, deadline: Duration) -> Tested {
    ensure!(run.took < deadline, "it took {:?}, and {deadline:?} is the most", run.took);
    Ok(())
}

fn has_no_pass(run: &Run, ids: &[&str]) -> Tested {
    for id in ids {
        let rows = run.rows(id)?;
        ensure!(!rows.is_empty(), "{id} has no row at all");
        ensure!(rows.iter().all(|row| row["status"] != "pass"), "{id} passes unseen: {rows:#?}");
    }
    Ok(())
}

/// Undetermined, in time, and the rest of the host judged as ever.
fn ovs_is_unknown(run: &Run) -> Tested {
    run.says("ovs.daemons", "", "unknown")?;
    has_no_pass(run, &["ovs.daemons", "ovs.uplink", "ovs.flows"])?;
    run.passes("disk.space", "/var")?;
    run.passes("packages.state", "")?;
    run.verdict("incomplete")?;
    run.exits(5)?;
    ended_within(run, ONE_PROBE)
}

/// A lab whose database server is another.
fn with_ovsdb_played_by(part: &str) -> anyhow::Result<Lab> {
    let lab = recipe::at_work()?;
    lab.sh("systemctl stop ovs-vswitchd.service ovsdb-server.service && mkdir -p /run/openvswitch")?;
    lab.start("ovsdb", &["stand-in", part, OVSDB])?;
    Ok(lab)
}

fn stopped_ovsdb_process_costs_its_deadline() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("systemctl kill --signal=STOP ovsdb-server.service")?;
    ovs_is_unknown(&lab.check(&[])?)?;
    lab.sh("systemctl kill --signal=CONT ovsdb-server.service")?;
    lab.check(&[])?.is_green()
}

fn ovsdb_that_never_answers_costs_its_deadline() -> Tested {
    ovs_is_unknown(&with_ovsdb_played_by("accept")?.check(&[])?)
}

fn ovsdb_with_a_full_backlog_costs_its_deadline() -> Tested {
    ovs_is_unknown(&with_ovsdb_played_by("full-backlog")?.check(&[])?)
}

fn ovsdb_that_talks_nonsense_is_unknown() -> Tested {
    ovs_is_unknown(&with_ovsdb_played_by("babble")?.check(&[])?)
}

fn dbus_that_never_answers_costs_its_deadline() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("systemctl stop dbus.service dbus.socket")?;
    lab.start("bus", &["stand-in", "accept", "/run/dbus/system_bus_socket"])?;
    lab.sh("test ! -e /run/systemd/private || mount --bind /run/dbus/system_bus_socket /run/systemd/private")?;
    let run = lab.check(&[])?;
    run.says("services.failed", "", "unknown")?;
    has_no_pass(&run, &["services.failed", "services.unit"])?;
    run.passes("ovs.daemons", "")?;
    // None of these rows blocks, so a host whose bus hangs may still be upgraded; it says what it does not know.
    run.exits(0)?;
    ended_within(&run, ONE_PROBE)
}

fn everything_hangs_and_the_timeout_holds() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("systemctl kill --signal=STOP ovs-vswitchd.service ovsdb-server.service dbus.service")?;
    let run = lab.check(&["--timeout", "2s"])?;
    run.says("ovs.daemons", "", "unknown")?;
    run.passes("disk.space", "/var")?;
    run.exits(5)?;
    ended_within(&run, Duration::from_millis(3500))
}

fn malformed_package_status_is_unknown() -> Tested {
    for damage in [
        "head -c 4096 /dev/urandom >/var/lib/dpkg/status",
        "printf 'no field at all\\n\\377\\n' >/var/lib/dpkg/status",
        // What a full disk leaves: the last package stops in the middle of a line.
        "truncate -s $(($(grep -b -m 20 '^Package: ' /var/lib/dpkg/status | tail -1 | cut -d: -f1) + 12)) /var/lib/dpkg/status",
    ] {
        let lab = recipe::plain().boot()?;
        lab.sh(damage)?;
        let run = lab.check(&[])?;
        run.says("packages.state", "", "unknown")?;
        run.passes("disk.space", "/var")?;
        run.exits(5)?;
    }
    Ok(())
}

fn truncated_bundle_is_refused() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.sh("hostready bundle --output /root/whole && head -c 3000 /root/whole >/root/half && : >/root/empty")?;
    for path in ["/root/half", "/root/empty", "/etc/passwd", "/root/nothing"] {
        let run = lab.check(&["--from", path])?;
        ensure!(run.code == 1 || run.code == 2, "{path}: exit {}\n{}{}", run.code, run.stdout, run.stderr);
        run.exits(run.code)?;
        ensure!(run.findings().is_err(), "half a bundle is judged");
        ensure!(format!("{}{}", run.stdout, run.stderr).contains(path), "the file is not named: {}", run.stderr);
    }
    Ok(())
}

fn dead_fuse_mount_costs_its_deadline() -> Tested {
    let lab = recipe::at_work()?;
    lab.start("fuse", &["stand-in", "dead-fuse", "/opt"])?;
    let run = lab.check(&[])?;
    run.says("disk.space", "/opt", "unknown")?;
    run.passes("disk.space", "/var")?;
    run.passes("ovs.daemons", "")?;
    run.verdict("incomplete")?;
    run.exits(5)?;
    ended_within(&run, ONE_PROBE)
}

fn link_onto_a_dead_mount_costs_its_deadline() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh(
        "mkdir -p /etc/apt/sources.list.d /net /opt/app/bin; \
         ln -s /net/corp.list /etc/apt/sources.list.d/corp.list; ln -s /net/corp.list /etc/apt/sources.list.d/more.list; \
         ln -s /net/key /etc/ssh/ssh_host_x_key; ln -s /net/lib /opt/app/lib; ln -s /net/cfg /opt/app/pyvenv.cfg",
    )?;
    lab.start("fuse", &["stand-in", "dead-fuse", "/net"])?;
    let run = lab.check(&["--for", "os"])?;
    for name in ["corp", "more"] {
        let row = run.says("packages.repositories", &format!("/etc/apt/sources.list.d/{name}.list"), "unknown")?;
        let detail = row["detail"].as_str().unwrap_or_default();
        ensure!(row["cause"] == "timed-out" && detail.contains("/net (fuse.lab) does not answer"), "{row:#}");
    }
    run.passes("disk.space", "/var")?;
    run.passes("ovs.daemons", "")?;
    // The files of /etc, and the host's keys, are asked for one after the other.
    ended_within(&run, ONE_PROBE)
}

fn without_root_nothing_unseen_passes() -> Tested {
    let lab = recipe::at_work()?;
    let nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "hostready", "check", "--json"];
    let run = Run::new(lab.run(&nobody)?);
    has_no_pass(&run, &["ovs.daemons", "ovs.uplink", "ovs.flows", "packages.lock", "guests.running"])?;
    run.passes("disk.space", "/var")?;
    run.passes("packages.state", "")?;
    run.verdict("incomplete")?;
    run.exits(5)?;
    let text = lab.run(&[&nobody[..6]].concat())?;
    ensure!(text.stdout.contains("root"), "nobody is told what would help:\n{}", text.stdout);

    let run = Run::new(lab.run(&[&nobody[..], &["--only", "disk.deleted-open"]].concat())?);
    has_no_pass(&run, &["disk.deleted-open"])
}
