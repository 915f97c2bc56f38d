//! OVSDB (RFC 7047): what we judge of Open vSwitch's database, asked of ovsdb-server itself.

mod columns;
mod configuration;

use std::io::{self, Read, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use memchr::memmem;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::socket::{self, Fault, Timed};
use crate::model::answer::OvsProgress;
use crate::model::{Reading, objects};
use columns::TABLES;
pub use configuration::configuration;

const SERVICE: &str = "ovsdb-server";

/// No host has a database of this size; a peer that sends more is not ovsdb-server.
const LARGEST_REPLY: usize = 256 << 20;

const POLL: Duration = Duration::from_millis(200);
/// Kept back from the deadline, so that the last poll can still be answered.
const RESERVE: Duration = Duration::from_millis(300);

/// The rows of every table in `TABLES`, of one moment: the `result` array of the reply, verbatim.
pub fn tables(socket: &Path, deadline: Instant) -> Reading<Vec<u8>> {
    let look = || {
        let operations: Vec<_> = TABLES.iter().map(|(table, columns)| select(table, columns)).collect();
        Database::connect(socket, deadline)?.transact(&operations)
    };
    socket::reading(SERVICE, socket, look())
}

/// Whether vswitchd catches up with the database. `next` is the configuration that was wanted at
/// first sight; what is asked for later does not count, or a busy host would never catch up.
/// Where it does not catch up, the answer comes shortly before the deadline.
/// A database that was never initialised is `Absent`.
pub fn progress(socket: &Path, deadline: Instant) -> Reading<OvsProgress> {
    let look = || {
        let mut database = Database::connect(socket, deadline)?;
        let Some(OvsProgress { mut current, next }) = database.progress()? else { return Ok(None) };
        while current < next && Instant::now() + POLL + RESERVE < deadline {
            thread::sleep(POLL);
            current = database.progress()?.map_or(current, |seen| seen.current);
        }
        Ok(Some(OvsProgress { current, next }))
    };
    socket::reading(SERVICE, socket, look()).and_then(|seen| seen.map_or(Reading::Absent, Reading::Known))
}

fn select(table: &str, columns: &[&str]) -> serde_json::Value {
    json!({"op": "select", "table": table, "where": [], "columns": columns})
}

/// A connection to ovsdb-server, or to another daemon of the family that speaks JSON-RPC.
#[derive(Debug)]
pub struct Database {
    stream: Timed,
    /// What was read beyond the end of the last message.
    pending: Vec<u8>,
    chunk: Box<[u8]>,
    last_id: u32,
}

/// Any JSON-RPC message: a request, a notification or a reply.
#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// One element of a transaction's result, looked at only for an error.
#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    details: Option<String>,
}

impl Database {
    pub fn connect(socket: &Path, deadline: Instant) -> Result<Self, Fault> {
        let stream = socket::connect(socket, deadline)?;
        Ok(Self { stream, pending: Vec::new(), chunk: vec![0; 64 << 10].into(), last_id: 0 })
    }

    /// The `result` array of one transaction, none of whose operations failed.
    pub fn transact(&mut self, operations: &[serde_json::Value]) -> Result<Vec<u8>, Fault> {
        let mut params = vec![json!("Open_vSwitch")];
        params.extend_from_slice(operations);
        self.call("transact", &params)
    }

    /// The `result` of one call.
    pub fn call(&mut self, method: &str, params: &[serde_json::Value]) -> Result<Vec<u8>, Fault> {
        self.last_id += 1;
        let request = json!({"id": self.last_id, "method": method, "params": params});
        self.stream.write_all(request.to_string().as_bytes())?;
        let id = self.last_id.to_string();
        loop {
            let mut text = self.message()?;
            let message: Message = parse(&text)?;
            if message.method.is_some() {
                self.serve(&message)?;
            } else if message.id.is_some_and(|found| found.get() == id) {
                let result = checked_result(&message)?.get();
                let start = result.as_ptr().addr() - text.as_ptr().addr();
                // Cut out in place: a large reply is not worth holding twice.
                text.truncate(start + result.len());
                text.drain(..start);
                return Ok(text);
            }
        }
    }

    /// `None` where the database has no row for the switch as a whole.
    pub fn progress(&mut self) -> Result<Option<OvsProgress>, Fault> {
        #[derive(Deserialize)]
        struct Selected {
            rows: Vec<Row>,
        }
        #[derive(Deserialize)]
        struct Row {
            cur_cfg: i64,
            next_cfg: i64,
        }
        let text = self.transact(&[select("Open_vSwitch", &["cur_cfg", "next_cfg"])])?;
        let selected: Vec<Selected> = parse(&text)?;
        let row = selected.iter().flat_map(|selected| &selected.rows).next();
        Ok(row.map(|row| OvsProgress { current: row.cur_cfg, next: row.next_cfg }))
    }

    /// The server probes idle connections and drops those that do not answer. What else it may
    /// send by itself are updates that we did not subscribe to.
    fn serve(&mut self, request: &Message) -> Result<(), Fault> {
        if request.method.is_some_and(|method| method.get() == r#""echo""#) {
            let id = request.id.map_or("null", RawValue::get);
            let params = request.params.map_or("[]", RawValue::get);
            self.stream.write_all(format!(r#"{{"id":{id},"result":{params},"error":null}}"#).as_bytes())?;
        }
        Ok(())
    }

    /// The text of the next message. Nothing marks its end but the JSON itself.
    fn message(&mut self) -> Result<Vec<u8>, Fault> {
        let mut framer = Framer::default();
        let mut text = std::mem::take(&mut self.pending);
        let mut seen = 0;
        loop {
            if let Some(length) = framer.end_of_object(&text[seen..])? {
                self.pending = text.split_off(seen + length);
                return Ok(text);
            }
            seen = text.len();
            if seen > LARGEST_REPLY {
                return Err(Fault::malformed(format!("more than {LARGEST_REPLY} bytes in one message")));
            }
            match self.stream.read(&mut self.chunk)? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                count => text.extend_from_slice(&self.chunk[..count]),
            }
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Fault> {
    objects::from_slice(text).map_err(|error| Fault::malformed(error.to_string()))
}

/// The reply's result, or the server's words on what it did not like.
fn checked_result<'a>(reply: &Message<'a>) -> Result<&'a RawValue, Fault> {
    if let Some(error) = reply.error {
        // Usually an object like an operation's; an unknown method is answered by a bare string.
        let words = parse::<Outcome>(error.get().as_bytes()).ok().and_then(Outcome::into_words);
        return Err(Fault::Failed(words.unwrap_or_else(|| error.get().to_owned())));
    }
    let result = reply.result.ok_or_else(|| Fault::malformed("a reply with neither result nor error"))?;
    if !may_tell_of_failure(result.get()) {
        return Ok(result);
    }
    // A failed operation leaves `error` null: it is told in its own slot, and later slots are null.
    let outcomes: Vec<Option<Outcome>> = parse(result.get().as_bytes())?;
    match outcomes.into_iter().flatten().find_map(Outcome::into_words) {
        Some(words) => Err(Fault::Failed(words)),
        None => Ok(result),
    }
}

/// Whether any `error` has a text for its value. Of a switch without faults none has, and the large reply need not be
/// parsed to learn that; the columns of that name then hold the empty set.
fn may_tell_of_failure(result: &str) -> bool {
    const KEY: &str = r#""error""#;
    memmem::find_iter(result.as_bytes(), KEY).any(|at| {
        let value = result[at + KEY.len()..].trim_start().strip_prefix(':');
        value.is_some_and(|value| value.trim_start().starts_with('"'))
    })
}

impl Outcome {
    fn into_words(self) -> Option<String> {
        let error = self.error?;
        Some(self.details.map_or(error.clone(), |details| format!("{error}: {details}")))
    }
}

/// Finds where a JSON object ends, over any number of chunks and without looking at a byte twice.
/// It counts brackets and skips strings; whether they fit together is for the parser to say.
#[derive(Debug, Default)]
struct Framer {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Framer {
    /// The length up to and with the object's last byte, where this chunk holds it.
    fn end_of_object(&mut self, chunk: &[u8]) -> Result<Option<usize>, Fault> {
        let mut at = 0;
        if self.escaped && !chunk.is_empty() {
            self.escaped = false;
            at = 1;
        }
        // Two tight searches instead of one state machine: half the time.
        while let Some(rest) = chunk.get(at..) {
            let found = if self.in_string {
                rest.iter().position(|&byte| byte == b'"' || byte == b'\\')
            } else {
                rest.iter().position(|&byte| self.depth == 0 || matches!(byte, b'"' | b'[' | b']' | b'{' | b'}'))
            };
            let Some(skipped) = found else { break };
            at += skipped + 1;
            match (rest[skipped], self.depth) {
                (b'"', 1..) => self.in_string = !self.in_string,
                (b'\\', 1..) if at == chunk.len() => self.escaped = true,
                (b'\\', 1..) => at += 1,
                (b'{', _) | (b'[', 1..) => self.depth += 1,
                (b'}' | b']', 1) => return Ok(Some(at)),
                (b'}' | b']', 2..) => self.depth -= 1,
                (byte, _) if byte.is_ascii_whitespace() => {}
                _ => return Err(Fault::malformed("a message that is no JSON object")),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::super::socket::fake;
    use super::*;
    use crate::model::TroubleCause;

    /// What ovsdb-server 3.1.0 said of a bridge with three ports.
    const REPLY: &str = include_str!("../../../tests/fixtures/wire/ovsdb-reply.json");

    fn progress_reply(id: u32, current: i64, next: i64) -> String {
        json!({"id": id, "error": null, "result": [{"rows": [{"cur_cfg": current, "next_cfg": next}]}]}).to_string()
    }

    #[test]
    fn the_result_comes_back_as_the_server_wrote_it() {
        let server = fake::saying(REPLY.as_bytes());
        let Reading::Known(text) = tables(&server.path, fake::soon()) else { panic!("no answer") };
        assert!(REPLY.contains(std::str::from_utf8(&text).unwrap()));
        let results: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
        assert_eq!(results.len(), TABLES.len());
        assert_eq!(results[2]["rows"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn an_object_ends_where_it_ends_however_it_is_cut() {
        let text = r#"  {"a":["}\"]",{"b":"\\"}],"c":"é"}{"next"#;
        let end = text.find(r#"{"next"#).unwrap();
        for size in 1..text.len() {
            let mut framer = Framer::default();
            let mut before = 0;
            let found = text.as_bytes().chunks(size).find_map(|chunk| {
                let found = framer.end_of_object(chunk).unwrap();
                before += chunk.len();
                found.map(|length| before - chunk.len() + length)
            });
            assert_eq!(found, Some(end), "in chunks of {size}");
        }
    }

    #[test]
    fn an_echo_in_between_is_answered() {
        let server = fake::service(|mut stream| {
            let mut buffer = [0; 4096];
            assert_ne!(stream.read(&mut buffer).unwrap(), 0);
            let echo = r#"{"method":"update","params":[],"id":null} {"id":"echo","method":"echo","params":[7]}"#;
            stream.write_all(echo.as_bytes()).unwrap();
            let length = stream.read(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], br#"{"id":"echo","result":[7],"error":null}"#);
            for piece in REPLY.as_bytes().chunks(100) {
                stream.write_all(piece).unwrap();
            }
        });
        assert!(tables(&server.path, fake::soon()).known().is_some());
    }

    #[test]
    fn what_the_server_refuses_is_told_in_its_words() {
        let refusals: [(&[u8], &str); 3] = [
            (
                br#"{"id":1,"error":{"syntax":"[]","details":"no such","error":"unknown database"}}"#,
                "unknown database: no such",
            ),
            (
                br#"{"id":1,"result":[{"rows":[]},{"error":"syntax error","details":"No table"},null],"error":null}"#,
                "No table",
            ),
            (br#"{"id":1,"error":"unknown method"}"#, "unknown method"),
        ];
        for (reply, words) in refusals {
            let server = fake::saying(reply);
            let detail = fake::assert_trouble(TroubleCause::Failed, || tables(&server.path, fake::soon()));
            assert!(detail.contains(words), "{detail}");
        }
    }

    #[test]
    fn nonsense_is_malformed() {
        let nonsense: [&[u8]; 6] = [
            b"\x00\x01\x02",
            b"[1]",
            b"{]",
            br#"{"id":1,"result":{]}"#,
            br#"{"id":1}"#,
            b"{\"id\":1,\"result\":[{\"rows\":[\"\xff\"]}]}",
        ];
        for bytes in nonsense {
            let server = fake::saying(bytes);
            fake::assert_trouble(TroubleCause::Malformed, || tables(&server.path, fake::soon()));
        }
    }

    #[test]
    fn a_server_that_hangs_or_drips_costs_its_deadline() {
        let hung = fake::hung();
        fake::assert_trouble(TroubleCause::TimedOut, || tables(&hung.path, fake::soon()));
        for byte in [b' ', b'{', b'['] {
            let slow = fake::dripping(byte);
            if byte == b'[' {
                fake::assert_trouble(TroubleCause::Malformed, || progress(&slow.path, fake::soon()));
            } else {
                fake::assert_trouble(TroubleCause::TimedOut, || progress(&slow.path, fake::soon()));
            }
        }
    }

    #[test]
    fn progress_is_watched_until_the_first_target_is_reached() {
        let server = fake::service(|mut stream| {
            for (id, current, next) in [(1, 4, 6), (2, 5, 7), (3, 6, 8)] {
                assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
                stream.write_all(progress_reply(id, current, next).as_bytes()).unwrap();
            }
        });
        let deadline = Instant::now() + Duration::from_secs(5);
        assert_eq!(progress(&server.path, deadline), Reading::Known(OvsProgress { current: 6, next: 6 }));
    }

    #[test]
    fn a_switch_that_does_not_catch_up_is_an_answer_before_the_deadline() {
        let server = fake::service(|mut stream| {
            for id in 1.. {
                let Ok(1..) = stream.read(&mut [0; 4096]) else { return };
                stream.write_all(progress_reply(id, 4, 6).as_bytes()).unwrap();
            }
        });
        let deadline = Instant::now() + Duration::from_secs(1);
        assert_eq!(progress(&server.path, deadline), Reading::Known(OvsProgress { current: 4, next: 6 }));
        assert!(Instant::now() < deadline);
    }

    #[test]
    fn a_database_that_was_never_initialised_has_no_progress() {
        let server = fake::saying(br#"{"id":1,"result":[{"rows":[]}],"error":null}"#);
        assert_eq!(progress(&server.path, fake::soon()), Reading::Absent);
    }
}
