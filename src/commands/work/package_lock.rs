//! The lock of the package manager: waited for before anything is planned that needs it, so that the plan is made from
//! what the other one has left; and once more where somebody has taken it since.

use std::time::{Duration, Instant};

use super::Worker;
use crate::host::Observe;
use crate::host::change::{Change, NotDone};
use crate::model::answer::{Answer, Holder, Lock};
use crate::model::plan::Deed;
use crate::model::{Query, Reading};

/// What dpkg and apt take.
const FILES: [&str; 4] =
    ["/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock"];
const PAUSE: Duration = Duration::from_millis(250);

pub enum Waited {
    /// It was free.
    Not,
    /// It came free, and what was read before is out of date.
    ForAWhile,
    /// Who has it still.
    InVain(String),
}

/// Until it is free, the time is up, or somebody wants us to stop.
pub fn wait(worker: &Worker, until: Instant) -> Waited {
    let mut waited = Waited::Not;
    while let Some((file, holder)) = held(&*(worker.looking)()) {
        if Instant::now() >= until || worker.signals.is_asked_to_stop() {
            let command = holder.command.as_deref().unwrap_or("a process");
            let pid = holder.pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
            let seconds = worker.request.lock_timeout_s;
            return Waited::InVain(format!("{command}{pid} holds {file}, and did so for {seconds} s"));
        }
        waited = Waited::ForAWhile;
        std::thread::sleep(PAUSE);
    }
    waited
}

/// Where it cannot be read, dpkg finds out itself.
fn held(host: &dyn Observe) -> Option<(&'static str, Holder)> {
    FILES.into_iter().find_map(|file| match host.ask(&Query::Lock(file.to_owned())) {
        Reading::Known(Answer::Lock(Lock { holder: Some(holder) })) => Some((file, holder)),
        _ => None,
    })
}

/// Changes the host; what finds the lock taken since it was looked for has done nothing, and is done again.
pub struct Patient {
    pub host: Box<dyn Change>,
    pub until: Instant,
}

impl Observe for Patient {
    fn ask(&self, query: &Query) -> Reading<Answer> {
        self.host.ask(query)
    }
}

impl Change for Patient {
    fn act(&self, deed: &Deed) -> Result<(), NotDone> {
        loop {
            match self.host.act(deed) {
                Err(not_done) if not_done.is_locked_out() => {
                    if Instant::now() >= self.until {
                        return Err(NotDone { outdated: true, ..not_done });
                    }
                    std::thread::sleep(PAUSE);
                }
                done => return done,
            }
        }
    }
}
