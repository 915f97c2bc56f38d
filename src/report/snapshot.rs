//! A snapshot for a person: what is remembered, and what could not be read.

use std::path::Path;

use super::layout::{paragraph, printable};
use crate::catalog::kind::packages::STATUS;
use crate::facts::packages::{Package, Packages};
use crate::facts::wiring::Wiring;
use crate::model::snapshot::{Listed, Remembered};
use crate::model::{Answer, Query, Reading, Snapshot};

pub fn render(snapshot: &Snapshot, state: &Path) -> String {
    let mut out = paragraph("", &snapshot.msg);
    let remembered = numbers(&snapshot.answers);
    if !remembered.is_empty() {
        out.push_str(&paragraph("  ", &format!("remembered: {}", remembered.join(", "))));
    }
    let shown = if snapshot.kept.is_none() { &snapshot.findings[..] } else { &[] };
    for finding in shown.iter().filter(|finding| finding.is_headline()) {
        out.push_str(&paragraph("  ", &format!("blocks at this moment: {}", finding.detail)));
    }
    for missing in &snapshot.unreadable {
        let words = match missing.detail.contains(&missing.question) {
            true => missing.detail.clone(),
            false => format!("{}: {}", missing.question, missing.detail),
        };
        out.push_str(&paragraph("  ", &format!("not read: {words}")));
    }
    if snapshot.changed {
        let path = state.join("snapshots").join(format!("{}.json", snapshot.name));
        out.push_str(&paragraph("  ", &format!("kept in: {}", path.display())));
        out.push_str(&paragraph("  ", &format!("recovery card: {}", state.join("console.txt").display())));
    }
    if let Some(until) = &snapshot.armed_until {
        let words = format!("armed until {until}: the boot guard may repair the network, over three boots at most");
        out.push_str(&paragraph("  ", &words));
    }
    if snapshot.kept.is_some() {
        out.push_str(&paragraph("  ", "`hostready verify` tells all of it; no snapshot was written"));
    }
    out
}

/// How much there is of what.
fn numbers(answers: &Remembered) -> Vec<String> {
    let mut links = 0;
    let mut rest = Vec::new();
    for (query, reading) in &answers.0 {
        let Reading::Known(answer) = reading else { continue };
        match (query, answer) {
            (_, Answer::Links(found)) => links = found.len(),
            (_, Answer::Addresses(found)) => rest.push(count(found.len(), "address", "addresses")),
            (_, Answer::Routes(found)) => rest.push(count(found.len(), "route", "routes")),
            (_, Answer::Rules(found)) => rest.push(count(found.len(), "rule", "rules")),
            (_, Answer::UnitFiles(found)) => rest.push(count(found.len(), "unit file", "unit files")),
            (_, Answer::GuestTaps(found)) => rest.push(count(found.len(), "guest", "guests")),
            (Query::OvsConfiguration(_), Answer::Text(text)) => rest.extend(bridges(text)),
            (Query::File(path), Answer::Text(text)) if path == STATUS => rest.extend(packages(text)),
            _ => {}
        }
    }
    if links > 0 {
        rest.insert(0, count(links, "link", "links"));
    }
    rest
}

fn bridges(text: &[u8]) -> Option<String> {
    let wiring = Wiring::parse(text).ok()?;
    let ports = wiring.bridges.values().map(|bridge| bridge.ports.len()).sum();
    Some(format!("{} with {}", count(wiring.bridges.len(), "bridge", "bridges"), count(ports, "port", "ports")))
}

fn packages(text: &[u8]) -> Option<String> {
    let packages = Packages::parse(text).ok()?;
    Some(count(packages.0.iter().filter(|package| Package::is_there(package)).count(), "package", "packages"))
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// One line a snapshot, the oldest first.
pub fn list(rows: &[Listed], directory: &Path) -> String {
    if rows.is_empty() {
        return format!("no snapshots in {}\n", printable(&directory.display().to_string()));
    }
    let width = rows.iter().map(|row| row.name.chars().count()).fold(4, usize::max);
    let mut out = format!("{:<width$}  {:<20}  {:>9}\n", "NAME", "TAKEN AT", "SIZE");
    for row in rows {
        let mut notes = Vec::new();
        if row.is_baseline {
            notes.push("the baseline".to_owned());
        }
        match &row.error {
            Some(error) => notes.push(format!("cannot be used: {error}")),
            None if !row.complete => notes.push("incomplete".to_owned()),
            None => {}
        }
        let taken_at = row.taken_at.as_deref().unwrap_or("-");
        let line = format!("{:<width$}  {taken_at:<20}  {:>9}  {}", row.name, size(row.bytes), notes.join(", "));
        out.push_str(&printable(line.trim_end()));
        out.push('\n');
    }
    out
}

fn size(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1024))
}
