//! The report for a person: what stops the upgrade first, then the rest, on 80 columns.

use serde_json::Value;

use super::actions;
use super::layout::{Paint, command_line, entry, paragraph, printable, span, time};
use super::tree;
use crate::judge::causes;
use crate::judge::outcome::NO_BASELINE;
use crate::model::finding::FindingRef;
use crate::model::gather::Arrange as _;
use crate::model::report::{Host, Verdict};
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Finding, Report, Severity, Status};
use crate::units::Bytes;

#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub color: bool,
    /// What passed and what was skipped, too.
    pub verbose: bool,
}

/// One line a host.
pub fn line(host: &Host, msg: &str) -> String {
    format!("{}\n", printable(&format!("{} {msg}", hostname(host))).replace('\n', " "))
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
    // What is to be done is above, and what it is for is named.
    let blocks = |it: &Finding| failed(it) && it.blocking;
    let is_above = |it: &Finding| actions::is_named(report, it);
    add(&mut out, &paint.red("BLOCKS"), Depth::Brief, &|it| blocks(it) && is_above(it));
    let title = if report.verb == "fix" { "BLOCKS, AND IS NOT REPAIRED BY THIS" } else { "BLOCKS" };
    add(&mut out, &paint.red(title), Depth::Full, &|it| blocks(it) && !is_above(it));
    let unknown = |it: &Finding| it.status == Status::Unknown && it.waiver.is_none();
    // All that the same baseline would answer stands in one place.
    let lacks_baseline = |it: &Finding| unknown(it) && it.cause.as_deref() == Some(NO_BASELINE);
    let blocks = report.findings.iter().any(|it| lacks_baseline(it) && it.blocking);
    let counts = |it: &Finding| it.blocking || blocks && lacks_baseline(it);
    add(&mut out, &paint.yellow("BLOCKS UNTIL IT IS KNOWN"), Depth::Full, &|it| unknown(it) && counts(it));
    add(&mut out, &paint.yellow("UNKNOWN"), Depth::Brief, &|it| unknown(it) && !counts(it));
    add(&mut out, &paint.yellow("WARNS"), Depth::Full, &|it| {
        failed(it) && !it.blocking && it.severity > Severity::Info
    });
    out.push_str(&tree::render(report));
    add(&mut out, "NOTES", Depth::Brief, &is_note);
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

fn is_note(it: &Finding) -> bool {
    it.status == Status::Fail && it.waiver.is_none() && !it.blocking && it.severity == Severity::Info
}

/// What hangs below a finding, whatever section it would be in by itself.
type Explained<'r> = SortedMap<&'r FindingRef, Vec<&'r Finding>>;

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

fn hostname(host: &Host) -> &str {
    host.hostname.as_deref().unwrap_or("this host")
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
    let line = paragraph("", &format!("{} {plain}: {rest}", hostname(&report.host)));
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
    if own.is_empty() {
        return;
    }
    out.push_str(&format!("\n{title}\n"));
    // What a person can type is said once for all that a check found.
    for alike in own.chunk_by(|one, next| one.by_hand == next.by_hand || is_same_unknown(one, next)) {
        let mut by_hand: Vec<&Vec<String>> = Vec::new();
        for same in alike.chunk_by(|one, next| is_same_unknown(one, next)) {
            show(out, same, depth);
            let below = same.iter().filter_map(|it| explained.get(&it.reference()));
            below.for_each(|below| show_explained(out, below));
            by_hand.extend(same.iter().flat_map(|it| &it.by_hand));
        }
        if matches!(depth, Depth::Brief) {
            continue;
        }
        show_commands(out, by_hand);
        for cause in alike {
            if let Some(below) = explained.get(&cause.reference()) {
                show_commands_below(out, cause, below);
            }
        }
    }
}

/// What nobody could look at keeps many checks from their answer, and is said once.
fn is_same_unknown(one: &Finding, other: &Finding) -> bool {
    one.status == Status::Unknown && other.status == one.status && one.detail == other.detail && one.new == other.new
}

fn show_commands(out: &mut String, commands: Vec<&Vec<String>>) {
    let mut seen = SortedSet::new();
    for argv in commands.into_iter().filter(|argv| seen.insert(*argv)) {
        out.push_str(&typed(argv));
    }
}

/// What a shell is to do is typed into one, a step a line.
fn typed(argv: &[String]) -> String {
    match argv {
        [shell, flag, script] if (shell.as_str(), flag.as_str()) == ("sh", "-c") => {
            format!("    $ {}\n", printable(script).replace(" && ", " &&\n      "))
        }
        _ => format!("    $ {}\n", command_line(argv)),
    }
}

/// What was taken away with the cause does not come back with it. Diagnoses of other checks are not repeated.
fn show_commands_below(out: &mut String, cause: &Finding, below: &[&Finding]) {
    // Of a device, and of what could not be read, there is only a look.
    let is_repair =
        |it: &Finding| it.status == Status::Fail && it.id.ends_with("-kept") && it.id != "network.link-kept";
    let mut kept: Vec<&&Finding> = below.iter().filter(|it| is_repair(it) && it.by_hand != cause.by_hand).collect();
    // An address needs its device.
    kept.arrange_by_key(|it| causes::depth(it));
    let mut commands: Vec<&Vec<String>> = kept.into_iter().flat_map(|it| &it.by_hand).collect();
    commands.dedup();
    if commands.is_empty() {
        return;
    }
    out.push_str("    then, where it is still missing:\n");
    for argv in commands.iter().take(EXPLAINED_SHOWN) {
        out.push_str(&typed(argv));
    }
    if let Some(more) = commands.len().checked_sub(EXPLAINED_SHOWN).filter(|more| *more > 0) {
        out.push_str(&format!("      and {more} more; console.txt has all\n"));
    }
}

/// More than this are counted: a switch that lost its database explains thousands.
const EXPLAINED_SHOWN: usize = 12;

/// Their details are those of the cause: the first clause tells them apart, and where it does not is said once.
fn show_explained(out: &mut String, below: &[&Finding]) {
    let brief = |finding: &Finding| {
        let clause = finding.detail.split("; ").next().unwrap_or_default();
        // The name stands before it.
        clause.strip_prefix(&format!("{}: ", finding.subject)).unwrap_or(clause).to_owned()
    };
    let shown = below.get(..EXPLAINED_SHOWN).unwrap_or(below);
    for alike in shown.chunk_by(|one, next| brief(one) == brief(next)) {
        let words = format!("explains {}: {}", names(alike), alike.first().map(|it| brief(it)).unwrap_or_default());
        out.push_str(&paragraph("      ", &words));
    }
    if let Some(more) = below.len().checked_sub(EXPLAINED_SHOWN).filter(|more| *more > 0) {
        out.push_str(&format!("      and {more} more\n"));
    }
}

fn names(findings: &[&Finding]) -> String {
    findings.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ")
}

/// One finding, or several that are not known for the same reason.
fn show(out: &mut String, alike: &[&Finding], depth: Depth) {
    let [finding, others @ ..] = alike else { return };
    let words = match (finding.status, &finding.cause) {
        _ if !others.is_empty() => String::new(),
        (Status::Fail, Some(cause)) => format!(": {} ({cause})", finding.title),
        (Status::Fail, None) => format!(": {}", finding.title),
        (Status::Unknown, _) => format!(": {}?", finding.title),
        _ => String::new(),
    };
    let before = if finding.new == Some(false) { ", was so before" } else { "" };
    out.push_str(&entry(&format!("{}{words}{before}", names(alike))));
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
    // A host that is whole reads of nothing that failed.
    let notes = report.findings.iter().filter(|it| is_note(it)).count();
    let failed = summary.fail.saturating_sub(notes);
    for (count, word) in [
        (failed, "failed"),
        (notes, "noted"),
        (summary.unknown, "unknown"),
        (summary.waived, "waived"),
        (summary.skip, "skipped"),
    ] {
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
    use crate::judge::headlines;

    fn finding(id: &str, by_hand: &str) -> Finding {
        let by_hand = vec![by_hand.split(' ').map(str::to_owned).collect()];
        Finding { by_hand, ..headlines::tests::finding(id, Status::Fail, None) }
    }

    #[test]
    fn what_a_cause_took_with_it_is_typed_after_it() {
        let (cause, port, same) = (
            finding("network.link-kept", "ip link set a name b"),
            finding("ovs.port-kept", "ovs-vsctl add-port br0 b"),
            finding("network.route-kept", "ip link set a name b"),
        );
        let unread = Finding { status: Status::Unknown, ..finding("ovs.bridge-kept", "ovs-vsctl list-br") };
        let looks = [finding("ovs.daemons", "ovs-vsctl show"), finding("network.link-kept", "ip -d link"), unread];
        let mut out = String::new();
        show_commands_below(&mut out, &cause, &[&port, &same, &looks[0], &looks[1], &looks[2]]);
        assert_eq!(out, "    then, where it is still missing:\n    $ ovs-vsctl add-port br0 b\n");
    }
}
