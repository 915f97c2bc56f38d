//! The journal of a run and how far the run has come, side by side: what is not written down has not happened.

use std::fmt;
use std::io;

use super::standing::Standing;
use crate::host::runs::Log;
use crate::model::run::{Entry, Line};

pub struct Book {
    log: Box<dyn Log>,
    pub standing: Standing,
    /// How often it was asked to keep others away.
    holds: usize,
}

impl Book {
    /// `lines` is what the journal holds already.
    pub fn new(log: Box<dyn Log>, lines: &[Line]) -> Self {
        Self { log, standing: Standing::of(lines), holds: 0 }
    }

    pub fn write(&mut self, what: Entry) -> io::Result<()> {
        self.log.write(what.clone())?;
        self.standing.take(&what);
        Ok(())
    }

    /// Keeps everybody else from acting in this run until it is released, and sees how far others have brought it: its
    /// guardian, or whoever confirms. Each time it is held it is to be released.
    pub fn hold(&mut self) -> io::Result<()> {
        if self.holds == 0
            && let Some(lines) = self.log.hold()?
        {
            self.standing = Standing::of(&lines);
        }
        self.holds += 1;
        Ok(())
    }

    pub fn release(&mut self) -> io::Result<()> {
        self.holds = self.holds.saturating_sub(1);
        if self.holds == 0 { self.log.release() } else { Ok(()) }
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.standing.fmt(out)
    }
}
