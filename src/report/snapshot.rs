//! A snapshot for a person: what is remembered, and what could not be read.

use std::path::Path;

use super::layout::paragraph;
use crate::model::Snapshot;

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

pub fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("{name}\n")).collect()
}
