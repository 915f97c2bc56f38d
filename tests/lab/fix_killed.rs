//! Whoever repairs is killed, hundreds of times and at random instants: `undo` then gives the start, and `fix` the goal.
//!
//! `HOSTREADY_KILL_SEED` plays the same dice again, `HOSTREADY_KILLS` is how many kills there are.

use std::collections::BTreeMap;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};

use crate::harness::state::{is_again, state};
use crate::harness::{Lab, Need, Tested, recipe};

crate::tests!("fix-killed":
    hundreds_of_times_and_taken_back_or_finished needs [Need::Loop],
);

/// A host on which something is wrong, and how it is repaired.
struct Scene {
    name: &'static str,
    stage: fn() -> Result<Lab>,
    fix: &'static str,
    /// What no undo brings back is put there again.
    refill: &'static str,
    /// Of a hundred kills.
    share: u64,
}

/// A download that is the same each time.
pub const REFILL: &str = "head -c 1048576 /dev/zero >/var/cache/apt/archives/other_1.0_amd64.deb";

const SCENES: [Scene; 4] = [
    Scene {
        name: "space",
        stage: short_of_space,
        fix: "fix --json --apply disk.space:/var",
        refill: REFILL,
        share: 46,
    },
    Scene {
        name: "network",
        stage: without_network,
        fix: "fix --json --apply network.address-kept network.route-kept services.kept",
        refill: "",
        share: 14,
    },
    Scene {
        name: "switch",
        stage: without_ports,
        fix: "fix --json --apply ovs.port-kept services.kept",
        refill: "",
        share: 14,
    },
    Scene {
        name: "packages",
        stage: half_configured,
        fix: "fix --json --apply --accept packages.configure packages.state",
        refill: "cp /root/status /var/lib/dpkg/status; rm -f /var/lib/dpkg/updates/* /etc/host-tool",
        share: 26,
    },
];

/// Journals on a disk of their own, on which a sync takes its time; systemd's in memory, so that /var does not grow.
fn slowly_written(builder: crate::harness::Builder) -> crate::harness::Builder {
    builder
        .disk("/var/lib/hostready", "ext4", "64m")
        .file("/etc/systemd/journald.conf.d/lab.conf", "[Journal]\nStorage=volatile\n")
}

fn prepared(lab: &Lab) -> Tested {
    lab.sh("rmdir /var/lib/hostready/lost+found; chmod 700 /var/lib/hostready").map(drop)
}

fn remembered(lab: &Lab) -> Tested {
    prepared(lab)?;
    lab.hostready(&["snapshot", "--json", "--replace"])?.exits(0)
}

/// Old logs that are archived, and packages that are emptied away.
pub fn short_of_space() -> Result<Lab> {
    let lab = slowly_written(recipe::plain()).disk("/srv", "ext4", "600m").boot()?;
    prepared(&lab)?;
    lab.sh("for number in 2 3 4; do
            head -c 2097152 /dev/urandom >/var/log/agent.log.$number.gz
            touch -d \"$((40 + number)) days ago\" /var/log/agent.log.$number.gz
        done")?;
    lab.sh(REFILL)?;
    let bytes = (5 * 1024 - 4) * (1_u64 << 20);
    lab.sh(&format!("mount -o remount,size=$(($(df -B1 --output=used /var | tail -1) + {bytes})) /var"))?;
    Ok(lab)
}

/// A card has lost its addresses, its MTU and a route; sshd does not start with the host.
pub fn without_network() -> Result<Lab> {
    let lab = slowly_written(recipe::bonded()).boot()?;
    lab.sh("ip link set eno2 up
        ip address add 198.51.100.7/24 dev eno2; ip -6 address add 2001:db8:2::7/64 dev eno2 nodad
        ip route add 10.9.0.0/16 via 198.51.100.1 dev eno2 proto static")?;
    remembered(&lab)?;
    lab.sh("ip address flush dev eno2; ip link set eno2 mtu 1400; systemctl disable --quiet ssh.service")?;
    Ok(lab)
}

/// A port is gone, one has a card with another name; sshd is stopped.
pub fn without_ports() -> Result<Lab> {
    let lab = slowly_written(recipe::bonded()).nic("eno4", "52:54:00:0a:00:04").boot()?;
    let lab = recipe::bring_to_work(lab)?;
    lab.sh("ovs-vsctl --timeout=10 \
        -- add-br br-data -- set bridge br-data datapath_type=netdev other_config:hwaddr=02:00:00:0a:00:10 \
        -- add-port br-data eno4 tag=40 -- set interface eno4 mtu_request=1450 external_ids:who=me \
        -- add-port br-data eno3")?;
    // It is started more often than anybody does by hand.
    lab.write("/etc/systemd/system/ssh.service.d/often.conf", "[Unit]\nStartLimitIntervalSec=0\n")?;
    lab.sh("systemctl daemon-reload")?;
    remembered(&lab)?;
    lab.sh("ovs-vsctl --timeout=10 del-port eno4
        ip link set eno3 down; ip link set eno3 name ens3; systemctl stop ssh.service")?;
    Ok(lab)
}

/// A package whose script takes a moment, unpacked.
fn half_configured() -> Result<Lab> {
    let lab = slowly_written(recipe::plain()).boot()?;
    prepared(&lab)?;
    lab.sh("mkdir -p /root/tree/DEBIAN
        printf 'Package: host-tool\\nVersion: 1.0\\nArchitecture: all\\nMaintainer: a test\\nDescription: a test\\n' \
            >/root/tree/DEBIAN/control
        printf '#!/bin/sh\\nsleep 0.2\\necho 1 >/etc/host-tool\\n' >/root/tree/DEBIAN/postinst
        chmod 755 /root/tree/DEBIAN/postinst; dpkg-deb --build /root/tree /root/host-tool.deb
        rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
        dpkg --unpack /root/host-tool.deb; cp /var/lib/dpkg/status /root/status")?;
    Ok(lab)
}

/// Numbers that nobody foresees and that come again with the same seed: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(all.len() as u64)).unwrap_or_default()]
    }
}

/// How often a kill came behind which line of a journal, by what was killed: `fix intent`, `undo undone`.
type Counts = BTreeMap<String, u64>;

/// How long it takes, in microseconds: until a journal is there, and in all.
#[derive(Clone, Copy, Debug)]
struct Took {
    written: u64,
    all: u64,
}

struct Stage {
    lab: Lab,
    scene: &'static Scene,
    start: String,
    goal: String,
    fix: Took,
    undo: Took,
    counts: Counts,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn hundreds_of_times_and_taken_back_or_finished() -> Tested {
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map(|time| time.subsec_nanos());
    let seed = number("HOSTREADY_KILL_SEED").map_or_else(|| clock().map(u64::from), Ok)?;
    let kills = number("HOSTREADY_KILLS").unwrap_or(200);
    eprintln!("HOSTREADY_KILL_SEED={seed}");
    let runs = SCENES.each_ref().map(|scene| thread::spawn(move || all_of(scene, seed, kills * scene.share / 100)));
    let mut counts = Counts::new();
    for (run, scene) in runs.into_iter().zip(&SCENES) {
        let Ok(ended) = run.join() else { bail!("{}: a panic", scene.name) };
        let found = ended.with_context(|| format!("{}, HOSTREADY_KILL_SEED={seed}", scene.name))?;
        eprintln!("{}: {found:?}", scene.name);
        found.into_iter().for_each(|(phase, count)| *counts.entry(phase).or_default() += count);
    }
    let killed: u64 = counts.values().sum();
    eprintln!("{killed} kills: {counts:?}");
    ensure!(killed + SCENES.len() as u64 >= kills, "only {killed} kills of {kills}: {counts:?}");
    for phase in PHASES {
        let hits: u64 = phase.iter().filter_map(|line| counts.get(*line)).sum();
        ensure!(hits > 0 || kills < 100, "no kill behind {phase:?}: {counts:?}");
    }
    Ok(())
}

/// Each was hit. Those that pass in no time are hit one by one where the worker is killed at each sync.
const PHASES: [&[&str]; 6] = [
    &["fix nothing", "fix begun", "fix planned"],
    &["fix intent"],
    &["fix done"],
    &["fix judged", "fix ended"],
    &["undo reverting", "undo undo-intent", "undo undone"],
    &["undo ended"],
];

fn all_of(scene: &'static Scene, seed: u64, kills: u64) -> Result<Counts> {
    let lab = (scene.stage)()?;
    let start = state(&lab)?;
    let none = Took { written: 0, all: 0 };
    let mut stage = Stage { lab, scene, start, goal: String::new(), fix: none, undo: none, counts: Counts::new() };
    stage.rehearse()?;
    let mut dice = Dice(seed.wrapping_add(scene.name.len() as u64));
    while stage.counts.values().sum::<u64>() < kills {
        let number: u64 = stage.counts.values().sum();
        let undo = stage.undo.all > 0 && dice.below(4) == 0;
        let ended = if undo { stage.undo_is_killed(&mut dice) } else { stage.fix_is_killed(&mut dice) };
        ended.with_context(|| format!("after {number} kills"))?;
        stage.clear()?;
    }
    Ok(stage.counts)
}

impl Stage {
    /// Once without a kill: how long it takes, and what is to come of it.
    fn rehearse(&mut self) -> Tested {
        self.hostready(self.scene.fix, "not killed")?;
        self.goal = state(&self.lab)?;
        self.is_taken_back("not killed")?;
        self.clear()?;
        self.fix = self.kill("nobody", "start", 0, self.scene.fix)?.1;
        ensure!(self.goal != self.start, "nothing is repaired");
        ensure!(self.fix.written > 0, "it wrote nothing down");
        if self.is_reversible() {
            self.undo = self.kill("nobody", "start", 0, "undo --json")?.1;
            self.is_at_the_start("not killed, undone")?;
        }
        self.clear()
    }

    fn is_reversible(&self) -> bool {
        self.scene.name != "packages"
    }

    fn clear(&self) -> Tested {
        self.lab.sh(&format!("rm -rf /var/lib/hostready/runs /run/hostready/0*; {}", self.scene.refill)).map(drop)
    }

    /// The last line of the journal, where it was killed; and how long it took.
    fn kill(&self, whom: &str, from: &str, micros: u64, command: &str) -> Result<(Option<String>, Took)> {
        let micros = micros.to_string();
        let words: Vec<&str> = command.split(' ').collect();
        let said = self.lab.run(&[&["stand-in", "kill", whom, from, &micros, "hostready"], &words[..]].concat())?;
        let said = said.success()?;
        let words: Vec<&str> = said.split(' ').collect();
        let [end, line, written, all] = words[..] else { bail!("what does it say? {said}") };
        let took = Took { written: written.parse()?, all: all.parse()? };
        Ok(((end == "killed").then(|| line.to_owned()), took))
    }

    /// At any instant of it, and mostly while it acts; what was killed, or nothing where it was over before.
    fn kill_somewhere(&mut self, verb: &str, whom: &str, took: Took, dice: &mut Dice) -> Result<Option<String>> {
        let command = if verb == "undo" { "undo --json" } else { self.scene.fix };
        let is_while_it_acts = dice.below(10) > 0;
        let (from, within) = if is_while_it_acts { ("journal", took.all - took.written) } else { ("start", took.all) };
        let micros = dice.below(within);
        let (line, _) = self.kill(whom, from, micros, command)?;
        let Some(line) = line else { return Ok(None) };
        *self.counts.entry(format!("{verb} {line}")).or_default() += 1;
        Ok(Some(format!("{whom} of {verb}, {micros} us after the {from}, behind `{line}`")))
    }

    fn fix_is_killed(&mut self, dice: &mut Dice) -> Tested {
        let whom = dice.of(&["worker", "worker", "worker", "all", "all", "front"]);
        let is_to_undo = self.is_reversible() && dice.below(2) == 0;
        match self.kill_somewhere("fix", whom, self.fix, dice)? {
            None => self.is_taken_back("not killed"),
            // The run goes on without it, unless it was killed before it had started anybody.
            Some(what) if whom == "front" => {
                let reached = is_again(&self.lab, &self.goal, &format!("{what}: the goal"));
                if reached.is_err() && what.ends_with("behind `nothing`") {
                    return self.is_at_the_start(&what);
                }
                reached?;
                self.is_taken_back(&what)
            }
            Some(what) if is_to_undo => {
                self.hostready("undo --json", &what)?;
                self.is_at_the_start(&format!("{what}, undo"))
            }
            Some(what) => self.fix_again(&what),
        }
    }

    fn undo_is_killed(&mut self, dice: &mut Dice) -> Tested {
        self.hostready(self.scene.fix, "before an undo")?;
        let whom = dice.of(&["worker", "all", "front"]);
        let is_to_fix = dice.below(2) == 0;
        match self.kill_somewhere("undo", whom, self.undo, dice)? {
            Some(what) if whom != "front" && is_to_fix => self.fix_again(&what),
            Some(what) if whom != "front" => {
                self.hostready("undo --json", &what)?;
                self.is_at_the_start(&format!("{what}, undo"))
            }
            _ => self.is_at_the_start("an undo that goes on to its end"),
        }
    }

    fn fix_again(&self, what: &str) -> Tested {
        let what = format!("{what}, fix");
        self.hostready(self.scene.fix, &what)?;
        is_again(&self.lab, &self.goal, &format!("{what}: the goal"))?;
        self.is_taken_back(&what)
    }

    /// Each run by its name, the newest first.
    fn is_taken_back(&self, what: &str) -> Tested {
        if !self.is_reversible() {
            return Ok(());
        }
        for run in self.lab.sh("ls -r /var/lib/hostready/runs")?.lines() {
            self.hostready(&format!("undo --json {run}"), what)?;
        }
        self.is_at_the_start(&format!("{what}, undone"))
    }

    fn is_at_the_start(&self, what: &str) -> Tested {
        self.lab.sh(self.scene.refill)?;
        is_again(&self.lab, &self.start, &format!("{what}: the start"))
    }

    fn hostready(&self, command: &str, what: &str) -> Tested {
        let run = self.lab.hostready(&command.split(' ').collect::<Vec<_>>())?;
        let journals = || self.lab.sh("cut -c 1-300 /var/lib/hostready/runs/*/journal").unwrap_or_default();
        // What else is wrong with the host is no matter of this.
        let expected = if command.starts_with("fix") && run.code == 3 { 3 } else { 0 };
        run.exits(expected).with_context(|| format!("{what}: {command}\n{}{}", journals(), run.stdout))
    }
}
