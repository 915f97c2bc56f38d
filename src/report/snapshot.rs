//! A snapshot for a person: what is remembered, and what could not be read.

use std::path::Path;

use super::layout::{paragraph, printable};
use crate::model::Snapshot;
use crate::model::snapshot::Listed;

pub fn render(snapshot: &Snapshot, state: &Path) -> String {
    let mut out = paragraph("", &snapshot.msg);
    for missing in &snapshot.unreadable {
        out.push_str(&paragraph("  ", &format!("not read: {} ({})", missing.question, missing.detail)));
    }
    if snapshot.changed {
        out.push_str(&paragraph("", &format!("recovery card: {}", state.join("console.txt").display())));
    }
    out
}

pub fn list(rows: &[Listed], _: &Path) -> String {
    rows.iter().map(|row| format!("{}\n", printable(&row.name))).collect()
}
