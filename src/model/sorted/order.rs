//! The order of entries, as their places.
//!
//! It is kept in pieces: what is put in among thousands pushes those of one piece alone.

use std::cmp::Ordering;
use std::iter::Flatten;
use std::slice;

/// The most places in one piece.
const LONGEST: usize = 128;

#[derive(Clone)]
pub struct Order {
    /// None is empty.
    pieces: Vec<Vec<usize>>,
}

/// A piece, and where in it.
pub type At = (usize, usize);

impl Order {
    pub const fn new() -> Self {
        Self { pieces: Vec::new() }
    }

    /// Where an entry is, or where it would be, by how that at a place compares with it.
    pub fn find(&self, compare: &dyn Fn(usize) -> Ordering) -> Result<At, At> {
        let Some(last) = self.pieces.len().checked_sub(1) else { return Err((0, 0)) };
        let is_before = |piece: &Vec<usize>| piece.last().is_some_and(|place| compare(*place).is_lt());
        // What comes in order is not searched for.
        if is_before(&self.pieces[last]) {
            return Err((last, self.pieces[last].len()));
        }
        let piece = self.pieces.partition_point(is_before);
        match self.pieces[piece].binary_search_by(|place| compare(*place)) {
            Ok(at) => Ok((piece, at)),
            Err(at) => Err((piece, at)),
        }
    }

    pub fn place(&self, (piece, at): At) -> usize {
        self.pieces[piece][at]
    }

    pub fn insert(&mut self, (piece, at): At, place: usize) {
        let Some(places) = self.pieces.get_mut(piece) else { return self.pieces.push(vec![place]) };
        places.insert(at, place);
        if places.len() > LONGEST {
            // What is only ever put behind fills its pieces.
            let rest = places.split_off(if at == LONGEST { at } else { LONGEST / 2 });
            self.pieces.insert(piece + 1, rest);
        }
    }

    /// Takes a place out. The entry that was the last of so many others lies there now.
    pub fn remove(&mut self, (piece, at): At, others: usize) -> usize {
        let place = self.pieces[piece].remove(at);
        if self.pieces[piece].is_empty() {
            self.pieces.remove(piece);
        }
        for moved in self.pieces.iter_mut().flatten().filter(|moved| **moved == others) {
            *moved = place;
        }
        place
    }

    pub fn iter(&self) -> Places<'_> {
        Places { places: self.pieces.iter().flatten() }
    }

    /// Which entries to swap, one after the other, until all lie in their order.
    pub fn settle(&mut self, swap: &mut dyn FnMut(usize, usize)) {
        let mut wanted: Vec<usize> = vec![0; self.iter().count()];
        for (at, place) in self.iter().enumerate() {
            wanted[place] = at;
        }
        for place in 0..wanted.len() {
            while wanted[place] != place {
                let at = wanted[place];
                swap(place, at);
                wanted.swap(place, at);
            }
        }
        self.reset(wanted.len());
    }

    /// So many entries lie in their order.
    pub fn reset(&mut self, count: usize) {
        self.pieces.clear();
        for first in (0..count).step_by(LONGEST) {
            self.pieces.push((first..count.min(first + LONGEST)).collect());
        }
    }
}

/// The places in their order.
#[derive(Clone, Debug)]
pub struct Places<'o> {
    places: Flatten<slice::Iter<'o, Vec<usize>>>,
}

impl Iterator for Places<'_> {
    type Item = usize;

    #[inline(never)]
    fn next(&mut self) -> Option<usize> {
        self.places.next().copied()
    }
}

impl DoubleEndedIterator for Places<'_> {
    #[inline(never)]
    fn next_back(&mut self) -> Option<usize> {
        self.places.next_back().copied()
    }
}
