//! Which host this is.

use super::Facts;
use super::repositories::UBUNTU_IN_THE_MAKING;
use crate::catalog::kind::host::BOOT_ID;
use crate::catalog::kind::packages::OS_RELEASE;
use crate::model::report::{Host, Hypervisor, Os};
use crate::model::{Query, Reading};

const HOSTNAME: &str = "/proc/sys/kernel/hostname";
const KERNEL: &str = "/proc/sys/kernel/osrelease";
const MACHINE_ID: &str = "/etc/machine-id";

/// Packages whose version is the hypervisor's, in the order in which they are looked for.
const QEMU: [&str; 3] = ["qemu-system-x86", "qemu-system-arm", "qemu-kvm"];
const LIBVIRT: [&str; 2] = ["libvirt-daemon-system", "libvirt-daemon"];

pub fn questions() -> Vec<Query> {
    [HOSTNAME, KERNEL, BOOT_ID, MACHINE_ID, OS_RELEASE].into_iter().map(|path| Query::File(path.to_owned())).collect()
}

pub fn host(facts: &Facts<'_>, profiles: Vec<String>) -> Host {
    Host {
        hostname: line(facts, HOSTNAME),
        machine_id: line(facts, MACHINE_ID),
        boot_id: line(facts, BOOT_ID),
        os: os(facts),
        kernel: running_kernel(facts),
        hypervisor: Hypervisor { qemu: upstream_version(facts, &QEMU), libvirt: upstream_version(facts, &LIBVIRT) },
        profiles,
        roles: Vec::new(),
        cluster: facts.settings.host.cluster.clone(),
        ids: Default::default(),
        labels: facts.settings.host.labels.clone(),
    }
}

/// Which release it runs, as os-release(5) says.
pub fn os(facts: &Facts<'_>) -> Os {
    let os_release = text(facts, OS_RELEASE).unwrap_or_default();
    Os { id: os_field(&os_release, "ID"), version: os_field(&os_release, "VERSION_ID") }
}

/// The release of the kernel that runs.
pub fn running_kernel(facts: &Facts<'_>) -> Option<String> {
    line(facts, KERNEL)
}

fn text(facts: &Facts<'_>, path: &str) -> Option<String> {
    match facts.reading::<Vec<u8>>(&Query::File(path.to_owned())) {
        Reading::Known(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

fn line(facts: &Facts<'_>, path: &str) -> Option<String> {
    text(facts, path).map(|text| text.trim().to_owned()).filter(|line| !line.is_empty())
}

/// A field of os-release(5), its quotes taken off.
fn os_field(text: &str, name: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?.trim();
    Some(value.trim_matches(|quote| matches!(quote, '"' | '\'')).to_owned()).filter(|value| !value.is_empty())
}

/// The codenames by which sources of this release go: its own, and that of the release that it is derived from.
pub fn codenames(os_release: &str) -> Vec<String> {
    let fields = ["VERSION_CODENAME", "UBUNTU_CODENAME", "DEBIAN_CODENAME"];
    let mut names: Vec<String> = fields.into_iter().filter_map(|field| os_field(os_release, field)).collect();
    // The release in the making bears the name of the next one, and may be fed from the one that never is released.
    if os_field(os_release, "PRETTY_NAME").is_some_and(|name| name.ends_with("/sid")) {
        names.push("sid".to_owned());
    }
    if os_field(os_release, "PRETTY_NAME").is_some_and(|name| name.ends_with("(development branch)")) {
        names.push(UBUNTU_IN_THE_MAKING.to_owned());
    }
    names
}

/// `1:6.2+dfsg-2ubuntu6` → `6.2`
fn upstream_version(facts: &Facts<'_>, names: &[&str]) -> Option<String> {
    let packages = facts.packages().known()?;
    let version = names.iter().find_map(|name| packages.find(name).filter(|found| found.is_there()))?.version;
    let upstream = version.split_once(':').map_or(version, |(_, rest)| rest);
    let end = upstream.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(upstream.len());
    Some(upstream[..end].to_owned()).filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_fields_lose_their_quotes() {
        let text = "PRETTY_NAME=\"Debian 12\"\nVERSION_ID=\"12\"\nID=debian\nID_LIKE=''\n";
        assert_eq!(os_field(text, "ID").as_deref(), Some("debian"));
        assert_eq!(os_field(text, "VERSION_ID").as_deref(), Some("12"));
        assert_eq!(os_field(text, "ID_LIKE"), None);
        assert_eq!(os_field(text, "VERSION"), None);
    }
}
