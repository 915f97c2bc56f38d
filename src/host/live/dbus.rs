//! D-Bus, as much of it as calling methods with strings and reading what comes back.
//!
//! <https://dbus.freedesktop.org/doc/dbus-specification.html>

use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::time::Instant;

mod wire;

use self::wire::{FIXED_HEADER, Fields, Order, Sizes};
use super::socket::{self, Fault, Timed};

pub use self::wire::{Call, Decoder};

const METHOD_RETURN: u8 = 2;
const ERROR: u8 = 3;

/// An authenticated connection to a bus or a service. After a fault it answers nothing any more:
/// nobody knows where in the stream it stands.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<Timed>,
    last_serial: u32,
    broken: bool,
}

impl Connection {
    /// Connects and authenticates as the user that we run as. A bus wants `Hello` as the first call.
    pub fn open(path: &Path, deadline: Instant) -> Result<Self, Fault> {
        let mut stream = BufReader::with_capacity(64 << 10, socket::connect(path, deadline)?);
        let user = nix::unistd::geteuid().to_string();
        let hex: String = user.bytes().map(|byte| format!("{byte:02x}")).collect();
        stream.get_mut().write_all(format!("\0AUTH EXTERNAL {hex}\r\nBEGIN\r\n").as_bytes())?;
        match sasl_line(&mut stream)? {
            line if line.starts_with(b"OK") => Ok(Self { stream, last_serial: 0, broken: false }),
            line if line.starts_with(b"REJECTED") => Err(Fault::Denied(format!("user {user} is rejected"))),
            line => Err(Fault::malformed(format!("`{}` to an authentication", line.escape_ascii()))),
        }
    }

    /// Gives the calls from now on a deadline of their own.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.stream.get_mut().set_deadline(deadline);
    }

    /// Sends every call at once and returns their replies in the same order.
    pub fn call(&mut self, calls: &[Call]) -> Result<Vec<Reply>, Fault> {
        if self.broken {
            return Err(Fault::Failed("the connection was lost at an earlier question".to_owned()));
        }
        let replies = self.exchange(calls);
        self.broken = replies.is_err();
        replies
    }

    /// `call`, for a number of calls that is known beforehand.
    pub fn call_each<const N: usize>(&mut self, calls: [Call; N]) -> Result<[Reply; N], Fault> {
        let replies = self.call(&calls)?;
        replies.try_into().map_err(|_| Fault::malformed("another number of replies than of calls"))
    }

    fn exchange(&mut self, calls: &[Call]) -> Result<Vec<Reply>, Fault> {
        let first = self.last_serial + 1;
        let mut request = Vec::new();
        for call in calls {
            self.last_serial += 1;
            request.extend(wire::encode(call, self.last_serial));
        }
        self.stream.get_mut().write_all(&request)?;

        let mut replies: Vec<Option<Reply>> = calls.iter().map(|_| None).collect();
        while replies.iter().any(Option::is_none) {
            let (reply_to, reply) = self.next_message()?;
            // Signals answer nothing, and replies may come in any order.
            let slot = reply_to.and_then(|serial| serial.checked_sub(first));
            if let Some(slot) = slot.and_then(|index| replies.get_mut(index as usize)) {
                *slot = Some(reply);
            }
        }
        Ok(replies.into_iter().flatten().collect())
    }

    /// The next message, and the serial of the call that it answers, where it answers one.
    fn next_message(&mut self) -> Result<(Option<u32>, Reply), Fault> {
        let mut fixed = [0; FIXED_HEADER];
        self.stream.read_exact(&mut fixed)?;
        let sizes = Sizes::decode(&fixed).ok_or_else(|| Fault::malformed("no header of a D-Bus message"))?;
        let mut rest = Vec::new();
        // Grows with what really comes, not with what a header announces.
        let count = self.stream.by_ref().take((sizes.fields + sizes.body) as u64).read_to_end(&mut rest)?;
        if count < sizes.fields + sizes.body {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let body = rest.split_off(sizes.fields);
        rest.truncate(sizes.unpadded_fields);
        let fields = Fields::decode(&rest, sizes.order).ok_or_else(|| Fault::malformed("fields of a header"))?;
        let is_reply = matches!(fixed[1], METHOD_RETURN | ERROR);
        let error = (fixed[1] == ERROR).then(|| fields.error.unwrap_or_default());
        let reply = Reply { order: sizes.order, error, signature: fields.signature, body };
        Ok((fields.reply_to.filter(|_| is_reply), reply))
    }
}

/// The server's answer to our authentication. BufReader::read_line would have no limit.
fn sasl_line(stream: &mut BufReader<Timed>) -> Result<Vec<u8>, Fault> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        line.push(byte[0]);
        if line.len() > 512 {
            return Err(Fault::malformed("an endless line to an authentication"));
        }
    }
    Ok(line.trim_ascii_end().to_vec())
}

/// What a call came to: values, or an error by name.
#[derive(Debug)]
pub struct Reply {
    order: Order,
    error: Option<String>,
    signature: String,
    body: Vec<u8>,
}

impl Reply {
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// The values, which must be of this signature. An error becomes a fault in the service's words.
    pub fn values(&self, signature: &str) -> Result<Decoder<'_>, Fault> {
        let mut values = Decoder::new(&self.body, self.order);
        if let Some(name) = &self.error {
            let text = if self.signature.starts_with('s') { values.string().unwrap_or_default() } else { "" };
            let words = format!("{name}: {text}");
            let denied = name == "org.freedesktop.DBus.Error.AccessDenied";
            return Err(if denied { Fault::Denied(words) } else { Fault::Failed(words) });
        }
        if self.signature != signature {
            return Err(Fault::malformed(format!("values `{}` in place of `{signature}`", self.signature)));
        }
        Ok(values)
    }
}
