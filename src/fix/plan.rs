//! Which fixes are meant, and in which order.

use super::action::{self, Context};
use crate::catalog::Catalog;
use crate::judge::causes;
use crate::model::gather::Arrange as _;
use crate::model::plan::Planned;
use crate::model::{Finding, Query, Status};

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

    /// As it was typed.
    pub fn name(&self) -> String {
        match &self.subject {
            Some(subject) => format!("{}:{subject}", self.id),
            None => self.id.clone(),
        }
    }

    pub fn means(&self, finding: &Finding) -> bool {
        self.names(&finding.id, &finding.subject)
    }

    pub fn names(&self, id: &str, subject: &str) -> bool {
        self.id == id && self.subject.as_deref().is_none_or(|wanted| wanted == subject)
    }
}

/// What would be done, causes first. A finding that another explains is repaired after that, once it was read again.
pub fn plan(wanted: &[Wanted], context: &Context<'_>) -> Vec<Planned> {
    let mut found: Vec<&Finding> = context.findings.iter().filter(|it| it.status == Status::Fail).collect();
    found.arrange_by_key(|finding| causes::depth(finding));
    let mut planned: Vec<Planned> = Vec::new();
    for finding in found {
        let context = Context { named: wanted.iter().any(|it| it.means(finding)), ..*context };
        // To make room may take several together. Of others the first that can be done is the safest: the catalog lists
        // them so.
        let (room, others): (Vec<&str>, Vec<&str>) =
            meant(finding, wanted, &context).into_iter().partition(|fix| action::makes_room(fix, context.catalog));
        let by_name = room.iter().any(|fix| wanted.iter().any(|it| it.id == *fix));
        let mut actions = action::plan_room(&room, by_name, finding, &context);
        actions.extend(others.into_iter().find_map(|fix| action::plan(fix, finding, &context)));
        actions.retain(|it| !planned.iter().any(|other| other.fix == it.fix && other.subject == it.subject));
        planned.extend(actions);
    }
    action::fold_pins(&mut planned);
    planned
}

/// What is asked of the host before this is planned, and of no host that is only judged.
pub fn questions(wanted: &[Wanted], context: &Context<'_>) -> Vec<Query> {
    let mut questions = Vec::new();
    for finding in context.findings.iter().filter(|it| it.status == Status::Fail) {
        for fix in meant(finding, wanted, context) {
            questions.extend(action::questions(fix, finding, context));
        }
    }
    questions
}

/// The fixes that are wanted for a finding.
fn meant<'c>(finding: &Finding, wanted: &[Wanted], context: &Context<'c>) -> Vec<&'c str> {
    if waits(finding, wanted, context) {
        return Vec::new();
    }
    let is_named = wanted.iter().any(|it| it.means(finding));
    let is_meant = is_named || wanted.is_empty() && is_told(finding, context);
    let fixes = fixes_of(finding, context.catalog);
    fixes.filter(|fix| is_meant || wanted.iter().any(|it| it.id == **fix)).collect()
}

fn fixes_of<'c>(finding: &Finding, catalog: &'c Catalog) -> impl Iterator<Item = &'c str> {
    let checks = catalog.checks.iter().filter(|check| check.id == finding.id);
    checks.flat_map(|check| &check.fixes).map(String::as_str)
}

/// A headline, or wrong in the same way as one that explains it.
fn is_told(finding: &Finding, context: &Context<'_>) -> bool {
    let is_with_one = || cause(finding, context).is_some_and(|it| is_alike(finding, it) && is_told(it, context));
    finding.is_headline() || finding.blocking && is_with_one()
}

/// What explains it is to be repaired too, and comes first.
fn waits(finding: &Finding, wanted: &[Wanted], context: &Context<'_>) -> bool {
    let Some(cause) = cause(finding, context) else { return false };
    if is_alike(finding, cause) {
        return waits(cause, wanted, context);
    }
    let fixes: Vec<&str> = fixes_of(cause, context.catalog).collect();
    let is_wanted = wanted.iter().any(|it| it.means(cause) || fixes.contains(&it.id.as_str()));
    is_wanted || waits(cause, wanted, context)
}

/// What explains it, where that is still so.
fn cause<'c>(finding: &Finding, context: &Context<'c>) -> Option<&'c Finding> {
    let mut findings = context.findings.iter();
    findings.find(|it| it.status == Status::Fail && finding.caused_by == Some(it.reference()))
}

/// What is wrong in the same way is mended together: of two addresses on the NIC below their bridge, once the first is
/// moved the second would hang on what is alive again.
fn is_alike(finding: &Finding, cause: &Finding) -> bool {
    cause.id == finding.id && cause.cause == finding.cause
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Settings;
    use crate::facts::{Facts, Run};
    use crate::judge::headlines::tests::finding;
    use crate::judge::kept::staged::NOW;
    use crate::model::Answers;
    use crate::model::finding::FindingRef;
    use crate::model::report::Intent;

    /// Which of these findings wait, where this is wanted.
    fn waiting(words: &[&str], findings: &[Finding]) -> Vec<bool> {
        let wanted: Vec<Wanted> = words.iter().map(|word| Wanted::parse(word)).collect();
        each(findings, |finding, context| waits(finding, &wanted, context))
    }

    fn each(findings: &[Finding], is: impl Fn(&Finding, &Context<'_>) -> bool) -> Vec<bool> {
        let (catalog, settings, answers) = (Catalog::load(&[], &[]).unwrap(), Settings::default(), Answers::default());
        let facts = Facts::new(&answers, &settings, Run { intent: Intent::After, asked_at: NOW });
        let (catalog, facts) = (&catalog, &facts);
        let context = Context { catalog, facts, before: None, findings, named: false, home: "" };
        findings.iter().map(|finding| is(finding, &context)).collect()
    }

    #[test]
    fn what_is_wanted_with_its_cause_waits_until_that_is_mended() {
        let port = finding("ovs.port-kept", Status::Fail, None);
        let address = finding("network.address-kept", Status::Fail, Some("ovs.port-kept"));
        let agent = finding("agent.connected", Status::Fail, Some("network.address-kept"));
        let all = [port.clone(), address.clone(), agent];
        assert_eq!(waiting(&["network.address-kept", "ovs.port-kept"], &all), [false, true, true]);
        assert_eq!(waiting(&["agent.connected", "ovs.port-kept"], &all), [false, true, true], "its cause has a cause");
        assert_eq!(waiting(&["network.address-kept"], &all), [false, false, true], "nobody wants the cause repaired");
        assert_eq!(waiting(&["ovs.port.readd"], &all), [false, true, true], "the cause is wanted by its fix");
        let other = finding("network.address-kept", Status::Fail, Some("network.address-kept"));
        let both = [Finding { caused_by: None, ..address.clone() }, other];
        assert_eq!(waiting(&["network.address-kept"], &both), [false, false], "wrong in the same way");
        let mended = [Finding { status: Status::Pass, ..port }, address];
        assert_eq!(waiting(&["network.address-kept", "ovs.port-kept"], &mended), [false, false]);
    }

    #[test]
    fn what_is_wrong_in_the_same_way_is_mended_with_what_explains_it() {
        let move_of = |subject: &str, by: Option<&str>| Finding {
            subject: subject.to_owned(),
            cause: Some("on-enslaved-nic".to_owned()),
            caused_by: by
                .map(|subject| FindingRef { id: "network.address-kept".to_owned(), subject: subject.to_owned() }),
            ..finding("network.address-kept", Status::Fail, None)
        };
        let first = move_of("br-ex 192.0.2.7/24", None);
        let second = move_of("br-ex 2001:db8::7/64", Some(&first.subject));
        let third = move_of("br-ex 2001:db8::8/64", Some(&second.subject));
        let gone = Finding { cause: Some("missing".to_owned()), ..third.clone() };
        let idle = Finding { blocking: false, ..second.clone() };
        let route = Finding { caused_by: Some(first.reference()), ..finding("network.route-kept", Status::Fail, None) };
        assert_eq!(each(&[first.clone(), second.clone(), third], is_told), [true; 3]);
        assert_eq!(each(&[first, idle, gone, route], is_told), [true, false, false, false]);
    }

    #[test]
    fn subject_may_hold_a_colon() {
        let wanted = Wanted::parse("network.address-kept:br-ex 2001:db8::7/64");
        assert_eq!(wanted.subject.as_deref(), Some("br-ex 2001:db8::7/64"));
        assert_eq!(wanted.name(), "network.address-kept:br-ex 2001:db8::7/64");
        let named = finding("network.address-kept", Status::Fail, None);
        assert!(!wanted.means(&named) && Wanted::parse("network.address-kept").means(&named));
    }
}
