//! Maps and sets, filled one entry at a time.

use std::collections::{BTreeMap, BTreeSet};

/// What is kept in order.
pub trait Ordered<T>: Default + Extend<T> {}

impl<K: Ord, V> Ordered<(K, V)> for BTreeMap<K, V> {}
impl<T: Ord> Ordered<T> for BTreeSet<T> {}

/// `collect()` sorts all entries first, and the code of that sort is made anew for every type of entry: together a
/// twentieth of the program.
pub trait Gather: Iterator + Sized {
    fn gather<C: Ordered<Self::Item>>(self) -> C {
        let mut gathered = C::default();
        gathered.extend(self);
        gathered
    }
}

impl<I: Iterator> Gather for I {}
