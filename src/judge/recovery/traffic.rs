//! Addresses, routes, rules, and who resolves names.

use super::devices::Devices;
use super::{Command, Output, Step};
use crate::catalog::kind::network::RESOLVER;
use crate::facts::Facts;
use crate::judge::kept;
use crate::model::Query;
use crate::model::answer::{Address, Entry, Route, Rule};
use crate::model::gather::Arrange as _;

/// The table that counts where no rule names another.
const MAIN: u32 = 254;

pub fn addresses(facts: &Facts<'_>, devices: &Devices<'_>) -> Vec<Step> {
    let known = facts.reading::<Vec<Address>>(&Query::Addresses).known();
    let is_ours = |address: &&Address| {
        matches!(address.scope.as_str(), "global" | "site") && devices.is_configured(&address.link)
    };
    let ours: Vec<&Address> = known.into_iter().flatten().filter(is_ours).collect();
    let bare = devices.enslaved(facts).filter(|nic| !ours.iter().any(|address| address.link == *nic));
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

pub fn routes(facts: &Facts<'_>, devices: &Devices<'_>) -> Option<Step> {
    let mut ours: Vec<&Route> = configured(facts)
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

/// Whom a person asks first whether the network is there.
pub fn gateway(facts: &Facts<'_>) -> Option<String> {
    let mut routes: Vec<&Route> = configured(facts).filter(|route| route.destination == "default").collect();
    routes.arrange_by_key(|route| (route.ipv6, route.table != MAIN));
    routes.first()?.next_hops.first()?.gateway.clone()
}

pub fn rules(facts: &Facts<'_>) -> Option<Step> {
    let known = facts.reading::<Vec<Rule>>(&Query::Rules).known();
    // What we did not take apart nobody can type.
    let ours = known.into_iter().flatten().filter(|rule| kept::rules::is_configured(rule) && rule.other.is_empty());
    let add = |rule: &Rule| Command::from(kept::rules::command(rule));
    Step::if_any("rules; leave out what `ip rule` shows", ours.map(add).collect())
}

pub fn resolver(facts: &Facts<'_>) -> Option<Step> {
    let listed = facts.reading::<Vec<Entry>>(&Query::Listing(RESOLVER.to_owned())).known();
    if let Some(target) = listed.and_then(|entries| entries.first()).and_then(|entry| entry.target.as_deref()) {
        return Some(Step::new("who resolves names", vec![Command::new(&["ln", "-sfn", target, RESOLVER])]));
    }
    let bytes = facts.reading::<Vec<u8>>(&Query::File(RESOLVER.to_owned())).known()?;
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    let write = |(number, line): (usize, &str)| {
        let output = if number == 0 { Output::Replaces } else { Output::Extends };
        let words: Vec<&str> = std::iter::once("echo").chain(line.split_whitespace()).collect();
        Command::new(&words).into(output(RESOLVER.to_owned()))
    };
    Step::if_any("who resolves names", lines.enumerate().map(write).collect())
}
