//! What the next boot needs, made by the tools that make it on every host.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::harness::{Lab, Tested, recipe};

crate::tests!("boot":
    initial_ramdisks_of_every_kind_are_followed_and_cuts_told,
    cut_or_missing_initial_ramdisk_blocks,
    python_environments_are_told_by_their_interpreter,
);

const KERNEL: &str = "6.1.0-50-amd64";

/// What a kernel package leaves behind, without the kernel. The hook adds what microcode packages add.
const KERNEL_FILES: &str = r#"
directory=/lib/modules/$1
mkdir -p "$directory" /boot /etc/initramfs-tools/hooks
touch "$directory/modules.order" "$directory/modules.builtin"
for kind in GZIP BZIP2 LZMA XZ LZO LZ4 ZSTD; do echo "CONFIG_RD_$kind=y"; done > "/boot/config-$1"
head -c 100000 /dev/zero > "/boot/vmlinuz-$1"
cat > /etc/initramfs-tools/hooks/early <<'EOF'
#!/bin/sh
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
mkdir -p "$DESTDIR/early/kernel/x86/microcode"
head -c 5000 /dev/urandom > "$DESTDIR/early/kernel/x86/microcode/GenuineIntel.bin"
(cd "$DESTDIR/early" && find kernel | cpio --quiet -o -H newc) > /tmp/early.cpio
rm -r "$DESTDIR/early"
prepend_earlyinitramfs /tmp/early.cpio
EOF
chmod 755 /etc/initramfs-tools/hooks/early
"#;

/// Asks for `$1` cut off at many lengths and prints those at which it is told to be whole.
const CUTS: &str = r#"
size=$(stat -c %s "$1")
for part in $(seq 1 60); do
    length=$((size * part / 61 + part % 7))
    head -c "$length" "$1" > /tmp/cut
    hostready __ask initrd:/tmp/cut | grep -q '"fault":"' || echo "$length of $size"
done
for less in 1 2 3 4 5 8 12 16; do
    head -c "-$less" "$1" > /tmp/cut
    hostready __ask initrd:/tmp/cut | grep -q '"fault":"' || echo "$less less than $size"
done
"#;

fn lab_with_kernel() -> Result<Lab> {
    let lab = recipe::plain().boot()?;
    lab.run(&["sh", "-euc", KERNEL_FILES, "sh", KERNEL])?.success()?;
    Ok(lab)
}

fn asked(lab: &Lab, query: &str) -> Result<Value> {
    let said = lab.run(&["hostready", "__ask", query])?.success()?;
    let reading: Value = serde_json::from_str(&said)?;
    reading.get("known").cloned().with_context(|| format!("`{query}` is not known: {said}"))
}

fn initial_ramdisks_of_every_kind_are_followed_and_cuts_told() -> Tested {
    let lab = lab_with_kernel()?;
    for (program, format) in [("gzip", "gzip"), ("zstd", "zstd"), ("lz4", "lz4"), ("xz", "xz")] {
        let path = format!("/tmp/{program}.img");
        lab.run(&["mkinitramfs", "-c", program, "-o", &path, KERNEL])?.success()?;
        let answer = &asked(&lab, &format!("initrd:{path}"))?["initrd"];
        ensure!(answer["formats"] == serde_json::json!(["cpio", format]), "{program}: {answer}");
        ensure!(answer["fault"].is_null() && answer["not_followed"].is_null(), "{program}: {answer}");
        ensure!(answer["bytes"].as_u64() > Some(1 << 20), "{program} made hardly anything: {answer}");
        let not_told = lab.run(&["sh", "-euc", CUTS, "sh", &path])?.success()?;
        ensure!(not_told.is_empty(), "{program}, cut off and not told:\n{not_told}");
    }
    for (program, format) in [("bzip2", "bzip2"), ("lzma", "lzma"), ("lzop", "lzop")] {
        let path = format!("/tmp/{program}.img");
        lab.run(&["mkinitramfs", "-c", program, "-o", &path, KERNEL])?.success()?;
        let answer = &asked(&lab, &format!("initrd:{path}"))?["initrd"];
        ensure!(answer["fault"].is_null() && answer["not_followed"].is_string(), "{program}: {answer}");
        ensure!(answer["formats"] == serde_json::json!(["cpio", format]), "{program}: {answer}");
    }
    Ok(())
}

fn cut_or_missing_initial_ramdisk_blocks() -> Tested {
    let lab = lab_with_kernel()?;
    let path = format!("/boot/initrd.img-{KERNEL}");
    let check = |lab: &Lab| lab.check(&["--for", "reboot", "--only", "host.initrd"]);
    check(&lab)?.blocks("host.initrd", &path, Some("missing"))?;
    // What mkinitramfs leaves where it fails.
    lab.sh(&format!(": > {path}"))?;
    check(&lab)?.blocks("host.initrd", &path, Some("empty"))?;
    lab.run(&["mkinitramfs", "-o", &path, KERNEL])?.success()?;
    let whole = check(&lab)?;
    let row = whole.says("host.initrd", &path, "pass")?;
    ensure!(row["observed"]["chosen_by"] == "the newest in /boot", "{row:#}");
    // A filesystem that was full.
    lab.sh(&format!("truncate -s -100000 {path}"))?;
    check(&lab)?.blocks("host.initrd", &path, Some("truncated"))?;
    // A newer kernel is the one that boots, unless it is empty.
    lab.sh(": > /boot/vmlinuz-6.1.0-100-amd64")?;
    check(&lab)?.blocks("host.initrd", &path, Some("truncated"))?;
    lab.sh("echo kernel > /boot/vmlinuz-6.1.0-100-amd64")?;
    check(&lab)?.blocks("host.initrd", "/boot/initrd.img-6.1.0-100-amd64", Some("missing"))?;
    Ok(())
}

fn python_environments_are_told_by_their_interpreter() -> Tested {
    let lab = recipe::plain().boot()?;
    let check = |intent: &str| lab.check(&["--for", intent, "--only", "python.environment"]);
    check("os")?.passes("python.environment", "/opt")?;
    let venv = "/opt/vendor/agent/venv";
    lab.sh(&format!("mkdir -p /opt/vendor && /usr/bin/python3 -m venv --without-pip {venv}"))?;
    // Links are not followed, and an environment is found once.
    lab.sh("ln -s / /opt/all && ln -s /opt/vendor /opt/again")?;
    check("reboot")?.passes("python.environment", venv)?;
    let told = |intent: &str, cause: &str| -> Tested {
        let run = check(intent)?;
        let row = run.says("python.environment", venv, "fail")?;
        ensure!(row["cause"] == cause, "not told as {cause}: {row:#}");
        ensure!(run.rows("python.environment")?.len() == 1, "more than one row");
        Ok(())
    };
    told("os", "interpreter-will-change")?;
    // What a release upgrade does: another Python, and the environment as it was.
    lab.sh("cp /usr/bin/python3.11 /usr/bin/python3.12 && ln -sf python3.12 /usr/bin/python3")?;
    told("reboot", "interpreter-changed")?;
    lab.sh("rm /usr/bin/python3")?;
    told("reboot", "interpreter-gone")
}
