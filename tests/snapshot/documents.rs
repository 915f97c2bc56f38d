//! The document itself: its schema, what a newer version may put into it, and that every one ever shipped still loads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::{Value, json};

use super::desk::{Desk, Host, document, hostready};

/// Holds it against the schema that the program itself prints.
#[track_caller]
fn assert_fits_the_schema(output: &Output) {
    let schema = document(&hostready(&["schema", "snapshot"]));
    let mut compiler = boon::Compiler::new();
    let mut schemas = boon::Schemas::new();
    compiler.add_resource("snapshot.json", schema).unwrap();
    let index = compiler.compile("snapshot.json", &mut schemas).unwrap();
    schemas.validate(&document(output), index).unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn every_document_fits_the_schema() {
    let (desk, host) = (Desk::new(), Host::healthy());
    assert_fits_the_schema(&desk.run("snapshot", &host, &["--json"]));
    assert_fits_the_schema(&desk.snapshot(&host, &[]));
    let broken = host.clone().rebooted(1).full();
    assert_fits_the_schema(&desk.snapshot(&broken, &[]));
    let mut blind = host;
    blind.0["answers"]["links"]["reading"] = json!({"unreadable": {"cause": "timed-out", "detail": "no answer"}});
    assert_fits_the_schema(&Desk::new().snapshot(&blind, &[]));
}

/// The file of the only snapshot.
fn only(desk: &Desk) -> PathBuf {
    let names = desk.names();
    assert_eq!(names.len(), 1);
    desk.state().join(format!("snapshots/{}.json", names[0]))
}

fn change(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut snapshot: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut snapshot);
    fs::write(path, serde_json::to_vec_pretty(&snapshot).unwrap()).unwrap();
}

#[test]
fn what_a_newer_version_adds_is_passed_over() {
    let (desk, host) = (Desk::new(), Host::healthy());
    desk.takes_over(&host);
    let plain = document(&desk.verify(&host, &[]));
    change(&only(&desk), |snapshot| {
        snapshot["schema_version"] = "1.7".into();
        snapshot["weather"] = json!({"rain": true});
        snapshot["host"]["altitude"] = 7.into();
        snapshot["answers"]["weather:here"] = json!({"known": {"weather": 1}});
        snapshot["answers"]["links"]["known"]["links"]["lo"]["colour"] = "blue".into();
        let mut finding = snapshot["findings"][0].clone();
        finding["severity"] = "catastrophic".into();
        finding["smell"] = "bad".into();
        snapshot["findings"].as_array_mut().unwrap().push(finding);
    });
    let newer = document(&desk.verify(&host, &[]));
    let rows = |report: &Value| -> Vec<Value> {
        let keys = ["id", "subject", "status", "cause", "new"];
        report["findings"].as_array().unwrap().iter().map(|row| keys.map(|key| row[key].clone()).into()).collect()
    };
    assert_eq!(rows(&plain), rows(&newer));
}

#[test]
fn an_answer_in_a_newer_form_is_unknown_and_never_missing() {
    let (desk, host) = (Desk::new(), Host::healthy());
    desk.takes_over(&host);
    for newer in [json!({"known": {"links-of-tomorrow": {}}}), json!({"half-known": {}})] {
        change(&only(&desk), |snapshot| snapshot["answers"]["links"] = newer);
        let output = desk.verify(&host, &[]);
        assert_eq!(output.status.code(), Some(5));
        let report = document(&output);
        let rows = report["findings"].as_array().unwrap();
        let row = rows.iter().find(|row| row["id"] == "network.link-kept").unwrap();
        assert_eq!(row["status"], "unknown", "{row:#}");
    }
}

/// `1.0-NAME.json`, each made by the version that shipped that format.
fn shipped() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/snapshots");
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn every_format_ever_shipped_loads() {
    for file in shipped() {
        let desk = Desk::new();
        let snapshot: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let host = Host::healthy().text(super::MACHINE_ID, snapshot["host"]["machine_id"].as_str().unwrap());
        let output = desk.verify(&host, &["--baseline", file.to_str().unwrap()]);
        assert!(![Some(1), Some(2)].contains(&output.status.code()), "{}: {output:?}", file.display());
        let report = document(&output);
        assert_eq!(report["baseline"]["name"], snapshot["name"]);
        // It is understood as well: no part of it is unknown because of its form.
        for row in report["findings"].as_array().unwrap() {
            assert_ne!(row["cause"], "malformed", "{}: {row:#}", file.display());
        }
    }
}

#[test]
fn a_damaged_document_is_an_error_with_its_place_or_a_document_and_never_a_crash() {
    let (desk, host) = (Desk::new(), Host::healthy());
    let text = fs::read(&shipped()[0]).unwrap();
    for at in (0..text.len()).step_by(text.len() / 40) {
        let mut flipped = text.clone();
        flipped[at] ^= 0x15;
        for damaged in [&text[..at], &flipped] {
            let file = desk.file("damaged.json", damaged);
            let output = desk.verify(&host, &["--baseline", file.to_str().unwrap()]);
            let said = String::from_utf8_lossy(&output.stderr);
            match output.status.code() {
                Some(0 | 3 | 5) => assert!(damaged.len() == text.len()),
                Some(2) => assert!(said.contains("damaged.json:") || said.contains("another machine"), "{said}"),
                other => panic!("exit {other:?}: {said}"),
            }
        }
    }
}

#[test]
fn no_secret_is_remembered_and_what_is_masked_has_not_changed() {
    let (desk, mut host) = (Desk::new(), Host::healthy());
    let wifi = "ctrl_interface=/run/x\npsk=\"swordfish1\"\nnameserver 192.0.2.53\n";
    host.0["answers"]["file:/etc/resolv.conf"] = json!({"reading": {"known": {"text": wifi}}, "us": 1});
    desk.takes_over(&host);
    let kept = fs::read_to_string(only(&desk)).unwrap();
    assert!(!kept.contains("swordfish1") && kept.contains("192.0.2.53"));
    let report = document(&desk.verify(&host, &[]));
    let failed = |row: &&Value| row["id"] == "network.dns-kept" && row["status"] == "fail";
    assert!(!report["findings"].as_array().unwrap().iter().any(|row| failed(&row)));
}
