//! Strings become values here, once, at the edge.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// An amount of storage. Written as `5GiB`, `512 MiB` or a plain number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

const BINARY: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim() {
            "" => Some(1),
            unit => BINARY.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor),
        };
        number
            .parse::<u64>()
            .ok()
            .zip(factor)
            .and_then(|(number, factor)| number.checked_mul(factor))
            .map(Self)
            .ok_or_else(|| {
                format!("`{text}` is no amount of storage: write a whole number and one of B, KiB, MiB, GiB, TiB")
            })
    }
}

/// `3.1 GiB`, `5 GiB`, `812 KiB`. Rounded down: a person must never read that there is enough where there is not.
impl fmt::Display for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = BINARY.into_iter().find(|(_, factor)| self.0 >= *factor).unwrap_or(("B", 1));
        let tenths = u128::from(self.0) * 10 / u128::from(factor);
        if tenths % 10 == 0 {
            write!(out, "{} {unit}", tenths / 10)
        } else {
            write!(out, "{}.{} {unit}", tenths / 10, tenths % 10)
        }
    }
}

/// A string that was found to be what its type says. What it may be is checked where it is read.
macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let is_right: fn(&str) -> bool = $check;
                if is_right(&text) { Ok(Self(text)) } else { Err(format!("{} is no {}", quoted(&text), $expected)) }
            }
        }

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }
    };
}

/// A text that was turned down, unless it may hold a password or a token: the message goes into logs.
fn quoted(text: &str) -> String {
    if text.contains("://") && text.contains(['@', '?']) { "this".to_owned() } else { format!("`{text}`") }
}

text_type! {
    /// `/var/log`
    AbsolutePath,
    |text| text.starts_with('/') && !text.contains('\0'),
    "absolute path"
}

text_type! {
    /// `ovs-vswitchd.service`
    UnitName,
    |text| text.rsplit_once('.').is_some_and(|(name, kind)| !name.is_empty() && UNIT_KINDS.contains(&kind)),
    "unit: write its whole name, such as ssh.service"
}

text_type! {
    /// `http://proxy.example:3128`
    Proxy,
    |text| text.strip_prefix("http://").is_some_and(|rest| is_endpoint(rest.strip_suffix('/').unwrap_or(rest))),
    "proxy: write http://host:port, without user and password"
}

text_type! {
    /// `https://host/path`, `http://host`, `icmp://host` or `host:port`
    Target,
    is_target,
    "target: write https://host/path, http://host, icmp://host or host:port, without user, password or token"
}

const UNIT_KINDS: [&str; 11] =
    ["service", "socket", "target", "timer", "mount", "automount", "path", "slice", "scope", "swap", "device"];

fn is_target(text: &str) -> bool {
    match text.split_once("://") {
        // A password in a URL would end up in every report.
        Some(("http" | "https", rest)) => {
            let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            let is_graphic = path.bytes().all(|byte| byte.is_ascii_graphic());
            (is_host(authority) || is_endpoint(authority)) && is_graphic && !has_secret_field(path)
        }
        Some(("icmp", host)) => is_host(host) || host.parse::<Ipv6Addr>().is_ok(),
        Some(_) => false,
        None => is_endpoint(text),
    }
}

/// `host:port`, `[address]:port`
fn is_endpoint(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok_and(|port| port != 0))
}

/// A name, an address, or an address with colons in brackets.
fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)),
    }
}

/// `?token=…`: any answer counts as reached, so none is needed.
fn has_secret_field(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query).to_ascii_lowercase();
    query.split(['&', ';']).filter_map(|field| field.split_once('=')).any(|(name, _)| {
        ["token", "secret", "passw", "passphrase", "key", "credential", "auth", "signature"]
            .iter()
            .any(|word| name.contains(word))
    })
}

/// A pattern over finding ids in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdGlob(pub String);

impl IdGlob {
    pub fn matches(&self, id: &str) -> bool {
        matches_from(self.0.as_bytes(), id.as_bytes())
    }
}

fn matches_from(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skipped| matches_from(rest, &text[skipped..])),
        Some((byte, rest)) => text.first() == Some(byte) && matches_from(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written() {
        assert_eq!("5GiB".parse(), Ok(Bytes(5 << 30)));
        assert_eq!("512 MiB".parse(), Ok(Bytes(512 << 20)));
        assert_eq!("17".parse(), Ok(Bytes(17)));
        for wrong in ["", "GiB", "5GB", "-1", "1.5GiB", "99999999999TiB"] {
            assert!(wrong.parse::<Bytes>().is_err(), "{wrong}");
        }
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (5 << 30, "5 GiB"), ((5 << 30) - 1, "4.9 GiB"), (1536, "1.5 KiB")]
        {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    #[test]
    fn names_are_what_their_types_say() {
        let unit = |text: &str| UnitName::try_from(text.to_owned()).is_ok();
        assert!(unit("ssh.service") && unit("getty@tty1.service") && !unit("ssh") && !unit(".service"));
        let target = |text: &str| Target::try_from(text.to_owned()).is_ok();
        for right in [
            "https://pcd.example/resmgr?a=b",
            "http://h",
            "https://[2001:db8::1]:8443",
            "192.0.2.1:22",
            "[2001:db8::1]:443",
            "[fe80::1%eth0]:443",
            "gw:22",
            "icmp://gw",
            "icmp://2001:db8::1",
            "icmp://[2001:db8::1]",
        ] {
            assert!(target(right), "{right}");
        }
        for wrong in [
            "",
            "host",
            "https://",
            "https:///x",
            "ftp://h",
            "icmp://",
            "icmp://h/x",
            "https://u:p@h/",
            "http://h/x?token=a",
            "host:port",
            ":22",
            "a b:22",
            "h:99999",
            "h:0",
            "2001:db8::1:443",
            "https://h:port/",
            "https://h:0/",
            "http://h/a b",
            "icmp://gw:22",
            "[gw]:22",
        ] {
            assert!(!target(wrong), "{wrong}");
        }
        let proxy = |text: &str| Proxy::try_from(text.to_owned());
        for right in ["http://proxy.example:3128", "http://192.0.2.3:3128/", "http://[2001:db8::3]:3128"] {
            assert!(proxy(right).is_ok(), "{right}");
        }
        for wrong in ["proxy:3128", "http://proxy", "https://proxy:3128", "socks5://proxy:1", "http://proxy:3128/x", ""]
        {
            assert!(proxy(wrong).unwrap_err().starts_with(&format!("`{wrong}` is no proxy")), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_not_repeated_in_the_error() {
        for wrong in ["https://admin:hunter2@h/", "https://h/?token=hunter2"] {
            assert!(!Target::try_from(wrong.to_owned()).unwrap_err().contains("hunter2"));
        }
        let said = Proxy::try_from("http://admin:hunter2@proxy:3128".to_owned()).unwrap_err();
        assert_eq!(said, "this is no proxy: write http://host:port, without user and password");
    }

    #[test]
    fn globs_match_whole_ids() {
        let matches = |pattern: &str, id| IdGlob(pattern.to_owned()).matches(id);
        assert!(matches("disk.*", "disk.space"));
        assert!(matches("*.space", "disk.space"));
        assert!(matches("disk.space", "disk.space"));
        assert!(!matches("disk", "disk.space"));
        assert!(!matches("disk.space", "disk.space-shared"));
    }
}
