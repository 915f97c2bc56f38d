//! What may explain what: never what counts less, or was named and is right.

use super::*;

#[test]
fn what_nobody_could_read_explains_only_what_nobody_could_read() {
    let host = host();
    let rows = vec![
        row("ovs.daemons", "", None, &[Part::Switch]).unknown(),
        row("ovs.port-kept", "", None, &[Part::Switch]).unknown(),
        row("network.address-kept", "br-ex 172.24.4.11/24", Some("missing"), &[device("br-ex")]),
    ];
    assert_eq!(
        told(rows, &host, Some(&host)),
        ["ovs.daemons <- ovs.port-kept", "network.address-kept br-ex 172.24.4.11/24 <- "]
    );
}

#[test]
fn nothing_that_counts_less_explains_what_blocks() {
    let host = host();
    let rows = vec![
        row("ovs.uplink", "br-data/bond0/ens8", Some("link-down"), &[port("ens8")]).warns(),
        row("network.reachable", "10.20.0.1:6642", None, &[peer("10.20.0.1:6642"), device("br-data")]),
        row("network.reachable", "10.20.0.2:6642", None, &[peer("10.20.0.2:6642"), device("br-data")]).warns(),
    ];
    assert_eq!(
        told(rows, &host, Some(&host)),
        ["ovs.uplink br-data/bond0/ens8 <- network.reachable 10.20.0.2:6642", "network.reachable 10.20.0.1:6642 <- "]
    );
}

#[test]
fn what_a_judge_named_stays_where_it_is_wrong_indeed() {
    let host = host();
    let rows = || {
        vec![
            row("ovs.uplink", "br-ex/ens7", Some("link-down"), &[port("ens7")]),
            row("ssh.reachable", "172.24.4.11:22", None, &[peer("172.24.4.11:22")]).because_of("ovs.daemons"),
        ]
    };
    assert_eq!(told(rows(), &host, None), ["ovs.uplink br-ex/ens7 <- ssh.reachable 172.24.4.11:22"]);
    let mut with_daemons = rows();
    with_daemons.push(row("ovs.daemons", "", None, &[]));
    assert_eq!(
        told(with_daemons, &host, None),
        ["ovs.uplink br-ex/ens7 <- ", "ovs.daemons <- ssh.reachable 172.24.4.11:22"]
    );
}
