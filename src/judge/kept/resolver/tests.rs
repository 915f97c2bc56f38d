use super::*;
use crate::facts::nics::tests::{answers, compared};
use crate::model::Answers;
use crate::model::answer::{Answer, Asked};

/// A resolver file with this content, at the end of this link.
fn host(content: Option<&str>, target: Option<&str>, behind: Option<&str>) -> Answers {
    let kind = match (target, content) {
        (None, _) => EntryKind::File,
        (Some(_), Some(_)) => EntryKind::Link,
        (Some(_), None) => EntryKind::DanglingLink,
    };
    let entry = Entry { name: "resolv.conf".to_owned(), kind, bytes: 1, target: target.map(str::to_owned) };
    let listing = (content.is_some() || target.is_some()).then(|| Answer::Listing(vec![entry]));
    let text = |text: Option<&str>| text.map(|text| Answer::Text(text.as_bytes().to_vec()));
    let mut host = answers([]);
    for (query, answer) in [
        (Query::File(RESOLVER.to_owned()), text(content)),
        (Query::File(RESOLVED.to_owned()), text(behind)),
        (Query::Listing(RESOLVER.to_owned()), listing),
    ] {
        host.0.insert(query, Asked { reading: answer.map_or(Reading::Absent, Reading::Known), micros: 0 });
    }
    host
}

fn shown(then: &Answers, now: &Answers) -> String {
    let outcomes = compared(then, now, judge);
    assert_eq!(outcomes.len(), 1);
    let outcome = &outcomes[0];
    let mild = if outcome.at_most.is_some() { "!" } else { "" };
    format!("{:?} {}{mild}: {}", outcome.status, outcome.cause.unwrap_or("-"), outcome.detail)
}

const PLAIN: &str = "search lab.example\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n";
const STUB: &str = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n";
const STUB_LINK: Option<&str> = Some("../run/systemd/resolve/stub-resolv.conf");

#[test]
fn a_plain_file_is_compared_by_what_it_says() {
    let then = host(Some(PLAIN), None, None);
    let other_order = "# new\nnameserver 192.0.2.54\nnameserver 192.0.2.53\nsearch lab.example\n";
    assert_eq!(
        shown(&then, &host(Some(other_order), None, None)),
        "Pass -: names are resolved by 192.0.2.53, 192.0.2.54, as before"
    );
    assert_eq!(
        shown(&then, &host(Some("search other.example\nnameserver 192.0.2.99\n"), None, None)),
        "Fail servers-changed: the name servers are 192.0.2.99, and were 192.0.2.53, 192.0.2.54; names are searched in \
         other.example, and were in lab.example"
    );
    assert_eq!(
        shown(&then, &host(Some(""), None, None)),
        "Fail servers-changed: no name server is left; there were 192.0.2.53, 192.0.2.54; names are searched in none, \
         and were in lab.example"
    );
    assert_eq!(
        shown(&then, &host(Some(&format!("{PLAIN}options rotate\n")), None, None)),
        "Fail servers-changed!: the options of the resolver are rotate, and were none"
    );
    assert_eq!(shown(&then, &host(None, None, None)), "Fail missing: /etc/resolv.conf is gone");
    assert_eq!(shown(&host(None, None, None), &then), "Skip not-present: the baseline has no /etc/resolv.conf");
}

/// The stub says the same as ever when the servers behind it are lost: LP#1988119.
#[test]
fn the_servers_behind_the_stub_count() {
    let then = host(Some(STUB), STUB_LINK, Some(PLAIN));
    assert_eq!(shown(&then, &then), "Pass -: names are resolved by 192.0.2.53, 192.0.2.54, as before");
    assert_eq!(
        shown(&then, &host(Some(STUB), STUB_LINK, Some("# none\n"))),
        "Fail servers-changed: no name server is left; there were 192.0.2.53, 192.0.2.54"
    );
    assert_eq!(
        shown(&then, &host(None, STUB_LINK, None)),
        "Fail missing: /etc/resolv.conf leads to ../run/systemd/resolve/stub-resolv.conf, which is not there"
    );
    let absolute = host(Some(STUB), Some("/run/systemd/resolve/stub-resolv.conf"), Some(PLAIN));
    assert!(shown(&then, &absolute).starts_with("Pass"));
    // From the stub to a file of the same servers: the way changed, and not the answer.
    assert_eq!(
        shown(&then, &host(Some("nameserver 192.0.2.54\nnameserver 192.0.2.53\n"), None, None)),
        "Fail link-changed: /etc/resolv.conf is a plain file, and was a link to ../run/systemd/resolve/stub-resolv.conf"
    );
}

#[test]
fn what_could_not_be_read_is_unknown() {
    let whole = host(Some(STUB), STUB_LINK, Some(PLAIN));
    for path in [RESOLVER, RESOLVED] {
        let mut blind = host(Some(STUB), STUB_LINK, Some(PLAIN));
        blind.0.remove(&Query::File(path.to_owned()));
        assert_eq!(shown(&whole, &blind), format!("Unknown not-asked: `file:{path}` was not asked"));
        assert_eq!(shown(&blind, &whole), format!("Unknown not-asked: in the baseline: `file:{path}` was not asked"));
    }
}
