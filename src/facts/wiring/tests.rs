use super::*;
use serde_json::{Value, json};

/// What was read of ovsdb-server 3.1.0.
const REAL: &str = include_str!("../../../tests/fixtures/wire/ovs-configuration.json");

#[test]
fn a_real_switch_is_read_whole() {
    let wiring = Wiring::parse(REAL.as_bytes()).unwrap();
    let names: Vec<_> = wiring.bridges.iter().map(|(name, it)| (name.as_str(), it.ports.len())).collect();
    assert_eq!(names, [("br-ex", 5), ("br-tun", 3)]);
    let bridge = &wiring.bridges["br-ex"];
    let members: Vec<_> = bridge.ports["bond1"].interfaces.keys().collect();
    assert_eq!(members, ["eno2", "eno3"]);
    assert_eq!(wiring.bridges["br-tun"].controllers[0].text("target").as_deref(), Some("tcp:127.0.0.1:6653"));

    let port = wiring.attributes(&bridge.ports["eno1"].row);
    assert_eq!(port["tag"], 100);
    assert_eq!(port["trunks"], json!([1, 2, 3]));
    assert_eq!(port["external_ids:a"], "x\ny é");
    // What it points at, since its uuid is another in another database.
    let queue = json!({"other_config:min-rate": "1000"});
    assert_eq!(port["qos"], json!({"other_config:max-rate": "1000000", "queues:0": queue, "type": "linux-htb"}));
    assert_eq!(wiring.attributes(&bridge.ports["br-vlan"].row)["fake_bridge"], true);
    assert_eq!(wiring.attributes(&wiring.switch), [("external_ids:system-id".to_owned(), json!("hv-01"))].into());
}

#[test]
fn a_mirror_is_told_with_the_names_of_its_ports_and_a_circle_ends() {
    let text = r#"{"Open_vSwitch":{"rows":[]},"Interface":{"rows":[]},
        "Bridge":{"rows":[{"_uuid":["uuid","b"],"name":"br0","ports":["uuid","p"],"mirrors":["uuid","m"]}]},
        "Port":{"rows":[{"_uuid":["uuid","p"],"name":"eno1","qos":["uuid","q"]}]},
        "QoS":{"rows":[{"_uuid":["uuid","q"],"queues":["map",[[0,["uuid","q"]]]]}]},
        "Mirror":{"rows":[{"_uuid":["uuid","m"],"name":"tap","select_all":false,"output_port":["uuid","p"],
            "select_src_port":["uuid","none"]}]}}"#;
    let wiring = Wiring::parse(text.as_bytes()).unwrap();
    let attributes = wiring.attributes(&wiring.bridges["br0"].row);
    assert_eq!(attributes["mirrors"], json!({"name": "tap", "output_port": "eno1"}));
    assert!(wiring.attributes(&wiring.bridges["br0"].ports["eno1"].row)["qos"].is_object());
}

#[test]
fn damaged_text_is_an_error_and_never_half_a_switch() {
    for end in (0..REAL.trim_end().len()).step_by(97) {
        assert!(!REAL.is_char_boundary(end) || Wiring::parse(&REAL.as_bytes()[..end]).is_err(), "cut at {end}");
    }
    for wrong in ["", "{}", "[]", "null", r#"{"Open_vSwitch":{"rows":[]},"Bridge":{"rows":[]},"Port":{"rows":[]}}"#] {
        assert!(Wiring::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
    let lone = r#"{"Open_vSwitch":{"rows":[]},"Bridge":{"rows":[{"name":"br0","ports":["uuid","gone"]}]},
        "Port":{"rows":[]},"Interface":{"rows":[]}}"#;
    assert!(Wiring::parse(lone.as_bytes()).is_err());
    // A row without its name, its uuid, or what it is made of.
    let many = include_str!("../../../tests/fixtures/wire/ovs-configuration-of-many-kinds.json");
    assert!(Wiring::parse(many.as_bytes()).is_ok());
    let damages: [fn(&mut Value); 4] = [
        |rows| drop(rows["Port"]["rows"].as_array_mut().unwrap().remove(2)),
        |rows| drop(rows["Interface"]["rows"].as_array_mut().unwrap().remove(1)),
        |rows| drop(rows["Port"]["rows"][0].as_object_mut().unwrap().remove("name")),
        |rows| drop(rows["Interface"]["rows"][3].as_object_mut().unwrap().remove("_uuid")),
    ];
    for damage in damages {
        let mut rows: Value = serde_json::from_str(many).unwrap();
        damage(&mut rows);
        assert!(Wiring::parse(rows.to_string().as_bytes()).is_err());
    }
}

#[test]
fn what_others_write_is_no_attribute_and_a_label_more_is_no_change() {
    let then: Attributes = [("external_ids:a".to_owned(), json!("1"))].into();
    let more: Attributes =
        [("external_ids:a", json!("1")), ("external_ids:b", json!("2"))].map(|(key, it)| (key.to_owned(), it)).into();
    assert!(changes(&then, &more).is_empty());
    assert_eq!(changes(&more, &then)["external_ids:b"], (json!("2"), Value::Null));
    let row: Row<'_> = serde_json::from_str(
        r#"{"external_ids":["map",[["ct-zone-x","1"],["netplan/dhcp4","no"],["mine","2"]]],
            "other_config":["map",[["ovn-chassis-idx-hv-01",""]]]}"#,
    )
    .unwrap();
    assert_eq!(Wiring::default().attributes(&row).into_keys().collect::<Vec<_>>(), ["external_ids:mine"]);
}
