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

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn pair(millis: u64) -> (Timed, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Timed::new(stream, Instant::now() + Duration::from_millis(millis)), listener.accept().unwrap().0)
    }

    #[test]
    fn what_was_given_back_is_read_first() {
        let (mut stream, mut peer) = pair(5000);
        peer.write_all(b"three").unwrap();
        stream.give_back(b"two ");
        stream.give_back(b"one ");
        let mut read = [0; 13];
        stream.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"one two three");
    }

    #[test]
    fn a_silent_peer_and_one_that_drips_are_late_alike() {
        let (mut stream, mut peer) = pair(200);
        std::thread::spawn(move || {
            while peer.write_all(b".").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let mut all = Vec::new();
        assert_eq!(stream.read_to_end(&mut all).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(!all.is_empty());
        let (mut stream, _peer) = pair(50);
        assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(stream.write(b"x").unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
