//! The two formats of lz4: the old one, which the kernel reads, and frames.
//! <https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>

use std::io::{Read, Seek};

use super::cpio;
use super::stream::{Stop, Stream};

const LEGACY: u32 = 0x184c_2102;
/// What each block of the old format holds unpacked; the last holds less.
const LEGACY_BLOCK: usize = 8 << 20;
/// What that takes packed in the worst case.
const LARGEST_LEGACY: u32 = (LEGACY_BLOCK + LEGACY_BLOCK / 255 + 16) as u32;

/// Of a frame's block: it is stored as it is.
const PLAIN: u32 = 1 << 31;

/// Nothing marks the end but that no block follows. A file that was cut off between two blocks ends with a full one.
pub fn follow_legacy(stream: &mut Stream<impl Read + Seek>) -> Result<(), Stop> {
    stream.skip(4)?;
    let mut last = None;
    while stream.position() < stream.length() {
        let size = u32::from_le_bytes(stream.array()?);
        if size == LEGACY {
            continue;
        }
        if size == 0 || size > LARGEST_LEGACY {
            // Padding, or the next archive.
            stream.go_to(stream.position() - 4)?;
            break;
        }
        last = Some((stream.position(), size));
        stream.skip(u64::from(size))?;
    }
    let end = stream.position();
    let (start, size) = last.ok_or(Stop::Ends)?;
    stream.go_to(start)?;
    let unpacked = unpack(stream, u64::from(size))?;
    stream.go_to(end)?;
    let content = &unpacked[..unpacked.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)];
    match unpacked.len() < LEGACY_BLOCK || content.ends_with(cpio::LAST.as_bytes()) {
        true => Ok(()),
        false => Err(Stop::Ends),
    }
}

/// One block of `size` bytes.
fn unpack(stream: &mut Stream<impl Read + Seek>, size: u64) -> Result<Vec<u8>, Stop> {
    let end = stream.position() + size;
    let mut unpacked: Vec<u8> = Vec::new();
    loop {
        let token = stream.byte()?;
        for _ in 0..length(stream, token >> 4)? {
            unpacked.push(stream.byte()?);
        }
        if stream.position() >= end {
            break;
        }
        let distance = usize::from(u16::from_le_bytes(stream.array()?));
        let count = length(stream, token & 15)? + 4;
        let from = unpacked.len().checked_sub(distance).filter(|_| distance > 0);
        let from = from.ok_or(Stop::Malformed("a block repeats what was never there"))?;
        if unpacked.len() + count > LEGACY_BLOCK {
            break;
        }
        // What is repeated may reach into what it makes.
        let filled = unpacked.len() + count;
        while unpacked.len() < filled {
            let piece = (unpacked.len() - from).min(filled - unpacked.len());
            unpacked.extend_from_within(from..from + piece);
        }
    }
    match stream.position() == end && unpacked.len() <= LEGACY_BLOCK {
        true => Ok(unpacked),
        false => Err(Stop::Malformed("a block is not as long as it says")),
    }
}

fn length(stream: &mut Stream<impl Read + Seek>, start: u8) -> Result<usize, Stop> {
    let mut length = usize::from(start);
    if start == 15 {
        loop {
            let more = stream.byte()?;
            length += usize::from(more);
            if length > LEGACY_BLOCK {
                return Err(Stop::Malformed("a block is not as long as it says"));
            }
            if more != 255 {
                break;
            }
        }
    }
    Ok(length)
}

pub fn follow_frame(stream: &mut Stream<impl Read + Seek>) -> Result<(), Stop> {
    stream.skip(4)?;
    let [flags, block] = stream.array()?;
    if flags >> 6 != 1 {
        return Err(Stop::Malformed("a frame of a version that there is not"));
    }
    let (has_block_checksum, has_size) = (flags & 0x10 != 0, flags & 0x08 != 0);
    let (has_checksum, has_dictionary) = (flags & 0x04 != 0, flags & 0x01 != 0);
    let largest = match (block >> 4) & 7 {
        code @ 4..=7 => 1 << (8 + 2 * u32::from(code)),
        _ => return Err(Stop::Malformed("blocks of a size that there is not")),
    };
    stream.skip(if has_size { 8 } else { 0 } + if has_dictionary { 4 } else { 0 } + 1)?;
    loop {
        let header = u32::from_le_bytes(stream.array()?);
        let (is_packed, size) = (header & PLAIN == 0, header & !PLAIN);
        if size == 0 {
            return stream.skip(if has_checksum { 4 } else { 0 });
        }
        if size > largest {
            return Err(Stop::Malformed("a block larger than blocks may be"));
        }
        stream.skip(u64::from(size))?;
        // A block ends in a few bytes as they are, and what comes before them would be a repetition.
        if is_packed && stream.is_behind_zeros(u64::from(size))? {
            return Err(Stop::Malformed("a block ends in zeros"));
        }
        stream.skip(if has_block_checksum { 4 } else { 0 })?;
    }
}
