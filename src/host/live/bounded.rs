//! Calls into the kernel or libc that no timeout of their own can end.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::model::{Reading, TroubleCause};

/// Does `work` on a thread of its own and is back by `deadline`, with or without its answer. A thread that
/// is late is abandoned, never joined: it may sit in the kernel behind a lock that nobody gives back.
/// `what` names the work in the trouble.
pub fn by<T: Send + 'static>(
    deadline: Instant,
    what: &str,
    work: impl FnOnce() -> Reading<T> + Send + 'static,
) -> Reading<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    // Nobody listens any more once the deadline has passed; the late answer is then dropped.
    let spawned = thread::Builder::new().spawn(move || drop(sender.send(work())));
    if let Err(error) = spawned {
        return Reading::unreadable(TroubleCause::Failed, format!("{what}: cannot start a thread: {error}"));
    }
    match receiver.recv_timeout(remaining(deadline)) {
        Ok(reading) => reading,
        Err(RecvTimeoutError::Timeout) => {
            Reading::unreadable(TroubleCause::TimedOut, format!("{what}: no answer in time"))
        }
        Err(RecvTimeoutError::Disconnected) => {
            Reading::unreadable(TroubleCause::Crashed, format!("{what}: the probe crashed"))
        }
    }
}

/// The time until `deadline`, zero once it has passed.
pub fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_millis(millis: u64) -> Instant {
        Instant::now() + Duration::from_millis(millis)
    }

    #[test]
    fn work_that_hangs_costs_its_deadline_and_no_more() {
        let started = Instant::now();
        let reading = by(in_millis(50), "hanging", || {
            thread::sleep(Duration::from_secs(30));
            Reading::Known(())
        });
        assert!(matches!(reading, Reading::Unreadable(trouble) if trouble.cause == TroubleCause::TimedOut));
        assert!(started.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn work_that_panics_is_a_crashed_reading() {
        let reading: Reading<()> = by(in_millis(5000), "crashing", || panic!("on purpose"));
        assert!(matches!(reading, Reading::Unreadable(trouble) if trouble.cause == TroubleCause::Crashed));
    }
}
