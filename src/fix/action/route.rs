//! Routes and rules of the baseline are put back, in the words of `ip`.

use super::Context;
use super::ip::{
    devices_of, draft, is_in_network, link_steps, managed, manager_question, pairs, put_route, touched, with_family,
    word,
};
use crate::judge::kept::devices::Devices;
use crate::judge::kept::routes::{is_configured, under_names_of_now};
use crate::judge::kept::rules;
use crate::model::answer::{Address, Route, Rule};
use crate::model::plan::{Deed, Planned, Run, Step};
use crate::model::run::Holds;
use crate::model::{Finding, Query};

pub fn plan(fix: &str, finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let devices = Devices::new(context.facts, context.before?).ok()?;
    let draft = draft(fix, finding, context);
    match fix {
        "route.restore" => plan_route(draft, finding, context, &devices),
        _ => plan_rule(draft, finding, context, &devices),
    }
}

pub fn questions(finding: &Finding, context: &Context<'_>) -> Vec<Query> {
    let read = || {
        let devices = Devices::new(context.facts, context.before?).ok()?;
        let route = under_names_of_now(route_of(finding, context)?, &devices)?;
        Some(devices_of(&route).filter_map(|name| devices.links.get(name)).map(manager_question).collect())
    };
    read().unwrap_or_default()
}

fn route_of<'a>(finding: &Finding, context: &Context<'a>) -> Option<&'a Route> {
    let wanted = word(&finding.expected, "route")?;
    let routes = context.before?.facts.reading::<Vec<Route>>(&Query::Routes).known()?;
    // The default routes of both families may be told in the same words.
    let is_meant = |route: &&Route| {
        let is_ipv6 = finding.subject.contains("(IPv6)");
        route.to_string() == wanted && (route.destination != "default" || route.ipv6 == is_ipv6)
    };
    routes.iter().find(is_meant)
}

fn plan_route(draft: Planned, finding: &Finding, context: &Context<'_>, devices: &Devices<'_>) -> Option<Planned> {
    let was = route_of(finding, context)?;
    let now = context.facts.reading::<Vec<Route>>(&Query::Routes).known()?;
    let draft = Planned { after: pairs(&[("route", Some(&was.to_string()))]), ..draft };
    let gone = |device: &&str| !devices.nics.now(device).is_some_and(|now| devices.links.contains_key(now));
    if let Some(device) = devices_of(was).find(gone) {
        return Some(draft.refused(format!("{device} is gone: it has to come back first")));
    }
    if !is_configured(was) {
        let who = if was.protocol == "ra" { "a router's advertisement" } else { was.protocol.as_str() };
        return Some(draft.refused(format!("it was made by {who}, which has to make it again")));
    }
    let wanted = under_names_of_now(was, devices)?;
    // A device that is down has lost its routes, and may have lost nothing else.
    let mut steps = Vec::new();
    for device in devices_of(was) {
        let now = devices.nics.now(device)?;
        let (link, then) = (devices.links.get(now)?, devices.then.get(device));
        if !link.admin_up && !then.is_some_and(|then| then.admin_up) {
            return Some(draft.refused(format!("{now} is down, as it was: it has to be up first")));
        }
        steps.extend(link_steps(now, link, then));
    }
    steps.push(put_route(&wanted, now));
    let same_way =
        |it: &&Route| (it.ipv6, it.table) == (wanted.ipv6, wanted.table) && it.destination == wanted.destination;
    let instead: Vec<&Route> = now.iter().filter(same_way).collect();
    let before = instead.first().map(ToString::to_string);
    // What goes another way to the same end so far may go this one then.
    let mut names: Vec<&str> = devices_of(&wanted).chain(instead.iter().flat_map(|it| devices_of(it))).collect();
    if names.is_empty() && wanted.destination == "default" {
        names = with_addresses(context);
    }
    let own: Vec<&str> = devices_of(&wanted).collect();
    Some(Planned {
        before: pairs(&[("route", before.as_deref())]),
        after: pairs(&[("route", Some(&wanted.to_string()))]),
        touches: touched(devices, names),
        risk: managed(context, devices, &own),
        steps,
        ..draft
    })
}

fn plan_rule(draft: Planned, finding: &Finding, context: &Context<'_>, devices: &Devices<'_>) -> Option<Planned> {
    let wanted = word(&finding.expected, "rule")?;
    let is_ipv6 = finding.subject.starts_with("-6 ");
    let then = context.before?.facts.reading::<Vec<Rule>>(&Query::Rules).known()?;
    let was = then.iter().find(|rule| rule.ipv6 == is_ipv6 && rule.to_string() == wanted)?;
    let wanted = rules::under_names_of_now(was, devices);
    let text = wanted.to_string();
    let set = |verb: &str, there| {
        let family = if is_ipv6 { "-6" } else { "-4" };
        // What looks after its own rules knows them by who made them.
        let made_by = was.protocol.iter().flat_map(|protocol| ["protocol", protocol]);
        let words: Vec<&str> = ["ip", family, "rule", verb].into_iter().chain(text.split(' ')).chain(made_by).collect();
        let until = Holds::Rule { words: with_family(is_ipv6, &text), there };
        Deed::Run(Run::new(&words).until(until))
    };
    Some(Planned {
        before: pairs(&[("rule", None)]),
        after: pairs(&[("rule", Some(&text))]),
        touches: touched(devices, meant_by(&wanted, context)),
        risk: Some("packets that it means go by its table from then on".to_owned()),
        steps: vec![Step { does: set("add", true), undoes: vec![set("del", false)] }],
        ..draft
    })
}

/// The devices whose packets a rule turns: of those that have the addresses that it names, or of any.
fn meant_by<'b>(rule: &'b Rule, context: &'b Context<'_>) -> Vec<&'b str> {
    let device = [&rule.input, &rule.output].into_iter().flatten().find(|device| *device != "lo");
    match (&rule.from, device) {
        _ if rule.invert => with_addresses(context),
        (Some(from), _) => {
            let addresses = context.facts.reading::<Vec<Address>>(&Query::Addresses).known();
            let is_from = |it: &&Address| {
                let own = it.address.split('/').next().unwrap_or_default();
                own == from || is_in_network(from, own)
            };
            addresses.into_iter().flatten().filter(is_from).map(|it| it.link.as_str()).collect()
        }
        (None, Some(device)) => vec![device],
        (None, None) => with_addresses(context),
    }
}

/// The devices that carry anything at all.
fn with_addresses<'a>(context: &Context<'a>) -> Vec<&'a str> {
    let addresses = context.facts.reading::<Vec<Address>>(&Query::Addresses).known();
    let carries = |it: &&Address| it.link != "lo" && it.scope == "global";
    addresses.into_iter().flatten().filter(carries).map(|it| it.link.as_str()).collect()
}

#[cfg(test)]
mod tests;
