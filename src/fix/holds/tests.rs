use serde_json::json;

use super::*;
use crate::model::Answer;
use crate::model::answer::NextHop;
use crate::model::sorted::SortedMap;

/// Answers what it was given, and has nothing to say of the rest.
#[derive(Default)]
struct Fake(SortedMap<Query, Answer>);

impl Observe for Fake {
    fn ask(&self, query: &Query) -> Reading<Answer> {
        match self.0.get(query) {
            Some(answer) => Reading::Known(answer.clone()),
            None => Reading::unreadable(TroubleCause::Failed, "not there"),
        }
    }
}

impl Fake {
    fn with(mut self, query: Query, answer: Answer) -> Self {
        self.0.insert(query, answer);
        self
    }

    fn link(name: &str, link: Link) -> Self {
        Self::default().with(Query::Links, Answer::Links([(name.to_owned(), link)].into()))
    }

    fn holds(&self, what: &Holds) -> bool {
        holds(self, what, None) == Reading::Known(true)
    }
}

fn text(word: &str) -> String {
    word.to_owned()
}

#[test]
fn what_cannot_be_read_is_never_so() {
    let all = [
        Holds::LinkMaster { name: text("eno1"), master: None },
        Holds::AlternativeName { name: text("a"), of: text("b"), there: false },
        Holds::Address { device: text("eno1"), address: text("192.0.2.7/24"), there: false },
        Holds::Route { words: text("default via 192.0.2.1"), there: false },
        Holds::Rule { words: text("priority 1 from all lookup 7"), there: false },
        Holds::UnitActive { unit: text("a.service"), active: false },
        Holds::Port { bridge: text("br-ex"), port: text("eno1"), there: false },
        Holds::Bridges { names: vec![text("br-ex")], there: false },
        Holds::Package { name: text("a"), version: text("1") },
    ];
    for what in all {
        assert!(matches!(holds(&Fake::default(), &what, None), Reading::Unreadable(_)), "{what:?}");
    }
}

#[test]
fn a_link_is_known_by_its_permanent_address() {
    let link = Link {
        mac: Some(text("52:54:00:00:00:09")),
        permanent_mac: Some(text("52:54:00:AA:00:01")),
        admin_up: true,
        mtu: 9000,
        master: Some(text("ovs-system")),
        alternative_names: vec![text("enp3s0")],
        ..Link::default()
    };
    let host = Fake::link("eno1", link);
    let name = || text("eno1");
    assert!(host.holds(&Holds::LinkNamed { name: name(), mac: text("52:54:00:aa:00:01") }));
    assert!(!host.holds(&Holds::LinkNamed { name: name(), mac: text("52:54:00:00:00:09") }));
    assert!(!host.holds(&Holds::LinkNamed { name: text("eno2"), mac: text("52:54:00:aa:00:01") }));
    assert!(host.holds(&Holds::LinkUp { name: name(), up: true }));
    assert!(!host.holds(&Holds::LinkUp { name: text("eno2"), up: false }), "a link that is gone is not down");
    assert!(host.holds(&Holds::LinkMtu { name: name(), mtu: 9000 }));
    assert!(host.holds(&Holds::LinkMaster { name: name(), master: Some(text("ovs-system")) }));
    assert!(!host.holds(&Holds::LinkMaster { name: name(), master: None }));
    assert!(host.holds(&Holds::AlternativeName { name: text("enp3s0"), of: name(), there: true }));
    assert!(host.holds(&Holds::AlternativeName { name: text("enp4s0"), of: name(), there: false }));
}

#[test]
fn routes_and_rules_are_known_by_their_words() {
    let hop = NextHop { gateway: Some(text("192.0.2.1")), link: Some(text("br-ex")), ..NextHop::default() };
    let default = Route {
        table: 254,
        destination: text("default"),
        kind: text("unicast"),
        metric: 100,
        next_hops: vec![hop.clone()],
        ..Route::default()
    };
    let other = Route { table: 7, ipv6: true, next_hops: vec![NextHop { gateway: None, ..hop }], ..default.clone() };
    let rule =
        Rule { priority: 100, from: Some(text("192.0.2.0/24")), action: text("lookup"), table: 7, ..Rule::default() };
    let host = Fake::default()
        .with(Query::Routes, Answer::Routes(vec![default, other]))
        .with(Query::Rules, Answer::Rules(vec![rule]));
    let route = |words: &str| host.holds(&Holds::Route { words: text(words), there: true });
    for words in
        ["", " table main", " table 254"].map(|table| format!("default via 192.0.2.1 dev br-ex metric 100{table}"))
    {
        assert!(route(&words), "{words}");
    }
    assert!(route("default dev br-ex metric 100 table 7") && route("-6 default dev br-ex metric 100 table 7"));
    assert!(!route("-4 default dev br-ex metric 100 table 7"));
    assert!(!route("default via 192.0.2.1 dev br-ex") && !route("default via 192.0.2.1 dev br-ex metric 100 table 7"));
    assert!(host.holds(&Holds::Route { words: text("default via 192.0.2.9 dev br-ex"), there: false }));
    assert!(host.holds(&Holds::Rule { words: text("priority 100 from 192.0.2.0/24 lookup 7"), there: true }));
    assert!(!host.holds(&Holds::Rule { words: text("priority 100 from 192.0.2.0/24 lookup 8"), there: true }));
}

#[test]
fn a_unit_under_way_is_neither_up_nor_down() {
    for (state, up, down) in [("active", true, false), ("activating", false, false), ("failed", false, true)] {
        let unit = Unit { active: text(state), file_state: text("enabled"), ..Unit::default() };
        let host = Fake::default().with(Query::Unit(text("a.service")), Answer::Unit(unit));
        let active = |active| host.holds(&Holds::UnitActive { unit: text("a.service"), active });
        assert_eq!((active(true), active(false)), (up, down), "{state}");
        assert!(!host.holds(&Holds::UnitInactive { unit: text("a.service") }), "{state}");
        assert!(host.holds(&Holds::UnitFile { unit: text("a.service"), state: text("enabled") }));
        assert!(!host.holds(&Holds::UnitFile { unit: text("a.service"), state: text("disabled") }));
    }
}

/// br-ex with the plain port eno1.
fn switch(next: i64, ofport: i64, error: &str, master: &str) -> Fake {
    let uuid = |last: &str| json!(["uuid", format!("00000000-0000-0000-0000-00000000000{last}")]);
    let none = json!(["set", []]);
    let map = json!(["map", []]);
    let tables = json!([
        {"rows": [{"cur_cfg": 4, "next_cfg": next, "ovs_version": "3", "external_ids": map}]},
        {"rows": [{"_uuid": uuid("1"), "name": "br-ex", "ports": uuid("2"), "controller": none, "fail_mode": none,
                   "datapath_type": ""}]},
        {"rows": [{"_uuid": uuid("2"), "name": "eno1", "interfaces": uuid("3"), "external_ids": map}]},
        {"rows": [{"_uuid": uuid("3"), "name": "eno1", "type": "", "ofport": ofport, "error": error,
                   "link_state": "up", "admin_state": "up", "mac_in_use": none, "external_ids": map}]},
        {"rows": []},
    ]);
    let link = Link { master: Some(text(master)), ..Link::default() };
    Fake::link("eno1", link).with(Query::Ovsdb(text(SOCKET)), Answer::Text(tables.to_string().into_bytes()))
}

#[test]
fn a_port_counts_when_the_switch_has_it_and_the_database_alone_is_not_enough() {
    let port = |there| Holds::Port { bridge: text("br-ex"), port: text("eno1"), there };
    let attached = || switch(4, 1, "", "ovs-system");
    assert!(attached().holds(&port(true)) && !attached().holds(&port(false)));
    let member = |name: &str| Holds::Port { bridge: text("br-ex"), port: format!("eno1/{name}"), there: true };
    assert!(attached().holds(&member("eno1")) && !attached().holds(&member("eno2")));
    assert!(attached().holds(&Holds::Port { bridge: text("br-ex"), port: text("eno2"), there: false }));
    assert!(attached().holds(&Holds::Bridges { names: vec![text("br-ex")], there: true }));
    assert!(!attached().holds(&Holds::Bridges { names: vec![text("br-ex"), text("br-x")], there: true }));
    for broken in [
        switch(5, 1, "", "ovs-system"),
        switch(4, -1, "", "ovs-system"),
        switch(4, 1, "could not open network device eno1", "ovs-system"),
        switch(4, 1, "", "bond0"),
    ] {
        assert!(!broken.holds(&port(true)));
    }
}

#[test]
fn a_package_counts_when_it_is_wholly_there_in_this_version() {
    let host = |status: &str| {
        let text = format!("Package: agent\nStatus: {status}\nArchitecture: amd64\nVersion: 1.2\n\n");
        Fake::default().with(Query::File(STATUS.to_owned()), Answer::Text(text.into_bytes()))
    };
    let holds = |status: &str, version: &str| {
        host(status).holds(&Holds::Package { name: text("agent"), version: text(version) })
    };
    assert!(holds("install ok installed", "1.2") && holds("hold ok installed", "1.2"));
    assert!(!holds("install ok installed", "1.3") && !holds("install ok half-configured", "1.2"));
    assert!(!holds("install reinstreq installed", "1.2"));
}

#[test]
fn installed_again_is_what_has_a_new_list_of_files_and_held_what_nobody_upgrades() {
    let list = "/var/lib/dpkg/info/agent.list";
    let host = |want: &str, seconds: i64| {
        let status = format!("Package: agent\nStatus: {want} ok installed\nArchitecture: amd64\nVersion: 1.2\n\n");
        let host = Fake::default().with(Query::File(STATUS.to_owned()), Answer::Text(status.into_bytes()));
        host.with(Query::Modified(text(list)), Answer::Modified(Modified { seconds }))
    };
    let again = |version: &str| Holds::Reinstalled {
        name: text("agent"),
        version: text(version),
        list: text(list),
        since: 100,
    };
    assert!(host("install", 101).holds(&again("1.2")));
    assert!(!host("install", 100).holds(&again("1.2")) && !host("install", 101).holds(&again("1.3")));

    let held = |name: &str| Holds::Held { name: text(name) };
    assert!(host("hold", 1).holds(&held("agent")) && host("hold", 1).holds(&held("agent:amd64")));
    assert!(!host("install", 1).holds(&held("agent")) && !host("hold", 1).holds(&held("agent:i386")));
}
