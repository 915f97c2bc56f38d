use super::*;
use crate::facts::nics::tests::{answers, compared, links};
use crate::model::answer::{Answer, Asked, Link};
use crate::model::{Answers, Reading};

fn own() -> Vec<Rule> {
    [(0, 255, false), (32_766, 254, false), (32_767, 253, false), (0, 255, true), (32_766, 254, true)]
        .map(|(priority, table, ipv6)| Rule { ipv6, priority, table, action: "lookup".to_owned(), ..Rule::default() })
        .into()
}

fn rule(priority: u32, from: &str) -> Rule {
    Rule { priority, from: Some(from.to_owned()), action: "lookup".to_owned(), table: 100, ..Rule::default() }
}

/// A card of this name, a tap, and these rules beside the kernel's.
fn host(card: &str, rules: Vec<Rule>) -> Answers {
    let mac = Some("52:54:00:00:00:0a".to_owned());
    let nic = Link { mac: mac.clone(), permanent_mac: mac, ..Link::default() };
    let tap = Link { kind: Some("tun".to_owned()), ..Link::default() };
    let rules = rules.into_iter().chain(own()).collect();
    let mut host = answers([links([(card, nic), ("tap1", tap)]), (Query::Rules, Answer::Rules(rules))]);
    let socket = crate::catalog::Settings::default().ovs.socket();
    host.0.insert(Query::Ovsdb(socket), Asked { reading: Reading::Absent, micros: 0 });
    host
}

fn shown(then: &Answers, now: &Answers) -> Vec<String> {
    let outcomes = compared(then, now, judge);
    outcomes.into_iter().map(|it| format!("{} {:?}: {}", it.subject, it.status, it.detail)).collect()
}

#[test]
fn the_kernels_own_are_not_compared() {
    let of_vrf = Rule { priority: 1000, action: "l3mdev".to_owned(), ..Rule::default() };
    let of_tap = Rule { input: Some("tap1".to_owned()), ..rule(9, "10.0.0.0/8") };
    let then = host("ens3", vec![of_vrf, of_tap]);
    let skipped = [" Skip: the baseline has no routing rule but the kernel's own"];
    assert_eq!(shown(&then, &host("ens3", Vec::new())), skipped);
    let mut bare = host("ens3", Vec::new());
    bare.0.extend(answers([(Query::Rules, Answer::Rules(Vec::new()))]).0);
    assert_eq!(shown(&then, &bare), skipped);
}

#[test]
fn what_is_at_its_place_is_told() {
    let then = host("ens3", vec![rule(50, "10.0.0.0/8")]);
    let now = host("ens3", vec![Rule { table: 200, ..rule(50, "10.0.0.0/8") }]);
    let expected = "priority 50 from 10.0.0.0/8 lookup 100 Fail: the routing rule is gone: priority 50 from 10.0.0.0/8 \
                    lookup 100; there is priority 50 from 10.0.0.0/8 lookup 200";
    assert_eq!(shown(&then, &now), [expected]);
    let six = host("ens3", vec![Rule { ipv6: true, from: None, ..rule(50, "") }]);
    compared(&six, &host("ens3", Vec::new()), |facts, before| {
        let outcome = &judge(facts, before)[0];
        assert_eq!(outcome.subject, "-6 priority 50 from all lookup 100");
        assert_eq!(outcome.by_hand[0][..4], ["ip", "-6", "rule", "add"]);
    });
}

/// Below 32766, and below the first that somebody set.
#[test]
fn priorities_of_the_kernels_choice_are_in_no_order() {
    for (one, other, first) in [(32_764, 32_765, None), (98, 99, Some(100))] {
        let with = |low: &str, high: &str| {
            let set = first.map(|priority| rule(priority, "10.9.0.0/16"));
            host("ens3", [rule(one, low), rule(other, high)].into_iter().chain(set).collect())
        };
        let told = shown(&with("10.1.0.0/16", "10.2.0.0/16"), &with("10.2.0.0/16", "10.1.0.0/16"));
        assert!(told.len() == 1 && told[0].starts_with(" Pass: "), "{told:?}");
    }
    let then = host("ens3", vec![rule(50, "10.1.0.0/16")]);
    assert_ne!(shown(&then, &host("ens3", vec![rule(60, "10.1.0.0/16")])), shown(&then, &then));
    let last = host("ens3", vec![rule(u32::MAX, "10.1.0.0/16")]);
    assert_eq!(shown(&last, &last), [" Pass: 1 routing rule is there"]);
}

#[test]
fn a_rule_that_names_a_device_by_its_old_name_is_told() {
    let by = |device: &str| Rule { input: Some(device.to_owned()), ..rule(50, "10.0.0.0/8") };
    let then = host("ens3", vec![by("ens3")]);
    assert_eq!(shown(&then, &host("eth0", vec![by("eth0")])), [" Pass: 1 routing rule is there"]);
    assert_eq!(
        shown(&then, &host("eth0", vec![by("ens3")])),
        [
            "priority 50 from 10.0.0.0/8 iif ens3 lookup 100 Fail: ens3 is now called eth0; the routing rule still names it so"
        ]
    );
    // What names a device that is not there is kept as it is.
    let detached = host("ens3", vec![by("ppp0")]);
    assert_eq!(shown(&detached, &detached), [" Pass: 1 routing rule is there"]);
}

/// networkd adds a rule with the device that it is configured with.
#[test]
fn a_rule_about_an_address_went_with_the_device_that_had_it() {
    let [link, address, scope] = ["ens3", "10.30.0.11/24", "global"].map(str::to_owned);
    let addresses = vec![Address { link, address, scope, permanent: true }];
    let mut then = host("ens3", vec![rule(50, "10.30.0.11"), rule(60, "10.30.0.0/24")]);
    then.0.extend(answers([(Query::Addresses, Answer::Addresses(addresses))]).0);
    let outcomes = compared(&then, &host("ens3", Vec::new()), judge);
    let touched: Vec<&[Part]> = outcomes.iter().map(|it| it.touches.as_slice()).collect();
    assert_eq!(touched, [[Part::Device("ens3".to_owned())], [Part::Device(String::new())]]);
}
