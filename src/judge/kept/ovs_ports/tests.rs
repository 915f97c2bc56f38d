use super::*;
use crate::catalog::Settings;
use crate::facts::nics::tests::compared;
use crate::model::answer::Link;
use crate::model::snapshot::Remembered;
use crate::model::sorted::SortedMap;
use crate::model::{Answer, Answers, Status, TroubleCause};
use std::fmt::Write as _;

/// Ports on one bridge, each a name and what its row says beside; in both of the forms that are read.
fn switch(ports: &[(&str, &str, &str)]) -> (String, String) {
    let (mut uuids, mut rows, mut judged, mut interfaces, mut judged_interfaces) =
        (String::new(), String::new(), String::new(), String::new(), String::new());
    for (at, (name, of_port, of_interface)) in ports.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        write!(uuids, r#"{comma}["uuid","p{at}"]"#).unwrap();
        write!(rows, r#"{comma}{{"_uuid":["uuid","p{at}"],"name":"{name}","interfaces":["uuid","i{at}"]{of_port}}}"#)
            .unwrap();
        write!(interfaces, r#"{comma}{{"_uuid":["uuid","i{at}"],"name":"{name}"{of_interface}}}"#).unwrap();
        write!(
            judged,
            r#"{comma}{{"_uuid":["uuid","p{at}"],"name":"{name}","interfaces":["uuid","i{at}"],"external_ids":["map",[]]}}"#
        )
        .unwrap();
        write!(
            judged_interfaces,
            r#"{comma}{{"_uuid":["uuid","i{at}"],"name":"{name}","type":"","ofport":1,"error":["set",[]],
            "link_state":"up","admin_state":"up","mac_in_use":["set",[]],"external_ids":["map",[]]}}"#
        )
        .unwrap();
    }
    let configured = format!(
        r#"{{"Open_vSwitch":{{"rows":[{{"_uuid":["uuid","o"]}}]}},
        "Bridge":{{"rows":[{{"_uuid":["uuid","b"],"name":"br0","ports":["set",[{uuids}]]}}]}},
        "Port":{{"rows":[{rows}]}},"Interface":{{"rows":[{interfaces}]}}}}"#
    );
    let judged = format!(
        r#"[{{"rows":[{{"cur_cfg":1,"next_cfg":1,"ovs_version":"3.1.0","external_ids":["map",[]]}}]}},
        {{"rows":[{{"_uuid":["uuid","b"],"name":"br0","ports":["set",[{uuids}]],"controller":["set",[]],
        "fail_mode":["set",[]],"datapath_type":""}}]}},{{"rows":[{judged}]}},{{"rows":[{judged_interfaces}]}},
        {{"rows":[]}}]"#
    );
    (configured, judged)
}

fn answers(ports: &[(&str, &str, &str)], links: &[(&str, &str)]) -> Answers {
    let (configured, judged) = switch(ports);
    let settings = Settings::default();
    let link = |(at, (name, mac)): (usize, &(&str, &str))| {
        let index = i32::try_from(at).unwrap();
        (
            (*name).to_owned(),
            Link { index, mac: Some((*mac).to_owned()), permanent_mac: Some((*mac).to_owned()), ..Link::default() },
        )
    };
    let links: SortedMap<String, Link> = links.iter().enumerate().map(link).collect();
    let mut remembered = Remembered::default();
    let known = [
        (Query::OvsConfiguration(settings.ovs.socket()), Answer::Text(configured.into_bytes())),
        (Query::Ovsdb(settings.ovs.socket()), Answer::Text(judged.into_bytes())),
        (Query::Links, Answer::Links(links)),
    ];
    for (query, answer) in known {
        remembered.0.insert(query, Reading::Known(answer));
    }
    remembered.into_answers()
}

/// What is said of a switch that was one way and is another: status, subject, cause and detail.
fn told(then: &Answers, now: &Answers) -> Vec<(Status, String, String, String)> {
    let told = |it: Outcome| (it.status, it.subject, it.cause.unwrap_or_default().to_owned(), it.detail);
    compared(then, now, |facts, before| judge(facts, before).into_iter().map(told).collect())
}

/// The one thing that is wrong.
fn only(then: &Answers, now: &Answers) -> (String, String, String) {
    let mut wrong: Vec<_> = told(then, now).into_iter().filter(|(status, ..)| *status != Status::Pass).collect();
    assert_eq!(wrong.len(), 1, "{wrong:#?}");
    let (status, subject, cause, detail) = wrong.remove(0);
    assert_eq!(status, Status::Fail);
    (subject, cause, detail)
}

const CARDS: [(&str, &str); 2] = [("eno1", "02:00:00:00:00:01"), ("eno2", "02:00:00:00:00:02")];

#[test]
fn a_card_that_is_gone_is_told_from_one_that_was_renamed() {
    let ports = [("eno1", "", ""), ("eno2", "", "")];
    let then = answers(&ports, &CARDS);
    let (subject, cause, detail) = only(&then, &answers(&ports, &CARDS[1..]));
    assert_eq!((subject.as_str(), cause.as_str(), detail.as_str()), ("br0/eno1", "missing", "eno1 of br0 is gone"));

    let renamed = [("ens1", "02:00:00:00:00:01"), CARDS[1]];
    let (_, cause, detail) = only(&then, &answers(&ports, &renamed));
    assert_eq!(
        (cause.as_str(), detail.as_str()),
        ("nic-renamed", "eno1 is now called ens1; br0 asks for eno1 in vain")
    );

    // The old row may stay behind: the device is on its bridge.
    let both = [("eno1", "", ""), ("ens1", "", ""), ("eno2", "", "")];
    assert!(told(&then, &answers(&both, &renamed)).iter().all(|(status, ..)| *status == Status::Pass));

    // Another card that got the name is not the card.
    let (_, cause, detail) = only(&then, &answers(&ports, &[("eno1", "02:00:00:00:00:09"), CARDS[1]]));
    assert_eq!(cause, "missing");
    assert!(detail.ends_with("what is called eno1 now is another device, 02:00:00:00:00:09"), "{detail}");
}

#[test]
fn cards_that_swapped_names_on_one_bridge_with_the_same_attributes_are_kept() {
    let swapped = [("eno1", "02:00:00:00:00:02"), ("eno2", "02:00:00:00:00:01")];
    let alike = [("eno1", r#","tag":5"#, ""), ("eno2", r#","tag":5"#, "")];
    let now = answers(&alike, &swapped);
    assert!(told(&answers(&alike, &CARDS), &now).iter().all(|(status, ..)| *status == Status::Pass));

    let unlike = [("eno1", r#","tag":5"#, ""), ("eno2", r#","tag":6"#, "")];
    let wrong = told(&answers(&unlike, &CARDS), &answers(&unlike, &swapped));
    let causes: Vec<_> = wrong.iter().map(|(_, subject, cause, _)| (subject.as_str(), cause.as_str())).collect();
    assert_eq!(causes, [("br0/eno1", "nic-renamed"), ("br0/eno2", "nic-renamed")]);
    assert!(wrong[0].3.contains("tag is 6, and was 5"), "{}", wrong[0].3);
}

#[test]
fn an_interface_and_its_port_may_have_the_same_column_and_defaults_say_nothing() {
    let was = [("eno1", r#","other_config":["map",[["a","1"]]]"#, r#","other_config":["map",[["a","2"]]]"#)];
    let is = [(
        "eno1",
        r#","other_config":["map",[["a","1"]]],"protected":false,"bond_updelay":0,"trunks":["set",[]]"#,
        r#","other_config":["map",[["a","3"]]],"ingress_policing_rate":0,"type":"system""#,
    )];
    let (_, cause, detail) = only(&answers(&was, &CARDS), &answers(&is, &CARDS));
    assert_eq!((cause.as_str(), detail.as_str()), ("attributes-changed", "br0/eno1: other_config:a is 3, and was 2"));
    // A tag of 0 is one.
    let (_, _, detail) = only(&answers(&[("eno1", "", "")], &CARDS), &answers(&[("eno1", r#","tag":0"#, "")], &CARDS));
    assert_eq!(detail, "br0/eno1: tag is 0, and was not set");
}

#[test]
fn of_a_masked_secret_only_its_presence_is_compared() {
    let with = |psk: &str| answers(&[("vx0", "", &format!(r#","type":"vxlan","options":["map",[{psk}]]"#))], &CARDS);
    let then = with(r#"["psk","***"]"#);
    assert!(told(&then, &with(r#"["psk","swordfish"]"#)).iter().all(|(status, ..)| *status == Status::Pass));
    let (_, _, detail) = only(&then, &with(""));
    assert_eq!(detail, "br0/vx0: options:psk is not set, and was ***");
}

#[test]
fn what_could_not_be_read_is_unknown_now_and_in_the_baseline() {
    let whole = answers(&[("eno1", "", "")], &CARDS);
    let questions: Vec<Query> = whole.0.keys().cloned().collect();
    for query in questions.iter().filter(|query| !matches!(query, Query::Ovsdb(_))) {
        let mut torn = answers(&[("eno1", "", "")], &CARDS);
        let trouble = Reading::unreadable(TroubleCause::TimedOut, "did not answer");
        torn.0.get_mut(query).unwrap().reading = trouble;
        for rows in [told(&whole, &torn), told(&torn, &whole)] {
            assert!(rows.iter().all(|(status, ..)| *status == Status::Unknown) && !rows.is_empty(), "{query} {rows:?}");
        }
    }
}

/// Ten times the ports are not a hundred times the work.
#[test]
fn thousands_of_ports_are_compared_in_linear_time() {
    let time = |count: usize| {
        let names: Vec<String> = (0..count).map(|at| format!("vx{at}")).collect();
        let ports: Vec<(&str, &str, &str)> =
            names.iter().map(|name| (name.as_str(), r#","tag":7"#, r#","type":"vxlan""#)).collect();
        let (then, now) = (answers(&ports, &CARDS), answers(&ports, &CARDS));
        let started = std::time::Instant::now();
        assert_eq!(told(&then, &now).len(), 1);
        started.elapsed().as_secs_f64()
    };
    let few = (0..3).map(|_| time(500)).fold(f64::MAX, f64::min);
    let many = time(5000);
    assert!(many < 40.0 * few, "500 ports took {few} s, 5000 took {many} s");
}
