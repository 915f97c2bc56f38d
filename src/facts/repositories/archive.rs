//! Suites of Debian's and Ubuntu's own archives that are called by their state, and not by a codename.

use super::Source;

/// Which release such a suite is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moving<'a> {
    /// What is stable, or was before: another release once the next one is out.
    Released(&'a str),
    /// What is not released yet, and the name that a host of it goes by.
    Unreleased(&'a str, &'static str),
}

struct Archive {
    domain: &'static str,
    /// How the path of every mirror ends.
    path: &'static str,
    /// A path that no vendor has.
    own_path: Option<&'static str>,
    keyring: &'static str,
    /// Components that vendors have, too.
    common: &'static [&'static str],
    /// Components that no vendor has.
    own: &'static [&'static str],
    released: &'static [&'static str],
    unreleased: &'static [&'static str],
    in_the_making: &'static str,
}

const DEBIAN: Archive = Archive {
    domain: "debian.org",
    path: "/debian",
    own_path: Some("/debian-security"),
    keyring: "debian-archive-keyring.",
    common: &["main"],
    own: &["contrib", "non-free", "non-free-firmware"],
    released: &["stable", "oldstable", "oldoldstable"],
    unreleased: &["testing", "unstable", "experimental", "rc-buggy"],
    in_the_making: "sid",
};

const UBUNTU: Archive = Archive {
    domain: "ubuntu.com",
    path: "/ubuntu",
    own_path: None,
    keyring: "ubuntu-archive-keyring.",
    common: &["main"],
    own: &["restricted", "universe", "multiverse"],
    released: &[],
    unreleased: &[UBUNTU_IN_THE_MAKING],
    in_the_making: UBUNTU_IN_THE_MAKING,
};

/// What Ubuntu calls the release that it works on.
pub const UBUNTU_IN_THE_MAKING: &str = "devel";

impl Source {
    /// Many vendors call their only suite `stable`, some below a path that ends in `/debian`: only where nothing else
    /// can be meant than the archive of the distribution it says which release this is.
    pub fn moving(&self) -> Option<Moving<'_>> {
        let word = self.suite.split(['-', '/']).next().unwrap_or_default();
        let archive = [DEBIAN, UBUNTU].into_iter().find(|archive| archive.holds(self))?;
        match word {
            word if archive.released.contains(&word) => Some(Moving::Released(word)),
            word if archive.unreleased.contains(&word) => Some(Moving::Unreleased(word, archive.in_the_making)),
            _ => None,
        }
    }
}

impl Archive {
    fn holds(&self, source: &Source) -> bool {
        let (own, common) = (|it: &String| self.own.contains(&&**it), |it: &String| self.common.contains(&&**it));
        if source.components.is_empty() || !source.components.iter().all(|it| own(it) || common(it)) {
            return false;
        }
        let is_signed_by_it = || {
            let file = source.signed_by.rsplit('/').next().unwrap_or_default();
            source.signed_by.starts_with('/') && file.starts_with(self.keyring)
        };
        let place = source.uri.text().trim_end_matches('/');
        let is_own_path = self.own_path.is_some_and(|path| place.ends_with(path));
        let is_usual_path = place.ends_with(self.path);
        is_signed_by_it()
            || is_own_path
            || is_usual_path && (source.components.iter().any(own) || self.is_host(source.uri.host()))
    }

    fn is_host(&self, host: &str) -> bool {
        host.strip_suffix(self.domain).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{parse_lines, parse_stanzas};
    use super::*;

    /// Lines as vendors' manuals give them, and as mirrors are written.
    #[test]
    fn only_what_can_be_nothing_else_is_an_archive() {
        const RELEASED: Option<Moving<'_>> = Some(Moving::Released("stable"));
        for (line, moving) in [
            ("http://deb.debian.org/debian stable main", RELEASED),
            ("http://deb.debian.org/debian/ stable main", RELEASED),
            ("http://ftp.de.debian.org/debian stable-updates main", RELEASED),
            ("http://security.debian.org/debian-security stable-security main", RELEASED),
            ("http://mirror.example/debian-security stable-security main", RELEASED),
            ("http://mirror.example/debian-security stable/updates main", RELEASED),
            ("http://joe:x@mirror.example/debian stable main contrib", RELEASED),
            (
                "http://mirror.example/debian unstable main non-free-firmware",
                Some(Moving::Unreleased("unstable", "sid")),
            ),
            ("http://mirror.example/debian testing-security main contrib", Some(Moving::Unreleased("testing", "sid"))),
            ("[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] mirror+file:/etc/apt/m stable main", RELEASED),
            ("http://archive.ubuntu.com/ubuntu devel main", Some(Moving::Unreleased("devel", "devel"))),
            ("http://mirror.example/ubuntu devel-updates main universe", Some(Moving::Unreleased("devel", "devel"))),
            ("http://deb.debian.org/debian bookworm main", None),
            // Debian's word at Ubuntu's archive.
            ("http://archive.ubuntu.com/ubuntu stable main", None),
            ("http://mirror.example/debian stable main", None),
            ("https://repos.influxdata.com/debian stable main", None),
            ("https://apt.grafana.com stable main", None),
            ("https://packages.grafana.com/oss/deb stable main", None),
            ("https://dl.google.com/linux/chrome/deb/ stable main", None),
            ("https://packages.microsoft.com/repos/code stable main", None),
            ("https://artifacts.elastic.co/packages/8.x/apt stable main", None),
            ("https://pkg.example/debian stable main enterprise contrib", None),
            ("https://debian.org.example/debian stable main", None),
            ("https://notdebian.org/debian stable main", None),
            ("https://debian.org@pkg.example/debian stable main", None),
            ("http://deb.debian.org/debian stable/", None),
        ] {
            let file = parse_lines(format!("deb {line}").as_bytes());
            assert_eq!(file.malformed, None, "{line}");
            assert_eq!(file.sources[0].moving(), moving, "{line}");
        }
        let stanza = b"Types: deb\nURIs: http://mirror.example/debian\nSuites: stable\nComponents: main\n\
            Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp\n";
        assert_eq!(parse_stanzas(stanza).sources[0].moving(), RELEASED);
    }
}
