//! OpenFlow, as much of it as asking a bridge how many flows it holds.

use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

use super::socket::{self, Fault, Timed};
use crate::model::Reading;
use crate::model::answer::Flows;

const SERVICE: &str = "ovs-vswitchd";

/// Protocol versions as the wire numbers them. 1.1 alone is missing: its match is a struct of its
/// own, and a bridge that speaks nothing else has to be set up so by hand.
const V1_0: u8 = 1;
const V1_2: u8 = 3;
const V1_5: u8 = 6;
const SPOKEN: [u8; 5] = [V1_0, V1_2, 4, 5, V1_5];

// Message types that no version moved.
const HELLO: u8 = 0;
const ERROR: u8 = 1;
const ECHO_REQUEST: u8 = 2;
const ECHO_REPLY: u8 = 3;

const HEADER: usize = 8;
const AGGREGATE: u16 = 2;
const HELLO_XID: u32 = 1;
const STATS_XID: u32 = 2;

/// How many flows, over all its tables, the bridge behind this management socket holds.
pub fn flows(socket: &Path, deadline: Instant) -> Reading<Flows> {
    let look = || {
        let mut stream = socket::connect(socket, deadline)?;
        let version = negotiate(&mut stream)?;
        stream.write_all(&aggregate_request(version))?;
        loop {
            let message = next_message(&mut stream)?;
            match message.kind {
                ERROR => return Err(refusal(&message.body)),
                ECHO_REQUEST => stream.write_all(&encode(version, ECHO_REPLY, message.xid, &message.body))?,
                kind if kind == stats_reply(version) && message.xid == STATS_XID => {
                    return Ok(Flows { count: flow_count(version, &message.body)? });
                }
                // Port changes and the like are sent unasked.
                _ => {}
            }
        }
    };
    socket::reading(SERVICE, socket, look())
}

#[derive(Debug)]
struct Message {
    version: u8,
    kind: u8,
    xid: u32,
    body: Vec<u8>,
}

fn next_message(stream: &mut Timed) -> Result<Message, Fault> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header)?;
    let [version, kind, high, low, xid @ ..] = header;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let Some(rest) = length.checked_sub(HEADER) else {
        return Err(Fault::malformed(format!("an OpenFlow message of {length} bytes")));
    };
    let mut body = vec![0; rest];
    stream.read_exact(&mut body)?;
    Ok(Message { version, kind, xid: u32::from_be_bytes(xid), body })
}

fn encode(version: u8, kind: u8, xid: u32, body: &[u8]) -> Vec<u8> {
    // Bodies are ours or came in a message, so that their length fits.
    let length = u16::try_from(HEADER + body.len()).unwrap_or(u16::MAX);
    let mut message = vec![version, kind];
    message.extend(length.to_be_bytes());
    message.extend(xid.to_be_bytes());
    message.extend(body);
    message
}

/// Settles on the newest version that both sides speak. Bridges may be restricted to any one.
fn negotiate(stream: &mut Timed) -> Result<u8, Fault> {
    let bitmap = SPOKEN.iter().fold(0u32, |bits, version| bits | 1 << version);
    let mut element = vec![0, 1, 0, 8]; // OFPHET_VERSIONBITMAP of 8 bytes
    element.extend(bitmap.to_be_bytes());
    stream.write_all(&encode(V1_5, HELLO, HELLO_XID, &element))?;

    let hello = next_message(stream)?;
    match hello.kind {
        HELLO => agreed(hello.version, &hello.body).ok_or_else(|| {
            Fault::Failed(format!("no common OpenFlow version: it offers {}", offered(hello.version, &hello.body)))
        }),
        ERROR => Err(refusal(&hello.body)),
        kind => Err(Fault::malformed(format!("OpenFlow message {kind} in place of a hello"))),
    }
}

fn agreed(their_newest: u8, elements: &[u8]) -> Option<u8> {
    let common = |version: &u8| match version_bitmap(elements) {
        Some(bitmap) => bitmap & 1 << version != 0,
        // Without a bitmap the rule is the smaller of the two newest, and no other.
        None => *version == their_newest.min(V1_5),
    };
    SPOKEN.into_iter().rev().find(common)
}

fn offered(their_newest: u8, elements: &[u8]) -> String {
    let bitmap = version_bitmap(elements).unwrap_or_else(|| 1u32.checked_shl(their_newest.into()).unwrap_or(0));
    let versions: Vec<_> =
        (1..32).filter(|version| bitmap & 1 << version != 0).map(|v| format!("1.{}", v - 1)).collect();
    if versions.is_empty() { format!("version {their_newest}") } else { versions.join(", ") }
}

/// The first word of a hello's OFPHET_VERSIONBITMAP: versions 0 to 31.
fn version_bitmap(mut elements: &[u8]) -> Option<u32> {
    loop {
        let kind = be16(elements, 0)?;
        let length = usize::from(be16(elements, 2)?);
        if kind == 1 {
            return be32(elements.get(..length)?, 4);
        }
        elements = elements.get(length.max(4).next_multiple_of(8)..)?;
    }
}

fn stats_request(version: u8) -> u8 {
    if version == V1_0 { 16 } else { 18 }
}

fn stats_reply(version: u8) -> u8 {
    stats_request(version) + 1
}

/// OFPST_AGGREGATE over every table, port, group and cookie.
fn aggregate_request(version: u8) -> Vec<u8> {
    let mut body = vec![];
    body.extend(AGGREGATE.to_be_bytes());
    body.extend([0; 2]); // flags
    if version == V1_0 {
        body.extend(0x003f_ffff_u32.to_be_bytes()); // OFPFW_ALL
        body.extend([0; 36]); // the rest of ofp_match, all of it wild
        body.extend([0xff, 0]); // every table
        body.extend([0xff; 2]); // OFPP_NONE
    } else {
        body.extend([0; 4]);
        body.extend([0xff, 0, 0, 0]); // OFPTT_ALL
        body.extend([0xff; 8]); // OFPP_ANY, OFPG_ANY
        body.extend([0; 4 + 8 + 8]); // padding, cookie, cookie mask
        body.extend([0, 1, 0, 4, 0, 0, 0, 0]); // an OXM match without fields
    }
    encode(version, stats_request(version), STATS_XID, &body)
}

fn flow_count(version: u8, body: &[u8]) -> Result<u64, Fault> {
    let count = match (be16(body, 0), version) {
        (Some(AGGREGATE), V1_0) => be32(body, 4 + 16),
        (Some(AGGREGATE), V1_5) => body.get(8..).and_then(oxs_flow_count),
        (Some(AGGREGATE), _) => be32(body, 8 + 16),
        _ => None,
    };
    count.map(u64::from).ok_or_else(|| Fault::malformed("an aggregate reply without a count of flows"))
}

/// OpenFlow 1.5 writes statistics as a list of typed fields, after their common length.
fn oxs_flow_count(stats: &[u8]) -> Option<u32> {
    const CLASS_BASIC: u16 = 0x8002;
    const FLOW_COUNT: u8 = 3;
    let mut fields = stats.get(4..usize::from(be16(stats, 2)?))?;
    loop {
        let length = usize::from(*fields.get(3)?);
        if be16(fields, 0)? == CLASS_BASIC && fields.get(2)? >> 1 == FLOW_COUNT {
            return be32(fields.get(..4 + length)?, 4);
        }
        fields = fields.get(4 + length..)?;
    }
}

/// An OFPT_ERROR. The only text in one is that of a failed hello.
fn refusal(body: &[u8]) -> Fault {
    let (Some(kind), Some(code)) = (be16(body, 0), be16(body, 2)) else {
        return Fault::malformed("an OpenFlow error without type and code");
    };
    let text = if kind == 0 { String::from_utf8_lossy(&body[4..]) } else { "".into() };
    Fault::Failed(format!("OpenFlow error of type {kind}, code {code} {text}").trim_end().to_owned())
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::super::socket::fake::{self, Fake};
    use super::*;
    use crate::model::TroubleCause;

    // What ovs-vswitchd 3.1.0 said of a bridge with two flows, restricted to one version each time.
    const REPLY_1_0: &str = "011100240000000200020000000000000000000000000000000000000000000200000000";
    const REPLY_1_3: &str = "04130028000000020002000000000000000000000000000000000000000000000000000200000000";
    const REPLY_1_5: &str = "061300380000000200020000000000000000002480020808000000000000000080020a08\
                             0000000000000000800206040000000200000000";
    const HELLO_1_3: &[u8] = &[6, HELLO, 0, 16, 0, 0, 0, 12, 0, 1, 0, 8, 0, 0, 0, 1 << 4];

    fn bytes(hex: &str) -> Vec<u8> {
        hex.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// A bridge that says these things one after the other, whatever it hears.
    fn bridge(sayings: &[&[u8]]) -> Fake {
        fake::saying(Vec::leak(sayings.concat()))
    }

    #[test]
    fn real_replies_hold_two_flows() {
        for (version, reply) in [(V1_0, REPLY_1_0), (4, REPLY_1_3), (V1_5, REPLY_1_5)] {
            assert_eq!(flow_count(version, &bytes(reply)[HEADER..]).unwrap(), 2, "version {version}");
        }
    }

    #[test]
    fn a_reply_cut_anywhere_is_malformed() {
        for (version, reply, needed) in [(V1_0, REPLY_1_0, 32), (4, REPLY_1_3, 36), (V1_5, REPLY_1_5, 52)] {
            let reply = bytes(reply);
            for end in HEADER..needed {
                assert!(flow_count(version, &reply[HEADER..end]).is_err(), "version {version}, {end} bytes");
            }
        }
    }

    #[test]
    fn requests_are_as_long_as_they_say() {
        for version in SPOKEN {
            let request = aggregate_request(version);
            assert_eq!(usize::from(be16(&request, 2).unwrap()), request.len());
            assert_eq!(request.len(), 56, "version {version}");
        }
    }

    #[test]
    fn the_newest_common_version_is_spoken() {
        let offer = |bits: u32| [&[0, 1, 0, 8][..], &bits.to_be_bytes()].concat();
        assert_eq!(agreed(6, &offer(1 << 1 | 1 << 4 | 1 << 6)), Some(6));
        assert_eq!(agreed(6, &offer(1 << 1 | 1 << 4)), Some(4));
        assert_eq!(agreed(2, &offer(1 << 2)), None);
        assert_eq!(agreed(9, &[]), Some(6), "without a bitmap, the smaller of the newest");
        assert_eq!(agreed(2, &[]), None);
        let unknown_element_first = [&[0, 9, 0, 5, 1, 0, 0, 0][..], &offer(1 << 5)].concat();
        assert_eq!(agreed(6, &unknown_element_first), Some(5));
        assert_eq!(version_bitmap(&[0, 9, 0, 0, 0, 0, 0, 0]), None, "an element of no length ends the search");
        assert_eq!(offered(2, &[]), "1.1");
        assert_eq!(offered(200, &[]), "version 200");
    }

    #[test]
    fn a_bridge_that_echoes_and_chatters_is_still_asked() {
        let echo = encode(4, ECHO_REQUEST, 77, b"alive?");
        let port_status = encode(4, 12, 0, &[0; 72]);
        let peer = bridge(&[HELLO_1_3, &echo, &port_status, &bytes(REPLY_1_3)]);
        assert_eq!(flows(&peer.path, fake::soon()), Reading::Known(Flows { count: 2 }));
    }

    #[test]
    fn refusals_are_failures_in_clear_text() {
        let only_1_1 = [6, HELLO, 0, 16, 0, 0, 0, 12, 0, 1, 0, 8, 0, 0, 0, 1 << 2];
        let failed_hello = encode(1, ERROR, 0, b"\0\0\0\0we speak nothing");
        let bad_request = encode(4, ERROR, STATS_XID, &[0, 1, 0, 5, 0, 0]);
        let refusals: [(&[&[u8]], &str); 3] = [
            (&[&only_1_1], "no common OpenFlow version: it offers 1.1"),
            (&[&failed_hello], "we speak nothing"),
            (&[HELLO_1_3, &bad_request], "type 1, code 5"),
        ];
        for (sayings, words) in refusals {
            let peer = bridge(sayings);
            let detail = fake::assert_trouble(TroubleCause::Failed, || flows(&peer.path, fake::soon()));
            assert!(detail.contains(words), "{detail}");
        }
    }

    #[test]
    fn nonsense_is_malformed() {
        let short = [4, 19, 0, 7, 0, 0, 0, 2];
        let no_hello = encode(4, 10, 0, &[]);
        let sayings: [&[&[u8]]; 4] = [
            &[&short],
            &[&no_hello],
            &[HELLO_1_3, &encode(4, 19, STATS_XID, &[0, 2])],
            &[HELLO_1_3, &encode(4, ERROR, STATS_XID, &[0])],
        ];
        for sayings in sayings {
            let peer = bridge(sayings);
            fake::assert_trouble(TroubleCause::Malformed, || flows(&peer.path, fake::soon()));
        }
    }

    #[test]
    fn a_bridge_that_hangs_or_drips_costs_its_deadline() {
        let hung = fake::hung();
        fake::assert_trouble(TroubleCause::TimedOut, || flows(&hung.path, fake::soon()));
        let slow = fake::dripping(0x20);
        fake::assert_trouble(TroubleCause::TimedOut, || flows(&slow.path, fake::soon()));
    }
}
