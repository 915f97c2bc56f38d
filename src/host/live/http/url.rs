//! A URL taken apart, as far as asking it needs.

use std::fmt;

use super::super::reach::Endpoint;

/// `https://host:port/path`, without user and password.
#[derive(Clone, Debug, PartialEq)]
pub struct Url {
    pub encrypted: bool,
    pub endpoint: Endpoint,
    /// The port is the usual one of its scheme, and so it is not said.
    usual_port: bool,
    /// From the first slash on, as a request names it.
    pub path: String,
}

/// What to say of a URL that is none. Not its text: it may hold a password.
pub const FORM: &str =
    "a URL is written `http://host[:port]/path` or `https://host[:port]/path`, without user and password";

impl Url {
    pub fn parse(text: &str) -> Option<Self> {
        let (encrypted, rest) = match text.split_once("://")? {
            ("http", rest) => (false, rest),
            ("https", rest) => (true, rest),
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // What a request line cannot hold would end it, or begin another one.
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        // What stands behind `#` is for whoever shows the page.
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let usual = if encrypted { 443 } else { 80 };
        // A port that is no number is not the same as no port.
        let port = if port.is_empty() { usual } else { port.strip_prefix(':')?.parse().ok()? };
        Some(Self { encrypted, endpoint: Endpoint::new(host, port)?, usual_port: port == usual, path })
    }

    /// Host and port, as the `Host` field of a request has them.
    pub fn authority(&self) -> String {
        if self.usual_port { bracketed(&self.endpoint.host) } else { self.endpoint.to_string() }
    }

    /// The whole of it, as a proxy is asked.
    pub fn absolute(&self) -> String {
        format!("http{}://{}{}", if self.encrypted { "s" } else { "" }, self.authority(), self.path)
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Host and port: all of a URL that may be said aloud.
impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Url {
        Url::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn urls_are_taken_apart() {
        let url = parsed("https://cloud.example/resmgr/v1/hosts?all=1#top");
        assert_eq!((url.to_string().as_str(), url.path.as_str()), ("cloud.example:443", "/resmgr/v1/hosts?all=1"));
        assert!(url.encrypted);
        assert_eq!((url.authority(), url.absolute()), ("cloud.example".into(), url_of("https://cloud.example")));
        let url = parsed("http://[2001:db8::7]:8080?x");
        assert_eq!((url.authority().as_str(), url.path.as_str()), ("[2001:db8::7]:8080", "/?x"));
        assert_eq!(parsed("https://[::1]").to_string(), "[::1]:443");
        assert_eq!(parsed("https://h:443/").authority(), "h");
        assert_eq!(parsed("http://h:443/").authority(), "h:443");
    }

    fn url_of(start: &str) -> String {
        format!("{start}/resmgr/v1/hosts?all=1")
    }

    #[test]
    fn what_is_no_url_is_turned_down() {
        for wrong in [
            "",
            "/path",
            "host:80",
            "ftp://host/",
            "http://",
            "http:///x",
            "http://?x",
            "https://host:99999/",
            "https://host:0/",
            "http://a b/",
            "http://host:x/",
            "http://user:password@host/",
            "http://[::1/",
            "http://[::1]x/",
            "http://host/a b",
            "http://host/\r\nX: y",
            "http://höst/",
        ] {
            assert_eq!(Url::parse(wrong), None, "{wrong}");
        }
    }
}
