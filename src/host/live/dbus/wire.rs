//! How D-Bus writes messages and values. Nothing here trusts a length.

const METHOD_CALL: u8 = 1;
/// A look starts no service.
const NO_AUTO_START: u8 = 2;

pub const FIXED_HEADER: usize = 16;
/// The specification's own limits.
const LARGEST_FIELDS: usize = 64 << 20;
const LARGEST_MESSAGE: usize = 128 << 20;

/// A method call; every argument is a string.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Missing only where there is no bus between us and the service.
    pub destination: Option<&'a str>,
    pub path: &'a str,
    pub interface: &'a str,
    pub member: &'a str,
    pub arguments: &'a [&'a str],
}

#[derive(Debug, Clone, Copy)]
pub enum Order {
    Little,
    Big,
}

/// Reads values one after the other; `None` where the bytes do not hold such a value.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    order: Order,
}

impl<'a> Decoder<'a> {
    /// Bytes whose first is aligned to 8.
    pub fn new(bytes: &'a [u8], order: Order) -> Self {
        Self { bytes, at: 0, order }
    }

    pub fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    /// Values stand at multiples of their size, counted from the start of the message.
    pub fn align(&mut self, size: usize) -> Option<()> {
        self.take(self.at.next_multiple_of(size) - self.at).map(|_| ())
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.align(4)?;
        let bytes = *self.take(4)?.first_chunk()?;
        Some(match self.order {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        })
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.align(8)?;
        let bytes = *self.take(8)?.first_chunk()?;
        Some(match self.order {
            Order::Little => u64::from_le_bytes(bytes),
            Order::Big => u64::from_be_bytes(bytes),
        })
    }

    /// A string or object path.
    pub fn string(&mut self) -> Option<&'a str> {
        let length = self.u32()?;
        self.terminated(length as usize)
    }

    pub fn signature(&mut self) -> Option<&'a str> {
        let length = self.take(1)?[0];
        self.terminated(length.into())
    }

    fn terminated(&mut self, length: usize) -> Option<&'a str> {
        let text = self.take(length)?;
        (self.take(1)? == [0]).then_some(())?;
        std::str::from_utf8(text).ok()
    }

    /// The elements of an array whose elements are aligned to this size.
    pub fn array(&mut self, element: usize) -> Option<Decoder<'a>> {
        let length = self.u32()?;
        self.align(element)?;
        let start = self.at;
        self.take(length as usize)?;
        Some(Decoder { bytes: &self.bytes[..self.at], at: start, order: self.order })
    }
}

/// What the fixed part of a header says of the rest.
pub struct Sizes {
    pub order: Order,
    pub unpadded_fields: usize,
    /// With the padding up to the body.
    pub fields: usize,
    pub body: usize,
}

impl Sizes {
    pub fn decode(fixed: &[u8; FIXED_HEADER]) -> Option<Self> {
        let order = match (fixed[0], fixed[3]) {
            (b'l', 1) => Order::Little,
            (b'B', 1) => Order::Big,
            _ => return None,
        };
        let mut numbers = Decoder { bytes: fixed, at: 4, order };
        let body = numbers.u32()? as usize;
        let _serial = numbers.u32()?;
        let unpadded_fields = numbers.u32()? as usize;
        let fields = unpadded_fields.next_multiple_of(8);
        let fits = unpadded_fields <= LARGEST_FIELDS && FIXED_HEADER + fields + body <= LARGEST_MESSAGE;
        fits.then_some(Self { order, unpadded_fields, fields, body })
    }
}

/// The header fields that matter in a reply.
#[derive(Default)]
pub struct Fields {
    pub reply_to: Option<u32>,
    pub error: Option<String>,
    pub signature: String,
}

impl Fields {
    /// They stand behind the 16 bytes of the fixed header, so that their alignment is their own.
    pub fn decode(bytes: &[u8], order: Order) -> Option<Self> {
        let mut decoder = Decoder::new(bytes, order);
        let mut fields = Self::default();
        while !decoder.is_empty() {
            decoder.align(8)?;
            let code = decoder.take(1)?[0];
            match (code, decoder.signature()?) {
                (4, "s") => fields.error = Some(decoder.string()?.to_owned()),
                (5, "u") => fields.reply_to = Some(decoder.u32()?),
                (8, "g") => fields.signature = decoder.signature()?.to_owned(),
                (_, "s" | "o") => _ = decoder.string()?,
                (_, "u") => _ = decoder.u32()?,
                (_, "g") => _ = decoder.signature()?,
                // The specification knows no field of another type.
                _ => return None,
            }
        }
        Some(fields)
    }
}

/// A method call in little-endian order.
pub fn encode(call: &Call, serial: u32) -> Vec<u8> {
    let mut body = Vec::new();
    for argument in call.arguments {
        put_string(&mut body, argument);
    }
    let mut fields = Vec::new();
    let signature = "s".repeat(call.arguments.len());
    let named = [(1, "o", call.path), (2, "s", call.interface), (3, "s", call.member)];
    for (code, kind, value) in named.into_iter().chain(call.destination.map(|name| (6, "s", name))) {
        put_field_start(&mut fields, code, kind);
        put_string(&mut fields, value);
    }
    if !signature.is_empty() {
        put_field_start(&mut fields, 8, "g");
        put_signature(&mut fields, &signature);
    }

    let mut message = vec![b'l', METHOD_CALL, NO_AUTO_START, 1];
    for number in [body.len() as u32, serial, fields.len() as u32] {
        message.extend(number.to_le_bytes());
    }
    message.extend(fields);
    pad(&mut message, 8);
    message.extend(body);
    message
}

fn pad(out: &mut Vec<u8>, size: usize) {
    out.resize(out.len().next_multiple_of(size), 0);
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    pad(out, 4);
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
    out.push(0);
}

fn put_signature(out: &mut Vec<u8>, signature: &str) {
    // At most 255 types; ours have two.
    out.push(signature.len() as u8);
    out.extend(signature.as_bytes());
    out.push(0);
}

fn put_field_start(out: &mut Vec<u8>, code: u8, kind: &str) {
    pad(out, 8);
    out.push(code);
    put_signature(out, kind);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoder(bytes: &[u8]) -> Decoder<'_> {
        Decoder::new(bytes, Order::Little)
    }

    #[test]
    fn a_call_is_written_as_the_specification_has_it() {
        let call = Call {
            destination: Some("a.b"),
            path: "/p",
            interface: "i.f",
            member: "Get",
            arguments: &["three", "one"],
        };
        let expected: [&[u8]; 7] = [
            b"l\x01\x02\x01\x14\0\0\0\x07\0\0\0\x48\0\0\0",
            b"\x01\x01o\0\x02\0\0\0/p\0\0\0\0\0\0",
            b"\x02\x01s\0\x03\0\0\0i.f\0\0\0\0\0",
            b"\x03\x01s\0\x03\0\0\0Get\0\0\0\0\0",
            b"\x06\x01s\0\x03\0\0\0a.b\0\0\0\0\0",
            b"\x08\x01g\0\x02ss\0",
            b"\x05\0\0\0three\0\0\0\x03\0\0\0one\0",
        ];
        assert_eq!(encode(&call, 7), expected.concat());
    }

    #[test]
    fn values_are_read_in_either_order() {
        let mut little = Decoder::new(b"\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0", Order::Little);
        assert_eq!((little.u32(), little.u64()), (Some(2), Some(3)));
        let mut big = Decoder::new(b"\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\x03", Order::Big);
        assert_eq!((big.u32(), big.u64()), (Some(2), Some(3)));
        assert!(big.is_empty());
    }

    #[test]
    fn lengths_beyond_the_end_are_no_values() {
        assert_eq!(decoder(b"\x04\0\0\0abc\0").string(), None);
        assert_eq!(decoder(b"\xff\xff\xff\xffabc\0").string(), None);
        assert_eq!(decoder(b"\x03\0\0\0abcd").string(), None, "not terminated");
        assert_eq!(decoder(b"\x01\0\0\0\xff\0").string(), None, "not UTF-8");
        assert_eq!(decoder(b"\x03\0\0").u32(), None);
        assert_eq!(decoder(b"\xffs\0").signature(), None);
        assert!(decoder(b"\x08\0\0\0\0\0\0\0\0").array(8).is_none());
        assert!(decoder(b"\0\0\0\0").array(8).is_none(), "no room for the padding");
    }

    #[test]
    fn headers_beyond_the_limits_are_refused() {
        let header = |body: u32, fields: u32| {
            let mut fixed = *b"l\x02\x01\x01aaaa\x01\0\0\0bbbb";
            fixed[4..8].copy_from_slice(&body.to_le_bytes());
            fixed[12..].copy_from_slice(&fields.to_le_bytes());
            Sizes::decode(&fixed).map(|sizes| (sizes.fields, sizes.body))
        };
        assert_eq!(header(5, 9), Some((16, 5)));
        assert_eq!(header(u32::MAX, 8), None);
        assert_eq!(header(8, u32::MAX), None);
        assert!(Sizes::decode(b"x\x02\x01\x01aaaabbbbcccc").is_none());
        assert!(Sizes::decode(b"l\x02\x01\x02aaaabbbbcccc").is_none(), "another version of the protocol");
    }
}
