//! Are names resolved by the servers of the baseline?

use super::devices::in_the_baseline;
use crate::catalog::Level;
use crate::catalog::kind::network::{RESOLVED, RESOLVER};
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::resolver::Resolver;
use crate::judge::causes::Part;
use crate::judge::outcome::{NOT_PRESENT, Outcome};
use crate::model::answer::{Entry, EntryKind};
use crate::model::sorted::SortedSet;
use crate::model::{Query, Reading, Trouble};

pub fn judge(facts: &Facts<'_>, before: &Before<'_>) -> Vec<Outcome> {
    let (now, then) = match (Found::read(facts), Found::read(&before.facts)) {
        (Ok(now), Ok(then)) => (now, then),
        (Err(trouble), _) => return vec![asked(Outcome::unknown("", &trouble))],
        (_, Err(trouble)) => return vec![asked(Outcome::unknown("", &in_the_baseline(trouble)))],
    };
    vec![asked(compare(&now, &then))]
}

fn asked(outcome: Outcome) -> Outcome {
    // Who makes the network writes it.
    outcome
        .touching(Part::Device(String::new()))
        .asking(Query::File(RESOLVER.to_owned()))
        .asking(Query::Listing(RESOLVER.to_owned()))
}

/// The file at one moment.
struct Found {
    /// Where the link leads that it is; none for a plain file.
    target: Option<String>,
    is_dangling: bool,
    content: Option<Resolver>,
    /// The servers behind systemd-resolved, where programs ask that.
    behind: Option<SortedSet<String>>,
}

impl Found {
    fn read(facts: &Facts<'_>) -> Result<Self, Trouble> {
        let parsed = |path: &str| match facts.reading::<Vec<u8>>(&Query::File(path.to_owned())) {
            Reading::Known(text) => Ok(Some(Resolver::parse(text))),
            Reading::Absent => Ok(None),
            Reading::Unreadable(trouble) => Err(trouble),
        };
        let content = parsed(RESOLVER)?;
        let entry = match facts.reading::<Vec<Entry>>(&Query::Listing(RESOLVER.to_owned())) {
            Reading::Known(entries) => entries.first(),
            Reading::Absent => None,
            Reading::Unreadable(trouble) => return Err(trouble),
        };
        let behind = match content.as_ref().is_some_and(Resolver::is_local) {
            true => parsed(RESOLVED)?.map(|behind| behind.servers),
            false => None,
        };
        let is_dangling = entry.is_some_and(|entry| entry.kind == EntryKind::DanglingLink);
        Ok(Self { target: entry.and_then(|entry| entry.target.clone()), is_dangling, content, behind })
    }
}

impl Found {
    /// Where the link leads, however it is written: `../run/x` in /etc is `/run/x`.
    fn end(&self) -> Option<&str> {
        let target = self.target.as_deref()?;
        Some(target.strip_prefix("..").filter(|rest| rest.starts_with('/')).unwrap_or(target))
    }
}

fn compare(now: &Found, then: &Found) -> Outcome {
    let Some(was) = &then.content else {
        return Outcome::skip("", NOT_PRESENT, format!("the baseline has no {RESOLVER}"));
    };
    let outcome = match &now.content {
        None => Outcome::fail("", Some("missing"), gone(now)),
        Some(is) => {
            let faults = [link_changed(now, then), servers_changed(is, was, now, then), search_changed(is, was)];
            let faults: Vec<(&'static str, String)> = faults.into_iter().flatten().collect();
            match faults.first() {
                Some((cause, _)) => {
                    let details: Vec<&str> = faults.iter().map(|(_, detail)| detail.as_str()).collect();
                    Outcome::fail("", Some(*cause), details.join("; "))
                }
                None if is.options != was.options => {
                    let detail =
                        format!("the options of the resolver are {}, and were {}", set(&is.options), set(&was.options));
                    // A new release of what writes the file brings new ones.
                    Outcome::fail("", Some("servers-changed"), detail).at_most(Level::Info)
                }
                None => {
                    return Outcome::pass("", format!("names are resolved by {}, as before", set(servers(is, now))));
                }
            }
        }
    };
    let is = now.content.as_ref();
    outcome
        .expecting("link", then.target.clone())
        .expecting("servers", list(servers(was, then)))
        .expecting("search", list(&was.search))
        .expecting("options", list(&was.options))
        .observing("link", now.target.clone())
        .observing("servers", is.map(|is| list(servers(is, now))))
        .observing("search", is.map(|is| list(&is.search)))
        .observing("options", is.map(|is| list(&is.options)))
}

fn gone(now: &Found) -> String {
    match &now.target {
        Some(target) if now.is_dangling => format!("{RESOLVER} leads to {target}, which is not there"),
        _ => format!("{RESOLVER} is gone"),
    }
}

fn link_changed(now: &Found, then: &Found) -> Option<(&'static str, String)> {
    let told =
        |target: &Option<String>| target.as_ref().map_or("a plain file".to_owned(), |it| format!("a link to {it}"));
    let detail = || format!("{RESOLVER} is {}, and was {}", told(&now.target), told(&then.target));
    (now.end() != then.end()).then(|| ("link-changed", detail()))
}

fn servers_changed(is: &Resolver, was: &Resolver, now: &Found, then: &Found) -> Option<(&'static str, String)> {
    let (is, was) = (servers(is, now), servers(was, then));
    let detail = || match is.is_empty() {
        true => format!("no name server is left; there were {}", set(was)),
        false => format!("the name servers are {}, and were {}", set(is), set(was)),
    };
    (is != was).then(|| ("servers-changed", detail()))
}

fn search_changed(is: &Resolver, was: &Resolver) -> Option<(&'static str, String)> {
    let detail = || format!("names are searched in {}, and were in {}", set(&is.search), set(&was.search));
    (is.search != was.search).then(|| ("servers-changed", detail()))
}

/// Who is asked in the end.
fn servers<'a>(resolver: &'a Resolver, found: &'a Found) -> &'a SortedSet<String> {
    found.behind.as_ref().unwrap_or(&resolver.servers)
}

fn set(words: &SortedSet<String>) -> String {
    if words.is_empty() { "none".to_owned() } else { list(words).join(", ") }
}

fn list(words: &SortedSet<String>) -> Vec<String> {
    words.iter().cloned().collect()
}

#[cfg(test)]
mod tests;
