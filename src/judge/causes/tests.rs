pub mod host;
mod reach;
mod weights;

use super::*;
use host::*;

#[test]
fn a_renamed_uplink_takes_address_route_agent_and_peers_with_it() {
    let (then, mut now) = (host(), host());
    rename(&mut now, &[("ens7", "enp7s0")]);
    let rows = vec![
        row("ovs.uplink", "br-ex/ens7", Some("nic-renamed"), &[port("ens7")]),
        row("ovs.port-kept", "br-ex/ens7", Some("nic-renamed"), &[port("ens7")]),
        row("network.link-kept", "ens7", Some("renamed"), &[device("ens7")]),
        row("network.address-kept", "br-ex 172.24.4.11/24", Some("missing"), &[device("br-ex")]),
        row("network.route-kept", "default", None, &[device("br-ex")]),
        row("management.reachable", "https://pcd.example/", None, &[peer("https://pcd.example/")]),
        row("network.reachable", "10.0.2.2:53", None, &[peer("10.0.2.2:53")]),
        row("agent.connected", "", None, &[peer(""), unit("pf9-comms.service")]),
    ];
    assert_eq!(
        told(rows, &now, Some(&then)),
        [
            "ovs.port-kept br-ex/ens7 <- ovs.uplink br-ex/ens7, network.link-kept ens7, \
             network.address-kept br-ex 172.24.4.11/24, network.route-kept default, \
             management.reachable https://pcd.example/, agent.connected",
            "network.reachable 10.0.2.2:53 <- ",
        ]
    );
}

#[test]
fn a_renamed_nic_without_a_bridge_is_told_by_its_first_address() {
    let (then, mut now) = (host(), host());
    rename(&mut now, &[("ens3", "enp3s0")]);
    let rows = || {
        vec![
            row("network.link-kept", "ens3", Some("renamed"), &[device("ens3")]),
            row("network.address-kept", "ens3 10.0.2.15/24", Some("missing"), &[device("ens3")]),
            row("network.address-kept", "ens3 10.0.2.16/24", Some("missing"), &[device("ens3")]),
            row("network.route-kept", "10.9.0.0/16", None, &[device("ens3")]),
            row("network.reachable", "10.0.2.2:53", None, &[peer("10.0.2.2:53")]),
        ]
    };
    assert_eq!(
        told(rows(), &now, Some(&then)),
        ["network.address-kept ens3 10.0.2.15/24 <- network.link-kept ens3, \
             network.address-kept ens3 10.0.2.16/24, network.route-kept 10.9.0.0/16, network.reachable 10.0.2.2:53"]
    );
    // A NIC that is where it was lost both at once.
    let told = told(rows(), &then, Some(&then));
    assert_eq!(told.len(), 2, "{told:#?}");
}

#[test]
fn names_that_nics_took_from_each_other_are_one_fault() {
    let (then, mut now) = (host(), host());
    rename(&mut now, &[("ens7", "ens8"), ("ens8", "ens7")]);
    let rows = vec![
        row("ovs.port-kept", "br-data/bond0/ens8", Some("nic-renamed"), &[port("ens8")]),
        row("ovs.port-kept", "br-ex/ens7", Some("nic-renamed"), &[port("ens7")]),
        row("management.reachable", "https://pcd.example/", None, &[peer("https://pcd.example/")]),
    ];
    assert_eq!(
        told(rows, &now, Some(&then)),
        ["ovs.port-kept br-data/bond0/ens8 <- ovs.port-kept br-ex/ens7, management.reachable https://pcd.example/"]
    );
}

#[test]
fn a_nic_that_is_gone_is_told_by_its_port() {
    let (then, mut now) = (host(), host());
    links(&mut now).remove("ens7");
    let rows = vec![
        row("network.link-kept", "ens7", Some("missing"), &[device("ens7")]),
        row("ovs.port-kept", "br-ex/ens7", Some("missing"), &[port("ens7")]),
        row("ovs.uplink", "br-ex/ens7", Some("device-missing"), &[port("ens7")]),
        row("network.link-kept", "ens3", Some("missing"), &[device("ens3")]),
        row("network.address-kept", "ens3 10.0.2.15/24", Some("missing"), &[device("ens3")]),
    ];
    assert_eq!(
        told(rows, &now, Some(&then)),
        [
            "ovs.port-kept br-ex/ens7 <- network.link-kept ens7, ovs.uplink br-ex/ens7",
            "network.link-kept ens3 <- network.address-kept ens3 10.0.2.15/24",
        ]
    );
}

#[test]
fn faults_of_two_ports_of_one_bridge_stay_two() {
    let host = host();
    let rows = vec![
        row("ovs.port-kept", "br-data/bond0/ens8", Some("missing"), &[port("ens8")]),
        row("ovs.uplink", "br-data/bond0/ens9", Some("link-down"), &[port("ens9")]),
        row("ovs.port-kept", "br-ex/ens7", Some("attributes-changed"), &[port("ens7")]),
        row("network.address-kept", "br-ex 172.24.4.11/24", Some("missing"), &[device("br-ex")]),
    ];
    assert_eq!(
        told(rows, &host, Some(&host)),
        [
            "ovs.port-kept br-data/bond0/ens8 <- ",
            "ovs.uplink br-data/bond0/ens9 <- ",
            // A lost tag takes no address away.
            "ovs.port-kept br-ex/ens7 <- ",
            "network.address-kept br-ex 172.24.4.11/24 <- ",
        ]
    );
}

#[test]
fn a_bond_that_is_gone_explains_its_members() {
    let host = host();
    let rows = vec![
        row("ovs.port-kept", "br-data/bond0/ens8", Some("detached"), &[port("ens8")]),
        row("ovs.port-kept", "br-data/bond0", Some("missing"), &[port("bond0")]),
        row("ovs.port-kept", "br-data/bond0/ens9", Some("detached"), &[port("ens9")]),
    ];
    assert_eq!(
        told(rows, &host, Some(&host)),
        ["ovs.port-kept br-data/bond0 <- ovs.port-kept br-data/bond0/ens8, ovs.port-kept br-data/bond0/ens9"]
    );
}

#[test]
fn an_emptied_database_explains_every_bridge_and_what_lay_on_it() {
    let host = host();
    let rows = vec![
        row("ovs.database-emptied", "", None, &[Part::Switch]),
        row("ovs.bridge-kept", "br-ex", Some("missing"), &[Part::Bridge("br-ex".to_owned())]),
        row("ovs.port-kept", "br-ex/ens7", Some("detached"), &[port("ens7")]),
        row("network.link-kept", "br-ex", Some("missing"), &[device("br-ex")]),
        row("network.address-kept", "br-ex 172.24.4.11/24", Some("on-enslaved-nic"), &[device("br-ex")]),
        row("ovn.controller", "", Some("not-connected"), &[unit("ovn-controller.service"), peer("tcp:10.20.0.1:6642")]),
        row("network.address-kept", "ens3 10.0.2.15/24", Some("missing"), &[device("ens3")]),
    ];
    let told = told(rows, &host, Some(&host));
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].starts_with("ovs.database-emptied <- ") && told[1].starts_with("network.address-kept ens3"));
}

#[test]
fn a_bridge_that_is_gone_explains_its_ports_and_nothing_of_others() {
    let host = host();
    let rows = vec![
        row("ovs.port-kept", "br-ex/ens7", Some("detached"), &[port("ens7")]),
        row("ovs.bridge-kept", "br-ex", Some("missing"), &[Part::Bridge("br-ex".to_owned())]),
        row("network.link-kept", "br-ex", Some("missing"), &[device("br-ex")]),
        row("ovs.port-kept", "br-stor/bond1.200", Some("detached"), &[port("bond1.200")]),
    ];
    assert_eq!(
        told(rows, &host, Some(&host)),
        [
            "ovs.bridge-kept br-ex <- ovs.port-kept br-ex/ens7, network.link-kept br-ex",
            "ovs.port-kept br-stor/bond1.200 <- ",
        ]
    );
}

#[test]
fn a_link_below_explains_those_above_whatever_their_order() {
    let host = host();
    let rows = vec![
        row("network.link-kept", "bond1.200", Some("down"), &[device("bond1.200")]),
        row("network.link-kept", "bond1", Some("down"), &[device("bond1")]),
        row("network.link-kept", "ens10", Some("missing"), &[device("ens10")]),
        row("network.link-kept", "bond1", Some("bond-member-missing"), &[device("bond1")]),
        row("network.reachable", "10.30.0.1:3260", None, &[peer("10.30.0.1:3260")]),
    ];
    let told = told(rows, &host, Some(&host));
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with("network.link-kept ens10 <- "));
}

#[test]
fn a_bond_explains_the_port_of_the_vlan_upon_it() {
    let host = host();
    for (below, above) in [("missing", "missing"), ("down", "link-down")] {
        let id = if below == "missing" { "ovs.port-kept" } else { "ovs.uplink" };
        let rows = vec![
            row(id, "br-stor/bond1.200", Some(above), &[port("bond1.200")]),
            row("network.link-kept", "bond1", Some(below), &[device("bond1")]),
            row("network.link-kept", "bond1.200", Some(below), &[device("bond1.200")]),
        ];
        let told = told(rows, &host, Some(&host));
        assert_eq!(told.len(), 1, "{told:#?}");
        assert!(told[0].starts_with("network.link-kept bond1 <- "), "{told:#?}");
    }
}

#[test]
fn an_mtu_explains_the_mtus_above_it_and_nothing_else() {
    let host = host();
    let rows = vec![
        row("network.link-kept", "br-ex", Some("mtu"), &[device("br-ex")]),
        row("network.link-kept", "ens7", Some("mtu"), &[device("ens7")]),
        row("network.link-kept", "ens3", Some("mtu"), &[device("ens3")]),
        row("network.reachable", "192.0.2.1:53", None, &[peer("192.0.2.1:53")]).warns(),
    ];
    assert_eq!(
        told(rows, &host, Some(&host)),
        [
            "network.link-kept ens7 <- network.link-kept br-ex",
            "network.link-kept ens3 <- ",
            "network.reachable 192.0.2.1:53 <- "
        ]
    );
}

#[test]
fn a_manager_of_the_network_that_does_not_run_explains_what_it_makes() {
    let host = host();
    let networkd = || unit("systemd-networkd.service");
    let rows = |state: &str| {
        vec![
            row("services.kept", "systemd-networkd.service", Some("disabled"), &[networkd()])
                .observing("active_state", state),
            row("network.link-kept", "bond1.200", Some("missing"), &[device("bond1.200")]),
            row("network.address-kept", "ens3 10.0.2.15/24", Some("missing"), &[device("ens3")]),
            row("ovs.port-kept", "br-ex/ens7", Some("detached"), &[port("ens7")]),
        ]
    };
    let told_of = |state| told(rows(state), &host, Some(&host)).len();
    assert_eq!(told_of("inactive"), 2);
    assert_eq!(told_of("active"), 4, "it runs, and does not start again");
}

#[test]
fn one_unit_is_one_headline_whoever_looks_at_it() {
    let host = host();
    let agent = || unit("pf9-hostagent.service");
    let rows = vec![
        row("agent.service", "pf9-hostagent.service", Some("inactive"), &[agent()]),
        row("agent.connected", "", None, &[agent(), peer("")]),
        row("services.kept", "pf9-hostagent.service", Some("stopped"), &[agent()])
            .told_by("agent.service", "pf9-hostagent.service"),
    ];
    assert_eq!(
        told(rows, &host, Some(&host)),
        ["agent.service pf9-hostagent.service <- agent.connected, services.kept pf9-hostagent.service"]
    );
    let rows = vec![
        row("agent.service", "pf9-hostagent.service", Some("inactive"), &[agent()]),
        row("services.kept", "pf9-hostagent.service", Some("stopped"), &[agent()]).warns(),
    ];
    assert_eq!(
        told(rows, &host, Some(&host)),
        ["agent.service pf9-hostagent.service <- services.kept pf9-hostagent.service"]
    );
}

#[test]
fn a_dead_uplink_explains_a_peer_without_a_baseline() {
    let host = host();
    let rows = vec![
        row("ovs.uplink", "br-ex/ens7", Some("link-down"), &[port("ens7")]),
        row("network.reachable", "198.51.100.1:443", None, &[peer("198.51.100.1:443")]),
        row("network.reachable", "10.0.2.2:53", None, &[peer("10.0.2.2:53")]),
        row("ssh.reachable", "172.24.4.11:22", None, &[peer("172.24.4.11:22")]),
    ];
    assert_eq!(
        told(rows, &host, None),
        [
            "ovs.uplink br-ex/ens7 <- network.reachable 198.51.100.1:443, ssh.reachable 172.24.4.11:22",
            "network.reachable 10.0.2.2:53 <- ",
        ]
    );
}

#[test]
fn ten_thousand_findings_are_tied_to_one() {
    let host = host();
    let mut rows = vec![row("ovs.database-emptied", "", None, &[Part::Switch])];
    for number in 0..10_000 {
        let name = format!("port{number}");
        rows.push(row("network.address-kept", &name, Some("missing"), &[device("br-ex"), device(&name)]));
    }
    assert_eq!(told(rows, &host, Some(&host)).len(), 1);
}
