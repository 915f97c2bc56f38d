//! systemd and its units.

use anyhow::ensure;

use crate::harness::{Tested, recipe};

crate::tests!("services":
    failed_unit_is_a_note,
    masked_unit_of_a_profile_is_a_warning,
    crash_loop_is_a_warning,
    reboot_has_another_boot_id,
    switch_that_the_next_boot_does_not_start_blocks_the_reboot,
);

fn failed_unit_is_a_note() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("systemd-run --quiet --unit=backup false")?;
    lab.wait_until("the unit has failed", |lab| Ok(lab.run(&["systemctl", "is-failed", "backup"])?.code == 0))?;
    let run = lab.check(&[])?;
    run.notes("services.failed", "backup.service", None)?;
    run.is_green()
}

fn masked_unit_of_a_profile_is_a_warning() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("systemctl mask openvswitch-switch.service && systemctl stop openvswitch-switch.service")?;
    let run = lab.check(&[])?;
    let row = run.says("services.unit", "openvswitch-switch.service", "fail")?;
    ensure!(row["cause"] == "masked", "not told as masked: {row:#}");
    Ok(())
}

fn switch_that_the_next_boot_does_not_start_blocks_the_reboot() -> Tested {
    const SWITCH: &str = "openvswitch-switch.service";
    let lab = recipe::at_work()?;
    let look = || lab.check(&["--for", "reboot", "--only", "services.unit"]);
    for (does, undoes, cause, said) in [
        ("disable", "enable", "disabled", "not enabled"),
        (
            "disable OVS; systemctl enable --runtime",
            "disable --runtime OVS; systemctl enable",
            "disabled",
            "until the next",
        ),
        ("mask", "unmask", "masked", "is masked"),
    ] {
        let systemctl = |verbs: &str| format!("systemctl --quiet {} {SWITCH}", verbs.replace("OVS", SWITCH));
        lab.sh(&systemctl(does))?;
        let run = look()?;
        let row = run.blocks("services.unit", SWITCH, Some(cause))?;
        ensure!(row["detail"].as_str().is_some_and(|detail| detail.contains(said)), "not {said}: {row:#}");
        run.blocked_by(&[&format!("services.unit {SWITCH}")])?;
        lab.sh(&systemctl(undoes))?;
        let run = look()?;
        run.exits(0)?;
        // The two that do the work are static: the one above starts them.
        for unit in [SWITCH, "ovs-vswitchd.service", "ovsdb-server.service"] {
            run.passes("services.unit", unit)?;
        }
        let state = &run.row("services.unit", "ovs-vswitchd.service")?["observed"]["unit_file_state"];
        ensure!(state == "static", "not static: {state}");
    }
    Ok(())
}

fn crash_loop_is_a_warning() -> Tested {
    let lab = recipe::at_work()?;
    lab.write(
        "/etc/hostready/checks.d/agent.toml",
        "[[check]]\nid = \"site.agent\"\ntitle = \"agent does not run\"\nwhy = \"it takes the packages\"\n\
         source = \"site handbook\"\nfor = [\"agent\", \"os\", \"reboot\", \"after\"]\nlevel = \"block\"\nseverity = \"high\"\n\
         kind = \"unit-state\"\nunits = [\"agent.service\"]\npasses_by_itself = [\"crash-loop\"]\n",
    )?;
    lab.write(
        "/etc/systemd/system/agent.service",
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=30\n\
         [Install]\nWantedBy=multi-user.target\n",
    )?;
    lab.sh("systemctl daemon-reload && systemctl enable --quiet --now agent.service")?;
    lab.wait_until("the unit waits for its next start", |lab| {
        Ok(lab.sh("systemctl show --value --property=SubState agent.service")? == "auto-restart")
    })?;
    let run = lab.check(&[])?;
    run.blocks("site.agent", "agent.service", Some("crash-loop"))?;
    run.blocked_by(&["site.agent agent.service"])?;

    // Started for the third time it lasts: whoever looks then finds it active, and whoever waits believes it.
    lab.write(
        "/usr/local/bin/agent",
        "echo >>/run/starts; [ $(wc -l </run/starts) -lt 3 ] || exec sleep 600; exit 1\n",
    )?;
    lab.sh("sed -i 's,^ExecStart=.*,ExecStart=/bin/sh /usr/local/bin/agent,; s,^RestartSec=.*,RestartSec=100ms,' \
            /etc/systemd/system/agent.service
        systemctl stop agent.service; systemctl daemon-reload; systemctl start agent.service")?;
    lab.wait_until("it is active", |lab| {
        Ok(lab.sh("wc -l </run/starts; systemctl is-active agent.service || :")? == "3\nactive")
    })?;
    let run = lab.check(&[])?;
    let row = run.blocks("site.agent", "agent.service", Some("crash-loop"))?;
    ensure!(row["observed"]["active_state"] == "active", "it was not caught while it ran: {row:#}");
    run.blocked_by(&["site.agent agent.service"])?;
    let run = lab.check(&["--only", "site.agent", "--wait", "2m"])?;
    run.exits(0)?;
    run.passes("site.agent", "agent.service")
}

fn reboot_has_another_boot_id() -> Tested {
    let mut lab = recipe::at_work()?;
    let before = lab.check(&[])?;
    before.is_green()?;
    lab.reboot()?;
    let after = lab.check(&[])?;
    after.is_green()?;
    after.passes("ovs.uplink", "br-ex/eno1")?;
    let boot = |run: &crate::harness::Run| Ok::<_, anyhow::Error>(run.report()?["host"]["boot_id"].clone());
    ensure!(boot(&before)?.is_string() && boot(&before)? != boot(&after)?, "the boot id stays the same");
    let machine = &after.report()?["host"]["machine_id"];
    ensure!(machine.is_string() && *machine == before.report()?["host"]["machine_id"], "another machine id: {machine}");
    Ok(())
}
