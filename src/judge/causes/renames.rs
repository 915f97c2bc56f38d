//! NICs that were renamed, those together that took each other's names.

use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::nics::{Nics, Whereabouts};
use crate::model::gather::Gather as _;
use crate::model::sorted::SortedMap;

/// Names of the baseline. A card that is put in moves the names of all behind it by one: that is one fault.
pub fn groups<'b>(facts: &Facts<'_>, before: &'b Before<'_>) -> Vec<Vec<&'b str>> {
    let Some(then) = before.facts.links().known() else { return Vec::new() };
    let nics = Nics::new(facts, before);
    let renamed = then.keys().filter_map(|name| match nics.place(name) {
        Whereabouts::Renamed(now) => Some((name.as_str(), now.to_owned())),
        _ => None,
    });
    chains(&renamed.gather::<SortedMap<_, _>>())
}

/// `renamed` leads from the name of then to that of now.
fn chains<'b>(renamed: &SortedMap<&'b str, String>) -> Vec<Vec<&'b str>> {
    let taken: crate::model::sorted::SortedSet<&str> = renamed.values().map(String::as_str).gather();
    let mut open: SortedMap<&'b str, &str> = renamed.iter().map(|(name, now)| (*name, now.as_str())).gather();
    // A chain begins where nobody took the name; what is left then are circles.
    let starts: Vec<&'b str> = open.keys().copied().filter(|name| !taken.contains(name)).collect();
    let circles: Vec<&'b str> = open.keys().copied().collect();
    let mut groups = Vec::new();
    for start in starts.into_iter().chain(circles) {
        let mut group = Vec::new();
        let mut name = start;
        while let Some((own, now)) = open.remove_entry(name) {
            group.push(own);
            name = now;
        }
        if !group.is_empty() {
            groups.push(group);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_passed_on_are_one_group() {
        let of = |pairs: &[(&'static str, &str)]| {
            chains(&pairs.iter().map(|(then, now)| (*then, (*now).to_owned())).collect())
        };
        assert!(of(&[]).is_empty());
        assert_eq!(of(&[("ens7", "enp7s0"), ("ens8", "enp8s0")]), [["ens7"], ["ens8"]]);
        assert_eq!(of(&[("ens7", "ens8"), ("ens8", "ens7"), ("ens9", "enp9s0")]), [vec!["ens9"], vec!["ens7", "ens8"]]);
        assert_eq!(of(&[("ens7", "ens8"), ("ens8", "ens9"), ("ens9", "ens10")]), [["ens7", "ens8", "ens9"]]);
    }
}
