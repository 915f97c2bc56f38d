//! A switch with thousands of ports: `hostready check --only 'ovs.*'` beside what ovsdb-server takes by itself, then
//! `snapshot` and `verify` of the whole host.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the rules for the program do not bind what measures it"
)]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/lab/harness/mod.rs"]
mod harness;
#[allow(dead_code, reason = "the other benchmark uses the rest")]
mod measure;

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use harness::{Lab, Need, recipe};
use serde_json::json;

const ROUNDS: usize = 10;

const SOCKET: &str = "/run/openvswitch/db.sock";

/// How many ports the switch has; half as many have a network device.
const PORTS: [usize; 4] = [1_000, 2_500, 5_000, 10_000];

/// Stands for vswitchd, which would take minutes over these ports: what is measured asks the database and the kernel.
const VSWITCHD: &str = "
systemctl stop openvswitch-switch ovs-vswitchd ovsdb-server
systemctl start ovsdb-server
ovs-vsctl --no-wait add-br br-int -- set bridge br-int datapath_type=netdev
systemd-run --quiet --property=Type=notify --unit vswitchd -- stand-in lock /run/openvswitch/ovs-vswitchd.pid
";

fn main() -> Result<ExitCode> {
    if let Some(code) = measure::play() {
        return Ok(code);
    }
    if let Some(reason) = Need::Lab.missing() {
        println!("not measured: {reason}");
        return Ok(ExitCode::SUCCESS);
    }
    // Ports of guests are read and passed over; every uplink is a finding, half of them without a device.
    for ports in ["tap", "eth"] {
        println!("\nports called {ports}\n");
        grow(ports)?;
    }
    println!("\nto be reached: at most 1.3 of the wall time of ovsdb-server, 49152 KiB");
    Ok(ExitCode::SUCCESS)
}

fn grow(kind: &str) -> Result<()> {
    let mut remembered = Vec::new();
    println!(
        "{:>6} {:>6} {:>9} {:>12} {:>12} {:>12} {:>9} {:>6}",
        "ports", "links", "reply B", "server ms", "hostready ms", "user+sys ms", "us a port", "KiB"
    );
    let lab = recipe::plain().boot()?;
    lab.sh(VSWITCHD)?;
    let check = ["hostready", "check", "--only", "ovs.*", "--json"];
    let mut there = 0;
    for ports in PORTS {
        add(&lab, kind, there, ports)?;
        there = ports;
        judged(&lab, kind, ports)?;
        let series =
            measure::side_by_side(&lab, ROUNDS, &[("hostready", &check), ("server", &["stand-in", "select", SOCKET])])?;
        let [hostready, server] = &series[..] else { continue };
        let ms = |spread: &measure::Spread| spread.median.as_secs_f64() * 1e3;
        println!(
            "{ports:>6} {:>6} {:>9} {:>12.2} {:>12.2} {:>12.2} {:>9.2} {:>6}   wall {:.2} of the server's",
            lab.sh("ip -o link | wc -l")?,
            lab.sh(&format!("stand-in select {SOCKET}"))?,
            ms(&server.wall),
            ms(&hostready.wall),
            ms(&hostready.cpu),
            ms(&hostready.cpu) * 1e3 / ports as f64,
            measure::memory(&lab, &check)?,
            hostready.wall.ratio_to(&server.wall),
        );
        remembered.push(remember(&lab, ports)?);
    }
    println!("\n{:>6} {:>9} {:>12} {:>12} {:>9} {:>6}", "ports", "bytes", "wall ms", "user+sys ms", "us a port", "KiB");
    remembered.iter().flatten().for_each(|line| println!("{line}"));
    // The kernel takes its time over thousands of them, and the end of a lab does not wait so long.
    lab.sh("ip link delete group 1")?;
    Ok(())
}

/// What it takes to remember the host, and to compare it with itself.
fn remember(lab: &Lab, ports: usize) -> Result<[String; 2]> {
    let snapshot = ["hostready", "snapshot", "--name", "bench", "--replace", "--json"];
    let verify = ["hostready", "verify", "--json"];
    let series = measure::side_by_side(lab, ROUNDS, &[("snapshot", &snapshot), ("verify", &verify)])?;
    let bytes = lab.sh("stat -L -c %s /var/lib/hostready/baseline")?;
    let [remembered, verified] = &series[..] else { anyhow::bail!("two commands were measured") };
    let line = |series: &measure::Series, argv: &[&str]| -> Result<String> {
        let ms = |spread: &measure::Spread| spread.median.as_secs_f64() * 1e3;
        let (wall, cpu) = (ms(&series.wall), ms(&series.cpu));
        let memory = measure::memory(lab, argv)?;
        Ok(format!(
            "{ports:>6} {bytes:>9} {wall:>12.2} {cpu:>12.2} {:>9.2} {memory:>6}   {}, exit {}",
            cpu * 1e3 / ports as f64,
            series.name,
            series.code
        ))
    };
    Ok([line(remembered, &snapshot)?, line(verified, &verify)?])
}

/// Adds the ports of these numbers, and network devices for the even ones, in pairs.
fn add(lab: &Lab, kind: &str, from: usize, to: usize) -> Result<()> {
    let mut batch = String::new();
    for number in (from..to).step_by(4) {
        let _ = writeln!(batch, "link add {kind}{number} up group 1 type veth peer name {kind}{}", number + 2);
        let _ = writeln!(batch, "link set {kind}{} up group 1", number + 2);
    }
    lab.write("/run/links", &batch)?;
    lab.sh("ip -batch /run/links")?;
    lab.run(&["stand-in", "fill", SOCKET, kind, &from.to_string(), &to.to_string()])?.success()?;
    Ok(())
}

/// What is measured is a run that saw every port.
fn judged(lab: &Lab, kind: &str, ports: usize) -> Result<()> {
    let run = lab.check(&["--only", "ovs.*"])?;
    let rows = run.rows("ovs.uplink")?;
    let expected = if kind == "eth" { ports } else { 1 };
    ensure!(rows.len() == expected, "{} rows about {ports} {kind}: {}", rows.len(), json!(rows.first()));
    ensure!(rows.iter().all(|row| row["status"] != "unknown"), "a port could not be judged: {}", json!(rows.first()));
    Ok(())
}
