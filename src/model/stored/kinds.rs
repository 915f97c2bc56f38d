//! The plain kinds of things that rows hold.

use crate::model::sorted::SortedMap;
use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Entries, List, Maybe, Number, Place, Stored, View};

impl Stored for bool {
    fn blank() -> Self {
        false
    }

    fn place(&mut self) -> Place<'_> {
        Place::Flag(self)
    }

    fn view(&self) -> View<'_> {
        View::Flag(*self)
    }
}

impl Stored for String {
    fn blank() -> Self {
        Self::new()
    }

    fn place(&mut self) -> Place<'_> {
        Place::Text(self)
    }

    fn view(&self) -> View<'_> {
        View::Text(self)
    }
}

impl Stored for Map<String, Value> {
    fn blank() -> Self {
        Self::new()
    }

    fn place(&mut self) -> Place<'_> {
        Place::Object(self)
    }

    fn view(&self) -> View<'_> {
        View::Object(self)
    }
}

macro_rules! number {
    ($($type:ident as $as:ident in $view:ident $({ $($list:tt)* })?),* $(,)?) => {$(
        impl Stored for $type {
            fn blank() -> Self {
                0
            }

            fn place(&mut self) -> Place<'_> {
                Place::Number(self)
            }

            fn view(&self) -> View<'_> {
                View::$view(*self as $as)
            }

            $($($list)*)?
        }

        impl Number for $type {
            fn name(&self) -> &'static str {
                stringify!($type)
            }

            fn set(&mut self, number: i128) -> bool {
                Self::try_from(number).map(|number| *self = number).is_ok()
            }
        }
    )*};
}

number! {
    u8 as u64 in Count {
        fn places(list: &mut Vec<Self>) -> Place<'_> {
            Place::Bytes(list)
        }

        fn views(list: &Vec<Self>) -> View<'_> {
            View::Bytes(list)
        }
    },
    u16 as u64 in Count,
    u32 as u64 in Count,
    u64 as u64 in Count,
    usize as u64 in Count,
    i32 as i64 in Signed,
    i64 as i64 in Signed,
}

impl<T: Stored> Stored for Option<T> {
    fn blank() -> Self {
        None
    }

    fn place(&mut self) -> Place<'_> {
        Place::Maybe(self)
    }

    fn view(&self) -> View<'_> {
        self.as_ref().map_or(View::None, T::view)
    }
}

impl<T: Stored> Stored for Box<T> {
    fn blank() -> Self {
        Self::new(T::blank())
    }

    fn place(&mut self) -> Place<'_> {
        (**self).place()
    }

    fn view(&self) -> View<'_> {
        (**self).view()
    }
}

impl<T: Stored> Maybe for Option<T> {
    fn fill(&mut self) -> Place<'_> {
        self.insert(T::blank()).place()
    }
}

impl<T: Stored> Stored for Vec<T> {
    fn blank() -> Self {
        Self::new()
    }

    fn place(&mut self) -> Place<'_> {
        T::places(self)
    }

    fn view(&self) -> View<'_> {
        T::views(self)
    }
}

impl<T: Stored> List for Vec<T> {
    fn push(&mut self) -> Place<'_> {
        self.push_mut(T::blank()).place()
    }

    fn at(&self, index: usize) -> Option<View<'_>> {
        self.get(index).map(T::view)
    }
}

/// What can name an entry.
pub trait Name: Ord + Sized {
    fn of(text: &str) -> Option<Self>;

    fn text(&self) -> Cow<'_, str>;
}

impl Name for String {
    fn of(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

impl Name for u32 {
    fn of(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn text(&self) -> Cow<'_, str> {
        Cow::Owned(self.to_string())
    }
}

impl<K: Name, T: Stored> Stored for SortedMap<K, T> {
    fn blank() -> Self {
        Self::new()
    }

    fn place(&mut self) -> Place<'_> {
        Place::Entries(self)
    }

    fn view(&self) -> View<'_> {
        View::Entries(self)
    }
}

impl<K: Name, T: Stored> Entries for SortedMap<K, T> {
    fn entry(&mut self, name: &str) -> Option<Place<'_>> {
        // What stands twice counts as it stands last.
        let value = self.entry(K::of(name)?).or_insert_with(T::blank);
        *value = T::blank();
        Some(value.place())
    }

    fn each(&self, then: &mut dyn FnMut(&str, View<'_>)) {
        for (name, value) in self {
            then(&name.text(), value.view());
        }
    }
}
