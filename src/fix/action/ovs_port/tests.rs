use serde_json::json;

use crate::catalog::{Catalog, Check, Settings};
use crate::facts::before::Before;
use crate::facts::{Facts, Run};
use crate::fix::action::Context;
use crate::fix::plan::{Wanted, plan};
use crate::judge::kept::recorded_switch::Switch;
use crate::judge::kept::staged::{NOW, snapshot};
use crate::model::plan::{Deed, Planned};
use crate::model::report::Intent;

/// What is planned for what is wrong with the switch; `wanted` as a person types it.
fn planned(then: &Switch, now: &Switch, wanted: &str) -> Vec<Planned> {
    let catalog = Catalog::load(&[], &[]).unwrap();
    let checks: Vec<&Check> = catalog.checks.iter().filter(|check| check.id.starts_with("ovs.port-kept")).collect();
    let (then, now, settings, snapshot) = (then.answers(), now.answers(), Settings::default(), snapshot());
    let run = Run { intent: Intent::After, asked_at: NOW };
    let facts = Facts::new(&now, &settings, run);
    let before = Before { facts: Facts::new(&then, &settings, run), snapshot: &snapshot };
    let findings = crate::judge::judge(&catalog, &checks, &facts, Some(&before));
    let context = Context {
        catalog: &catalog,
        facts: &facts,
        before: Some(&before),
        findings: &findings,
        named: false,
        home: "/state/runs/one",
    };
    plan(&[Wanted::parse(wanted)], &context)
}

fn only(then: &Switch, now: &Switch, wanted: &str) -> Planned {
    let mut all = planned(then, now, wanted);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

fn operations(planned: &Planned) -> Vec<serde_json::Value> {
    let deeds = planned.steps.iter().flat_map(|step| std::iter::once(&step.does).chain(&step.undoes));
    let switch = |deed: &Deed| match deed {
        Deed::Switch(transaction) => transaction.operations.clone(),
        other => panic!("{other:?}"),
    };
    deeds.flat_map(switch).map(serde_json::Value::Object).collect()
}

#[test]
fn a_port_is_made_anew_with_its_columns_where_the_bridge_is_as_it_was_read() {
    let mut now = Switch::default();
    now.move_port("eno1", "br-ex", None);
    let planned = only(&Switch::default(), &now, "ovs.port-kept:br-ex/eno1");
    assert_eq!((planned.refused.as_deref(), planned.fix.as_str()), (None, "ovs.port.readd"));
    assert!(planned.touches.iter().any(|device| device == "br-ex"), "{:?}", planned.touches);
    let operations = operations(&planned);
    assert_eq!(operations[0]["op"], "wait");
    assert_eq!(operations[0]["rows"][0]["ports"], now.row("Bridge", "br-ex")["ports"]);
    let interface = operations.iter().find(|it| it["op"] == "insert" && it["table"] == "Interface").unwrap();
    assert_eq!(interface["row"]["mtu_request"], 9000);
    assert_eq!(interface["row"]["external_ids"], json!(["map", [["netplan", "true"]]]));
    // The queue that it had is still there, and has no second.
    let port = operations.iter().find(|it| it["op"] == "insert" && it["table"] == "Port").unwrap();
    assert_eq!(port["row"]["qos"], json!(["uuid", "806159eb-1fa7-4aea-ba88-4239bfce7999"]));
}

#[test]
fn a_nic_that_somebody_else_has_is_not_taken() {
    let mut now = Switch::default();
    now.move_port("eno1", "br-ex", None);
    let link = now.links.iter_mut().find(|(name, _)| name == "eno1").unwrap();
    link.1.master = Some("bond7".to_owned());
    link.1.member_kind = Some("bond".to_owned());
    let planned = only(&Switch::default(), &now, "ovs.port-kept:br-ex/eno1");
    assert_eq!(planned.refused.as_deref(), Some("eno1 is in bond7"));
    assert!(planned.steps.is_empty());
}

#[test]
fn secrets_are_neither_written_back_nor_down() {
    let mut then = Switch::default();
    then.row("Interface", "patch-ex")["options"] = json!(["map", [["peer", "patch-data"], ["psk", "***"]]]);
    let mut now = Switch::default();
    now.move_port("patch-ex", "br-ex", None);
    let subject = "ovs.port-kept:br-ex/patch-ex";
    let refused = only(&then, &now, subject).refused.unwrap();
    assert!(refused.contains("options:psk of patch-ex"), "{refused}");

    // Somebody has set one since: to take that back would need it in the journal.
    let mut now = Switch::default();
    now.row("Interface", "patch-ex")["options"] = json!(["map", [["peer", "other"], ["psk", "swordfish"]]]);
    let then = Switch::default();
    let set = only(&then, &now, subject);
    assert!(set.refused.as_ref().is_some_and(|why| why.contains("secret")), "{set:#?}");
    assert!(!format!("{:?}", set.steps).contains("swordfish"));
}

#[test]
fn a_port_on_another_bridge_is_left_to_a_person() {
    let mut now = Switch::default();
    now.move_port("eno1", "br-ex", Some("br-data"));
    let named = only(&Switch::default(), &now, "ovs.port-kept:br-ex/eno1");
    assert_eq!(named.refused, None);
    let by_fix = only(&Switch::default(), &now, "ovs.port.readd");
    assert!(by_fix.refused.unwrap().contains("hostready fix ovs.port-kept:br-ex/eno1"));
}
