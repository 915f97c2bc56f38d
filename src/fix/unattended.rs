//! What may be done where nobody asks for it: only what is certain.

use super::action::{Context, nics_of};
use crate::facts::nics::{address, is_sole, permanent_address};
use crate::judge::kept::devices::Devices;
use crate::model::Finding;
use crate::model::plan::Planned;

/// The fixes that are made then, and nothing but these.
pub const FIXES: [&str; 4] = ["nic.rename-back", "nic.take-up", "ovs.port.readd", "bond.member.readd"];

/// Leaves what brings back something that the host misses, and refuses of that what is not known for certain.
pub fn restrict(planned: &mut Vec<Planned>, context: &Context<'_>) {
    let devices = context.before.and_then(|before| Devices::new(context.facts, before).ok());
    planned.retain_mut(|planned| {
        let Some(finding) = context.findings.iter().find(|it| it.reference() == planned.mends) else { return false };
        if !is_missing(planned, finding) {
            return false;
        }
        if planned.refused.is_none() {
            planned.refused = match &devices {
                Some(devices) => uncertain(planned, finding, context, devices),
                None => Some("the network devices cannot be compared".to_owned()),
            };
        }
        true
    });
}

/// It blocks that this is not where it was. What somebody has set otherwise, or put elsewhere, is there.
fn is_missing(planned: &Planned, finding: &Finding) -> bool {
    let is_lost = planned.fix != "ovs.port.readd" || matches!(finding.cause.as_deref(), Some("missing" | "detached"));
    finding.blocking && is_lost && FIXES.contains(&planned.fix.as_str())
}

fn uncertain(planned: &Planned, finding: &Finding, context: &Context<'_>, devices: &Devices<'_>) -> Option<String> {
    let mut names = match planned.fix.as_str() {
        // Those, too, whose names are in the way.
        "nic.rename-back" => planned.before.keys().cloned().collect(),
        _ => nics_of(finding, context, devices),
    };
    // A bond is made, and of a NIC that is gone nothing is done.
    names.retain(|name| {
        let is_made = devices.then.get(name).is_some_and(|link| link.kind.as_deref() == Some("bond"));
        !is_made && devices.nics.now(name).is_some()
    });
    if names.is_empty() {
        return Some(format!("{} is no NIC that is here; {BY_HAND}", finding.subject));
    }
    names.iter().find_map(|name| unknown(name, devices))
}

const BY_HAND: &str = "`hostready fix` shows what a person can do";

/// Why it is not certain that this is the NIC of the baseline. Its permanent address tells; where the driver has none, the
/// present one tells as much of a NIC that has its name still.
fn unknown(name: &str, devices: &Devices<'_>) -> Option<String> {
    let called = devices.nics.now(name)?;
    let (Some(then), Some(now)) = (devices.then.get(name), devices.links.get(called)) else {
        return Some(format!("{name} is no device of the baseline; {BY_HAND}"));
    };
    let is_certain = match (permanent_address(then), permanent_address(now)) {
        (Some(one), Some(other)) => one == other,
        _ => name == called && address(then) == address(now),
    };
    let is_sole = |links, link| address(link).is_some_and(|address| is_sole(links, address));
    let is_known = is_certain && is_sole(devices.then, then) && is_sole(devices.links, now);
    (!is_known).then(|| {
        format!("no permanent address tells that {called} is the {name} of the baseline, and not another; {BY_HAND}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Settings;
    use crate::facts::before::Before;
    use crate::facts::{Facts, Run};
    use crate::judge::kept::staged::{NOW, answers, snapshot};
    use crate::model::answer::Link;
    use crate::model::report::Intent;
    use crate::model::{Answer, Answers, Reading};

    /// Each its name, its permanent address and the one that it has now.
    type Card<'c> = (&'c str, Option<&'c str>, &'c str);

    fn cards(cards: &[Card<'_>]) -> Answers {
        let link = |(name, permanent, mac): &Card<'_>| {
            let link =
                Link { permanent_mac: permanent.map(str::to_owned), mac: Some((*mac).to_owned()), ..Link::default() };
            ((*name).to_owned(), link)
        };
        answers(&[("links", Reading::Known(Answer::Links(cards.iter().map(link).collect())))])
    }

    fn is_certain(name: &str, then: &[Card<'_>], now: &[Card<'_>]) -> bool {
        let (then, now, settings, snapshot) = (cards(then), cards(now), Settings::default(), snapshot());
        let run = Run { intent: Intent::After, asked_at: NOW };
        let facts = Facts::new(&now, &settings, run);
        let before = Before { facts: Facts::new(&then, &settings, run), snapshot: &snapshot };
        let devices = Devices::new(&facts, &before).unwrap();
        assert!(devices.nics.now(name).is_some(), "nobody knows where {name} is");
        unknown(name, &devices).is_none()
    }

    #[test]
    fn new_name_is_certain_by_the_permanent_address_alone() {
        let (one, other) = ("52:54:00:00:00:01", "52:54:00:00:00:02");
        assert!(is_certain("eno1", &[("eno1", Some(one), one)], &[("ens1", Some(one), other)]));
        assert!(!is_certain("eno1", &[("eno1", None, one)], &[("ens1", None, one)]));
        assert!(!is_certain("eno1", &[("eno1", Some(one), one)], &[("ens1", None, one)]));
        assert!(is_certain("eno1", &[("eno1", None, one)], &[("eno1", None, one)]), "it has its name still");
        assert!(is_certain("eno1", &[("eno1", Some(one), other)], &[("eno1", Some(one), one)]));
    }

    #[test]
    fn address_of_two_tells_neither() {
        let one = "52:54:00:00:00:01";
        let twins = [("eno1", Some(one), one), ("eno2", Some(one), one)];
        assert!(!is_certain("eno1", &twins, &twins));
    }
}
