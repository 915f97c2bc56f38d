//! The agent of a host and its connection, with a stand-in: units, packages and sockets are real.

use anyhow::{Result, ensure};

use crate::harness::{Lab, Run, Tested, fixture, recipe};

crate::tests!("agent":
    connection_through_the_relay_is_one,
    connection_through_another_unit_is_one,
    connection_that_is_cut_is_told_and_comes_back,
    silent_management_plane_is_no_connection,
    relay_that_leads_nowhere_is_no_connection,
    relay_that_stands_is_told_and_waited_for,
    agent_that_stands_or_crashes_is_told,
    agent_whose_unit_is_gone_is_told,
    upgraded_agent_has_a_moment,
    agent_that_did_not_come_back_is_a_loss,
    agent_that_is_started_has_a_moment,
);

const AGENT: &str = "pf9-hostagent.service";
const RELAY: &str = "pf9-comms.service";
const PLANE: &str = "203.0.113.9:443";
const SETTINGS: &str = "/etc/pf9/stand-in.conf";

/// A host with an agent that is connected to a management plane in a namespace of its own.
fn connected() -> Result<Lab> {
    let lab = installed()?;
    lab.write(SETTINGS, &format!("MANAGEMENT={PLANE}\n"))?;
    wait_for_connection(&lab)?;
    Ok(lab)
}

/// A host with an agent that was installed long ago and knows of no management plane.
fn installed() -> Result<Lab> {
    let lab = recipe::plain().boot()?;
    lab.sh("ip netns add cloud
        ip link add up0 type veth peer name down0 netns cloud
        ip address add 203.0.113.1/24 dev up0
        ip link set up0 up
        ip -n cloud address add 203.0.113.9/24 dev down0
        ip -n cloud link set down0 up")?;
    start_plane(&lab)?;
    fixture::unpack(&lab, "agent", "/root/agent")?;
    install(&lab, "1.0")?;
    lab.sh("touch --date='1 hour ago' /var/lib/dpkg/info/pf9-*.list")?;
    Ok(lab)
}

fn install(lab: &Lab, version: &str) -> Tested {
    lab.sh(&format!(
        "sh /root/agent/build-packages.sh {version} /root && dpkg --install /root/pf9-comms.deb /root/pf9-hostagent.deb"
    ))
    .map(drop)
}

fn start_plane(lab: &Lab) -> Tested {
    lab.start("plane", &["ip", "netns", "exec", "cloud", "/usr/local/bin/stand-in", "say", PLANE, ""])
}

fn wait_for_connection(lab: &Lab) -> Tested {
    lab.wait_until("the agent is connected", |lab| {
        let agent = lab.sh("ss -Htn state established dst 127.0.0.1:5672")?;
        Ok(!agent.is_empty() && !lab.sh(&format!("ss -Htn state established dst {PLANE}"))?.is_empty())
    })
}

fn look(lab: &Lab) -> Result<Run> {
    lab.check(&["--only", "agent.*"])
}

fn says(run: &Run, words: &str) -> Tested {
    let detail = run.row("agent.connected", "")?["detail"].as_str().unwrap_or_default();
    ensure!(detail.contains(words), "nothing of {words:?} in {detail:?}");
    Ok(())
}

/// Without the heartbeat that starts the relay again.
fn leave_the_relay_alone(lab: &Lab) -> Tested {
    lab.sh(&format!("echo HEARTBEAT=0 >>{SETTINGS}; sleep 0.5; systemctl stop {RELAY}")).map(drop)
}

fn connection_through_the_relay_is_one() -> Tested {
    let lab = connected()?;
    let run = lab.check(&[])?;
    run.is_green()?;
    run.passes("agent.service", AGENT)?;
    run.passes("agent.service", RELAY)?;
    says(&run, &format!("{AGENT} is connected to {PLANE} through {RELAY}"))?;
    ensure!(run.took.as_secs_f64() < 3.0, "the second look takes its second and no more: {:?}", run.took);
    // Whoever may not look into other processes says so.
    let denied = lab.run(&[
        "setpriv",
        "--reuid=65534",
        "--clear-groups",
        "hostready",
        "check",
        "--json",
        "--only",
        "agent.connected",
    ])?;
    let denied = Run::new(denied);
    denied.says("agent.connected", "", "unknown")?;
    ensure!(denied.row("agent.connected", "")?["cause"] == "denied", "{}", denied.stdout);
    Ok(())
}

/// What is at the far end of the agent's loopback connection counts, whatever its unit is called.
fn connection_through_another_unit_is_one() -> Tested {
    let lab = connected()?;
    leave_the_relay_alone(&lab)?;
    lab.sh("systemd-run --quiet --unit=tunnel /opt/pf9/bin/pf9-comms")?;
    wait_for_connection(&lab)?;
    let run = look(&lab)?;
    run.passes("agent.connected", "")?;
    says(&run, "through tunnel.service")
}

fn connection_that_is_cut_is_told_and_comes_back() -> Tested {
    let lab = connected()?;
    lab.sh("systemctl stop plane.service")?;
    let run = look(&lab)?;
    run.blocked_by(&["agent.connected"])?;
    run.blocks("agent.connected", "", Some("not-connected"))?;
    says(&run, "it reaches 127.0.0.1:5672, from where nothing leads to the outside")?;
    // Stopped, it has not failed, and its name is free.
    lab.sh("! systemctl --quiet is-failed plane.service")?;
    start_plane(&lab)?;
    let run = lab.check(&["--only", "agent.*", "--wait", "20s"])?;
    run.passes("agent.connected", "")
}

/// A cable that is pulled ends no connection: for a quarter of an hour it looks as if it stood.
fn silent_management_plane_is_no_connection() -> Tested {
    let lab = connected()?;
    lab.sh("ip -n cloud link set down0 down")?;
    lab.wait_until("the connection goes unanswered", |lab| {
        // `timer:(on,3.1sec,5)`: how long until it tries again, and how often it has.
        Ok(lab.sh(&format!("ss -Htno state established dst {PLANE}"))?.contains(",5)"))
    })?;
    let run = look(&lab)?;
    run.blocked_by(&["agent.connected"])?;
    says(&run, &format!("{PLANE} has not answered"))
}

fn relay_that_leads_nowhere_is_no_connection() -> Tested {
    let lab = installed()?;
    lab.wait_until("the agent reaches its relay", |lab| {
        Ok(!lab.sh("ss -Htn state established dst 127.0.0.1:5672")?.is_empty())
    })?;
    let run = look(&lab)?;
    run.blocked_by(&["agent.connected"])?;
    says(&run, "from where nothing leads to the outside")
}

fn relay_that_stands_is_told_and_waited_for() -> Tested {
    let lab = connected()?;
    leave_the_relay_alone(&lab)?;
    let run = look(&lab)?;
    run.blocks("agent.service", RELAY, Some("inactive"))?;
    run.blocks("agent.connected", "", Some("not-connected"))?;
    says(&run, &format!("{RELAY} does not run"))?;
    // Not enabled is no fault of a unit that the agent starts.
    lab.sh(&format!("systemctl --quiet disable {RELAY}; echo HEARTBEAT=1 >>{SETTINGS}"))?;
    let run = lab.hostready(&["verify", "--json", "--only", "agent.*", "--wait", "20s"])?;
    run.passes("agent.service", RELAY)?;
    run.passes("agent.connected", "")?;
    run.exits(0)
}

fn agent_that_stands_or_crashes_is_told() -> Tested {
    let lab = connected()?;
    lab.sh(&format!("systemctl stop {AGENT}"))?;
    let run = look(&lab)?;
    run.blocks("agent.service", AGENT, Some("inactive"))?;
    run.blocks("agent.connected", "", Some("not-running"))?;
    lab.write(&format!("/etc/systemd/system/{AGENT}.d/restart.conf"), "[Service]\nRestart=always\nRestartSec=30\n")?;
    lab.sh(&format!("echo CRASH=1 >>{SETTINGS}; systemctl daemon-reload; systemctl start {AGENT}"))?;
    lab.wait_until("the agent waits for its next start", |lab| {
        Ok(lab.sh(&format!("systemctl show --value --property=SubState {AGENT}"))? == "auto-restart")
    })?;
    let run = look(&lab)?;
    run.blocks("agent.service", AGENT, Some("crash-loop"))?;
    let row = run.blocks("agent.connected", "", Some("not-running"))?;
    ensure!(row["caused_by"]["subject"] == AGENT, "told twice: {row:#}");
    Ok(())
}

fn agent_whose_unit_is_gone_is_told() -> Tested {
    let lab = connected()?;
    lab.sh(&format!("rm /lib/systemd/system/{AGENT} && systemctl daemon-reload"))?;
    let run = look(&lab)?;
    run.blocks("agent.service", AGENT, Some("not-found-but-running"))?;
    run.passes("agent.connected", "")?;
    lab.sh(&format!("systemctl stop {AGENT}"))?;
    look(&lab)?.blocks("agent.service", AGENT, Some("missing"))?;
    // Removed and not purged, a package may leave a mask of its unit behind.
    lab.sh("dpkg --remove pf9-comms && systemctl mask pf9-comms.service && systemctl stop pf9-comms.service")?;
    look(&lab)?.says("agent.service", RELAY, "skip").map(drop)
}

fn upgraded_agent_has_a_moment() -> Tested {
    let lab = connected()?;
    install(&lab, "2.0")?;
    lab.sh(&format!("systemctl stop {AGENT}"))?;
    let run = look(&lab)?;
    let row = run.says("agent.service", AGENT, "fail")?;
    ensure!(row["cause"] == "starting" && row["blocking"] == false, "{row:#}");
    let row = run.says("agent.connected", "", "fail")?;
    ensure!(row["blocking"] == false, "{row:#}");
    run.exits(0)?;
    lab.sh("touch --date='3 minutes ago' /var/lib/dpkg/info/pf9-*.list")?;
    look(&lab)?.blocks("agent.service", AGENT, Some("inactive")).map(drop)
}

fn agent_that_did_not_come_back_is_a_loss() -> Tested {
    let mut lab = connected()?;
    lab.hostready(&["snapshot", "--json"])?;
    let verify = |lab: &Lab| lab.hostready(&["verify", "--json", "--only", "agent.*", "--only", "*.kept"]);
    verify(&lab)?.passes("services.kept", "")?;
    lab.sh(&format!(
        "systemctl --quiet mask --now {AGENT} 2>/dev/null || ln -sf /dev/null /etc/systemd/system/{AGENT}"
    ))?;
    lab.sh("systemctl daemon-reload")?;
    lab.reboot()?;
    let run = verify(&lab)?;
    run.blocks("services.kept", AGENT, Some("masked"))?;
    run.blocks("agent.service", AGENT, Some("masked"))?;
    lab.sh("rm /etc/systemd/system/pf9-hostagent.service; dpkg --purge pf9-hostagent")?;
    let run = verify(&lab)?;
    run.blocks("services.kept", AGENT, Some("missing"))?;
    run.says("agent.service", AGENT, "skip")?;
    let row = run.says("packages.kept", "pf9-hostagent", "fail")?;
    ensure!(row["cause"] == "removed", "{row:#}");
    Ok(())
}

fn agent_that_is_started_has_a_moment() -> Tested {
    const WAY: &str = "`hostready verify --wait 2m`";
    let lab = connected()?;
    lab.hostready(&["snapshot", "--json"])?.exits(0)?;
    lab.sh(&format!("systemctl stop plane.service {AGENT} {RELAY}"))?;
    let run = lab.hostready(&["fix", "--json", "--apply", &format!("agent.service:{AGENT}")])?;
    run.exits(3)?;
    run.passes("agent.service", AGENT)?;
    run.blocks("agent.connected", "", Some("not-connected"))?;
    ensure!(run.stderr.contains(WAY), "it does not say how to wait: {}", run.stderr);
    start_plane(&lab)?;
    lab.hostready(&["verify", "--json", "--wait", "2m"])?.exits(0)?;

    // Where there is nothing to wait for it does not say so.
    lab.sh(&format!("systemctl stop {AGENT}; systemctl mask {RELAY} && systemctl stop {RELAY}"))?;
    let run = lab.hostready(&["fix", "--json", "--apply", &format!("agent.service:{AGENT}")])?;
    run.exits(3)?;
    ensure!(!run.stderr.contains(WAY), "a mask does not pass: {}", run.stderr);
    Ok(())
}
