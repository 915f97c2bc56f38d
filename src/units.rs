//! Strings become values here, once, at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount of storage. Written as `5GiB`, `512 MiB` or a plain number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "BytesText", into = "u64")]
pub struct Bytes(pub u64);

#[derive(Deserialize)]
#[serde(untagged, expecting = "an amount such as \"5GiB\" or a number of bytes")]
enum BytesText {
    Number(u64),
    Text(String),
}

const BINARY: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim() {
            "" => Some(1),
            unit => BINARY.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor),
        };
        number
            .parse::<u64>()
            .ok()
            .zip(factor)
            .and_then(|(number, factor)| number.checked_mul(factor))
            .map(Self)
            .ok_or_else(|| {
                format!("`{text}` is no amount of storage: write a whole number and one of B, KiB, MiB, GiB, TiB")
            })
    }
}

impl TryFrom<BytesText> for Bytes {
    type Error = String;

    fn try_from(written: BytesText) -> Result<Self, String> {
        match written {
            BytesText::Number(bytes) => Ok(Self(bytes)),
            BytesText::Text(text) => text.parse(),
        }
    }
}

impl From<Bytes> for u64 {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

/// `3.1 GiB`, `5 GiB`, `812 KiB`. Rounded down: a person must never read that there is enough where there is not.
impl fmt::Display for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = BINARY.into_iter().find(|(_, factor)| self.0 >= *factor).unwrap_or(("B", 1));
        let tenths = u128::from(self.0) * 10 / u128::from(factor);
        if tenths % 10 == 0 {
            write!(out, "{} {unit}", tenths / 10)
        } else {
            write!(out, "{}.{} {unit}", tenths / 10, tenths % 10)
        }
    }
}

/// A pattern over finding ids in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdGlob(pub String);

impl IdGlob {
    pub fn matches(&self, id: &str) -> bool {
        matches_from(self.0.as_bytes(), id.as_bytes())
    }
}

fn matches_from(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skipped| matches_from(rest, &text[skipped..])),
        Some((byte, rest)) => text.first() == Some(byte) && matches_from(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written() {
        assert_eq!("5GiB".parse(), Ok(Bytes(5 << 30)));
        assert_eq!("512 MiB".parse(), Ok(Bytes(512 << 20)));
        assert_eq!("17".parse(), Ok(Bytes(17)));
        for wrong in ["", "GiB", "5GB", "-1", "1.5GiB", "99999999999TiB"] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (5 << 30, "5 GiB"), ((5 << 30) - 1, "4.9 GiB"), (1536, "1.5 KiB")]
        {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn globs_match_whole_ids() {
        let matches = |pattern: &str, id| IdGlob(pattern.to_owned()).matches(id);
        assert!(matches("disk.*", "disk.space"));
        assert!(matches("*.space", "disk.space"));
        assert!(matches("disk.space", "disk.space"));
        assert!(!matches("disk", "disk.space"));
        assert!(!matches("disk.space", "disk.space-shared"));
    }
}
