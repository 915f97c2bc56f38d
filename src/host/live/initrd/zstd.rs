//! Frames and blocks of zstd (RFC 8878). Each block says how long it is, and which is the last.

use std::io::{Read, Seek};

use super::stream::{Stop, Stream};

const LARGEST_BLOCK: u32 = 128 << 10;

pub fn follow(stream: &mut Stream<impl Read + Seek>) -> Result<(), Stop> {
    stream.skip(4)?;
    let descriptor = stream.byte()?;
    let is_single_segment = descriptor & 0x20 != 0;
    let has_checksum = descriptor & 0x04 != 0;
    if descriptor & 0x08 != 0 {
        return Err(Stop::Malformed("a reserved bit is set"));
    }
    let window = u64::from(!is_single_segment);
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content_size = [u64::from(is_single_segment), 2, 4, 8][usize::from(descriptor >> 6)];
    stream.skip(window + dictionary + content_size)?;
    loop {
        let [low, middle, high] = stream.array()?;
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let (is_last, kind, size) = (header & 1 != 0, (header >> 1) & 3, header >> 3);
        // A repeated byte says how often, and stands there once.
        let bytes = match kind {
            0 | 2 if size > LARGEST_BLOCK => return Err(Stop::Malformed("a block larger than blocks may be")),
            0 | 2 => size,
            1 => 1,
            _ => return Err(Stop::Malformed("a block of a kind that there is not")),
        };
        stream.skip(u64::from(bytes))?;
        if is_last {
            // The last byte of a packed block holds a bit that is set, or one number follows it.
            if kind == 2 && stream.is_behind_zeros(u64::from(size))? {
                return Err(Stop::Malformed("the last block ends in zeros"));
            }
            return stream.skip(if has_checksum { 4 } else { 0 });
        }
    }
}

/// A frame that whoever unpacks leaves out.
pub fn follow_skippable(stream: &mut Stream<impl Read + Seek>) -> Result<(), Stop> {
    stream.skip(4)?;
    let bytes = u32::from_le_bytes(stream.array()?);
    stream.skip(u64::from(bytes))
}
