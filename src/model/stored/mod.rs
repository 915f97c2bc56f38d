//! What documents are made of, as JSON.
//!
//! Serde's derived code is made anew for every type of row, at some 300 bytes a field: together it was a tenth of the
//! program. Here a type only says where its fields are, and one reader and one writer serve all.

mod fields;
mod kinds;
mod read;
#[cfg(test)]
mod tests;
mod write;

use serde_json::{Map, Value};

pub use fields::{Field, Layout, Need};
pub(crate) use fields::{choice, content, document, layout, need, part, row};
pub use read::read;

/// Something that a document holds.
pub trait Stored: Sized {
    /// What stands in its place until it is read.
    fn blank() -> Self;

    fn place(&mut self) -> Place<'_>;

    fn view(&self) -> View<'_>;

    /// A list of these: bytes are kept in a way of their own.
    fn places(list: &mut Vec<Self>) -> Place<'_> {
        Place::List(list)
    }

    fn views(list: &Vec<Self>) -> View<'_> {
        View::List(list)
    }
}

/// Where something goes that is read.
pub enum Place<'a> {
    Flag(&'a mut bool),
    Number(&'a mut dyn Number),
    Text(&'a mut String),
    Bytes(&'a mut Vec<u8>),
    Maybe(&'a mut dyn Maybe),
    List(&'a mut dyn List),
    Entries(&'a mut dyn Entries),
    Choice(&'a mut dyn Choice),
    Object(&'a mut Map<String, Value>),
    Row(&'static Layout, Vec<Place<'a>>),
    /// It has been read.
    Filled,
}

/// What something is when it is written.
pub enum View<'a> {
    None,
    Flag(bool),
    Count(u64),
    Signed(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
    List(&'a dyn List),
    Entries(&'a dyn Entries),
    Choice(&'a dyn Choice),
    Object(&'a Map<String, Value>),
    Row(&'static Layout, Vec<View<'a>>),
}

pub trait Number {
    /// How errors call it: `u32`.
    fn name(&self) -> &'static str;

    /// False where it does not hold so large a number.
    fn set(&mut self, number: i128) -> bool;
}

pub trait Maybe {
    fn fill(&mut self) -> Place<'_>;
}

pub trait List {
    fn push(&mut self) -> Place<'_>;

    fn at(&self, index: usize) -> Option<View<'_>>;
}

pub trait Entries {
    /// None where there can be none of this name.
    fn entry(&mut self, name: &str) -> Option<Place<'_>>;

    fn each(&self, then: &mut dyn FnMut(&str, View<'_>));
}

/// One of several, told by a word.
pub trait Choice {
    fn words(&self) -> &'static [&'static str];

    /// Where the rest goes, if more belongs to it than the word; an error where there is no such word.
    fn choose(&mut self, word: &str) -> Result<Option<Place<'_>>, UnknownWord>;

    fn chosen(&self) -> (&'static str, Option<View<'_>>);
}

#[derive(Clone, Copy, Debug)]
pub struct UnknownWord;
