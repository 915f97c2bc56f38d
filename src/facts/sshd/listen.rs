//! Where sshd is told to listen.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::arguments::port;

/// A `ListenAddress`; without a port of its own it has every `Port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    pub host: String,
    pub port: Option<u16>,
    /// The routing domain, a VRF: nothing outside of it gets there.
    pub domain: Option<String>,
}

impl ListenAddress {
    /// From the words behind the keyword; the fault in sshd's sense.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let text = words.first().map(String::as_str).unwrap_or_default();
        let domain = match words.get(1..).unwrap_or_default() {
            [] => None,
            [keyword, domain] if keyword == "rdomain" => Some(domain.clone()),
            [word, ..] => return Err(format!("bad ListenAddress syntax: `{word}`")),
        };
        let (host, port_text) = host_and_port(text).ok_or_else(|| format!("bad address:port usage: `{text}`"))?;
        let port = match port_text.map(port) {
            None => None,
            Some(Ok(Some(port))) => Some(port),
            // A service by name: sshd knows, and we take the usual one.
            Some(Ok(None)) => Some(22),
            Some(Err(())) => return Err(format!("bad port number in `{text}`")),
        };
        // No host has a name with a colon in it.
        let literal = host.split('%').next().unwrap_or_default();
        if host.is_empty() || host.contains(':') && literal.parse::<Ipv6Addr>().is_err() {
            return Err(format!("bad address or host `{text}`"));
        }
        Ok(Self { host: host.to_owned(), port, domain })
    }

    pub fn is_of(&self, family: Family) -> bool {
        match self.host.split('%').next().unwrap_or_default().parse() {
            Ok(IpAddr::V4(_)) => family != Family::V6,
            Ok(IpAddr::V6(_)) => family != Family::V4,
            Err(_) => true,
        }
    }
}

/// Two colons and no bracket are an address of IPv6 without a port.
fn host_and_port(text: &str) -> Option<(&str, Option<&str>)> {
    if !text.contains('[') && text.matches(':').count() > 1 {
        return Some((text, None));
    }
    let (host, rest) = match text.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => text.split_at(text.find([':', '/']).unwrap_or(text.len())),
    };
    match rest {
        "" => Some((host, None)),
        _ => Some((host, Some(rest.strip_prefix(':')?))),
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    #[default]
    Any,
    V4,
    V6,
}

/// One address and port that something should listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// An address or a name, without brackets.
    pub host: String,
    pub port: u16,
    pub domain: Option<String>,
}

impl Endpoint {
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, domain: None }
    }

    /// `0.0.0.0:22` or `[::]:22`, as systemd writes them; nothing for a path or the like.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let address = host.split('%').next().unwrap_or_default();
        address.parse::<IpAddr>().ok()?;
        Some(Self::new(host, port.parse().ok()?))
    }

    pub fn address(&self) -> Option<IpAddr> {
        self.host.split('%').next().unwrap_or_default().parse().ok()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        if host.contains(':') { write!(out, "[{host}]:{port}") } else { write!(out, "{host}:{port}") }
    }
}
