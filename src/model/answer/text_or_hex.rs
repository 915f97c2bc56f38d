//! Bytes are kept as text where they are text: a recording is made to be read.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(String),
    Hex { hex: String },
}

pub fn serialize<S: Serializer>(bytes: &[u8], out: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        // Megabytes of a switch's rows: they go out as they are.
        Ok(text) => out.serialize_str(text),
        Err(_) => Stored::Hex { hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect() }.serialize(out),
    }
}

pub fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<u8>, D::Error> {
    match Stored::deserialize(input)? {
        Stored::Text(text) => Ok(text.into_bytes()),
        Stored::Hex { hex } => hex
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(|| D::Error::custom("bytes are not written in hex")),
    }
}
