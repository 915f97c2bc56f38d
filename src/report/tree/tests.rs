use super::*;

fn port(name: &str, state: Kept, note: &str) -> PortRow {
    let note = Some(note.to_owned()).filter(|note| !note.is_empty());
    PortRow { name: name.to_owned(), state, note, members: Vec::new() }
}

fn bridge(name: &str, state: Kept, ports: Vec<PortRow>, owned_by_others: usize) -> BridgeRow {
    BridgeRow { name: name.to_owned(), state, note: None, ports, owned_by_others }
}

fn drawn(bridges: Vec<BridgeRow>) -> String {
    let report = serde_json::json!({
        "schema": "", "schema_version": "", "tool": {"name": "", "version": "", "catalog_digest": ""}, "run_id": "",
        "verb": "verify", "intent": "after", "complete": true, "scope": {"only": [], "skip": []},
        "host": crate::model::report::Host::default(),
        "baseline": {"name": "20261120T091402Z", "taken_at": "2026-11-20T09:14:02Z"},
        "started_at": "", "duration_ms": 0, "verdict": "ready", "exit_code": 0, "changed": false, "failed": false,
        "msg": "", "comment": "", "summary": crate::model::report::Summary::default(), "findings": [], "actions": [],
        "bridges": bridges,
    });
    render(&serde_json::from_value(report).unwrap())
}

#[test]
fn what_has_changed_is_drawn_and_the_rest_is_counted() {
    let mut bond = port("bond0", Kept::Same, "");
    bond.members = vec![
        port("ens8", Kept::Same, ""),
        port("ens9", Kept::Missing, "there is no such device"),
        port("ens12", Kept::New, "was on br-ex"),
    ];
    let mut tagged = bridge("br-stor", Kept::Changed, vec![port("bond1.200", Kept::Changed, "tag, trunks")], 0);
    tagged.note = Some("fail_mode".to_owned());
    let shown = drawn(vec![
        bridge("br-data", Kept::Same, vec![bond, port("storage0", Kept::Same, "")], 0),
        bridge("br-ex", Kept::Same, vec![port("ens7", Kept::Missing, "the NIC is now called ens11")], 1),
        bridge("br-gone", Kept::Missing, vec![port("ens5", Kept::Missing, "")], 0),
        bridge("br-int", Kept::Same, Vec::new(), 812),
        bridge("br-mgmt", Kept::Same, vec![port("ens4", Kept::Same, "")], 0),
        bridge(
            "br-new",
            Kept::New,
            vec![port("ens13", Kept::Moved, "now enp13s0f0np0 on a-bridge-with-quite-a-long-name-x")],
            0,
        ),
        tagged,
    ]);
    assert_eq!(
        shown,
        "
BRIDGES against 2026-11-20 09:14 UTC
    br-data
        bond0
            ens8
          ! ens9            missing: there is no such device
          + ens12           new: was on br-ex
        storage0: as before
    br-ex
      ! ens7            missing: the NIC is now called ens11
        1 port of guests and others
  ! br-gone         missing
        ens5: gone with it
  + br-new          new
      ! ens13
            moved: now enp13s0f0np0 on a-bridge-with-quite-a-long-name-x
  ! br-stor         changed: fail_mode
      ! bond1.200       changed: tag, trunks
    br-int, br-mgmt: 1 port, as they were; 812 ports of guests and others not
    compared
"
    );
    assert!(shown.lines().all(|line| line.len() <= WIDTH), "{shown}");
}

#[test]
fn a_switch_as_it_was_is_one_line() {
    let ports = |count: usize| (0..count).map(|number| port(&format!("p{number}"), Kept::Same, "")).collect();
    assert_eq!(
        drawn(vec![bridge("br-ex", Kept::Same, ports(2), 0), bridge("br-data", Kept::Same, ports(7), 0)]),
        "\nBRIDGES as of 2026-11-20 09:14 UTC: 2 bridges with 9 ports, as they were\n"
    );
    assert_eq!(
        drawn(vec![bridge("br-ex", Kept::Same, ports(1), 0)]),
        "\nBRIDGES as of 2026-11-20 09:14 UTC: 1 bridge with 1 port, as it was\n"
    );
    assert_eq!(drawn(Vec::new()), "");
}

#[test]
fn thousands_of_ports_do_not_hide_the_rest() {
    let ports = (0..3000).map(|number| port(&format!("p{number}"), Kept::Missing, "")).collect();
    let shown = drawn(vec![bridge("br-ex", Kept::Same, ports, 0)]);
    assert!(shown.ends_with("p19             missing\n        and 2980 more that have changed\n"), "{shown}");
}

#[test]
fn names_of_the_host_cannot_forge_a_line() {
    let shown = drawn(vec![bridge("br\n\x1b[2Jex", Kept::New, Vec::new(), 0)]);
    assert_eq!(shown.lines().count(), 3, "{shown:?}");
    assert!(!shown.replace('\n', "").chars().any(char::is_control), "{shown:?}");
}
