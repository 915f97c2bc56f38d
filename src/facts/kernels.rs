//! The kernels of a host, by their versions, and the one that boots next.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Bytes;

use super::grub::Entry;
use crate::catalog::kind::boot::BOOT;
use crate::model::answer::{self, EntryKind};

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
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// The entry of this title.
    Grub(String),
    /// Nothing that we can read says it.
    Newest,
}

impl NextKernel {
    /// As an entry of the menu says it. Its paths are those of the filesystem that holds /boot, which may be `/boot`
    /// itself, a subvolume, or the root.
    pub fn of_entry(entry: &Entry, boot: &[answer::Entry]) -> Option<Self> {
        let image = in_boot(entry.linux.as_deref()?);
        let named = image.rsplit('/').next().unwrap_or_default();
        let target = boot.iter().find(|it| it.name == named).and_then(|it| it.target.as_deref());
        let version = version_of(target.map_or(named, |target| target.rsplit('/').next().unwrap_or(target)));
        Some(Self {
            version: version.map(str::to_owned),
            initrds: entry.initrds.iter().map(|path| in_boot(path)).collect(),
            chosen_by: ChosenBy::Grub(entry.title.clone()),
            image,
        })
    }

    /// The newest in /boot, with the initial ramdisk of its version.
    pub fn newest(boot: &[answer::Entry]) -> Option<Self> {
        let kernels = boot.iter().filter(|entry| matches!(entry.kind, EntryKind::File | EntryKind::Link));
        let versions = kernels.filter_map(|entry| Some((version_of(&entry.name)?, &entry.name)));
        let (version, image) = versions.max_by(|(one, _), (other, _)| compare(one, other))?;
        Some(Self {
            version: Some(version.to_owned()),
            image: format!("{BOOT}/{image}"),
            initrds: vec![initrd_of(version)],
            chosen_by: ChosenBy::Newest,
        })
    }
}

/// Where Debian and Ubuntu keep the initial ramdisk of a kernel.
pub fn initrd_of(version: &str) -> String {
    format!("{BOOT}/initrd.img-{version}")
}

/// `/vmlinuz-…`, `/boot/vmlinuz-…`, `/@/boot/vmlinuz-…`, `/BOOT/ubuntu@/vmlinuz-…` → `/boot/vmlinuz-…`
fn in_boot(path: &str) -> String {
    let name = match path.rsplit_once("/boot/") {
        Some((_, name)) => name,
        None => path.rsplit('/').next().unwrap_or(path),
    };
    format!("{BOOT}/{name}")
}

/// `vmlinuz-6.1.0-50-amd64` → `6.1.0-50-amd64`. What an upgrade puts aside is no kernel.
pub fn version_of(name: &str) -> Option<&str> {
    let version = name.strip_prefix("vmlinuz-").or_else(|| name.strip_prefix("vmlinux-"))?;
    let is_aside = version.ends_with(".old") || version.ends_with(".bak") || version.contains(".dpkg-");
    let is_version = version.starts_with(|first: char| first.is_ascii_digit()) && !version.starts_with("0-rescue");
    (is_version && !is_aside).then_some(version)
}

/// The order of dpkg, in which a release candidate comes before its release.
/// <https://manpages.debian.org/stable/dpkg-dev/deb-version.7.en.html>
pub fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.replace("-rc", "~rc"), other.replace("-rc", "~rc"));
    let (upstream, revision) = one.rsplit_once('-').unwrap_or((&one, ""));
    let (others_upstream, others_revision) = other.rsplit_once('-').unwrap_or((&other, ""));
    compare_part(upstream, others_upstream).then_with(|| compare_part(revision, others_revision))
}

fn compare_part(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.bytes().peekable(), other.bytes().peekable());
    while one.peek().is_some() || other.peek().is_some() {
        let order = compare_words(&mut one, &mut other).then_with(|| number(&mut one).cmp(&number(&mut other)));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// What stands before the next digit.
fn compare_words(one: &mut Peekable<Bytes<'_>>, other: &mut Peekable<Bytes<'_>>) -> Ordering {
    loop {
        let next = |bytes: &mut Peekable<Bytes<'_>>| bytes.next_if(|byte| !byte.is_ascii_digit());
        match (next(one), next(other)) {
            (None, None) => return Ordering::Equal,
            (one, other) => match weight(one).cmp(&weight(other)) {
                Ordering::Equal => {}
                order => return order,
            },
        }
    }
}

/// `~` before the end, the end before letters, letters before the rest.
fn weight(byte: Option<u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(other) => i32::from(other) + 256,
    }
}

fn number(bytes: &mut Peekable<Bytes<'_>>) -> u64 {
    let mut number: u64 = 0;
    while let Some(digit) = bytes.next_if(u8::is_ascii_digit) {
        number = number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    }
    number
}

#[cfg(test)]
mod tests;
