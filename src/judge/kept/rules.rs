//! Is each routing rule that was configured there?

use super::addresses::bare;
use super::devices::{Devices, both, conclude};
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::nics::Whereabouts;
use crate::judge::causes::Part;
use crate::judge::outcome::Outcome;
use crate::model::Query;
use crate::model::answer::{Address, Rule};
use crate::model::gather::Gather as _;
use crate::model::sorted::{SortedMap, SortedSet};

pub fn judge(facts: &Facts<'_>, before: &Before<'_>) -> Vec<Outcome> {
    let devices = Devices::new(facts, before);
    let rules = both::<Vec<Rule>>(facts, before, &Query::Rules);
    let (devices, (now, then)) = match (devices, rules) {
        (Ok(devices), Ok(rules)) => (devices, rules),
        (Err(trouble), _) | (_, Err(trouble)) => return vec![Outcome::unknown("", &trouble)],
    };
    // Who made it is no part of what it does.
    let made = |rules: &[Rule]| rules.iter().map(|rule| Rule { protocol: None, ..rule.clone() }).collect::<Vec<_>>();
    let (now, then) = (&made(now), &made(then));
    let (now, taken) = (Now::new(now), Taken::by(then));
    let mut outcomes = Vec::new();
    let mut well = 0_usize;
    for rule in then.iter().filter(|rule| is_configured(rule) && is_lasting(rule, &devices)) {
        match judge_rule(rule, &now, &taken, &devices, facts) {
            Some(outcome) if devices_of(rule).next().is_none() => {
                outcomes.push(outcome.touching(set_up_with(rule, before)))
            }
            Some(outcome) => outcomes.push(outcome),
            None => well += 1,
        }
    }
    let told = ["routing rule is there", "routing rules are there"];
    conclude(&mut outcomes, well, told, "routing rule but the kernel's own", "");
    outcomes.into_iter().map(|outcome| outcome.asking(Query::Rules)).collect()
}

/// The kernel's own, and the one that it makes with the first VRF.
pub fn is_configured(rule: &Rule) -> bool {
    let plain = Rule { ipv6: rule.ipv6, action: "lookup".to_owned(), ..Rule::default() };
    let own = [(0, 255), (32_766, 254), (32_767, 253)];
    let is_own = own.into_iter().any(|(priority, table)| *rule == Rule { priority, table, ..plain.clone() });
    let is_of_vrf = rule.priority == 1000 && rule.action == "l3mdev";
    !is_own && !is_of_vrf
}

fn devices_of(rule: &Rule) -> impl Iterator<Item = &str> {
    [&rule.input, &rule.output].into_iter().filter_map(|device| device.as_deref())
}

/// A rule may name a device that is not there; one that comes and goes takes its rules with it.
fn is_lasting(rule: &Rule, devices: &Devices<'_>) -> bool {
    devices_of(rule).all(|name| devices.is_lasting(name) || !devices.then.contains_key(name))
}

/// The priorities that are taken, by family.
struct Taken(SortedSet<(bool, u32)>);

impl Taken {
    fn by(rules: &[Rule]) -> Self {
        Self(rules.iter().map(|rule| (rule.ipv6, rule.priority)).gather())
    }

    /// A rule that was given no priority the kernel puts right before the first that is there: of several, which gets
    /// which differs from boot to boot.
    fn may_be_by_chance(&self, rule: &Rule) -> bool {
        rule.priority != 0 && self.0.contains(&(rule.ipv6, rule.priority.saturating_add(1)))
    }
}

struct Now<'a> {
    all: SortedSet<&'a Rule>,
    /// Those of which the kernel may have chosen the priority, without it.
    by_chance: SortedSet<Rule>,
    by_priority: SortedMap<(bool, u32), Vec<&'a Rule>>,
}

impl<'a> Now<'a> {
    fn new(rules: &'a [Rule]) -> Self {
        let mut by_priority: SortedMap<(bool, u32), Vec<&Rule>> = SortedMap::new();
        for rule in rules {
            by_priority.entry((rule.ipv6, rule.priority)).or_default().push(rule);
        }
        let taken = Taken::by(rules);
        let by_chance = rules.iter().filter(|rule| taken.may_be_by_chance(rule)).map(without_priority).gather();
        Self { all: rules.iter().gather(), by_chance, by_priority }
    }

    fn has(&self, rule: &Rule, taken: &Taken) -> bool {
        let is_by_chance = || taken.may_be_by_chance(rule) && self.by_chance.contains(&without_priority(rule));
        self.all.contains(rule) || is_by_chance()
    }
}

fn without_priority(rule: &Rule) -> Rule {
    Rule { priority: 0, ..rule.clone() }
}

/// Nothing where it is there.
fn judge_rule(was: &Rule, now: &Now<'_>, taken: &Taken, devices: &Devices<'_>, facts: &Facts<'_>) -> Option<Outcome> {
    let wanted = under_names_of_now(was, devices);
    if now.has(&wanted, taken) {
        return None;
    }
    let doubtful = devices_of(was)
        .find(|name| devices.then.contains_key(*name) && devices.nics.place(name) == Whereabouts::Unknown);
    if let Some(name) = doubtful {
        let outcome = Outcome::unknown(subject(was), &devices.nics.doubt(name));
        return Some(outcome.touching(Part::Device(name.to_owned())));
    }
    let keeps_old_name = wanted != *was && now.has(was, taken);
    let at_its_place = now.by_priority.get(&(was.ipv6, was.priority)).map(Vec::as_slice).unwrap_or_default();
    let instead: Vec<String> = at_its_place.iter().take(4).map(ToString::to_string).collect();
    let moved = devices_of(was).find_map(|name| devices.whereabouts(name));
    let of = match keeps_old_name {
        true => "the routing rule still names it so".to_owned(),
        false => format!("the routing rule is gone: {was}"),
    };
    let others = (!instead.is_empty() && !keeps_old_name).then(|| format!("there is {}", instead.join(", ")));
    let managed = devices.managed(facts, devices_of(was));
    let clauses: Vec<String> = moved.into_iter().chain([of]).chain(others).chain(managed).collect();
    let outcome = Outcome::fail(subject(was), None, clauses.join("; "))
        .expecting("rule", was.to_string())
        .observing("instead", instead)
        .by_hand(devices_of(was).flat_map(|name| devices.name_back(name)).chain([command(was)]).collect());
    let known = devices_of(was).filter(|name| devices.then.contains_key(*name));
    Some(known.fold(outcome, |outcome, name| outcome.touching(Part::Device(name.to_owned()))))
}

/// What a rule without a device came with: whose address it is about is set up with it. Else the network as a whole.
fn set_up_with(rule: &Rule, before: &Before<'_>) -> Part {
    let addresses = before.facts.reading::<Vec<Address>>(&Query::Addresses).known();
    let has = |it: &&Address| rule.from.as_deref().is_some_and(|from| bare(from) == bare(&it.address));
    let device = addresses.into_iter().flatten().find(has).map(|it| it.link.clone());
    Part::Device(device.unwrap_or_default())
}

pub fn under_names_of_now(rule: &Rule, devices: &Devices<'_>) -> Rule {
    let name = |device: &Option<String>| {
        let device = device.as_deref()?;
        Some(devices.nics.now(device).unwrap_or(device).to_owned())
    };
    Rule { input: name(&rule.input), output: name(&rule.output), ..rule.clone() }
}

/// The same words may make a rule of either family.
fn subject(rule: &Rule) -> String {
    if rule.ipv6 { format!("-6 {rule}") } else { rule.to_string() }
}

/// What makes it again.
pub fn command(rule: &Rule) -> Vec<String> {
    let text = rule.to_string();
    let family = rule.ipv6.then_some("-6");
    let words = ["ip"].into_iter().chain(family).chain(["rule", "add"]).chain(text.split(' '));
    words.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
