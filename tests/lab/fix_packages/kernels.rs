//! Kernels that are removed from a /boot of its own: by apt itself, from packages that the test builds.

use anyhow::ensure;

use super::{TOOLS, action, says, with_tools};
use crate::harness::{Lab, Run, Tested, recipe};

crate::tests!("fix_kernels":
    the_oldest_goes_and_only_with_consent,
    what_is_held_or_needed_stays,
);

/// What installs a kernel makes its ramdisk, and what removes it takes that along.
const KERNELS: &str = r#"
kernel() {
    version=6.1.0-$1-amd64
    rm -rf /root/more; mkdir -p /root/more/boot /root/more/DEBIAN
    head -c 2000000 /dev/zero >"/root/more/boot/vmlinuz-$version"
    printf '#!/bin/sh\nrm -f /boot/initrd.img-%s\n' "$version" >/root/more/DEBIAN/postrm
    chmod 755 /root/more/DEBIAN/postrm
    build "linux-image-$version" 1 '' "head -c 20000000 /dev/zero >/boot/initrd.img-$version"
    rm -rf /root/more
    build "linux-headers-$version" 1 "Depends: linux-image-$version"
    dpkg --install "/root/built/linux-image-${version}_1_all.deb" "/root/built/linux-headers-${version}_1_all.deb"
}
for number in 9 10 11 12; do kernel $number; done
build linux-image-amd64 1 'Depends: linux-image-6.1.0-12-amd64'
dpkg --install /root/built/linux-image-amd64_1_all.deb
mkdir /boot/grub
printf 'menuentry a {\n linux /vmlinuz-6.1.0-12-amd64 ro\n}\n' >/boot/grub/grub.cfg
"#;

const LEFT: &str =
    "cd /boot; ls vmlinuz-* initrd.img-*; dpkg-query -W -f '${Package} ${Status}\n' 'linux-*' | grep ' installed'";

fn host() -> anyhow::Result<Lab> {
    let lab = recipe::plain().disk("/boot", "ext4", "128m").boot()?;
    lab.write("/root/tools", TOOLS)?;
    with_tools(&lab, KERNELS)?;
    Ok(lab)
}

fn fix(lab: &Lab, arguments: &[&str]) -> anyhow::Result<Run> {
    lab.hostready(&[&["fix", "--json", "--for", "os"], arguments, &["disk.boot"]].concat())
}

const ACCEPTED: [&str; 3] = ["--apply", "--accept", "kernels.remove"];

fn available(lab: &Lab) -> anyhow::Result<u64> {
    Ok(lab.sh("df --output=avail -B1 /boot | tail -1")?.trim().parse()?)
}

fn is_refused(run: &Run, words: &str) -> Tested {
    run.exits(6)?;
    let refused = action(run, "kernels.remove")?;
    ensure!(refused["state"] == "refused" && run.report()?["changed"] == false, "{refused:#}");
    says(refused, words)
}

fn the_oldest_goes_and_only_with_consent() -> Tested {
    let lab = host()?;
    lab.check(&["--for", "os", "--only", "disk.boot"])?.blocks("disk.boot", "/boot", None)?;
    let (left, before) = (lab.sh(LEFT)?, available(&lab)?);
    let run = fix(&lab, &[])?;
    let plan = action(&run, "kernels.remove")?;
    says(plan, "6.1.0-9-amd64: neither running, nor the newest, nor what the boot menu starts")?;
    ensure!(plan["needs"] == serde_json::json!(["--accept kernels.remove"]), "{plan:#}");
    ensure!(plan["frees_bytes"] == 22_000_000 && plan["undo"].to_string().contains("none:"), "{plan:#}");
    is_refused(&fix(&lab, &["--apply"])?, "--accept kernels.remove")?;
    // What would go with it is somebody's.
    with_tools(&lab, "build needy 1 'Depends: linux-image-6.1.0-9-amd64'; dpkg --install /root/built/needy_1_all.deb")?;
    is_refused(&fix(&lab, &ACCEPTED)?, "apt would also remove needy")?;
    lab.sh("dpkg --purge needy")?;
    ensure!((lab.sh(LEFT)?, available(&lab)?) == (left.clone(), before), "something was removed");

    let run = fix(&lab, &ACCEPTED)?;
    let done = action(&run, "kernels.remove")?;
    ensure!(done["state"] == "applied" && done["changed"] == true, "{done:#}\n{}", run.stderr);
    run.passes("disk.boot", "/boot")?;
    let kept: Vec<&str> = left.lines().filter(|line| !line.contains("6.1.0-9-")).collect();
    ensure!(lab.sh(LEFT)?.lines().eq(kept), "left:\n{}", lab.sh(LEFT)?);
    let freed = available(&lab)? - before;
    ensure!(done["frees_bytes"] == freed, "{freed} were freed: {done:#}");

    let again = fix(&lab, &ACCEPTED)?;
    ensure!(
        again.report()?["changed"] == false && again.report()?["actions"] == serde_json::json!([]),
        "{}",
        again.stdout
    );
    let undo = lab.hostready(&["undo", "--json"])?;
    undo.exits(0)?;
    ensure!(undo.stdout.contains("cannot be taken back"), "{}", undo.stdout);
    Ok(())
}

fn what_is_held_or_needed_stays() -> Tested {
    let lab = host()?;
    lab.sh("apt-mark hold linux-headers-6.1.0-9-amd64
        printf 'menuentry a {\n linux /vmlinuz-6.1.0-10-amd64 ro\n}\n' >/boot/grub/grub.cfg")?;
    let run = fix(&lab, &ACCEPTED)?;
    let done = action(&run, "kernels.remove")?;
    ensure!(done["state"] == "applied", "{done:#}\n{}", run.stderr);
    let left = lab.sh("cd /boot; ls vmlinuz-*; apt-mark showhold")?;
    let [nine, ten, twelve] = ["9", "10", "12"].map(|number| format!("vmlinuz-6.1.0-{number}-amd64"));
    ensure!(left == format!("{ten}\n{twelve}\n{nine}\nlinux-headers-6.1.0-9-amd64"), "{left}");

    // Without a menu nobody can tell what boots next.
    lab.sh("rm /boot/grub/grub.cfg; head -c 25000000 /dev/zero >/boot/else")?;
    is_refused(&fix(&lab, &ACCEPTED)?, "which kernel boots next cannot be told")
}
