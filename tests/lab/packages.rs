//! dpkg, as it leaves things behind.

use anyhow::ensure;

use crate::harness::{Lab, Tested, recipe};

crate::tests!("packages":
    failed_postinst_leaves_half_configured,
    unpacked_package_blocks,
    package_to_be_reinstalled_blocks,
    interrupted_run_blocks,
    young_lock_is_a_note,
    lock_of_another_kind_is_none,
    hold_is_a_note,
);

/// A package whose maintainer scripts do as they are told.
fn build(lab: &Lab, name: &str, postinst: &str) -> Tested {
    lab.sh(&format!(
        "mkdir -p /root/{name}/DEBIAN
        printf 'Package: {name}\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: a test\\nDescription: a test\\n' \
            >/root/{name}/DEBIAN/control
        printf '#!/bin/sh\\n{postinst}\\n' >/root/{name}/DEBIAN/postinst
        chmod 755 /root/{name}/DEBIAN/postinst
        dpkg-deb --build /root/{name} /root/{name}.deb"
    ))
    .map(drop)
}

fn failed_postinst_leaves_half_configured() -> Tested {
    let lab = recipe::plain().boot()?;
    build(&lab, "host-agent", "exit 1")?;
    let outcome = lab.run(&["dpkg", "--install", "/root/host-agent.deb"])?;
    ensure!(outcome.code == 1, "dpkg was to fail: {}", outcome.stderr);

    let run = lab.check(&[])?;
    run.blocks("packages.state", "host-agent", Some("half-configured"))?;
    run.exits(3)?;
    ensure!(run.rows("packages.state")?.len() == 1, "one package is at fault");

    lab.sh("dpkg --purge host-agent")?;
    lab.check(&[])?.passes("packages.state", "")
}

fn unpacked_package_blocks() -> Tested {
    let lab = recipe::plain().boot()?;
    build(&lab, "host-agent", "exit 0")?;
    lab.sh("dpkg --unpack /root/host-agent.deb")?;
    let run = lab.check(&[])?;
    run.blocks("packages.state", "host-agent", Some("unpacked"))?;
    run.exits(3)?;
    lab.sh("dpkg --configure -a")?;
    lab.check(&[])?.passes("packages.state", "")
}

/// `dpkg --audit` and apt both need telling: one such package stops every run of apt.
fn package_to_be_reinstalled_blocks() -> Tested {
    let lab = recipe::plain().boot()?;
    build(&lab, "host-agent", "exit 0")?;
    lab.sh("dpkg --install /root/host-agent.deb")?;
    lab.sh("sed -i '/^Package: host-agent$/,/^$/s/^Status: .*/Status: install reinstreq half-installed/' \
        /var/lib/dpkg/status")?;
    ensure!(lab.sh("dpkg -l host-agent | tail -1")?.starts_with("iHR"), "dpkg reads it otherwise");
    let run = lab.check(&[])?;
    run.blocks("packages.state", "host-agent", Some("reinstreq"))?;
    run.exits(3)
}

/// What a dpkg that was killed leaves: an entry in its write-ahead log, and all states `installed`.
fn interrupted_run_blocks() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.sh("sed -n '/^Package: dash$/,/^$/p' /var/lib/dpkg/status >/var/lib/dpkg/updates/0001")?;
    let run = lab.check(&[])?;
    run.blocks("packages.interrupted", "", None)?;
    run.passes("packages.state", "")?;
    run.exits(3)?;
    lab.sh("dpkg --configure -a")?;
    lab.check(&[])?.passes("packages.interrupted", "")
}

fn young_lock_is_a_note() -> Tested {
    let lab = recipe::at_work()?;
    lab.start("upgrader", &["stand-in", "lock", "/var/lib/dpkg/lock-frontend"])?;
    ensure!(lab.run(&["dpkg", "--configure", "-a"])?.code == 2, "dpkg does not mind the lock");
    let pid = lab.sh("systemctl show --value --property=MainPID upgrader")?;

    let run = lab.check(&[])?;
    let row = run.notes("packages.lock", "/var/lib/dpkg/lock-frontend", None)?;
    ensure!(row["observed"]["pid"] == pid.parse::<u64>()?, "process {pid} holds it: {row:#}");
    ensure!(row["observed"]["command"].as_str().is_some_and(|command| command.contains("stand-in")), "{row:#}");
    run.is_green()
}

/// dpkg takes record locks. A lock of `flock` beside them stops nobody.
fn lock_of_another_kind_is_none() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.sh("systemd-run --quiet --unit=other flock /var/lib/dpkg/lock-frontend sleep 600")?;
    lab.wait_until("the lock is taken", |lab| {
        Ok(lab.run(&["flock", "-n", "/var/lib/dpkg/lock-frontend", "true"])?.code == 1)
    })?;
    lab.sh("dpkg --configure -a")?;
    lab.check(&[])?.passes("packages.lock", "/var/lib/dpkg/lock-frontend")
}

fn hold_is_a_note() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("apt-mark hold openvswitch-switch")?;
    let run = lab.check(&[])?;
    run.notes("packages.held", "openvswitch-switch", None)?;
    run.passes("packages.state", "")?;
    run.is_green()
}
