//! `hostready confirm`: keeps a change that would be taken back, where whoever says so has come over a connection that
//! the change has not cut.

use std::time::{Duration, Instant};

use clap::Args;

use super::fix::is_a_name;
use super::follow::homes;
use super::options::{Format, FormatOptions, StateOptions};
use super::work::{Past, past};
use super::{Ended, Looking, kept, usage, write};
use crate::exit::Exit;
use crate::fix::book::Book;
use crate::fix::protected::gateways;
use crate::fix::standing::{Guard, Standing};
use crate::host::{boot, invoker, lock};
use crate::model::answer::Contact;
use crate::model::run::Entry;
use crate::model::{Answer, Query, Reading};
use crate::report::time;

/// So long does a guardian take to go.
const TO_GO: Duration = Duration::from_secs(5);

#[derive(Clone, Debug, Args)]
pub struct Confirm {
    /// The run to keep [default: the one that waits]
    run: Option<String>,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    format: FormatOptions,
}

impl Confirm {
    pub fn is_json(&self) -> bool {
        self.format.format() == Format::Json
    }

    pub fn run(&self, looking: Looking) -> anyhow::Result<u8> {
        if !nix::unistd::geteuid().is_root() {
            return Err(usage("only root may keep a change", "run it with sudo"));
        }
        if let Some(run) = self.run.as_ref().filter(|run| !is_a_name(run)) {
            return Err(usage(format!("`{run}` names no run"), "`hostready undo --list` shows those that there are"));
        }
        let target = self.target()?;
        let session = invoker::session();
        let request = target.standing.request.as_ref();
        let of_run = request.and_then(|request| request.session.as_deref());
        match session.as_deref() {
            Some(own) => is_another_way(own, of_run)?,
            None => gateway_answers(looking, &target.standing.touched())?,
        }
        let mut book = target.open()?;
        book.hold()?;
        let is_kept = keep(&mut book, session);
        book.release()?;
        is_kept?;
        kept::amend(&target.runs, &target.run);
        wait_for_guardian(&target.run);
        self.say(&target)
    }

    fn target(&self) -> anyhow::Result<Past> {
        let (past, notices) = past(&homes(&self.state.directory()));
        notices.iter().for_each(|notice| write::say(notice));
        let is_meant = |past: &Past| match &self.run {
            Some(run) => past.run == *run,
            None => past.standing.guard.is_some(),
        };
        match past.into_iter().rev().find(is_meant) {
            Some(past) => Ok(past),
            None => Err(unmended("nothing waits to be confirmed".to_owned())),
        }
    }

    fn say(&self, target: &Past) -> anyhow::Result<u8> {
        let run = &target.run;
        let msg = match target.standing.turns() {
            Some(other) => format!("run {run} is kept: run {other} stays taken back"),
            None => format!("run {run} is kept: nothing takes it back any more but `hostready undo`"),
        };
        match self.format.format() {
            Format::Text => write::print(&format!("{msg}\n"))?,
            Format::Json => {
                let told =
                    serde_json::json!({"run": run, "confirmed": true, "changed": true, "failed": false, "msg": msg});
                write::print(&format!("{told:#}\n"))?;
            }
        }
        Ok(Exit::Ready.code())
    }
}

fn unmended(message: String) -> anyhow::Error {
    Ended { exit: Exit::Unmended, message }.into()
}

/// In the hold of the journal: either this line is written first, or that of the guardian.
fn keep(book: &mut Book, session: Option<String>) -> anyhow::Result<()> {
    may_be_kept(&book.standing, boot::id().as_deref(), boot::now_ms()?)?;
    book.write(Entry::Confirmed { session })?;
    let actions = book.standing.actions.iter().filter(|acted| acted.stands()).count();
    let words = format!("confirmed: {actions} {} kept", if actions == 1 { "fix is" } else { "fixes are" });
    Ok(book.write(Entry::Ended { exit_code: Exit::Ready.code(), message: words })?)
}

fn may_be_kept(standing: &Standing, boot_id: Option<&str>, now_ms: u64) -> anyhow::Result<()> {
    let Some(guard) = &standing.guard else { return Err(unmended("nothing waits to be confirmed".to_owned())) };
    if standing.confirmed {
        return Err(unmended("nothing waits to be confirmed: the last run was confirmed already".to_owned()));
    }
    if let Some((_, message)) = &standing.ended {
        return Err(unmended(format!("nothing waits to be confirmed: {message}")));
    }
    if standing.reverting.is_some() || is_late(guard, boot_id, now_ms) {
        return Err(unmended(format!(
            "too late: it was to be confirmed until {}, and is taken back",
            time(&guard.deadline)
        )));
    }
    if !standing.pending {
        let message = "the run is not at its end yet\nhint: `hostready fix --attach` follows it".to_owned();
        return Err(Ended { exit: Exit::Busy, message }.into());
    }
    Ok(())
}

fn is_late(guard: &Guard, boot_id: Option<&str>, now_ms: u64) -> bool {
    guard.boot_id.as_deref() != boot_id || now_ms >= guard.deadline_boot_ms
}

/// Whoever confirms has come by a way that stands after the change.
fn is_another_way(own: &str, of_run: Option<&str>) -> anyhow::Result<()> {
    let is_same = of_run.is_some_and(|of_run| own == of_run || same_ends(own, of_run));
    if is_same {
        return Err(unmended(
            "this is the connection over which the change was made: that it still stands proves nothing\nhint: confirm \
             over a new one; `ssh -S none` makes one where connections are shared (ControlMaster)"
                .to_owned(),
        ));
    }
    if !invoker::stands(own) {
        return Err(unmended(format!(
            "the connection that this session came over ({own}) does not stand any more: a terminal has outlived it\n\
             hint: confirm over a new connection, outside of tmux or screen"
        )));
    }
    Ok(())
}

fn same_ends(one: &str, other: &str) -> bool {
    invoker::ends(one).is_some_and(|ends| Some(ends) == invoker::ends(other))
}

/// At a console nothing tells whether the host can be reached but its gateway.
fn gateway_answers(looking: Looking, touched: &[String]) -> anyhow::Result<()> {
    let host = looking();
    let routes = match host.ask(&Query::Routes) {
        Reading::Known(Answer::Routes(routes)) => routes,
        _ => return Err(unmended("the routes of this host cannot be read, so nobody knows whom to ask".to_owned())),
    };
    let gateways = gateways(&routes, touched);
    if gateways.is_empty() {
        write::say("note: there is no default gateway that could be asked whether it answers");
        return Ok(());
    }
    let answers = |gateway: &String| {
        matches!(host.ask(&Query::Ping(gateway.clone())), Reading::Known(Answer::Contact(Contact::Reached { .. })))
    };
    if gateways.iter().any(answers) {
        return Ok(());
    }
    Err(unmended(format!(
        "the default gateway {} does not answer: it is taken back at its deadline\nhint: where it never answers, confirm \
         over ssh",
        gateways.join(", ")
    )))
}

/// The next run finds nobody in its way. One that hangs does not keep us: the change is kept.
fn wait_for_guardian(run: &str) {
    let end = Instant::now() + TO_GO;
    while lock::holder().as_deref() == Some(run) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::run::Line;

    fn standing(more: &[Entry]) -> Standing {
        let guarded = Entry::Guarded {
            deadline_boot_ms: 1000,
            boot_id: Some("one".to_owned()),
            deadline: "then".to_owned(),
            survives_reboot: true,
        };
        let lines: Vec<Line> =
            [guarded].iter().chain(more).map(|what| Line { at: String::new(), what: what.clone() }).collect();
        Standing::of(&lines)
    }

    fn said(standing: &Standing, boot: &str, now_ms: u64) -> String {
        may_be_kept(standing, Some(boot), now_ms).map_or_else(|error| error.to_string(), |()| "kept".to_owned())
    }

    #[test]
    fn kept_is_what_waits_in_its_boot_and_before_its_deadline() {
        let waits = standing(&[Entry::Pending]);
        assert_eq!(said(&waits, "one", 999), "kept");
        assert!(said(&waits, "one", 1000).starts_with("too late"));
        assert!(said(&waits, "two", 1).starts_with("too late"));
        assert!(said(&standing(&[]), "one", 1).starts_with("the run is not at its end"));
        let reverting = Entry::Reverting { because: "late".to_owned() };
        assert!(said(&standing(&[Entry::Pending, reverting.clone()]), "one", 1).starts_with("too late"));
        let ended = Entry::Ended { exit_code: 6, message: "it is taken back".to_owned() };
        assert!(said(&standing(&[Entry::Pending, reverting, ended]), "one", 1).ends_with("it is taken back"));
        let confirmed = Entry::Confirmed { session: None };
        assert!(said(&standing(&[Entry::Pending, confirmed]), "one", 1).contains("confirmed already"));
        assert!(said(&Standing::default(), "one", 1).starts_with("nothing waits"));
    }

    #[test]
    fn a_connection_is_its_addresses_and_ports_however_they_are_written() {
        let one = "192.0.2.1 51000 192.0.2.10 22";
        assert!(same_ends(one, "::ffff:192.0.2.1 51000 ::ffff:192.0.2.10 22"));
        assert!(!same_ends(one, "192.0.2.1 51001 192.0.2.10 22"));
        assert!(!same_ends("rubbish", "rubbish"));
    }
}
