//! One request and the head of its answer. Nobody here wants a body.

use std::io::{self, Read, Write};

/// No head of an answer is larger.
const LARGEST_HEAD: usize = 64 << 10;
const MOST_FIELDS: usize = 128;

/// What an answer begins with.
#[derive(Debug, PartialEq)]
pub struct Head {
    pub status: u16,
    /// A proxy says that this answer is its own.
    pub by_proxy: bool,
    /// What came behind the head.
    pub rest: Vec<u8>,
}

/// Why no answer came.
#[derive(Debug)]
pub enum Fault {
    Io(io::Error),
    /// The connection ended before the answer did.
    Closed,
    /// Something came, and it is no HTTP.
    NotHttp,
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Io(error),
        }
    }
}

/// The bytes of a request without a body: `GET /path`, for the host of this name.
pub fn request(what: &str, host: &str) -> String {
    let agent = concat!("hostready/", env!("CARGO_PKG_VERSION"));
    // CONNECT is asked to stay, all else to go.
    let then = if what.starts_with("CONNECT ") { "" } else { "Accept: */*\r\nConnection: close\r\n" };
    format!("{what} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\n{then}\r\n")
}

/// Sends `request` and reads until the head of the answer is whole.
pub fn exchange(stream: &mut (impl Read + Write), request: &str) -> Result<Head, Fault> {
    // Who refuses a request may answer before all of it is read, and close.
    let sent = stream.write_all(request.as_bytes()).and_then(|()| stream.flush());
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        while let Some(head) = parse(&bytes)? {
            if is_final(head.status) {
                return Ok(head);
            }
            bytes = head.rest;
        }
        if bytes.len() > LARGEST_HEAD {
            return Err(Fault::NotHttp);
        }
        let amount = match stream.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
            Ok(amount) => amount,
        };
        if amount == 0 {
            sent?;
            return Err(if bytes.is_empty() { Fault::Closed } else { Fault::NotHttp });
        }
        bytes.extend_from_slice(&buffer[..amount]);
    }
}

/// `100 Continue` and the like go before the answer itself.
fn is_final(status: u16) -> bool {
    !(100..200).contains(&status) || status == 101
}

/// `None` while it is not whole.
fn parse(bytes: &[u8]) -> Result<Option<Head>, Fault> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    match response.parse(bytes) {
        Ok(httparse::Status::Partial) => Ok(None),
        Ok(httparse::Status::Complete(length)) => {
            let status = response.code.ok_or(Fault::NotHttp)?;
            let by_proxy = response.headers.iter().any(is_of_proxy);
            Ok(Some(Head { status, by_proxy, rest: bytes[length..].to_vec() }))
        }
        Err(_) => Err(Fault::NotHttp),
    }
}

/// squid has a field of its own, tinyproxy its name alone, and RFC 9209 one for all.
fn is_of_proxy(field: &httparse::Header<'_>) -> bool {
    let says = |word: &[u8]| field.value.windows(word.len()).any(|part| part == word);
    let is_named = |name: &str| field.name.eq_ignore_ascii_case(name);
    is_named("x-squid-error")
        || is_named("server") && says(b"tinyproxy/")
        || is_named("proxy-status") && says(b"error=")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer that says this, in pieces of `at_once` bytes.
    struct Peer<'a> {
        says: &'a [u8],
        at_once: usize,
        heard: Vec<u8>,
    }

    impl Read for Peer<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let amount = self.at_once.min(self.says.len());
            buffer[..amount].copy_from_slice(&self.says[..amount]);
            self.says = &self.says[amount..];
            Ok(amount)
        }
    }

    impl Write for Peer<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.heard.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn answer(says: &[u8], at_once: usize) -> Result<Head, Fault> {
        exchange(&mut Peer { says, at_once, heard: Vec::new() }, "GET / HTTP/1.1\r\n\r\n")
    }

    #[test]
    fn the_final_answer_counts_in_whatever_pieces_it_comes() {
        let says =
            b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100\r\n\r\nHTTP/1.1 401 No\r\nA: b\r\n\r\nrest";
        for at_once in [1, 7, 4096] {
            assert_eq!(answer(says, at_once).unwrap().status, 401, "{at_once}");
        }
        assert_eq!(answer(says, 4096).unwrap().rest, b"rest");
        assert_eq!(answer(b"HTTP/1.0 503 X\n\n", 1).unwrap().status, 503);
    }

    #[test]
    fn what_is_no_answer_is_told_apart() {
        assert!(matches!(answer(b"", 1), Err(Fault::Closed)));
        assert!(matches!(answer(b"SSH-2.0-OpenSSH_9.2\r\n", 1), Err(Fault::NotHttp)));
        assert!(matches!(answer(b"HTTP/1.1 200 OK\r\nA:", 1), Err(Fault::NotHttp)));
        let endless = [b"HTTP/1.1 200 OK\r\nA: ".as_slice(), &[b'a'; 2 * LARGEST_HEAD]].concat();
        assert!(matches!(answer(&endless, 4096), Err(Fault::NotHttp)));
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(MOST_FIELDS + 1));
        assert!(matches!(answer(many.as_bytes(), 4096), Err(Fault::NotHttp)));
    }

    #[test]
    fn a_proxy_that_speaks_for_itself_is_known() {
        let says = |field: &str| {
            let text = format!("HTTP/1.1 503 X\r\n{field}\r\n\r\n");
            answer(text.as_bytes(), 4096).unwrap().by_proxy
        };
        for recorded in [
            include_bytes!("../../../../tests/fixtures/proxies/squid-get-fails").as_slice(),
            include_bytes!("../../../../tests/fixtures/proxies/squid-get-denied"),
            include_bytes!("../../../../tests/fixtures/proxies/tinyproxy-get-fails"),
        ] {
            assert!(answer(recorded, 4096).unwrap().by_proxy);
        }
        assert!(says("Proxy-Status: edge; error=destination_unavailable"));
        assert!(!says("Proxy-Status: edge; received-status=503"));
        assert!(!says("Via: 1.1 edge"));
    }

    #[test]
    fn requests_are_what_a_server_expects() {
        let get = request("GET /x", "host:8080");
        assert!(get.starts_with("GET /x HTTP/1.1\r\nHost: host:8080\r\nUser-Agent: hostready/"), "{get}");
        assert!(get.ends_with("Connection: close\r\n\r\n"), "{get}");
        assert!(!request("CONNECT h:443", "h:443").contains("close"));
    }
}
