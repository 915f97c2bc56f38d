//! The journal of a run and how far the run has come, side by side: what is not written down has not happened.

use std::fmt;
use std::io;

use super::standing::Standing;
use crate::host::runs::Log;
use crate::model::run::{Entry, Line};

pub struct Book {
    log: Box<dyn Log>,
    pub standing: Standing,
}

impl Book {
    /// `lines` is what the journal holds already.
    pub fn new(log: Box<dyn Log>, lines: &[Line]) -> Self {
        Self { log, standing: Standing::of(lines) }
    }

    pub fn write(&mut self, what: Entry) -> io::Result<()> {
        self.log.write(what.clone())?;
        self.standing.take(&what);
        Ok(())
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.standing.fmt(out)
    }
}
