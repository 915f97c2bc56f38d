//! Units are enabled and started as they were, as systemctl tells it, and taken back.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("fix-services":
    unit_is_enabled_and_runs_as_it_did,
    unit_that_fails_is_started_once_and_a_loop_is_left_alone,
    unit_that_does_not_end_well_is_inactive_again,
    what_was_off_in_the_baseline_stays_off,
    switch_is_started_only_with_consent,
);

const SSH: &str = "ssh.service";

/// A daemon of the operator's that can be made to fail, and counts its starts.
const PROBE: &str = "[Unit]
StartLimitIntervalSec=600
StartLimitBurst=2
[Service]
ExecStartPre=/bin/sh -c 'echo >>/run/starts; test ! -e /run/broken || { echo the licence of $0 is gone; exit 7; }' probe
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
";

fn remembered(lab: Lab) -> Result<Lab> {
    lab.hostready(&["snapshot", "--replace", "--json"])?.exits(0)?;
    Ok(lab)
}

fn apply(lab: &Lab, wanted: &[&str]) -> Result<Run> {
    lab.hostready(&[&["fix", "--json", "--apply"], wanted].concat())
}

fn action<'a>(run: &'a Run, id: &str) -> Result<&'a Value> {
    let actions = run.report()?["actions"].as_array().context("no actions")?;
    actions.iter().find(|action| action["id"] == id).with_context(|| format!("no action {id}\n{}", run.stdout))
}

fn is(run: &Run, id: &str, state: &str) -> Tested {
    let action = action(run, id)?;
    ensure!(action["state"] == state, "{id} is not {state}: {action:#}");
    Ok(())
}

/// `enabled active`.
fn state(lab: &Lab, unit: &str) -> Result<String> {
    let show = "systemctl show --value --property";
    lab.sh(&format!("echo $({show}=UnitFileState {unit}) $({show}=ActiveState {unit})"))
}

fn unit_is_enabled_and_runs_as_it_did() -> Tested {
    let lab = remembered(recipe::plain().boot()?)?;
    for (does, fixes) in [
        ("disable", &["unit.enable"][..]),
        ("disable --now", &["unit.enable", "unit.start"]),
        ("mask --now", &["unit.enable", "unit.start"]),
        ("mask --runtime", &["unit.enable"]),
        ("stop", &["unit.start"]),
    ] {
        lab.sh(&format!("systemctl --quiet {does} {SSH}"))?;
        let lost = state(&lab, SSH)?;
        let run = apply(&lab, &[&format!("services.kept:{SSH}")])?;
        for fix in fixes {
            is(&run, fix, "applied").with_context(|| does.to_owned())?;
        }
        run.passes("services.kept", "")?;
        ensure!(state(&lab, SSH)? == "enabled active", "{does}: {}", state(&lab, SSH)?);
        let undo = lab.hostready(&["undo", "--json"])?;
        ensure!(state(&lab, SSH)? == lost, "{does}: not {lost}, but {}\n{}", state(&lab, SSH)?, undo.stdout);
        apply(&lab, &[&format!("services.kept:{SSH}")])?.passes("services.kept", "")?;
        ensure!(state(&lab, SSH)? == "enabled active", "{does}: {}", state(&lab, SSH)?);
    }
    let again = apply(&lab, &["services.kept"])?;
    ensure!(again.report()?["changed"] == false, "{}", again.stdout);
    Ok(())
}

fn unit_that_fails_is_started_once_and_a_loop_is_left_alone() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.write("/etc/systemd/system/probe.service", PROBE)?;
    lab.sh("systemctl daemon-reload; systemctl --quiet enable --now probe.service")?;
    let lab = remembered(lab)?;
    let starts = || -> Result<usize> { Ok(lab.sh("wc -l </run/starts")?.trim().parse()?) };

    // It fails as often as systemd lets it.
    lab.sh("touch /run/broken; systemctl stop probe.service; for time in 1 2 3 4; do ! systemctl start probe.service; done")?;
    let before = starts()?;
    lab.sh("journalctl --sync; journalctl -u probe.service | grep -q 'repeated too quickly'")?;
    let plan = lab.hostready(&["fix", "services.kept:probe.service"])?.stdout.replace("\n    ", " ");
    for words in ["(exit-code)", "it said: sh: the licence of probe is gone", "status=7", "it is inactive then"] {
        ensure!(plan.contains(words), "it does not say `{words}`\n{plan}");
    }
    ensure!(starts()? == before, "a plan has started it");
    let run = apply(&lab, &["services.kept:probe.service"])?;
    is(&run, "unit.start", "failed")?;
    ensure!(starts()? == before + 1, "started {} times", starts()? - before);
    ensure!(action(&run, "unit.start")?["error"].to_string().contains("probe.service"), "{}", run.stdout);

    lab.sh("rm /run/broken")?;
    let run = apply(&lab, &["services.kept:probe.service"])?;
    is(&run, "unit.start", "applied")?;
    ensure!(state(&lab, "probe.service")? == "enabled active", "{}", state(&lab, "probe.service")?);
    lab.hostready(&["undo", "--json"])?.exits(0)?;
    ensure!(state(&lab, "probe.service")? == "enabled inactive", "{}", state(&lab, "probe.service")?);
    let run = apply(&lab, &["services.kept:probe.service"])?;
    is(&run, "unit.start", "applied")?;

    // What systemd starts again by itself.
    lab.sh("mkdir -p /etc/systemd/system/probe.service.d
        printf '[Service]\\nRestart=always\\nRestartSec=300\\n' >/etc/systemd/system/probe.service.d/loop.conf
        systemctl daemon-reload; touch /run/broken; systemctl kill --signal=KILL probe.service")?;
    lab.wait_until("it is about to be started again", |lab| {
        Ok(lab.sh("systemctl show --property=SubState --value probe.service")? == "auto-restart")
    })?;
    let before = starts()?;
    let run = apply(&lab, &["services.kept:probe.service"])?;
    is(&run, "unit.start", "refused")?;
    ensure!(action(&run, "unit.start")?["why"].to_string().contains("the licence of probe"), "{}", run.stdout);
    ensure!(starts()? == before && run.report()?["changed"] == false, "{}", run.stdout);
    Ok(())
}

/// What ends with a code of its own is failed when it is stopped.
const RUDE: &str = "[Service]
ExecStartPre=/usr/bin/test ! -e /run/broken
ExecStart=/bin/sh -c 'trap \"exit 7\" TERM; while :; do sleep 0.1; done'
[Install]
WantedBy=multi-user.target
";

fn unit_that_does_not_end_well_is_inactive_again() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.write("/etc/systemd/system/rude.service", RUDE)?;
    lab.sh("systemctl daemon-reload; systemctl --quiet enable --now rude.service")?;
    let lab = remembered(lab)?;
    lab.sh(
        "systemctl stop rude.service; systemctl is-failed --quiet rude.service && systemctl reset-failed rude.service",
    )?;
    let run = apply(&lab, &["services.kept:rude.service"])?;
    is(&run, "unit.start", "applied")?;
    lab.hostready(&["undo", "--json"])?.exits(0)?;
    ensure!(state(&lab, "rude.service")? == "enabled inactive", "{}", state(&lab, "rude.service")?);
    // The same where it does not come up and is taken back at once.
    lab.sh("touch /run/broken")?;
    let run = apply(&lab, &["services.kept:rude.service"])?;
    is(&run, "unit.start", "failed")?;
    let found = state(&lab, "rude.service")?;
    ensure!(found == "enabled inactive", "{found}\n{}", run.stdout);
    Ok(())
}

fn what_was_off_in_the_baseline_stays_off() -> Tested {
    let lab = recipe::plain().boot()?;
    for unit in ["off", "hidden", "probe"] {
        lab.write(&format!("/usr/lib/systemd/system/{unit}.service"), PROBE)?;
    }
    lab.sh(
        "systemctl daemon-reload; systemctl --quiet mask hidden.service; systemctl --quiet enable --now probe.service",
    )?;
    let lab = remembered(lab)?;
    let off = ["off.service", "hidden.service"];
    let before = off.map(|unit| state(&lab, unit).unwrap_or_default());
    ensure!(before == ["disabled inactive", "masked inactive"], "{before:?}");
    lab.sh("systemctl stop probe.service")?;
    let wanted = ["services.kept", "services.unit", "unit.start", "unit.enable"];
    let run = apply(&lab, &wanted)?;
    is(&run, "unit.start", "applied")?;
    ensure!(run.report()?["actions"].as_array().is_some_and(|all| all.len() == 1), "{}", run.stdout);
    ensure!(off.map(|unit| state(&lab, unit).unwrap_or_default()) == before, "what was off is on");
    Ok(())
}

fn switch_is_started_only_with_consent() -> Tested {
    let lab = remembered(recipe::at_work()?)?;
    // Whoever stops one of them stops all: each is waited for by its name.
    lab.sh("systemctl stop openvswitch-switch.service ovs-vswitchd.service ovsdb-server.service")?;
    let plan = lab.hostready(&["fix", "--json", "ovs.daemons"])?;
    let needs = &action(&plan, "unit.start")?["needs"];
    ensure!(needs.to_string().contains("--accept disruption"), "{}", plan.stdout);
    let refused = apply(&lab, &["ovs.daemons"])?;
    refused.exits(6)?;
    ensure!(state(&lab, "ovs-vswitchd.service")?.ends_with("inactive"), "it was started");
    let run = apply(&lab, &["--accept", "disruption", "ovs.daemons"])?;
    is(&run, "unit.start", "applied")?;
    ensure!(state(&lab, "ovs-vswitchd.service")?.ends_with(" active"), "it does not run");
    ensure!(lab.sh("ovs-vsctl --timeout=10 get interface eno1 ofport")? == "1", "the uplink is not attached");
    Ok(())
}
