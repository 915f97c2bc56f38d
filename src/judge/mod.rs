//! Facts become findings. Nothing here reads, writes or prints: the same facts give the same findings.

mod agent_connected;
mod agent_service;
mod attested;
pub mod boot_space;
pub mod bridges;
pub mod causes;
mod clock_synchronised;
mod console;
mod contacts;
mod deleted_open_files;
mod filesystem_flags;
mod filesystem_inodes;
mod filesystem_space;
mod filesystem_space_shared;
pub mod follow_up;
mod guests_running;
pub mod headlines;
mod initrd;
pub mod kept;
mod kernel_module;
mod netplan;
pub mod next_kernel;
pub mod nic_names;
mod novelty;
pub mod offers;
pub mod open_baseline;
pub mod outcome;
pub mod outlook;
mod ovn_controller;
mod ovs_daemons;
mod ovs_flows;
mod ovs_uplink;
mod package_held;
mod package_interrupted;
mod package_lock;
mod package_repositories;
mod package_state;
mod package_versions;
pub mod profiles;
mod python_environments;
mod reboot_pending;
pub mod recovery;
pub mod remember;
mod sshd;
pub mod topology;
pub mod unit_state;
mod units_failed;
pub mod verdict;
pub mod waivers;

use crate::catalog::kind::Kind;
use crate::catalog::{Catalog, Check, Level};
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::model::finding::FindingRef;
use crate::model::{Finding, Severity, Status};
use outcome::Outcome;

/// The findings of all `checks`, causes linked. `before` is the baseline, where there is one.
pub fn judge(catalog: &Catalog, checks: &[&Check], facts: &Facts<'_>, before: Option<&Before<'_>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut ties = causes::Ties::default();
    for check in checks {
        for mut outcome in outcomes(catalog, check, facts, before) {
            ties.note(findings.len(), &mut outcome);
            findings.push(finding(check, outcome, facts));
        }
    }
    ties.tie(&mut findings, facts, before);
    headlines::link(&mut findings);
    if let Some(before) = before {
        novelty::mark(&mut findings, checks, &before.snapshot.findings);
    }
    findings
}

/// The row of a check that was not asked.
pub fn excluded(check: &Check, why: &str) -> Finding {
    row(check, Outcome::skip("", outcome::EXCLUDED, why), 0)
}

fn outcomes(catalog: &Catalog, check: &Check, facts: &Facts<'_>, before: Option<&Before<'_>>) -> Vec<Outcome> {
    let compared = |judge: &dyn Fn(&Before<'_>) -> Vec<Outcome>| before.map_or_else(without_baseline, judge);
    match &check.kind {
        Kind::FilesystemSpace(spec) => filesystem_space::judge(catalog, check, spec, facts),
        Kind::FilesystemSpaceShared(spec) => filesystem_space_shared::judge(catalog, check, spec, facts),
        Kind::FilesystemInodes(spec) => filesystem_inodes::judge(spec, facts),
        Kind::FilesystemReadOnly(spec) => filesystem_flags::judge_read_only(spec, facts),
        Kind::FilesystemNoExec(spec) => filesystem_flags::judge_no_exec(spec, facts),
        Kind::DeletedOpenFiles(spec) => deleted_open_files::judge(spec, facts),
        Kind::PackageState(_) => package_state::judge(facts),
        Kind::PackageInterrupted(_) => package_interrupted::judge(facts),
        Kind::PackageLock(spec) => package_lock::judge(spec, facts),
        Kind::PackageHeld(_) => package_held::judge(facts),
        Kind::UnitState(spec) => unit_state::judge(spec, facts),
        Kind::UnitsFailed(_) => units_failed::judge(facts),
        Kind::OvsDaemons(_) => ovs_daemons::judge(facts),
        Kind::OvsUplink(_) => ovs_uplink::judge(facts),
        Kind::OvsFlows(_) => ovs_flows::judge(facts),
        Kind::ManagementReachable(_) => contacts::judge_management(facts),
        Kind::PeersReachable(_) => contacts::judge_peers(facts),
        Kind::GuestsRunning(spec) => guests_running::judge(spec, facts),
        Kind::RebootPending(spec) => reboot_pending::judge(spec, facts),
        Kind::ClockSynchronised(_) => clock_synchronised::judge(facts),
        Kind::NicNames(_) => nic_names::judge(facts),
        Kind::Netplan(_) => netplan::judge(facts),
        Kind::BootSpace(spec) => boot_space::judge(spec, facts),
        Kind::KernelModule(spec) => kernel_module::judge(spec, facts),
        Kind::Initrd(_) => initrd::judge(facts),
        Kind::Sshd(_) => sshd::judge(facts),
        Kind::PackageRepositories(_) => package_repositories::judge(facts),
        Kind::PackageVersions(spec) => package_versions::judge(spec, facts),
        Kind::PythonEnvironments(spec) => python_environments::judge(spec, facts),
        Kind::Console(_) => console::judge(check, facts),
        Kind::Attested(_) => attested::judge(check, facts),
        Kind::OvnController(spec) => ovn_controller::judge(spec, facts),
        Kind::AgentService(spec) => agent_service::judge(spec, facts, before),
        Kind::AgentConnected(spec) => agent_connected::judge(spec, facts, before),
        Kind::Rebooted(_) => compared(&|before| kept::rebooted::judge(facts, before)),
        Kind::GuestsKept(spec) => compared(&|before| kept::guests::judge(spec, facts, before)),
        Kind::OvsDatabaseKept(_) => compared(&|before| kept::ovs_database::judge(facts, before)),
        Kind::OvsBridgesKept(_) => compared(&|before| kept::ovs_bridges::judge(facts, before)),
        Kind::OvsPortsKept(_) => compared(&|before| kept::ovs_ports::judge(facts, before)),
        Kind::LinksKept(_) => compared(&|before| kept::links::judge(facts, before)),
        Kind::AddressesKept(_) => compared(&|before| kept::addresses::judge(facts, before)),
        Kind::RoutesKept(_) => compared(&|before| kept::routes::judge(facts, before)),
        Kind::RulesKept(_) => compared(&|before| kept::rules::judge(facts, before)),
        Kind::ResolverKept(_) => compared(&|before| kept::resolver::judge(facts, before)),
        Kind::ServicesKept(spec) => compared(&|before| kept::services::judge(spec, facts, before)),
        Kind::PackagesKept(spec) => compared(&|before| kept::packages::judge(spec, facts, before)),
    }
}

fn without_baseline() -> Vec<Outcome> {
    let outcome = Outcome::undetermined(
        "",
        outcome::NO_BASELINE,
        "there is no baseline to compare with; make one once this host is known to be whole, before the next upgrade",
    );
    vec![outcome.by_hand(vec![vec!["hostready".to_owned(), "snapshot".to_owned()]])]
}

fn finding(check: &Check, outcome: Outcome, facts: &Facts<'_>) -> Finding {
    let micros = facts.answers.micros(&outcome.asked);
    row(check, outcome, micros)
}

/// Says how much an outcome counts: the one place where level and severity are applied.
fn row(check: &Check, outcome: Outcome, duration_us: u64) -> Finding {
    let level = check.level_of(outcome.cause);
    if outcome.status == Status::Fail && level == Level::Off {
        let why = format!("`{}` is switched off by the configuration", outcome.cause.unwrap_or_default());
        return row(check, Outcome::skip(outcome.subject, outcome::EXCLUDED, why), duration_us);
    }
    let level = outcome.at_most.map_or(level, |limit| level.min(limit));
    let counts = matches!(outcome.status, Status::Fail | Status::Unknown);
    let severity = match (counts, level) {
        (false, _) | (true, Level::Off | Level::Info) => Severity::Info,
        (true, Level::Warn) => check.severity.clamp(Severity::Low, Severity::Medium),
        (true, Level::Block) => check.severity,
    };
    let by_hand = match outcome.status {
        Status::Fail | Status::Unknown if !outcome.by_hand.is_empty() => outcome.by_hand,
        Status::Fail | Status::Unknown => {
            check.by_hand.iter().filter_map(|argv| about(argv, &outcome.subject)).collect()
        }
        _ => Vec::new(),
    };
    Finding {
        id: check.id.clone(),
        subject: outcome.subject,
        status: outcome.status,
        severity,
        blocking: counts && level == Level::Block,
        new: None,
        title: check.title.clone(),
        detail: outcome.detail,
        cause: outcome.cause.map(str::to_owned),
        caused_by: outcome.caused_by.or_else(|| explanation(check)),
        expected: outcome.expected,
        observed: outcome.observed,
        waiver: None,
        fixes: outcome.offers,
        by_hand,
        duration_us,
    }
}

/// Whether it holds is told when all findings are there.
fn explanation(check: &Check) -> Option<FindingRef> {
    check.explained_by.as_ref().map(|id| FindingRef { id: id.clone(), subject: String::new() })
}

/// A command of the catalog, with `{subject}` filled in; none where it needs one and the row speaks of no single thing.
fn about(argv: &[String], subject: &str) -> Option<Vec<String>> {
    let needs_one = argv.iter().any(|word| word.contains("{subject}"));
    (!needs_one || !subject.is_empty()).then(|| argv.iter().map(|word| word.replace("{subject}", subject)).collect())
}
