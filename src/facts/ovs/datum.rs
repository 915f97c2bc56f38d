//! OVSDB's notation for values (RFC 7047, 5.1): a set of one stands bare, others are tagged arrays.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

#[derive(Clone, Debug, PartialEq)]
pub enum Datum<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Real(f64),
    Boolean(bool),
    Uuid(&'a str),
    Set(Vec<Datum<'a>>),
    Map(Vec<(Datum<'a>, Datum<'a>)>),
}

impl<'a> Datum<'a> {
    /// The value of an optional column: bare, or a set of at most one.
    fn single(self) -> Option<Self> {
        match self {
            Self::Set(values) => values.into_iter().next(),
            value => Some(value),
        }
    }

    pub fn text(self) -> Option<Cow<'a, str>> {
        match self.single()? {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn integer(self) -> Option<i64> {
        match self.single()? {
            Self::Integer(number) => Some(number),
            _ => None,
        }
    }

    pub fn boolean(self) -> Option<bool> {
        match self.single()? {
            Self::Boolean(flag) => Some(flag),
            _ => None,
        }
    }

    pub fn uuid(&self) -> Option<&'a str> {
        match self {
            Self::Uuid(uuid) => Some(uuid),
            _ => None,
        }
    }

    pub fn uuids(self) -> Vec<&'a str> {
        match self {
            Self::Uuid(uuid) => vec![uuid],
            Self::Set(values) => values.iter().filter_map(Self::uuid).collect(),
            _ => Vec::new(),
        }
    }

    pub fn map(self) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
        match self {
            Self::Map(pairs) => pairs.into_iter().filter_map(|(key, value)| key.text().zip(value.text())).collect(),
            _ => Vec::new(),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Datum<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(DatumVisitor)
    }
}

struct DatumVisitor;

impl<'de> Visitor<'de> for DatumVisitor {
    type Value = Datum<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value in OVSDB's notation")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Datum<'de>, E> {
        Ok(Datum::Text(Cow::Borrowed(text)))
    }

    /// A string with escapes in it cannot be borrowed.
    fn visit_str<E: Error>(self, text: &str) -> Result<Datum<'de>, E> {
        Ok(Datum::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Datum<'de>, E> {
        Ok(Datum::Integer(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Datum<'de>, E> {
        i64::try_from(number).map(Datum::Integer).map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Datum<'de>, E> {
        Ok(Datum::Real(number))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Datum<'de>, E> {
        Ok(Datum::Boolean(flag))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Datum<'de>, S::Error> {
        let missing = || S::Error::custom("a tagged value without its content");
        let datum = match items.next_element::<&str>()? {
            Some("uuid" | "named-uuid") => Datum::Uuid(items.next_element()?.ok_or_else(missing)?),
            Some("set") => Datum::Set(items.next_element()?.ok_or_else(missing)?),
            Some("map") => Datum::Map(items.next_element()?.ok_or_else(missing)?),
            Some(tag) => return Err(S::Error::custom(format!("`{tag}` tags no value of OVSDB"))),
            None => return Err(missing()),
        };
        match items.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(datum),
            Some(_) => Err(S::Error::custom("a tagged value with too much content")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Datum<'_>, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn sets_of_none_one_and_many_are_read_alike() {
        assert_eq!(read(r#"["set",[]]"#).unwrap().text(), None);
        assert_eq!(read(r#""up""#).unwrap().text().as_deref(), Some("up"));
        assert_eq!(read(r#"["uuid","a"]"#).unwrap().uuids(), ["a"]);
        assert_eq!(read(r#"["set",[["uuid","a"],["uuid","b"]]]"#).unwrap().uuids(), ["a", "b"]);
        assert_eq!(read("-1").unwrap().integer(), Some(-1));
        assert_eq!(read(r#"["map",[["k","v\n"]]]"#).unwrap().map(), [("k".into(), "v\n".into())]);
    }

    #[test]
    fn what_is_no_value_is_an_error() {
        for wrong in ["null", "[]", r#"["set"]"#, r#"["uuid","a","b"]"#, r#"["bag",[]]"#, r#"{"a":1}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
