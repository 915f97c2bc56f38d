//! The root filesystem that every lab starts from: made once, kept outside the tree, never written to again.

use std::env;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use ring::digest::{SHA256, digest};

use super::Outcome;

const PACKAGES: &[&str] = &[
    "apt",
    "bzip2",
    "dbus",
    "dpkg",
    "initramfs-tools",
    "iproute2",
    "lz4",
    "lzop",
    "openssh-server",
    "openvswitch-switch",
    "python3",
    "strace",
    "systemd",
    "systemd-sysv",
    "xz-utils",
    "zstd",
];

/// Packages that lie in the image and are not installed: most hosts do not have them. `Lab::install` does it.
const ON_THE_SHELF: &[&str] = &["netplan.io", "ovn-central", "ovn-host", "rpm"];

/// Where they lie, each with what it needs in a directory of its name.
pub const SHELF: &str = "/usr/local/share/shelf";

/// Fetches them with what they need; `$1` is the root.
const STOCK: &str = r#"set -eu
for package in $PACKAGES; do
    chroot "$1" apt-get install --yes --quiet --no-install-recommends --download-only "$package"
    mkdir -p "$1$SHELF/$package"
    mv "$1"/var/cache/apt/archives/*.deb "$1$SHELF/$package"
done
"#;

/// What is done to the root once the packages are in it; `$1` is the root.
const FINISH: &str = r#"set -eu
# A lab's kernel is the machine's, and so would be the modules. Open vSwitch gets by without its own.
ln -sf /bin/true "$1/sbin/modprobe"
echo 5f0c1e4b8d2a4c6f9a7b3e1d0c2f4a68 >"$1/etc/machine-id"
mkdir -p "$1/opt" "$1/var/log/journal"
printf 'nameserver 192.0.2.1\n' >"$1/etc/resolv.conf"
# Jobs that would wake up in the middle of a test, and filesystems of the machine that a lab has no business with.
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer \
    systemd-tmpfiles-clean.timer sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit"
done
# A minimal root has no package that is neither known nor wanted; apt's own lists would only be large.
rm -rf "$1"/var/cache/apt/*.bin "$1"/var/lib/apt/lists/*
"#;

/// Where the image lies, after building it if nobody has.
pub fn root() -> Result<PathBuf> {
    // Once in this process, and by one process at a time.
    static BUILT: Mutex<Option<PathBuf>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(root) = built.as_ref() {
        return Ok(root.clone());
    }
    let root = find_or_build()?;
    *built = Some(root.clone());
    Ok(root)
}

/// The release that labs run.
pub fn suite() -> String {
    env::var("HOSTREADY_LAB_SUITE").unwrap_or_else(|_| "bookworm".to_owned())
}

fn find_or_build() -> Result<PathBuf> {
    let suite = suite();
    let cache = cache()?;
    let name = format!("{suite}-{}", key(&suite));
    let root = cache.join(&name);
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;

    let lock = cache.join(format!("{name}.lock"));
    let file = File::create(&lock).with_context(|| format!("cannot make {}", lock.display()))?;
    let _held = Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, errno)| errno)
        .with_context(|| format!("cannot lock {}", lock.display()))?;
    if root.is_dir() {
        return Ok(root);
    }

    eprintln!("building the root of the lab in {} (once, some 30 s)", root.display());
    let unfinished = cache.join(format!("{name}.unfinished"));
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).with_context(|| format!("cannot clear {}", unfinished.display()))?;
    }
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap
        .args(["--mode=root", "--variant=minbase", "--format=directory", "--quiet"])
        .arg(format!("--include={}", PACKAGES.join(",")))
        .arg(format!("--customize-hook={STOCK}"))
        .env("PACKAGES", ON_THE_SHELF.join(" "))
        .env("SHELF", SHELF)
        .arg(&suite)
        .arg(&unfinished);
    // The default are the mirrors of Debian itself.
    if let Ok(mirror) = env::var("HOSTREADY_LAB_MIRROR") {
        mmdebstrap.arg(mirror);
    }
    Outcome::of(&mut mmdebstrap, Duration::from_secs(900))?.success().context("cannot build the root of the lab")?;
    let mut finish = Command::new("sh");
    finish.args(["-c", FINISH, "finish"]).arg(&unfinished);
    Outcome::of(&mut finish, Duration::from_secs(60))?.success()?;
    fs::rename(&unfinished, &root).with_context(|| format!("cannot keep {}", root.display()))?;
    Ok(root)
}

fn cache() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(cache) = set("HOSTREADY_LAB_CACHE") {
        return Ok(cache);
    }
    match set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache"))) {
        Some(cache) => Ok(cache.join("hostready-lab")),
        None => bail!("no place for the root of the lab\nhint: set HOSTREADY_LAB_CACHE"),
    }
}

/// A recipe that changes makes another image.
fn key(suite: &str) -> String {
    let recipe = format!("{suite}\n{}\n{}\n{STOCK}\n{FINISH}", PACKAGES.join(","), ON_THE_SHELF.join(","));
    let digest = digest(&SHA256, recipe.as_bytes());
    digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
