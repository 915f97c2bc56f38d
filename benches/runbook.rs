//! `hostready check` against the commands that the runbook has a person type, on a host of an ordinary size.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the rules for the program do not bind what measures it"
)]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/lab/harness/mod.rs"]
mod harness;
mod measure;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use harness::{Lab, Need, recipe};

const ROUNDS: usize = 40;

/// Units of one process each and processes of one unit: they bring the host to 300 units and 250 processes.
const UNITS: usize = 154;
const WORKERS: usize = 86;

/// Copies of every package: a hypervisor has four times as many as the image of the lab.
const COPIES: usize = 3;

/// The runbook's checks of a host before an upgrade, as it has them: seven commands, nothing filtered.
const RUNBOOK: &str = "df -h /var /var/log /opt /tmp
ovs-vsctl show
ip addr show
dpkg -l
systemctl --no-pager status openvswitch-switch ovs-vswitchd ovsdb-server
systemctl is-active openvswitch-switch ovs-vswitchd ovsdb-server dbus systemd-journald
systemctl --no-pager list-units --failed
";

/// Starting as many processes as the runbook does, and nothing in them.
const NOTHING: &str = "/bin/true; /bin/true; /bin/true; /bin/true; /bin/true; /bin/true; /bin/true";

fn main() -> Result<ExitCode> {
    if let Some(code) = measure::play() {
        return Ok(code);
    }
    if let Some(reason) = Need::Lab.missing() {
        println!("not measured: {reason}");
        return Ok(ExitCode::SUCCESS);
    }
    let lab = host()?;
    describe(&lab)?;
    println!("\nthe runbook, as one script of sh:\n\n{RUNBOOK}");

    let check = ["hostready", "check", "--json"];
    let series = measure::side_by_side(
        &lab,
        ROUNDS,
        &[("hostready check --json", &check), ("runbook", &["sh", "-c", RUNBOOK])],
    )?;
    measure::print(&series);
    println!("to be reached: at most 0.33 of both\n");
    measure::print(&measure::side_by_side(
        &lab,
        ROUNDS,
        &[
            ("hostready --version", &["hostready", "--version"]),
            ("seven times true", &["sh", "-c", NOTHING]),
            ("true", &["/bin/true"]),
        ],
    )?);
    println!("to be reached: --version in less than 2 ms\n");

    println!("programs started by hostready check: {} (to be reached: 0)", programs_started(&lab)?);
    println!("most memory held: {} KiB", measure::memory(&lab, &check)?);
    println!("size of the binary: {} bytes (to be reached: 5242880)", lab.sh("stat -c %s /usr/local/bin/hostready")?);
    Ok(ExitCode::SUCCESS)
}

fn host() -> Result<Lab> {
    let numbers: Vec<String> = (0..UNITS).map(|number| format!("load@{number}.service")).collect();
    let workers = format!("for worker in $$(seq {WORKERS}); do sleep infinity & done; wait");
    let load = format!("[Unit]\nWants={}\n[Service]\nExecStart=sh -c '{workers}'\n", numbers.join(" "));
    let lab = recipe::hypervisor()
        .file("/etc/systemd/system/load@.service", "[Service]\nExecStart=sleep infinity\n")
        .file("/etc/systemd/system/load.service", &load)
        .boot()?;
    lab.sh(&format!(
        "systemctl start load
        for copy in $(seq {COPIES}); do
            sed \"s/^Package: .*/&-copy-$copy/\" /var/lib/dpkg/status >>/tmp/copies
        done
        cat /tmp/copies >>/var/lib/dpkg/status
        rm /tmp/copies"
    ))?;
    let lab = recipe::bring_to_work(lab)?;
    lab.sh("for bridge in br-data br-storage; do
            ovs-vsctl --timeout=10 -- add-br $bridge -- set bridge $bridge datapath_type=netdev
            ovs-vsctl --timeout=10 -- add-port br-int to-$bridge \
                -- set interface to-$bridge type=patch options:peer=from-$bridge \
                -- add-port $bridge from-$bridge -- set interface from-$bridge type=patch options:peer=to-$bridge
        done")?;
    lab.check(&[])?.exits(0)?;
    Ok(lab)
}

fn describe(lab: &Lab) -> Result<()> {
    let counts = [
        ("units loaded", "systemctl list-units --all --no-legend --plain | wc -l"),
        ("processes", "ls -d /proc/[0-9]* | wc -l"),
        ("packages", "dpkg-query -f . -W | wc -c"),
        ("bridges", "ovs-vsctl list-br | wc -l"),
        ("OVS ports", "ovs-vsctl --bare --columns=name list port | grep -c ."),
        ("links", "ip -o link | wc -l"),
    ];
    for (what, command) in counts {
        println!("{:>6} {what}", lab.sh(command)?);
    }
    Ok(())
}

/// Every program that the check became or started, less itself.
fn programs_started(lab: &Lab) -> Result<usize> {
    let traced = lab.run(&["strace", "-f", "-qq", "-e", "trace=execve", "-o", "/run/trace", "hostready", "check"])?;
    ensure!(traced.code == 0, "strace: exit {}\n{}", traced.code, traced.stderr);
    Ok(lab.sh("grep -c 'execve(' /run/trace")?.parse::<usize>()? - 1)
}
