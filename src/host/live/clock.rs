//! Whether somebody keeps the clock right, as the kernel knows it.

use std::io;

use rtime_clock::adjtime::{Timex, adjtimex};

use crate::model::answer::Clock;
use crate::model::{Reading, TroubleCause};

/// The kernel lets the error estimate grow up to this and stops there: nobody has set the clock for long, or ever.
const PHASE_LIMIT_US: i64 = 16_000_000;

/// Asks the kernel's clock discipline. Changes nothing: `modes` stays 0.
pub fn clock() -> Reading<Clock> {
    let mut timex = Timex::new();
    match adjtimex(&mut timex) {
        Ok(_) => Reading::Known(judged(timex.0.maxerror)),
        Err(error) => {
            let denied = error.kind() == io::ErrorKind::PermissionDenied;
            let cause = if denied { TroubleCause::Denied } else { TroubleCause::Failed };
            Reading::unreadable(cause, format!("cannot ask the kernel's clock: {error}"))
        }
    }
}

/// systemd's rule (`ntp_synced`), which is what `timedatectl` shows. STA_UNSYNC is left aside as it does: chrony
/// without `rtcsync` keeps that flag set on a well synchronised host, so that the kernel leaves the RTC alone.
/// <https://github.com/systemd/systemd/blob/main/src/timedate/timedated.c>
fn judged(max_error_us: i64) -> Clock {
    Clock { synchronised: max_error_us < PHASE_LIMIT_US, max_error_us }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_at_the_limit_is_nobody_s_clock() {
        assert!(judged(15_999_999).synchronised);
        assert!(!judged(PHASE_LIMIT_US).synchronised);
    }

    #[test]
    fn this_kernel_answers() {
        let Reading::Known(clock) = clock() else { panic!("no answer: {:?}", clock()) };
        assert!((0..=PHASE_LIMIT_US).contains(&clock.max_error_us), "{clock:?}");
        assert_eq!(clock.synchronised, clock.max_error_us < PHASE_LIMIT_US);
    }
}
