//! What all findings come to together.

use super::causes::depth;
use crate::model::gather::Arrange as _;
use crate::model::report::Verdict;
use crate::model::{Finding, Severity, Status};

/// The verdict before it is called partial: the exit code follows it.
pub fn judged(findings: &[Finding]) -> Verdict {
    let counts = |finding: &&Finding| finding.waiver.is_none();
    let any = |test: &dyn Fn(&Finding) -> bool| findings.iter().filter(counts).any(test);
    let blocks = |finding: &Finding| finding.status == Status::Fail && finding.blocking;
    let hides_a_block = |finding: &Finding| finding.status == Status::Unknown && finding.blocking;
    let was_anything_judged = findings.iter().any(|finding| matches!(finding.status, Status::Pass | Status::Fail));
    if any(&blocks) {
        Verdict::Blocked
    } else if any(&hides_a_block) || !was_anything_judged {
        Verdict::Incomplete
    } else if any(&warns) {
        Verdict::Warn
    } else {
        Verdict::Ready
    }
}

fn warns(finding: &Finding) -> bool {
    finding.waiver.is_none()
        && finding.severity > Severity::Info
        && matches!(finding.status, Status::Fail | Status::Unknown)
}

/// A run that left something out never reads as ready.
pub fn shown(judged: Verdict, complete: bool) -> Verdict {
    match judged {
        Verdict::Ready | Verdict::Warn if !complete => Verdict::Partial,
        verdict => verdict,
    }
}

/// One line that says it all.
pub fn message(verdict: Verdict, findings: &[Finding]) -> String {
    let word = verdict.as_str();
    let first_of = |wanted: Vec<&Finding>| {
        let Some(first) = wanted.first() else { return word.to_owned() };
        // What many checks lack is one thing.
        match wanted.iter().filter(|it| brief(it) != brief(first)).count() {
            0 => format!("{word}: {}", brief(first)),
            more => format!("{word}: {} (and {more} more)", brief(first)),
        }
    };
    // What another finding explains is told with that one; what was so before, after what is new.
    let causes = || findings.iter().filter(|finding| finding.caused_by.is_none());
    let select = |test: &dyn Fn(&Finding) -> bool| {
        let (mut old, mut new): (Vec<_>, Vec<_>) =
            causes().filter(|finding| test(finding)).partition(|finding| finding.new == Some(false));
        new.arrange_by_key(|finding| depth(finding));
        old.arrange_by_key(|finding| depth(finding));
        new.extend(old);
        new
    };
    match verdict {
        Verdict::Blocked => first_of(select(&Finding::is_headline)),
        Verdict::Incomplete => {
            let open = select(&|finding| finding.status == Status::Unknown && finding.blocking);
            if open.is_empty() { format!("{word}: nothing could be judged") } else { first_of(open) }
        }
        Verdict::Warn => first_of(select(&warns)),
        Verdict::Partial if findings.iter().any(warns) => {
            format!("{}; not everything was checked", first_of(select(&warns)))
        }
        Verdict::Ready | Verdict::Partial => {
            let passed = findings.iter().filter(|finding| finding.status == Status::Pass).count();
            let left_out = if verdict == Verdict::Partial { ", and not everything was checked" } else { "" };
            let checks = if passed == 1 { "check" } else { "checks" };
            format!("{word}: {passed} {checks} passed{left_out}")
        }
    }
}

/// The first clause of a finding's detail.
fn brief(finding: &Finding) -> &str {
    finding.detail.split("; ").next().unwrap_or(&finding.detail)
}

#[cfg(test)]
mod tests {
    use super::super::headlines::tests::finding;
    use super::*;

    #[test]
    fn the_first_line_is_of_what_lies_deepest_and_of_what_is_new_first() {
        let of = |id: &str, new| {
            let mut finding = finding(id, Status::Fail, None);
            (finding.detail, finding.new) = (id.to_owned(), new);
            finding
        };
        let told = |findings: &[Finding]| message(Verdict::Blocked, findings);
        let (agent, address, port) =
            (of("agent.service", None), of("network.address-kept", None), of("ovs.port-kept", None));
        assert_eq!(told(&[agent.clone(), address.clone(), port]), "blocked: ovs.port-kept (and 2 more)");
        let lacking = || of("no baseline", None);
        assert_eq!(told(&[lacking(), lacking(), lacking()]), "blocked: no baseline");
        let old = of("ovs.port-kept", Some(false));
        assert_eq!(told(&[old, agent, address]), "blocked: network.address-kept (and 2 more)");
    }
}
