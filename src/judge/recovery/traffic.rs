//! Addresses, routes, rules, and who resolves names.

use super::devices::Devices;
use super::{Command, Output, Step};
use crate::catalog::kind::network::RESOLVER;
use crate::facts::Facts;
use crate::judge::kept;
use crate::model::answer::{Address, Entry, NextHop, Route, Rule};
use crate::model::gather::Arrange as _;
use crate::model::{Query, Reading};

/// The table that counts where no rule names another.
const MAIN: u32 = 254;

pub fn addresses(facts: &Facts<'_>, devices: &Devices<'_>, is_first: bool) -> Vec<Step> {
    let known = match facts.reading::<Vec<Address>>(&Query::Addresses) {
        Reading::Known(known) => Some(known),
        Reading::Unreadable(trouble) if is_first => return vec![Step::unread("the addresses", &trouble)],
        _ => None,
    };
    let is_ours = |address: &&Address| {
        matches!(address.scope.as_str(), "global" | "site") && devices.is_configured(&address.link)
    };
    let is_wanted = |name: &str| devices.is_on_path(name) == is_first;
    let ours: Vec<&Address> = known.into_iter().flatten().filter(is_ours).filter(|it| is_wanted(&it.link)).collect();
    let bare = devices.enslaved().filter(|nic| is_wanted(nic) && !ours.iter().any(|it| it.link == *nic));
    let flush = bare.map(|nic| Command::new(&["ip", "address", "flush", "dev", nic])).collect();
    // Of what was leased, IPv6 comes by itself.
    let (fixed, leased): (Vec<&Address>, Vec<&Address>) = ours.into_iter().partition(|address| address.permanent);
    let leased = leased.into_iter().filter(|address| !kept::addresses::is_ipv6(&address.address));
    let replace =
        |address: &Address| Command::new(&["ip", "address", "replace", &address.address, "dev", &address.link]);
    let steps = [
        Step::if_any("a NIC in a bridge or bond has no address of its own", flush),
        Step::if_any("addresses", fixed.into_iter().map(replace).collect()),
        Step::if_any("leased by DHCP then; another may be right by now", leased.map(replace).collect()),
    ];
    steps.into_iter().flatten().collect()
}

pub fn routes(facts: &Facts<'_>, devices: &Devices<'_>, is_first: bool) -> Option<Step> {
    if let Reading::Unreadable(trouble) = facts.reading::<Vec<Route>>(&Query::Routes) {
        return is_first.then(|| Step::unread("the routes", &trouble));
    }
    let is_on_path =
        |route: &Route| route.next_hops.iter().filter_map(|hop| hop.link.as_deref()).any(|it| devices.is_on_path(it));
    let mut ours: Vec<&Route> = configured(facts)
        .filter(|route| is_on_path(route) == is_first)
        .filter(|route| {
            route.next_hops.iter().all(|hop| hop.link.as_deref().is_none_or(|link| devices.is_configured(link)))
        })
        .collect();
    // A gateway must be on a link before it is one.
    ours.arrange_by_key(|route| route.next_hops.iter().any(|hop| hop.gateway.is_some()));
    let replace = |route: &Route| Command::from(kept::routes::command(route, "replace"));
    Step::if_any("routes", ours.into_iter().map(replace).collect())
}

/// What somebody set, or a DHCP server sent.
fn configured<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a Route> {
    let known = facts.reading::<Vec<Route>>(&Query::Routes).known();
    let is_ours = |route: &&Route| kept::routes::is_configured(route) || route.protocol == "dhcp";
    known.into_iter().flatten().filter(is_ours)
}

/// Where the default routes lead, that of IPv4 first.
pub fn ways_out<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a NextHop> {
    let mut routes: Vec<&Route> = configured(facts).filter(|route| route.destination == "default").collect();
    routes.arrange_by_key(|route| (route.table != MAIN, route.ipv6));
    // A table of its own is for the traffic of one network, and counts where there is no other.
    let table = routes.first().map(|route| route.table);
    routes.into_iter().filter(move |route| Some(route.table) == table).flat_map(|route| &route.next_hops)
}

/// Whom a person asks first whether the network is there, as `ping` takes it.
pub fn gateway(facts: &Facts<'_>) -> Option<String> {
    let hop = ways_out(facts).next()?;
    let gateway = hop.gateway.as_deref()?;
    let gateway = gateway.strip_prefix("inet6 ").unwrap_or(gateway);
    Some(match &hop.link {
        Some(link) if gateway.starts_with("fe80:") => format!("{gateway}%{link}"),
        _ => gateway.to_owned(),
    })
}

pub fn rules(facts: &Facts<'_>) -> Option<Step> {
    let known = match facts.reading::<Vec<Rule>>(&Query::Rules) {
        Reading::Known(known) => Some(known),
        Reading::Absent => None,
        Reading::Unreadable(trouble) => return Some(Step::unread("the rules", &trouble)),
    };
    // Where a word is not known, the rest of the rule would mean something else.
    let of_people = || known.into_iter().flatten().filter(|rule| kept::rules::is_configured(rule));
    let ours = of_people().filter(|rule| rule.other.is_empty());
    let left_out: Vec<String> =
        of_people().filter(|rule| !rule.other.is_empty()).take(4).map(Rule::to_string).collect();
    let beyond = format!("left out, with words that cannot be typed: {}", left_out.join("; "));
    let comment = "rules; leave out what `ip rule` shows";
    let add = |rule: &Rule| Command::from(kept::rules::command(rule));
    let commands: Vec<Command> = ours.map(add).collect();
    match left_out.is_empty() {
        true => Step::if_any(comment, commands),
        false => Some(Step::new(format!("{comment}; {beyond}"), commands)),
    }
}

pub fn resolver(facts: &Facts<'_>) -> Option<Step> {
    let listed = facts.reading::<Vec<Entry>>(&Query::Listing(RESOLVER.to_owned())).known();
    if let Some(target) = listed.and_then(|entries| entries.first()).and_then(|entry| entry.target.as_deref()) {
        return Some(Step::new("who resolves names", vec![Command::new(&["ln", "-sfn", target, RESOLVER])]));
    }
    let bytes = match facts.reading::<Vec<u8>>(&Query::File(RESOLVER.to_owned())) {
        Reading::Known(bytes) => bytes,
        Reading::Absent => return None,
        Reading::Unreadable(trouble) => return Some(Step::unread(RESOLVER, &trouble)),
    };
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let write = |(number, line): (usize, &str)| {
        let output = if number == 0 { Output::Replaces } else { Output::Extends };
        let words: Vec<&str> = std::iter::once("echo").chain(line.split_whitespace()).collect();
        Command::new(&words).into(output(RESOLVER.to_owned()))
    };
    let mut commands: Vec<Command> = lines.enumerate().map(write).collect();
    if !commands.is_empty() {
        // A link there would be written through.
        commands.insert(0, Command::new(&["rm", "-f", RESOLVER]));
    }
    Step::if_any("who resolves names", commands)
}
