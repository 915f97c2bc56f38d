//! Each program that a repair runs fails in turn, a file cannot be written, the database of the switch goes away: what
//! failed is taken back at once, the rest by `undo`, and without the fault the same repair comes to its goal.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::fix_killed::{REFILL, short_of_space, without_network, without_ports};
use crate::harness::state::{is_again, state};
use crate::harness::{Lab, Need, Run, Tested, recipe};

crate::tests!("fix-faults":
    each_call_of_ip_and_systemctl_fails_in_turn needs [Need::Loop],
    each_call_of_tar_fails_in_turn needs [Need::Loop],
    program_of_a_killed_worker_is_waited_for needs [Need::Loop],
    file_that_cannot_be_replaced,
    database_of_the_switch_goes_away needs [Need::Loop],
);

/// In the place of a program: the call with this number fails as it is told. Only what hostready runs counts.
const WRAPPER: &str = r#"#!/bin/sh
real=/usr/bin/${0##*/}
[ "$(cat /proc/$PPID/comm)" = hostready ] || exec $real "$@"
number=$(($(cat /root/fault/calls) + 1))
echo $number >/root/fault/calls
[ $number = "$(cat /root/fault/at)" ] || exec $real "$@"
case $(cat /root/fault/how) in
fails) echo it cannot >&2; exit 1 ;;
lies) exit 0 ;;
fails-late) $real "$@"; exit 1 ;;
dies) kill -KILL $$ ;;
after-a-kill) kill -KILL $PPID; sleep 3; exec $real "$@" ;;
half) $real "$@"; find /var/log -name agent.log.3.gz -exec truncate --size=4096 {} +; kill -KILL $PPID ;;
without-database) mv /run/openvswitch/db.sock /run/openvswitch/aside; exec $real "$@" ;;
esac
"#;

const HOW: [&str; 4] = ["fails", "lies", "fails-late", "dies"];

struct Scene {
    lab: Lab,
    fix: &'static [&'static str],
    /// What no undo brings back is put there again.
    refill: &'static str,
    start: String,
    goal: String,
}

impl Scene {
    fn new(lab: Lab, fix: &'static [&'static str], programs: &[&str]) -> Result<Self> {
        let start = state(&lab)?;
        let refill = if programs.contains(&"tar") { REFILL } else { "" };
        let mut scene = Self { lab, fix, refill, start, goal: String::new() };
        let run = scene.fix()?;
        scene.goal = state(&scene.lab)?;
        scene.succeeds(&run, "no fault")?;
        scene.is_taken_back("no fault")?;
        for program in programs {
            // Searched before the directory of the real one.
            scene.lab.sh(&format!("rm -f /usr/sbin/{program}; test -x /usr/bin/{program}; mkdir -p /root/fault"))?;
            scene.lab.write(&format!("/usr/sbin/{program}"), WRAPPER)?;
            scene.lab.sh(&format!("chmod 755 /usr/sbin/{program}"))?;
        }
        Ok(scene)
    }

    /// What else is wrong with the host is no matter of this.
    fn succeeds(&self, run: &Run, what: &str) -> Tested {
        run.exits(if run.code == 3 { 3 } else { 0 }).with_context(|| what.to_owned())?;
        is_again(&self.lab, &self.goal, &format!("{what}: the goal"))
    }

    fn fix(&self) -> Result<Run> {
        self.lab.hostready(&[&["fix", "--json", "--apply"], self.fix].concat())
    }

    /// All of it, and nothing is left.
    fn is_taken_back(&self, what: &str) -> Tested {
        self.lab.hostready(&["undo", "--json"])?.exits(0).with_context(|| what.to_owned())?;
        self.lab.sh(&format!("rm -rf /var/lib/hostready/runs; {}", self.refill))?;
        is_again(&self.lab, &self.start, &format!("{what}: the start"))
    }

    fn is_told(&self, run: &Run, what: &str) -> Tested {
        run.exits(6).with_context(|| what.to_owned())?;
        let actions = run.report()?["actions"].as_array().context("no actions")?;
        let mut failed = actions.iter().filter(|action| action["state"] == "failed").peekable();
        ensure!(failed.peek().is_some(), "{what}: nothing has failed: {}", run.stdout);
        // What failed is taken back before the run ends.
        let is_clean = |action: &Value| action["changed"] == false && action["error"].is_string();
        ensure!(failed.all(is_clean), "{what}: {}", run.stdout);
        Ok(())
    }

    /// Until a run has no call with this number; how many have failed.
    fn each_fails_in_turn(&self, how: &str) -> Result<u32> {
        for at in 1.. {
            self.lab
                .sh(&format!("echo 0 >/root/fault/calls; echo {at} >/root/fault/at; echo {how} >/root/fault/how"))?;
            let what = format!("call {at} {how}");
            let run = self.fix()?;
            let calls: u32 = self.lab.sh("cat /root/fault/calls")?.parse()?;
            self.lab.sh("echo 0 >/root/fault/at")?;
            if calls < at {
                self.succeeds(&run, &what)?;
                self.is_taken_back(&what)?;
                return Ok(at - 1);
            }
            // Of a lie that changes nothing for the worse, as that of a comparison, nobody can tell.
            if how != "lies" || run.code == 6 && !run.stdout.contains("did not mend") {
                self.is_told(&run, &what)?;
            }
            self.is_taken_back(&what)?;
        }
        Ok(0)
    }
}

fn each_call_of_ip_and_systemctl_fails_in_turn() -> Tested {
    let wanted = &["network.address-kept", "network.route-kept", "services.kept"];
    let scene = Scene::new(without_network()?, wanted, &["ip", "systemctl"])?;
    for how in HOW {
        let failed = scene.each_fails_in_turn(how)?;
        ensure!(failed >= 5, "{how}: only {failed} calls");
    }
    scene.lab.sh("mv /usr/bin/ip /usr/bin/ip.away; mv /usr/sbin/ip /usr/sbin/ip.away")?;
    let run = scene.fix()?;
    scene.lab.sh("mv /usr/bin/ip.away /usr/bin/ip; mv /usr/sbin/ip.away /usr/sbin/ip")?;
    ensure!(run.stdout.contains("`ip` is not installed"), "{}", run.stdout);
    scene.is_told(&run, "without ip")?;
    scene.is_taken_back("without ip")
}

fn each_call_of_tar_fails_in_turn() -> Tested {
    let scene = Scene::new(short_of_space()?, &["disk.space:/var"], &["tar"])?;
    for how in HOW {
        let failed = scene.each_fails_in_turn(how)?;
        ensure!(failed >= 3, "{how}: only {failed} calls");
    }
    half_put_back_is_no_younger_log(&scene)
}

/// All are killed with half of it written, as by a power cut.
fn half_put_back_is_no_younger_log(scene: &Scene) -> Tested {
    scene.succeeds(&scene.fix()?, "without a fault")?;
    scene.lab.sh("echo 0 >/root/fault/calls; echo 2 >/root/fault/at; echo half >/root/fault/how")?;
    let killed = scene.lab.hostready(&["undo", "--json"])?;
    ensure!(killed.stderr.contains("was killed"), "{}{}", killed.stdout, killed.stderr);
    scene.is_taken_back("half put back")
}

/// It goes on without the worker, and would overtake whoever takes its step back.
fn program_of_a_killed_worker_is_waited_for() -> Tested {
    let scene = Scene::new(without_network()?, &["services.kept"], &["systemctl"])?;
    scene.lab.sh("echo 0 >/root/fault/calls; echo 1 >/root/fault/at; echo after-a-kill >/root/fault/how")?;
    let killed = scene.fix()?;
    ensure!(killed.stderr.contains("was killed"), "{}{}", killed.stdout, killed.stderr);
    scene.lab.sh("pgrep -x sleep && echo 0 >/root/fault/at")?;
    scene.lab.hostready(&["undo", "--json"])?.exits(0)?;
    scene.lab.wait_until("it has ended", |lab| Ok(lab.run(&["pgrep", "-x", "systemctl|sleep"])?.code != 0))?;
    is_again(&scene.lab, &scene.start, "taken back")
}

/// Immutable, and mounted over, as a container has it.
fn file_that_cannot_be_replaced() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.hostready(&["snapshot", "--json", "--replace"])?.exits(0)?;
    lab.sh("echo nameserver 192.0.2.99 >/etc/resolv.conf; chmod 644 /etc/resolv.conf")?;
    let scene = Scene::new(lab, &["resolver.restore"], &[])?;
    for (fault, gone) in [
        ("chattr +i /etc/resolv.conf", "chattr -i /etc/resolv.conf"),
        ("mount --bind /etc/resolv.conf /etc/resolv.conf", "umount /etc/resolv.conf"),
    ] {
        scene.lab.sh(fault)?;
        let run = scene.fix()?;
        scene.lab.sh(gone)?;
        ensure!(run.stdout.contains("cannot write /etc/resolv.conf"), "{fault}: {}", run.stdout);
        scene.is_told(&run, fault)?;
        is_again(&scene.lab, &scene.start, fault)?;
        scene.succeeds(&scene.fix()?, gone)?;
        scene.is_taken_back(gone)?;
    }
    Ok(())
}

/// At the first change of a NIC, and so before the port is to come back.
fn database_of_the_switch_goes_away() -> Tested {
    let scene = Scene::new(without_ports()?, &["ovs.port-kept", "services.kept"], &["ip"])?;
    scene.lab.sh("echo 0 >/root/fault/calls; echo 1 >/root/fault/at; echo without-database >/root/fault/how")?;
    let run = scene.fix()?;
    scene.lab.sh("mv /run/openvswitch/aside /run/openvswitch/db.sock; echo 0 >/root/fault/at")?;
    scene.is_told(&run, "without a database")?;
    ensure!(run.stdout.contains("ovsdb-server at /run/openvswitch/db.sock"), "{}", run.stdout);
    scene.is_taken_back("without a database")?;
    scene.succeeds(&scene.fix()?, "without a fault")
}
