//! Is each route that was configured in its table?
//!
//! What the kernel, a lease or a router's advertisement made is not compared, nor what a routing daemon learned: they
//! make it again by themselves. Only that no default route at all is left is told all the same.

use super::devices::{Devices, both, conclude};
use crate::catalog::Level;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::facts::nics::Whereabouts;
use crate::judge::causes::Part;
use crate::judge::outcome::Outcome;
use crate::model::Query;
use crate::model::answer::{MAIN, NextHop, Route};
use crate::model::gather::{Arrange as _, Gather as _};
use crate::model::sorted::{SortedMap, SortedSet};

pub fn judge(facts: &Facts<'_>, before: &Before<'_>) -> Vec<Outcome> {
    let devices = Devices::new(facts, before);
    let routes = both::<Vec<Route>>(facts, before, &Query::Routes);
    let (devices, (now, then)) = match (devices, routes) {
        (Ok(devices), Ok(routes)) => (devices, routes),
        (Err(trouble), _) | (_, Err(trouble)) => return vec![Outcome::unknown("", &trouble)],
    };
    let outcomes = Comparison { devices, now: Now::new(now), facts }.judge(then);
    outcomes.into_iter().map(|outcome| outcome.asking(Query::Routes)).collect()
}

/// Family, table, destination.
type Whither<'a> = (bool, u32, &'a str);

fn whither(route: &Route) -> Whither<'_> {
    (route.ipv6, route.table, &route.destination)
}

/// What makes two routes the same: not who made them.
fn bare(route: &Route) -> Route {
    let mut next_hops = route.next_hops.clone();
    next_hops.arrange();
    Route { next_hops, protocol: String::new(), scope: String::new(), ..route.clone() }
}

struct Now<'a> {
    all: SortedSet<Route>,
    by_destination: SortedMap<Whither<'a>, Vec<&'a Route>>,
}

impl<'a> Now<'a> {
    fn new(routes: &'a [Route]) -> Self {
        let mut by_destination: SortedMap<Whither<'a>, Vec<&Route>> = SortedMap::new();
        for route in routes {
            by_destination.entry(whither(route)).or_default().push(route);
        }
        Self { all: routes.iter().map(bare).gather(), by_destination }
    }
}

struct Comparison<'n, 'now> {
    devices: Devices<'n>,
    now: Now<'n>,
    facts: &'n Facts<'now>,
}

impl Comparison<'_, '_> {
    fn judge(&self, then: &[Route]) -> Vec<Outcome> {
        let (made, others): (Vec<&Route>, Vec<&Route>) =
            then.iter().filter(|route| self.is_lasting(route)).partition(|route| is_configured(route));
        let names = Names::of(&made);
        let mut outcomes: Vec<Outcome> = self.devices.open().into_iter().collect();
        let mut in_doubt: SortedMap<&str, usize> = SortedMap::new();
        let mut well = 0_usize;
        for route in &made {
            if let Some(link) = links(route).find(|link| self.devices.nics.place(link) == Whereabouts::Unknown) {
                *in_doubt.entry(link).or_default() += 1;
                continue;
            }
            match self.judge_route(route, &names) {
                Some(outcome) => outcomes.push(outcome),
                None => well += 1,
            }
        }
        outcomes.extend(in_doubt.into_iter().map(|(link, count)| {
            let mut outcome = Outcome::unknown(link, &self.devices.nics.doubt(link));
            outcome.detail.push_str(&format!("; {count} of its routes not compared"));
            outcome.touching(Part::Device(link.to_owned()))
        }));
        outcomes.extend(self.lost_defaults(&made, &others));
        let others = match others.len() {
            0 => String::new(),
            count => format!("; {count} that make themselves not compared"),
        };
        let told = ["route is there", "routes are there"];
        conclude(&mut outcomes, well, told, "route that somebody configured", &others);
        outcomes
    }

    fn is_lasting(&self, route: &Route) -> bool {
        links(route).all(|link| self.devices.is_lasting(link))
    }

    /// Nothing where it is there.
    fn judge_route(&self, was: &Route, names: &Names) -> Option<Outcome> {
        let wanted = under_names_of_now(was, &self.devices);
        if wanted.as_ref().is_some_and(|wanted| self.now.all.contains(&bare(wanted))) {
            return None;
        }
        let at_its_place = self.now.by_destination.get(&whither(was)).map(Vec::as_slice).unwrap_or_default();
        let instead: Vec<String> = at_its_place.iter().take(4).map(ToString::to_string).collect();
        let moved = links(was).find_map(|link| self.devices.whereabouts(link));
        let of = format!("{was} is gone");
        let others = (!instead.is_empty()).then(|| format!("there is {}", instead.join(", ")));
        let managed = self.devices.managed(self.facts, links(was));
        let clauses: Vec<String> = moved.into_iter().chain([of]).chain(others).chain(managed).collect();
        let mut outcome = Outcome::fail(names.subject(was), None, clauses.join("; "))
            .expecting("route", was.to_string())
            .observing("instead", instead);
        if wanted.is_some() {
            let is_taken = at_its_place.iter().any(|other| other.metric == was.metric);
            // A NIC that was renamed gets its name back first.
            let names_back = links(was).flat_map(|link| self.devices.name_back(link));
            let route = command(was, if is_taken { "replace" } else { "add" });
            outcome = outcome.by_hand(names_back.chain([route]).collect());
        }
        Some(links(was).fold(outcome, |outcome, link| outcome.touching(Part::Device(link.to_owned()))))
    }

    /// A lease may bring another default route, and none at all cuts the host off. One that was configured is told
    /// already.
    fn lost_defaults(&self, made: &[&Route], others: &[&Route]) -> Vec<Outcome> {
        let is_default = |route: &&&Route, ipv6| whither(route) == (ipv6, MAIN, "default");
        let lost = |ipv6: bool| {
            let was = others.iter().find(|route| is_default(route, ipv6) && !route.is_of_daemon())?;
            let is_told = made.iter().any(|route| is_default(&route, ipv6));
            if is_told || self.now.by_destination.contains_key(&(ipv6, MAIN, "default")) {
                return None;
            }
            let family = if ipv6 { "IPv6" } else { "IPv4" };
            let detail = format!("the host has no {family} default route any more; it had {was}, by {}", was.protocol);
            let outcome = Outcome::fail(destination(was), None, detail).expecting("route", was.to_string());
            // A router that no longer says that it is one may be meant to.
            let outcome = if was.protocol == "ra" { outcome.at_most(Level::Warn) } else { outcome };
            Some(links(was).fold(outcome, |outcome, link| outcome.touching(Part::Device(link.to_owned()))))
        };
        [lost(false), lost(true)].into_iter().flatten().collect()
    }
}

/// The route as it would be under the names of now; none where a device is gone.
pub fn under_names_of_now(route: &Route, devices: &Devices<'_>) -> Option<Route> {
    let renamed = |hop: &NextHop| match &hop.link {
        Some(link) => devices.nics.now(link).map(|now| NextHop { link: Some(now.to_owned()), ..hop.clone() }),
        None => Some(hop.clone()),
    };
    let next_hops = route.next_hops.iter().map(renamed).collect::<Option<_>>()?;
    Some(Route { next_hops, ..route.clone() })
}

pub fn is_configured(route: &Route) -> bool {
    !route.is_automatic() && !route.is_of_daemon()
}

fn links(route: &Route) -> impl Iterator<Item = &str> {
    route.next_hops.iter().filter_map(|hop| hop.link.as_deref())
}

/// `ip route VERB` of this very route.
pub fn command(route: &Route, verb: &str) -> Vec<String> {
    let text = route.to_string();
    let family = route.ipv6.then_some("-6");
    let words = ["ip"].into_iter().chain(family).chain(["route", verb]).chain(text.split(' '));
    words.map(str::to_owned).collect()
}

/// Of both families the default route is called `default`, and a subject tells two routes apart.
fn destination(route: &Route) -> String {
    let family = if route.ipv6 && route.destination == "default" { " (IPv6)" } else { "" };
    format!("{}{family} table {}", route.destination, table(route.table))
}

/// As `ip route` names it.
fn table(number: u32) -> String {
    if number == MAIN { "main".to_owned() } else { number.to_string() }
}

fn with_metric(route: &Route) -> String {
    format!("{} metric {}", destination(route), route.metric)
}

/// What routes are called: as short as it is their own.
struct Names(SortedMap<String, usize>);

impl Names {
    fn of(routes: &[&Route]) -> Self {
        let mut counts = SortedMap::new();
        for name in routes.iter().flat_map(|route| [destination(route), with_metric(route)]) {
            *counts.entry(name).or_default() += 1;
        }
        Self(counts)
    }

    fn subject(&self, route: &Route) -> String {
        let is_own = |name: &String| self.0.get(name) == Some(&1);
        let short = [destination(route), with_metric(route)].into_iter().find(is_own);
        short.unwrap_or_else(|| if route.table == MAIN { format!("{route} table main") } else { route.to_string() })
    }
}

#[cfg(test)]
mod tests;
