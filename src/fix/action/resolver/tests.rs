use super::super::stage::{lines, planned};
use super::*;
use crate::facts::nics::tests::answers;
use crate::judge::kept::resolver::judge;
use crate::model::Answers;
use crate::model::answer::{Answer, Asked};

const STUB: &str = "../run/systemd/resolve/stub-resolv.conf";

fn host(content: Option<&str>, target: Option<&str>) -> Answers {
    let kind = match (target, content) {
        (None, _) => EntryKind::File,
        (Some(_), Some(_)) => EntryKind::Link,
        (Some(_), None) => EntryKind::DanglingLink,
    };
    let entry = Entry { name: "resolv.conf".to_owned(), kind, bytes: 1, target: target.map(str::to_owned) };
    let listing = (content.is_some() || target.is_some()).then(|| Answer::Listing(vec![entry]));
    let mut host = answers([(Query::Exists("/run/systemd/resolve/stub-resolv.conf".to_owned()), Answer::Exists(true))]);
    for (query, answer) in [
        (Query::File(RESOLVER.to_owned()), content.map(|text| Answer::Text(text.as_bytes().to_vec()))),
        (Query::Listing(RESOLVER.to_owned()), listing),
    ] {
        host.0.insert(query, Asked { reading: answer.map_or(Reading::Absent, Reading::Known), micros: 0 });
    }
    host
}

fn of(then: &Answers, now: &Answers) -> Vec<String> {
    lines(&planned([then, now], ("network.dns-kept", "resolver.restore"), judge))
}

const SERVERS: Option<&str> = Some("nameserver 192.0.2.53\n");

#[test]
fn the_link_or_the_file_comes_back_and_can_be_undone() {
    let (linked, plain) = (host(SERVERS, Some(STUB)), host(SERVERS, None));
    let link = format!("link /etc/resolv.conf to {STUB}");
    assert_eq!(of(&linked, &plain), [format!("{link} <- write /etc/resolv.conf, 22 bytes")]);
    assert_eq!(of(&plain, &linked), [format!("write /etc/resolv.conf, 22 bytes <- {link}")]);
    assert_eq!(of(&linked, &host(None, None)), [format!("{link} <- remove /etc/resolv.conf")]);
    assert_eq!(of(&plain, &plain), [] as [&str; 0]);
}

#[test]
fn what_others_write_and_what_is_masked_is_not_written() {
    let linked = host(SERVERS, Some(STUB));
    let empty = of(&linked, &host(None, Some(STUB)));
    assert!(empty[0].starts_with("refused: it leads to ../run"), "{empty:?}");
    let mut gone = host(SERVERS, None);
    let target = Query::Exists("/run/systemd/resolve/stub-resolv.conf".to_owned());
    gone.0.insert(target, Asked { reading: Reading::Known(Answer::Exists(false)), micros: 0 });
    assert!(of(&linked, &gone)[0].contains("which is not there"));
    let masked = host(Some("nameserver 192.0.2.53\noptions ***\n"), None);
    assert!(of(&masked, &linked)[0].contains("masked"));
}
