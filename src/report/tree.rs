//! The bridges of the switch as `verify` draws them: what has changed in full, what has not in a line.

use super::layout::{WIDTH, paragraph, printable, time};
use crate::model::Report;
use crate::model::report::{BridgeRow, Kept, PortRow};

/// More ports than this of one bridge are counted: the findings name them all.
const SHOWN: usize = 20;

/// Empty where there is no switch to compare.
pub fn render(report: &Report) -> String {
    let Some(baseline) = report.baseline.as_ref().filter(|_| !report.bridges.is_empty()) else { return String::new() };
    let since = time(&baseline.taken_at);
    let (changed, same): (Vec<&BridgeRow>, Vec<&BridgeRow>) = report.bridges.iter().partition(|it| has_changed(it));
    if changed.is_empty() {
        let words = format!("BRIDGES as of {since}: {} with {}", count(same.len(), "bridge"), as_they_were(&same));
        return format!("\n{}", paragraph("", &words));
    }
    let mut out = format!("\nBRIDGES against {since}\n");
    for bridge in changed {
        show(&mut out, bridge);
    }
    if !same.is_empty() {
        let names: Vec<&str> = same.iter().map(|bridge| bridge.name.as_str()).collect();
        out.push_str(&paragraph("    ", &format!("{}: {}", names.join(", "), as_they_were(&same))));
    }
    out
}

fn has_changed(bridge: &BridgeRow) -> bool {
    bridge.state != Kept::Same || bridge.ports.iter().any(port_has_changed)
}

fn port_has_changed(port: &PortRow) -> bool {
    port.state != Kept::Same || port.members.iter().any(port_has_changed)
}

fn as_they_were(bridges: &[&BridgeRow]) -> String {
    let ports = bridges.iter().map(|bridge| bridge.ports.len()).sum();
    let others = bridges.iter().map(|bridge| bridge.owned_by_others).sum();
    let were = if bridges.len() == 1 { "as it was" } else { "as they were" };
    format!("{}, {were}{}", count(ports, "port"), of_others(others))
}

fn of_others(ports: usize) -> String {
    if ports == 0 { String::new() } else { format!("; {} of guests and others not compared", count(ports, "port")) }
}

fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

fn show(out: &mut String, bridge: &BridgeRow) {
    line(out, 0, &bridge.name, bridge.state, bridge.note.as_deref());
    let is_whole = |port: &&PortRow| match bridge.state {
        // Everything on it is missing, or new, as it is itself.
        Kept::Missing | Kept::New => port.state == bridge.state,
        _ => !port_has_changed(port),
    };
    let (same, changed): (Vec<&PortRow>, Vec<&PortRow>) = bridge.ports.iter().partition(is_whole);
    for port in changed.iter().take(SHOWN) {
        line(out, 1, &port.name, port.state, port.note.as_deref());
        for member in &port.members {
            line(out, 2, &member.name, member.state, member.note.as_deref());
        }
    }
    if let Some(more) = changed.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        out.push_str(&format!("        and {more} more that have changed\n"));
    }
    let was = match bridge.state {
        Kept::Missing => "gone with it",
        Kept::New => "new with it",
        _ => "as before",
    };
    let rest = match same.len() {
        0 => None,
        few if few <= 4 => Some(same.iter().map(|port| port.name.as_str()).collect::<Vec<_>>().join(", ")),
        many => Some(count(many, "port")),
    };
    let others = Some(bridge.owned_by_others).filter(|others| *others > 0);
    let clauses = [
        rest.map(|rest| format!("{rest}: {was}")),
        others.map(|it| format!("{} of guests and others", count(it, "port"))),
    ];
    let clauses: Vec<String> = clauses.into_iter().flatten().collect();
    if !clauses.is_empty() {
        out.push_str(&paragraph("        ", &clauses.join("; ")));
    }
}

/// `  ! ens7     missing: the NIC is now called ens11`. The mark stands in the margin, the word says what it means.
fn line(out: &mut String, depth: usize, name: &str, state: Kept, note: Option<&str>) {
    let (mark, word) = match state {
        Kept::Same => (' ', ""),
        Kept::Changed => ('!', "changed"),
        Kept::Missing => ('!', "missing"),
        Kept::Moved => ('!', "moved"),
        Kept::New => ('+', "new"),
    };
    let indent = format!("{}{mark} ", " ".repeat(2 + 4 * depth));
    let name = printable(name).replace(['\n', '\t'], "\u{fffd}");
    let text = match note {
        Some(note) => format!("{word}: {note}"),
        None => word.to_owned(),
    };
    // Behind names of the usual length, which the kernel cuts at 15 characters, the words stand in a column.
    let name = if text.is_empty() { name } else { format!("{name:<16}") };
    let first = format!("{indent}{name}{text}");
    if first.chars().count() <= WIDTH {
        out.push_str(first.trim_end());
        out.push('\n');
        return;
    }
    out.push_str(&format!("{indent}{}\n", name.trim_end()));
    out.push_str(&paragraph(&" ".repeat(indent.len() + 4), &text));
}

#[cfg(test)]
mod tests;
