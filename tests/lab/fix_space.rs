//! Fixes that make room, on real filesystems and with a real journald, and what they must leave alone.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::disk::leave_free;
use crate::harness::{Lab, Need, Run, Tested, recipe};

const MIB: u64 = 1 << 20;
const NEED: u64 = 5 * 1024 * MIB;
const STATE: &str = "/var/lib/hostready";

crate::tests!("fix_space":
    journals_of_this_boot_and_the_last_stay,
    boot_before_outlives_what_is_typed_by_hand,
    logs_that_must_stay_do,
    archived_logs_are_put_back_as_they_were needs [Need::Loop],
    logs_stay_where_their_archive_is_damaged needs [Need::Loop],
    archive_that_is_killed_is_taken_back needs [Need::Loop],
    packages_that_mend_an_upgrade_stay_in_the_cache,
    two_fixes_together_make_the_room,
    full_disk_is_written_down_in_the_room_that_was_kept,
    full_disk_without_that_room_is_written_down_under_run,
);

fn apply(lab: &Lab, arguments: &[&str]) -> Result<Run> {
    lab.hostready(&[&["fix", "--apply", "--json"], arguments].concat())
}

/// The action of a fix, which must have come to this.
fn action<'a>(run: &'a Run, fix: &str, state: &str) -> Result<&'a Value> {
    let actions = run.report()?["actions"].as_array().context("no actions")?;
    let action = actions.iter().find(|action| action["id"] == fix);
    let action = action.with_context(|| format!("no {fix}: exit {}\n{actions:#?}\n{}", run.code, run.stderr))?;
    ensure!(action["state"] == state, "not {state}: {action:#}\n{}", run.stderr);
    Ok(action)
}

fn available(lab: &Lab, path: &str) -> Result<u64> {
    Ok(lab.sh(&format!("df -B1 --output=avail {path} | tail -1"))?.trim().parse()?)
}

/// Every directory, file and link below that no daemon writes to, with all that tells one from another.
fn below(lab: &Lab, path: &str) -> Result<String> {
    let mine = r"find . '(' -path ./journal -o -path ./openvswitch ')' -prune -o";
    lab.sh(&format!(
        r"cd {path}
        {mine} ! -type d -printf '%p %y %m %U %G %T@ %s %l\n' | sort
        {mine} -type d -printf '%p %m %U %G\n' | sort
        {mine} -type f -exec sha256sum {{}} + | sort"
    ))
}

/// The lines that only one of both has.
fn changes(before: &str, after: &str) -> String {
    let only = |of: &str, other: &str, mark: &str| {
        let lines = of.lines().filter(|line| !other.lines().any(|it| it == *line));
        lines.map(|line| format!("\n{mark} {line}")).collect::<String>()
    };
    format!("{}{}", only(before, after, "-"), only(after, before, "+"))
}

/// Archived journals of so many messages of this word, each more than 16 MiB.
fn fill_journal(lab: &Lab, word: &str, files: u32) -> Tested {
    // Incompressible lines of 40 kB: as few messages as possible, because journald limits their rate.
    lab.sh(&format!(
        "for round in $(seq {files}); do
            echo {word} $round | systemd-cat -t marker
            head -c 12582912 /dev/urandom | base64 -w 40000 | systemd-cat -t noise
            journalctl --sync
            journalctl --rotate
        done"
    ))
    .map(drop)
}

fn said(lab: &Lab, boot: &str) -> Result<String> {
    lab.sh(&format!("journalctl -q -o cat -t marker -b {boot}"))
}

fn journals(lab: &Lab) -> Result<Vec<String>> {
    Ok(lab.sh("cd /var/log/journal/*/ && ls -tr *@*.journal*")?.lines().map(str::to_owned).collect())
}

fn journals_of_this_boot_and_the_last_stay() -> Tested {
    let mut lab = recipe::plain().boot()?;
    fill_journal(&lab, "first", 5)?;
    lab.reboot()?;
    fill_journal(&lab, "second", 2)?;
    lab.reboot()?;
    fill_journal(&lab, "third", 1)?;
    leave_free(&lab, "/var", NEED - 20 * MIB)?;
    let (first, second, third) = (said(&lab, "-2")?, said(&lab, "-1")?, said(&lab, "0")?);
    let counts = [&first, &second, &third].map(|said| said.lines().count());
    ensure!(counts == [5, 2, 1], "{first} {second} {third}");
    let before = journals(&lab)?;

    let refused = apply(&lab, &["disk.space:/var"])?;
    refused.exits(6)?;
    let words = action(&refused, "journal.vacuum", "refused")?["error"].to_string();
    ensure!(words.contains("--accept journal.vacuum"), "{words}");
    ensure!(journals(&lab)? == before && refused.report()?["changed"] == false, "something was done");

    let run = apply(&lab, &["disk.space:/var", "--accept", "journal.vacuum"])?;
    let done = action(&run, "journal.vacuum", "applied")?;
    ensure!(run.report()?["changed"] == true, "{}", run.stdout);
    run.exits(0)?;
    run.passes("disk.space", "/var")?;
    ensure!(done["after"]["free_bytes"].as_u64().is_some_and(|free| free >= NEED), "{done:#}");
    ensure!(available(&lab, "/var")?.abs_diff(done["after"]["free_bytes"].as_u64().unwrap_or(0)) < 4 * MIB, "{done:#}");

    // The oldest, and no more than what was missing and some slack.
    let after = journals(&lab)?;
    let gone = before.len() - after.len();
    ensure!((2..5).contains(&gone) && before[gone..] == after, "{gone} of\n{before:#?}\n{after:#?}");
    ensure!(said(&lab, "-1")? == second && said(&lab, "0")? == third, "the last boots are not whole");
    ensure!(!said(&lab, "-2")?.is_empty(), "all of the first boot is gone");

    let again = apply(&lab, &["disk.space:/var", "--accept", "journal.vacuum"])?;
    again.exits(0)?;
    ensure!(again.report()?["changed"] == false && journals(&lab)? == after, "{}", again.stdout);

    // Whatever is wanted, these boots stay.
    leave_free(&lab, "/var", MIB)?;
    let run = apply(&lab, &["journal.vacuum", "--accept", "journal.vacuum"])?;
    run.exits(6)?;
    ensure!(said(&lab, "-1")? == second && said(&lab, "0")? == third, "the last boots are not whole");
    Ok(())
}

fn boot_before_outlives_what_is_typed_by_hand() -> Tested {
    let mut lab = recipe::plain().boot()?;
    fill_journal(&lab, "first", 2)?;
    lab.reboot()?;
    // A lab boots within the second that a person types.
    lab.sh("find /var/log/journal -name '*@*' -exec touch -d '1 hour ago' {} +")?;
    fill_journal(&lab, "second", 1)?;
    lab.reboot()?;
    leave_free(&lab, "/var", NEED - 20 * MIB)?;
    let (second, third) = (said(&lab, "-1")?, lab.sh("journalctl -q -o cat -b 0 | head -1")?);
    ensure!(second == "second 1" && !said(&lab, "-2")?.is_empty(), "{second}");

    let check = lab.check(&[])?;
    let fixes = check.row("disk.space", "/var")?["fixes"].as_array().context("no fixes")?;
    let fix = fixes.iter().find(|fix| fix["id"] == "journal.vacuum").context("no vacuum")?;
    let commands: Vec<Vec<String>> = serde_json::from_value(fix["by_hand"].clone())?;
    let (looks, deletes) = (&commands[0], &commands[1]);
    let before = journals(&lab)?;
    ensure!(lab.run(deletes)?.code != 0 && journals(&lab)? == before, "without a time it deletes");
    // The line begins with the number of the boot and its id.
    let boots = lab.run(looks)?.success()?;
    let line = boots.lines().find(|line| line.trim_start().starts_with("-1 ")).context("no boot before")?;
    let words: Vec<&str> = line.split_whitespace().skip(2).take(4).collect();
    let time = words.join(" ").split('\u{2014}').next().unwrap_or_default().to_owned();
    let typed: Vec<String> =
        deletes.iter().map(|word| if word == "FIRST ENTRY OF BOOT -1" { time.clone() } else { word.clone() }).collect();
    lab.run(&typed)?.success()?;
    ensure!(said(&lab, "-1")? == second, "the boot before is gone\n{boots}\n{typed:?}");
    ensure!(lab.sh("journalctl -q -o cat -b 0 | head -1")? == third, "this boot is not whole");
    let left = journals(&lab)?;
    ensure!(left.len() + 2 <= before.len(), "of {before:?} stay {left:?}, typed {typed:?}");
    Ok(())
}

/// Old logs of 4 MiB: `app.log.1.gz` to `app.log.9.gz` in `app`, and all that looks like them and must stay.
fn stage_logs(lab: &Lab) -> Tested {
    lab.sh(
        "cd /var/log
        old() { mkdir -p $(dirname $1); head -c 4194304 /dev/urandom >$1; touch -d '40 days ago' $1; }
        for number in 1 2 3 4 5 6 7 8 9; do old app/app.log.$number.gz; touch -d \"$((40 + number)) days ago\" app/app.log.$number.gz; done
        chown daemon:adm app/app.log.5.gz; chmod 640 app/app.log.5.gz
        old lonely/agent.log-20200101.gz
        for record in wtmp btmp lastlog; do for number in 1 2; do old $record.$number.gz; done; done
        for number in 1 2 3; do old audit/audit.log.$number.gz; done
        old app/app.log.10
        touch app/app.log
        mkdir -p /etc/keep /srv/other /var/log/mounted
        for number in 1 2 3; do old /etc/keep/etc.log.$number.gz; done
        ln -s /etc/keep linked
        ln -s /etc/keep/etc.log.2.gz etc.log.7.gz
        mount --bind /srv/other /var/log/mounted
        for number in 1 2 3; do old mounted/mounted.log.$number.gz; done",
    )
    .map(drop)
}

fn logs_that_must_stay_do() -> Tested {
    let lab = recipe::plain().boot()?;
    stage_logs(&lab)?;
    lab.sh("systemd-run --quiet --unit=holder \
            sh -c 'exec sleep infinity 7</var/log/app/app.log.6.gz'; sleep 0.3; \
            ls -l /proc/[0-9]*/fd 2>/dev/null | grep -q app.log.6.gz")?;
    leave_free(&lab, "/var", MIB)?;
    let elsewhere = lab.sh("find /etc/keep /srv/other -type f | sort | xargs sha256sum")?;
    let before = below(&lab, "/var/log")?;

    let run = apply(&lab, &["logs.prune"])?;
    run.exits(6)?;
    action(&run, "logs.prune", "refused")?;
    ensure!(below(&lab, "/var/log")? == before, "without consent something went");

    // It is not enough, so it fails; what may go goes all the same, since it was asked for by its name.
    let run = apply(&lab, &["logs.prune", "--accept", "logs.prune"])?;
    run.exits(6)?;
    let done = action(&run, "logs.prune", "failed")?;
    ensure!(done["undo"].as_str().is_some_and(|undo| undo.starts_with("none")), "{done:#}");
    let after = below(&lab, "/var/log")?;
    let gone: Vec<&str> =
        before.lines().filter(|line| !after.contains(line)).filter_map(|line| line.split(' ').next()).collect();
    let files: Vec<&&str> = gone.iter().filter(|path| path.starts_with("./")).collect();
    let expected = [1, 2, 3, 4, 5, 7, 8, 9].map(|number| format!("./app/app.log.{number}.gz"));
    ensure!(files == expected.iter().collect::<Vec<_>>(), "gone: {files:?}");
    ensure!(lab.sh("find /etc/keep /srv/other -type f | sort | xargs sha256sum")? == elsewhere, "it followed a link");
    lab.sh("test -d /var/log/app -a -d /var/log/lonely -a -L /var/log/linked -a -L /var/log/etc.log.7.gz")?;
    ensure!(lab.hostready(&["undo", "--json"])?.code <= 6, "undo");
    Ok(())
}

fn archived_logs_are_put_back_as_they_were() -> Tested {
    let lab = recipe::plain().disk("/srv", "ext4", "600m").boot()?;
    stage_logs(&lab)?;
    leave_free(&lab, "/var", NEED - 6 * MIB)?;
    let before = below(&lab, "/var/log")?;

    // Nothing is lost, so nobody needs to consent.
    let plan = lab.hostready(&["fix", "--json", "disk.space:/var"])?;
    plan.exits(3)?;
    action(&plan, "logs.archive", "planned")?;
    ensure!(below(&lab, "/var/log")? == before && lab.sh("ls -A /srv")? == "lost+found\nother", "a plan did something");
    let run = apply(&lab, &["disk.space:/var"])?;
    action(&run, "logs.archive", "applied")?;
    run.exits(0)?;
    let archive = lab.sh("ls /srv/hostready-logs/*")?;
    ensure!(
        lab.sh(&format!("stat -c '%a %U' /srv/hostready-logs {archive}"))? == "700 root\n600 root",
        "others read it"
    );
    let held = lab.sh(&format!("tar -tf {archive} | sort"))?;
    // The oldest of them, and no more than it takes.
    let expected = [4, 5, 6, 7, 8, 9].map(|number| format!("var/log/app/app.log.{number}.gz")).join("\n");
    ensure!(held == expected, "archived: {held}");
    lab.sh("test ! -e /var/log/app/app.log.9.gz -a -e /var/log/app/app.log.3.gz")?;

    // No room to put them back: they stay in the archive, and undo says so.
    leave_free(&lab, "/var", 2 * MIB)?;
    let run = lab.hostready(&["undo", "--json"])?;
    run.exits(6)?;
    ensure!(run.stdout.contains("has no room"), "{}", run.stdout);
    ensure!(lab.sh(&format!("tar -tf {archive} | sort"))? == expected, "the archive is damaged");

    leave_free(&lab, "/var", NEED)?;
    let run = lab.hostready(&["undo", "--json"])?;
    run.exits(0)?;
    ensure!(below(&lab, "/var/log")? == before, "not as it was:{}", changes(&before, &below(&lab, "/var/log")?));
    ensure!(lab.sh("ls -A /srv")? == "lost+found\nother", "something is left of the archive");
    lab.hostready(&["undo", "--json"])?.exits(0)?;
    ensure!(below(&lab, "/var/log")? == before, "a second undo did something");
    Ok(())
}

fn packages_that_mend_an_upgrade_stay_in_the_cache() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.sh("cd /var/cache/apt/archives && mkdir -p partial /var/cache/pf9apps
        for name in bash_5.1 vim_9 partial/less_1 pf9-hostagent_1 openvswitch-switch_3 ovn-host_23 python3-openvswitch_3 \
            /var/cache/pf9apps/pf9-neutron_1; do
            head -c 8388608 /dev/urandom >${name}_amd64.deb
        done")?;
    leave_free(&lab, "/var", NEED - 6 * MIB)?;
    let run = apply(&lab, &["--all"])?;
    action(&run, "apt.clean", "applied")?;
    run.exits(0)?;
    let left = lab.sh("cd /var/cache && find apt/archives pf9apps -type f -name '*.deb' -printf '%f\\n' | sort")?;
    let kept = ["openvswitch-switch_3", "ovn-host_23", "pf9-hostagent_1", "pf9-neutron_1", "python3-openvswitch_3"];
    ensure!(left == kept.map(|name| format!("{name}_amd64.deb")).join("\n"), "left: {left}");
    lab.sh("test -d /var/cache/apt/archives/partial && apt-get check").map(drop)
}

fn two_fixes_together_make_the_room() -> Tested {
    let lab = recipe::plain().boot()?;
    stage_logs(&lab)?;
    lab.sh("head -c 8388608 /dev/urandom >/var/cache/apt/archives/bash_5.1_amd64.deb")?;
    leave_free(&lab, "/var", NEED - 40 * MIB)?;
    let plan = lab.hostready(&["fix", "--json"])?;
    plan.exits(3)?;
    action(&plan, "apt.clean", "planned")?;
    action(&plan, "logs.prune", "planned")?;
    let run = apply(&lab, &["--all", "--accept", "logs.prune"])?;
    let free = |fix: &str| -> Result<[u64; 2]> {
        let done = action(&run, fix, "applied")?;
        let figure = |of: &str| done[of]["free_bytes"].as_u64().with_context(|| format!("no {of}: {done:#}"));
        Ok([figure("before")?, figure("after")?])
    };
    let (clean, prune) = (free("apt.clean")?, free("logs.prune")?);
    ensure!((8 * MIB).abs_diff(clean[1] - clean[0]) < MIB, "the first: {clean:?}");
    ensure!(prune[1] - prune[0] > 30 * MIB && prune[0].abs_diff(clean[1]) < MIB, "{clean:?}, then {prune:?}");
    run.exits(0)
}

/// Until not a byte is free.
fn fill(lab: &Lab) -> Tested {
    lab.sh("! dd if=/dev/zero of=/var/ballast bs=1M status=none 2>/dev/null
        ! dd if=/dev/zero of=/var/ballast.small bs=4096 status=none 2>/dev/null")?;
    ensure!(available(lab, "/var")? == 0, "/var is not full");
    Ok(())
}

fn full_disk_is_written_down_in_the_room_that_was_kept() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.hostready(&["snapshot", "--json"])?;
    stage_logs(&lab)?;
    leave_free(&lab, "/var", 64 * MIB)?;
    fill(&lab)?;
    let run = apply(&lab, &["logs.prune", "--accept", "logs.prune"])?;
    run.exits(6)?;
    action(&run, "logs.prune", "failed")?;
    ensure!(available(&lab, "/var")? > 24 * MIB, "nothing was freed\n{}", run.stderr);
    ensure!(!run.stderr.contains("/run/hostready"), "{}", run.stderr);
    lab.sh(&format!("test -s {STATE}/runs/*/journal && test -s {STATE}/runs/*/report.json"))?;
    let kept = lab.sh(&format!("stat -c %s {STATE}/reserve"))?;
    ensure!(kept == (4 * MIB).to_string(), "no room is kept for the next: {kept}");
    Ok(())
}

fn full_disk_without_that_room_is_written_down_under_run() -> Tested {
    let lab = recipe::plain().boot()?;
    stage_logs(&lab)?;
    leave_free(&lab, "/var", 64 * MIB)?;
    // Not even a directory can be made in a filesystem without inodes.
    fill(&lab)?;
    lab.sh("mount -o remount,nr_inodes=$(df --output=iused /var | tail -1 | tr -d ' ') /var")?;
    let run = apply(&lab, &["logs.prune", "--accept", "logs.prune"])?;
    action(&run, "logs.prune", "failed")?;
    ensure!(available(&lab, "/var")? > 24 * MIB, "nothing was freed\n{}", run.stderr);
    ensure!(run.stderr.contains("/run/hostready"), "{}", run.stderr);
    lab.sh("test -s /run/hostready/runs/*/journal").map(drop)
}

/// An archive that does not hold what it should is none.
fn logs_stay_where_their_archive_is_damaged() -> Tested {
    let lab = recipe::plain().disk("/srv", "ext4", "600m").boot()?;
    stage_logs(&lab)?;
    leave_free(&lab, "/var", NEED - 6 * MIB)?;
    let before = below(&lab, "/var/log")?;
    lab.write(
        "/usr/sbin/tar",
        "#!/bin/sh
        /usr/bin/tar \"$@\" || exit
        case $* in
            *--create*) printf broken | dd of=\"${1#--file=}\" bs=1M seek=3 conv=notrunc status=none ;;
        esac\n",
    )?;
    lab.sh("chmod 755 /usr/sbin/tar")?;
    let run = apply(&lab, &["disk.space:/var"])?;
    run.exits(6)?;
    let error = action(&run, "logs.archive", "failed")?["error"].to_string();
    ensure!(error.contains("tar"), "{error}");
    let after = below(&lab, "/var/log")?;
    ensure!(after == before, "logs went:{}", changes(&before, &after));
    ensure!(lab.sh("ls -A /srv")? == "lost+found\nother", "the damaged archive stays: {}", lab.sh("find /srv")?);
    Ok(())
}

/// Killed at whatever moment, with or without what it has started, each log is in one of both places, and undo finds it.
fn archive_that_is_killed_is_taken_back() -> Tested {
    let lab = recipe::plain().disk("/srv", "ext4", "900m").boot()?;
    stage_logs(&lab)?;
    lab.sh("for number in $(seq 11 40); do head -c 8388608 /dev/urandom >/var/log/app/app.log.$number.gz
            touch -d '90 days ago' /var/log/app/app.log.$number.gz; done")?;
    leave_free(&lab, "/var", NEED - 220 * MIB)?;
    let before = below(&lab, "/var/log")?;
    let (mut begun, mut ended) = (0, 0);
    for number in 0..10 {
        let whom = if number % 2 == 0 { "all" } else { "main" };
        let delay = f64::from(number) * 0.06;
        lab.sh(&format!(
            "hostready fix --apply --json disk.space:/var >/dev/null 2>&1 & sleep {delay:.2}
            # There may be none yet, or none any more; and whoever waited for one that was killed says so.
            if systemctl kill --signal=KILL --kill-whom={whom} 'hostready-*.service'; then :; fi
            if wait; then :; fi"
        ))?;
        // A tar that outlives its run writes to a file that nobody will take for whole.
        lab.wait_until("tar ends", |lab| Ok(lab.run(&["pgrep", "-x", "tar"])?.code != 0))?;
        begun += u32::from(!lab.sh("ls -A /srv")?.replace("lost+found\nother", "").is_empty());
        ended += u32::from(below(&lab, "/var/log")? != before);
        leave_free(&lab, "/var", NEED)?;
        let undo = lab.hostready(&["undo", "--json"])?;
        undo.exits(0)?;
        let after = below(&lab, "/var/log")?;
        ensure!(
            after == before,
            "killed after {delay:.2} s, {whom}: not as it was{}\n{}",
            changes(&before, &after),
            undo.stdout
        );
        ensure!(lab.sh("ls -A /srv")? == "lost+found\nother", "killed after {delay:.2} s: {}", lab.sh("find /srv")?);
        leave_free(&lab, "/var", NEED - 220 * MIB)?;
    }
    ensure!(begun > 3 && ended > 0, "killed too early or too late: {begun} had begun, {ended} had removed something");
    Ok(())
}
