//! Whether sshd would take the arguments of a keyword, where that is cheap to tell. Every fault is in sshd's own sense.

use std::net::IpAddr;

use super::keywords::{Keyword, Takes};

/// The algorithms that OpenSSH 8.9 to 10.0 knows. One with an `@` may be of another's making.
const CIPHERS: &str = "3des-cbc aes128-cbc aes128-ctr aes192-cbc aes192-ctr aes256-cbc aes256-ctr none";
const MACS: &str = "hmac-md5 hmac-md5-96 hmac-sha1 hmac-sha1-96 hmac-sha2-256 hmac-sha2-512";
const KEY_EXCHANGES: &str = "curve25519-sha256 diffie-hellman-group-exchange-sha1 diffie-hellman-group-exchange-sha256 \
     diffie-hellman-group1-sha1 diffie-hellman-group14-sha1 diffie-hellman-group14-sha256 \
     diffie-hellman-group16-sha512 diffie-hellman-group18-sha512 ecdh-sha2-nistp256 ecdh-sha2-nistp384 \
     ecdh-sha2-nistp521 mlkem768x25519-sha256 sntrup761x25519-sha512";

/// What is wrong with `words` after a keyword. `judges_names` is false for a version that may know more names of
/// algorithms than this list.
pub fn fault(name: &str, keyword: Keyword, words: &[String], judges_names: bool) -> Option<String> {
    let first = words.first().map(String::as_str).unwrap_or_default();
    let has = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(first));
    let algorithms = |known: &str| {
        if judges_names { unknown_algorithm(first, known).map(|bad| format!("{name} has no `{bad}`")) } else { None }
    };
    let fault = match keyword.takes {
        Takes::Anything | Takes::Match => return None,
        _ if first.is_empty() => Some(format!("{name} has no argument")),
        Takes::OneOf(known) => (!has(known)).then(|| format!("{name} cannot be `{first}`")),
        Takes::Exactly(known) => (!known.contains(&first)).then(|| format!("{name} cannot be `{first}`")),
        Takes::Number => (!is_number(first)).then(|| format!("{name} is no number: `{first}`")),
        Takes::Time => (!is_time(first)).then(|| format!("{name} is no time: `{first}`")),
        Takes::Startups => (!are_startups(first)).then(|| format!("{name} is no `start:rate:full`: `{first}`")),
        Takes::Port => port(first).err().map(|()| format!("badly formatted port number `{first}`")),
        Takes::Command => (!first.starts_with('/') && !first.eq_ignore_ascii_case("none"))
            .then(|| format!("{name} must be an absolute path")),
        Takes::Subsystem => (words.len() < 2).then(|| format!("the subsystem {first} has no command")),
        Takes::Ciphers => algorithms(CIPHERS),
        Takes::Macs => algorithms(MACS),
        Takes::KeyExchanges => algorithms(KEY_EXCHANGES),
        Takes::Word | Takes::ListenAddress | Takes::HostKey | Takes::Include => None,
    };
    let takes_more = matches!(keyword.takes, Takes::Command | Takes::Subsystem | Takes::ListenAddress | Takes::Include);
    fault.or_else(|| match words.get(1) {
        Some(word) if !takes_more => Some(format!("{name} has more arguments than it takes: `{word}`")),
        _ => None,
    })
}

/// What is wrong with a `Match` line.
pub fn match_fault(words: &[String]) -> Option<String> {
    // `User=root` is one word here and two to some versions.
    if words.iter().any(|word| word.contains('=')) {
        return None;
    }
    let mut rest = words.iter().map(String::as_str);
    let mut is_first = true;
    while let Some(attribute) = rest.next() {
        let name = attribute.to_ascii_lowercase();
        match name.as_str() {
            "all" if is_first && rest.len() == 0 => return None,
            "all" => return Some("`all` cannot be combined with other Match attributes".to_owned()),
            "invalid-user" => {}
            "user" | "group" | "host" | "address" | "localaddress" | "localport" | "rdomain" => {
                let argument = rest.next().filter(|argument| !argument.is_empty());
                let Some(argument) = argument else { return Some(format!("Match {attribute} matches what?")) };
                if name == "localport" && port(argument).is_err() && argument != "0" {
                    return Some(format!("Match {attribute} has no port `{argument}`"));
                }
                let mut networks = argument.split(',').map(|network| network.trim_start_matches('!'));
                if let Some(bad) = networks.find(|network| name.ends_with("address") && has_host_bits(network)) {
                    return Some(format!("Match {attribute}: `{bad}` is an address within its network"));
                }
            }
            // What came with OpenSSH 10.
            "version" | "sessiontype" | "command" | "tagged" => return None,
            _ => return Some(format!("unsupported Match attribute {attribute}")),
        }
        is_first = false;
    }
    is_first.then(|| "Match needs an attribute".to_owned())
}

/// `10.0.0.1/8`: neither a network nor a host.
fn has_host_bits(network: &str) -> bool {
    let Some((address, length)) = network.split_once('/') else { return false };
    let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let host_bits = |value: u128, bits: u32| {
        let below = bits.saturating_sub(length);
        length <= bits && 1_u128.checked_shl(below).map_or(value != 0, |end| value & (end - 1) != 0)
    };
    match address {
        IpAddr::V4(address) => host_bits(address.to_bits().into(), 32),
        IpAddr::V6(address) => host_bits(address.to_bits(), 128),
    }
}

/// A port by number. `Ok(None)` is the name of a service, of which this host alone knows the number.
pub fn port(text: &str) -> Result<Option<u16>, ()> {
    let digits = text.trim_start().strip_prefix('+').unwrap_or(text.trim_start());
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return match digits.trim_start_matches('0').parse::<u16>() {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => Err(()),
        };
    }
    match text {
        "ssh" => Ok(Some(22)),
        _ if !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_of_a_service) => Ok(None),
        _ => Err(()),
    }
}

fn is_of_a_service(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.+*/".contains(&byte)
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    text.eq_ignore_ascii_case("none") || !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// `90`, `1h30m`
fn is_time(text: &str) -> bool {
    let mut is_after_digit = false;
    for byte in text.strip_prefix('+').unwrap_or(text).bytes() {
        match byte {
            b'0'..=b'9' => is_after_digit = true,
            b's' | b'S' | b'm' | b'M' | b'h' | b'H' | b'd' | b'D' | b'w' | b'W' if is_after_digit => {
                is_after_digit = false;
            }
            _ => return text.eq_ignore_ascii_case("none"),
        }
    }
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// One number or three, as sscanf(3) finds them.
fn are_startups(text: &str) -> bool {
    let number = |part: &str| {
        let end = part.bytes().position(|byte| !byte.is_ascii_digit() && !b"+-".contains(&byte)).unwrap_or(part.len());
        part[..end].parse::<i64>().ok().map(|number| (number, end == part.len()))
    };
    let mut found = Vec::new();
    for part in text.split(':').take(3) {
        let Some((value, is_whole)) = number(part) else { break };
        found.push(value);
        if !is_whole {
            break;
        }
    }
    match found.as_slice() {
        [_] => true,
        [begin, rate, full] => begin <= full && (1..=100).contains(rate),
        _ => false,
    }
}

/// The first name of a list that no sshd of our hosts knows. A list that takes away may name what it likes.
fn unknown_algorithm<'a>(list: &'a str, known: &str) -> Option<&'a str> {
    if list.starts_with('-') {
        return None;
    }
    let names = list.strip_prefix(['+', '^']).unwrap_or(list).split(',');
    let mut names = names.filter(|name| !name.is_empty() && !name.contains('@'));
    names.find(|name| !known.split_ascii_whitespace().any(|known| known == *name))
}
