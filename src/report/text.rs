//! The report for a person: what stops the upgrade first, then the rest, on 80 columns.

use std::collections::BTreeMap;

use serde_json::Value;

use super::actions;
use super::layout::{Paint, command_line, entry, paragraph, printable, span, time};
use super::tree;
use crate::judge::causes;
use crate::model::finding::FindingRef;
use crate::model::gather::Arrange as _;
use crate::model::report::Verdict;
use crate::model::{Finding, Report, Severity, Status};
use crate::units::Bytes;

#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub color: bool,
    /// What passed and what was skipped, too.
    pub verbose: bool,
}

/// One line a host.
pub fn line(report: &Report) -> String {
    format!("{}\n", printable(&format!("{} {}", hostname(report), report.msg)).replace('\n', " "))
}

pub fn render(report: &Report, style: &Style) -> String {
    let paint = Paint { color: style.color };
    let mut out = heading(report, &paint);
    out.push_str(&actions::render(report, &paint));
    let failed = |it: &Finding| it.status == Status::Fail && it.waiver.is_none();
    let explained = explained(report);
    let add = |out: &mut String, title: &str, depth, test: &dyn Fn(&Finding) -> bool| {
        section(out, report, &explained, title, depth, test);
    };
    let is_of_fixes = actions::is_of_fixes(report);
    // What is to be done is above; what blocks is named.
    let depth = if is_of_fixes { Depth::Brief } else { Depth::Full };
    add(&mut out, &paint.red("BLOCKS"), depth, &|it| failed(it) && it.blocking);
    let unknown = |it: &Finding| it.status == Status::Unknown && it.waiver.is_none();
    add(&mut out, &paint.yellow("BLOCKS UNTIL IT IS KNOWN"), depth, &|it| unknown(it) && it.blocking);
    if is_of_fixes && !style.verbose {
        out.push_str(&closing(report));
        return out;
    }
    add(&mut out, &paint.yellow("UNKNOWN"), Depth::Brief, &|it| unknown(it) && !it.blocking);
    add(&mut out, &paint.yellow("WARNS"), Depth::Full, &|it| {
        failed(it) && !it.blocking && it.severity > Severity::Info
    });
    out.push_str(&tree::render(report));
    add(&mut out, "NOTES", Depth::Brief, &|it| failed(it) && !it.blocking && it.severity == Severity::Info);
    add(&mut out, "WAIVED", Depth::Brief, &|it| it.waiver.is_some());
    if style.verbose {
        add(&mut out, "PASSED", Depth::Brief, &|it| it.status == Status::Pass);
        add(&mut out, "SKIPPED", Depth::Brief, &|it| it.status == Status::Skip);
    } else {
        let is_open = |it: &Finding| it.status == Status::Skip && it.cause.as_deref() == Some("not-configured");
        add(&mut out, "NOT CHECKED HERE", Depth::Brief, &is_open);
    }
    out.push_str(&closing(report));
    out
}

/// What hangs below a finding, whatever section it would be in by itself.
type Explained<'r> = BTreeMap<&'r FindingRef, Vec<&'r Finding>>;

fn explained(report: &Report) -> Explained<'_> {
    let mut explained = Explained::new();
    for finding in &report.findings {
        if let Some(cause) = &finding.caused_by {
            explained.entry(cause).or_default().push(finding);
        }
    }
    explained
}

/// How much of a finding is shown.
#[derive(Clone, Copy)]
enum Depth {
    Full,
    Brief,
}

fn hostname(report: &Report) -> &str {
    report.host.hostname.as_deref().unwrap_or("this host")
}

fn heading(report: &Report, paint: &Paint) -> String {
    let word = report.verdict.as_str().to_uppercase();
    let word = match report.verdict {
        Verdict::Ready => paint.green(&word),
        Verdict::Blocked => paint.red(&word),
        Verdict::Warn | Verdict::Incomplete | Verdict::Partial => paint.yellow(&word),
    };
    let rest = report.msg.split_once(": ").map_or("", |(_, rest)| rest);
    let os = [&report.host.os.id, &report.host.os.version].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    let kernel = report.host.kernel.as_ref().map_or_else(String::new, |kernel| format!(", Linux {kernel}"));
    // Coloured once it is wrapped: what is wrapped is made printable first.
    let plain = report.verdict.as_str().to_uppercase();
    let line = paragraph("", &format!("{} {plain}: {rest}", hostname(report)));
    let mut out = line.replacen(&format!(" {plain}: "), &format!(" {word}: "), 1);
    out.push_str(&paragraph("", &format!("{os}{kernel}; profiles: {}", report.host.profiles.join(", "))));
    if let Some(baseline) = &report.baseline {
        let age = span(&baseline.taken_at, &report.started_at).map(|age| format!(", {age} before")).unwrap_or_default();
        let words = format!("compared with the baseline {}, taken {}{age}", baseline.name, time(&baseline.taken_at));
        out.push_str(&paragraph("", &words));
    }
    out
}

fn section(
    out: &mut String,
    report: &Report,
    explained: &Explained<'_>,
    title: &str,
    depth: Depth,
    test: &dyn Fn(&Finding) -> bool,
) {
    let own = report.findings.iter().filter(|it| it.caused_by.is_none() && test(it));
    // What was so before comes after what is new; and of each, what lies deeper comes first.
    let mut own: Vec<&Finding> = own.collect();
    own.arrange_by_key(|it| (it.new == Some(false), causes::depth(it)));
    let mut shown = own.into_iter().peekable();
    if shown.peek().is_none() {
        return;
    }
    out.push_str(&format!("\n{title}\n"));
    while let Some(finding) = shown.next() {
        show(out, finding, depth);
        if let Some(below) = explained.get(&finding.reference()) {
            show_explained(out, below);
        }
        // What a person can type is said once for all that a check found.
        let is_last_of_its_kind = shown.peek().is_none_or(|next| next.by_hand != finding.by_hand);
        if matches!(depth, Depth::Full) && is_last_of_its_kind {
            for argv in &finding.by_hand {
                out.push_str(&format!("    $ {}\n", command_line(argv)));
            }
            if let Some(below) = explained.get(&finding.reference()) {
                show_commands_below(out, finding, below);
            }
        }
    }
}

/// What was taken away with the cause does not come back with it. Diagnoses of other checks are not repeated.
fn show_commands_below(out: &mut String, cause: &Finding, below: &[&Finding]) {
    // Of a device there is only a look.
    let is_repair = |it: &Finding| it.id.ends_with("-kept") && it.id != "network.link-kept";
    let kept = below.iter().filter(|it| is_repair(it) && it.by_hand != cause.by_hand);
    let mut commands: Vec<&Vec<String>> = kept.flat_map(|it| &it.by_hand).collect();
    commands.dedup();
    if commands.is_empty() {
        return;
    }
    out.push_str("    then, where it is still missing:\n");
    for argv in commands.iter().take(EXPLAINED_SHOWN) {
        out.push_str(&format!("    $ {}\n", command_line(argv)));
    }
    if let Some(more) = commands.len().checked_sub(EXPLAINED_SHOWN).filter(|more| *more > 0) {
        out.push_str(&format!("      and {more} more; console.txt has all\n"));
    }
}

/// More than this are counted: a switch that lost its database explains thousands.
const EXPLAINED_SHOWN: usize = 12;

/// Their details are those of the cause: the first clause tells them apart.
fn show_explained(out: &mut String, below: &[&Finding]) {
    for finding in below.iter().take(EXPLAINED_SHOWN) {
        let brief = finding.detail.split("; ").next().unwrap_or_default();
        out.push_str(&paragraph("      ", &format!("explains {}: {brief}", finding.name())));
    }
    if let Some(more) = below.len().checked_sub(EXPLAINED_SHOWN).filter(|more| *more > 0) {
        out.push_str(&format!("      and {more} more\n"));
    }
}

fn show(out: &mut String, finding: &Finding, depth: Depth) {
    let words = match (finding.status, &finding.cause) {
        (Status::Fail, Some(cause)) => format!(": {} ({cause})", finding.title),
        (Status::Fail, None) => format!(": {}", finding.title),
        (Status::Unknown, _) => format!(": {}?", finding.title),
        _ => String::new(),
    };
    let before = if finding.new == Some(false) { ", was so before" } else { "" };
    out.push_str(&entry(&format!("{}{words}{before}", finding.name())));
    let mut clauses = finding.detail.split("; ");
    out.push_str(&paragraph("    ", clauses.next().unwrap_or_default()));
    for clause in clauses {
        out.push_str(&paragraph("    ", clause));
    }
    if let Some(waiver) = &finding.waiver {
        out.push_str(&paragraph("    ", &format!("waived until {}: {}", waiver.expires, waiver.reason)));
    }
    if matches!(depth, Depth::Full) {
        show_largest(out, finding);
        show_remedies(out, finding);
    }
}

/// What fills a path, one thing a line.
fn show_largest(out: &mut String, finding: &Finding) {
    let Some(largest) = finding.observed.get("largest").and_then(Value::as_array).filter(|rows| !rows.is_empty())
    else {
        return;
    };
    let is_complete = finding.observed.get("largest_complete").and_then(Value::as_bool).unwrap_or(true);
    let so_far = if is_complete { "" } else { ", as far as time allowed" };
    out.push_str(&format!("    largest below it{so_far}:\n"));
    for row in largest {
        let bytes = row["bytes"].as_u64().map(|bytes| Bytes(bytes).to_string()).unwrap_or_default();
        out.push_str(&format!("{bytes:>16}  {}\n", printable(row["path"].as_str().unwrap_or_default())));
    }
}

fn show_remedies(out: &mut String, finding: &Finding) {
    for fix in &finding.fixes {
        let frees = match (fix.frees_bytes, fix.sufficient) {
            (Some(bytes), Some(true)) => format!("would free {}, which is enough", Bytes(bytes)),
            (Some(bytes), _) => format!("would free {}, not enough alone", Bytes(bytes)),
            (None, _) => "could not be measured".to_owned(),
        };
        out.push_str(&paragraph("    ", &format!("fix: {} {frees}", fix.id)));
        for argv in &fix.by_hand {
            out.push_str(&format!("      $ {}\n", command_line(argv)));
        }
    }
    let set: Vec<&str> =
        finding.fixes.iter().filter(|fix| fix.in_smallest_set == Some(true)).map(|fix| fix.id.as_str()).collect();
    if set.len() > 1 {
        out.push_str(&paragraph("    ", &format!("enough together: {}", set.join(" and "))));
    } else if set.is_empty() && finding.fixes.iter().all(|fix| fix.frees_bytes.is_some()) && !finding.fixes.is_empty() {
        out.push_str(&paragraph("    ", "all of these together are not enough"));
    }
}

fn closing(report: &Report) -> String {
    let summary = &report.summary;
    let mut counts = vec![format!("{} passed", summary.pass)];
    for (count, word) in
        [(summary.fail, "failed"), (summary.unknown, "unknown"), (summary.waived, "waived"), (summary.skip, "skipped")]
    {
        if count > 0 {
            counts.push(format!("{count} {word}"));
        }
    }
    let is_denied = |finding: &Finding| finding.cause.as_deref() == Some("denied");
    let more = match (report.findings.iter().any(is_denied), report.failed) {
        (true, _) => "; run it as root to see what was denied",
        (false, true) => "; `hostready explain ID` says why and what to do",
        (false, false) => "",
    };
    format!("\n{}", paragraph("", &format!("{} in {} ms{more}", counts.join(", "), report.duration_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &str, by_hand: &str) -> Finding {
        Finding {
            id: id.to_owned(),
            subject: String::new(),
            status: Status::Fail,
            severity: Severity::High,
            blocking: true,
            new: None,
            title: String::new(),
            detail: String::new(),
            cause: None,
            caused_by: None,
            expected: serde_json::Map::new(),
            observed: serde_json::Map::new(),
            waiver: None,
            fixes: Vec::new(),
            by_hand: vec![by_hand.split(' ').map(str::to_owned).collect()],
            duration_us: 0,
        }
    }

    #[test]
    fn what_a_cause_took_with_it_is_typed_after_it() {
        let (cause, port, same) = (
            finding("network.link-kept", "ip link set a name b"),
            finding("ovs.port-kept", "ovs-vsctl add-port br0 b"),
            finding("network.route-kept", "ip link set a name b"),
        );
        let looks = [finding("ovs.daemons", "ovs-vsctl show"), finding("network.link-kept", "ip -d link")];
        let mut out = String::new();
        show_commands_below(&mut out, &cause, &[&port, &same, &looks[0], &looks[1]]);
        assert_eq!(out, "    then, where it is still missing:\n    $ ovs-vsctl add-port br0 b\n");
    }
}
