//! `check --wait`: what passes by itself is waited for, and nothing else.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("waiting":
    lock_that_is_given_back_is_waited_for,
    package_in_apts_hands_is_waited_for,
    guests_that_leave_are_waited_for,
    what_stays_wrong_ends_the_wait,
    wait_ends_when_its_time_is_up,
    progress_is_drawn_on_a_terminal_and_wiped_away,
);

/// Holds dpkg's lock until the unit `apt` is stopped.
fn locked() -> Result<Lab> {
    let lab = recipe::plain().boot()?;
    lab.start("apt", &["stand-in", "lock", "/var/lib/dpkg/lock-frontend"])?;
    Ok(lab)
}

/// Stops a unit after so many seconds, on its own.
fn stop_later(lab: &Lab, unit: &str, seconds: u32) -> Tested {
    lab.sh(&format!("systemd-run --quiet --on-active={seconds} systemctl stop {unit}")).map(drop)
}

/// What was told on stderr, one event a line.
fn events(run: &Run) -> Result<Vec<Value>> {
    run.stderr.lines().map(|line| serde_json::from_str(line).context("an event is a line of JSON")).collect()
}

fn lock_that_is_given_back_is_waited_for() -> Tested {
    let lab = locked()?;
    lab.check(&[])?.notes("packages.lock", "/var/lib/dpkg/lock-frontend", None)?;
    stop_later(&lab, "apt", 3)?;
    let run = lab.check(&["--wait", "50s", "--progress", "json"])?;
    run.passes("packages.lock", "/var/lib/dpkg/lock-frontend")?;
    run.is_green()?;
    ensure!(run.took > Duration::from_secs(2) && run.took < Duration::from_secs(40), "it took {:?}", run.took);
    let events = events(&run)?;
    let first = events.first().context("no event")?;
    ensure!(first["event"] == "waiting" && first["limit_ms"] == 50_000, "{first}");
    ensure!(first["for"][0]["id"] == "packages.lock", "{first}");
    Ok(())
}

/// apt runs dpkg to unpack and again to configure, and holds the lock all the time: in between nothing is whole.
fn package_in_apts_hands_is_waited_for() -> Tested {
    let lab = locked()?;
    lab.sh("mkdir -p /root/slow/DEBIAN
        printf 'Package: slow\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: a test\\nDescription: a test\\n' \
            >/root/slow/DEBIAN/control
        dpkg-deb --build /root/slow /root/slow.deb
        export DPKG_FRONTEND_LOCKED=1
        dpkg --unpack /root/slow.deb
        systemd-run --quiet --on-active=3 --setenv=DPKG_FRONTEND_LOCKED=1 sh -c \
            'dpkg --configure slow && systemctl stop apt'")?;
    lab.check(&[])?.blocks("packages.state", "slow", Some("unpacked"))?;
    let run = lab.check(&["--wait", "50s"])?;
    run.passes("packages.state", "")?;
    run.is_green()
}

fn guests_that_leave_are_waited_for() -> Tested {
    let lab = recipe::at_work()?;
    // A guest that nobody asked to leave is no reason to wait.
    let run = lab.check(&["--wait", "50s"])?;
    run.notes("guests.running", "", None)?;
    ensure!(run.took < Duration::from_secs(10), "it waited {:?}", run.took);

    stop_later(&lab, "vm1", 3)?;
    let run = lab.check(&["--drained", "--wait", "50s"])?;
    run.passes("guests.running", "")?;
    run.is_green()
}

fn what_stays_wrong_ends_the_wait() -> Tested {
    let lab = locked()?;
    lab.sh("fallocate -l 5g /var/tmp/image")?;
    let run = lab.check(&["--wait", "50s"])?;
    run.blocks("disk.space", "/var", None)?;
    run.exits(3)?;
    ensure!(run.took < Duration::from_secs(10), "it waited {:?}", run.took);
    Ok(())
}

fn wait_ends_when_its_time_is_up() -> Tested {
    let lab = recipe::at_work()?;
    let run = lab.check(&["--drained", "--wait", "3s"])?;
    run.blocked_by(&["guests.running"])?;
    ensure!(run.took > Duration::from_secs(3) && run.took < Duration::from_secs(20), "it took {:?}", run.took);
    ensure!(run.stderr.is_empty(), "words for nobody: {}", run.stderr);
    Ok(())
}

fn progress_is_drawn_on_a_terminal_and_wiped_away() -> Tested {
    let lab = locked()?;
    let drawn = lab.sh("script --quiet --return --command 'hostready check --quiet --wait 3s' /dev/null")?;
    ensure!(drawn.contains("\r\u{1b}[Kwaited 0:00 of 0:03: stand-in"), "{drawn:?}");
    let (_, end) = drawn.rsplit_once("\r\u{1b}[K").context("the line was never wiped away")?;
    ensure!(end.starts_with("hv-01 ready: "), "{end:?}");
    Ok(())
}
