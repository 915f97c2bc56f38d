//! Our own packages: what dpkg and rpm make of them under a real systemd, and what of the host's they leave alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::fix_guard::{Host, LOST};
use crate::harness::{Lab, Need, Outcome, Tested, lab, recipe};

crate::tests!("package":
    deb_is_installed_upgraded_removed_and_purged needs [Need::Tool("dpkg-deb"), Need::Tool("strip")],
    deb_stays_while_a_run_waits_and_its_upgrade_hinders_none
        needs [Need::Ssh, Need::Tool("dpkg-deb"), Need::Tool("strip")],
    rpm_is_installed_upgraded_and_erased needs [Need::Tool("rpmbuild"), Need::Tool("strip")],
);

/// What both packages install, apart from documentation.
const INSTALLED: &str = "\
drwxr-xr-x root root /etc/hostready
drwxr-xr-x root root /etc/hostready/checks.d
-rwxr-xr-x root root /usr/bin/hostready
-rw-r--r-- root root /usr/lib/systemd/system/hostready-boot.service
-rw-r--r-- root root /usr/share/bash-completion/completions/hostready
-rw-r--r-- root root /usr/share/fish/vendor_completions.d/hostready.fish
drwx------ root root /var/lib/hostready";

/// All that is on the disks but what changes by itself, or notes that there were packages.
const FILES: &str = "find / -xdev \\( -path /proc -o -path /run -o -path /tmp -o -path /root -o -path /var/log \
    -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/rpm -o -path /var/lib/apt \
    -o -path /var/lib/systemd -o -path '/usr/share/man*' \\) -prune -o -printf '%M %u %p\\n' | sort -k3";

/// What a host has after a while: state of ours, words of its operator, and a file that is neither.
const LIFE: &str = "/usr/bin/hostready snapshot --quiet >/dev/null
mkdir -p /var/lib/hostready/runs/01a00000-0000-7000-8000-000000000000
echo old >/var/lib/hostready/runs/01a00000-0000-7000-8000-000000000000/plan
printf '[host]\\ncluster = \"az1\"\\n' >/etc/hostready/config.toml
echo >/etc/hostready/checks.d/10-own.toml
echo remember >/etc/hostready/notes";

const KEPT: &str = "find /var/lib/hostready /etc/hostready -type f -exec sha256sum {} + | sort -k2";

/// Both versions of a package, one after the other, at /root/old and /root/new.
fn put(lab: &Lab, format: &str) -> Tested {
    let directory = TempDir::with_prefix("hostready-package-")?;
    // What cargo made for the tests is ten times as large as a release.
    let program = directory.path().join("hostready");
    let mut strip = Command::new("strip");
    strip.arg("-o").arg(&program).arg(lab::binary());
    Outcome::of(&mut strip, Duration::from_secs(60))?.success()?;
    for (version, path) in [("0.0.1", "/root/old"), ("0.0.2", "/root/new")] {
        let package = packed(format, &program, directory.path(), version)?;
        lab.write_bytes(path, &fs::read(package)?)?;
    }
    Ok(())
}

fn packed(format: &str, program: &Path, directory: &Path, version: &str) -> Result<PathBuf> {
    let mut pack = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/package"));
    pack.args([format, "x86_64"]).arg(program).arg(directory).arg(version).env("PACKAGE_LEVEL", "0");
    let said = Outcome::of(&mut pack, Duration::from_secs(120))?.success()?;
    Ok(PathBuf::from(said.lines().last().context("the packer names no package")?))
}

fn stands(lab: &Lab, enabled: &str) -> Tested {
    let paths = INSTALLED.lines().filter_map(|line| line.split(' ').nth(3)).collect::<Vec<_>>().join(" ");
    let found = lab.sh(&format!("stat -c '%A %U %G %n' {paths}"))?;
    ensure!(found == INSTALLED, "installed as:\n{found}");
    let unit = lab.sh(
        "systemctl show --property=LoadState,ActiveState,NeedDaemonReload,UnitFileState --value hostready-boot.service",
    )?;
    let expected = format!("loaded\ninactive\nno\n{enabled}");
    let sorted = |text: &str| text.split_whitespace().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    ensure!(sorted(&unit) == sorted(&expected), "the unit: {unit}");
    Ok(())
}

/// The lines that only one of both has.
fn differs(before: &str, after: &str) -> String {
    let of = |one: &str, other: &str, mark: &str| -> String {
        let there: std::collections::HashSet<&str> = other.lines().collect();
        one.lines().filter(|line| !there.contains(line)).map(|line| format!("{mark}{line}\n")).collect()
    };
    of(before, after, "-") + &of(after, before, "+")
}

fn deb_is_installed_upgraded_removed_and_purged() -> Tested {
    let mut lab = recipe::plain().boot()?;
    put(&lab, "deb")?;
    let before = lab.sh(FILES)?;
    lab.sh("dpkg --install /root/old")?;
    stands(&lab, "enabled")?;
    ensure!(lab.sh("dpkg --verify hostready; find /etc/hostready -type f")?.is_empty(), "not as it was packed");
    lab.sh(LIFE)?;
    let kept = lab.sh(KEPT)?;
    ensure!(kept.contains("/var/lib/hostready/snapshots/"), "no snapshot: {kept}");

    // A boot, for which the unit is there, ends well and does nothing to a host that waits for nothing.
    lab.reboot()?;
    lab.sh("dpkg --install /root/new")?;
    stands(&lab, "enabled")?;
    ensure!(lab.sh("dpkg-query --show --showformat='${Version}' hostready")? == "0.0.2-1", "not upgraded");
    ensure!(lab.sh(KEPT)? == kept, "not kept over an upgrade: {}", differs(&kept, &lab.sh(KEPT)?));
    // What a person has switched off stays so.
    lab.sh("systemctl disable --quiet hostready-boot && dpkg --install /root/old && dpkg --install /root/new")?;
    stands(&lab, "disabled")?;
    lab.sh("systemctl enable --quiet hostready-boot")?;

    lab.sh("touch /var/lib/hostready/armed")?;
    let removed = lab.run(&["dpkg", "--remove", "hostready"])?;
    ensure!(removed.code == 0 && removed.stderr.contains("this host is armed"), "{}", removed.stderr);
    ensure!(differs(&kept, &lab.sh(KEPT)?).lines().all(|line| line.ends_with("/armed")), "not kept when removed");
    lab.sh("test ! -e /usr/bin/hostready; test ! -e /usr/lib/systemd/system/hostready-boot.service")?;
    // It comes again as it went.
    lab.sh("dpkg --install /root/new")?;
    stands(&lab, "enabled")?;

    lab.sh("dpkg --purge hostready")?;
    let after = lab.sh(FILES)?;
    let left = "+drwxr-xr-x root /etc/hostready\n+-rw-r--r-- root /etc/hostready/notes\n";
    ensure!(differs(&before, &after) == left, "left by the purge:\n{}", differs(&before, &after));
    ensure!(lab.sh("find /var/lib/systemd -name '*hostready*'")?.is_empty(), "known to systemd's helper");
    ensure!(lab.run(&["dpkg-query", "--status", "hostready"])?.code != 0, "dpkg still knows it");
    Ok(())
}

fn deb_stays_while_a_run_waits_and_its_upgrade_hinders_none() -> Tested {
    let host = Host::boot()?;
    let lab = &host.lab;
    put(lab, "deb")?;
    lab.sh("dpkg --install /root/old")?;
    lab.sh(&format!("code=0
        /usr/bin/hostready fix --json --apply --confirm-within 20s {LOST} >/root/out || code=$?; echo $code >/root/code"))?;
    ensure!(host.is_attached()? && host.state()? == "pending", "{}", lab.sh("cat /root/out")?);

    let refused = lab.run(&["dpkg", "--remove", "hostready"])?;
    ensure!(refused.code != 0 && refused.stderr.contains("hint: `hostready undo --list`"), "{}", refused.stderr);
    ensure!(lab.sh("dpkg-query --show --showformat='${Status}' hostready")?.ends_with(" installed"), "half removed");
    ensure!(lab.sh("systemctl is-enabled hostready-boot")? == "enabled", "nobody would take it back");
    // The guardian goes on as the program that it was, and keeps its word.
    lab.sh("dpkg --install /root/new")?;
    ensure!(host.state()? == "pending", "{}", host.state()?);
    host.is_taken_back()?;
    lab.sh("dpkg --remove hostready && test -e /var/lib/hostready/runs")?;
    // One that cannot run any more can be removed.
    lab.sh("dpkg --install /root/new && echo 'no program' >/usr/bin/hostready && dpkg --purge hostready")?;
    lab.sh("test ! -e /var/lib/hostready; test ! -e /etc/hostready").map(drop)
}

fn rpm_is_installed_upgraded_and_erased() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.install("rpm")?;
    put(&lab, "rpm")?;
    // The lab has no package of rpm's own, not even a shell.
    lab.sh("rpm --install --nodeps /root/old")?;
    stands(&lab, "enabled")?;
    ensure!(lab.sh("rpm --verify --nodeps hostready")?.is_empty(), "not as it was packed");
    lab.sh(LIFE)?;
    let kept = lab.sh(KEPT)?;
    lab.sh("rpm --upgrade --nodeps /root/new")?;
    stands(&lab, "enabled")?;
    ensure!(lab.sh("rpm --query hostready")? == "hostready-0.0.2-1.x86_64", "not upgraded");
    lab.sh("systemctl disable --quiet hostready-boot && rpm --upgrade --nodeps --oldpackage /root/old")?;
    stands(&lab, "disabled")?;
    lab.sh("systemctl enable --quiet hostready-boot && rpm --erase hostready")?;
    ensure!(lab.sh(KEPT)? == kept, "not kept: {}", differs(&kept, &lab.sh(KEPT)?));
    ensure!(lab.sh("find /usr /etc/systemd -name '*hostready*' -not -path '/usr/local/*'")?.is_empty(), "left behind");
    Ok(())
}
