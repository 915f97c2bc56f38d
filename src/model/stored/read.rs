//! The one reader.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::{Map, Value};

use super::{Choice, Entries, Layout, List, Need, Place, Stored};

pub fn read<'de, T: Stored, D: Deserializer<'de>>(input: D) -> Result<T, D::Error> {
    let mut blank = T::blank();
    let outcome = blank.place().deserialize(input);
    outcome.map(|()| blank)
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        match self {
            Self::Object(object) => {
                *object = <Map<String, Value> as serde::Deserialize>::deserialize(input)?;
                Ok(())
            }
            place => input.deserialize_any(place),
        }
    }
}

impl Place<'_> {
    /// Where what is there goes, whether or not there had to be anything.
    fn filled(mut self) -> Self {
        while let Self::Maybe(maybe) = self {
            self = maybe.fill();
        }
        self
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Flag(_) => "a boolean",
            Self::Number(number) => number.name(),
            Self::Text(_) => "a string",
            Self::Bytes(_) => "a string, or bytes in hex",
            Self::Maybe(_) => "option",
            Self::List(_) => "a sequence",
            Self::Entries(_) | Self::Object(_) => "a map",
            Self::Choice(choice) => return write!(out, "one of {}", choice.words().join(", ")),
            Self::Row(layout, _) => return write!(out, "struct {}", layout.name),
            Self::Filled => "nothing more",
        })
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        match self {
            Self::Maybe(_) => Ok(()),
            other => Err(E::invalid_type(Unexpected::Unit, &other)),
        }
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        match self.filled() {
            Self::Flag(place) => {
                *place = flag;
                Ok(())
            }
            other => Err(E::invalid_type(Unexpected::Bool(flag), &other)),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.number(number.into(), Unexpected::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.number(number.into(), Unexpected::Signed(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.filled() {
            Self::Text(place) => text.clone_into(place),
            Self::Bytes(place) => text.as_bytes().clone_into(place),
            Self::Choice(choice) => {
                if chosen(choice, text)?.is_some() {
                    return Err(E::invalid_type(Unexpected::UnitVariant, &"more than its name"));
                }
            }
            other => return Err(E::invalid_type(Unexpected::Str(text), &other)),
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<(), S::Error> {
        match self.filled() {
            Self::List(list) => while items.next_element_seed(Item(list))?.is_some() {},
            other => return Err(S::Error::invalid_type(Unexpected::Seq, &other)),
        }
        Ok(())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        match self.filled() {
            Self::Row(layout, places) => fields(layout, places, map),
            Self::Entries(entries) => each(entries, map),
            Self::Choice(choice) => {
                let word = map.next_key::<String>()?.ok_or_else(not_one)?;
                match chosen(choice, &word)? {
                    Some(place) => map.next_value_seed(place)?,
                    None => map.next_value::<()>()?,
                }
                nothing_more(map)
            }
            Self::Bytes(place) => {
                if map.next_key::<String>()?.as_deref() != Some("hex") {
                    return Err(M::Error::custom("bytes are written neither as text nor in hex"));
                }
                let hex = map.next_value::<String>()?;
                *place = bytes(&hex).ok_or_else(|| M::Error::custom("bytes are not written in hex"))?;
                nothing_more(map)
            }
            other => Err(M::Error::invalid_type(Unexpected::Map, &other)),
        }
    }
}

impl Place<'_> {
    fn number<E: Error>(self, number: i128, found: Unexpected<'_>) -> Result<(), E> {
        match self.filled() {
            Self::Number(place) => match place.set(number) {
                true => Ok(()),
                false => Err(E::invalid_value(found, &place.name())),
            },
            other => Err(E::invalid_type(found, &other)),
        }
    }
}

fn chosen<'a, E: Error>(choice: &'a mut dyn Choice, word: &str) -> Result<Option<Place<'a>>, E> {
    let words = choice.words();
    choice.choose(word).map_err(|_| E::unknown_variant(word, words))
}

fn nothing_more<'de, M: MapAccess<'de>>(mut map: M) -> Result<(), M::Error> {
    match map.next_key::<IgnoredAny>()? {
        None => Ok(()),
        Some(_) => Err(not_one()),
    }
}

fn not_one<E: Error>() -> E {
    E::invalid_value(Unexpected::Map, &"map with a single key")
}

/// The next entry of a list, which is made when it is known that there is one.
struct Item<'a>(&'a mut dyn List);

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        self.0.push().deserialize(input)
    }
}

fn each<'de, M: MapAccess<'de>>(entries: &mut dyn Entries, mut map: M) -> Result<(), M::Error> {
    while let Some(name) = map.next_key::<String>()? {
        let wrong = || M::Error::invalid_type(Unexpected::Str(&name), &"a number");
        map.next_value_seed(entries.entry(&name).ok_or_else(wrong)?)?;
    }
    Ok(())
}

/// A field that is not known is passed over: a newer hostready wrote it.
fn fields<'de, M: MapAccess<'de>>(
    layout: &'static Layout,
    mut places: Vec<Place<'_>>,
    mut map: M,
) -> Result<(), M::Error> {
    let mut next = 0;
    while let Some(index) = map.next_key_seed(FieldName { layout, next })? {
        let place = index.and_then(|index| places.get_mut(index));
        match (index, place.map(|place| std::mem::replace(place, Place::Filled))) {
            (Some(index), Some(Place::Filled)) => {
                return Err(M::Error::duplicate_field(layout.fields.get(index).map_or("", |field| field.name)));
            }
            (Some(index), Some(place)) => {
                map.next_value_seed(place)?;
                next = index + 1;
            }
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
    }
    let is_lost = |(field, place): &(&super::Field, &Place<'_>)| {
        field.need == Need::Required && !matches!(place, Place::Filled | Place::Maybe(_))
    };
    match layout.fields.iter().zip(&places).find(is_lost) {
        None => Ok(()),
        Some((field, _)) => Err(M::Error::missing_field(field.name)),
    }
}

/// Which field it is. They are looked for from the last one on: most documents have them in our own order.
#[derive(Clone, Copy)]
struct FieldName {
    layout: &'static Layout,
    next: usize,
}

impl<'de> DeserializeSeed<'de> for FieldName {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Option<usize>, D::Error> {
        input.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName {
    type Value = Option<usize>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        let named = |(_, field): &(usize, &super::Field)| field.name == name;
        let fields = || self.layout.fields.iter().enumerate();
        Ok(fields().skip(self.next).find(named).or_else(|| fields().find(named)).map(|(index, _)| index))
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let byte = |pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    hex.as_bytes().chunks(2).map(byte).collect()
}
