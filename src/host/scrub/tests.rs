use super::*;

#[test]
fn secrets_of_known_shapes_are_masked_and_the_rest_stays() {
    for (plain, scrubbed) in [
        ("https://joe:hunter2@host/path", "https://***@host/path"),
        ("password = \"hunter2\"", "password = \"***\""),
        ("https://h/x?token=abc&page=2", "https://h/x?token=***&page=2"),
        (
            r#"["map",[["db_password","hunter2"],["system-id","x"]]]"#,
            r#"["map",[["db_password","***"],["system-id","x"]]]"#,
        ),
        ("Authorization: Bearer", "Authorization: '***'"),
        ("curl -H \"Authorization: Bearer hunter2\" x", "curl -H \"Authorization: '***'\" x"),
        ("https://joe:p@hunter2@host/path", "https://***@host/path"),
        (r#"{\"password\": \"hunter2 x\", \"a\": 1}"#, r#"{\"password\": \"***\", \"a\": 1}"#),
        ("25 1 8:1 / / rw shared:1 master:2 - ext4 /dev/sda1", "25 1 8:1 / / rw shared:1 master:2 - ext4 /dev/sda1"),
        ("Pin: release a=stable\nKey: no secret", "Pin: release a=stable\nKey: no secret"),
        ("rw,key=1234", "rw,key=1234"),
        ("community: hunter2", "community: '***'"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nafter", "***\nafter"),
        ("ssl:[::1]:6640 br-ex eth0", "ssl:[::1]:6640 br-ex eth0"),
        ("Package: passwd\nStatus: install ok installed", "Package: passwd\nStatus: install ok installed"),
        ("paths = { \"/var/lib/secrets\" = \"1GiB\" }", "paths = { \"/var/lib/secrets\" = \"1GiB\" }"),
        ("password_pbkdf2 root grub.pbkdf2.sha512.10000.AB12.CD34\n", "password_pbkdf2 root grub.pbkdf2.***\n"),
        ("x\npassword root hunter2\n", "x\npassword root ***\n"),
        ("Description: x\n password manager of GNOME\n", "Description: x\n password manager of GNOME\n"),
        ("Depends: passwd, libc6 (>= 2.34)", "Depends: passwd, libc6 (>= 2.34)"),
    ] {
        assert_eq!(text(plain), scrubbed);
    }
}

#[test]
fn a_bridge_of_ten_thousand_ports_is_not_searched_for_a_pin() {
    for harmless in [r#""mcast_snooping_enable":true"#, r#"["ovn-bridge-mappings","physnet1:br-ex"]"#, "Mapping"] {
        assert!(!may_hold_a_secret(harmless), "{harmless}");
    }
    for plain in ["pin: 1234", "\"pin\": \"1234\"", "x PIN=1234"] {
        assert!(may_hold_a_secret(plain), "{plain}");
        assert!(!text(plain).contains("1234"), "{plain}");
    }
}

#[test]
fn fields_and_keys_are_scrubbed_too() {
    let mut json = serde_json::json!({
        "http:https://h/?token=abc": {"api_key": "hunter2", "name": "br-ex", "list": ["password=x"]}
    });
    value(&mut json);
    let expected = serde_json::json!({
        "http:https://h/?token=***": {"api_key": "***", "name": "br-ex", "list": ["password=***"]}
    });
    assert_eq!(json, expected);
}

/// Files as netplan(5) has them: what is secret goes, in whatever way it is written, and nothing else.
#[test]
fn secrets_of_netplan_go_and_the_rest_stays() {
    let plain = include_str!("../../../tests/fixtures/scrub/netplan.yaml");
    let scrubbed = text(plain);
    assert!(!scrubbed.contains("hunter"), "{scrubbed}");
    assert_eq!(scrubbed, include_str!("../../../tests/fixtures/scrub/netplan.scrubbed.yaml"));
    assert_eq!(text(&scrubbed), scrubbed, "what is masked stays so");
}

#[test]
fn a_secret_that_is_cut_off_goes_too() {
    for plain in [
        "password: \"hunter2 hunter",
        "password: 'hunter2 hunter",
        "psk=\"hunter2 hunter",
        "{password: hunter2 hunter",
        "{key: 'x', password: hunter2 hunter",
    ] {
        let scrubbed = text(plain);
        assert!(!scrubbed.contains("hunter"), "{plain}: {scrubbed}");
    }
}

#[test]
fn a_secret_among_bytes_that_are_no_text_goes_too() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let stored = |bytes: &[u8]| serde_json::json!({"known": {"text": {"hex": hex(bytes)}}});
    let mut secret = stored(b"# B\xfcro\npassword: hunter2\n");
    value(&mut secret);
    let told = secret.to_string();
    assert!(!told.contains("hunter2") && !told.contains(&hex(b"hunter2")) && told.contains("***"), "{told}");
    let (mut other, before) = (stored(b"# B\xfcro\nmtu: 9000\n"), stored(b"# B\xfcro\nmtu: 9000\n"));
    value(&mut other);
    assert_eq!(other, before);
}

#[test]
fn a_secret_among_ten_thousand_rows_goes_and_its_neighbours_stay() {
    let row = |at: usize| format!(r#"{{"name":"tap{at}","external_ids":["map",[["iface-id","{at}"]]]}},"#);
    let rows: String = (0..10_000).map(row).collect();
    let secret = r#"{"name":"gre0","options":["map",[["key","77"],["psk","swordfish"],["remote_ip","192.0.2.7"]]]}"#;
    let global = r#"{"external_ids":["map",[["ovn-remote","ssl:192.0.2.1:6642"],["ovn-bridge-mappings","p:br-ex"]]]}"#;
    let plain = format!("[{rows}{secret},{rows}{global}]");
    assert_eq!(text(&plain), plain.replace("swordfish", MASK));
    // As other programs write it, with blanks: the rows are told apart all the same.
    let blanks = plain.replace("},{", "}, {");
    assert_eq!(text(&blanks), blanks.replace("swordfish", MASK));
    assert_eq!(first_row(r#"{"a": 1}, {"b": {"c": 2}}"#), Some(r#"{"a": 1}, "#));
    assert_eq!(first_row(r#"{"b": {"c": 2}}"#), Some(r#"{"b": {"c": 2}}"#));
}

#[test]
fn what_no_hint_announces_no_pattern_masks() {
    for plain in ["a: b\nc = d", "Package: systemd\nVersion: 252", "{\"mtu\": 1500}", "ssl:192.0.2.1:6642"] {
        assert!(!may_hold_a_secret(plain), "{plain}");
        assert_eq!(patterns(plain), plain);
    }
    for name in ["PASSWORD: x", "Api_Key=x", "http://u:p@h", "psk=12345678", "grub.pbkdf2.sha512.1.X", "pin: 1234"] {
        assert!(may_hold_a_secret(name) && text(name) != name, "{name}");
    }
}

#[test]
fn secrets_of_tunnels_and_managers_are_masked_in_pairs_of_ovsdb() {
    for key in ["ipsec_psk", "remote-psk", "bmc_pwd", "snmp-community"] {
        let masked = text(&format!(r#"["map",[["{key}","s3cr3t"],["remote_ip","192.0.2.1"]]]"#));
        assert!(!masked.contains("s3cr3t"), "{masked}");
        assert!(masked.contains("192.0.2.1"), "{masked}");
    }
}
