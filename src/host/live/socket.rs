//! Unix stream sockets on which no step outlives its deadline.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, UnixAddr};

use crate::model::{Reading, TroubleCause};

const MILLISECOND: Duration = Duration::from_millis(1);
/// Between two attempts at a listener whose backlog is full.
const RETRY: Duration = Duration::from_millis(5);

/// Why a conversation with a service came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Bytes came that the protocol does not allow.
    #[error("{0}")]
    Malformed(String),
    /// The service knows us and says no.
    #[error("{0}")]
    Denied(String),
    /// The service answers that it cannot, in its own words.
    #[error("{0}")]
    Failed(String),
}

impl Fault {
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::Malformed(detail.into())
    }

    fn cause(&self) -> TroubleCause {
        match self {
            Self::Malformed(_) => TroubleCause::Malformed,
            Self::Denied(_) => TroubleCause::Denied,
            Self::Failed(_) => TroubleCause::Failed,
            Self::Io(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused => TroubleCause::Refused,
                io::ErrorKind::PermissionDenied => TroubleCause::Denied,
                io::ErrorKind::TimedOut => TroubleCause::TimedOut,
                _ => TroubleCause::Failed,
            },
        }
    }

    /// There is no socket of this name, which is an answer and no failure.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Io(error) => matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
            _ => false,
        }
    }
}

/// What the conversation with `service` behind the socket `path` means to the reader of a report.
pub fn reading<T>(service: &str, path: &Path, result: Result<T, Fault>) -> Reading<T> {
    let fault = match result {
        Ok(value) => return Reading::Known(value),
        Err(fault) if fault.is_absence() => return Reading::Absent,
        Err(fault) => fault,
    };
    let path = path.display();
    let cause = fault.cause();
    let detail = match (cause, &fault) {
        (TroubleCause::Refused, _) => format!("nothing listens behind the socket {path} of {service}"),
        (TroubleCause::TimedOut, _) => format!("{service} at {path} did not answer in time"),
        (TroubleCause::Malformed, _) => format!("{service} at {path} gave an answer that makes no sense: {fault}"),
        (_, Fault::Io(error)) if hung_up(error) => {
            format!("{service} at {path} closed the connection before it had answered")
        }
        _ => format!("{service} at {path}: {fault}"),
    };
    Reading::unreadable(cause, detail)
}

fn hung_up(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// A connected socket. Every read and write fails with `TimedOut` once the deadline has passed,
/// however slowly or steadily the peer sends.
#[derive(Debug)]
pub struct Timed {
    stream: UnixStream,
    deadline: Instant,
}

/// Connects by the deadline or fails with `TimedOut`, also where the listener's backlog is full.
pub fn connect(path: &Path, deadline: Instant) -> Result<Timed, Fault> {
    let address = UnixAddr::new(path).map_err(io::Error::from)?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let descriptor = socket::socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(io::Error::from)?;
    let timed = Timed { stream: UnixStream::from(descriptor), deadline };
    loop {
        let left = timed.remaining()?;
        match socket::connect(timed.stream.as_raw_fd(), &address) {
            Ok(()) => return Ok(timed),
            // A full backlog. Unlike TCP's, such a connect is not under way and cannot be polled for.
            Err(Errno::EAGAIN) => thread::sleep(left.min(RETRY)),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(io::Error::from(errno).into()),
        }
    }
}

impl Timed {
    /// Gives the next steps a deadline of their own.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    fn remaining(&self) -> io::Result<Duration> {
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }

    /// Repeats a step that would block until it is done. Polled for, because the kernel keeps
    /// SO_RCVTIMEO so coarsely that five seconds become 5.08.
    fn patiently(&self, ready: PollFlags, mut step: impl FnMut(&UnixStream) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            let left = self.remaining()?;
            match step(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Rounded up: a timeout of zero would make this spin.
                    let timeout = PollTimeout::try_from(left + MILLISECOND).unwrap_or(PollTimeout::MAX);
                    match poll(&mut [PollFd::new(self.stream.as_fd(), ready)], timeout) {
                        Ok(_) | Err(Errno::EINTR) => {}
                        Err(errno) => return Err(errno.into()),
                    }
                }
                done => return done,
            }
        }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.patiently(PollFlags::POLLIN, |mut stream| stream.read(buffer))
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.patiently(PollFlags::POLLOUT, |mut stream| stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fake services for the tests of the clients.
#[cfg(test)]
pub mod fake {
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::PathBuf;
    use std::thread;
    use std::time::{Duration, Instant};

    use tempfile::TempDir;

    use crate::model::{Reading, TroubleCause};

    /// A socket in a directory of its own, which goes when this is dropped.
    pub struct Fake {
        pub path: PathBuf,
        pub directory: TempDir,
    }

    pub fn directory() -> Fake {
        let directory = tempfile::tempdir().unwrap();
        Fake { path: directory.path().join("socket"), directory }
    }

    /// Serves one connection.
    pub fn service(serve: impl FnOnce(UnixStream) + Send + 'static) -> Fake {
        let fake = directory();
        let listener = UnixListener::bind(&fake.path).unwrap();
        thread::spawn(move || serve(listener.accept().unwrap().0));
        fake
    }

    /// Accepts, and never says a word.
    pub fn hung() -> Fake {
        service(|mut stream| while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {})
    }

    /// Answers at once with these bytes, whatever it is asked, and then listens on.
    pub fn saying(bytes: &'static [u8]) -> Fake {
        service(move |mut stream| {
            stream.write_all(bytes).unwrap();
            while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
        })
    }

    /// Sends a byte every 20 ms, forever.
    pub fn dripping(byte: u8) -> Fake {
        service(move |mut stream| {
            while stream.write_all(&[byte]).is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        })
    }

    pub fn soon() -> Instant {
        Instant::now() + Duration::from_millis(300)
    }

    /// The look must fail for this cause, and within the deadline of `soon()`.
    #[track_caller]
    pub fn assert_trouble<T: std::fmt::Debug>(cause: TroubleCause, look: impl FnOnce() -> Reading<T>) -> String {
        let start = Instant::now();
        let reading = look();
        assert!(start.elapsed() < Duration::from_millis(700), "took {:?}", start.elapsed());
        match reading {
            Reading::Unreadable(trouble) if trouble.cause == cause => trouble.detail,
            other => panic!("expected {cause:?}, got {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use nix::sys::socket::Backlog;

    use super::*;

    fn first_byte(path: &Path) -> Reading<u8> {
        let mut byte = [0];
        let look = connect(path, fake::soon()).and_then(|mut peer| Ok(peer.read_exact(&mut byte)?));
        reading("a test", path, look).map(|()| byte[0])
    }

    #[test]
    fn what_is_not_there_is_absent() {
        let empty = fake::directory();
        assert_eq!(first_byte(&empty.path), Reading::Absent);
        assert_eq!(first_byte(Path::new("/dev/null/socket")), Reading::Absent);
    }

    #[test]
    fn a_socket_without_its_service_refuses() {
        let stale = fake::directory();
        drop(UnixListener::bind(&stale.path).unwrap());
        fake::assert_trouble(TroubleCause::Refused, || first_byte(&stale.path));
    }

    #[test]
    fn a_name_that_no_socket_can_have_is_a_failure() {
        fake::assert_trouble(TroubleCause::Failed, || first_byte(Path::new(&"x".repeat(200))));
    }

    #[test]
    fn a_service_that_hangs_up_has_not_answered() {
        let rude = fake::service(drop);
        let detail = fake::assert_trouble(TroubleCause::Failed, || first_byte(&rude.path));
        assert!(detail.contains("closed the connection"), "{detail}");
    }

    #[test]
    fn a_full_backlog_ends_at_the_deadline() {
        let full = fake::directory();
        let listener = socket::socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        socket::bind(listener.as_raw_fd(), &UnixAddr::new(&full.path).unwrap()).unwrap();
        socket::listen(&listener, Backlog::new(0).unwrap()).unwrap();
        let waiting = connect(&full.path, fake::soon()).unwrap();
        fake::assert_trouble(TroubleCause::TimedOut, || first_byte(&full.path));
        drop(waiting);
    }

    #[test]
    fn a_peer_that_drips_does_not_move_the_deadline() {
        let slow = fake::dripping(b'x');
        fake::assert_trouble(TroubleCause::TimedOut, || {
            let look = connect(&slow.path, fake::soon()).and_then(|mut peer| Ok(peer.read_exact(&mut [0; 1000])?));
            reading("a test", &slow.path, look)
        });
    }

    #[test]
    fn a_peer_that_reads_nothing_does_not_hold_a_writer() {
        let deaf = fake::service(|stream| {
            std::thread::sleep(Duration::from_secs(2));
            drop(stream);
        });
        fake::assert_trouble(TroubleCause::TimedOut, || {
            let look = connect(&deaf.path, fake::soon()).and_then(|mut peer| Ok(peer.write_all(&[0; 1 << 22])?));
            reading("a test", &deaf.path, look)
        });
    }
}
