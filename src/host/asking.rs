//! Puts questions to a host side by side, and holds every one of them to its deadline.
//!
//! A probe that hangs is left behind in its thread, never joined: it costs its deadline and a row.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::Observe;
use crate::model::answer::Asked;
use crate::model::gather::Gather as _;
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Answer, Answers, Query, Reading, TroubleCause};

/// Asks all of `queries` and returns an answer to each, at `until` at the latest.
pub fn ask_all(host: &Arc<dyn Observe>, queries: impl IntoIterator<Item = Query>, until: Instant) -> Answers {
    let mut round = Round::new(host, until);
    let mut lanes: SortedMap<String, VecDeque<Query>> = SortedMap::new();
    for query in queries.into_iter().gather::<SortedSet<_>>() {
        lanes.entry(query.lane()).or_default().push_back(query);
    }
    for waiting in lanes.into_values() {
        round.start(waiting);
    }
    round.finish()
}

/// A lane of questions, and the thread that works on it now.
struct Lane {
    thread: usize,
    waiting: VecDeque<Query>,
    /// Since when the first of `waiting` is being asked.
    since: Instant,
}

struct Done {
    thread: usize,
    reading: Reading<Answer>,
    took: Duration,
}

struct Round<'a> {
    host: &'a Arc<dyn Observe>,
    until: Instant,
    lanes: Vec<Lane>,
    threads: usize,
    sender: Sender<Done>,
    receiver: Receiver<Done>,
    answers: Answers,
}

impl<'a> Round<'a> {
    fn new(host: &'a Arc<dyn Observe>, until: Instant) -> Self {
        let (sender, receiver) = channel();
        Self { host, until, lanes: Vec::new(), threads: 0, sender, receiver, answers: Answers::default() }
    }

    fn start(&mut self, waiting: VecDeque<Query>) {
        self.threads += 1;
        let (thread, host, sender, queries) =
            (self.threads, Arc::clone(self.host), self.sender.clone(), waiting.clone());
        let spawned = std::thread::Builder::new().name("probe".to_owned()).spawn(move || {
            for query in &queries {
                let started = Instant::now();
                let reading = ask_one(host.as_ref(), query);
                if sender.send(Done { thread, reading, took: started.elapsed() }).is_err() {
                    return;
                }
            }
        });
        match spawned {
            Ok(_detached) => self.lanes.push(Lane { thread, waiting, since: Instant::now() }),
            Err(error) => {
                for query in waiting {
                    let reading = Reading::unreadable(TroubleCause::Failed, format!("no thread to ask in: {error}"));
                    self.answers.0.insert(query, Asked { reading, micros: 0 });
                }
            }
        }
    }

    fn finish(mut self) -> Answers {
        while let Some(wake) = self.next_deadline() {
            match self.receiver.recv_timeout(wake.saturating_duration_since(Instant::now())) {
                Ok(done) => self.take(done),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => self.give_up_on_the_late(),
            }
        }
        self.answers
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.lanes.iter().filter_map(|lane| lane.deadline(self.until)).min()
    }

    fn take(&mut self, done: Done) {
        let Some(at) = self.lanes.iter().position(|lane| lane.thread == done.thread) else {
            return; // an answer after its deadline: the row already says so
        };
        let lane = &mut self.lanes[at];
        if let Some(query) = lane.waiting.pop_front() {
            let micros = u64::try_from(done.took.as_micros()).unwrap_or(u64::MAX);
            self.answers.0.insert(query, Asked { reading: done.reading, micros });
        }
        lane.since = Instant::now();
        if lane.waiting.is_empty() {
            self.lanes.swap_remove(at);
        }
    }

    /// Writes off each question that is past its deadline; the rest of its lane goes on in a new thread.
    fn give_up_on_the_late(&mut self) {
        let now = Instant::now();
        let (late, in_time) =
            std::mem::take(&mut self.lanes).into_iter().partition(|lane| lane.deadline(self.until) <= Some(now));
        self.lanes = in_time;
        let late: Vec<Lane> = late;
        for mut lane in late {
            if let Some(query) = lane.waiting.pop_front() {
                let waited = lane.since.elapsed();
                self.write_off(query, waited);
            }
            if now < self.until && !lane.waiting.is_empty() {
                self.start(lane.waiting);
            } else {
                for query in lane.waiting {
                    self.write_off(query, Duration::ZERO);
                }
            }
        }
    }

    fn write_off(&mut self, query: Query, waited: Duration) {
        let detail = if waited.is_zero() {
            "not asked: the time of the whole run was up".to_owned()
        } else {
            format!("no answer within {}", seconds(waited))
        };
        let micros = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        self.answers.0.insert(query, Asked { reading: Reading::unreadable(TroubleCause::TimedOut, detail), micros });
    }
}

/// A duration as a person says it.
pub fn seconds(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

impl Lane {
    fn deadline(&self, until: Instant) -> Option<Instant> {
        self.waiting.front().map(|query| (self.since + query.deadline()).min(until))
    }
}

fn ask_one(host: &dyn Observe, query: &Query) -> Reading<Answer> {
    catch_unwind(AssertUnwindSafe(|| host.ask(query)))
        .unwrap_or_else(|_| Reading::unreadable(TroubleCause::Crashed, format!("the probe `{query}` crashed: a bug")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hangs, crashes or answers, as the name of the file says.
    struct Moody;

    impl Observe for Moody {
        fn ask(&self, query: &Query) -> Reading<Answer> {
            match query {
                Query::File(name) if name == "hang" => std::thread::sleep(Duration::from_secs(60)),
                Query::Clock => panic!("on purpose"),
                _ => {}
            }
            Reading::Known(Answer::Exists(true))
        }
    }

    fn ask(queries: &[Query], within: Duration) -> (Answers, Duration) {
        let host: Arc<dyn Observe> = Arc::new(Moody);
        let started = Instant::now();
        let answers = ask_all(&host, queries.to_vec(), started + within);
        (answers, started.elapsed())
    }

    #[test]
    fn a_span_is_told_in_tenths_of_a_second() {
        let told = [0, 49, 50, 949, 950, 2_000, 61_240].map(|millis| seconds(Duration::from_millis(millis)));
        assert_eq!(told, ["0.0 s", "0.0 s", "0.1 s", "0.9 s", "1.0 s", "2.0 s", "61.2 s"]);
    }

    fn cause(answers: &Answers, query: &Query) -> Option<TroubleCause> {
        match &answers.0[query].reading {
            Reading::Unreadable(trouble) => Some(trouble.cause),
            _ => None,
        }
    }

    #[test]
    fn a_probe_that_hangs_costs_a_row_and_not_the_run() {
        let hang = Query::File("hang".to_owned());
        let after = Query::File("z".to_owned());
        let (answers, took) = ask(&[hang.clone(), after.clone(), Query::Links], Duration::from_millis(200));
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert_eq!(cause(&answers, &hang), Some(TroubleCause::TimedOut));
        assert_eq!(cause(&answers, &after), Some(TroubleCause::TimedOut));
        assert_eq!(cause(&answers, &Query::Links), None);
    }

    #[test]
    fn what_keeps_systemd_busy_is_asked_when_all_else_is_answered() {
        let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
        struct Noting(Arc<std::sync::Mutex<Vec<Query>>>);
        impl Observe for Noting {
            fn ask(&self, query: &Query) -> Reading<Answer> {
                self.0.lock().unwrap().push(query.clone());
                Reading::Known(Answer::Exists(true))
            }
        }
        let host: Arc<dyn Observe> = Arc::new(Noting(Arc::clone(&asked)));
        let others = [Query::Units, Query::Unit("ssh.service".to_owned()), Query::Listens("ssh.socket".to_owned())];
        let queries = others.into_iter().chain([Query::UnitFiles]).rev();
        ask_all(&host, queries, Instant::now() + Duration::from_secs(5));
        assert_eq!(asked.lock().unwrap().last(), Some(&Query::UnitFiles));
    }

    #[test]
    fn a_probe_that_panics_is_unknown_and_its_lane_goes_on() {
        let after = Query::File("z".to_owned());
        let (answers, _) = ask(&[Query::Clock, after.clone()], Duration::from_secs(5));
        assert_eq!(cause(&answers, &Query::Clock), Some(TroubleCause::Crashed));
        assert_eq!(cause(&answers, &after), None);
    }
}
