//! What each fix for space would free, and the smallest set that is enough.

use super::outcome::Outcome;
use crate::catalog::kind::Kind;
use crate::catalog::{Catalog, Check};
use crate::facts::Facts;
use crate::model::answer::FileRow;
use crate::model::finding::Offer;
use crate::model::query::Freeable;
use crate::model::{Query, Reading};
use crate::units::AbsolutePath;

/// The fixes of `check`, safest first as the catalog lists them, measured on the filesystem `device`.
///
/// What could not be read is offered without a figure: unknown is not nothing.
pub fn for_space(catalog: &Catalog, check: &Check, facts: &Facts<'_>, device: &str, short_by: u64) -> Vec<Offer> {
    let mut families = Vec::new();
    let mut offers: Vec<Offer> = check
        .fixes
        .iter()
        .filter_map(|id| catalog.fix(id))
        .filter_map(|fix| {
            let frees = match facts.reading::<Vec<FileRow>>(&Query::Freeable(fix.frees?)) {
                Reading::Known(files) => Some(freed_on(device, files)),
                Reading::Absent => Some(0),
                Reading::Unreadable(_) => None,
            };
            if fix.archives {
                archive_place(check, facts, device, frees?)?;
            }
            families.push(fix.frees);
            Some(Offer {
                id: fix.id.clone(),
                frees_bytes: frees,
                sufficient: frees.map(|frees| frees >= short_by),
                in_smallest_set: None,
                undo: fix.undo.clone(),
                by_hand: fix.by_hand.clone(),
            })
        })
        .collect();
    let known = offers.iter().map(|offer| offer.frees_bytes.unwrap_or(0));
    let set = smallest_set(&families.into_iter().zip(known).collect::<Vec<_>>(), short_by);
    for (at, offer) in offers.iter_mut().enumerate() {
        offer.in_smallest_set = offer.frees_bytes.map(|_| set.contains(&at));
    }
    // What would free nothing here is no help to a person.
    offers.retain(|offer| offer.frees_bytes != Some(0));
    offers
}

/// Says so where we looked and no fix has anything to free.
pub fn mention_none(mut outcome: Outcome, offers: &[Offer], check: &Check, facts: &Facts<'_>) -> Outcome {
    let has_looked = Freeable::ALL.into_iter().all(|family| facts.answers.0.contains_key(&Query::Freeable(family)));
    if offers.is_empty() && has_looked && !check.fixes.is_empty() {
        outcome.detail.push_str("; no fix has anything to free on it");
    }
    outcome
}

fn freed_on(device: &str, files: &[FileRow]) -> u64 {
    files.iter().filter(|file| file.device == device).map(|file| file.bytes).sum()
}

/// Filesystems that keep what is written to them, and do not take it from where there is none to spare.
const ON_DISK: [&str; 8] = ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs"];

/// What is left free where an archive is put, beside what checks ask for.
const LEFT_FREE: u64 = 256 << 20;

/// Where logs of so many bytes may be moved to from the filesystem `device`: the directory with most room to spare.
pub fn archive_place<'c>(check: &'c Check, facts: &Facts<'_>, device: &str, bytes: u64) -> Option<&'c str> {
    let Kind::FilesystemSpace(spec) = &check.kind else { return None };
    let room = |place: &&AbsolutePath| {
        let space = facts.space(place).known().filter(|space| space.existing == ***place)?;
        let fits = space.device != device && !space.read_only && ON_DISK.contains(&space.filesystem_type.as_str());
        let on_it = |path: &&AbsolutePath| facts.space(path).known().is_some_and(|it| it.device == space.device);
        let needs = spec.paths.iter().filter(|(path, _)| on_it(path)).map(|(_, need)| need.0).max().unwrap_or(0);
        let left = space.available.checked_sub(bytes.saturating_add(needs).saturating_add(LEFT_FREE))?;
        fits.then_some(left)
    };
    let roomy = spec.archive_to.iter().filter_map(|place| Some((room(&place)?, &**place)));
    roomy.min_by_key(|(left, _)| std::cmp::Reverse(*left)).map(|(_, place)| place)
}

/// The fewest that reach `short_by` by what they free; of several sets, the one that comes first, since the list is
/// ordered by safety. What is of one family frees the same files. Empty where all together are not enough.
fn smallest_set(frees: &[(Option<Freeable>, u64)], short_by: u64) -> Vec<usize> {
    let chosen = |mask: u32| (0..frees.len()).filter(move |at| mask & (1 << at) != 0);
    let counts_twice =
        |mask: u32| chosen(mask).any(|at| chosen(mask).any(|other| other < at && frees[other].0 == frees[at].0));
    (1_u32..1 << frees.len().min(16))
        .filter(|mask| !counts_twice(*mask) && chosen(*mask).map(|at| frees[at].1).sum::<u64>() >= short_by)
        .min_by_key(|mask| (mask.count_ones(), chosen(*mask).collect::<Vec<_>>()))
        .map_or_else(Vec::new, |mask| chosen(mask).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smallest(frees: &[u64], short_by: u64) -> Vec<usize> {
        let family = |at| [Some(Freeable::AptCache), Some(Freeable::RotatedLogs), Some(Freeable::ArchivedJournals)][at];
        let frees: Vec<_> = frees.iter().enumerate().map(|(at, bytes)| (family(at), *bytes)).collect();
        smallest_set(&frees, short_by)
    }

    #[test]
    fn the_smallest_set_is_the_fewest_then_the_safest() {
        assert_eq!(smallest(&[5, 10, 20], 4), [0]);
        assert_eq!(smallest(&[5, 10, 20], 15), [2]);
        assert_eq!(smallest(&[5, 10, 20], 22), [0, 2]);
        assert_eq!(smallest(&[5, 10, 20], 35), [0, 1, 2]);
        assert_eq!(smallest(&[5, 10, 20], 36), [] as [usize; 0]);
        assert_eq!(smallest(&[], 1), [] as [usize; 0]);
    }

    #[test]
    fn the_same_files_are_freed_once() {
        let logs = Some(Freeable::RotatedLogs);
        let frees = [(logs, 10), (logs, 10), (Some(Freeable::ArchivedJournals), 5)];
        assert_eq!(smallest_set(&frees, 12), [0, 2], "archived rather than deleted");
        assert_eq!(smallest_set(&frees, 16), [] as [usize; 0]);
    }
}
