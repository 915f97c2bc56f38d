//! Does every bridge in secure mode have flows? Without any it drops everything.

use super::causes::Part;
use super::outcome::Outcome;
use super::ovs_daemons;
use crate::facts::Facts;
use crate::facts::ovs::{Bridge, Ovs};
use crate::model::answer::Flows;
use crate::model::{Query, Reading, Status};

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    let ovs = match facts.ovs() {
        Reading::Known(ovs) => ovs,
        Reading::Absent => return vec![ovs_daemons::without_database(facts)],
        Reading::Unreadable(trouble) => return vec![Outcome::unknown("", &trouble).because_of("ovs.daemons", "")],
    };
    let secure: Vec<&Bridge<'_>> = ovs.bridges.iter().filter(|bridge| bridge.is_secure).collect();
    if secure.is_empty() {
        return vec![Outcome::pass("", "no bridge is in secure mode")];
    }
    secure.into_iter().map(|bridge| judge_bridge(bridge, ovs, facts)).collect()
}

fn judge_bridge(bridge: &Bridge<'_>, ovs: &Ovs<'_>, facts: &Facts<'_>) -> Outcome {
    let name = bridge.name.as_ref();
    let asked = Query::Flows(facts.settings.ovs.management_socket(name));
    let carries_something = ovs.ports(bridge).iter().any(|port| port.name != bridge.name);
    let controllers = ovs.controllers(bridge);
    let outcome = match (facts.vswitchd(), facts.reading::<Flows>(&asked)) {
        (Reading::Absent, _) => {
            let detail = "flows cannot be counted while ovs-vswitchd does not run";
            Outcome::undetermined(name, "vswitchd-not-running", detail)
        }
        (_, Reading::Known(Flows { count: 0 })) if carries_something => {
            Outcome::fail(name, None, format!("{name} is in secure mode and has no flows: it carries nothing"))
        }
        (_, Reading::Known(Flows { count: 0 })) => {
            Outcome::pass(name, format!("{name} has no flows, and no port that would need any"))
        }
        (_, Reading::Known(Flows { count })) => Outcome::pass(name, format!("{name} has {count} flows")),
        (_, Reading::Absent) => {
            let socket = facts.settings.ovs.management_socket(name);
            Outcome::undetermined(name, "failed", format!("{name} has no management socket {socket}"))
        }
        (_, Reading::Unreadable(trouble)) => Outcome::unknown(name, &trouble),
    };
    // Flows that cannot be counted are the daemon's fault, where the daemon has one.
    let outcome = match outcome.status {
        Status::Unknown => outcome.because_of("ovs.daemons", ""),
        _ => outcome,
    };
    let count = facts.reading::<Flows>(&asked).known().map(|flows| flows.count);
    let connected = controllers.iter().filter(|controller| controller.is_connected).count();
    outcome
        .expecting("flows_at_least", 1)
        .observing("flows", count)
        .observing("controllers", controllers.len())
        .observing("controllers_connected", connected)
        .asking(asked)
        .touching(Part::Device(name.to_owned()))
}
