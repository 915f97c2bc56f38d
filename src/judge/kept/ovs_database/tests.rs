use serde_json::json;

use super::super::recorded_switch::{Switch, outcomes};
use super::*;
use crate::model::Status;
use crate::model::answer::{Answer, EntryKind};

fn entry(name: &str) -> Entry {
    Entry { name: name.to_owned(), kind: EntryKind::File, bytes: 4096, target: None }
}

/// A database as `ovs-ctl` makes it anew.
fn anew() -> Switch {
    let row = json!({"_uuid": ["uuid", "11111111-0000-4000-8000-000000000000"], "external_ids": ["map", [["system-id", "x"]]]});
    Switch::saying(&json!({
        "Open_vSwitch": {"rows": [row]}, "Bridge": {"rows": []}, "Port": {"rows": []}, "Interface": {"rows": []},
    }))
}

#[test]
fn a_database_that_holds_bridges_passes() {
    let outcomes = outcomes(&Switch::default(), &Switch::default(), judge);
    assert_eq!(
        (outcomes[0].status, outcomes[0].detail.as_str()),
        (Status::Pass, "the database of the switch is the one that it was")
    );
    assert_eq!(outcomes_of(&anew(), &Switch::default())[0].status, Status::Skip);
}

fn outcomes_of(then: &Switch, now: &Switch) -> Vec<Outcome> {
    outcomes(then, now, judge)
}

#[test]
fn an_empty_one_is_told_with_what_was_set_aside() {
    let listing = |names: &[&str]| Answer::Listing(names.iter().map(|name| entry(name)).collect());
    let mut now = anew();
    let directory = Query::Listing("/etc/openvswitch".to_owned());
    let names = ["conf.db", "conf.db.backup8.3.0-1", "conf.db.backup8.10.0-2", "conf.db.backup1", "conf.db.backup2"];
    now.others = vec![(directory.clone(), listing(&names))];
    let outcome = &outcomes_of(&Switch::default(), &now)[0];
    assert_eq!(outcome.observed["backups"].as_array().unwrap().len(), 4, "all are named");
    assert!(outcome.by_hand.is_empty(), "and none is chosen by its size: {:?}", outcome.by_hand);
    now.others = vec![(directory.clone(), listing(&["conf.db", "conf.db.backup8.3.0-1", ".conf.db.~lock~"]))];
    let outcome = &outcomes_of(&Switch::default(), &now)[0];
    assert_eq!(outcome.status, Status::Fail);
    assert!(outcome.detail.starts_with("the database of the switch was made anew"), "{}", outcome.detail);
    let typed: Vec<String> = outcome.by_hand.iter().map(|words| words.join(" ")).collect();
    let at = |start: &str| typed.iter().position(|command| command.starts_with(start)).unwrap();
    assert!(
        at("ovsdb-tool convert") < at("systemctl stop"),
        "nothing is stopped before it is known to work: {typed:?}"
    );
    now.others = vec![(directory, listing(&["conf.db"]))];
    let outcome = &outcomes_of(&Switch::default(), &now)[0];
    assert!(outcome.detail.contains("conf.db.backup* lies beside it"), "{}", outcome.detail);
    assert!(outcome.by_hand.is_empty(), "the commands of the check");
}

#[test]
fn a_new_database_with_nothing_but_what_ovn_made_again_is_empty_too() {
    let renewed = |keep: &[&str]| {
        let mut switch = Switch::default();
        switch.edit(|reply| {
            reply["Open_vSwitch"]["rows"][0]["_uuid"] = json!(["uuid", "11111111-0000-4000-8000-000000000000"]);
            let bridges = reply["Bridge"]["rows"].as_array_mut().unwrap();
            bridges.retain(|row| keep.contains(&row["name"].as_str().unwrap()));
        });
        switch
    };
    assert_eq!(outcomes_of(&Switch::default(), &renewed(&["br-int"]))[0].status, Status::Fail);
    assert_eq!(outcomes_of(&Switch::default(), &renewed(&["br-int", "br-ex"]))[0].status, Status::Pass, "built again");
    let mut deleted = Switch::default();
    deleted.edit(|reply| reply["Bridge"]["rows"].as_array_mut().unwrap().retain(|row| row["name"] == "br-int"));
    assert_eq!(outcomes_of(&Switch::default(), &deleted)[0].status, Status::Pass, "somebody deleted the others");
}
