//! One file per kind of repair. Each is pure: what was found and read in, what would be done out.

mod address;
mod bond;
mod ip;
mod link;
mod nic;
mod ovs_database;
mod ovs_port;
mod packages;
mod resolver;
mod route;
mod rows;
mod services;
mod space;
#[cfg(test)]
mod stage;

use crate::catalog::Catalog;
use crate::facts::Facts;
use crate::facts::before::Before;
use crate::model::plan::Planned;
use crate::model::{Finding, Query};

pub use ip::is_in_network;
pub use nic::{PIN, fold_pins, meant as nics_of};
pub use packages::needs_dpkg;
pub use space::{is_of as makes_room, plan_all as plan_room};

/// What a repair is planned from.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub catalog: &'a Catalog,
    pub facts: &'a Facts<'a>,
    /// The host as the baseline has it, where there is one.
    pub before: Option<&'a Before<'a>>,
    pub findings: &'a [Finding],
    /// `wrong-bridge` and its like are repaired only where a person names the finding.
    pub named: bool,
    /// The directory of the run, for what is to be kept with its journal.
    pub home: &'a str,
}

/// What the plan of this fix needs to know beside what the checks have asked; most need nothing.
pub fn questions(fix: &str, finding: &Finding, context: &Context<'_>) -> Vec<Query> {
    match fix {
        "nic.rename-back" => nic::questions(finding, context),
        nic::PIN => nic::pin_questions(finding, context),
        "address.restore" | "address.move" => address::questions(finding, context),
        link::FIX => link::questions(finding, context),
        "resolver.restore" => resolver::questions(context),
        "route.restore" => route::questions(finding, context),
        "unit.start" | "unit.enable" => services::questions(finding, context),
        "packages.configure" | "packages.reinstall" | "kernels.remove" => packages::questions(fix, finding, context),
        "ovs.port.readd" => vec![Query::Addresses],
        "ovs.database.restore" => ovs_database::questions(),
        _ => Vec::new(),
    }
}

/// Plans the fix of this id for this finding. `None` where it is not the fix for what is wrong; a plan that says why it
/// is refused where it would be, and must not be carried out.
pub fn plan(fix: &str, finding: &Finding, context: &Context<'_>) -> Option<Planned> {
    match fix {
        "journal.vacuum" | "logs.prune" | "logs.archive" | "apt.clean" => space::plan(fix, finding, context),
        "nic.rename-back" | "nic.take-up" => nic::plan(fix, finding, context),
        nic::PIN => nic::pin(finding, context),
        "bond.member.readd" => bond::plan(finding, context),
        link::FIX => link::plan(finding, context),
        "ovs.port.readd" => ovs_port::plan(finding, context),
        "ovs.database.restore" => ovs_database::plan(finding, context),
        "address.restore" | "address.move" => address::plan(fix, finding, context),
        "resolver.restore" => resolver::plan(finding, context),
        "route.restore" | "rule.restore" => route::plan(fix, finding, context),
        "unit.start" | "unit.enable" => services::plan(fix, finding, context),
        "packages.configure" | "packages.reinstall" | "kernels.remove" => packages::plan(fix, finding, context),
        _ => None,
    }
}
