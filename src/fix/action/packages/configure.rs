//! What dpkg left half-way is brought to its end: by dpkg alone where nothing is missing for that, else by apt.

use super::simulation::Simulation;
use super::{Row, apt, download, dpkg, listed, planned, replay, step};
use crate::facts::packages::Package;
use crate::fix::action::Context;
use crate::model::plan::{Planned, Run, Step};
use crate::model::run::Holds;
use crate::model::{Finding, Query, Reading};

const FIX: &str = "packages.configure";

pub fn questions(finding: &Finding) -> Vec<Query> {
    if is_of(finding) { vec![simulated()] } else { Vec::new() }
}

fn simulated() -> Query {
    Query::Simulated(String::new())
}

/// What dpkg can bring to its end by itself: files of the package are all there.
fn is_of(finding: &Finding) -> bool {
    let is_unfinished =
        |cause: &str| matches!(cause, "unpacked" | "half-configured" | "triggers-awaited" | "triggers-pending");
    finding.id == "packages.interrupted"
        || finding.id == "packages.state" && finding.cause.as_deref().is_some_and(is_unfinished)
}

pub fn plan(finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    let packages = context.facts.packages().known().filter(|_| is_of(finding))?;
    let unfinished: Vec<&Package<'_>> = packages
        .0
        .iter()
        .filter(|it| matches!(it.broken(), Some(state) if !matches!(state, "reinstreq" | "half-installed")))
        .collect();
    let asked = context.facts.reading::<Vec<u8>>(&simulated());
    let simulation = asked.as_ref().known().map(|text| Simulation::parse(text)).unwrap_or_default();

    let state = |it: &Package<'_>, state: &str| format!("{} {state}", it.version);
    let mut rows: Vec<Row<'_>> = unfinished
        .iter()
        .map(|it| Row { name: it.name, before: state(it, it.state), after: state(it, "installed") })
        .collect();
    for change in &simulation.installs {
        rows.retain(|row| row.name != change.name);
        let old = change.old.map(|old| format!("{old} installed")).unwrap_or_default();
        rows.push(Row { name: change.name, before: old, after: format!("{} installed", change.new) });
    }
    let names: Vec<&str> = unfinished.iter().map(|it| it.name).collect();
    let until = until(finding, &unfinished, &simulation);
    Some(Planned {
        why: why(&names, &simulation, &asked),
        steps: steps(&simulation, context, until),
        refused: simulation.forbidden().map(|why| format!("{why}: that is for a person to decide")),
        ..planned(FIX, finding, context, &rows)?
    })
}

fn why(names: &[&str], simulation: &Simulation<'_>, asked: &Reading<&Vec<u8>>) -> String {
    let mut why = match names {
        [] => "dpkg has yet to replay the journal that it left".to_owned(),
        names => format!("to be configured: {}", listed(names)),
    };
    for (does, is_there) in [("installs", false), ("upgrades", true)] {
        let meant = simulation.installs.iter().filter(|it| it.old.is_some() == is_there);
        let meant: Vec<&str> = meant.map(|it| it.name).collect();
        if !meant.is_empty() {
            why.push_str(&format!("; for that apt {does} {}", listed(&meant)));
        }
    }
    if let Reading::Unreadable(trouble) = asked {
        why.push_str(&format!("; apt cannot be asked what is missing for that: {}", trouble.detail));
    }
    why
}

/// apt configures what dpkg has unpacked, too.
fn steps(simulation: &Simulation<'_>, context: &Context<'_>, until: Option<Holds>) -> Vec<Step> {
    let configure = Run { until: until.clone(), ..dpkg(&["--configure", "-a"]) };
    if simulation.installs.is_empty() {
        return vec![step(configure)];
    }
    let words = ["--fix-broken", "install"];
    let install = Run { until, ..apt(&words) };
    replay(context).into_iter().chain([download(&words), install].map(step)).collect()
}

/// The package of the finding is whole; in which version only dpkg knows where apt brings another.
fn until(finding: &Finding, unfinished: &[&Package<'_>], simulation: &Simulation<'_>) -> Option<Holds> {
    let name = finding.subject.split(':').next().unwrap_or_default();
    if finding.subject != name || simulation.installs.iter().any(|it| it.name == name) {
        return None;
    }
    let package = unfinished.iter().find(|it| it.name == name)?;
    Some(Holds::Package { name: name.to_owned(), version: package.version.to_owned() })
}
