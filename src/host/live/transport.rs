//! A connection whose whole use ends by a deadline, however slowly the peer drips.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::bounded::remaining;

/// Every read and write is given the time that is left; what comes later is `TimedOut`.
#[derive(Debug)]
pub struct Timed {
    stream: TcpStream,
    deadline: Instant,
    /// Read already, and given back: the next read takes from it.
    ahead: Vec<u8>,
}

impl Timed {
    pub fn new(stream: TcpStream, deadline: Instant) -> Self {
        Self { stream, deadline, ahead: Vec::new() }
    }

    /// Gives back what was read beyond one's own part.
    pub fn give_back(&mut self, bytes: &[u8]) {
        self.ahead.splice(..0, bytes.iter().copied());
    }

    fn time_left(&self) -> io::Result<Duration> {
        match remaining(self.deadline) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            // The kernel rounds to its ticks, and takes zero for "for ever".
            left => Ok(left.max(Duration::from_millis(1))),
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.ahead.is_empty() {
            let amount = self.ahead.as_slice().read(buffer)?;
            self.ahead.drain(..amount);
            return Ok(amount);
        }
        self.stream.set_read_timeout(Some(self.time_left()?))?;
        self.stream.read(buffer).map_err(late)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.time_left()?))?;
        self.stream.write(bytes).map_err(late)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A timeout of the socket looks as if it would block.
fn late(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}
