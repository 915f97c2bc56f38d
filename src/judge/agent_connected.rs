//! Does the agent speak with its management plane?
//!
//! That it is connected does not say that it has done what the management plane told it.

use super::agent_service;
use super::causes::Part;
use super::outcome::{NOT_PRESENT, Outcome};
use super::unit_state;
use super::units_failed::NO_SYSTEMD;
use crate::catalog::Level;
use crate::catalog::kind::agent::Connected as Spec;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::model::answer::{Connection, Unit};
use crate::model::gather::Arrange as _;
use crate::model::{Query, Reading, Trouble};
use crate::units::UnitName;

/// The check that says whether the units run.
const SERVICE: &str = "agent.service";
/// So often in a row a connection sends something again before we say that nobody is there: some three seconds.
const UNANSWERED: u32 = 4;

pub fn judge(spec: &Spec, facts: &Facts<'_>, before: Option<&Before<'_>>) -> Vec<Outcome> {
    let units = [&spec.agent, &spec.relay];
    let mut outcome = match facts.reading::<Unit>(&Query::Unit(spec.agent.to_string())) {
        Reading::Absent => Outcome::skip("", NOT_PRESENT, NO_SYSTEMD),
        Reading::Unreadable(trouble) => Outcome::unknown("", &trouble),
        Reading::Known(agent) if unit_state::is_active(&agent.active) => judge_connections(spec, facts),
        Reading::Known(agent) if agent.load == "not-found" => {
            Outcome::skip("", NOT_PRESENT, format!("there is no unit {}", spec.agent))
        }
        Reading::Known(agent) => {
            let detail = format!("{} does not run, so it is not connected", spec.agent);
            let outcome = Outcome::fail("", Some("not-running"), detail)
                .observing("active_state", agent.active.clone())
                .because_of(SERVICE, &spec.agent);
            let is_starting = agent.active == "activating" && agent.sub != "auto-restart";
            if is_starting { outcome.at_most(Level::Warn) } else { outcome }
        }
    };
    if agent_service::is_settling(&spec.packages, spec.grace_seconds, facts) {
        outcome = outcome.at_most(Level::Warn);
    }
    for unit in units {
        outcome = outcome
            .touching(Part::Unit(unit.to_string()))
            .asking(Query::Unit(unit.to_string()))
            .asking(Query::Connections(unit.to_string()));
    }
    outcome.touches.extend(ways(units, facts, before));
    vec![outcome]
}

/// By which ways these units spoke with the outside in the baseline, or do now; where nobody knows that, whatever lies
/// outside.
pub fn ways<'u>(
    units: impl IntoIterator<Item = &'u UnitName>,
    facts: &Facts<'_>,
    before: Option<&Before<'_>>,
) -> Vec<Part> {
    let asked: Vec<Query> = units.into_iter().map(|unit| Query::Connections(unit.to_string())).collect();
    let of = |facts: &Facts<'_>| -> Vec<Part> {
        let found = asked.iter().filter_map(|query| facts.reading::<Vec<Connection>>(query).known()).flatten();
        found
            .filter(|found| !found.accepted)
            .filter_map(Connection::outer_ends)
            .map(|(own, peer)| Part::Way(own, peer))
            .collect()
    };
    let then = before.map(|before| of(&before.facts)).filter(|ways| !ways.is_empty());
    let ways = then.unwrap_or_else(|| of(facts));
    if ways.is_empty() { vec![Part::Peer(String::new())] } else { ways }
}

fn judge_connections(spec: &Spec, facts: &Facts<'_>) -> Outcome {
    let (mut found, mut trouble): (Vec<&Connection>, Option<Trouble>) = (Vec::new(), None);
    for unit in [&spec.agent, &spec.relay] {
        match facts.reading::<Vec<Connection>>(&Query::Connections(unit.to_string())) {
            Reading::Known(connections) => found.extend(connections),
            Reading::Absent => {}
            Reading::Unreadable(failed) => trouble = Some(failed),
        }
    }
    let (outward, within): (Vec<&Connection>, Vec<&Connection>) =
        found.into_iter().filter(|connection| !connection.accepted).partition(|connection| connection.leads_out());
    let answered = outward.iter().find(|connection| connection.unanswered < UNANSWERED);
    let outcome = match (answered, trouble) {
        (Some(connection), _) => Outcome::pass("", connected(spec, connection)),
        (None, Some(trouble)) => return Outcome::unknown("", &trouble),
        (None, None) => not_connected(spec, facts, &outward, &within),
    };
    let mut peers: Vec<&str> = outward.iter().map(|connection| connection.peer.as_str()).collect();
    peers.arrange();
    peers.dedup();
    outcome.observing("peers", peers)
}

fn connected(spec: &Spec, connection: &Connection) -> String {
    let (peer, agent) = (&connection.peer, &spec.agent);
    match connection.unit.as_deref() {
        Some(unit) if unit == &**agent => format!("{agent} is connected to {peer}"),
        Some(unit) => format!("{agent} is connected to {peer} through {unit}"),
        None => format!("{agent} is connected to {peer} through {}", connection.command),
    }
}

fn not_connected(spec: &Spec, facts: &Facts<'_>, outward: &[&Connection], within: &[&Connection]) -> Outcome {
    let Spec { agent, relay, .. } = spec;
    let fail =
        |why: String| Outcome::fail("", Some("not-connected"), format!("{agent} runs and is not connected; {why}"));
    if let Some(silent) = outward.first() {
        return fail(format!("{} has not answered {} times in a row", silent.peer, silent.unanswered));
    }
    let unit = facts.reading::<Unit>(&Query::Unit(relay.to_string())).known();
    if unit.is_some_and(|unit| unit.load != "not-found" && !unit_state::is_active(&unit.active)) {
        return fail(format!("{relay} does not run")).because_of(SERVICE, relay);
    }
    match within.iter().find(|connection| connection.unit.as_deref() == Some(&**agent)) {
        Some(inner) => fail(format!("it reaches {}, from where nothing leads to the outside", inner.peer)),
        None => fail("it holds no connection at all".to_owned()),
    }
}

#[cfg(test)]
mod tests;
