//! The one document that every judging verb prints. Its JSON schema is generated from these types.

use crate::model::sorted::SortedMap;
use crate::model::stored::{choice, row};
use serde_json::{Map, Value};

use super::finding::{Finding, FindingRef, Status};

pub const SCHEMA: &str = "hostready/report";
pub const SCHEMA_VERSION: &str = "1.0";

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Report {
    pub schema: String,
    pub schema_version: String,
    pub tool: Tool,
    pub run_id: String,
    pub verb: String,
    pub intent: Intent,
    /// False where `--only` or `--skip` left something out.
    pub complete: bool,
    pub scope: Scope,
    pub host: Host,
    pub baseline: Option<Baseline>,
    /// RFC 3339, UTC
    pub started_at: String,
    pub duration_ms: u64,
    pub verdict: Verdict,
    pub exit_code: u8,
    pub changed: bool,
    /// True for every exit code but 0 and 4.
    pub failed: bool,
    pub msg: String,
    pub comment: String,
    pub summary: Summary,
    pub findings: Vec<Finding>,
    /// The bridges of the switch, against those of the baseline; empty where there is none.
    #[cfg_attr(test, schemars(default, skip_serializing_if = "Vec::is_empty"))]
    pub bridges: Vec<BridgeRow>,
    pub actions: Vec<Action>,
    /// What was changed and is taken back unless somebody keeps it.
    #[cfg_attr(test, schemars(default, skip_serializing_if = "Option::is_none"))]
    pub pending: Option<Pending>,
}

/// A change that waits to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Pending {
    pub run: String,
    /// RFC 3339, UTC
    pub deadline: String,
    /// Whether it is taken back after a power cut, too.
    pub survives_reboot: bool,
}

row!(Pending, Required { run, deadline, survives_reboot });

row!(
    Report,
    Required {
        schema,
        schema_version,
        tool,
        run_id,
        verb,
        intent,
        complete,
        scope,
        host,
        baseline,
        started_at,
        duration_ms,
        verdict,
        exit_code,
        changed,
        failed,
        msg,
        comment,
        summary,
        findings,
        bridges: Sparse,
        actions,
        pending: Sparse,
    }
);

/// A bridge of the switch, as it was and as it is.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct BridgeRow {
    pub name: String,
    pub state: Kept,
    /// What became of it, where that is to be said.
    #[cfg_attr(test, schemars(default, skip_serializing_if = "Option::is_none"))]
    pub note: Option<String>,
    pub ports: Vec<PortRow>,
    /// Ports of guests, of OVN and of other programs: they are counted and not compared.
    pub owned_by_others: usize,
}

row!(BridgeRow, Required { name, state, note: Sparse, ports, owned_by_others });

/// A port of a bridge, or a member of a bond.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PortRow {
    pub name: String,
    pub state: Kept,
    /// What became of it: `now called ens11`, `now on br-data`.
    #[cfg_attr(test, schemars(default, skip_serializing_if = "Option::is_none"))]
    pub note: Option<String>,
    #[cfg_attr(test, schemars(default, skip_serializing_if = "Vec::is_empty"))]
    pub members: Vec<PortRow>,
}

row!(PortRow, Required { name, state, note: Sparse, members: Sparse });

/// What became of something since the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename_all = "lowercase"))]
pub enum Kept {
    Same,
    Changed,
    Missing,
    /// It is there, elsewhere or under another name.
    Moved,
    New,
}

choice! {
    Kept: Self::Same;
    "same" => Same,
    "changed" => Changed,
    "missing" => Missing,
    "moved" => Moved,
    "new" => New,
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tool {
    pub name: String,
    pub version: String,
    /// SHA-256 over the checks, profiles and configuration that were in force.
    pub catalog_digest: String,
}

row!(Tool, Required { name, version, catalog_digest });

/// What the host is wanted fit for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename_all = "lowercase"))]
pub enum Intent {
    /// New agent packages.
    Agent,
    /// An OS release upgrade.
    Os,
    /// Upgraded and not yet rebooted.
    Reboot,
    /// Came back from the reboot.
    #[value(skip)]
    After,
}

choice! {
    Intent: Self::Agent;
    "agent" => Agent,
    "os" => Os,
    "reboot" => Reboot,
    "after" => After,
}

impl Intent {
    /// As `--for` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Os => "os",
            Self::Reboot => "reboot",
            Self::After => "after",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Agent, Self::Os, Self::Reboot, Self::After].into_iter().find(|intent| intent.as_str() == word)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Scope {
    pub only: Vec<String>,
    pub skip: Vec<String>,
}

row!(Scope, Required { only, skip });

#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Host {
    pub hostname: Option<String>,
    pub machine_id: Option<String>,
    pub boot_id: Option<String>,
    pub os: Os,
    pub kernel: Option<String>,
    pub hypervisor: Hypervisor,
    pub profiles: Vec<String>,
    pub roles: Vec<String>,
    pub cluster: Option<String>,
    pub ids: SortedMap<String, String>,
    pub labels: SortedMap<String, String>,
}

row!(Host, Required { hostname, machine_id, boot_id, os, kernel, hypervisor, profiles, roles, cluster, ids, labels });

#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Os {
    pub id: Option<String>,
    pub version: Option<String>,
}

row!(Os, Required { id, version });

#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Hypervisor {
    pub qemu: Option<String>,
    pub libvirt: Option<String>,
}

row!(Hypervisor, Required { qemu, libvirt });

/// The snapshot that this run compared with.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Baseline {
    pub name: String,
    pub taken_at: String,
}

row!(Baseline, Required { name, taken_at });

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename_all = "lowercase"))]
pub enum Verdict {
    Ready,
    Warn,
    Blocked,
    Incomplete,
    /// Would be `ready` or `warn`, had everything been looked at.
    Partial,
}

choice! {
    Verdict: Self::Ready;
    "ready" => Ready,
    "warn" => Warn,
    "blocked" => Blocked,
    "incomplete" => Incomplete,
    "partial" => Partial,
}

impl Verdict {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Warn => "warn",
            Self::Blocked => "blocked",
            Self::Incomplete => "incomplete",
            Self::Partial => "partial",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    pub pass: usize,
    pub fail: usize,
    pub unknown: usize,
    pub skip: usize,
    pub waived: usize,
    pub blocking: usize,
}

row!(Summary, Required { pass, fail, unknown, skip, waived, blocking });

impl Summary {
    pub fn of(findings: &[Finding]) -> Self {
        let count = |status| findings.iter().filter(|finding| finding.status == status).count();
        Self {
            pass: count(Status::Pass),
            fail: count(Status::Fail),
            unknown: count(Status::Unknown),
            skip: count(Status::Skip),
            waived: findings.iter().filter(|finding| finding.waiver.is_some()).count(),
            blocking: findings.iter().filter(|finding| finding.status == Status::Fail && finding.blocking).count(),
        }
    }
}

/// One fix for one finding: what it would do, or what became of it.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Action {
    pub id: String,
    pub subject: String,
    pub state: ActionState,
    pub changed: bool,
    pub before: Map<String, Value>,
    pub after: Map<String, Value>,
    pub undo: String,
    pub error: Option<String>,
    /// The finding that it is for.
    #[cfg_attr(test, schemars(default, skip_serializing_if = "Option::is_none"))]
    pub mends: Option<FindingRef>,
    /// Why this, and not something else.
    #[cfg_attr(test, schemars(default, skip_serializing_if = "String::is_empty"))]
    pub why: String,
    /// What it could break, or whom it disturbs.
    #[cfg_attr(test, schemars(default, skip_serializing_if = "Option::is_none"))]
    pub risk: Option<String>,
    /// What must be said on the command line before it is done: `--accept disruption`.
    #[cfg_attr(test, schemars(default, skip_serializing_if = "Vec::is_empty"))]
    pub needs: Vec<String>,
    #[cfg_attr(test, schemars(default, skip_serializing_if = "Option::is_none"))]
    pub frees_bytes: Option<u64>,
    #[cfg_attr(test, schemars(default, skip_serializing_if = "Vec::is_empty"))]
    pub steps: Vec<ActionStep>,
}

#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ActionStep {
    /// The program that is run, where it is one.
    #[cfg_attr(test, schemars(default, skip_serializing_if = "Option::is_none"))]
    pub argv: Option<Vec<String>>,
    /// What becomes of which row or file, otherwise.
    #[cfg_attr(test, schemars(default, skip_serializing_if = "Vec::is_empty"))]
    pub words: Vec<String>,
}

row!(ActionStep, Required { argv: Sparse, words: Sparse });

row!(
    Action,
    Required {
        id,
        subject,
        state,
        changed,
        before,
        after,
        undo,
        error,
        mends: Sparse,
        why: Sparse,
        risk: Sparse,
        needs: Sparse,
        frees_bytes: Sparse,
        steps: Sparse
    }
);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(rename_all = "lowercase"))]
pub enum ActionState {
    Planned,
    Applied,
    Pending,
    Failed,
    Refused,
    Reverted,
}

choice! {
    ActionState: Self::Planned;
    "planned" => Planned,
    "applied" => Applied,
    "pending" => Pending,
    "failed" => Failed,
    "refused" => Refused,
    "reverted" => Reverted,
}
