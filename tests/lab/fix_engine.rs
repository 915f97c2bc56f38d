//! The engine of repairs, with a full disk as what is wrong: planned, made in a process of its own, proven, taken back.

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, recipe};

const MIB: u64 = 1 << 20;

crate::tests!("fix_engine":
    plan_changes_nothing_and_what_is_applied_is_proven,
);

/// Short of 20 MiB on /var, with 8 MiB of downloaded packages and 30 MiB of old logs on it.
fn short_of_space() -> anyhow::Result<Lab> {
    let lab = recipe::at_work()?;
    lab.sh("
        head -c 31457280 /dev/urandom >/var/log/agent.log.7.gz
        touch -d '40 days ago' /var/log/agent.log.7.gz
        head -c 1048576 /dev/urandom >/var/log/agent.log.1.gz
        head -c 8388608 /dev/urandom >/var/cache/apt/archives/other_1.0_amd64.deb
    ")?;
    let bytes = 5 * 1024 * MIB - 20 * MIB;
    lab.sh(&format!("mount -o remount,size=$(($(df -B1 --output=used /var | tail -1) + {bytes})) /var"))?;
    Ok(lab)
}

fn plan_changes_nothing_and_what_is_applied_is_proven() -> Tested {
    let lab = short_of_space()?;
    let all = "find /var /run/hostready -printf '%p %s %T@\\n' 2>/dev/null | grep -v /journal/ | sort";
    let before = lab.sh(all)?;
    let plan = lab.hostready(&["fix", "--json"])?;
    plan.exits(3)?;
    let planned = action(&plan, "logs.prune")?;
    ensure!(planned["state"] == "planned" && planned["changed"] == false, "{planned:#}");
    ensure!(planned["needs"] == serde_json::json!(["--accept logs.prune"]), "{planned:#}");
    let text = lab.hostready(&["fix"])?.stdout;
    for words in ["WOULD BE DONE", "remove /var/log/agent.log.7.gz", "undo: none", "needs --accept logs.prune"] {
        ensure!(text.contains(words), "it does not say `{words}`\n{text}");
    }
    ensure!(before == lab.sh(all)?, "a plan changed the host");

    let refused = lab.hostready(&["fix", "--json", "--apply", "disk.space:/var"])?;
    refused.exits(6)?;
    ensure!(action(&refused, "logs.prune")?["state"] == "refused", "{}", refused.stdout);
    ensure!(refused.report()?["changed"] == false, "{}", refused.stdout);
    lab.sh("test -e /var/log/agent.log.7.gz && test ! -e /var/lib/hostready/runs/*")?;

    let free = "df -B1 --output=avail /var | tail -1";
    let before: u64 = lab.sh(free)?.trim().parse()?;
    let done = lab.hostready(&["fix", "--json", "--apply", "--accept", "logs.prune", "disk.space:/var"])?;
    done.exits(0)?;
    done.passes("disk.space", "/var")?;
    let applied = action(&done, "logs.prune")?;
    ensure!(applied["state"] == "applied" && applied["changed"] == true, "{applied:#}");
    ensure!(done.report()?["changed"] == true && done.report()?["failed"] == false, "{}", done.stdout);
    let after: u64 = lab.sh(free)?.trim().parse()?;
    ensure!(after - before > 29 * MIB, "freed {} bytes", after - before);
    lab.sh("test ! -e /var/log/agent.log.7.gz && test -e /var/log/agent.log.1.gz")?;
    // It was a service of its own, and is gone with its work.
    let run = done.report()?["run_id"].as_str().context("no run")?.to_owned();
    lab.sh(&format!("journalctl --sync; journalctl -o cat -u hostready-{run} | grep -q ."))?;
    let units = lab.sh("systemctl --no-legend --all list-units 'hostready*'")?;
    ensure!(units.is_empty(), "units stay: {units}");
    ensure!(lab.sh("ls /var/lib/hostready/runs")? == run, "not the run that was reported");

    let again = lab.hostready(&["fix", "--json", "--apply", "--accept", "logs.prune", "disk.space:/var"])?;
    again.exits(0)?;
    ensure!(
        again.report()?["changed"] == false && again.report()?["actions"] == serde_json::json!([]),
        "{}",
        again.stdout
    );
    ensure!(lab.sh("ls /var/lib/hostready/runs")? == run, "a run that changed nothing is kept");

    let undo = lab.hostready(&["undo", "--json"])?;
    undo.exits(0)?;
    ensure!(undo.report()?["changed"] == false, "what is deleted was taken back: {}", undo.stdout);
    ensure!(
        lab.hostready(&["undo", "--list"])?.stdout.contains("logs.prune /var"),
        "the list does not say what it did"
    );
    Ok(())
}

fn action<'a>(run: &'a Run, id: &str) -> anyhow::Result<&'a Value> {
    let actions = run.report()?["actions"].as_array().context("no actions")?;
    actions.iter().find(|action| action["id"] == id).with_context(|| format!("no action {id}: {actions:#?}"))
}
