//! Looks again and again while what is wrong may pass by itself.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::options::{Progress, WaitOptions};
use super::write;
use crate::catalog::Check;
use crate::judge::outlook::{Outlook, outlook};
use crate::model::Report;
use crate::report::progress::{self, Waiting};

/// How long a look is left to become another one.
const PAUSE: Duration = Duration::from_secs(2);
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
            Outlook::MayPass(findings) if waited < limit => {
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
            Progress::Auto if self.is_terminal => self.overwrite(&progress::line(waiting)),
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
            self.overwrite("");
        }
    }

    /// If nobody can see it, nobody can be told.
    fn overwrite(&self, line: &str) {
        let mut terminal = std::io::stderr().lock();
        let _ = write!(terminal, "\r\x1b[K{line}");
        let _ = terminal.flush();
    }
}
