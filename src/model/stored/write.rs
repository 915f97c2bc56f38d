//! The one writer.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::{Entries, Field, Layout, List, Need, View};

impl View<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Self::None | Self::Flag(false) => true,
            Self::List(list) => list.at(0).is_none(),
            _ => false,
        }
    }
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => out.serialize_unit(),
            Self::Flag(flag) => out.serialize_bool(*flag),
            Self::Count(number) => out.serialize_u64(*number),
            Self::Signed(number) => out.serialize_i64(*number),
            Self::Text(text) => out.serialize_str(text),
            Self::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => out.serialize_str(text),
                // Text is kept as text: a recording is made to be read.
                Err(_) => {
                    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    single("hex", &View::Text(&hex), out)
                }
            },
            Self::List(list) => items(*list, out),
            Self::Entries(entries) => each(*entries, out),
            Self::Choice(choice) => match choice.chosen() {
                (word, None) => out.serialize_str(word),
                (word, Some(content)) => single(word, &content, out),
            },
            Self::Object(object) => object.serialize(out),
            Self::Row(layout, views) => fields(layout, views, out),
        }
    }
}

fn single<S: Serializer>(name: &str, content: &View<'_>, out: S) -> Result<S::Ok, S::Error> {
    let mut map = out.serialize_map(None)?;
    map.serialize_entry(name, content)?;
    map.end()
}

fn items<S: Serializer>(list: &dyn List, out: S) -> Result<S::Ok, S::Error> {
    let mut items = out.serialize_seq(None)?;
    let mut index = 0;
    while let Some(item) = list.at(index) {
        items.serialize_element(&item)?;
        index += 1;
    }
    items.end()
}

fn each<S: Serializer>(entries: &dyn Entries, out: S) -> Result<S::Ok, S::Error> {
    let mut map = out.serialize_map(None)?;
    let mut outcome = Ok(());
    entries.each(&mut |name, value| {
        if outcome.is_ok() {
            outcome = map.serialize_entry(name, &value);
        }
    });
    outcome.and_then(|()| map.end())
}

fn fields<S: Serializer>(layout: &Layout, views: &[View<'_>], out: S) -> Result<S::Ok, S::Error> {
    let mut map = out.serialize_map(None)?;
    let is_written = |(field, view): &(&Field, &View<'_>)| field.need != Need::Sparse || !view.is_empty();
    for (field, view) in layout.fields.iter().zip(views).filter(is_written) {
        map.serialize_entry(field.name, view)?;
    }
    map.end()
}
