//! Looking changes nothing, starts nothing, and can be done again elsewhere.

use std::collections::BTreeSet;

use anyhow::ensure;

use crate::harness::{Lab, Outcome, Run, Tested, recipe};

crate::tests!("looking":
    starts_no_program_and_opens_nothing_for_writing,
    snapshot_writes_below_its_directory_alone,
    leaves_every_file_as_it_was,
    output_is_the_one_file_that_is_written,
    bundle_is_judged_like_the_host,
    bundle_of_a_healthy_host_is_green_elsewhere,
);

/// The only calls by which a program can change a file or start another.
const CALLS: &str = "execve,execveat,open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,unlink,unlinkat,rmdir,rename,\
     renameat,renameat2,link,linkat,symlink,symlinkat,truncate,ftruncate,chmod,fchmod,fchmodat,chown,fchown,fchownat,\
     lchown,utimensat,setxattr,fsetxattr,mount,umount2";

fn starts_no_program_and_opens_nothing_for_writing() -> Tested {
    let lab = recipe::at_work()?;
    Run::new(traced(&lab, &["check", "--json"])?).is_green()?;
    only_reads(&lab)?;
    lab.hostready(&["snapshot"])?;
    Run::new(traced(&lab, &["verify", "--json"])?).report()?;
    only_reads(&lab)
}

/// Runs it with every call in /srv/trace that can change something.
fn traced(lab: &Lab, arguments: &[&str]) -> anyhow::Result<Outcome> {
    let filter = format!("trace={CALLS}");
    let strace = ["strace", "-f", "-q", "-e", "signal=none", "-e", &filter, "-o", "/srv/trace", "hostready"];
    lab.run(&[&strace[..], arguments].concat())
}

fn only_reads(lab: &Lab) -> Tested {
    let other = writes(lab)?;
    ensure!(other.is_empty(), "a look may only read:\n{}", other.join("\n"));
    Ok(())
}

/// The calls of the trace that do more than read. No program was started.
fn writes(lab: &Lab) -> anyhow::Result<Vec<String>> {
    let trace = lab.sh("cat /srv/trace")?;
    let started: Vec<&str> = trace.lines().filter(|line| line.contains("execve")).collect();
    ensure!(started.len() == 1, "a look at local facts starts programs:\n{}", started.join("\n"));
    let is_read = |line: &&str| line.contains("open") && line.contains("O_RDONLY") && !line.contains("O_CREAT");
    let is_null = |line: &&str| line.contains("\"/dev/null\"");
    let other: Vec<&str> = trace
        .lines()
        .filter(|line| !line.contains("execve") && !line.contains("resumed>") && !line.contains("+++"))
        .filter(|line| !is_read(line) && !is_null(line))
        .collect();
    Ok(other.into_iter().map(str::to_owned).collect())
}

fn snapshot_writes_below_its_directory_alone() -> Tested {
    let lab = recipe::at_work()?;
    let before = listing(&lab)?;
    for state in ["/srv/state", "/srv/state"] {
        traced(&lab, &["snapshot", "--state-dir", state])?;
        let written = writes(&lab)?;
        let elsewhere: Vec<&String> = written.iter().filter(|call| !call.contains("\"/srv/state")).collect();
        // A mode is set of a file that is open: it has no name.
        let elsewhere: Vec<&&String> = elsewhere.iter().filter(|call| !call.contains("fchmod(")).collect();
        ensure!(elsewhere.is_empty() && written.len() > 3, "{elsewhere:#?}");
    }
    same(&before, &listing(&lab)?)
}

/// Names, times, sizes, modes and inodes. What the daemons of the lab write by themselves is left out.
fn listing(lab: &Lab) -> anyhow::Result<BTreeSet<String>> {
    let listed = lab.sh("find /etc /var /run /opt /root /tmp /usr/local -xdev \
        \\( -path /run/systemd -o -path /var/log/journal -o -path /var/log/openvswitch \\) -prune \
        -o -printf '%p %i %m %U:%G %s %T@ %C@\\n'; find /run /opt /var -xdev -maxdepth 0 -printf '%p %T@\\n'")?;
    Ok(listed.lines().map(str::to_owned).collect())
}

fn same(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Tested {
    let changed: Vec<&str> = before.symmetric_difference(after).map(String::as_str).collect();
    ensure!(changed.is_empty(), "changed:\n{}", changed.join("\n"));
    ensure!(before.len() > 1000, "that was no look at a whole host: {} files", before.len());
    Ok(())
}

fn leaves_every_file_as_it_was() -> Tested {
    let lab = recipe::at_work()?;
    let before = listing(&lab)?;
    lab.check(&[])?.is_green()?;
    lab.check(&["--for", "os"])?.report()?;
    lab.check(&["--only", "disk.deleted-open"])?.exits(0)?;
    lab.hostready(&["check"])?.exits(0)?;
    lab.hostready(&["verify"])?.exits(5)?;
    lab.hostready(&["verify", "--wait", "3s"])?.exits(5)?;
    lab.hostready(&["snapshot", "--list"])?.exits(0)?;
    lab.hostready(&["explain"])?.exits(0)?;
    lab.hostready(&["explain", "disk.space"])?.exits(0)?;
    lab.hostready(&["schema"])?.exits(0)?;
    lab.hostready(&["bundle"])?.exits(0)?;
    same(&before, &listing(&lab)?)
}

fn output_is_the_one_file_that_is_written() -> Tested {
    let lab = recipe::at_work()?;
    lab.sh("mkdir /srv/out")?;
    let before = listing(&lab)?;
    lab.check(&["--output", "/srv/out/report.json"])?.is_green()?;
    ensure!(lab.sh("ls -A /srv/out")? == "report.json", "something stays beside it");
    let written: serde_json::Value = serde_json::from_str(&lab.sh("cat /srv/out/report.json")?)?;
    ensure!(written["verdict"] == "ready", "another report");
    same(&before, &listing(&lab)?)
}

/// What a finding says, without what differs between two looks a moment apart.
fn said(run: &Run) -> anyhow::Result<BTreeSet<String>> {
    let keys = ["id", "subject", "status", "cause", "blocking"];
    Ok(run.findings()?.iter().map(|row| keys.map(|key| row[key].to_string()).join(" ")).collect())
}

fn bundle_is_judged_like_the_host() -> Tested {
    let lab = recipe::at_work()?;
    lab.write("/etc/hostready/config.toml", "[host]\ncluster = \"az1\"\n")?;
    lab.sh("ovs-ofctl del-flows br-int
        ovs-vsctl add-port br-ex eno9
        mount -o remount,noexec /tmp
        apt-mark hold dash
        touch /var/lib/dpkg/updates/0001
        systemd-run --quiet --unit=backup false")?;
    lab.wire(&["ip", "link", "set", "w-eno1", "down"])?;
    lab.wait_until("the unit has failed", |lab| Ok(lab.run(&["systemctl", "is-failed", "backup"])?.code == 0))?;

    lab.hostready(&["bundle", "--output", "/root/bundle.json"])?.exits(0)?;
    ensure!(lab.sh("stat -c %a /root/bundle.json")? == "600", "others may read the bundle");
    let here = lab.check(&[])?;
    here.exits(3)?;
    // Judged where nothing of the host is left.
    let file = lab.sh("cat /root/bundle.json")?;
    let elsewhere = Lab::builder().file("/root/bundle.json", &file).boot()?;
    let there = elsewhere.check(&["--from", "/root/bundle.json"])?;
    there.exits(3)?;
    let (here, there) = (said(&here)?, said(&there)?);
    let differing: Vec<&String> = here.symmetric_difference(&there).collect();
    ensure!(differing.is_empty(), "judged otherwise: {differing:#?}");
    Ok(())
}

fn bundle_of_a_healthy_host_is_green_elsewhere() -> Tested {
    let lab = recipe::at_work()?;
    lab.hostready(&["bundle", "--output", "/root/bundle.json"])?.exits(0)?;
    let there = lab.check(&["--from", "/root/bundle.json"])?;
    there.is_green()?;
    let differing: Vec<String> = said(&lab.check(&[])?)?.symmetric_difference(&said(&there)?).cloned().collect();
    ensure!(differing.is_empty(), "judged otherwise: {differing:#?}");
    Ok(())
}
