//! One connection to systemd for all questions of a run: a bus that is silent costs its deadline once.

use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;

use super::systemd::{SYSTEM_BUS, Systemd};
use crate::host::boot;
use crate::model::answer::Unit;
use crate::model::{Reading, Trouble, TroubleCause};

#[derive(Debug, Default)]
pub struct Units(Mutex<Session>);

#[derive(Debug, Default)]
enum Session {
    #[default]
    Closed,
    Open(Systemd),
    Silent(Trouble),
}

impl Units {
    pub fn ask<T>(&self, deadline: Instant, question: impl FnOnce(&mut Systemd) -> Reading<T>) -> Reading<T> {
        let Ok(mut session) = self.0.try_lock() else {
            // Whoever holds it was given up on, or crashed.
            return Reading::unreadable(TroubleCause::TimedOut, "systemd still owes the answer to another question");
        };
        let mut systemd = match std::mem::take(&mut *session) {
            Session::Open(mut systemd) => {
                systemd.set_deadline(deadline);
                systemd
            }
            Session::Silent(trouble) => {
                *session = Session::Silent(trouble.clone());
                return Reading::Unreadable(trouble);
            }
            Session::Closed => match Systemd::open(Path::new(SYSTEM_BUS), deadline) {
                Reading::Known(systemd) => systemd,
                Reading::Absent => return Reading::Absent,
                Reading::Unreadable(trouble) => {
                    *session = Session::after(&trouble);
                    return Reading::Unreadable(trouble);
                }
            },
        };
        let reading = question(&mut systemd);
        // After a failed question nobody knows what is still to come over the connection.
        *session = match &reading {
            Reading::Unreadable(trouble) => Session::after(trouble),
            Reading::Known(_) | Reading::Absent => Session::Open(systemd),
        };
        reading
    }
}

impl Session {
    fn after(trouble: &Trouble) -> Self {
        match trouble.cause {
            TroubleCause::TimedOut => Self::Silent(trouble.clone()),
            _ => Self::Closed,
        }
    }
}

/// By the clock of the boot, which a host that sleeps has ahead of systemd's.
pub fn active_for_ms(unit: &Unit) -> Option<u64> {
    let since_ms = Some(unit.active_since_us / 1000).filter(|ms| *ms > 0)?;
    boot::now_ms().ok()?.checked_sub(since_ms)
}
