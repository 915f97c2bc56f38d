//! Who resolves names: the link, or the file in its place, as the baseline has it. What a program of its own writes
//! behind the link is that program's to write.

use super::Context;
use super::ip::{draft, pairs};
use crate::catalog::kind::network::RESOLVER;
use crate::facts::Facts;
use crate::model::answer::{Entry, EntryKind};
use crate::model::plan::{Deed, Planned, Step, Written};
use crate::model::{Finding, Query, Reading};

/// The mode that everybody's resolver needs, and everybody's tool gives it.
const MODE: u32 = 0o644;

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let before = context.before?;
    let (then, now) = (Form::of(&before.facts), Form::of(context.facts));
    let draft = Planned {
        subject: RESOLVER.to_owned(),
        before: pairs(&[("link", now.link()), ("form", Some(now.word()))]),
        after: pairs(&[("link", then.link()), ("form", Some(then.word()))]),
        ..draft("resolver.restore", finding, context)
    };
    let does = match &then {
        Form::Link(target) if now.link() == Some(target) => {
            return Some(draft.refused(format!(
                "it leads to {target}, as it did: what writes that file has to write it again, not we"
            )));
        }
        Form::Link(target) if is_missing(target, context.facts) => {
            return Some(
                draft.refused(format!("it led to {target}, which is not there: what writes it has to run first")),
            );
        }
        Form::File(bytes) if is_hidden(bytes) => {
            return Some(
                draft.refused(format!("a part of {RESOLVER} is masked in the baseline and cannot be written back")),
            );
        }
        Form::Nothing => return Some(draft.refused(format!("the baseline does not tell what {RESOLVER} was"))),
        then => then.deed(),
    };
    // Nobody can put back what nobody could read.
    if matches!(now, Form::Nothing) && !is_absent(context.facts) {
        return Some(draft.refused(format!("{RESOLVER} cannot be read, so that it could not be put back")));
    }
    Some(Planned { steps: vec![Step { does, undoes: vec![now.deed()] }], ..draft })
}

pub fn questions(context: &Context<'_>) -> Vec<Query> {
    let then = context.before.map(|before| Form::of(&before.facts));
    let target = then.as_ref().and_then(Form::link).and_then(end);
    target.into_iter().map(Query::Exists).collect()
}

/// What there is under the name.
enum Form<'a> {
    Link(&'a str),
    File(&'a [u8]),
    Nothing,
}

impl<'a> Form<'a> {
    fn of(facts: &Facts<'a>) -> Self {
        let entry = facts.reading::<Vec<Entry>>(&Query::Listing(RESOLVER.to_owned())).known();
        let entry = entry.and_then(|entries| entries.first());
        match entry.map(|entry| (entry.kind, entry.target.as_deref())) {
            Some((_, Some(target))) => Self::Link(target),
            Some((EntryKind::File, None)) => {
                let content = facts.reading::<Vec<u8>>(&Query::File(RESOLVER.to_owned())).known();
                content.map_or(Self::Nothing, |content| Self::File(content))
            }
            _ => Self::Nothing,
        }
    }

    fn link(&self) -> Option<&str> {
        if let Self::Link(target) = self { Some(target) } else { None }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Link(_) => "link",
            Self::File(_) => "file",
            Self::Nothing => "absent",
        }
    }

    fn deed(&self) -> Deed {
        let path = RESOLVER.to_owned();
        match self {
            Self::Link(target) => Deed::Link { path, target: (*target).to_owned() },
            Self::File(bytes) => Deed::File { path, content: Some(Written { mode: MODE, bytes: bytes.to_vec() }) },
            Self::Nothing => Deed::File { path, content: None },
        }
    }
}

fn is_hidden(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).split_whitespace().any(|word| word.contains("***"))
}

fn is_absent(facts: &Facts<'_>) -> bool {
    matches!(facts.reading::<Vec<Entry>>(&Query::Listing(RESOLVER.to_owned())), Reading::Absent)
}

fn is_missing(target: &str, facts: &Facts<'_>) -> bool {
    let exists = end(target).map(|end| facts.reading::<bool>(&Query::Exists(end)));
    matches!(exists, Some(Reading::Known(false) | Reading::Absent))
}

/// Where the link leads, as an absolute path.
fn end(target: &str) -> Option<String> {
    match (target.strip_prefix("../"), target.starts_with('/')) {
        (_, true) => Some(target.to_owned()),
        (Some(rest), _) if !rest.starts_with("..") => Some(format!("/{rest}")),
        (None, _) if !target.starts_with('.') => Some(format!("/etc/{target}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
