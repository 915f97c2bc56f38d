//! A file, read forward in pieces; what is skipped is not read.

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Instant;

const PIECE: usize = 64 << 10;

/// Why it was not followed to its end.
#[derive(Debug)]
pub enum Stop {
    /// More should come, and nothing does.
    Ends,
    /// This cannot be what was written.
    Malformed(&'static str),
    CannotFollow(&'static str),
    Late,
    Failed(io::Error),
}

pub struct Stream<R> {
    source: R,
    piece: Box<[u8]>,
    filled: usize,
    used: usize,
    /// Where in the file the piece begins.
    base: u64,
    length: u64,
    deadline: Instant,
}

impl<R: Read + Seek> Stream<R> {
    pub fn new(source: R, length: u64, deadline: Instant) -> Self {
        Self { source, piece: vec![0; PIECE].into(), filled: 0, used: 0, base: 0, length, deadline }
    }

    pub fn position(&self) -> u64 {
        self.base + self.used as u64
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    #[inline]
    pub fn byte(&mut self) -> Result<u8, Stop> {
        if self.used == self.filled {
            self.refill()?;
        }
        let byte = self.piece[self.used];
        self.used += 1;
        Ok(byte)
    }

    fn refill(&mut self) -> Result<(), Stop> {
        if Instant::now() >= self.deadline {
            return Err(Stop::Late);
        }
        self.base += self.filled as u64;
        (self.used, self.filled) = (0, 0);
        self.filled = loop {
            match self.source.read(&mut self.piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(Stop::Failed)?,
            }
        };
        if self.filled == 0 { Err(Stop::Ends) } else { Ok(()) }
    }

    pub fn take(&mut self, bytes: &mut [u8]) -> Result<(), Stop> {
        for byte in bytes {
            *byte = self.byte()?;
        }
        Ok(())
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut bytes = [0; N];
        self.take(&mut bytes)?;
        Ok(bytes)
    }

    /// What comes next, without going on.
    pub fn peek(&mut self, bytes: &mut [u8]) -> Result<(), Stop> {
        let here = self.position();
        self.take(bytes)?;
        self.go_to(here)
    }

    pub fn go_to(&mut self, position: u64) -> Result<(), Stop> {
        if position > self.length {
            return Err(Stop::Ends);
        }
        match position.checked_sub(self.base) {
            Some(used) if used <= self.filled as u64 => self.used = used as usize,
            _ => {
                self.source.seek(SeekFrom::Start(position)).map_err(Stop::Failed)?;
                (self.base, self.used, self.filled) = (position, 0, 0);
            }
        }
        Ok(())
    }

    pub fn skip(&mut self, count: u64) -> Result<(), Stop> {
        self.go_to(self.position().saturating_add(count))
    }

    /// True where something but zeros follows.
    pub fn skip_zeros(&mut self) -> Result<bool, Stop> {
        loop {
            match self.byte() {
                Ok(0) => {}
                Ok(_) => {
                    self.go_to(self.position() - 1)?;
                    return Ok(true);
                }
                Err(Stop::Ends) => return Ok(false),
                Err(stop) => return Err(stop),
            }
        }
    }

    /// What ends here, `size` bytes of it, ends in a row of zeros: its last pages did not reach the disk.
    pub fn is_behind_zeros(&mut self, size: u64) -> Result<bool, Stop> {
        const ROW: usize = 32;
        if size < ROW as u64 {
            return Ok(false);
        }
        self.go_to(self.position() - ROW as u64)?;
        Ok(self.array::<ROW>()? == [0; ROW])
    }
}
