//! Which fixes are meant, and in which order.

use super::action::{self, Context};
use crate::model::plan::Planned;
use crate::model::{Finding, Status};

/// What a person asked for: `disk.space`, `disk.space:/var`, `journal.vacuum`; nothing means what blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub id: String,
    pub subject: Option<String>,
}

impl Wanted {
    pub fn parse(word: &str) -> Self {
        match word.split_once(':') {
            Some((id, subject)) => Self { id: id.to_owned(), subject: Some(subject.to_owned()) },
            None => Self { id: word.to_owned(), subject: None },
        }
    }

    fn means(&self, finding: &Finding) -> bool {
        self.id == finding.id && self.subject.as_ref().is_none_or(|subject| *subject == finding.subject)
    }
}

/// What would be done, causes first. A finding that another explains is repaired after that, once it was read again.
pub fn plan(wanted: &[Wanted], context: &Context<'_>) -> Vec<Planned> {
    let mut planned: Vec<Planned> = Vec::new();
    for finding in context.findings.iter().filter(|finding| finding.status == Status::Fail) {
        let is_named = wanted.iter().any(|it| it.means(finding));
        let fixes = context.catalog.checks.iter().filter(|check| check.id == finding.id).flat_map(|check| &check.fixes);
        let meant = fixes.filter(|fix| {
            is_named || wanted.iter().any(|it| it.id == **fix) || wanted.is_empty() && finding.is_headline()
        });
        let context = Context { named: is_named, ..*context };
        // The first that can be done is the safest: the catalog lists them so.
        let mut offered = meant.filter_map(|fix| action::plan(fix, finding, &context));
        if let Some(action) = offered.next() {
            planned.push(action);
        }
    }
    planned
}
