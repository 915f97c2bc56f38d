//! Which servers resolve names: resolv.conf(5).

use crate::model::gather::Gather as _;
use crate::model::sorted::SortedSet;

/// In no order: which server is asked first, the file's author may change at will.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolver {
    pub servers: SortedSet<String>,
    /// `search` or `domain`, the root left out: it is what systemd-resolved writes for none.
    pub search: SortedSet<String>,
    pub options: SortedSet<String>,
}

impl Resolver {
    /// What no resolver understands it passes over, and so do we.
    pub fn parse(text: &[u8]) -> Self {
        let mut resolver = Self::default();
        for line in String::from_utf8_lossy(text).lines() {
            // A comment begins in the first column.
            let mut words = line.split_whitespace().take_while(|word| !word.starts_with(['#', ';']));
            match words.next() {
                Some("nameserver") => resolver.servers.extend(words.next().map(str::to_owned)),
                // The last of them counts.
                Some("search" | "domain") => {
                    let domains = words.map(|it| it.trim_end_matches('.')).filter(|it| !it.is_empty());
                    resolver.search = domains.map(str::to_ascii_lowercase).gather();
                }
                Some("options") => resolver.options.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        resolver
    }

    /// Programs ask a server on this host, which asks others.
    pub fn is_local(&self) -> bool {
        !self.servers.is_empty() && self.servers.iter().all(|server| server.starts_with("127."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(set: &SortedSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    /// As systemd-resolved, resolvconf and dhclient write it.
    #[test]
    fn a_file_is_read_whatever_wrote_it() {
        let stub = Resolver::parse(b"# This is /run/systemd/resolve/stub-resolv.conf\nnameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n");
        assert!(stub.is_local() && stub.search.is_empty());
        assert_eq!(words(&stub.options), ["edns0", "trust-ad"]);
        let other = Resolver::parse(
            b"; made by hand\ndomain old.example\nsearch Lab.example b.example.\nnameserver 192.0.2.53 # first\r\n\tnameserver fe80::1%eno1\nnameserver\nsortlist 10.0.0.0\n",
        );
        assert_eq!(words(&other.servers), ["192.0.2.53", "fe80::1%eno1"]);
        assert_eq!(words(&other.search), ["b.example", "lab.example"]);
        assert!(!other.is_local());
    }

    #[test]
    fn damaged_files_say_less_and_never_panic() {
        assert_eq!(Resolver::parse(b"\xff\xfe\0nameserver\nname"), Resolver::default());
        assert_eq!(Resolver::parse(b"#nameserver 192.0.2.1\n"), Resolver::default());
    }
}
