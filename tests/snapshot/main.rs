//! `snapshot` and `verify` from outside, over recorded hosts: which baseline stays, and what cannot be one.

// A test stages files and starts programs, and may stop at the first thing that is not as expected.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod desk;
mod documents;
mod places;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use desk::{Desk, Host, MACHINE_ID, STATUS, assert_usage_error, document, hostready};

/// Whether the report says that this failed.
fn fails(report: &Value, id: &str, subject: &str) -> bool {
    let mut rows = report["findings"].as_array().unwrap().iter();
    rows.any(|row| row["id"] == id && row["subject"] == subject && row["status"] == "fail")
}

#[test]
fn a_playbook_that_is_run_again_on_a_broken_host_still_tells_the_fault() {
    let (desk, host) = (Desk::new(), Host::healthy());
    let first = desk.takes_over(&host.clone().at("2026-11-20T09:00:00Z"));
    let broken = host.clone().rebooted(1).full();
    for _again in 0..2 {
        let verified = desk.verify(&broken, &[]);
        assert_eq!(verified.status.code(), Some(3));
        assert_eq!(document(&verified)["baseline"]["name"], first.as_str());
        assert!(fails(&document(&verified), "disk.space", "/var"));
        let said = desk.stays(&broken, &[]);
        assert_eq!(said["kept"], json!({"name": first, "taken_at": "2026-11-20T09:00:00Z"}));
        let msg = said["msg"].as_str().unwrap();
        for part in ["2026-11-20T09:00:00Z", "rebooted", "/var", "--replace"] {
            assert!(msg.contains(part), "{part:?} is not in {msg:?}");
        }
        assert!(fails(&said, "disk.space", "/var"));
    }
    // Neither a name nor a count of what to keep gets past it.
    desk.stays(&broken, &["--name", "again", "--keep", "1"]);
    // What was said instead of a snapshot cannot be compared with.
    let said = desk.file("said.json", desk.snapshot(&broken, &[]).stdout);
    assert_usage_error(
        &desk.verify(&broken, &["--baseline", said.to_str().unwrap()]),
        &["said.json:1:1: ", "not kept"],
    );

    let mended = host.rebooted(1).at("2026-11-20T10:00:00Z");
    assert_eq!(desk.takes_over(&mended), "20261120T100000Z");
    assert_eq!(document(&desk.verify(&mended, &[]))["baseline"]["taken_at"], "2026-11-20T10:00:00Z");
}

#[test]
fn a_baseline_stays_open_once_the_host_went_through_something() {
    let host = Host::healthy();
    let switch = "Source: openvswitch\nVersion: 3.1.0-2+deb12u1";
    let kernel = "Package: linux-image-6.1.0-50-amd64\n";
    let went_through: [(&str, Host); 5] = [
        ("rebooted", host.clone().rebooted(1)),
        ("release 12 to 13", host.clone().edited("file:/etc/os-release", "VERSION_ID=\"12\"", "VERSION_ID=\"13\"")),
        ("3.1.0-2+deb12u1 to 3.3.0-1", host.clone().edited(STATUS, switch, "Source: openvswitch\nVersion: 3.3.0-1")),
        ("linux-image-6.1.0-51-amd64", host.clone().edited(STATUS, kernel, "Package: linux-image-6.1.0-51-amd64\n")),
        ("could not be compared", host.clone().edited(STATUS, "Status: install ok installed", "Status: odd")),
    ];
    for (what, after) in went_through {
        let desk = Desk::new();
        desk.takes_over(&host);
        let said = desk.stays(&after.full(), &[]);
        assert!(said["msg"].as_str().unwrap().contains(what), "{what}: {}", said["msg"]);
        assert_eq!(desk.snapshot(&host.clone().rebooted(1).full(), &["--replace"]).status.code(), Some(0));
        assert_eq!(desk.names().len(), 2);
    }
    // Without any of these the host is what its operator made of it since.
    let desk = Desk::new();
    desk.takes_over(&host);
    desk.takes_over(&host.full());
}

#[test]
fn what_was_wrong_before_keeps_no_baseline_open() {
    let (desk, host) = (Desk::new(), Host::healthy());
    desk.takes_over(&host.clone().full());
    desk.takes_over(&host.clone().rebooted(1).full());
    // Something else is wrong as well.
    let mut worse = host.clone().rebooted(2).full();
    worse.0["answers"]["space:/opt"]["reading"]["known"]["space"]["available"] = 0.into();
    let said = desk.stays(&worse, &[]);
    assert!(said["msg"].as_str().unwrap().contains("/opt"), "{}", said["msg"]);
    // What could not be read is not whole.
    let desk = Desk::new();
    desk.takes_over(&host);
    let mut silent = host.clone().rebooted(1);
    silent.0["answers"]["space:/var"]["reading"] = json!({"unreadable": {"cause": "timed-out", "detail": "no answer"}});
    desk.stays_with(5, &silent, &[]);
    // What the baseline itself could not read would never be found whole.
    let mut blind = host.clone();
    blind.0["answers"]["links"]["reading"] = json!({"unreadable": {"cause": "timed-out", "detail": "no answer"}});
    let desk = Desk::new();
    assert_eq!(desk.snapshot(&blind, &[]).status.code(), Some(5));
    assert_ne!(desk.verify(&host.clone().rebooted(1), &[]).status.code(), Some(0));
    desk.takes_over(&host.rebooted(1));
}

#[test]
fn a_partial_look_declares_no_host_whole() {
    for flag in ["--only", "--skip"] {
        let output = Desk::new().snapshot(&Host::healthy(), &[flag, "disk.space"]);
        assert_usage_error(&output, &[flag]);
    }
}

#[test]
fn a_baseline_that_cannot_be_one_is_named_and_replaced_on_demand() {
    let host = Host::healthy();
    let other = host.clone().text(MACHINE_ID, "00000000000000000000000000000bad\n");
    let desk = Desk::new();
    let name = desk.takes_over(&host);
    for output in [desk.snapshot(&other, &[]), desk.verify(&other, &[])] {
        assert_usage_error(&output, &[&format!("`{name}` is of another machine"), "00bad", "hint: "]);
    }
    assert_eq!(desk.snapshot(&other, &["--replace"]).status.code(), Some(0));

    type Damage = fn(&str) -> String;
    let damages: [(&str, Damage); 5] = [
        (":1:1: EOF", |_| String::new()),
        ("EOF", |text| text[..text.len() / 2].to_owned()),
        (": ", |text| text.replacen("\"known\"", "\"known", 1)),
        (":1:1: a snapshot of schema version 2.0", |text| text.replacen("\"1.0\"", "\"2.0\"", 1)),
        (":1:1: this is no snapshot", |text| text.replacen("hostready/snapshot", "else", 1)),
    ];
    for (told, damage) in damages {
        let desk = Desk::new();
        let name = desk.takes_over(&host);
        let path = desk.state().join(format!("snapshots/{name}.json"));
        fs::write(&path, damage(&fs::read_to_string(&path).unwrap())).unwrap();
        assert_usage_error(&desk.snapshot(&host, &[]), &["state/baseline:", told, "hint: ", "--replace"]);
        assert_usage_error(&desk.verify(&host, &[]), &["state/baseline:", told, "hint: "]);
        assert_usage_error(&desk.verify(&host, &["--baseline", &name]), &[&format!("{name}.json:"), told]);
        let listed = hostready(&["snapshot", "--list", "--json", "--state-dir", desk.state().to_str().unwrap()]);
        assert_eq!(listed.status.code(), Some(5));
        assert!(document(&listed)[0]["error"].is_string() && document(&listed)[0]["is_baseline"] == true);
        assert_eq!(desk.snapshot(&host, &["--replace"]).status.code(), Some(0));
        assert_ne!(desk.verify(&host, &[]).status.code(), Some(2));
    }
    let desk = Desk::new();
    let name = desk.takes_over(&host);
    fs::remove_file(desk.state().join(format!("snapshots/{name}.json"))).unwrap();
    assert_usage_error(
        &desk.verify(&host, &[]),
        &["state/baseline: leads to snapshots/", "which is gone", "no other snapshot is kept here"],
    );
}

#[test]
fn what_verify_is_given_must_be_a_snapshot() {
    let (desk, host) = (Desk::new(), Host::healthy());
    desk.takes_over(&host);
    let against = |baseline: &str| desk.verify(&host, &["--baseline", baseline]);
    assert_usage_error(&against("never"), &["snapshots/never.json: there is no such snapshot", "--list"]);
    assert_usage_error(&against("/nonexistent/x.json"), &["/nonexistent/x.json: there is no such snapshot"]);
    let bundle = desk.file("bundle.json", serde_json::to_vec(&host.0).unwrap());
    assert_usage_error(&against(bundle.to_str().unwrap()), &["bundle.json:1:1: this is a bundle", "snapshot --from"]);
    let report = desk.file("report.json", desk.verify(&host, &[]).stdout);
    assert_usage_error(&against(report.to_str().unwrap()), &["report.json:1:1: this is a report"]);
    let damaged = desk.file("bytes.json", b"{\n \"schema\": \"\xff\"}");
    assert_usage_error(&against(damaged.to_str().unwrap()), &["bytes.json:2:"]);
    assert_usage_error(&against(desk.0.path().to_str().unwrap()), &["is no regular file"]);
    let file = desk.file("printed.json", desk.run("snapshot", &host, &["--json"]).stdout);
    assert_ne!(against(file.to_str().unwrap()).status.code(), Some(2), "what is printed can be compared with");
}

#[test]
fn without_a_baseline_all_that_needs_none_is_judged() {
    let (desk, host) = (Desk::new(), Host::healthy());
    let output = desk.verify(&host, &[]);
    assert_eq!(output.status.code(), Some(5));
    let report = document(&output);
    assert!(report["baseline"].is_null() && report["summary"]["pass"].as_u64() > Some(15));
    let rows = report["findings"].as_array().unwrap();
    let unknown: Vec<&Value> = rows.iter().filter(|row| row["status"] == "unknown").collect();
    assert!(unknown.len() > 8, "{}", unknown.len());
    for row in unknown {
        assert_eq!((&row["cause"], &row["by_hand"]), (&"no-baseline".into(), &json!([["hostready", "snapshot"]])));
        assert!(row["detail"].as_str().unwrap().contains("once this host is known to be whole"), "{row}");
    }
    assert_eq!(desk.verify(&host.full(), &[]).status.code(), Some(3));
}

#[test]
fn a_name_is_given_once_and_kept() {
    let (desk, host) = (Desk::new(), Host::healthy());
    assert_eq!(desk.snapshot(&host, &["--name", "before"]).status.code(), Some(0));
    assert_usage_error(
        &desk.snapshot(&host, &["--name", "before"]),
        &["before.json: there is a snapshot", "--replace"],
    );
    assert_eq!(desk.snapshot(&host, &["--name", "before", "--replace"]).status.code(), Some(0));
    for wrong in ["../x", ".x", "-x", "a b", "a/b", "ä", &"x".repeat(101)] {
        let named = format!("--name={wrong}");
        assert_usage_error(&desk.snapshot(&host, &[&named]), &["is no name for a snapshot", "hint: "]);
    }
    // Two in one second are two.
    // When the recording was made.
    let time = "20261121T100526Z";
    for expected in [time, &format!("{time}-2"), &format!("{time}-3"), &format!("{time}-4")] {
        assert_eq!(document(&desk.snapshot(&host, &["--keep", "2"]))["name"], expected);
    }
    assert_eq!(desk.names(), [&format!("{time}-3"), &format!("{time}-4"), "before"]);
    assert_eq!(document(&desk.verify(&host, &[]))["baseline"]["name"], format!("{time}-4"));
    assert_eq!(document(&desk.verify(&host, &["--baseline", "before"]))["baseline"]["name"], "before");
}

#[test]
fn what_others_could_change_is_no_place_for_a_baseline() {
    let (desk, host) = (Desk::new(), Host::healthy());
    desk.takes_over(&host);
    let state = desk.state();
    for path in [&state, &state.join("snapshots")] {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(path, Permissions::from_mode(0o770)).unwrap();
        assert_usage_error(&desk.snapshot(&host, &[]), &["others may write in it", "hint: chmod go-w"]);
        fs::set_permissions(path, Permissions::from_mode(0o700)).unwrap();
    }
    for (path, _) in desk.files().into_iter().filter(|(path, _)| !path.is_symlink()) {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    let link = desk.0.path().join("link");
    std::os::unix::fs::symlink(&state, &link).unwrap();
    let at = |path: &Path| desk.run("snapshot", &host, &["--state-dir", path.to_str().unwrap()]);
    assert_usage_error(&at(&link), &["link: is a link"]);
    assert_usage_error(&at(&desk.file("file", "")), &["file: is no directory"]);
}

#[test]
fn what_is_only_printed_is_kept_nowhere() {
    let (desk, host) = (Desk::new(), Host::healthy());
    let printed = document(&desk.run("snapshot", &host, &["--json"]));
    assert_eq!((&printed["changed"], &printed["exit_code"]), (&false.into(), &0.into()));
    assert!(!printed["answers"].as_object().unwrap().is_empty());
    assert!(!desk.state().exists());
}
