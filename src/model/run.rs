//! A run that changes the host: what was asked for, and its journal.

use crate::model::stored::{choice, row};

use serde_json::{Map, Value};

use super::plan::Planned;
use super::report::ActionState;
use crate::exit::FailOn;

/// What can be read from the host to tell whether something was done already.
#[derive(Clone, Debug, PartialEq)]
pub enum Holds {
    /// The device of this name has this address of its own.
    LinkNamed {
        name: String,
        mac: String,
    },
    LinkUp {
        name: String,
        up: bool,
    },
    LinkMtu {
        name: String,
        mtu: u32,
    },
    LinkMaster {
        name: String,
        master: Option<String>,
    },
    AlternativeName {
        name: String,
        of: String,
        there: bool,
    },
    Address {
        device: String,
        address: String,
        there: bool,
    },
    /// A route or a rule in the words of `ip`, table included.
    Route {
        words: String,
        there: bool,
    },
    Rule {
        words: String,
        there: bool,
    },
    UnitActive {
        unit: String,
        active: bool,
    },
    /// Neither active nor failed.
    UnitInactive {
        unit: String,
    },
    /// `enabled`, `disabled`, `masked`, …
    UnitFile {
        unit: String,
        state: String,
    },
    /// The interface is attached for real: `ofport` at least 1, no error, the configuration caught up with; or it is gone.
    Port {
        bridge: String,
        port: String,
        there: bool,
    },
    /// Every bridge of these is in the database of the switch.
    Bridges {
        names: Vec<String>,
        there: bool,
    },
    /// The row of this table and name has these attributes: column, or `column:key` of a map; null where it has none.
    SwitchRow {
        table: String,
        name: String,
        has: Map<String, Value>,
    },
    /// dpkg has this package in this state: `install ok installed`, and in this version.
    Package {
        name: String,
        version: String,
    },
    /// The same, and dpkg has written its list of files since: it was installed again.
    Reinstalled {
        name: String,
        version: String,
        list: String,
        /// When the list was last written to, before.
        since: i64,
    },
    /// Nobody upgrades it.
    Held {
        name: String,
    },
    /// dpkg has none of these packages any more.
    Removed {
        names: Vec<String>,
    },
    /// Somebody has written to this file since.
    Written {
        path: String,
        since: i64,
    },
}

choice! {
    Holds: Self::UnitActive { unit: String::new(), active: false };
    "link-named" => LinkNamed { name, mac },
    "link-up" => LinkUp { name, up },
    "link-mtu" => LinkMtu { name, mtu },
    "link-master" => LinkMaster { name, master },
    "alternative-name" => AlternativeName { name, of, there },
    "address" => Address { device, address, there },
    "route" => Route { words, there },
    "rule" => Rule { words, there },
    "unit-active" => UnitActive { unit, active },
    "unit-inactive" => UnitInactive { unit },
    "unit-file" => UnitFile { unit, state },
    "port" => Port { bridge, port, there },
    "bridges" => Bridges { names, there },
    "switch-row" => SwitchRow { table, name, has },
    "package" => Package { name, version },
    "reinstalled" => Reinstalled { name, version, list, since },
    "held" => Held { name },
    "removed" => Removed { names },
    "written" => Written { path, since },
}

/// What a person asked for, as it is handed to whoever carries it out.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub run: String,
    /// The run to take back, where that is what is asked for; empty for the last one that changed something.
    pub undo: Option<String>,
    /// `disk.space:/var`, `journal.vacuum`; empty for everything that blocks.
    pub wanted: Vec<String>,
    pub accepted: Vec<String>,
    pub confirm_within_s: Option<u64>,
    pub lock_timeout_s: u64,
    pub timeout_s: u64,
    pub profiles: Vec<String>,
    pub config: Option<String>,
    pub state: String,
    /// What the host is wanted fit for, as `--for` says it; after a boot with a baseline none.
    pub intent: Option<String>,
    /// From which verdict on the run is to fail.
    pub fail_on: FailOn,
    /// From where it was asked: `SSH_CONNECTION`, or none at a console.
    pub session: Option<String>,
    /// The service that asked, where one did.
    pub service: Option<String>,
}

row!(
    Request,
    Required {
        run,
        undo: Optional,
        wanted,
        accepted,
        confirm_within_s: Optional,
        lock_timeout_s,
        timeout_s,
        profiles,
        config,
        state,
        intent: Optional,
        fail_on: Optional,
        session: Optional,
        service: Optional
    }
);

/// One line of a journal. What is about to be done is on the disk before it is done.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// RFC 3339, UTC
    pub at: String,
    pub what: Entry,
}

row!(Line, Required { at, what });

#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The run exists: nothing was done yet.
    Begun {
        boot_id: Option<String>,
        request: Box<Request>,
    },
    /// A guardian watches: unless confirmed by then, all is taken back.
    Guarded {
        deadline_boot_ms: u64,
        boot_id: Option<String>,
        deadline: String,
        survives_reboot: bool,
    },
    /// What follows is done to the host, in this order. A run may plan again after it has looked again.
    Planned {
        actions: Vec<Planned>,
    },
    /// A step is about to be made. Actions are counted over all plans of the run.
    Intent {
        action: usize,
        step: usize,
    },
    /// It was made; `already` where there was nothing to do.
    Done {
        action: usize,
        step: usize,
        already: bool,
    },
    Failed {
        action: usize,
        step: usize,
        error: String,
        /// Nothing of it was done, so there is nothing to take back.
        untouched: bool,
    },
    /// What was free where it makes room, when it was begun and when it was made.
    Freed {
        action: usize,
        free_before: u64,
        free_after: u64,
    },
    /// How an action ended, as the host shows it.
    Judged {
        action: usize,
        state: ActionState,
        error: Option<String>,
    },
    /// Everything is being taken back, from here on: because of what.
    Reverting {
        because: String,
    },
    /// A step is about to be taken back.
    UndoIntent {
        action: usize,
        step: usize,
    },
    Undone {
        action: usize,
        step: usize,
    },
    UndoFailed {
        action: usize,
        step: usize,
        error: String,
    },
    /// All is done and judged; with a guardian the change is not yet kept.
    Pending,
    /// A person keeps it, from where.
    Confirmed {
        session: Option<String>,
    },
    /// Nothing more happens in this run.
    Ended {
        exit_code: u8,
        message: String,
    },
}

choice! {
    Entry: Self::Pending;
    "begun" => Begun { boot_id, request },
    "guarded" => Guarded { deadline_boot_ms, boot_id, deadline, survives_reboot },
    "planned" => Planned { actions },
    "intent" => Intent { action, step },
    "done" => Done { action, step, already },
    "failed" => Failed { action, step, error, untouched: Optional },
    "freed" => Freed { action, free_before, free_after },
    "judged" => Judged { action, state, error },
    "reverting" => Reverting { because },
    "undo-intent" => UndoIntent { action, step },
    "undone" => Undone { action, step },
    "undo-failed" => UndoFailed { action, step, error },
    "pending" => Pending,
    "confirmed" => Confirmed { session },
    "ended" => Ended { exit_code, message },
}
