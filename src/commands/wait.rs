//! Looks again and again while what is wrong may pass by itself.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use super::options::{Progress, WaitOptions};
use super::write;
use crate::catalog::Check;
use crate::judge::outlook::{Outlook, outlook};
use crate::model::report::Intent;
use crate::model::{Finding, Report};
use crate::report::progress::{self, Waiting};

/// How long a look is left to become another one.
const PAUSE: Duration = Duration::from_secs(2);
/// What only warns and is still so this long after the first look does not pass by itself.
const FOR_WARNINGS: Duration = Duration::from_secs(60);
/// A program hears this often that nothing has changed.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The last of the reports that `look` gives: the first in which nothing is left to wait for, or something blocks
/// that waiting does not change, or the one at the end of the time.
pub fn until_settled(
    options: &WaitOptions,
    mut look: impl FnMut() -> anyhow::Result<(Report, Vec<Check>)>,
) -> anyhow::Result<Report> {
    let started = Instant::now();
    let mut teller = Teller::new(options.progress);
    loop {
        let (report, checks) = look()?;
        let Some(limit) = options.wait else { return Ok(report) };
        let waited = started.elapsed();
        match outlook(&report.findings, &checks, report.intent) {
            Outlook::MayPass(findings) if waited < worth(limit, &findings, report.intent) => {
                let limit = worth(limit, &findings, report.intent);
                teller.tell(&Waiting { waited, limit, for_findings: &findings });
                std::thread::sleep(PAUSE.min(limit - waited));
            }
            _ => {
                teller.finish();
                return Ok(report);
            }
        }
    }
}

/// How long to wait for these. After a boot the time is given for what blocks; a lock before an upgrade only warns, and
/// is what one waits for.
fn worth(limit: Duration, findings: &[&Finding], intent: Intent) -> Duration {
    let is_for_warnings = intent == Intent::After && !findings.iter().any(|finding| finding.blocking);
    if is_for_warnings { limit.min(FOR_WARNINGS) } else { limit }
}

/// Tells whoever listens on stderr.
struct Teller {
    progress: Progress,
    is_terminal: bool,
    /// What was told last, and when.
    last: Option<(Vec<String>, Instant)>,
}

impl Teller {
    fn new(progress: Progress) -> Self {
        Self { progress, is_terminal: std::io::stderr().is_terminal(), last: None }
    }

    fn tell(&mut self, waiting: &Waiting<'_>) {
        match self.progress {
            Progress::Auto if self.is_terminal => write::overwrite(&progress::line(waiting)),
            Progress::Json => {
                if self.is_news(waiting) {
                    write::say(&progress::event(waiting));
                }
            }
            Progress::Auto | Progress::None => {}
        }
    }

    fn is_news(&mut self, waiting: &Waiting<'_>) -> bool {
        let names: Vec<String> = waiting.for_findings.iter().map(|finding| finding.name()).collect();
        let is_old = self.last.as_ref().is_some_and(|(last, at)| *last == names && at.elapsed() < HEARTBEAT);
        if !is_old {
            self.last = Some((names, Instant::now()));
        }
        !is_old
    }

    /// Leaves the terminal as it was found.
    fn finish(&self) {
        if self.progress == Progress::Auto && self.is_terminal {
            write::overwrite("");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::headlines::tests::finding;
    use crate::model::Status;

    #[test]
    fn warnings_after_a_boot_are_waited_for_a_minute_and_what_blocks_to_the_end() {
        let limit = Duration::from_secs(600);
        let warning = Finding { blocking: false, ..finding("network.dns-kept", Status::Fail, None) };
        let blocking = Finding { blocking: true, ..warning.clone() };
        assert_eq!(worth(limit, &[&warning], Intent::After), FOR_WARNINGS);
        assert_eq!(worth(Duration::from_secs(5), &[&warning], Intent::After), Duration::from_secs(5));
        assert_eq!(worth(limit, &[&warning, &blocking], Intent::After), limit);
        assert_eq!(worth(limit, &[&warning], Intent::Agent), limit);
    }
}
