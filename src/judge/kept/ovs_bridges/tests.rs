use serde_json::json;

use super::super::recorded_switch::{Switch, outcomes};
use super::*;
use crate::model::Status;

fn wrong(now: &Switch) -> Vec<Outcome> {
    outcomes(&Switch::default(), now, judge).into_iter().filter(|outcome| outcome.status != Status::Pass).collect()
}

fn typed(outcome: &Outcome) -> Vec<String> {
    outcome.by_hand.iter().map(|words| words.join(" ")).collect()
}

#[test]
fn bridges_that_are_as_they_were_have_one_row() {
    let outcomes = outcomes(&Switch::default(), &Switch::default(), judge);
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].detail, "3 bridges are as they were");
}

#[test]
fn a_bridge_that_is_gone_is_told_with_the_commands_to_have_it_again() {
    let mut now = Switch::default();
    now.edit(|reply| reply["Bridge"]["rows"].as_array_mut().unwrap().retain(|row| row["name"] != "br-ex"));
    let outcomes = wrong(&now);
    assert_eq!((outcomes.len(), outcomes[0].cause, &*outcomes[0].subject), (1, Some("missing"), "br-ex"));
    assert_eq!(outcomes[0].detail, "br-ex is gone, and 3 ports with it");
    assert_eq!(
        typed(&outcomes[0]),
        [
            "ovs-vsctl -t 10 add-br br-ex -- set Bridge br-ex fail_mode=standalone mcast_snooping_enable=true \
             other_config:hwaddr=\"52:54:00:0a:00:01\" protocols=OpenFlow13,OpenFlow15",
            "ovs-vsctl -t 10 set-controller br-ex tcp:192.0.2.1:6653 tcp:192.0.2.2:6653",
        ]
    );
}

#[test]
fn what_ovn_makes_again_by_itself_is_not_counted_with_a_bridge_that_is_gone() {
    let mut then = Switch::default();
    then.row("Port", "patch-ex")["external_ids"] = json!(["map", [["ovn-localnet-port", "provnet"]]]);
    let mut now = Switch::default();
    now.edit(|reply| reply["Bridge"]["rows"].as_array_mut().unwrap().retain(|row| row["name"] != "br-ex"));
    let gone = outcomes(&then, &now, judge).into_iter().find(|outcome| outcome.subject == "br-ex").unwrap();
    assert_eq!(gone.detail, "br-ex is gone, and 2 ports with it");
}

#[test]
fn what_differs_of_a_bridge_is_told_old_and_new() {
    let mut now = Switch::default();
    let bridge = now.row("Bridge", "br-ex");
    bridge.as_object_mut().unwrap().remove("fail_mode");
    bridge["controller"] = bridge["controller"][1][0].clone();
    bridge["rstp_enable"] = true.into();
    let outcomes = wrong(&now);
    assert_eq!(outcomes.len(), 1);
    assert_eq!(
        outcomes[0].detail,
        "br-ex: controllers is tcp:192.0.2.1:6653, and was tcp:192.0.2.1:6653,tcp:192.0.2.2:6653; \
         fail_mode is not set, and was standalone; rstp_enable is true, and was not set"
    );
    assert_eq!(
        json!(outcomes[0].observed),
        json!({"controllers": ["tcp:192.0.2.1:6653"], "fail_mode": null, "rstp_enable": true})
    );
    assert!(typed(&outcomes[0]).contains(&"ovs-vsctl -t 10 set Bridge br-ex fail_mode=standalone".to_owned()));
}

#[test]
fn another_system_id_is_told_with_what_it_means() {
    let mut now = Switch::default();
    let ids = [["hostname", "hv-02"], ["rundir", "/run/ovs"], ["system-id", "hv-02"], ["ovn-encap-ip", "192.0.2.10"]];
    now.edit(|reply| reply["Open_vSwitch"]["rows"][0]["external_ids"] = json!(["map", ids]));
    let outcomes = wrong(&now);
    assert_eq!((outcomes.len(), &*outcomes[0].subject), (1, "Open_vSwitch"));
    assert_eq!(outcomes[0].touches, [Part::Unit("ovn-controller.service".to_owned())], "the switch goes on");
    let expected: Vec<&String> = outcomes[0].expected.keys().collect();
    assert_eq!(expected, ["external_ids:ovn-bridge-mappings", "external_ids:ovn-remote", "external_ids:system-id"]);
    assert!(outcomes[0].detail.contains("OVN knows the host by its system-id"), "{}", outcomes[0].detail);
    assert_eq!(typed(&outcomes[0])[1], "sh -c echo hv-01 >/etc/openvswitch/system-id.conf");
    let typed = typed(&outcomes[0]).join(" ");
    assert!(typed.starts_with("ovs-vsctl -t 10 set Open_vSwitch . "), "{typed}");
    assert!(typed.contains("external_ids:ovn-remote=\"ssl:192.0.2.1:6642\""), "{typed}");
}

#[test]
fn a_switch_that_was_left_waiting_is_told() {
    let mut now = Switch::default();
    let config = json!(["map", [["flow-restore-wait", "true"], ["n-dpdk-rxqs", "2"], ["vlan-limit", "2"]]]);
    now.edit(|reply| reply["Open_vSwitch"]["rows"][0]["other_config"] = config);
    let outcomes = wrong(&now);
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].touches, [Part::Switch]);
    assert!(outcomes[0].detail.ends_with("ovs-vswitchd changes no flow"), "{}", outcomes[0].detail);
    assert_eq!(typed(&outcomes[0]), ["ovs-vsctl -t 10 remove Open_vSwitch . other_config flow-restore-wait"]);
}
