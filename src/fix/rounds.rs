//! Look, plan, write down, act, and look again: until what was wanted is mended or nothing is left to try.

use std::io;

use super::apply::{Broken, Hands, is_mended};
use super::book::Book;
use super::undo;
use crate::host::change::Change;
use crate::model::Finding;
use crate::model::finding::FindingRef;
use crate::model::plan::Planned;
use crate::model::report::ActionState;
use crate::model::run::Entry;

/// A renamed NIC, then its port, its address, its routes: nothing that hangs together is deeper.
const ROUNDS: usize = 5;

/// What the rounds go on in.
pub trait World {
    /// Reads the host anew. With `mended`, for a while until none of these is found any more, where that may pass.
    fn look(&mut self, mended: &[FindingRef]) -> anyhow::Result<Seen>;
    /// Why this is not to be done.
    fn forbids(&mut self, planned: &Planned) -> Option<String>;
    /// A journal to write these down in, begun and watched over; or why there is none.
    fn begin(&mut self, planned: &[Planned]) -> Result<Book, String>;
    fn change(&self) -> Box<dyn Change>;
    /// This is about to be made.
    fn before(&mut self) {}
    /// Why what was just made is to be taken back at once, though it was made as planned.
    fn harm(&mut self) -> Option<String> {
        None
    }
    /// Why to stop before the next step.
    fn stop(&self) -> Option<String>;
}

/// The host at one moment.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub findings: Vec<Finding>,
    pub planned: Vec<Planned>,
}

/// What became of what was wanted.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The run, where anything was begun.
    pub book: Option<Book>,
    /// What was not begun, and why.
    pub refused: Vec<(Planned, String)>,
}

pub fn rounds(world: &mut dyn World) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut seen = world.look(&[])?;
    for _ in 0..ROUNDS {
        let chosen = choose(&seen.planned, world, &mut outcome);
        if chosen.is_empty() {
            break;
        }
        let Some(book) = begun(world, &mut outcome, &chosen) else { break };
        book.write(Entry::Planned { actions: chosen.clone() })?;
        let first = book.standing.actions.len() - chosen.len();
        let is_whole = make_all(world, book, first, &chosen)?;
        let mended: Vec<FindingRef> = chosen.iter().map(|planned| planned.mends.clone()).collect();
        seen = world.look(&mended)?;
        // Its guardian may have taken it back meanwhile.
        book.hold().and_then(|()| book.release())?;
        judge(book, &seen.findings)?;
        if !is_whole {
            break;
        }
    }
    if let Some(book) = &mut outcome.book {
        give_up(book, &seen.findings)?;
    }
    Ok(outcome)
}

/// What is to be done in this round: nothing is tried twice, and what must not be is put down once.
fn choose(planned: &[Planned], world: &mut dyn World, outcome: &mut Outcome) -> Vec<Planned> {
    let mut chosen = Vec::new();
    for planned in planned {
        let acted = outcome.book.iter().flat_map(|book| &book.standing.actions).map(|acted| &acted.planned);
        let is_same = |other: &Planned| other.fix == planned.fix && other.subject == planned.subject;
        let mut known = acted.chain(outcome.refused.iter().map(|(refused, _)| refused)).chain(&chosen);
        if known.any(is_same) {
            continue;
        }
        match world.forbids(planned) {
            Some(why) => outcome.refused.push((planned.clone(), why)),
            None => chosen.push(planned.clone()),
        }
    }
    chosen
}

/// The journal, begun with the first thing that is to be done; without one nothing is.
fn begun<'o>(world: &mut dyn World, outcome: &'o mut Outcome, chosen: &[Planned]) -> Option<&'o mut Book> {
    if outcome.book.is_none() {
        match world.begin(chosen) {
            Ok(book) => outcome.book = Some(book),
            Err(why) => outcome.refused.extend(chosen.iter().map(|planned| (planned.clone(), why.clone()))),
        }
    }
    outcome.book.as_mut()
}

/// False where one failed: it is taken back, and nothing after it is begun.
fn make_all(world: &mut dyn World, book: &mut Book, first: usize, chosen: &[Planned]) -> io::Result<bool> {
    for (action, planned) in (first..).zip(chosen) {
        world.before();
        // What was read for one deed is read anew for the next.
        let change = world.change();
        let made = Hands { change: &*change, book, stop: &|| world.stop() }.carry_out(action, planned);
        let why = match made {
            Ok(()) => match world.harm() {
                None => continue,
                Some(why) => why,
            },
            Err(Broken::Journal(error)) => return Err(error),
            Err(Broken::Step(not_done)) => not_done.to_string(),
            Err(Broken::Stopped(why)) => why,
        };
        if !book.standing.actions.get(action).is_some_and(|acted| acted.stands()) && world.stop().is_some() {
            leave_out(book, action, &why)?;
        } else {
            fail(book, action, why, &*world.change())?;
        }
        for left_out in action + 1..first + chosen.len() {
            leave_out(book, left_out, &format!("not begun, because {} failed before it", planned.name()))?;
        }
        return Ok(false);
    }
    Ok(true)
}

pub fn leave_out(book: &mut Book, action: usize, why: &str) -> io::Result<()> {
    book.write(Entry::Judged { action, state: ActionState::Refused, error: Some(why.to_owned()) })
}

/// What was made of it is taken back at once.
pub fn fail(book: &mut Book, action: usize, why: String, change: &dyn Change) -> io::Result<()> {
    let errors = undo::take_back_action(book, action, change)?;
    let stands = book.standing.actions.get(action).is_some_and(|acted| acted.stands());
    let error = match (errors.is_empty(), stands) {
        (true, false) => why,
        (true, true) => format!("{why}; what was made of it stays: nothing takes it back"),
        (false, _) => format!("{why}; and it could not be taken back: {}", errors.join("; ")),
    };
    book.write(Entry::Judged { action, state: ActionState::Failed, error: Some(error) })
}

/// What the host shows to be mended is.
fn judge(book: &mut Book, findings: &[Finding]) -> io::Result<()> {
    for action in open(book) {
        let Some(acted) = book.standing.actions.get(action) else { continue };
        if acted.is_made() && is_mended(&acted.planned, findings) {
            book.write(Entry::Judged { action, state: ActionState::Applied, error: None })?;
        }
    }
    Ok(())
}

/// What is still found after all was tried. It was made as planned, so it stays: a person decides.
fn give_up(book: &mut Book, findings: &[Finding]) -> io::Result<()> {
    if book.standing.is_over().is_some() {
        return Ok(());
    }
    for action in open(book) {
        let Some(acted) = book.standing.actions.get(action) else { continue };
        let found = findings.iter().find(|finding| finding.reference() == acted.planned.mends);
        let detail = found.map_or("it is found no more", |finding| &finding.detail);
        let brief = detail.split("; ").next().unwrap_or_default();
        let error = Some(format!("it was made, and did not mend {}: {brief}", acted.planned.mends.name()));
        book.write(Entry::Judged { action, state: ActionState::Failed, error })?;
    }
    Ok(())
}

fn open(book: &Book) -> Vec<usize> {
    let actions = (0..).zip(&book.standing.actions);
    actions.filter(|(_, acted)| acted.judged.is_none()).map(|(action, _)| action).collect()
}
