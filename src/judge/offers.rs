//! What each fix for space would free, and the smallest set that is enough.

use super::outcome::Outcome;
use crate::catalog::{Catalog, Check};
use crate::facts::Facts;
use crate::model::answer::FileRow;
use crate::model::finding::Offer;
use crate::model::query::Freeable;
use crate::model::{Query, Reading};

/// The fixes of `check`, safest first as the catalog lists them, measured on the filesystem `device`.
///
/// What could not be read is offered without a figure: unknown is not nothing.
pub fn for_space(catalog: &Catalog, check: &Check, facts: &Facts<'_>, device: &str, short_by: u64) -> Vec<Offer> {
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
    let known: Vec<u64> = offers.iter().map(|offer| offer.frees_bytes.unwrap_or(0)).collect();
    let set = smallest_set(&known, short_by);
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

/// The fewest of `frees` that reach `short_by`; of several, the one that comes first, since the list is
/// ordered by safety. Empty where all together are not enough.
fn smallest_set(frees: &[u64], short_by: u64) -> Vec<usize> {
    let chosen = |mask: u32| (0..frees.len()).filter(move |at| mask & (1 << at) != 0);
    (1_u32..1 << frees.len().min(16))
        .filter(|mask| chosen(*mask).map(|at| frees[at]).sum::<u64>() >= short_by)
        .min_by_key(|mask| (mask.count_ones(), chosen(*mask).collect::<Vec<_>>()))
        .map_or_else(Vec::new, |mask| chosen(mask).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_set_is_the_fewest_then_the_safest() {
        assert_eq!(smallest_set(&[5, 10, 20], 4), [0]);
        assert_eq!(smallest_set(&[5, 10, 20], 15), [2]);
        assert_eq!(smallest_set(&[5, 10, 20], 22), [0, 2]);
        assert_eq!(smallest_set(&[5, 10, 20], 35), [0, 1, 2]);
        assert_eq!(smallest_set(&[5, 10, 20], 36), [] as [usize; 0]);
        assert_eq!(smallest_set(&[], 1), [] as [usize; 0]);
    }
}
