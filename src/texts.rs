//! Texts that build.rs packs into the program: as they stand they would be a thirtieth of it.

use std::sync::LazyLock;

/// Apart from those that are only printed: nearly every run reads them.
static CHECKS: LazyLock<String> = LazyLock::new(|| unpacked(include_bytes!(concat!(env!("OUT_DIR"), "/checks"))));

/// No catalog is one in which everything passes: what takes its place is no TOML, and the run ends with that.
const DAMAGED: &str = "\u{c}checks\n= the program is damaged";

/// The files below `checks/`, name and text, in the order in which they are read.
pub fn checks() -> impl Iterator<Item = (&'static str, &'static str)> {
    each(&CHECKS)
}

/// A page of the manual, the words of a shell or a schema; none where there is none of this name.
pub fn printed(name: &str) -> Option<String> {
    let all = unpacked(include_bytes!(concat!(env!("OUT_DIR"), "/printed")));
    each(&all).find(|(found, _)| *found == name).map(|(_, text)| text.to_owned())
}

fn each(all: &str) -> impl Iterator<Item = (&str, &str)> {
    all.split('\u{c}').filter_map(|text| text.split_once('\n'))
}

fn unpacked(packed: &[u8]) -> String {
    let text = miniz_oxide::inflate::decompress_to_vec(packed).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.unwrap_or_else(|| DAMAGED.to_owned())
}
