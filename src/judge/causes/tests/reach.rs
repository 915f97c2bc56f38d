//! How far a fault reaches: what it cannot have caused stays a headline.

use serde_json::json;

use super::*;
use crate::model::answer::{Answer, Asked};
use crate::model::{Query, Reading};

#[test]
fn an_attribute_that_carries_no_traffic_explains_nothing() {
    let host = host();
    for (key, headlines) in [
        ("external_ids:installed-by", 2),
        ("other_config:note", 2),
        ("tag", 1),
        ("interface type", 1),
        ("options:remote_ip", 1),
    ] {
        let rows = vec![
            row("ovs.port-kept", "br-ex/ens7", Some("attributes-changed"), &[port("ens7")]).expecting(key, "was"),
            row("management.reachable", "https://pcd.example/", Some("not-reached"), &[peer("https://pcd.example/")]),
        ];
        assert_eq!(told(rows, &host, Some(&host)).len(), headlines, "{key}");
    }
}

#[test]
fn no_manager_of_the_network_takes_hardware_or_pulls_a_plug() {
    let host = host();
    let networkd = || unit("systemd-networkd.service");
    let rows = vec![
        row("services.kept", "systemd-networkd.service", Some("failed"), &[networkd()])
            .observing("active_state", "failed"),
        row("network.link-kept", "ens3", Some("missing"), &[device("ens3")]).expecting("permanent_mac", "52:54:00:01"),
        row("network.address-kept", "ens3 10.0.2.15/24", Some("missing"), &[device("ens3")]),
        row("ovs.uplink", "br-ex/ens7", Some("link-down"), &[port("ens7")])
            .observing("admin_up", true)
            .observing("carrier", false),
        row("network.link-kept", "ens7", Some("down"), &[device("ens7")])
            .observing("admin_up", true)
            .observing("carrier", false),
        row("network.link-kept", "ens8", Some("down"), &[device("ens8")])
            .observing("admin_up", false)
            .observing("carrier", false),
        row("network.rule-kept", "100: from 10.0.0.0/8 lookup 100", None, &[device("")]),
        row("network.dns-kept", "", Some("servers-changed"), &[device("")]),
    ];
    assert_eq!(
        told(rows, &host, Some(&host)),
        [
            "services.kept systemd-networkd.service <- network.link-kept ens8, \
             network.rule-kept 100: from 10.0.0.0/8 lookup 100, network.dns-kept",
            "network.link-kept ens3 <- network.address-kept ens3 10.0.2.15/24",
            "ovs.uplink br-ex/ens7 <- network.link-kept ens7",
        ]
    );
}

#[test]
fn an_agent_hangs_below_the_management_plane_and_the_way_to_it() {
    let host = host();
    let agent = || unit("pf9-hostagent.service");
    let url = "https://10.0.2.2/";
    let connected = || row("agent.connected", "", Some("not-connected"), &[agent(), peer("")]);
    let rows = vec![connected(), row("management.reachable", url, Some("not-reached"), &[peer(url)])];
    assert_eq!(told(rows, &host, Some(&host)), ["management.reachable https://10.0.2.2/ <- agent.connected"]);
    let rows = vec![connected(), row("management.reachable", url, Some("certificate"), &[peer(url)])];
    assert_eq!(told(rows, &host, Some(&host)).len(), 2, "it answers");
    let rows = vec![
        row("ovs.uplink", "br-ex/ens7", Some("link-down"), &[port("ens7")]),
        row("agent.service", "pf9-hostagent.service", Some("failed"), &[peer(""), agent()]),
        row("services.kept", "pf9-hostagent.service", Some("failed"), &[agent()])
            .told_by("agent.service", "pf9-hostagent.service"),
    ];
    assert_eq!(
        told(rows, &host, Some(&host)),
        ["ovs.uplink br-ex/ens7 <- agent.service pf9-hostagent.service, services.kept pf9-hostagent.service"]
    );
    let rows = vec![
        row("ovs.uplink", "br-ex/ens7", Some("link-down"), &[port("ens7")]),
        row("agent.service", "pf9-hostagent.service", Some("masked"), &[agent()]),
    ];
    assert_eq!(told(rows, &host, Some(&host)).len(), 2, "no network masks a unit");
}

#[test]
fn an_agent_hangs_below_its_own_way_and_no_other() {
    let host = host();
    let url = "https://pcd.example/";
    let lost = || row("ovs.port-kept", "br-stor/bond1.200", Some("detached"), &[port("bond1.200")]);
    let uplink = || row("ovs.uplink", "br-ex/ens7", Some("link-down"), &[port("ens7")]);
    let plane = |cause| {
        let part = if cause == "refused" { Part::Refuser(url.to_owned()) } else { peer(url) };
        row("management.reachable", url, Some("not-reached"), &[part])
    };
    let connected = || row("agent.connected", "", Some("not-connected"), &[way("10.30.0.11", "10.30.0.9")]);
    let gave_up = || row("agent.service", "a", Some("failed"), &[unit("a"), way("10.30.0.11", "10.30.0.9")]);
    for (rows, headlines) in [
        // The default route leads by br-ex, and that by which it was connected does not.
        (vec![lost(), connected()], &["ovs.port-kept br-stor/bond1.200 <- agent.connected"][..]),
        (vec![uplink(), connected()], &["ovs.uplink br-ex/ens7 <- ", "agent.connected <- "]),
        (
            vec![uplink(), plane("silent"), connected()],
            &["ovs.uplink br-ex/ens7 <- management.reachable https://pcd.example/", "agent.connected <- "],
        ),
        (vec![plane("silent"), connected()], &["management.reachable https://pcd.example/ <- agent.connected"]),
        (vec![plane("silent"), gave_up()], &["management.reachable https://pcd.example/ <- agent.service a"]),
        // Who refuses is there: it tells of the agent, and no uplink tells of it.
        (
            vec![uplink(), plane("refused"), connected()],
            &["ovs.uplink br-ex/ens7 <- ", "management.reachable https://pcd.example/ <- agent.connected"],
        ),
    ] {
        assert_eq!(told(rows, &host, Some(&host)), headlines);
    }
}

#[test]
fn a_unit_that_gave_up_for_want_of_the_management_plane_is_no_headline_whoever_looks_at_it() {
    let host = host();
    let rows = vec![
        row("services.kept", "a", Some("stopped"), &[unit("a")]).told_by("agent.service", "a"),
        row("management.reachable", "https://pcd.example/", Some("not-reached"), &[peer("https://pcd.example/")]),
        row("agent.service", "a", Some("failed"), &[unit("a"), peer("")]),
    ];
    assert_eq!(
        told(rows, &host, Some(&host)),
        ["management.reachable https://pcd.example/ <- services.kept a, agent.service a"]
    );
}

#[test]
fn a_fake_bridge_tells_of_its_ports_and_its_parents_uplink_of_it() {
    let mut host = host();
    let wiring = json!({
        "Open_vSwitch": {"rows": []},
        "Bridge": {"rows": [{"_uuid": ["uuid", "b"], "name": "br-ex",
            "ports": ["set", [["uuid", "u"], ["uuid", "f"], ["uuid", "w"]]]}]},
        "Port": {"rows": [
            {"_uuid": ["uuid", "u"], "name": "ens7", "interfaces": ["uuid", "iu"], "fake_bridge": false},
            {"_uuid": ["uuid", "f"], "name": "vlan20", "interfaces": ["uuid", "if"], "fake_bridge": true, "tag": 20},
            {"_uuid": ["uuid", "w"], "name": "ens3", "interfaces": ["uuid", "iw"], "tag": 20},
        ]},
        "Interface": {"rows": [
            {"_uuid": ["uuid", "iu"], "name": "ens7"}, {"_uuid": ["uuid", "iw"], "name": "ens3", "type": ""},
            {"_uuid": ["uuid", "if"], "name": "vlan20", "type": "internal"},
        ]},
    });
    let asked = Query::OvsConfiguration("/run/openvswitch/db.sock".to_owned());
    let answer = Answer::Text(wiring.to_string().into_bytes());
    host.0.insert(asked, Asked { reading: Reading::Known(answer), micros: 0 });
    let lost = |name: &str| row("ovs.port-kept", &format!("br-ex/{name}"), Some("detached"), &[port(name)]);
    for (names, headline) in [
        (["vlan20", "ens3"], "ovs.port-kept br-ex/vlan20 <- ovs.port-kept br-ex/ens3"),
        (["ens3", "vlan20"], "ovs.port-kept br-ex/vlan20 <- ovs.port-kept br-ex/ens3"),
        (["vlan20", "ens7"], "ovs.port-kept br-ex/ens7 <- ovs.port-kept br-ex/vlan20"),
    ] {
        assert_eq!(told(names.map(lost).into(), &host, Some(&host)), [headline]);
    }
    let all = told(["vlan20", "ens3", "ens7"].map(lost).into(), &host, Some(&host));
    assert_eq!(all, ["ovs.port-kept br-ex/ens7 <- ovs.port-kept br-ex/vlan20, ovs.port-kept br-ex/ens3"]);
}

#[test]
fn what_the_switch_lost_it_does_not_switch_on() {
    let host = host();
    let down = |name: &str| row("network.link-kept", name, Some("down"), &[device(name), port(name)]);
    for cause in [
        row("ovs.daemons", "", Some("ovsdb-unreachable"), &[Part::Switch]),
        row("ovs.database-emptied", "", None, &[Part::Switch]),
        row("ovs.bridge-kept", "br-data", Some("missing"), &[Part::Bridge("br-data".to_owned())]),
        row("ovs.port-kept", "br-data/bond0", Some("detached"), &[port("ens8"), port("ens9")]),
    ] {
        let told = told(vec![cause, down("ens8"), down("ens9")], &host, Some(&host));
        assert_eq!(told.len(), 1, "{told:#?}");
    }
}

#[test]
fn a_renamed_nic_that_is_down_is_told_by_what_it_carried() {
    let (then, mut now) = (host(), host());
    rename(&mut now, &[("ens3", "enp3s0"), ("ens10", "enp10s0"), ("ens11", "enp11s0")]);
    let down = |name: &str, called: &str| {
        row("network.link-kept", name, Some("down"), &[device(name)]).observing("name", called)
    };
    let rows = vec![
        down("ens3", "enp3s0"),
        row("network.address-kept", "ens3 10.0.2.15/24", Some("missing"), &[device("ens3")]),
        row("network.link-kept", "bond1", Some("bond-member-missing"), &["bond1", "ens10", "ens11"].map(device)),
        down("ens10", "enp10s0"),
        down("ens11", "enp11s0"),
    ];
    assert_eq!(
        told(rows, &now, Some(&then)),
        [
            "network.address-kept ens3 10.0.2.15/24 <- network.link-kept ens3",
            "network.link-kept bond1 <- network.link-kept ens10, network.link-kept ens11",
        ]
    );
    // Where nothing else tells of it, it tells of itself.
    assert_eq!(told(vec![down("ens3", "enp3s0")], &now, Some(&then)), ["network.link-kept ens3 <- "]);
}

#[test]
fn what_lies_deeper_is_told_first() {
    let finding = |id, cause| row(id, "", cause, &[]).finding;
    let mut depths = Vec::new();
    for (id, cause) in [
        ("ovs.daemons", None),
        ("ovs.port-kept", Some("missing")),
        ("ovs.uplink", None),
        ("network.link-kept", Some("down")),
        ("network.address-kept", Some("missing")),
        ("management.reachable", None),
        ("agent.service", None),
        ("disk.space", None),
    ] {
        depths.push(depth(&finding(id, cause)));
    }
    assert!(depths.is_sorted_by(|one, next| one < next), "{depths:?}");
}

#[test]
fn the_addresses_of_one_link_are_one_fault_and_each_family_explains_its_own() {
    let host = host();
    let address = |subject: &str| row("network.address-kept", subject, Some("missing"), &[device("ens3")]);
    let route = |subject: &str| row("network.route-kept", subject, None, &[device("ens3")]);
    let (v4, v6) = ("ens3 10.0.2.15/24", "ens3 2001:db8::15/64");
    assert_eq!(
        told(vec![address(v4), route("10.9.0.0/16 table 254"), route("::/0 table 254")], &host, Some(&host)),
        [
            "network.address-kept ens3 10.0.2.15/24 <- network.route-kept 10.9.0.0/16 table 254",
            "network.route-kept ::/0 table 254 <- ",
        ]
    );
    let rows = vec![
        address(v4),
        address(v6),
        route("::/0 table 254"),
        row("network.reachable", "10.0.2.2:53", None, &[peer("10.0.2.2:53")]),
    ];
    let told_of = told(rows, &host, Some(&host));
    assert_eq!(told_of.len(), 1, "{told_of:#?}");
    let of_another = row("network.address-kept", "br-ex 172.24.4.11/24", Some("missing"), &[device("br-ex")]);
    assert_eq!(told(vec![address(v4), of_another], &host, Some(&host)).len(), 2);
}
