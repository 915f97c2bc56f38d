use super::*;
use crate::judge::headlines::tests::finding;
use crate::model::finding::Waiver;

/// A finding that blocks: `id`, `id:cause` where it failed for one, `id?` where nobody knows.
fn row(text: &str) -> Finding {
    let status = if text.ends_with('?') { Status::Unknown } else { Status::Fail };
    let (id, cause) = text.trim_end_matches('?').split_once(':').unzip();
    let mut finding = finding(id.unwrap_or(text.trim_end_matches('?')), status, None);
    finding.cause = cause.map(str::to_owned);
    finding
}

fn waived(mut finding: Finding) -> Finding {
    finding.blocking = false;
    finding.waiver = Some(Waiver { reason: String::new(), expires: String::new() });
    finding
}

fn holds(now: &Finding, then: &Finding) -> bool {
    is_open(now) && !Then::of(std::iter::once(then)).knew(now)
}

#[test]
fn what_was_so_before_holds_nothing_open_and_what_came_since_does() {
    for (now, then, expected) in [
        ("a", "a", false),
        ("a", "b", true),
        ("a:gone", "a:gone", false),
        ("a:gone", "a:full", true),
        ("a:gone", "a", true),
        ("a?", "a?", false),
        ("a?", "a:gone", false),
        // Nobody knew then, and it is wrong now: it may have come since.
        ("a:gone", "a?", true),
    ] {
        assert_eq!(holds(&row(now), &row(then)), expected, "{now} now, {then} then");
    }
    let mut elsewhere = row("a");
    elsewhere.subject = "/opt".to_owned();
    assert!(holds(&elsewhere, &row("a")));
}

#[test]
fn what_blocks_nothing_holds_nothing_and_what_only_warned_then_does_not_excuse_it() {
    let mut warning = row("a");
    warning.blocking = false;
    assert!(!holds(&warning, &row("b")));
    assert!(holds(&row("a"), &warning));
    assert!(!holds(&waived(row("a")), &row("b")));
    assert!(!holds(&row("a"), &waived(row("a"))), "it was there, and accepted");
}
