//! Values taken out of a table of TOML, each with its place.
//!
//! What is read of a table is a list of its keys. A parser that was derived for each type would be a tenth of the
//! program: this one knows a handful of types, and is made once.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::Datetime;

use super::source::{Source, SourceError};
use crate::model::sorted::SortedMap;
use crate::units::{AbsolutePath, Bytes, Proxy, Target, UnitName};

/// What else a table may hold: its keys, and how they are announced.
pub type Besides = (&'static [&'static str], &'static str);

/// A table, and where it stands.
#[derive(Debug)]
pub struct Fields<'v> {
    pub source: &'v Source<'v>,
    pub table: &'v DeTable<'v>,
    pub span: Range<usize>,
    pub besides: Besides,
}

/// A value, and where it stands.
#[derive(Debug)]
pub struct Placed<'v> {
    source: &'v Source<'v>,
    value: &'v DeValue<'v>,
    span: Range<usize>,
}

/// What can be read of a value.
pub trait Written: Sized {
    fn read(value: Placed<'_>) -> Result<Self, SourceError>;
}

/// What is written as a table.
pub trait Table: Sized {
    const KEYS: &'static [&'static str];

    fn of(fields: &Fields<'_>) -> Result<Self, SourceError>;
}

/// The keys of a table, which are the names of the fields: those that must be there, behind a semicolon those that
/// need not, and behind two dots the field that is no key.
macro_rules! table {
    ($type:ident: $($needed:ident),* $(; $($optional:ident),* $(.. $later:ident)?)?) => {
        impl $crate::catalog::fields::Table for $type {
            const KEYS: &'static [&'static str] = &[$(stringify!($needed),)* $($(stringify!($optional)),*)?];

            fn of(fields: &$crate::catalog::fields::Fields<'_>) -> Result<Self, $crate::catalog::SourceError> {
                Ok(Self {
                    $($needed: fields.needed(stringify!($needed))?,)*
                    $($($optional: fields.optional(stringify!($optional))?,)* $($later: Default::default())?)?
                })
            }
        }
    };
}

/// The words that stand for the values of an enum.
macro_rules! words {
    ($type:ident: $($word:literal => $value:ident),* $(,)?) => {
        impl $crate::catalog::fields::Written for $type {
            fn read(value: $crate::catalog::fields::Placed<'_>) -> Result<Self, $crate::catalog::SourceError> {
                let index = value.one_of(&[$($word),*])?;
                Ok([$(Self::$value),*][index])
            }
        }
    };
}

pub(crate) use {table, words};

impl<'v> Fields<'v> {
    /// The table as what it stands for.
    pub fn whole<T: Table>(&self) -> Result<T, SourceError> {
        self.only(T::KEYS)?;
        T::of(self)
    }

    /// There is nothing but `keys` in it, and what may be besides.
    pub fn only(&self, keys: &[&str]) -> Result<(), SourceError> {
        let (besides, announced) = self.besides;
        let is_known = |name: &str| keys.contains(&name) || besides.contains(&name);
        let Some(unknown) = self.table.keys().find(|key| !is_known(key.get_ref())) else { return Ok(()) };
        let allowed = match (keys, besides) {
            (keys, []) => allowed(keys),
            ([], besides) => format!("{announced}{}", besides.join(", ")),
            (keys, besides) => format!("{}; {announced}{}", allowed(keys), besides.join(", ")),
        };
        Err(self.source.error(unknown.span(), format!("unknown field `{}`", unknown.get_ref()), Some(allowed)))
    }

    fn find(&self, key: &str) -> Option<Placed<'v>> {
        self.table.get(key).map(|value| Placed { source: self.source, value: value.get_ref(), span: value.span() })
    }

    fn missing(&self, key: &str) -> SourceError {
        self.source.error(self.span.clone(), format!("missing field `{key}`"), None)
    }

    #[inline(never)]
    pub fn needed<T: Written>(&self, key: &str) -> Result<T, SourceError> {
        self.find(key).ok_or_else(|| self.missing(key)).and_then(T::read)
    }

    #[inline(never)]
    pub fn optional<T: Written + Default>(&self, key: &str) -> Result<T, SourceError> {
        self.find(key).map_or_else(|| Ok(T::default()), T::read)
    }
}

fn allowed(words: &[&str]) -> String {
    format!("allowed here: {}", words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "))
}

impl<'v> Placed<'v> {
    pub fn value(&self) -> &'v DeValue<'v> {
        self.value
    }

    pub fn error(&self, message: String) -> SourceError {
        self.source.error(self.span.clone(), message, None)
    }

    pub fn invalid(&self, expected: &str) -> SourceError {
        let found = match self.value {
            DeValue::String(_) => "string",
            DeValue::Integer(_) => "integer",
            DeValue::Float(_) => "float",
            DeValue::Boolean(_) => "boolean",
            DeValue::Datetime(_) => "datetime",
            DeValue::Array(_) => "sequence",
            DeValue::Table(_) => "table",
        };
        self.error(format!("invalid type: {found}, expected {expected}"))
    }

    pub fn text(&self) -> Result<&'v str, SourceError> {
        self.value.as_str().ok_or_else(|| self.invalid("a string"))
    }

    /// Which of the words it is.
    pub fn one_of(&self, words: &[&str]) -> Result<usize, SourceError> {
        let text = self.text()?;
        words.iter().position(|word| *word == text).ok_or_else(|| {
            self.source.error(self.span.clone(), format!("unknown variant `{text}`"), Some(allowed(words)))
        })
    }

    fn fields(&self) -> Result<Fields<'v>, SourceError> {
        let table = self.value.as_table().ok_or_else(|| self.invalid("a table"))?;
        Ok(Fields { source: self.source, table, span: self.span.clone(), besides: (&[], "") })
    }

    fn items(&self) -> Result<&'v [Spanned<DeValue<'v>>], SourceError> {
        self.value.as_array().map(|items| &**items).ok_or_else(|| self.invalid("a sequence"))
    }
}

impl<T: Table> Written for T {
    fn read(value: Placed<'_>) -> Result<Self, SourceError> {
        value.fields()?.whole()
    }
}

impl Written for String {
    fn read(value: Placed<'_>) -> Result<Self, SourceError> {
        value.text().map(str::to_owned)
    }
}

impl Written for bool {
    fn read(value: Placed<'_>) -> Result<Self, SourceError> {
        value.value.as_bool().ok_or_else(|| value.invalid("a boolean"))
    }
}

impl Written for u64 {
    fn read(value: Placed<'_>) -> Result<Self, SourceError> {
        let DeValue::Integer(number) = value.value else { return Err(value.invalid("a whole number")) };
        Self::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| value.error(format!("invalid value: integer `{number}`, expected a number from 0 on")))
    }
}

impl Written for Bytes {
    fn read(value: Placed<'_>) -> Result<Self, SourceError> {
        match value.value {
            DeValue::Integer(_) => u64::read(value).map(Self),
            DeValue::String(text) => text.parse().map_err(|what| value.error(what)),
            _ => Err(value.invalid("an amount such as \"5GiB\" or a number of bytes")),
        }
    }
}

/// Strings that their type checks.
macro_rules! checked {
    ($($type:ident)*) => {$(
        impl Written for $type {
            fn read(value: Placed<'_>) -> Result<Self, SourceError> {
                Self::try_from(value.text()?.to_owned()).map_err(|what| value.error(what))
            }
        }
    )*};
}

checked! { AbsolutePath UnitName Proxy Target }

impl Written for Datetime {
    fn read(value: Placed<'_>) -> Result<Self, SourceError> {
        value.value.as_datetime().copied().ok_or_else(|| value.invalid("a date"))
    }
}

impl<T: Written> Written for Option<T> {
    fn read(value: Placed<'_>) -> Result<Self, SourceError> {
        T::read(value).map(Some)
    }
}

impl<T: Written> Written for Spanned<T> {
    fn read(value: Placed<'_>) -> Result<Self, SourceError> {
        let span = value.span.clone();
        T::read(value).map(|read| Self::new(span, read))
    }
}

impl<T: Written> Written for Vec<T> {
    fn read(value: Placed<'_>) -> Result<Self, SourceError> {
        let mut read = Self::new();
        for item in value.items()? {
            read.push(T::read(Placed { source: value.source, value: item.get_ref(), span: item.span() })?);
        }
        Ok(read)
    }
}

impl<K: Written + Ord, V: Written> Written for SortedMap<K, V> {
    fn read(value: Placed<'_>) -> Result<Self, SourceError> {
        let mut read = Self::new();
        for (key, item) in value.fields()?.table {
            let name = DeValue::String(key.get_ref().clone());
            let name = K::read(Placed { source: value.source, value: &name, span: key.span() })?;
            read.insert(name, V::read(Placed { source: value.source, value: item.get_ref(), span: item.span() })?);
        }
        Ok(read)
    }
}
