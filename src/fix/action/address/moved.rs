//! An address that sits on a member of its bridge moves to the bridge, with the routes that hang on it.
//!
//! It is there before it leaves the other place, so that the host is never without it, and its neighbours are told then.

use super::super::Context;
use super::super::ip::{announce, devices_of, is_in_network, managed, put_route, touched};
use super::{Case, bare, joined};
use crate::judge::kept::routes::{is_configured, under_names_of_now};
use crate::model::Query;
use crate::model::answer::Route;
use crate::model::plan::{Planned, Step};

pub fn plan(case: &Case<'_>, context: &Context<'_>) -> Planned {
    let draft = case.draft.clone();
    let Some((home, mut steps)) = case.at_home() else { return draft.refused(case.gone()) };
    let Some(found) = case.found else { return draft.refused("it is not where it was found any more".to_owned()) };
    let holder = case.holder.as_deref().unwrap_or_default();
    if home == found.link {
        return draft.refused(format!(
            "{home} was in no bridge in the baseline: whether it leaves {holder} again or the address moves there is for a person to say"
        ));
    }
    if let Some(other) = case.devices.holder(context.facts, home) {
        return draft.refused(format!("{home} is itself in {other}: it does not answer there either"));
    }
    steps.push(case.add(home, true));
    steps.extend(routes(case, context));
    steps.extend(case.remove(found, context));
    steps.push(Step { does: announce(home, &case.was.address), undoes: Vec::new() });
    let names = [home, found.link.as_str(), holder];
    let leased = (!found.permanent).then(|| format!("what has leased it for {} may take it again", found.link));
    let stalls = Some("what hangs on it may stall for a moment".to_owned());
    Planned {
        touches: touched(&case.devices, names),
        risk: joined([stalls, leased, managed(context, &case.devices, &names)]),
        steps,
        ..draft
    }
}

/// The routes of the baseline that hang on this address alone. The others come by their own findings.
fn routes(case: &Case<'_>, context: &Context<'_>) -> Vec<Step> {
    let now = context.facts.reading::<Vec<Route>>(&Query::Routes).known();
    let then = context.before.and_then(|before| before.facts.reading::<Vec<Route>>(&Query::Routes).known());
    let (Some(now), Some(then)) = (now, then) else { return Vec::new() };
    let address = &case.was.address;
    let hangs_on_it = |route: &&Route| {
        let is_from = route.preferred_source.as_deref().is_none_or(|source| source == bare(address));
        let reaches = |gateway: Option<&str>| gateway.is_none_or(|gateway| is_in_network(address, gateway));
        let are_reached = route.next_hops.iter().all(|hop| reaches(hop.gateway.as_deref()));
        let is_here = !route.next_hops.is_empty() && devices_of(route).all(|device| device == case.was.link);
        is_configured(route) && route.ipv6 == address.contains(':') && is_from && is_here && are_reached
    };
    let wanted = then.iter().filter(hangs_on_it).filter_map(|route| under_names_of_now(route, &case.devices));
    wanted.map(|route| put_route(&route, now)).collect()
}
