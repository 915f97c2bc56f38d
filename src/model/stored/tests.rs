use super::{Stored, View, read};
use crate::model::answer::{Banner, Contact, Content, GuestProcess, Link, Module, OvsProgress, Route};
use crate::model::finding::Offer;
use crate::model::sorted::SortedMap;
use crate::model::{Answer, Reading, TroubleCause};

fn from<T: Stored>(text: &str) -> Result<T, String> {
    let mut input = serde_json::Deserializer::from_str(text);
    read(&mut input).and_then(|it| input.end().map(|()| it)).map_err(|error| error.to_string())
}

fn text(view: &View<'_>) -> String {
    serde_json::to_string(view).unwrap()
}

#[test]
fn every_kind_of_thing_has_one_form() {
    let file = |bytes: &[u8]| Reading::Known(Content(bytes.to_vec()));
    let files = [("/a", file(b"say \"yes\"\n")), ("/b", file(b"\x00\xff")), ("/c", Reading::Absent)];
    let guest = GuestProcess { name: "vm".to_owned(), uuid: None, program_deleted: true };
    let status = Contact::Reached { status: Some(200), verified: None };
    let silent = Banner::Silent { reason: "…".to_owned(), hung_up: false };
    let progress = OvsProgress { current: -1, next: i64::MAX };
    let link = Link { index: 7, vlan_id: Some(4094), ..Link::default() };
    for (answer, form) in [
        (Answer::Exists(false), r#"{"exists":false}"#),
        (Answer::Text(b"\xc3\xa9".to_vec()), r#"{"text":"é"}"#),
        (Answer::Text(b"\xc3".to_vec()), r#"{"text":{"hex":"c3"}}"#),
        (Answer::Names(Vec::new()), r#"{"names":[]}"#),
        (Answer::Processes(vec![1, u32::MAX]), r#"{"processes":[1,4294967295]}"#),
        (Answer::GuestTaps(SortedMap::from([(9, vec!["tap0".to_owned()])])), r#"{"guest-taps":{"9":["tap0"]}}"#),
        (
            Answer::Guests(SortedMap::from([(10, guest)])),
            r#"{"guests":{"10":{"name":"vm","uuid":null,"program_deleted":true}}}"#,
        ),
        (
            Answer::Files(files.map(|(name, content)| (name.to_owned(), content)).into()),
            r#"{"files":{"/a":{"known":"say \"yes\"\n"},"/b":{"known":{"hex":"00ff"}},"/c":"absent"}}"#,
        ),
        (Answer::OvsProgress(progress), r#"{"ovs-progress":{"current":-1,"next":9223372036854775807}}"#),
        (Answer::Contact(status), r#"{"contact":{"reached":{"status":200}}}"#),
        (Answer::Banner(Banner::Said("SSH-2.0".to_owned())), r#"{"banner":{"said":"SSH-2.0"}}"#),
        (Answer::Banner(silent), r#"{"banner":{"silent":{"reason":"…","hung_up":false}}}"#),
        (Answer::Module(Module::BuiltIn), r#"{"module":"built-in"}"#),
        (Answer::Module(Module::Lost("kernel/x.ko".to_owned())), r#"{"module":{"lost":"kernel/x.ko"}}"#),
        (
            Answer::Links(SortedMap::from([("eth0.7".to_owned(), link)])),
            concat!(
                r#"{"links":{"eth0.7":{"index":7,"mac":null,"permanent_mac":null,"alternative_names":[],"mtu":0,"#,
                r#""admin_up":false,"carrier":false,"state":"","kind":null,"member_kind":null,"master":null,"#,
                r#""lower":null,"bond_member":null,"vlan_id":4094}}}"#,
            ),
        ),
    ] {
        assert_eq!(text(&answer.view()), form);
        assert_eq!(from(form), Ok(answer));
    }
    let denied: Reading<Answer> = Reading::unreadable(TroubleCause::TimedOut, "5 s");
    assert_eq!(text(&denied.view()), r#"{"unreadable":{"cause":"timed-out","detail":"5 s"}}"#);
}

#[test]
fn what_another_version_left_out_or_added_does_no_harm() {
    let lean = r#" {"new": [{"a": 1}], "mtu": 1500, "ipv6": true, "gone": null, "next_hops": [{}]} "#;
    let route = from::<Route>(lean).unwrap();
    assert_eq!((route.mtu, route.ipv6, route.next_hops.len(), route.table), (Some(1500), true, 1, 0));
    // What may be null may be missing, and so may what came later.
    let offer = from::<Offer>(r#"{"undo": "none", "id": "x", "sufficient": null}"#).unwrap();
    assert_eq!((offer.frees_bytes, offer.sufficient, offer.by_hand.len()), (None, None, 0));
    assert_eq!(from::<Module>(r#"{"missing": null}"#), Ok(Module::Missing));
}

#[test]
fn what_is_damaged_is_named_with_its_place() {
    for (damaged, error) in [
        (r#"{"flows":{"count":"7"}}"#, r#"invalid type: string "7", expected u64 at line 1 column 21"#),
        (r#"{"flows":{"count":-7}}"#, "invalid value: integer `-7`, expected u64 at line 1 column 20"),
        (r#"{"flows":{"count":1.5}}"#, "invalid type: floating point `1.5`, expected u64 at line 1 column 21"),
        (
            r#"{"user":{"effective_id":4294967296}}"#,
            "invalid value: integer `4294967296`, expected u32 at line 1 column 34",
        ),
        (r#"{"flows":{}}"#, "missing field `count` at line 1 column 11"),
        (r#"{"flows":{"count":1,"count":1}}"#, "duplicate field `count` at line 1 column 27"),
        (r#"{"flows":[1]}"#, "invalid type: sequence, expected struct Flows at line 1 column 10"),
        (r#"{"exists":null}"#, "invalid type: null, expected a boolean at line 1 column 14"),
        (r#"{"names":{}}"#, "invalid type: map, expected a sequence at line 1 column 11"),
        (r#"{"guest-taps":{"nine":[]}}"#, r#"invalid type: string "nine", expected a number at line 1 column 21"#),
        (r#"{"text":{"hex":"0g"}}"#, "bytes are not written in hex at line 1 column 20"),
        (r#"{"text":{"hax":"00"}}"#, "bytes are written neither as text nor in hex at line 1 column 14"),
        (r#"{"module":"lost"}"#, "invalid type: unit variant, expected more than its name at line 1 column 16"),
        (
            r#"{"module":"built-out"}"#,
            "unknown variant `built-out`, expected one of `built-in`, `file`, `lost`, `missing`, `no-kernel` at line 1 column 21",
        ),
        (r#"{"exists":true,"names":[]}"#, "invalid value: map, expected map with a single key at line 1 column 22"),
        ("{}", "invalid value: map, expected map with a single key at line 1 column 2"),
        (r#"{"exists":true"#, "EOF while parsing an object at line 1 column 14"),
    ] {
        assert_eq!(from::<Answer>(damaged).unwrap_err(), error, "{damaged}");
    }
}
