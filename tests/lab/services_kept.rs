//! Units, packages, guests and the boot, between a snapshot and a verify.

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Run, Tested, image, recipe};

crate::tests!("services_kept":
    ssh_that_is_switched_off_is_told_with_its_cause,
    ssh_that_moves_to_its_socket_is_kept,
    unit_of_the_operator_counts_less,
    package_that_is_removed_takes_its_unit_along,
    package_that_loses_its_hold_or_goes_back_is_told,
    guest_that_starts_with_the_host_is_missed,
    reboot_is_seen,
    snapshot_holds_what_is_compared_and_what_helps,
    unit_files_are_as_systemd_lists_them,
);

const SSH: &str = "ssh.service";

/// A host of which a snapshot was taken.
fn remembered(lab: Lab) -> Result<Lab> {
    let run = lab.hostready(&["snapshot", "--json"])?;
    ensure!(run.report()?["changed"] == true, "no snapshot: {}\n{}", run.stdout, run.stderr);
    verify(&lab)?.passes("services.kept", "")?;
    Ok(lab)
}

fn verify(lab: &Lab) -> Result<Run> {
    lab.hostready(&["verify", "--json", "--only", "*.kept", "--only", "host.rebooted"])
}

fn warns<'a>(run: &'a Run, id: &str, subject: &str, cause: &str) -> Result<&'a Value> {
    let row = run.says(id, subject, "fail")?;
    ensure!(row["blocking"] == false && row["severity"] == "medium", "no warning: {row:#}");
    ensure!(row["cause"] == cause, "{id} {subject}: cause {}, not {cause}", row["cause"]);
    Ok(row)
}

fn ssh_that_is_switched_off_is_told_with_its_cause() -> Tested {
    let lab = remembered(recipe::plain().boot()?)?;
    for (does, undoes, cause) in [
        ("disable", "enable", "disabled"),
        ("disable --now", "enable --now", "disabled"),
        ("mask", "unmask", "masked"),
        ("mask --runtime", "unmask --runtime", "masked"),
        ("stop", "start", "stopped"),
    ] {
        lab.sh(&format!("systemctl --quiet {does} {SSH}"))?;
        let run = verify(&lab)?;
        run.blocks("services.kept", SSH, Some(cause))?;
        ensure!(run.rows("services.kept")?.len() == 1, "told once");
        lab.sh(&format!("systemctl --quiet {undoes} {SSH}"))?;
        verify(&lab)?.passes("services.kept", "")?;
    }
    // A program that does not start: the unit fails.
    lab.sh("printf '[Service]\\nExecStartPre=/bin/false\\nRestart=no\\n' >/run/broken.conf
        mkdir -p /etc/systemd/system/ssh.service.d && cp /run/broken.conf /etc/systemd/system/ssh.service.d/
        systemctl daemon-reload; ! systemctl restart ssh.service")?;
    verify(&lab)?.blocks("services.kept", SSH, Some("stopped")).map(drop)
}

/// As the upgrade to Ubuntu 22.10 and later does it.
fn ssh_that_moves_to_its_socket_is_kept() -> Tested {
    let mut lab = remembered(recipe::plain().boot()?)?;
    lab.sh("systemctl --quiet disable --now ssh.service; systemctl --quiet enable --now ssh.socket")?;
    verify(&lab)?.passes("services.kept", "")?;
    lab.reboot()?;
    verify(&lab)?.passes("services.kept", "")?;
    lab.sh("systemctl stop ssh.socket")?;
    verify(&lab)?.blocks("services.kept", SSH, Some("disabled")).map(drop)
}

const BACKUP: &str = "backup.service";

fn unit_of_the_operator_counts_less() -> Tested {
    let mut lab = recipe::plain().boot()?;
    lab.write(
        "/lib/systemd/system/backup.service",
        "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n",
    )?;
    lab.write(
        "/etc/systemd/system/greet.service",
        "[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n",
    )?;
    lab.sh("systemctl daemon-reload; systemctl --quiet enable --now backup.service greet.service")?;
    lab = remembered(lab)?;
    for (does, undoes, cause) in
        [("disable", "enable", "disabled"), ("mask", "unmask", "masked"), ("stop", "start", "stopped")]
    {
        lab.sh(&format!("systemctl --quiet {does} {BACKUP}"))?;
        warns(&verify(&lab)?, "services.kept", BACKUP, cause)?;
        lab.sh(&format!("systemctl --quiet {undoes} {BACKUP}"))?;
        verify(&lab)?.passes("services.kept", "")?;
    }
    // Gone with its package, with and without the mask that removing one may leave.
    lab.sh("systemctl --quiet disable --now backup.service; rm /lib/systemd/system/backup.service")?;
    for leftover in ["", "ln -s /dev/null /etc/systemd/system/backup.service"] {
        lab.sh(&format!("{leftover}\nsystemctl daemon-reload"))?;
        let run = verify(&lab)?;
        run.notes("services.kept", BACKUP, Some("missing"))?;
        run.passes("services.kept", "")?;
    }
    lab.reboot()?;
    verify(&lab)?.notes("services.kept", BACKUP, Some("missing")).map(drop)
}

fn package_that_is_removed_takes_its_unit_along() -> Tested {
    let lab = remembered(recipe::plain().boot()?)?;
    lab.sh("DEBIAN_FRONTEND=noninteractive dpkg --remove --force-depends openssh-server; systemctl daemon-reload")?;
    let run = verify(&lab)?;
    run.blocks("services.kept", SSH, Some("missing"))?;
    warns(&run, "packages.kept", "openssh-server", "removed").map(drop)
}

fn package_that_loses_its_hold_or_goes_back_is_told() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.install("netplan.io")?;
    lab.sh("apt-mark hold netplan.io libc6")?;
    let lab = remembered(lab)?;
    verify(&lab)?.passes("packages.kept", "")?;
    lab.sh("apt-mark unhold libc6")?;
    let run = verify(&lab)?;
    warns(&run, "packages.kept", "libc6", "hold-lost")?;
    ensure!(run.rows("packages.kept")?.len() == 1, "told once");
    lab.sh("apt-mark hold libc6")?;
    // The same package with another version on it. dpkg itself takes the hold away.
    let rebuild = |version: &str| {
        lab.sh(&format!(
            "cd /root; rm -rf netplan; dpkg-deb -R {}/netplan.io/netplan.io_*.deb netplan
            sed -i 's/^Version: .*/Version: {version}/' netplan/DEBIAN/control; dpkg-deb -b netplan netplan.deb
            dpkg --install --force-downgrade --force-hold --force-depends netplan.deb
            apt-mark hold netplan.io",
            image::SHELF
        ))
    };
    rebuild("0.105-9")?;
    let run = verify(&lab)?;
    let row = warns(&run, "packages.kept", "netplan.io", "downgraded")?;
    ensure!(row["observed"]["version"] == "0.105-9", "{row:#}");
    rebuild("1:0.1-1")?;
    verify(&lab)?.passes("packages.kept", "")?;
    lab.sh("dpkg --remove --force-depends netplan.io")?;
    warns(&verify(&lab)?, "packages.kept", "netplan.io", "removed").map(drop)
}

fn guest_that_starts_with_the_host_is_missed() -> Tested {
    let lab = recipe::plain().boot()?;
    for guest in ["web-1", "test"] {
        lab.start(guest, &["/usr/bin/qemu-system-x86_64", "-name", &format!("guest={guest}")])?;
    }
    lab.sh("mkdir -p /run/libvirt/qemu /etc/libvirt/qemu/autostart
        touch /run/libvirt/qemu/web-1.xml /run/libvirt/qemu/test.xml
        ln -s ../web-1.xml /etc/libvirt/qemu/autostart/web-1.xml")?;
    let lab = remembered(lab)?;
    verify(&lab)?.passes("guests.kept", "")?;
    lab.sh("systemctl stop web-1 test; rm /run/libvirt/qemu/*.xml")?;
    let run = verify(&lab)?;
    let row = run.says("guests.kept", "web-1", "fail")?;
    ensure!(row["severity"] == "medium" && row["blocking"] == false, "{row:#}");
    ensure!(run.rows("guests.kept")?.len() == 1, "a guest that does not start with the host is missed");
    lab.sh("rm /etc/libvirt/qemu/autostart/web-1.xml")?;
    verify(&lab)?.notes("guests.kept", "web-1", None)?;
    lab.write("/lib/systemd/system/nova-compute.service", "[Service]\nExecStart=/bin/true\n")?;
    lab.sh("systemctl daemon-reload")?;
    verify(&lab)?.says("guests.kept", "", "skip").map(drop)
}

fn reboot_is_seen() -> Tested {
    let mut lab = remembered(recipe::plain().boot()?)?;
    let row = verify(&lab)?.says("host.rebooted", "", "fail")?.clone();
    ensure!(row["blocking"] == false && row["severity"] == "medium", "{row:#}");
    let run = lab.hostready(&["verify", "--json", "--expect-reboot", "--only", "host.rebooted"])?;
    run.blocked_by(&["host.rebooted"])?;
    lab.reboot()?;
    let run = verify(&lab)?;
    run.passes("host.rebooted", "")?;
    run.passes("services.kept", "")
}

fn snapshot_holds_what_is_compared_and_what_helps() -> Tested {
    let lab = recipe::plain().boot()?;
    lab.write("/etc/network/interfaces", "auto lo\n")?;
    lab.write("/etc/systemd/network/50-lab.network", "[Match]\nName=none\n")?;
    // A process of a guest's name that holds a tap, as qemu does.
    lab.write(
        "/root/guest.py",
        "import fcntl, struct, time\nopen('/proc/self/comm', 'w').write('qemu-system-x86')\n\
         taps = [open('/dev/net/tun', 'r+b', buffering=0) for _ in range(2)]\n\
         for tap in taps:\n    fcntl.ioctl(tap, 0x400454ca, struct.pack('16sH22s', b'tap-web-1', 0x1102, b''))\n\
         time.sleep(600)\n",
    )?;
    lab.sh("systemd-run --quiet --unit=guest python3 /root/guest.py")?;
    lab.wait_until("the tap is there", |lab| Ok(lab.run(&["ip", "link", "show", "tap-web-1"])?.code == 0))?;
    let run = lab.hostready(&["snapshot", "--json"])?;
    let answers = &run.report()?["answers"];
    let known = |key: &str| &answers[key]["known"];
    let files = &known("unit-files")["unit-files"];
    ensure!(files[SSH] == "enabled" && files["ssh.socket"] == "disabled", "{files:#}");
    ensure!(files.as_object().is_some_and(|files| files.len() > 50 && !files.contains_key("-.mount")), "{files:#}");
    let sum = lab.sh("sha256sum /etc/network/interfaces | cut -d' ' -f1")?;
    let hashes = &known("hashes:/etc/network/interfaces")["hashes"];
    ensure!(hashes["/etc/network/interfaces"]["known"] == sum, "{hashes:#}");
    let networkd = &known("hashes:/etc/systemd/network/*.network")["hashes"];
    ensure!(networkd["/etc/systemd/network/50-lab.network"]["known"].is_string(), "{networkd:#}");
    let taps = &known("guest-taps")["guest-taps"];
    let found: Vec<&Value> = taps.as_object().into_iter().flat_map(|taps| taps.values()).collect();
    ensure!(found == [&serde_json::json!(["tap-web-1"])], "{taps:#}");
    let journald = &known("unit:systemd-journald.service")["unit"];
    ensure!(journald["program"].as_str().is_some_and(|it| it.ends_with("/systemd-journald")), "{journald:#}");
    Ok(())
}

fn unit_files_are_as_systemd_lists_them() -> Tested {
    const CASES: [(&str, &str); 10] = [
        ("systemd-pstore.service", "masked"),
        ("emergency.service", "disabled"),
        ("rescue.service", "enabled"),
        ("own.service", "linked"),
        ("other.service", "alias"),
        ("systemd-networkd.service", "enabled-runtime"),
        ("getty@.service", "enabled"),
        ("legacy.service", "generated"),
        ("systemd-halt.service", "disabled"),
        // More than the bus lets anybody ask at once.
        ("many-150.service", "disabled"),
    ];
    let lab = recipe::plain().boot()?;
    let install = "[Install]\nWantedBy=multi-user.target\n";
    lab.write("/root/own.service", &format!("[Service]\nExecStart=/bin/true\n{install}"))?;
    lab.write("/etc/systemd/system/emergency.service.d/install.conf", install)?;
    lab.write(
        "/etc/init.d/legacy",
        "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: legacy\n# Default-Start: 2\n### END INIT INFO\n",
    )?;
    lab.sh(&format!(
        "chmod +x /etc/init.d/legacy; cd /etc/systemd/system
        systemctl --quiet mask systemd-pstore.service gone.service; systemctl --quiet link /root/own.service
        ln -s /lib/systemd/system/rescue.service multi-user.target.wants/; ln -s /lib/systemd/system/ssh.service other.service
        systemctl --quiet disable systemd-networkd.service; systemctl --quiet enable --runtime systemd-networkd.service
        systemctl --quiet enable getty@tty3.service; ln -s circle.service circle.service
        for number in $(seq 150); do cp /root/own.service many-$number.service; done
        printf '{install}' | cat /lib/systemd/system/systemd-halt.service - > systemd-halt.service; systemctl daemon-reload"
    ))?;
    let run = lab.hostready(&["snapshot", "--json"])?;
    let found = &run.report()?["answers"]["unit-files"]["known"]["unit-files"];
    for (unit, state) in CASES {
        ensure!(found[unit] == state, "{unit} is {}, not {state}", found[unit]);
    }
    let listed = lab.sh("systemctl list-unit-files --output=json")?;
    let listed: Vec<Value> = serde_json::from_str(&listed)?;
    let mut count = 0;
    for row in &listed {
        let [unit, state] = [&row["unit_file"], &row["state"]].map(|it| it.as_str().unwrap_or_default());
        // What only this boot made, and a mask with nothing below it.
        let is_left_out =
            state == "transient" || state == "generated" && !unit.ends_with(".service") || unit == "gone.service";
        ensure!(is_left_out == found[unit].is_null(), "{unit} {state}: {}", found[unit]);
        ensure!(is_left_out || found[unit] == state, "{unit} is {}, and systemd says {state}", found[unit]);
        count += usize::from(!is_left_out);
    }
    ensure!(found.as_object().is_some_and(|found| found.len() == count), "more than systemd lists: {found:#}");
    Ok(())
}
