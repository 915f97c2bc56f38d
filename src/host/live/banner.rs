//! What a server says by itself: the greeting of SSH, RFC 4253 section 4.2.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::bounded::{self, remaining};
use super::reach::{Endpoint, Failure, connect};
use crate::host::asking::seconds;
use crate::model::answer::Banner;
use crate::model::{Reading, Trouble, TroubleCause};

/// The longest line that is kept.
const LONGEST: usize = 255;
/// Lines may come before the greeting; nobody sends more than this.
const MOST: usize = 16 << 10;
/// A server whose greeting we have is told who asked: then sshd 9.2 and 10.0 log one line at `info`, and without it
/// 9.2 logs an error. From 9.8 on whoever leaves without a login is charged a second of `PerSourcePenalties`, however
/// it leaves; callers are turned away from 15 s on.
const OURS: &str = concat!("SSH-2.0-hostready_", env!("CARGO_PKG_VERSION"), "\r\n");

/// What the server at `host:port` says by itself: its greeting, or else its first line.
pub fn banner(endpoint: &str, deadline: Instant) -> Reading<Banner> {
    let Some(parsed) = Endpoint::parse(endpoint) else {
        return Reading::unreadable(TroubleCause::Malformed, "an endpoint is written `host:port` or `[address]:port`");
    };
    let what = endpoint.to_owned();
    bounded::by(deadline, endpoint, move || match connect(&parsed, deadline) {
        Ok(stream) => listen(stream, &what, deadline),
        Err(Failure::NotReached(reason)) => Reading::Known(Banner::NotReached { reason }),
        Err(Failure::Trouble(trouble)) => Reading::Unreadable(trouble),
    })
}

fn listen(mut stream: TcpStream, who: &str, deadline: Instant) -> Reading<Banner> {
    // Kept back, so that the probe itself tells what it waited for.
    let end = deadline - remaining(deadline) / 10;
    let since = Instant::now();
    let mut heard = Vec::new();
    let ended = loop {
        if let Some(greeting) = lines(&heard).find(|line| line.starts_with("SSH-")) {
            // It has what it wanted: that it may hang up first is no fault of the server.
            _ = stream.write_all(OURS.as_bytes());
            return Reading::Known(Banner::Said(greeting));
        }
        if heard.len() >= MOST {
            break None;
        }
        match read_by(&mut stream, &mut heard, end) {
            Ok(0) => break Some(("closed the connection without a word".to_owned(), true)),
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                let waited = seconds(since.elapsed());
                break Some((format!("accepted the connection and said nothing within {waited}"), false));
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                break Some(("reset the connection without a word".to_owned(), true));
            }
            Err(error) => {
                let detail = format!("{who} accepted the connection, and then: {error}");
                return Reading::Unreadable(Trouble::new(TroubleCause::Failed, detail));
            }
        }
    };
    // What does not end its line has said something all the same.
    heard.push(b'\n');
    let said = lines(&heard).find(|line| !line.is_empty());
    Reading::Known(match (said, ended) {
        (Some(line), _) => Banner::Said(line),
        (None, Some((reason, hung_up))) => Banner::Silent { reason: format!("{who} {reason}"), hung_up },
        (None, None) => Banner::Silent { reason: format!("{who} sent only empty lines"), hung_up: false },
    })
}

fn read_by(stream: &mut TcpStream, heard: &mut Vec<u8>, end: Instant) -> io::Result<usize> {
    let left = remaining(end);
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
    let mut buffer = [0; 1024];
    let count = loop {
        match stream.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => break done?,
        }
    };
    heard.extend_from_slice(&buffer[..count]);
    Ok(count)
}

/// The lines that are there in full, as text and no longer than they need be.
fn lines(heard: &[u8]) -> impl Iterator<Item = String> {
    let end = heard.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    heard[..end].split(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(&line[..line.len().min(LONGEST)]);
        text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpListener};
    use std::sync::mpsc::{Receiver, channel};
    use std::thread;

    use super::*;

    /// Serves one connection by saying `parts`, a while apart; then it waits, and tells what it was told.
    fn saying(parts: &'static [&'static [u8]], hangs_up: bool) -> (String, Receiver<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        let (send, receive) = channel();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for part in parts {
                stream.write_all(part).unwrap();
                thread::sleep(Duration::from_millis(20));
            }
            if hangs_up {
                stream.shutdown(Shutdown::Write).unwrap();
            }
            let mut told = Vec::new();
            _ = stream.read_to_end(&mut told);
            _ = send.send(told);
        });
        (endpoint, receive)
    }

    fn ask(endpoint: &str) -> Banner {
        banner(endpoint, Instant::now() + Duration::from_millis(400)).known().unwrap()
    }

    fn said(parts: &'static [&'static [u8]]) -> Banner {
        ask(&saying(parts, false).0)
    }

    #[test]
    fn a_greeting_is_read_in_whatever_pieces_and_answered() {
        let (endpoint, told) = saying(&[b"SSH-2.0-Open", b"SSH_9.2p1\r", b"\n"], false);
        assert_eq!(ask(&endpoint), Banner::Said("SSH-2.0-OpenSSH_9.2p1".to_owned()));
        assert_eq!(told.recv().unwrap(), OURS.as_bytes());
    }

    #[test]
    fn lines_before_the_greeting_are_passed_over() {
        let banner = said(&[b"authorised use only\r\n\r\nssh-like text\nSSH", b"-2.0-x\n"]);
        assert_eq!(banner, Banner::Said("SSH-2.0-x".to_owned()));
    }

    #[test]
    fn another_protocol_is_quoted_and_not_spoken_to() {
        let (endpoint, told) = saying(&[b"220 hv-07 ESMTP \x1b[2J\r\n"], false);
        assert_eq!(ask(&endpoint), Banner::Said("220 hv-07 ESMTP \u{fffd}[2J".to_owned()));
        assert_eq!(told.recv().unwrap(), b"");
        assert_eq!(
            ask(&saying(&[b"Not allowed at this time"], true).0),
            Banner::Said("Not allowed at this time".to_owned())
        );
    }

    #[test]
    fn silence_says_how_it_ended() {
        let reason = |banner| match banner {
            Banner::Silent { reason, .. } => reason,
            other => panic!("not silent: {other:?}"),
        };
        let (endpoint, _told) = saying(&[], true);
        assert_eq!(reason(ask(&endpoint)), format!("{endpoint} closed the connection without a word"));
        let (endpoint, _told) = saying(&[], false);
        let hung = reason(ask(&endpoint));
        assert!(hung.starts_with(&format!("{endpoint} accepted the connection and said nothing within 0.")), "{hung}");
    }

    #[test]
    fn who_talks_for_ever_is_cut_off() {
        let banner = said(&[&[b'x'; MOST], b"\nSSH-2.0-late\r\n"]);
        assert_eq!(banner, Banner::Said("x".repeat(LONGEST)));
        assert!(matches!(said(&[&[b'\n'; MOST]]), Banner::Silent { .. }));
    }

    #[test]
    fn where_nobody_listens_nobody_is_reached() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let banner = ask(&format!("127.0.0.1:{port}"));
        assert!(matches!(banner, Banner::NotReached { reason } if reason.contains("refused")));
        assert!(matches!(super::banner("nonsense", Instant::now()), Reading::Unreadable(_)));
    }
}
