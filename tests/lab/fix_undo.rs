//! A change that was kept is taken back under a guardian where somebody hangs on it: what takes it back is a run of its
//! own, which is confirmed or goes as any other.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::fix_guard::Host;
use crate::harness::Tested;

crate::tests!("fix-undo":
    undo_of_what_a_session_hangs_on_needs_a_timer_and_goes_with_it,
    undo_that_is_kept_stays_and_can_be_taken_back_itself,
    undo_that_waits_goes_with_the_next_one_and_with_a_power_cut,
);

/// A host whose uplink was put back, which somebody has confirmed: the run that did it.
fn kept() -> Result<(Host, String)> {
    let host = Host::boot()?;
    let report = host.waits(3600)?;
    host.confirm("-S none", 0, "is kept")?;
    let run = report["run_id"].as_str().context("no run")?.to_owned();
    Ok((host, run))
}

/// What each run came to, the newest first.
fn states(host: &Host) -> Result<Vec<String>> {
    let rows: Value = serde_json::from_str(&host.lab.hostready(&["undo", "--list", "--json"])?.stdout)?;
    let rows = rows.as_array().context("no list")?;
    Ok(rows.iter().map(|row| row["state"].as_str().unwrap_or_default().to_owned()).collect())
}

fn kept_report(host: &Host, run: &str) -> Result<Value> {
    Ok(serde_json::from_str(&host.lab.sh(&format!("cat /var/lib/hostready/runs/{run}/report.json"))?)?)
}

/// Until the guardian has gone the next run finds the lock taken.
fn begins(host: &Host, within: &str) -> Result<Value> {
    let undo = host.lab.hostready(&["undo", "--json", "--confirm-within", within])?;
    let report = undo.report()?.clone();
    ensure!(report["actions"][0]["state"] == "pending", "exit {}: {:#}\n{}", undo.code, report["actions"], undo.stderr);
    ensure!(!host.is_attached()?, "it is said to be taken back, and is not");
    Ok(report)
}

fn undo_of_what_a_session_hangs_on_needs_a_timer_and_goes_with_it() -> Tested {
    let (host, fixed) = kept()?;
    ensure!(kept_report(&host, &fixed)?["pending"].is_null(), "kept, and its report still waits");
    let before = host.lab.sh("ls -A /var/lib/hostready/runs/*; cat /var/lib/hostready/runs/*/journal")?;
    let undo = host.lab.hostready(&["undo", "--json"])?;
    undo.exits(6)?;
    let report = undo.report()?;
    let error = report["actions"][0]["error"].as_str().unwrap_or_default();
    ensure!(
        report["actions"][0]["state"] == "refused" && error.contains("--confirm-within"),
        "{:#}",
        report["actions"]
    );
    ensure!(host.is_attached()? && report["changed"] == false, "refused, and done");
    let after = host.lab.sh("ls -A /var/lib/hostready/runs/*; cat /var/lib/hostready/runs/*/journal")?;
    ensure!(before == after, "a run that was refused left something");

    let report = begins(&host, "25s")?;
    ensure!(states(&host)? == ["pending", "taken-back"], "{:?}", states(&host)?);
    host.lab.wait_until("the undo is taken back", |_| Ok(states(&host)? == ["taken-back", "confirmed"]))?;
    ensure!(host.is_attached()?, "it is said to be there again, and is not");
    let run = report["run_id"].as_str().context("no run")?;
    let kept = kept_report(&host, run)?;
    ensure!(kept["pending"].is_null() && kept["actions"][0]["state"] == "reverted", "{:#}", kept["actions"]);
    host.lab.hostready(&["verify", "--json"])?.exits(0)
}

fn undo_that_is_kept_stays_and_can_be_taken_back_itself() -> Tested {
    let (host, fixed) = kept()?;
    begins(&host, "1h")?;
    host.confirm("-S none", 0, &format!("run {fixed} stays taken back"))?;
    ensure!(!host.is_attached()? && states(&host)? == ["confirmed", "taken-back"], "{:?}", states(&host)?);
    for again in [&["undo", "--json"][..], &["undo", "--json", "--confirm-within", "1h"]] {
        let again = host.lab.hostready(again)?;
        again.exits(0)?;
        let report = again.report()?;
        let said = report["msg"].as_str().unwrap_or_default();
        ensure!(said.contains(&format!("run {fixed} was taken back already")), "{said}");
        ensure!(report["changed"] == false && report["pending"].is_null(), "{report:#}");
    }
    let rows: Value = serde_json::from_str(&host.lab.hostready(&["undo", "--list", "--json"])?.stdout)?;
    ensure!(rows[0]["takes_back"] == fixed.as_str(), "{rows:#}");
    let undone = rows[0]["run"].as_str().context("no run")?;
    let redo = host.lab.hostready(&["undo", undone, "--json", "--confirm-within", "1h"])?;
    ensure!(redo.report()?["pending"]["run"].is_string() && host.is_attached()?, "{}{}", redo.stdout, redo.stderr);
    host.confirm("-S none", 0, "stays taken back")?;
    ensure!(states(&host)? == ["confirmed", "taken-back", "confirmed"], "{:?}", states(&host)?);
    host.lab.hostready(&["verify", "--json"])?.exits(0)
}

fn undo_that_waits_goes_with_the_next_one_and_with_a_power_cut() -> Tested {
    let (mut host, fixed) = kept()?;
    begins(&host, "1h")?;
    let busy = host.lab.hostready(&["undo", &fixed, "--json"])?;
    busy.exits(7)?;
    host.lab.hostready(&["undo", "--json"])?.exits(0)?;
    host.lab.wait_until("the guardian has gone", |_| Ok(states(&host)? == ["taken-back", "confirmed"]))?;
    ensure!(host.is_attached()?, "not as it was");

    let unit = include_str!("../../packaging/hostready-boot.service").replace("/usr/bin/", "/usr/local/bin/");
    host.lab.write("/etc/systemd/system/hostready-boot.service", &unit)?;
    host.lab.sh("systemctl daemon-reload; systemctl enable --quiet hostready-boot.service")?;
    let report = begins(&host, "1h")?;
    ensure!(report["pending"]["survives_reboot"] == true, "{:#}", report["pending"]);
    host.lab.reboot()?;
    host.lab.wait_until("it is there again", |_| Ok(states(&host)?[..2] == ["taken-back", "taken-back"]))?;
    ensure!(host.is_attached()?, "said to be there again, and is not");
    Ok(())
}
