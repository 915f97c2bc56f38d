//! xz, from its end: the footer of a stream says where its index is, and the index how long the stream is.
//! <https://tukaani.org/xz/xz-file-format.txt>

use std::io::{Read, Seek};

use super::cpio;
use super::stream::{Stop, Stream};

const HEADER: u64 = 12;
const FOOTER: u64 = 12;

/// Follows the streams that lie between here and the end of the file.
pub fn follow(stream: &mut Stream<impl Read + Seek>) -> Result<(), Stop> {
    let first = stream.position();
    let mut end = stream.length();
    while end > first {
        end = without_zeros(stream, end)?;
        end = start_of_stream(stream, first, end)?;
    }
    stream.go_to(stream.length())
}

/// Where the stream starts that ends at `end`.
fn start_of_stream(stream: &mut Stream<impl Read + Seek>, first: u64, end: u64) -> Result<u64, Stop> {
    if end < first + HEADER + FOOTER {
        return Err(Stop::Ends);
    }
    stream.go_to(end - FOOTER)?;
    let footer: [u8; FOOTER as usize] = stream.array()?;
    let [c0, c1, c2, c3, b0, b1, b2, b3, f0, f1, b'Y', b'Z'] = footer else {
        return Err(if footer.ends_with(cpio::LAST.as_bytes()) { APPENDED } else { Stop::Ends });
    };
    if crc32(&footer[4..10]) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err(Stop::Ends);
    }
    let index = (u64::from(u32::from_le_bytes([b0, b1, b2, b3])) + 1) * 4;
    let index_start = end.checked_sub(FOOTER + index).filter(|start| *start >= first + HEADER);
    let index_start = index_start.ok_or(Stop::Malformed("an index larger than the file"))?;
    let blocks = blocks_of(stream, index_start, index)?;
    let start = index_start.checked_sub(blocks.saturating_add(HEADER)).filter(|start| *start >= first);
    let start = start.ok_or(Stop::Malformed("an index of more than there is"))?;
    stream.go_to(start)?;
    let header: [u8; HEADER as usize] = stream.array()?;
    if header[..6] != *b"\xfd7zXZ\0" || header[6..8] != [f0, f1] {
        return Err(Stop::Malformed("no header where the index says that one is"));
    }
    Ok(start)
}

const APPENDED: Stop = Stop::CannotFollow("it is packed with xz, and something follows that is not");

/// How many bytes the blocks take that an index lists.
fn blocks_of(stream: &mut Stream<impl Read + Seek>, start: u64, size: u64) -> Result<u64, Stop> {
    const NO_INDEX: Stop = Stop::Malformed("no index where the footer says that one is");
    stream.go_to(start)?;
    let mut crc = Crc::default();
    let mut next = |stream: &mut Stream<_>| stream.byte().inspect(|byte| crc.add(*byte));
    let mut number = |stream: &mut Stream<_>| {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = next(stream)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(NO_INDEX)
    };
    if number(stream)? != 0 {
        return Err(NO_INDEX);
    }
    let records = number(stream)?;
    let mut blocks: u64 = 0;
    for _ in 0..records {
        let unpadded = number(stream)?;
        number(stream)?;
        if stream.position() > start + size {
            return Err(NO_INDEX);
        }
        blocks = blocks.saturating_add(unpadded.next_multiple_of(4));
    }
    while stream.position() + 4 < start + size {
        number(stream)?;
    }
    let sum = u32::from_le_bytes(stream.array()?);
    if stream.position() == start + size && sum == crc.value() { Ok(blocks) } else { Err(NO_INDEX) }
}

/// Where the zeros begin that end at `end`: four at a time, as padding is.
fn without_zeros(stream: &mut Stream<impl Read + Seek>, mut end: u64) -> Result<u64, Stop> {
    const PIECE: u64 = 4096;
    let mut piece = [0; PIECE as usize];
    loop {
        let size = end.min(PIECE);
        if size == 0 {
            return Ok(0);
        }
        stream.go_to(end - size)?;
        let piece = &mut piece[..size as usize];
        stream.take(piece)?;
        match piece.iter().rposition(|byte| *byte != 0) {
            Some(last) => return Ok(end - size + last as u64 + 1),
            None => end -= size,
        }
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::default();
    bytes.iter().for_each(|byte| crc.add(*byte));
    crc.value()
}

/// Few bytes are summed: no table is worth its room.
struct Crc(u32);

impl Default for Crc {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Crc {
    fn add(&mut self, byte: u8) {
        self.0 ^= u32::from(byte);
        for _ in 0..8 {
            self.0 = (self.0 >> 1) ^ (0xedb8_8320 & (self.0 & 1).wrapping_neg());
        }
    }

    fn value(&self) -> u32 {
        !self.0
    }
}
