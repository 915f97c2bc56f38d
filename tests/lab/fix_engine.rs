//! The engine of repairs, with a full disk as what is wrong: planned, made in a process of its own, proven, taken back.

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::harness::{Lab, Need, Run, Tested, recipe};

const MIB: u64 = 1 << 20;

crate::tests!("fix_engine":
    plan_changes_nothing_and_what_is_applied_is_proven,
    killed_at_each_sync_it_is_taken_back_or_finished needs [Need::Loop, Need::Strace],
    of_eight_at_once_one_does_it,
    run_goes_on_when_its_session_is_cut,
    second_of_two_is_told_of_the_first_and_a_kill_leaves_no_lock,
    worker_that_is_killed_is_told_of,
    without_systemd_it_is_a_session_of_its_own,
    asked_to_stop_it_begins_nothing_more,
    state_directory_of_others_is_not_trusted,
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

/// Short of so much on /var that both the downloads and the old logs must go; these into an archive on /srv.
fn short_of_more() -> anyhow::Result<Lab> {
    let lab = recipe::plain().disk("/srv", "ext4", "600m").boot()?;
    lab.sh(&format!(
        "head -c 31457280 /dev/urandom >{LOG}; touch -d '40 days ago' {LOG}; echo >/var/log/agent.log.1.gz; {REFILL}"
    ))?;
    let bytes = 5 * 1024 * MIB - 31 * MIB;
    lab.sh(&format!("mount -o remount,size=$(($(df -B1 --output=used /var | tail -1) + {bytes})) /var"))?;
    Ok(lab)
}

const LOG: &str = "/var/log/agent.log.7.gz";
/// A download that is the same each time.
const REFILL: &str = "head -c 8388608 /dev/zero >/var/cache/apt/archives/other_1.0_amd64.deb";
const RUN: &str = "01a00000-0000-7000-8000-000000000000";

fn killed_at_each_sync_it_is_taken_back_or_finished() -> Tested {
    let lab = short_of_more()?;
    let start = lab.sh(&format!("sha256sum {LOG}; stat -c '%a %u %g %Y' {LOG}"))?;
    let is_as_before = |lab: &Lab, what: &str| -> Tested {
        let now = lab.sh(&format!("sha256sum {LOG}; stat -c '%a %u %g %Y' {LOG}"))?;
        ensure!(now == start, "{what}: not the start state\n{start}\n{now}");
        let left = lab.sh("find /srv -type f; find /var -name '.hostready-*'")?;
        ensure!(left.is_empty(), "{what}: left behind: {left}");
        lab.sh(REFILL).map(drop)
    };
    let mut kills = 0;
    for call in ["fdatasync", "fsync"] {
        for number in 1.. {
            if !killed_at(&lab, call, number)? {
                // It came to its end before that.
                lab.hostready(&["undo", "--json"])?.exits(0)?;
                is_as_before(&lab, "not killed")?;
                break;
            }
            kills += 1;
            let what = format!("{call} {number}, undo");
            lab.hostready(&["undo", "--json"])?.exits(0)?;
            is_as_before(&lab, &what)?;
            lab.sh("rm -rf /var/lib/hostready/runs")?;

            ensure!(killed_at(&lab, call, number)?, "{call} {number}: killed once and not again");
            let what = format!("{call} {number}, fix");
            let done = lab.hostready(&["fix", "--json", "--apply", "disk.space:/var"])?;
            done.exits(0).with_context(|| format!("{what}: {}", done.stderr))?;
            done.passes("disk.space", "/var")?;
            undo_all(&lab)?;
            is_as_before(&lab, &what)?;
            lab.sh("rm -rf /var/lib/hostready/runs")?;
        }
    }
    ensure!(kills >= 12, "only {kills} syncs");
    Ok(())
}

/// Each run by its name, the newest first.
fn undo_all(lab: &Lab) -> Tested {
    for run in lab.sh("ls -r /var/lib/hostready/runs")?.lines() {
        lab.hostready(&["undo", "--json", run])?.exits(0)?;
    }
    Ok(())
}

/// A worker that is killed as it enters this call for the so-manieth time; false where it does not come so far.
fn killed_at(lab: &Lab, call: &str, number: u32) -> anyhow::Result<bool> {
    lab.sh(&format!("rm -rf /run/hostready/{RUN} && mkdir -p -m 700 /run/hostready/{RUN}"))?;
    let request = serde_json::json!({
        "run": RUN, "wanted": ["disk.space:/var"], "accepted": [], "lock_timeout_s": 1, "timeout_s": 30,
        "profiles": [], "config": null, "state": "/var/lib/hostready",
    });
    lab.write(&format!("/run/hostready/{RUN}/request"), &request.to_string())?;
    let inject = format!("inject={call}:signal=KILL:when={number}");
    lab.traced(
        &["-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", &inject],
        &["hostready", "work", RUN],
    )?;
    Ok(lab.run(&["test", "-e", &format!("/run/hostready/{RUN}/answer")])?.code != 0)
}

fn of_eight_at_once_one_does_it() -> Tested {
    let lab = short_of_space()?;
    lab.sh("
        for number in 1 2 3 4 5 6 7 8; do
            { code=0
              hostready fix --json --apply --accept logs.prune disk.space:/var >/root/$number 2>/root/$number.err || code=$?
              echo $code >/root/$number.code; } &
        done
        wait
    ")?;
    let (mut changed, mut busy) = (0, 0);
    for number in 1..=8 {
        let code = lab.sh(&format!("cat /root/{number}.code"))?;
        let said = lab.sh(&format!("cat /root/{number} /root/{number}.err"))?;
        match code.as_str() {
            "0" => changed += u32::from(said.contains("\n  \"changed\": true")),
            "7" => {
                ensure!(said.contains("another run goes on: 0"), "it does not name the other: {said}");
                busy += 1;
            }
            _ => anyhow::bail!("{number} exited {code}: {said}"),
        }
    }
    ensure!(changed == 1 && busy >= 1, "{changed} changed the host and {busy} were too late");
    let runs = lab.sh("ls /var/lib/hostready/runs | wc -l")?;
    ensure!(runs == "1", "{runs} runs are kept");
    Ok(())
}

/// Nobody is there, and it takes five seconds to know that.
const SLOW: &str = "[network]\npeers = [{ address = \"198.51.100.1:22\" }]\n";

fn run_goes_on_when_its_session_is_cut() -> Tested {
    let lab = short_of_space()?;
    lab.write("/etc/hostready/config.toml", SLOW)?;
    begin_in_background(&lab)?;
    lab.sh("kill -KILL $(cat /root/shell.pid) $(cat /root/front.pid)")?;
    let check = lab.hostready(&["check", "--only", "clock.*"])?;
    ensure!(check.stderr.contains("a fix is going on"), "who looks is not told: {}", check.stderr);
    let late = lab.hostready(&["undo"])?;
    late.exits(7)?;
    let attached = lab.hostready(&["fix", "--attach", "--json"])?;
    attached.exits(0)?;
    ensure!(action(&attached, "logs.prune")?["state"] == "applied", "{}", attached.stdout);
    lab.sh("test ! -e /var/log/agent.log.7.gz && test -e /var/lib/hostready/runs/*/report.json")?;
    let nothing = lab.hostready(&["fix", "--attach"])?;
    nothing.exits(0)?;
    ensure!(nothing.stderr.contains("no fix is going on"), "{}", nothing.stderr);
    Ok(())
}

/// A shell that has asked for a repair; the worker looks for some seconds. Its process.
fn begin_in_background(lab: &Lab) -> anyhow::Result<String> {
    let script = "echo $$ >/root/shell.pid
        hostready fix --apply --accept logs.prune disk.space:/var >/root/out 2>&1 &
        echo $! >/root/front.pid
        wait $!
        echo $? >/root/code
    ";
    lab.write("/root/session.sh", script)?;
    lab.sh("setsid sh /root/session.sh </dev/null >/dev/null 2>&1 &")?;
    // It holds the lock once it works.
    lab.wait_until("the lock", |lab| {
        Ok(lab.run(&["sh", "-c", "test -s /run/hostready/lock && ! flock -n /run/hostready/lock true"])?.code == 0)
    })?;
    lab.sh("systemctl show --value -p MainPID hostready-$(cat /run/hostready/lock).service")
}

fn second_of_two_is_told_of_the_first_and_a_kill_leaves_no_lock() -> Tested {
    let lab = short_of_space()?;
    lab.write("/etc/hostready/config.toml", SLOW)?;
    let worker = begin_in_background(&lab)?;
    let first = lab.sh("cat /run/hostready/lock")?;
    for second in [&["fix", "--apply", "--accept", "logs.prune", "disk.space:/var"][..], &["undo"]] {
        let busy = lab.hostready(second)?;
        busy.exits(7)?;
        ensure!(busy.stderr.contains(&format!("another run goes on: {first}\n")), "{second:?}: {}", busy.stderr);
    }
    lab.sh(&format!("kill -KILL {worker}; rm /etc/hostready/config.toml"))?;
    // Nobody removes a lock or waits for one to grow old.
    let done = lab.hostready(&["fix", "--json", "--apply", "--accept", "logs.prune", "disk.space:/var"])?;
    done.exits(0)?;
    done.passes("disk.space", "/var")
}

fn worker_that_is_killed_is_told_of() -> Tested {
    let lab = short_of_space()?;
    lab.write("/etc/hostready/config.toml", SLOW)?;
    let worker = begin_in_background(&lab)?;
    lab.sh(&format!("kill -KILL {worker}"))?;
    lab.wait_until("the end", |lab| Ok(lab.run(&["test", "-s", "/root/code"])?.code == 0))?;
    let said = lab.sh("cat /root/code /root/out")?;
    ensure!(said.starts_with("1\n") && said.contains("was killed before it changed anything"), "{said}");
    lab.sh("test -e /var/log/agent.log.7.gz; rm /etc/hostready/config.toml")?;
    let done = lab.hostready(&["fix", "--json", "--apply", "--accept", "logs.prune", "disk.space:/var"])?;
    done.exits(0)?;
    done.passes("disk.space", "/var")
}

/// Where systemd does not run, as far as anybody can see.
fn without_systemd_it_is_a_session_of_its_own() -> Tested {
    let lab = short_of_space()?;
    lab.write("/etc/hostready/config.toml", SLOW)?;
    lab.write(
        "/root/session.sh",
        "mount -t tmpfs none /run/systemd
        echo $$ >/root/shell.pid
        hostready fix --apply --accept logs.prune disk.space:/var >/root/out 2>&1",
    )?;
    lab.sh("setsid unshare -m sh /root/session.sh </dev/null >/dev/null 2>&1 &")?;
    lab.wait_until("the lock", |lab| {
        Ok(lab.run(&["sh", "-c", "test -s /run/hostready/lock && ! flock -n /run/hostready/lock true"])?.code == 0)
    })?;
    // The whole session goes, and everything in it hears of that.
    lab.sh("session=$(cat /root/shell.pid); kill -HUP -$session; kill -KILL -$session 2>/dev/null || :")?;
    let attached = lab.hostready(&["fix", "--attach", "--json"])?;
    attached.exits(0)?;
    ensure!(action(&attached, "logs.prune")?["state"] == "applied", "{}", attached.stdout);
    lab.sh("test ! -e /var/log/agent.log.7.gz").map(drop)
}

fn asked_to_stop_it_begins_nothing_more() -> Tested {
    let lab = short_of_space()?;
    lab.write("/etc/hostready/config.toml", SLOW)?;
    let worker = begin_in_background(&lab)?;
    lab.sh(&format!("kill -TERM {worker}"))?;
    lab.wait_until("the end", |lab| Ok(lab.run(&["test", "-s", "/root/code"])?.code == 0))?;
    let said = lab.sh("cat /root/code /root/out")?;
    ensure!(said.starts_with("6\n") && said.contains("a signal asked to stop"), "{said}");
    lab.sh("test -e /var/log/agent.log.7.gz && ! ls /var/lib/hostready/runs/*").map(drop)
}

/// Whoever writes a journal could have anything done to the host by an undo.
fn state_directory_of_others_is_not_trusted() -> Tested {
    let lab = short_of_space()?;
    lab.sh("mkdir -p /srv/state/runs && chmod 777 /srv/state/runs")?;
    let argv = ["--json", "--state-dir", "/srv/state"];
    let refused =
        lab.hostready(&[&["fix", "--apply", "--accept", "logs.prune", "disk.space:/var"], &argv[..]].concat())?;
    ensure!(refused.stderr.contains("others may write in it"), "{}{}", refused.stdout, refused.stderr);
    let undo = lab.hostready(&[&["undo"], &argv[..]].concat())?;
    undo.exits(0)?;
    ensure!(undo.stderr.contains("are left alone"), "{}", undo.stderr);
    Ok(())
}

fn action<'a>(run: &'a Run, id: &str) -> anyhow::Result<&'a Value> {
    let actions = run.report()?["actions"].as_array().context("no actions")?;
    actions.iter().find(|action| action["id"] == id).with_context(|| format!("no action {id}: {actions:#?}"))
}
