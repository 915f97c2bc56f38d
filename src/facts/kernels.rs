//! The kernels of a host, by their versions, and the one that boots next.

use std::cmp::Ordering;

use super::grub::Entry;
use super::versions;
use crate::catalog::kind::boot::BOOT;
use crate::model::answer::{self, EntryKind};
use crate::model::sorted::SortedMap;

/// The kernel that boots next, as far as files say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextKernel {
    /// `6.1.0-50-amd64`; none where a name does not tell.
    pub version: Option<String>,
    /// `/boot/vmlinuz-6.1.0-50-amd64`
    pub image: String,
    /// What the boot loader loads with it. None where its entry names none.
    pub initrds: Vec<String>,
    pub chosen_by: ChosenBy,
    pub found: Found,
}

/// What is at the kernel's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Kernel,
    /// No bytes, or a link that leads nowhere.
    Empty,
    Nothing,
    /// The menu names it in a way that leaves open where it is.
    Unseen,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// The entry of this title.
    Grub(String),
    /// Nothing that we can read says it.
    Newest,
}

impl NextKernel {
    /// As an entry of the menu says it. `files` are those that the boot loader can see, by their paths on this host.
    pub fn of_entry(entry: &Entry, files: &SortedMap<String, &answer::Entry>) -> Option<Self> {
        let written = entry.linux.as_deref()?;
        let ways = ways(written);
        let seen = |way: &&Way| files.get(&way.place(written)).copied();
        let way = ways.iter().find(|way| seen(way).is_some_and(boots));
        let way = way.or_else(|| ways.iter().find(|way| seen(way).is_some())).or(ways.first())?;
        let image = way.place(written);
        let file = files.get(&image);
        let target = file.and_then(|file| file.target.as_deref());
        Some(Self {
            version: version_of(file_name(target.unwrap_or(&image))).map(str::to_owned),
            initrds: entry.initrds.iter().map(|path| way.place(path)).collect(),
            chosen_by: ChosenBy::Grub(entry.title.clone()),
            found: match file {
                Some(file) if boots(file) => Found::Kernel,
                Some(_) => Found::Empty,
                None if is_plain(written) && files.keys().any(|path| version_of(file_name(path)).is_some()) => {
                    Found::Nothing
                }
                None => Found::Unseen,
            },
            image,
        })
    }

    /// The newest in /boot, with the initial ramdisk of its version.
    pub fn newest(boot: &[answer::Entry]) -> Option<Self> {
        let kernels = boot.iter().filter(|entry| matches!(entry.kind, EntryKind::File | EntryKind::Link));
        let versions = kernels.filter_map(|entry| Some((version_of(&entry.name)?, entry)));
        // One that is empty is the answer only where there is no other.
        let (version, file) = versions.max_by(|(one, file), (other, others_file)| {
            boots(file).cmp(&boots(others_file)).then_with(|| compare(one, other))
        })?;
        Some(Self {
            version: Some(version.to_owned()),
            image: format!("{BOOT}/{}", file.name),
            initrds: vec![initrd_of(version)],
            chosen_by: ChosenBy::Newest,
            found: if boots(file) { Found::Kernel } else { Found::Empty },
        })
    }
}

fn boots(file: &answer::Entry) -> bool {
    matches!(file.kind, EntryKind::File | EntryKind::Link) && file.bytes > 0
}

/// Where Debian and Ubuntu keep the initial ramdisk of a kernel.
pub fn initrd_of(version: &str) -> String {
    format!("{BOOT}/initrd.img-{version}")
}

/// How a path of the menu becomes one of this host: it is written for the filesystem that holds /boot, which may be
/// /boot itself, a subvolume, or the root. One of the root says `/boot/…`, as does one of a subvolume for it.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// `/vmlinuz` → `/vmlinuz`
    InRoot,
    /// `/vmlinuz` → `/boot/vmlinuz`
    InBoot,
    /// `/BOOT/ubuntu@/vmlinuz` → `/boot/vmlinuz`
    ByName,
}

impl Way {
    /// Whatever the way: `/@/boot/vmlinuz` → `/boot/vmlinuz`
    fn place(self, written: &str) -> String {
        match (written.rsplit_once("/boot/"), self) {
            (Some((_, rest)), _) => format!("{BOOT}/{rest}"),
            (None, Self::InRoot) => format!("/{}", written.trim_start_matches('/')),
            (None, Self::InBoot) => format!("{BOOT}/{}", written.trim_start_matches('/')),
            (None, Self::ByName) => format!("{BOOT}/{}", file_name(written)),
        }
    }
}

/// The likeliest first. Links without a version usually lie in the root.
fn ways(written: &str) -> &'static [Way] {
    match (written.contains("/boot/"), version_of(file_name(written))) {
        (true, _) => &[Way::InRoot],
        (false, Some(_)) => &[Way::ByName, Way::InBoot, Way::InRoot],
        (false, None) => &[Way::InRoot, Way::InBoot, Way::ByName],
    }
}

/// A kernel of the distribution in /boot itself: it is there, or nowhere.
fn is_plain(written: &str) -> bool {
    let below = written.rsplit_once("/boot/").map_or(written, |(_, below)| below);
    let directory = below.trim_start_matches('/').rsplit_once('/').map_or("", |(directory, _)| directory);
    // A subvolume or a dataset.
    let is_boot = directory.is_empty() || file_name(directory).contains('@');
    is_boot && version_of(file_name(written)).is_some()
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// `vmlinuz-6.1.0-50-amd64` → `6.1.0-50-amd64`. What an upgrade puts aside is no kernel.
pub fn version_of(name: &str) -> Option<&str> {
    let version = name.strip_prefix("vmlinuz-").or_else(|| name.strip_prefix("vmlinux-"))?;
    let is_aside = version.ends_with(".old") || version.ends_with(".bak") || version.contains(".dpkg-");
    let is_version = version.starts_with(|first: char| first.is_ascii_digit()) && !version.starts_with("0-rescue");
    (is_version && !is_aside).then_some(version)
}

/// The order of dpkg, in which a release candidate comes before its release.
pub fn compare(one: &str, other: &str) -> Ordering {
    versions::compare(&one.replace("-rc", "~rc"), &other.replace("-rc", "~rc"))
}

#[cfg(test)]
mod tests;
