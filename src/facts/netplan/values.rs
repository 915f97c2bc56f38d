//! What single values may be, as netplan's own conversions have it.

use std::net::{Ipv4Addr, Ipv6Addr};

const BOND_MODES: [&str; 9] = [
    "balance-rr",
    "active-backup",
    "balance-xor",
    "broadcast",
    "802.3ad",
    "balance-tlb",
    "balance-alb",
    "balance-tcp",
    "balance-slb",
];

pub fn boolean(text: &str) -> Result<(), String> {
    const WORDS: [&str; 8] = ["true", "on", "yes", "y", "false", "off", "no", "n"];
    let is_one = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    accept(is_one, || format!("`{text}` is neither true nor false"))
}

pub fn is_true(text: &str) -> bool {
    ["true", "on", "yes", "y"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// strtoull(3) with nothing left behind the number; no text at all is 0.
pub fn unsigned(text: &str) -> Result<(), String> {
    let digits = text.trim_start().trim_start_matches('+');
    // A negative number wraps round, and that is not for us to follow.
    let fits = text.is_empty() || digits.starts_with('-') || digits.parse::<u32>().is_ok();
    accept(fits, || format!("`{text}` is no number from 0 to {}", u32::MAX))
}

pub fn renderer(text: &str) -> Result<(), String> {
    accept(matches!(text, "networkd" | "NetworkManager"), || {
        format!("`{text}` is no renderer: networkd and NetworkManager are")
    })
}

/// strtol(3), whatever follows.
pub fn version(text: &str) -> Result<(), String> {
    let text = text.trim_start().trim_start_matches('+');
    let digits = text.find(|character: char| !character.is_ascii_digit()).map_or(text, |end| &text[..end]);
    accept(digits.parse() == Ok(2_u64), || "netplan knows only version 2".to_owned())
}

pub fn bond_mode(text: &str) -> Result<(), String> {
    accept(BOND_MODES.contains(&text), || format!("`{text}` is no mode of a bond"))
}

pub fn ip4(text: &str) -> Result<(), String> {
    accept(text.parse::<Ipv4Addr>().is_ok(), || format!("`{text}` is no IPv4 address"))
}

pub fn ip6(text: &str) -> Result<(), String> {
    accept(text.parse::<Ipv6Addr>().is_ok(), || format!("`{text}` is no IPv6 address"))
}

pub fn ip(text: &str) -> Result<(), String> {
    ip4(text).or_else(|_| ip6(text)).map_err(|_| format!("`{text}` is no IP address"))
}

/// `192.0.2.7/24`
pub fn prefix(text: &str) -> Result<(), String> {
    let Some((address, length)) = text.rsplit_once('/') else {
        return Err(format!("`{text}` has no /length, such as /24"));
    };
    let longest = match (ip4(address), ip6(address)) {
        (Ok(()), _) => 32,
        (_, Ok(())) => 128,
        _ => return Err(format!("`{text}` is no address with its length, such as 192.0.2.7/24")),
    };
    // strtoull(3), whatever follows.
    let length = length.trim_start().trim_start_matches('+');
    let digits = length.find(|character: char| !character.is_ascii_digit()).map_or(length, |end| &length[..end]);
    let fits = digits.parse::<u64>().is_ok_and(|length| (1..=longest).contains(&length));
    accept(fits || length.starts_with('-'), || format!("the length of `{text}` is not from 1 to {longest}"))
}

/// The name of a definition. Letters of other alphabets are the C library's to judge.
pub fn name(text: &str) -> Result<(), String> {
    let is_wrong = |character: char| character.is_ascii_whitespace() || character.is_ascii_control();
    accept(!text.is_empty() && !text.contains(is_wrong), || format!("`{text}` is no name of a definition"))?;
    accept(!text.contains(['*', '[', ']', '?']), || format!("`{text}` is a pattern, and must be a name"))
}

fn accept(is_right: bool, message: impl FnOnce() -> String) -> Result<(), String> {
    if is_right { Ok(()) } else { Err(message()) }
}
