//! What is kept in order, without the code of a sort for each type of entry.
#![allow(clippy::disallowed_methods)] // this is the home of the methods that are denied elsewhere

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::sorted::{SortedMap, SortedSet};

/// What is kept in order.
pub trait Ordered<T>: Default + Extend<T> {}

impl<K: Ord, V> Ordered<(K, V)> for SortedMap<K, V> {}
impl<T: Ord> Ordered<T> for SortedSet<T> {}
impl Ordered<(String, Value)> for Map<String, Value> {}

/// `collect()` into what is kept in order. That of a tree of the standard library brings a sort of its own along.
pub trait Gather: Iterator + Sized {
    fn gather<C: Ordered<Self::Item>>(self) -> C {
        let mut gathered = C::default();
        gathered.extend(self);
        gathered
    }
}

impl<I: Iterator> Gather for I {}

/// Puts a list in order, keeping the order of what is equal. `sort()` is made anew for every type of entry too: here
/// numbers are sorted, by one code, and the entries follow.
pub trait Arrange<T> {
    fn arrange_by(&mut self, compare: impl Fn(&T, &T) -> Ordering);

    fn arrange_by_key<K: Ord>(&mut self, key: impl Fn(&T) -> K) {
        self.arrange_by(|one, other| key(one).cmp(&key(other)));
    }

    fn arrange(&mut self)
    where
        T: Ord,
    {
        self.arrange_by(T::cmp);
    }
}

impl<T> Arrange<T> for Vec<T> {
    fn arrange_by(&mut self, compare: impl Fn(&T, &T) -> Ordering) {
        let order = ordered(self.len(), &|one, other| match (self.get(one), self.get(other)) {
            (Some(one), Some(other)) => compare(one, other),
            _ => Ordering::Equal,
        });
        let mut entries: Vec<Option<T>> = std::mem::take(self).into_iter().map(Some).collect();
        self.extend(order.into_iter().filter_map(|index| entries.get_mut(index)?.take()));
    }
}

fn ordered(length: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..length).collect();
    order.sort_by(|one, other| compare(*one, *other));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gathered_or_arranged_is_what_would_be_collected_or_sorted() {
        let words: Vec<String> = (0..300).map(|number| format!("{}", number * 7919 % 300)).collect();
        let pairs = || words.iter().enumerate().map(|(index, word)| (word.len(), index));
        assert_eq!(pairs().gather::<SortedMap<_, _>>(), pairs().collect());
        assert_eq!(words.iter().gather::<SortedSet<_>>(), words.iter().collect());
        let (mut sorted, mut arranged) = (words.clone(), words.clone());
        sorted.sort();
        arranged.arrange();
        assert_eq!(arranged, sorted);
        // What is equal stays in its order.
        let (mut sorted, mut arranged) = (words.clone(), words);
        sorted.sort_by_key(String::len);
        arranged.arrange_by_key(String::len);
        assert_eq!(arranged, sorted);
        let mut none: Vec<u8> = Vec::new();
        none.arrange();
        assert!(none.is_empty());
    }
}
