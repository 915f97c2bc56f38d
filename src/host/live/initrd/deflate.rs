//! gzip (RFC 1952): its end is found by walking through the codes of deflate (RFC 1951). Only lengths are counted;
//! nothing is unpacked.

use std::io::{Read, Seek};

use super::stream::{Stop, Stream};

pub fn follow_gzip(stream: &mut Stream<impl Read + Seek>) -> Result<(), Stop> {
    let [_, _, method, flags] = stream.array()?;
    if method != 8 || flags & 0xe0 != 0 {
        return Err(Stop::Malformed("no header of gzip"));
    }
    stream.skip(6)?;
    if flags & 0x04 != 0 {
        let extra = u16::from_le_bytes(stream.array()?);
        stream.skip(u64::from(extra))?;
    }
    // Its name, and a comment.
    for flag in [0x08, 0x10] {
        while flags & flag != 0 && stream.byte()? != 0 {}
    }
    stream.skip(if flags & 0x02 != 0 { 2 } else { 0 })?;
    let bytes = follow(stream)?;
    stream.skip(4)?; // a sum over what it holds
    let told = u32::from_le_bytes(stream.array()?);
    if told == bytes as u32 { Ok(()) } else { Err(Stop::Malformed("it holds more or less than it says")) }
}

/// Follows one deflate stream; how many bytes it holds.
fn follow(stream: &mut Stream<impl Read + Seek>) -> Result<u64, Stop> {
    let mut bits = Bits { stream, held: 0, count: 0 };
    let mut unpacked = 0;
    loop {
        let is_last = bits.take(1)? == 1;
        match bits.take(2)? {
            0 => {
                bits.align()?;
                let [low, high, not_low, not_high] = bits.stream.array()?;
                if [low, high] != [!not_low, !not_high] {
                    return Err(Stop::Malformed("a stored block is not as long as it says"));
                }
                let length = u64::from(u16::from_le_bytes([low, high]));
                bits.stream.skip(length)?;
                unpacked += length;
            }
            1 => unpacked = codes(&mut bits, &Codes::fixed()?, unpacked)?,
            2 => {
                let tables = Codes::read(&mut bits)?;
                unpacked = codes(&mut bits, &tables, unpacked)?;
            }
            _ => return Err(Stop::Malformed("a block of a kind that there is not")),
        }
        if is_last {
            bits.align()?;
            return Ok(unpacked);
        }
    }
}

const WINDOW: u64 = 32 << 10;
const LENGTHS: [u16; 29] =
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_BITS: [u8; 29] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCES: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
];
const DISTANCE_BITS: [u8; 30] =
    [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const NO_CODE: Stop = Stop::Malformed("a code that there is not");

/// Walks through one block; how many bytes there are then.
fn codes<R: Read + Seek>(bits: &mut Bits<'_, R>, codes: &Codes, mut unpacked: u64) -> Result<u64, Stop> {
    loop {
        match bits.symbol(&codes.literals)? {
            0..256 => unpacked += 1,
            256 => return Ok(unpacked),
            symbol => {
                let at = symbol - 257;
                let base = LENGTHS.get(at).ok_or(NO_CODE)?;
                let length = u64::from(*base) + u64::from(bits.take(LENGTH_BITS[at].into())?);
                let at = bits.symbol(&codes.distances)?;
                let base = DISTANCES.get(at).ok_or(NO_CODE)?;
                let distance = u64::from(*base) + u64::from(bits.take(DISTANCE_BITS[at].into())?);
                if distance > unpacked.min(WINDOW) {
                    return Err(Stop::Malformed("it repeats what was never there"));
                }
                unpacked += length;
            }
        }
    }
}

struct Codes {
    literals: Table,
    distances: Table,
}

impl Codes {
    fn fixed() -> Result<Self, Stop> {
        let mut literals = [8; 288];
        literals[144..256].fill(9);
        literals[256..280].fill(7);
        Ok(Self { literals: Table::new(&literals)?, distances: Table::new(&[5; 30])? })
    }

    /// The tables that a block brings with it.
    fn read<R: Read + Seek>(bits: &mut Bits<'_, R>) -> Result<Self, Stop> {
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let literals = bits.take(5)? as usize + 257;
        let distances = bits.take(5)? as usize + 1;
        let used = bits.take(4)? as usize + 4;
        let mut of_lengths = [0; 19];
        for at in &ORDER[..used] {
            of_lengths[*at] = bits.take(3)? as u8;
        }
        let of_lengths = Table::new(&of_lengths)?;
        let mut lengths = [0; 288 + 32];
        let mut filled = 0;
        while filled < literals + distances {
            let (length, times) = match bits.symbol(&of_lengths)? {
                length @ 0..16 => (length as u8, 1),
                16 if filled == 0 => return Err(NO_CODE),
                16 => (lengths[filled - 1], 3 + bits.take(2)? as usize),
                17 => (0, 3 + bits.take(3)? as usize),
                _ => (0, 11 + bits.take(7)? as usize),
            };
            lengths.get_mut(filled..filled + times).ok_or(NO_CODE)?.fill(length);
            filled += times;
        }
        if filled > literals + distances || literals > 286 {
            return Err(NO_CODE);
        }
        let (of_literals, of_distances) = lengths[..filled].split_at(literals);
        Ok(Self { literals: Table::new(of_literals)?, distances: Table::new(of_distances)? })
    }
}

/// For every row of bits the symbol whose code it starts with: `symbol << 4 | length`, 0 where there is none.
struct Table {
    entries: Vec<u16>,
    width: u32,
}

impl Table {
    /// The codes follow from their lengths (RFC 1951, 3.2.2).
    fn new(lengths: &[u8]) -> Result<Self, Stop> {
        let width = lengths.iter().copied().max().map_or(0, u32::from).max(1);
        let mut entries = vec![0_u16; 1 << width];
        let mut code = 0_u32;
        for length in 1..=width {
            code <<= 1;
            for (symbol, _) in lengths.iter().enumerate().filter(|(_, of)| u32::from(**of) == length) {
                if code >> length != 0 {
                    return Err(Stop::Malformed("codes that contradict each other"));
                }
                let first = (code.reverse_bits() >> (32 - length)) as usize;
                for entry in entries[first..].iter_mut().step_by(1 << length) {
                    *entry = (symbol as u16) << 4 | length as u16;
                }
                code += 1;
            }
        }
        Ok(Self { entries, width })
    }
}

struct Bits<'s, R> {
    stream: &'s mut Stream<R>,
    held: u64,
    count: u32,
}

impl<R: Read + Seek> Bits<'_, R> {
    /// As many bits as a code and what belongs to it can have, or what is left.
    #[inline]
    fn fill(&mut self) -> Result<(), Stop> {
        while self.count <= 56 {
            match self.stream.byte() {
                Ok(byte) => self.held |= u64::from(byte) << self.count,
                Err(Stop::Ends) => return Ok(()),
                Err(stop) => return Err(stop),
            }
            self.count += 8;
        }
        Ok(())
    }

    #[inline]
    fn drop_bits(&mut self, count: u32) -> Result<(), Stop> {
        self.count = self.count.checked_sub(count).ok_or(Stop::Ends)?;
        self.held >>= count;
        Ok(())
    }

    #[inline]
    fn take(&mut self, count: u32) -> Result<u32, Stop> {
        if self.count < count {
            self.fill()?;
        }
        let value = (self.held & ((1 << count) - 1)) as u32;
        self.drop_bits(count)?;
        Ok(value)
    }

    #[inline]
    fn symbol(&mut self, table: &Table) -> Result<usize, Stop> {
        if self.count < 16 {
            self.fill()?;
        }
        let row = (self.held & ((1 << table.width) - 1)) as usize;
        let entry = table.entries[row];
        if entry == 0 {
            // Where bits are missing it may have been a code.
            return Err(if self.count < table.width { Stop::Ends } else { NO_CODE });
        }
        self.drop_bits(u32::from(entry & 15))?;
        Ok(usize::from(entry >> 4))
    }

    /// The rest of this byte is padding; whole bytes that were read ahead are given back.
    fn align(&mut self) -> Result<(), Stop> {
        let ahead = u64::from(self.count / 8);
        (self.held, self.count) = (0, 0);
        self.stream.go_to(self.stream.position() - ahead)
    }
}
