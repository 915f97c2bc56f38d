//! The command line. Here, and nowhere else, rights are handed out: to look at this machine, and to write the
//! file that a person named.

use std::io::Write;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::commands::{
    boot::Boot,
    bundle::Bundle,
    check::Check,
    confirm::Confirm,
    explain::Explain,
    fix::Fix,
    follow::{GUARD, WORK},
    guard::Guard,
    manual::{Completions, Man},
    schema::Schema,
    snapshot::SnapshotVerb,
    undo::Undo,
    verify::Verify,
    work::Work,
};
use crate::exit::ExitStyle;
use crate::host::Observe;
use crate::host::change::Change;
use crate::host::live::{Live, detour};
use crate::host::store::Store;

/// What stands below every verb's help.
const HELP: &str = "\
Exit codes: 0 ready · 1 internal error · 2 usage or configuration · 3 blocked
            4 warnings, with --fail-on warn · 5 incomplete: something that
            blocks could not be looked at
Each flag has a variable: HOSTREADY_ONLY stands for --only, and so on.
`hostready explain` lists what is checked, `hostready explain ID` says why.";

/// What stands below the help of `snapshot`.
const OF_SNAPSHOT: &str = "\
The baseline is what the host must come back as, and stays open until it has:
once the host was rebooted, got another release, or other packages of an agent,
Open vSwitch, OVN or a kernel, a new snapshot takes its place only where nothing
blocks that did not block before. Otherwise the old one stays, nothing is
written, the exit code is 0 and `changed` is false, so that `verify` still tells
what is wrong. What a waiver accepts keeps nothing open.

A snapshot of which something could not be read takes no complete baseline's
place: it is kept beside it. --replace overrides both rules. With --name it only
replaces the snapshot of that name, and both rules hold.

--arm lets the boot guard act without anybody, for that time and over at most
three boots: once Open vSwitch is up it gives NICs of the baseline their names
back and puts them back into their bridges and bonds, where their hardware
address says which they are, and no path is touched that is alive. A step that
costs the answer of a gateway is taken back. What it found and did is on the
console, in the journal and in /var/lib/hostready/boot.json. It disarms itself
once the network is whole. --arm fails where hostready-boot.service is not
enabled or hostready lies where a boot removes it. A clock that was set back
prolongs nothing: the guard then does nothing.

A snapshot holds no secret that hostready knows the shape of. Beside it lies
console.txt: commands that rebuild this host's network at a console.

Exit codes: 0 kept, or the host has not come back whole and the baseline stays
            1 could not be kept: the baseline is what it was; or --output failed
            2 usage, configuration, or a baseline that cannot be read or is of
              another machine
            5 not all of the host could be read, and `verify` will not find that
              part whole; or nobody can tell whether it has come back whole";

/// What stands below the help of `fix`.
const OF_FIX: &str = "\
Without --apply nothing is changed: it shows what would be done, why, how it is
taken back, what it could break and what must be said to allow it. What another
fault explains is repaired once that is mended and the host was read again.

With --apply it is written down first and done then, in a session of its own: it
goes on when the connection ends. A fix is applied when the host, read again,
shows it. What fails is taken back at once. A run that was killed is finished by
the same command, and taken back by `hostready undo`.

What a session or the management address hangs on is only touched with
--confirm-within: it is taken back after that time, or at the next boot, unless
`hostready confirm` keeps it over a new connection.

Exit codes: 6 a chosen fix failed or was refused · 7 another run goes on, or the
            package manager is busy · else as `hostready check`";

/// What stands below the help of `confirm`.
const OF_CONFIRM: &str = "\
Only over a connection other than the one the change was made over: whoever can
make a new one has not been cut off. One that shares its TCP connection
(ControlMaster) is the same one: `ssh -S none` makes a new one. At a console it
is enough that the default gateway answers. What is confirmed is never taken
back by itself.

Exit codes: 0 kept · 6 nothing waits to be confirmed, it was taken back already,
            or this is no new connection · 7 the run is not at its end yet";

/// What stands below the help of `undo`.
const OF_UNDO: &str = "\
Only what still stands is taken back, the last first, and to the end even where
some of it cannot be. Asked again it does nothing.

What a session or the management address hangs on is only taken back with
--confirm-within, as a run of its own: unless `hostready confirm` keeps that
over a new connection, what was taken back is made again.

Exit codes: 0 taken back, or nothing to take back · 1 internal error · 2 usage
            6 some of it could not be taken back, or was refused
            7 another run goes on";

/// Checks a virtualization host before and after an upgrade.
#[derive(Debug, Parser)]
#[command(
    name = "hostready",
    version,
    arg_required_else_help = true,
    max_term_width = 80,
    after_help = HELP
)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// May this host be upgraded now? Changes nothing
    #[command(after_help = HELP)]
    Check(Check),
    /// Remembers how this host is put together, as the baseline for `verify`
    #[command(after_help = OF_SNAPSHOT)]
    Snapshot(SnapshotVerb),
    /// Did this host come back whole? Compares it with the baseline, changes nothing
    #[command(after_help = HELP)]
    Verify(Verify),
    /// What would repair this host, and with --apply does it
    #[command(after_help = OF_FIX)]
    Fix(Fix),
    /// Keeps what `fix` or `undo` changed with --confirm-within
    #[command(after_help = OF_CONFIRM)]
    Confirm(Confirm),
    /// Takes back what a run of `fix` changed
    #[command(after_help = OF_UNDO)]
    Undo(Undo),
    /// What is checked, why, at which threshold, and what to do by hand
    Explain(Explain),
    /// Everything the host answers in one file without secrets, for `check --from`
    Bundle(Bundle),
    /// The JSON schema of the report, or of a snapshot
    Schema(Schema),
    /// The words that a shell completes
    Completions(Completions),
    /// The manual page of the program, or of a verb
    Man(Man),
    /// Answers one question about a filesystem that may hang
    #[command(name = detour::VERB, hide = true)]
    Ask { query: String },
    /// Carries out a run
    #[command(name = WORK, hide = true)]
    Work(Work),
    /// Watches over a run that is to be confirmed
    #[command(name = GUARD, hide = true)]
    Guard(Guard),
    /// Takes back what nobody confirmed before the host went down, and looks after a host that is armed
    #[command(hide = true)]
    Boot(Boot),
}

impl Cli {
    /// Whose exit codes a run that ended without a report uses.
    pub fn exit_style(&self) -> ExitStyle {
        match &self.verb {
            Verb::Check(check) => check.judging.reporting.exit_style(),
            Verb::Verify(verify) => verify.judging.reporting.exit_style(),
            Verb::Fix(fix) => fix.reporting.exit_style(),
            Verb::Undo(undo) => undo.reporting.exit_style(),
            _ => ExitStyle::default(),
        }
    }

    /// Whether whoever called wants to read JSON, an error included.
    pub fn wants_json(&self) -> bool {
        match &self.verb {
            Verb::Check(check) => check.judging.reporting.is_json(),
            Verb::Snapshot(snapshot) => snapshot.is_json(),
            Verb::Verify(verify) => verify.judging.reporting.is_json(),
            Verb::Fix(fix) => fix.reporting.is_json(),
            Verb::Confirm(confirm) => confirm.is_json(),
            Verb::Undo(undo) => undo.reporting.is_json(),
            _ => false,
        }
    }

    /// Runs the verb; the exit code is its answer.
    pub fn run(&self) -> anyhow::Result<u8> {
        match &self.verb {
            Verb::Check(check) => check.run(looking, &Store::hand_out()),
            Verb::Snapshot(snapshot) => snapshot.run(looking, &Store::hand_out()),
            Verb::Verify(verify) => verify.run(looking, &Store::hand_out()),
            Verb::Fix(fix) => fix.run(looking, &Store::hand_out()),
            Verb::Confirm(confirm) => confirm.run(looking),
            Verb::Undo(undo) => undo.run(&Store::hand_out()),
            Verb::Work(work) => work.run(looking, changing),
            Verb::Guard(guard) => guard.run(looking, changing),
            Verb::Boot(boot) => boot.run(looking, changing, &Store::hand_out()),
            Verb::Explain(explain) => explain.run(),
            Verb::Bundle(bundle) => bundle.run(looking(), &Store::hand_out()),
            Verb::Schema(schema) => schema.run(),
            Verb::Completions(completions) => completions.run(),
            Verb::Man(man) => man.run(),
            Verb::Ask { query } => answer(query),
        }
    }
}

/// The right to look at this machine.
fn looking() -> Arc<dyn Observe> {
    Arc::new(Live::default())
}

/// The right to change it.
fn changing() -> Box<dyn Change> {
    Box::new(Live::default())
}

fn answer(query: &str) -> anyhow::Result<u8> {
    write!(std::io::stdout().lock(), "{}", detour::answer(query).to_json()?)?;
    Ok(0)
}

#[cfg(test)]
mod pages;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn what_stands_below_the_options_is_not_broken_at_80_columns() {
        for line in HELP
            .lines()
            .chain(OF_SNAPSHOT.lines())
            .chain(OF_FIX.lines())
            .chain(OF_UNDO.lines())
            .chain(OF_CONFIRM.lines())
        {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    const CONSENTS: [&str; 7] = ["arm", "disarm", "replace", "apply", "all", "accept", "confirm-within"];

    #[test]
    fn each_flag_has_its_variable() {
        let command = Cli::command();
        command.clone().debug_assert();
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            for flag in verb.get_arguments().filter_map(|flag| flag.get_long().map(|long| (long, flag.get_env()))) {
                let variable = format!("HOSTREADY_{}", flag.0.to_uppercase().replace('-', "_"));
                // What consents is said on the command line alone.
                let expected = (!CONSENTS.contains(&flag.0)).then_some(variable);
                let found = flag.1.map(|name| name.to_string_lossy().into_owned());
                assert_eq!(found, expected, "{} --{}", verb.get_name(), flag.0);
            }
        }
    }
}
