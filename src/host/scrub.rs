//! Takes secrets out of what leaves the host.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};
use serde_json::Value;

const MASK: &str = "***";

/// `scheme://user:password@host`
static USERINFO: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s"]+@"#).ok());

/// The words that name a secret.
const NAMES: &str = concat!(
    r"(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|pre[_-]?shared[_-]?key|credential",
    r"|authorization)"
);

/// A scalar in quotes, or what is left of one that is not closed; of JSON within a text, too.
const QUOTED: &str = r#"'(?:[^']|'')*'|"(?:[^"\\]|\\(?s:.))*"|\\"[^"\\]*\\"|["'][^\n]*"#;

/// A scalar of YAML without quotes, between braces.
const PLAIN: &str = r#"[^\s"'{\[,}\]\\][^\n",}\]\\]*"#;

/// A mapping of YAML between braces.
const MAPPING: &str = r"\{[^{}]*\}";

const HEADER: &str = r#"(?:bearer|basic|digest|token)[ \t]+[^\s"']+"#;

/// `password:` at the beginning of a line, and where that line's own text begins.
static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let key = format!(r#"["']?[\w.-]*(?:{NAMES}|\bpsk)[\w-]*["']?[ \t]*:(?:[ \t]+|\r?\n|$)"#);
    Regex::new(&format!("(?i)^([ \t]*(?:-[ \t]+)*){key}")).ok()
});

/// `password = "x y"`, `{password: x y}`, `Authorization: Bearer x`
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let key = format!(r#"(?:^|[^\w/.-])[\w-]*{NAMES}[\w-]*\\?["']?\s*"#);
    Regex::new(&format!(r"(?i)({key}(?::[ \t]+|[=:]\s*))({QUOTED}|{MAPPING}|{HEADER})|({key}:[ \t]+)({PLAIN})")).ok()
});

/// `api_key=x`, `?token=x&page=2`
static WORD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(r#"(?i)((?:^|[^\w/.-])[\w-]*{NAMES}[\w-]*\\?["']?\s*[=:]\s*)([^\s"'&,;\]}}\\]+)"#)).ok()
});

/// Words of netplan and others that name a secret in some places: see `is_secret`.
static MAYBE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let key = r#"(?:^|[^\w/-])["']?(?:private|shared|psk|sae|community|key|pin)["']?[ \t]*"#;
    Regex::new(&format!(r"(?i)({key}(?::[ \t]+|:[ \t]*\n[ \t]+|=[ \t]*))({QUOTED}|{PLAIN})")).ok()
});

/// OVSDB's `["db_password","x"]`
static PAIRED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(
        r#"(?i)((?:{NAMES}[\w-]*|"(?:[\w-]*(?:psk|[_-]pwd)|snmp[_-]community))\\?"\s*,\s*\\?")[^"\\]+"#
    ))
    .ok()
});

/// Passwords of GRUB's menu: `password root x`, `password_pbkdf2 root grub.pbkdf2.sha512.10000.…`
static GRUB: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)((?:^password\s+\S+\s+)|grub\.pbkdf2\.)[^\s\x22]+").ok());

/// A field that is called so.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("(?i){NAMES}")).ok());

/// PEM blocks of private keys.
static PRIVATE_KEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)").ok()
});

/// Words without one of which no pattern here matches, in lower case.
const HINTS: [&[u8]; 15] = [
    b"://",
    b"pass",
    b"secret",
    b"token",
    b"key",
    b"credential",
    b"authorization",
    b"psk",
    b"pwd",
    b"private",
    b"shared",
    b"sae",
    b"community",
    PIN,
    b"pbkdf2",
];

/// Said of a number only where a word begins with it.
const PIN: &[u8] = b"pin";

/// A line from this length on is a reply of a program, and what belongs together in it stands between braces.
const LONG: usize = 64 << 10;

/// The text with every secret that we know the shape of masked.
pub fn text(plain: &str) -> String {
    if plain.len() < LONG || plain.contains('\n') {
        return if may_hold_a_secret(plain) { patterns(plain) } else { plain.to_owned() };
    }
    // Ten thousand rows of OVSDB, of which one may have a password. No string of JSON holds a bare quote.
    let mut scrubbed = String::with_capacity(plain.len());
    let mut rest = plain;
    while let Some(row) = first_row(rest) {
        match may_hold_a_secret(row) {
            true => scrubbed.push_str(&patterns(row)),
            false => scrubbed.push_str(row),
        }
        rest = &rest[row.len()..];
    }
    scrubbed
}

/// Up to where the next row begins: at `},{"`, whatever blanks are in it.
fn first_row(text: &str) -> Option<&str> {
    let is_next = |at: &usize| text[..*at].trim_end().strip_suffix(',').is_some_and(|it| it.trim_end().ends_with('}'));
    let next = text.match_indices(r#"{""#).map(|(at, _)| at).find(is_next);
    Some(next.map_or(text, |at| &text[..at])).filter(|row| !row.is_empty())
}

/// Whether it is worth looking at: the patterns take a second a megabyte.
fn may_hold_a_secret(plain: &str) -> bool {
    let bytes = plain.as_bytes();
    let starts = |at: usize, hint: &[u8]| bytes[at..].get(..hint.len()).is_some_and(|it| it.eq_ignore_ascii_case(hint));
    // Not within `snooping` or `mappings`, of which every switch has some.
    let begins = |at: usize| at.checked_sub(1).is_none_or(|before| !bytes[before].is_ascii_alphanumeric());
    bytes.iter().enumerate().any(|(at, byte)| match byte | 0x20 {
        b'p' | b's' | b't' | b'k' | b'c' | b'a' | b':' => {
            HINTS.iter().any(|hint| starts(at, hint) && (*hint != PIN || begins(at)))
        }
        _ => false,
    })
}

fn patterns(plain: &str) -> String {
    type Replace = fn(&Captures<'_>) -> String;
    let patterns: [(&LazyLock<Option<Regex>>, Replace); 7] = [
        (&USERINFO, |found| format!("{}{MASK}@", &found[1])),
        (&PRIVATE_KEY, |_| MASK.to_owned()),
        (&NAMED, |found| match (found.get(1), found.get(2)) {
            (Some(key), Some(value)) => format!("{}{}", key.as_str(), masked(value.as_str())),
            _ => format!("{}'{MASK}'", &found[3]),
        }),
        (&WORD, |found| format!("{}{MASK}", &found[1])),
        (&MAYBE, |found| match is_secret(&found[1], &found[2]) {
            true => format!("{}{}", &found[1], masked(&found[2])),
            false => found[0].to_owned(),
        }),
        (&PAIRED, |found| format!("{}{MASK}", &found[1])),
        (&GRUB, |found| format!("{}{MASK}", &found[1])),
    ];
    let Some(mut scrubbed) = scalars(plain) else { return MASK.to_owned() };
    for (pattern, replaced) in patterns {
        scrubbed = match pattern.as_ref() {
            Some(pattern) => pattern.replace_all(&scrubbed, replaced).into_owned(),
            None => return MASK.to_owned(), // never let anything through unmasked
        };
    }
    scrubbed
}

/// Masks what YAML has behind a key, up to the end of the line, and in the lines below it that are further to the
/// right: `password: correct horse`, `password: |`. What is in quotes or braces is left to the patterns.
fn scalars(text: &str) -> Option<String> {
    let pattern = LINE.as_ref()?;
    let mut scrubbed = String::with_capacity(text.len());
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let found = if line.contains(':') { pattern.captures(line) } else { None };
        let Some((key, column)) = found.map(|found| (found[0].to_owned(), found[1].len())) else {
            scrubbed.push_str(line);
            continue;
        };
        let is_below = |line: &&str| line.len() - line.trim_start_matches([' ', '\t']).len() > column;
        let value = line[key.len()..].trim_end();
        let has_value = !value.is_empty() || lines.peek().is_some_and(is_below);
        if value.starts_with(['"', '\'', '{']) || !has_value {
            scrubbed.push_str(line);
            continue;
        }
        let ending = &line[line.trim_end_matches(['\r', '\n']).len()..];
        scrubbed.push_str(&format!("{} '{MASK}'{ending}", key.trim_end()));
        // Blank lines belong to a block.
        let is_block = value.starts_with(['|', '>']);
        while lines.next_if(|line| is_below(line) || is_block && line.trim().is_empty()).is_some() {}
    }
    Some(scrubbed)
}

/// The mask in the quotes of the value: a file that was well-formed remains so, and one that was not does not
/// become so. Without quotes YAML would read an alias.
fn masked(value: &str) -> String {
    match ["\\\"", "\"", "'"].into_iter().find(|quote| value.starts_with(quote)) {
        Some(quote) if value.len() > quote.len() && value.ends_with(quote) => format!("{quote}{MASK}{quote}"),
        Some(quote) => format!("{quote}{MASK}"),
        None => format!("'{MASK}'"),
    }
}

/// A key of WireGuard is one; the number of a GRE tunnel, a mode of sharing and a pin of apt are none.
fn is_secret(key: &str, value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let key = key.to_ascii_lowercase();
    let is_base64 = |it: &str| it.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    if key.contains("pin") {
        value.len() >= 4 && value.bytes().all(|byte| byte.is_ascii_digit())
    } else if key.contains("key") {
        value.len() >= 40 && is_base64(value)
    } else {
        !["true", "false", "yes", "no", "on", "off", "null", "~", ""].contains(&value.to_ascii_lowercase().as_str())
    }
}

/// Every string of a JSON value, in place; the keys, too, since a question may carry a URL.
pub fn value(json: &mut Value) {
    match json {
        Value::String(plain) => *plain = text(plain),
        Value::Array(items) => items.iter_mut().for_each(value),
        Value::Object(fields) if fields.len() == 1 && fields.contains_key("hex") => {
            if let Some(scrubbed) = fields.get("hex").and_then(Value::as_str).and_then(bytes_with_a_secret) {
                *json = Value::String(scrubbed);
            }
        }
        Value::Object(fields) => {
            let plain = std::mem::take(fields);
            fields.extend(plain.into_iter().map(|(key, inner)| field(&key, inner)));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The bytes of a file or of a reply, scrubbed as their text.
pub fn bytes(plain: Vec<u8>) -> Vec<u8> {
    match String::from_utf8(plain) {
        Ok(plain) => text(&plain).into_bytes(),
        Err(error) => {
            let plain = error.into_bytes();
            let readable = String::from_utf8_lossy(&plain);
            let scrubbed = text(&readable);
            if scrubbed == readable { plain } else { scrubbed.into_bytes() }
        }
    }
}

/// Bytes that are no text are kept in hex, where no pattern sees them. The text of those that hold a secret, masked.
fn bytes_with_a_secret(hex: &str) -> Option<String> {
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = hex.as_bytes().chunks(2).map(pair).collect::<Option<_>>()?;
    let plain = String::from_utf8_lossy(&bytes);
    let scrubbed = text(&plain);
    (scrubbed != plain).then_some(scrubbed)
}

fn field(key: &str, mut inner: Value) -> (String, Value) {
    let is_secret = may_hold_a_secret(key) && NAME.as_ref().is_none_or(|name| name.is_match(key));
    match &mut inner {
        Value::String(plain) if is_secret && !plain.is_empty() => MASK.clone_into(plain),
        other => value(other),
    }
    (text(key), inner)
}

#[cfg(test)]
mod tests;
