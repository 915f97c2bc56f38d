use serde_json::{Value, json};

use super::*;
use crate::catalog::Catalog;
use crate::facts::{Facts, Run};
use crate::judge::recovery;
use crate::model::report::Intent;
use crate::model::snapshot::Remembered;

/// The card of a host that answered so, without its heading.
fn card(answers: &Value, agents: &[&str]) -> String {
    steps(answers, agents).iter().map(|step| step.commands.iter().map(typed).collect::<String>()).collect()
}

/// With what is said above the commands.
fn said(answers: &Value) -> String {
    let step = |step: &Step| format!("# {}\n{}", step.comment, step.commands.iter().map(typed).collect::<String>());
    steps(answers, &[]).iter().map(step).collect::<String>().replace(" \\\n ", "")
}

fn steps(answers: &Value, agents: &[&str]) -> Vec<Step> {
    let answers = answers.as_object().unwrap().iter().map(|(query, answer)| (query.clone(), json!({"known": answer})));
    let remembered: Remembered = serde_json::from_str(&answers.collect::<Value>().to_string()).unwrap();
    let answers = remembered.into_answers();
    let catalog = Catalog::load(&[], &[]).unwrap();
    let run = Run { intent: Intent::After, asked_at: "2026-11-21T09:14:02Z" };
    let facts = Facts::new(&answers, &catalog.settings, run);
    recovery::steps(&facts, agents)
}

/// A switch with these ports of br0, each `(name, columns of the port, columns of the interface)`.
fn switch(ports: &[(&str, Value, Value)]) -> Value {
    let uuid = |kind: &str, number: usize| json!(["uuid", format!("{kind}{number}")]);
    let (mut own, mut rows) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for (number, (name, port, interface)) in ports.iter().enumerate() {
        let empty = json!(["map", []]);
        let named = |row: &Value, more: Value| {
            let mut row = row.clone();
            row["name"] = json!(name);
            row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            row
        };
        let of_port = json!({"_uuid": uuid("p", number), "interfaces": uuid("i", number)});
        let of_interface = json!({"_uuid": uuid("i", number)});
        own.0.push(named(port, of_port.clone()));
        own.1.push(named(interface, of_interface.clone()));
        let none = json!(["set", []]);
        let mut all = json!({"external_ids": empty, "type": "", "ofport": 1, "error": none, "link_state": "up",
            "admin_state": "up", "mac_in_use": none});
        all.as_object_mut().unwrap().extend(interface.as_object().unwrap().clone());
        let mut port = port.clone();
        port.as_object_mut().unwrap().entry("external_ids").or_insert(empty);
        rows.0.push(named(&port, of_port));
        rows.1.push(named(&all, of_interface));
    }
    let members: Vec<Value> = (0..ports.len()).map(|number| uuid("p", number)).collect();
    let bridge = json!({"_uuid": uuid("b", 0), "name": "br0", "ports": ["set", members]});
    let mut bridge_now = bridge.clone();
    let more = json!({"controller": ["set", []], "fail_mode": ["set", []], "datapath_type": ""});
    bridge_now.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let database = json!({"cur_cfg": 1, "next_cfg": 1, "ovs_version": "3.1.0", "external_ids": ["map", []]});
    let configuration = json!({
        "Open_vSwitch": {"rows": [{}]}, "Bridge": {"rows": [bridge]},
        "Port": {"rows": own.0}, "Interface": {"rows": own.1}, "Controller": {"rows": []}});
    let tables =
        json!([{"rows": [database]}, {"rows": [bridge_now]}, {"rows": rows.0}, {"rows": rows.1}, {"rows": []}]);
    json!({
        "links": {"links": {}},
        "ovsdb:/run/openvswitch/db.sock": {"text": tables.to_string()},
        "ovs-configuration:/run/openvswitch/db.sock": {"text": configuration.to_string()},
    })
}

#[test]
fn what_is_below_comes_first() {
    let nic = |mac: &str| {
        json!({"mac": "52:54:00:00:00:10", "permanent_mac": mac, "mtu": 9000, "admin_up": true, "master": "bond7",
            "member_kind": "bond"})
    };
    let answers = json!({
        "links": {"links": {
            "a.5": {"kind": "vlan", "lower": "bond7", "vlan_id": 5, "mtu": 1500, "admin_up": true},
            "bond7": {"kind": "bond", "mac": "52:54:00:00:00:10", "mtu": 9000, "admin_up": true,
                "bond": {"mode": "802.3ad", "miimon": 100, "transmit_hash": "layer3+4", "lacp_fast": true}},
            "eno1": nic("52:54:00:00:00:01"),
            "eno2": nic("52:54:00:00:00:02"),
            "vbr": {"kind": "bridge", "mtu": 1500, "admin_up": true},
            "eno3": {"mac": "52:54:00:00:00:03", "permanent_mac": "52:54:00:00:00:03", "mtu": 1500, "admin_up": true,
                "master": "vbr", "member_kind": "bridge"},
        }},
        "addresses": {"addresses": []},
        "listing:/etc/resolv.conf":
            {"listing": [{"name": "resolv.conf", "kind": "link", "bytes": 3, "target": "../run/resolv"}]},
    });
    let expected = "\
ip -o link | grep -i 52:54:00:00:00:01
ip link set NEW down
ip link property del dev NEW altname eno1
ip link set NEW name eno1
ip link set eno1 up
ip -o link | grep -i 52:54:00:00:00:02
ip link set NEW down
ip link property del dev NEW altname eno2
ip link set NEW name eno2
ip link set eno2 up
ip -br link | grep -i 52:54:00:00:00:03
ip link set NEW down
ip link property del dev NEW altname eno3
ip link set NEW name eno3
ip link set eno3 up
ip link add bond7 address 52:54:00:00:00:10 type bond mode 802.3ad miimon \\
  100 xmit_hash_policy layer3+4 lacp_rate fast
ip link set eno1 down
ip link set eno1 master bond7 up
ip link set eno2 down
ip link set eno2 master bond7 up
ip link add vbr type bridge
ip link set eno3 down
ip link set eno3 master vbr up
ip link add link bond7 name a.5 type vlan id 5
ip link set eno1 mtu 9000 up
ip link set eno2 mtu 9000 up
ip link set eno3 up
ip link set bond7 mtu 9000 up
ip link set vbr up
ip link set a.5 up
ip address flush dev eno1
ip address flush dev eno2
ip address flush dev eno3
ln -sfn ../run/resolv /etc/resolv.conf
systemctl restart pf9-comms.service
ip -br address
ip route
hostready verify
";
    assert_eq!(card(&answers, &["pf9-comms.service"]), expected);
}

/// Whoever may name a port may not have the operator run something.
#[test]
fn names_and_values_reach_the_program_as_they_are() {
    let text = json!(["map", [["who", "a \"b\" $(reboot)"]]]);
    let card = card(
        &switch(&[
            ("x; reboot", json!({"tag": 0}), json!({})),
            (
                "y\u{1b}[2J",
                json!({"external_ids": text, "trunks": ["set", [1, 2]]}),
                json!({"mac": "aa:bb:cc:dd:ee:ff"}),
            ),
        ]),
        &[],
    );
    assert!(card.contains("add-port br0 'x; reboot' tag=0\n"), "{card}");
    assert!(card.replace(" \\\n ", "").contains(r#"'external_ids:who="a \"b\" $(reboot)"' trunks=1,2"#), "{card}");
    assert!(card.contains(r#"'mac="aa:bb:cc:dd:ee:ff"'"#), "{card}");
    assert!(!card.contains('\u{1b}'), "{card}");
}

#[test]
fn nobody_types_ten_thousand_ports() {
    let names: Vec<String> = (0..10_000).map(|number| format!("p{number}")).collect();
    let ports: Vec<_> = names.iter().map(|name| (name.as_str(), json!({}), json!({"type": "internal"}))).collect();
    let card = card(&switch(&ports), &[]);
    assert!(card.lines().count() < 100, "{} lines", card.lines().count());
}

#[test]
fn what_could_not_be_read_is_said() {
    let mut answers = switch(&[]);
    answers.as_object_mut().unwrap().remove("ovs-configuration:/run/openvswitch/db.sock");
    let card = card(&answers, &[]);
    assert!(!card.contains("add-br"), "{card}");
    let said = said(&json!({}));
    let parts = ["devices of the kernel", "addresses", "routes", "rules", "Open vSwitch"];
    for part in parts {
        assert!(said.lines().any(|line| line.contains(part) && line.contains("could not be read")), "{part}: {said}");
    }
}

#[test]
fn no_mask_is_typed_over_a_live_secret() {
    let options = json!(["map", [["psk", "***"], ["remote_ip", "192.0.2.1"]]]);
    let said = said(&switch(&[("vx0", json!({}), json!({"type": "gre", "options": options}))]));
    assert!(said.contains("the snapshot does not hold options:psk of vx0"), "{said}");
    assert!(said.contains("options:remote_ip=") && !said.contains("***"), "{said}");
}

/// Some things here stand on the switch, and some are beyond what can be typed.
#[test]
fn each_thing_comes_after_what_it_stands_on() {
    let mut answers = switch(&[("br0", json!({}), json!({"type": "internal"})), ("eno1", json!({}), json!({}))]);
    answers["links"]["links"] = json!({
        "br0": {"kind": "openvswitch", "mtu": 1500, "admin_up": true},
        "br0.7": {"kind": "vlan", "lower": "br0", "vlan_id": 7, "mtu": 1500, "admin_up": true},
        "d0": {"kind": "dummy", "mtu": 1500, "admin_up": true},
        "wg0": {"kind": "wireguard", "mtu": 1420, "admin_up": true},
        "eno1": {"mac": "52:54:00:00:00:01", "permanent_mac": "52:54:00:00:00:01", "mtu": 1500, "admin_up": true,
            "master": "ovs-system", "member_kind": "openvswitch"},
    });
    answers["addresses"] = json!({"addresses": [
        {"link": "wg0", "address": "192.0.2.9/24", "scope": "global", "permanent": true},
        {"link": "d0", "address": "192.0.2.8/32", "scope": "global", "permanent": true}]});
    let said = said(&answers);
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}: {said}"));
    assert!(at("add-br br0") < at("ip link add link br0 name br0.7"));
    assert!(at("ip link add d0 type dummy") < at("192.0.2.8/32"));
    assert!(at("ip link set eno1 up\n") < at("ip link set br0 up\n"));
    assert!(said.contains("not rebuilt here, nor their addresses and routes: wg0 (wireguard)"), "{said}");
    assert!(!said.contains("192.0.2.9") && !said.contains("dev wg0") && !said.contains("set wg0"), "{said}");
}

#[test]
fn settings_of_the_whole_switch_come_before_its_bridges_and_controllers_only_where_there_are_none() {
    let mut answers = switch(&[]);
    let key = "ovs-configuration:/run/openvswitch/db.sock";
    let mut rows: Value = serde_json::from_str(answers[key]["text"].as_str().unwrap()).unwrap();
    rows["Open_vSwitch"]["rows"][0]["external_ids"] =
        json!(["map", [["system-id", "7f1a"], ["hostname", "h"], ["ct-zone-x", "1"], ["netplan/global", "x"]]]);
    rows["Bridge"]["rows"][0]["controller"] = json!(["uuid", "c"]);
    rows["Controller"]["rows"] = json!([{"_uuid": ["uuid", "c"], "target": "tcp:192.0.2.1:6653"}]);
    answers[key]["text"] = json!(rows.to_string());
    let said = said(&answers);
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}: {said}"));
    assert!(at("set Open_vSwitch . external_ids:system-id=7f1a\n") < at("add-br br0"));
    assert!(at("echo 7f1a > /etc/openvswitch/system-id.conf") < at("add-br br0"));
    assert!(at("only where `ovs-vsctl get-controller br0` shows none") < at("set-controller br0"));
    assert!(!said.contains("ct-zone") && !said.contains("netplan") && !said.contains("hostname"), "{said}");
}

#[test]
fn a_router_of_ipv6_is_asked_on_its_link_and_a_dangling_resolver_is_replaced() {
    let answers = json!({
        "links": {"links": {"eno1": {"mac": "52:54:00:00:00:01", "mtu": 1500, "admin_up": true}}},
        "addresses": {"addresses": [{"link": "eno1", "address": "192.0.2.9/24", "scope": "global", "permanent": true}]},
        "routes": {"routes": [{"destination": "default", "protocol": "static", "kind": "unicast", "table": 254,
            "next_hops": [{"gateway": "inet6 fe80::1", "link": "eno1"}]}]},
        "file:/etc/resolv.conf": {"text": "nameserver 192.0.2.53\n"},
    });
    let said = said(&answers);
    assert!(said.contains("ping -c 3 fe80::1%eno1\n"), "{said}");
    assert!(said.contains("rm -f /etc/resolv.conf\necho nameserver 192.0.2.53 > /etc/resolv.conf\n"), "{said}");
}

/// In each part what leads out of the host comes first, and a card ends.
#[test]
fn thousands_of_devices_make_no_endless_card() {
    let vlan = |id: usize| {
        let link = json!({"kind": "vlan", "lower": "zz0", "vlan_id": id, "mtu": 1500, "admin_up": true});
        (format!("a.{id}"), link)
    };
    let mut links: serde_json::Map<String, Value> = (0..4000).map(vlan).collect();
    let nic = |at: usize| json!({"mac": format!("52:54:00:00:00:{at:02x}"), "mtu": 1500, "admin_up": true});
    links.insert("zz0".to_owned(), nic(1));
    let answers = json!({
        "links": {"links": links},
        "routes": {"routes": [{"destination": "default", "protocol": "static", "kind": "unicast", "table": 254,
            "next_hops": [{"gateway": "192.0.2.1", "link": "a.3999"}]}]},
    });
    let said = said(&answers);
    assert!(said.lines().count() < 400, "{} lines", said.lines().count());
    for line in
        ["ip link add link zz0 name a.3999 type vlan id 3999\n", "ip link set zz0 up\n", "ip link set a.3999 up\n"]
    {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(said.contains("more commands like these are left out"), "{said}");
}

/// Who has the way out back leaves the console: nothing else stands before the end of that part.
#[test]
fn what_does_not_lead_out_of_the_host_waits() {
    let nic = |at: u8| json!({"mac": format!("52:54:00:00:00:0{at}"), "mtu": 1500, "admin_up": true});
    let address =
        |link: &str, address: &str| json!({"link": link, "address": address, "scope": "global", "permanent": true});
    let answers = json!({
        "links": {"links": {"eno1": nic(1), "eno2": nic(2)}},
        "addresses": {"addresses": [address("eno1", "198.51.100.9/24"), address("eno2", "192.0.2.9/24")]},
        "routes": {"routes": [{"destination": "default", "protocol": "static", "kind": "unicast", "table": 254,
            "next_hops": [{"gateway": "192.0.2.1", "link": "eno2"}]}]},
    });
    let said = said(&answers);
    let (first, rest) = said.split_once("# THE REST").unwrap();
    assert!(!first.contains("eno1") && !first.contains("198.51.100.9"), "{first}");
    for line in
        ["ip link set NEW name eno2\n", "192.0.2.9/24 dev eno2\n", "via 192.0.2.1 dev eno2\n", "hostready verify\n"]
    {
        assert!(first.contains(line) && !rest.contains(line), "{line}: {said}");
    }
    assert!(rest.contains("grep -i 52:54:00:00:00:01 # eno1\n"), "{rest}");
    assert!(rest.contains("198.51.100.9/24 dev eno1\n"), "{rest}");
}
