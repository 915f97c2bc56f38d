//! A run that takes another one back: it comes to its end or leaves the other one as it was, wherever it is killed.

use super::host::{GOAL, HALF, Host, START, Trouble};
use super::{DEEDS, LINES, fix, states};
use crate::fix::book::Book;
use crate::fix::rounds::World;
use crate::fix::standing::{Left, Standing, StepState};
use crate::fix::{turn, undo};
use crate::model::plan::{Deed, Planned, Step};
use crate::model::report::ActionState;
use crate::model::run::Entry;

/// A host on which a run was made, and that run.
fn fixed() -> (Host, Standing) {
    let host = Host::new();
    let mut book = fix(&host).unwrap().book.unwrap();
    book.write(Entry::Ended { exit_code: 0, message: String::new() }).unwrap();
    host.recovers();
    (host, book.standing)
}

/// The journal of another run, with a guardian.
fn begun(host: &Host) -> Book {
    let mut book = host.clone().begin(&[]).unwrap();
    let guard = Entry::Guarded { deadline_boot_ms: 1, boot_id: None, deadline: String::new(), survives_reboot: true };
    book.write(guard).unwrap();
    book
}

fn make(host: &Host, book: &mut Book, planned: Vec<Planned>) -> std::io::Result<()> {
    turn::make(book, planned, &|| host.change(), &|| host.stop())
}

#[test]
fn run_that_was_turned_around_takes_it_back_and_is_taken_back() {
    let (host, mut target) = fixed();
    let mut book = begun(&host);
    make(&host, &mut book, turn::turned("one", &target)).unwrap();
    assert_eq!(host.mtus(), [START; 3]);
    let order: Vec<&str> = book.standing.actions.iter().map(|acted| acted.planned.subject.as_str()).collect();
    assert_eq!(order, ["effect", "other", "cause"]);
    assert_eq!(book.standing.left(), Left::All, "nobody has kept it");

    let before = target.clone();
    target.is_turned_by("two", &book.standing);
    assert!(!target.has_changed() && target.has_acted() && target.to_undo().next().is_none());

    undo::take_back_left(&mut book, &host).unwrap();
    assert_eq!(host.mtus(), [GOAL; 3]);
    let mut target = before;
    target.is_turned_by("two", &book.standing);
    assert!(target.has_changed() && target.to_undo().count() == 6, "what was taken back is there again");
}

#[test]
fn what_follows_a_step_and_has_no_undo_is_done_again_with_it() {
    let (_, mut target) = fixed();
    let tell = Deed::Announce { device: "br-ex".to_owned(), address: "192.0.2.1".to_owned() };
    let acted = &mut target.actions[0];
    acted.planned.steps.push(Step { does: tell.clone(), undoes: Vec::new() });
    acted.steps.push(StepState::Done);
    let turned = turn::turned("one", &target);
    let [_, .., last] = &turned[..] else { panic!("{turned:?}") };
    let does: Vec<&Deed> = target.actions[0].planned.steps.iter().map(|step| &step.does).collect();
    assert_eq!(last.steps[0].undoes.iter().collect::<Vec<_>>(), [does[1], &tell]);
    assert_eq!(last.steps[1].undoes.iter().collect::<Vec<_>>(), [does[0]]);
}

#[test]
fn killed_anywhere_the_other_run_stands_again() {
    let lines = (0..LINES).flat_map(|line| [Trouble::KilledBeforeLine(line), Trouble::KilledAfterLine(line)]);
    let deeds = (0..DEEDS).flat_map(|deed| [Trouble::KilledBefore(deed), Trouble::KilledAfter(deed)]);
    let mut kills = 0;
    for trouble in lines.chain(deeds) {
        let (host, target) = fixed();
        let mut book = begun(&host);
        host.recovers();
        host.state().trouble = Some(trouble);
        let _ = make(&host, &mut book, turn::turned("one", &target));
        kills += usize::from(host.state().is_dead);
        host.recovers();
        assert!(undo::take_back_left(&mut host.book(), &host).unwrap().is_empty(), "{trouble:?}");
        assert_eq!(host.mtus(), [GOAL; 3], "{trouble:?}");
    }
    assert!(kills > 30, "only {kills} were killed");
}

#[test]
fn what_cannot_be_taken_back_stays_whole_and_the_rest_goes() {
    for deed in 0..DEEDS {
        let (host, target) = fixed();
        let mut book = begun(&host);
        host.state().trouble = Some(Trouble::Fails(deed));
        make(&host, &mut book, turn::turned("one", &target)).unwrap();
        let failed = states(&book).iter().filter(|state| **state == Some(ActionState::Failed)).count();
        let stays = host.mtus().iter().filter(|mtu| **mtu == GOAL).count();
        assert_eq!((failed, stays), (1, 1), "{deed}: {:?}", host.mtus());
        assert!(!host.mtus().contains(&HALF), "{deed}: {:?}", host.mtus());
        let mut target = target;
        target.is_turned_by("two", &book.standing);
        assert_eq!(target.to_undo().count(), 2, "{deed}: what stays can be taken back later");
    }
}
