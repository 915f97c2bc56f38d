//! A host that can be changed, in memory: links and their MTU. It can refuse, and whoever changes it can be killed.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::fix::book::Book;
use crate::fix::rounds::{Seen, World};
use crate::host::Observe;
use crate::host::change::{Change, NotDone};
use crate::host::runs::Log;
use crate::judge::headlines::tests::finding;
use crate::model::answer::Link;
use crate::model::finding::FindingRef;
use crate::model::plan::{Deed, Planned, Run, Step};
use crate::model::run::{Entry, Holds, Line, Request};
use crate::model::sorted::SortedMap;
use crate::model::{Answer, Finding, Query, Reading, Status, TroubleCause};

pub const START: u32 = 1500;
pub const HALF: u32 = 1600;
pub const GOAL: u32 = 9000;
/// The second is planned once the first is mended.
pub const LINKS: [&str; 3] = ["cause", "effect", "other"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// This deed fails, and nothing of it was done.
    Fails(usize),
    /// This deed fails, and was done.
    FailsHalf(usize),
    /// It ends well, and does nothing.
    DoesNothing(usize),
    /// Killed before this deed was done.
    KilledBefore(usize),
    /// Killed when it was done.
    KilledAfter(usize),
    /// Killed before this line was written.
    KilledBeforeLine(usize),
    /// Killed when it was written.
    KilledAfterLine(usize),
    /// Its guardian takes the run back once this deed was done.
    GuardianAfter(usize),
    /// This one cannot be taken back.
    NoUndo(&'static str),
}

#[derive(Debug, Default)]
pub struct State {
    pub mtus: SortedMap<String, u32>,
    pub lines: Vec<Line>,
    pub trouble: Option<Trouble>,
    pub is_dead: bool,
    pub deeds: usize,
    written: usize,
    pub stop_after: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub struct Host(Arc<Mutex<State>>);

impl Host {
    pub fn new() -> Self {
        let host = Self::default();
        host.state().mtus = LINKS.map(|name| (name.to_owned(), START)).into();
        host
    }

    pub fn with(trouble: Trouble) -> Self {
        let host = Self::new();
        host.state().trouble = Some(trouble);
        host
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Whoever comes next is not troubled any more.
    pub fn recovers(&self) {
        let mut state = self.state();
        (state.trouble, state.is_dead, state.deeds, state.written) = (None, false, 0, 0);
    }

    pub fn mtus(&self) -> Vec<u32> {
        LINKS.iter().map(|name| self.state().mtus[*name]).collect()
    }

    /// The journal that there is, to go on with.
    pub fn book(&self) -> Book {
        Book::new(Box::new(self.clone()), &self.state().lines.clone())
    }
}

impl Observe for Host {
    fn ask(&self, query: &Query) -> Reading<Answer> {
        let link = |(name, mtu): (&String, &u32)| (name.clone(), Link { mtu: *mtu, ..Link::default() });
        match query {
            Query::Links => Reading::Known(Answer::Links(self.state().mtus.iter().map(link).collect())),
            _ => Reading::unreadable(TroubleCause::Failed, "not there"),
        }
    }
}

impl Change for Host {
    fn act(&self, deed: &Deed) -> Result<(), NotDone> {
        let mut state = self.state();
        assert!(!state.is_dead, "the dead do nothing");
        let number = state.deeds;
        state.deeds += 1;
        let Deed::Run(run) = deed else { return Err(NotDone::new("unheard of")) };
        let (name, mtu) = (run.argv[4].clone(), run.argv[6].parse().unwrap());
        let trouble = state.trouble;
        let is = |it: Trouble| trouble == Some(it);
        let (works, answer) = match number {
            n if is(Trouble::Fails(n)) => (false, Err(NotDone { why: "it failed".to_owned(), outdated: true })),
            n if is(Trouble::FailsHalf(n)) => (true, Err(NotDone::new("it failed"))),
            n if is(Trouble::DoesNothing(n)) => (false, Ok(())),
            n if is(Trouble::KilledBefore(n)) => (false, Err(NotDone::new("killed"))),
            n if is(Trouble::KilledAfter(n)) => (true, Err(NotDone::new("killed"))),
            _ => match state.trouble {
                Some(Trouble::NoUndo(link)) if name == link && mtu < GOAL && state.mtus[&name] > mtu => {
                    (false, Err(NotDone::new(format!("{link} stays"))))
                }
                _ => (true, Ok(())),
            },
        };
        state.is_dead = is(Trouble::KilledBefore(number)) || is(Trouble::KilledAfter(number));
        if works {
            state.mtus.insert(name, mtu);
        }
        if is(Trouble::GuardianAfter(number)) {
            let what = Entry::Reverting { because: "nobody confirmed it".to_owned() };
            state.lines.push(Line { at: String::new(), what });
        }
        answer
    }
}

impl Log for Host {
    fn write(&mut self, what: Entry) -> io::Result<()> {
        let mut state = self.state();
        let number = state.written;
        state.written += 1;
        let killed_before = state.trouble == Some(Trouble::KilledBeforeLine(number));
        if state.is_dead || killed_before {
            state.is_dead = true;
            return Err(io::Error::other("killed"));
        }
        state.lines.push(Line { at: String::new(), what });
        if state.trouble == Some(Trouble::KilledAfterLine(number)) {
            state.is_dead = true;
            return Err(io::Error::other("killed"));
        }
        Ok(())
    }

    fn hold(&mut self) -> io::Result<Option<Vec<Line>>> {
        Ok(self.is_guarded().then(|| self.state().lines.clone()))
    }
}

impl Host {
    fn is_guarded(&self) -> bool {
        matches!(self.state().trouble, Some(Trouble::GuardianAfter(_)))
    }
}

impl World for Host {
    fn look(&mut self, _: &[FindingRef]) -> anyhow::Result<Seen> {
        let state = self.state();
        let is_whole = |name: &str| state.mtus[name] == GOAL;
        let row = |name: &&str| Finding {
            subject: (*name).to_owned(),
            status: if is_whole(name) { Status::Pass } else { Status::Fail },
            ..finding("test", Status::Fail, None)
        };
        let is_open = |name: &&&str| !is_whole(name) && (**name != "effect" || is_whole("cause"));
        let planned = LINKS.iter().filter(is_open).map(|name| planned(name, state.mtus[*name])).collect();
        Ok(Seen { findings: LINKS.iter().map(row).collect(), planned })
    }

    fn forbids(&mut self, planned: &Planned) -> Option<String> {
        planned.refused.clone()
    }

    fn begin(&mut self, _: &[Planned]) -> Result<Book, String> {
        self.state().lines.clear();
        let mut book = self.book();
        let request = serde_json::json!({"run": "one", "wanted": [], "accepted": [], "lock_timeout_s": 0,
            "timeout_s": 0, "profiles": [], "config": null, "state": ""});
        let request: Request = serde_json::from_value(request).unwrap();
        let begun = Entry::Begun { boot_id: None, request: Box::new(request) };
        book.write(begun).map_err(|error| error.to_string())?;
        Ok(book)
    }

    fn change(&self) -> Box<dyn Change> {
        Box::new(self.clone())
    }

    fn stop(&self) -> Option<String> {
        let state = self.state();
        state.stop_after.is_some_and(|count| state.deeds >= count).then(|| "asked to stop".to_owned())
    }
}

/// Two steps, so that there is something between the start and the goal.
fn planned(name: &str, now: u32) -> Planned {
    let set = |mtu: u32| {
        let argv = ["ip", "link", "set", "dev", name, "mtu", &mtu.to_string()].map(str::to_owned).to_vec();
        let until = Some(Holds::LinkMtu { name: name.to_owned(), mtu });
        Deed::Run(Run { argv, deadline_s: None, until })
    };
    let step = |from, to| Step { does: set(to), undoes: vec![set(from)] };
    Planned { steps: vec![step(now, HALF), step(HALF, GOAL)], ..super::planned("mtu.set", name) }
}
