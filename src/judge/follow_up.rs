//! The last round: what a finding that is no pass wants read, as its check's `then_read` says.

use crate::catalog::Check;
use crate::catalog::check::ThenRead;
use crate::catalog::kind::Kind;
use crate::catalog::kind::ovs::VSWITCHD;
use crate::facts::Facts;
use crate::judge::outcome::NOT_NEEDED;
use crate::judge::{next_kernel, nic_names, ovn_controller, sshd};
use crate::model::query::Freeable;
use crate::model::sorted::SortedSet;
use crate::model::{Finding, Query, Reading, Status, TroubleCause};
use crate::units::AbsolutePath;

/// The questions that `findings` leave open. `is_named` tells which checks a person asked for by name:
/// those are looked into even where nothing calls for it.
pub fn questions(
    checks: &[&Check],
    findings: &[Finding],
    facts: &Facts<'_>,
    is_named: impl Fn(&str) -> bool,
) -> SortedSet<Query> {
    let mut asked = SortedSet::new();
    for finding in findings {
        let is_open = match finding.status {
            Status::Fail => true,
            // What failed to answer once is not asked for more.
            Status::Unknown => finding.cause.as_deref() == Some(TroubleCause::NotAsked.as_str()),
            Status::Skip => finding.cause.as_deref() == Some(NOT_NEEDED) && is_named(&finding.id),
            Status::Pass => false,
        };
        let check = checks.iter().find(|check| check.id == finding.id);
        if let (true, Some(check)) = (is_open, check) {
            for then_read in &check.then_read {
                asked.extend(expand(*then_read, check, &finding.subject, facts));
            }
        }
    }
    asked
}

/// Everything that a follow-up could ever ask of this host, for a recording.
pub fn all_questions(checks: &[&Check], facts: &Facts<'_>) -> SortedSet<Query> {
    let mut asked = SortedSet::new();
    for check in checks {
        let paths: Vec<&str> = match &check.kind {
            Kind::FilesystemSpace(space) => space.paths.keys().map(|path| &**path).collect(),
            _ => vec![""],
        };
        for (then_read, path) in check.then_read.iter().flat_map(|then| paths.iter().map(move |path| (then, path))) {
            asked.extend(expand(*then_read, check, path, facts));
        }
    }
    asked
}

fn expand(then_read: ThenRead, check: &Check, subject: &str, facts: &Facts<'_>) -> Vec<Query> {
    match then_read {
        ThenRead::Freeable => {
            let places: &[AbsolutePath] = match &check.kind {
                Kind::FilesystemSpace(space) => &space.archive_to,
                _ => &[],
            };
            let families = Freeable::ALL.into_iter().map(Query::Freeable);
            families.chain(places.iter().map(|place| Query::Space(place.to_string()))).collect()
        }
        ThenRead::Largest if subject.starts_with('/') => vec![Query::Largest(subject.to_owned())],
        ThenRead::Largest => Vec::new(),
        ThenRead::DeletedOpen => vec![Query::DeletedOpen],
        ThenRead::Vswitchd => vec![Query::Processes(VSWITCHD.to_owned())],
        ThenRead::OvsProgress => match facts.ovs() {
            Reading::Known(_) => vec![Query::OvsProgress(facts.settings.ovs.socket())],
            _ => Vec::new(),
        },
        ThenRead::Nics => nic_names::open_questions(facts),
        ThenRead::Hardware => hardware(facts),
        ThenRead::NextKernel => next_kernel::open_questions(&check.kind, facts),
        ThenRead::Sshd => sshd::open_questions(facts),
        ThenRead::OvnLog => match &check.kind {
            Kind::OvnController(spec) => ovn_controller::open_questions(spec, facts),
            _ => Vec::new(),
        },
        ThenRead::Flows => flows(facts),
    }
}

/// Every NIC that is hardware.
pub fn hardware(facts: &Facts<'_>) -> Vec<Query> {
    let Reading::Known(links) = facts.links() else { return Vec::new() };
    let physical = links.iter().filter(|(name, link)| link.kind.is_none() && name.as_str() != "lo");
    physical.map(|(name, _)| Query::Nic(name.clone())).collect()
}

/// The flows of every bridge in secure mode.
pub fn flows(facts: &Facts<'_>) -> Vec<Query> {
    let Reading::Known(ovs) = facts.ovs() else { return Vec::new() };
    let secure = ovs.bridges.iter().filter(|bridge| bridge.is_secure);
    secure.map(|bridge| Query::Flows(facts.settings.ovs.management_socket(&bridge.name))).collect()
}
