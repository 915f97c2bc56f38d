//! The report as one JSON document.

use std::io::{self, Write};

use crate::model::Report;

/// Of a switch with thousands of ports the text is large: it is never held as a whole.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}
