//! Addresses of the baseline are put back, or moved from the NIC to its bridge.

mod moved;

use serde_json::Value;

use super::Context;
use super::ip::{
    add_address, announce, devices_of, draft, is_in_network, link_steps, managed, manager_question, pairs,
    remove_address, route, touched, word,
};
use crate::judge::kept::devices::Devices;
use crate::model::answer::{Address, Link, Route};
use crate::model::finding::Severity;
use crate::model::plan::{Planned, Step};
use crate::model::{Finding, Query};

pub fn plan(fix: &str, finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let is_move = finding.cause.as_deref() == Some("on-enslaved-nic");
    // A single address beside a network's may belong to a service that has moved to another host: only by its name.
    let may_float = finding.severity == Severity::Info && !context.named;
    if is_move != (fix == "address.move") || may_float {
        return None;
    }
    let case = Case::of(finding, context)?;
    Some(if is_move { moved::plan(&case, context) } else { case.restore(context) })
}

/// What is read for the plan alone: who manages the devices.
pub fn questions(finding: &Finding, context: &Context<'_>) -> Vec<Query> {
    let Some(case) = Case::of(finding, context) else { return Vec::new() };
    let names = [case.home, case.found.map(|found| found.link.as_str())];
    let links = names.into_iter().flatten().filter_map(|name| case.devices.links.get(name));
    links.map(manager_question).collect()
}

/// An address that is not where it was.
struct Case<'a> {
    draft: Planned,
    devices: Devices<'a>,
    was: &'a Address,
    /// Its device, as that is called now; none where it is gone.
    home: Option<&'a str>,
    /// Where it is instead.
    found: Option<&'a Address>,
    /// The bridge or bond that has the device where it is.
    holder: Option<String>,
}

impl<'a> Case<'a> {
    fn of(finding: &Finding, context: &Context<'a>) -> Option<Self> {
        let before = context.before?;
        let devices = Devices::new(context.facts, before).ok()?;
        let one_of = |all: &'a Vec<Address>, of: &serde_json::Map<String, Value>| {
            let (link, address) = (word(of, "link")?, word(of, "address")?);
            all.iter().find(|it| it.link == link && it.address == address)
        };
        let was = one_of(before.facts.reading(&Query::Addresses).known()?, &finding.expected)?;
        let home = devices.nics.now(&was.link).filter(|home| devices.links.contains_key(*home));
        let found = one_of(context.facts.reading(&Query::Addresses).known()?, &finding.observed);
        let holder = word(&finding.observed, "enslaved_to").map(str::to_owned);
        let draft = Planned {
            before: pairs(&[
                ("link", word(&finding.observed, "link")),
                ("address", word(&finding.observed, "address")),
            ]),
            after: pairs(&[("link", home), ("address", Some(&was.address))]),
            ..draft(if holder.is_some() { "address.move" } else { "address.restore" }, finding, context)
        };
        Some(Self { draft, devices, was, home, found, holder })
    }

    fn restore(&self, context: &Context<'_>) -> Planned {
        let draft = self.draft.clone();
        let Some((home, mut steps)) = self.at_home() else { return draft.refused(self.gone()) };
        let address = self.was.address.as_str();
        let is_elsewhere = self.found.is_some_and(|found| bare(&found.address) == bare(address));
        // No route can name an address of which the kernel still asks whether another host has it.
        let is_ours = is_elsewhere || self.is_named_by_route(context);
        let add = self.add(home, is_ours);
        let mut others = self.found.map(|found| self.remove(found, context)).unwrap_or_default();
        // Who is logged in by the other one still is when the first is there. Of IPv6 a device has no address twice.
        let is_in_the_way = |found: &Address| found.link == home && address.contains(':');
        match self.found.is_some_and(is_in_the_way) {
            true => steps.extend(others.drain(..).chain([add])),
            false => steps.extend([add].into_iter().chain(others)),
        }
        if self.is_on_another(home) {
            steps.push(Step { does: announce(home, address), undoes: Vec::new() });
        }
        let names: Vec<&str> = [home].into_iter().chain(self.found.map(|found| found.link.as_str())).collect();
        Planned {
            touches: touched(&self.devices, names.iter().copied()),
            risk: joined([self.second_to(home, context), managed(context, &self.devices, &names)]),
            steps,
            ..draft
        }
    }

    /// The device it belongs to, and what makes that as it was.
    fn at_home(&self) -> Option<(&'a str, Vec<Step>)> {
        let home = self.home?;
        let link: &Link = self.devices.links.get(home)?;
        Some((home, link_steps(home, link, self.devices.then.get(&self.was.link))))
    }

    /// Of several addresses of a network packets leave by the one that was there first, and this was that.
    fn second_to(&self, home: &str, context: &Context<'_>) -> Option<String> {
        let then = context.before?.facts.reading::<Vec<Route>>(&Query::Routes).known()?;
        let own = bare(&self.was.address);
        then.iter().find(|it| it.protocol == "kernel" && it.preferred_source.as_deref() == Some(own))?;
        let now = context.facts.reading::<Vec<Route>>(&Query::Routes).known()?;
        let leaves_by = |it: &Route| {
            let is_own = !it.ipv6 && it.protocol == "kernel" && devices_of(it).any(|device| device == home);
            let source = it.preferred_source.clone().filter(|source| is_own && source != own)?;
            let stays = self.found.is_none_or(|found| bare(&found.address) != source);
            (stays && is_in_network(&self.was.address, &source)).then_some(source)
        };
        let first = now.iter().find_map(leaves_by)?;
        Some(format!("packets that have no address yet still leave with {first}, which is there already"))
    }

    /// Where it goes back to another device, the neighbours hear of that, too: last of all, and so with the step that is
    /// made first.
    fn add(&self, home: &str, is_ours: bool) -> Step {
        let address = self.was.address.as_str();
        let back = self.found.filter(|_| self.is_on_another(home)).map(|found| announce(&found.link, &found.address));
        Step {
            does: add_address(home, address, &self.was.scope, is_ours),
            undoes: [remove_address(home, address)].into_iter().chain(back).collect(),
        }
    }

    /// The same address, there and not here.
    fn is_on_another(&self, home: &str) -> bool {
        self.found.is_some_and(|found| found.link != home && bare(&found.address) == bare(&self.was.address))
    }

    fn is_named_by_route(&self, context: &Context<'_>) -> bool {
        let then = context.before.and_then(|before| before.facts.reading::<Vec<Route>>(&Query::Routes).known());
        let mut routes = then.into_iter().flatten();
        routes.any(|it| it.preferred_source.as_deref() == Some(bare(&self.was.address)))
    }

    fn gone(&self) -> String {
        format!("{} is gone: it has to come back first", self.was.link)
    }

    /// Takes it from where it is. With the last address of a device its routes go, and with the first one of a network
    /// the others of it may: those stay, and these come back where this is undone.
    fn remove(&self, found: &Address, context: &Context<'_>) -> Vec<Step> {
        let routes = context.facts.reading::<Vec<Route>>(&Query::Routes).known();
        let with_it = routes.into_iter().flatten().filter(|it| {
            let is_through = devices_of(it).any(|device| device == found.link);
            let is_from = it.preferred_source.as_deref() == Some(bare(&found.address));
            let is_of_kernel = matches!(it.protocol.as_str(), "kernel" | "redirect" | "ra");
            (is_through || is_from) && it.ipv6 == found.address.contains(':') && !is_of_kernel
        });
        let back = add_address(&found.link, &found.address, &found.scope, true);
        let undoes = [back].into_iter().chain(with_it.map(|it| route(it, "replace"))).collect();
        let mut steps = vec![Step { does: remove_address(&found.link, &found.address), undoes }];
        let addresses = context.facts.reading::<Vec<Address>>(&Query::Addresses).known();
        let beside = addresses.into_iter().flatten().filter(|it| {
            let is_other = it.link == found.link && it.address != found.address && !it.address.contains(':');
            is_other && it.permanent && is_in_network(&found.address, bare(&it.address))
        });
        let stays = |it: &Address| add_address(&it.link, &it.address, &it.scope, true);
        steps.extend(beside.map(|it| Step { does: stays(it), undoes: Vec::new() }));
        steps
    }
}

/// What there is to say, in one line.
fn joined<const N: usize>(notes: [Option<String>; N]) -> Option<String> {
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    (!notes.is_empty()).then(|| notes.join("; "))
}

fn bare(address: &str) -> &str {
    address.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
