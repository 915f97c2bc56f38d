//! The engine, on a host in memory: each step fails in turn, and whoever works on it is killed at each line and deed.

mod host;
mod turn;

use std::io;

use super::book::Book;
use super::rounds::{Outcome, rounds};
use super::standing::{Acted, Left, Standing};
use super::undo;
use crate::model::finding::FindingRef;
use crate::model::plan::{Deed, Planned, Step};
use crate::model::report::ActionState;
use crate::model::run::Entry;
use host::{GOAL, HALF, Host, START, Trouble};

/// A plan without steps, for a finding of the same subject.
pub fn planned(fix: &str, subject: &str) -> Planned {
    Planned {
        fix: fix.to_owned(),
        subject: subject.to_owned(),
        mends: FindingRef { id: "test".to_owned(), subject: subject.to_owned() },
        why: String::new(),
        steps: Vec::new(),
        undo: "the same backwards".to_owned(),
        risk: None,
        needs: Vec::new(),
        touches: Vec::new(),
        frees_bytes: None,
        before: serde_json::Map::new(),
        after: serde_json::Map::new(),
        refused: None,
    }
}

/// Who would be killed, where nobody is.
const LINES: usize = 40;
const DEEDS: usize = 6;

/// What became of each action, in the order of the plans.
fn states(book: &Book) -> Vec<Option<ActionState>> {
    book.standing.actions.iter().map(|acted| acted.judged.as_ref().map(|(state, _)| *state)).collect()
}

fn error_of(book: &Book, action: usize) -> String {
    book.standing.actions[action].judged.clone().and_then(|(_, error)| error).unwrap_or_default()
}

fn fix(host: &Host) -> anyhow::Result<Outcome> {
    rounds(&mut host.clone())
}

/// The next run of `fix --apply`: what was cut off first, then the rounds.
fn fix_after(host: &Host) -> anyhow::Result<Outcome> {
    let mut book = host.book();
    let errors = undo::take_back_left(&mut book, host)?;
    assert!(errors.is_empty(), "{errors:?}");
    fix(host)
}

fn undo_all(host: &Host) -> io::Result<Vec<String>> {
    let mut book = host.book();
    let errors = undo::take_back(&mut book, "a test", host)?;
    book.write(Entry::Ended { exit_code: 0, message: String::new() })?;
    Ok(errors)
}

#[test]
fn what_a_cause_explains_is_mended_in_the_next_round_and_undone_first() {
    let host = Host::new();
    let book = fix(&host).unwrap().book.unwrap();
    assert_eq!(host.mtus(), [GOAL; 3]);
    assert_eq!(states(&book), [Some(ActionState::Applied); 3]);
    let names: Vec<&str> = book.standing.actions.iter().map(|acted| acted.planned.subject.as_str()).collect();
    assert_eq!(names, ["cause", "other", "effect"]);
    assert_eq!(book.standing.to_undo().next().map(|(action, step, _)| (action, step)), Some((2, 1)));

    assert!(undo_all(&host).unwrap().is_empty());
    assert_eq!(host.mtus(), [START; 3]);
    let done = host.state().deeds;
    assert!(undo_all(&host).unwrap().is_empty());
    assert_eq!(host.state().deeds, done, "an undo that is asked for again does something");
    assert!(host.book().standing.actions.iter().all(Acted::is_taken_back));
}

#[test]
fn healthy_host_has_no_journal() {
    let host = Host::new();
    fix(&host).unwrap();
    let again = fix(&host).unwrap();
    assert!(again.book.is_none() && again.refused.is_empty());
}

#[test]
fn step_that_fails_takes_its_action_back_and_ends_the_run() {
    for deed in 0..DEEDS {
        for trouble in [Trouble::Fails(deed), Trouble::FailsHalf(deed), Trouble::DoesNothing(deed)] {
            let host = Host::with(trouble);
            let book = fix(&host).unwrap().book.unwrap();
            let failed = states(&book).iter().position(|state| *state == Some(ActionState::Failed));
            let failed = failed.unwrap_or_else(|| panic!("{trouble:?}: {:?}", states(&book)));
            assert_eq!(failed, deed / 2, "{trouble:?}");
            let subject = &book.standing.actions[failed].planned.subject;
            assert_eq!(host.state().mtus[subject], START, "{trouble:?}: {subject}");
            assert!(!host.mtus().contains(&HALF), "{trouble:?}: half done: {:?}", host.mtus());
            assert!(!book.standing.actions[failed].stands(), "{trouble:?}");
            // What was mended before stays, and can be undone; what comes after is not begun.
            let goals = host.mtus().iter().filter(|mtu| **mtu == GOAL).count();
            assert_eq!(goals, failed, "{trouble:?}: {:?}", host.mtus());
            let left_out = &states(&book)[failed + 1..];
            assert!(left_out.iter().all(|state| *state == Some(ActionState::Refused)), "{trouble:?}: {left_out:?}");
            host.recovers();
            assert!(undo_all(&host).unwrap().is_empty());
            assert_eq!(host.mtus(), [START; 3], "{trouble:?}");
        }
    }
}

#[test]
fn what_ends_well_and_changes_nothing_has_failed() {
    let host = Host::with(Trouble::DoesNothing(1));
    let book = fix(&host).unwrap().book.unwrap();
    assert!(error_of(&book, 0).contains("ended well and changed nothing"), "{}", error_of(&book, 0));
}

#[test]
fn killed_anywhere_it_can_be_taken_back_and_finished() {
    let mut kills = 0;
    let lines = (0..LINES).flat_map(|line| [Trouble::KilledBeforeLine(line), Trouble::KilledAfterLine(line)]);
    let deeds = (0..DEEDS).flat_map(|deed| [Trouble::KilledBefore(deed), Trouble::KilledAfter(deed)]);
    for trouble in lines.chain(deeds) {
        for recovery in ["undo", "fix", "undo, then fix"] {
            let host = Host::with(trouble);
            let _ = fix(&host);
            kills += usize::from(host.state().is_dead);
            host.recovers();
            if recovery != "fix" {
                assert!(undo_all(&host).unwrap().is_empty());
                assert_eq!(host.mtus(), [START; 3], "{trouble:?}, {recovery}");
            }
            if recovery != "undo" {
                fix_after(&host).unwrap();
                assert_eq!(host.mtus(), [GOAL; 3], "{trouble:?}, {recovery}");
                // Planned anew from what was half done, it would be put back to that.
                undo_all(&host).unwrap();
                assert!(!host.mtus().contains(&HALF), "{trouble:?}, {recovery}: {:?}", host.mtus());
            }
        }
    }
    assert!(kills > 100, "only {kills} were killed");
}

#[test]
fn undo_that_is_killed_is_finished_by_the_next_one_and_by_a_fix() {
    let lines = (0..LINES).flat_map(|line| [Trouble::KilledBeforeLine(line), Trouble::KilledAfterLine(line)]);
    let deeds = (0..DEEDS).flat_map(|deed| [Trouble::KilledBefore(deed), Trouble::KilledAfter(deed)]);
    for trouble in lines.chain(deeds) {
        let host = Host::new();
        fix(&host).unwrap();
        host.recovers();
        host.state().trouble = Some(trouble);
        let was_begun = undo_all(&host).is_ok() || host.book().standing.reverting.is_some();
        host.recovers();
        let mut book = host.book();
        undo::take_back_left(&mut book, &host).unwrap();
        // Begun, it is what somebody wanted; not begun, nobody has said so.
        let expected = if was_begun { [START; 3] } else { [GOAL; 3] };
        assert_eq!(host.mtus(), expected, "{trouble:?}");
        undo_all(&host).unwrap();
        assert_eq!(host.mtus(), [START; 3], "{trouble:?}");
    }
}

#[test]
fn undo_goes_on_past_what_cannot_be_taken_back_and_tells_all_of_it() {
    let host = Host::new();
    fix(&host).unwrap();
    host.state().trouble = Some(Trouble::NoUndo("other"));
    let errors = undo_all(&host).unwrap();
    assert_eq!(errors, ["other stays", "other stays"]);
    assert_eq!(host.mtus(), [START, START, GOAL]);
    let book = host.book();
    assert_eq!(book.standing.actions[1].undo_error().as_deref(), Some("other stays; other stays"));
    host.recovers();
    assert!(undo_all(&host).unwrap().is_empty());
    assert_eq!(host.mtus(), [START; 3]);
    assert_eq!(host.book().standing.actions[1].undo_error(), None);
}

#[test]
fn asked_to_stop_it_leaves_nothing_half_done() {
    for count in 0..DEEDS {
        let host = Host::new();
        host.state().stop_after = Some(count);
        let outcome = fix(&host).unwrap();
        assert!(!host.mtus().contains(&HALF), "{count}: {:?}", host.mtus());
        let book = outcome.book.unwrap();
        assert!(states(&book).iter().all(Option::is_some), "{count}: {:?}", states(&book));
    }
}

#[test]
fn what_was_so_before_is_not_taken_back() {
    let host = Host::new();
    host.state().mtus.insert("cause".to_owned(), HALF);
    fix(&host).unwrap();
    assert_eq!(host.mtus(), [GOAL; 3]);
    undo_all(&host).unwrap();
    assert_eq!(host.mtus(), [HALF, START, START]);
}

#[test]
fn after_another_boot_what_the_boot_has_made_is_left_alone() {
    let host = Host::new();
    fix(&host).unwrap();
    host.state().lines.iter_mut().for_each(|line| {
        if let Entry::Begun { boot_id, .. } = &mut line.what {
            *boot_id = Some("an earlier one".to_owned());
        }
    });
    assert!(undo_all(&host).unwrap().is_empty());
    assert_eq!(host.mtus(), [GOAL; 3]);
    assert!(host.book().standing.actions.iter().all(Acted::is_taken_back));

    // A name that a file keeps is the same in each boot: the file goes, and the name with it.
    host.state().mtus = host::LINKS.map(|name| (name.to_owned(), START)).into();
    fix(&host).unwrap();
    let file = Deed::File { path: "/etc/systemd/network/10.link".to_owned(), content: None };
    for line in &mut host.state().lines {
        match &mut line.what {
            Entry::Begun { boot_id, .. } => *boot_id = Some("an earlier one".to_owned()),
            Entry::Planned { actions } => {
                let steps = actions.iter_mut().flat_map(|action| &mut action.steps);
                steps.for_each(|step| step.does = file.clone());
            }
            _ => {}
        }
    }
    assert!(undo_all(&host).unwrap().is_empty());
    assert_eq!(host.mtus(), [START; 3]);
}

#[test]
fn run_that_ended_leaves_nothing_and_one_that_nobody_kept_leaves_all() {
    let host = Host::new();
    let mut book = fix(&host).unwrap().book.unwrap();
    assert_eq!(book.standing.left(), Left::Actions(Vec::new()));
    let guarded = Entry::Guarded { deadline_boot_ms: 1, boot_id: None, deadline: String::new(), survives_reboot: true };
    book.write(guarded).unwrap();
    assert_eq!(book.standing.left(), Left::All);
    book.write(Entry::Confirmed { session: None }).unwrap();
    assert_eq!(book.standing.left(), Left::Actions(Vec::new()));
    book.write(Entry::Ended { exit_code: 0, message: String::new() }).unwrap();
    assert_eq!(book.standing.left(), Left::Nothing);
    book.write(Entry::Reverting { because: String::new() }).unwrap();
    assert_eq!(book.standing.left(), Left::All, "an undo of it was cut off");
}

#[test]
fn no_step_is_made_once_a_guardian_takes_the_run_back() {
    let host = Host::with(Trouble::GuardianAfter(0));
    let outcome = fix(&host).unwrap();
    let book = outcome.book.unwrap();
    assert!(host.mtus().iter().all(|mtu| *mtu == START), "{:?}", host.mtus());
    // One deed, and its inverse.
    assert_eq!(host.state().deeds, 2);
    assert!(error_of(&book, 0).contains("nobody confirmed it"), "{}", error_of(&book, 0));
    assert!(states(&book).iter().all(|state| *state != Some(ActionState::Applied)));
}

/// A package was installed, and whoever did it was killed before it was held again.
#[test]
fn what_has_no_undo_is_not_said_to_be_taken_back() {
    let step = Step { does: Deed::Unpack { from: String::new() }, undoes: vec![Deed::Unpack { from: String::new() }] };
    for (undo, said) in [("none: it stays", ActionState::Applied), ("the same backwards", ActionState::Reverted)] {
        let planned = Planned { undo: undo.to_owned(), steps: vec![step.clone(); 2], ..planned("fix", "it") };
        let mut standing = Standing::default();
        standing.take(&Entry::Planned { actions: vec![planned] });
        standing.take(&Entry::Done { action: 0, step: 0, already: false });
        standing.take(&Entry::Undone { action: 0, step: 0 });
        assert_eq!(super::told::taken_back(&standing.actions[0], None).state, said, "{undo}");
    }
}
