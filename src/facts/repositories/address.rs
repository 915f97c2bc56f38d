//! Where a source lies, which may carry a password that nobody else is to see.

use std::fmt;

use crate::host::scrub;

/// Compared as apt compares it, shown without its secrets: there is no other way to its text outside.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// `repo.example` of `https://joe:hunter2@repo.example:8443/debian`
    pub(super) fn host(&self) -> &str {
        let authority = self.0.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
        let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
        place.split(':').next().unwrap_or_default()
    }

    pub fn shown(&self) -> String {
        masked(&self.0)
    }
}

/// `https://joe:hunter2@repo.example/debian` → `https://***@repo.example/debian`. A password may hold blanks and
/// slashes here, since apt resolves `%20` and `%2F`: what is before the last `@` is masked.
pub(super) fn masked(text: &str) -> String {
    if !text.contains(['@', '=']) {
        return text.to_owned(); // nowhere to be
    }
    let after_scheme = match (text.find("://"), text.find(':')) {
        (Some(at), _) => at + 3,
        (None, at) => at.map_or(0, |at| at + 1),
    };
    let (scheme, rest) = text.split_at(after_scheme);
    match rest.rsplit_once('@') {
        Some((_, place)) => scrub::text(&format!("{scheme}***@{place}")),
        None => scrub::text(text),
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown(), formatter)
    }
}
