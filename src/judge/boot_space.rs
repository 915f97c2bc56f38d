//! Has /boot room for the kernels of an upgrade?
//!
//! The rule is that of Ubuntu's release upgrader (`DistUpgradeCache.py`, LP#1646222): for each kernel what one takes
//! and 1 MiB, and for each kernel and one more an initial ramdisk, since the present one is made anew beside itself.

use super::next_kernel::without_kernel;
use super::outcome::Outcome;
use crate::catalog::kind::boot::{BOOT, Space as Spec};
use crate::facts::Facts;
use crate::facts::identity::running_kernel;
use crate::facts::kernels::{NextKernel, version_of};
use crate::model::answer::{Entry, EntryKind};
use crate::model::{Query, Reading};
use crate::units::Bytes;

const MIB: u64 = 1 << 20;
/// What the rule takes an initial ramdisk for that is not there.
const USUAL_INITRD: u64 = 45 * MIB;

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let listing = Query::Listing(BOOT.to_owned());
    let outcome = match facts.reading::<Vec<Entry>>(&listing) {
        Reading::Known(entries) => match model(entries, facts) {
            Some(kernel) => judge_space(spec, entries, &kernel, facts),
            None => without_kernel(BOOT),
        },
        Reading::Absent => without_kernel(BOOT),
        Reading::Unreadable(trouble) => Outcome::unknown(BOOT, &trouble),
    };
    vec![outcome.asking(listing).asking(Query::Space(BOOT.to_owned()))]
}

/// The kernel that the next one is taken to be like: the one that runs, or the newest where that one is not in /boot.
fn model(entries: &[Entry], facts: &Facts<'_>) -> Option<String> {
    let running = running_kernel(facts).filter(|kernel| entries.iter().any(|it| version_of(&it.name) == Some(kernel)));
    running.or_else(|| NextKernel::newest(entries)?.version)
}

fn judge_space(spec: &Spec, entries: &[Entry], kernel: &str, facts: &Facts<'_>) -> Outcome {
    let space = match facts.space(BOOT) {
        Reading::Known(space) => space,
        Reading::Absent => return without_kernel(BOOT),
        Reading::Unreadable(trouble) => return Outcome::unknown(BOOT, &trouble),
    };
    let (of_kernel, of_initrd) = sizes(entries, kernel);
    let need = spec.kernels * of_kernel + (spec.kernels + 1) * of_initrd;
    let (has, needs) = (Bytes(space.available), Bytes(need));
    let what = format!("{} and {}", counted(spec.kernels, "kernel"), counted(spec.kernels + 1, "initial ramdisk"));
    let outcome = match space.available >= need {
        true => Outcome::pass(BOOT, format!("{BOOT} has {has} free, and {what} need {needs}")),
        false => Outcome::fail(BOOT, None, format!("{BOOT} has {has} free, and {what} need {needs}")),
    };
    outcome
        .expecting("free_bytes", need)
        .observing("free_bytes", space.available)
        .observing("filesystem", space.mount_point.clone())
        .observing("kernel", kernel)
        .observing("kernel_bytes", of_kernel)
        .observing("initrd_bytes", of_initrd)
}

/// What one kernel and its initial ramdisk take, with the upgrader's margins.
fn sizes(entries: &[Entry], kernel: &str) -> (u64, u64) {
    let initrd_name = format!("initrd.img-{kernel}");
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File && entry.name.contains(kernel));
    let is_aside = |name: &str| ["initrd.img", ".bak", ".dpkg-"].iter().any(|part| name.contains(part));
    let of_kernel: u64 = files.clone().filter(|file| !is_aside(&file.name)).map(|file| file.bytes).sum();
    let of_initrd: u64 = files.filter(|file| file.name == initrd_name).map(|file| file.bytes).sum();
    let of_initrd = if of_initrd == 0 { USUAL_INITRD } else { of_initrd };
    (of_kernel + MIB, with_margin(of_initrd))
}

/// What an initial ramdisk may grow to when it is made again.
pub fn with_margin(of_initrd: u64) -> u64 {
    of_initrd + (of_initrd / 20).max(MIB)
}

fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("a new {what}"),
        _ => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests;
