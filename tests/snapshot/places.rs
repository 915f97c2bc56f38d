//! Which snapshot takes which place: that of the baseline, of a name, of a number.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::desk::{Desk, Host, MACHINE_ID, assert_usage_error, document, hostready, stderr};

/// The kernel does not answer for its links.
fn blind(host: &Host) -> Host {
    let mut blind = host.clone();
    blind.0["answers"]["links"]["reading"] = json!({"unreadable": {"cause": "timed-out", "detail": "no answer"}});
    blind
}

fn baseline(desk: &Desk) -> (String, String) {
    let target = fs::read_link(desk.state().join("baseline")).unwrap();
    let name = target.file_stem().unwrap().to_str().unwrap().to_owned();
    (name, fs::read_to_string(desk.state().join("console.txt")).unwrap())
}

#[test]
fn what_is_incomplete_is_kept_beside_a_complete_baseline() {
    let (desk, host) = (Desk::new(), Host::healthy());
    desk.takes_over(&host);
    let stands = baseline(&desk);
    let output = desk.snapshot(&blind(&host), &[]);
    let said = document(&output);
    assert_eq!((output.status.code(), &said["changed"], &said["exit_code"]), (Some(5), &false.into(), &5.into()));
    let (name, msg) = (said["name"].as_str().unwrap(), said["msg"].as_str().unwrap());
    for part in
        ["the baseline of 2026-11-21T10:05:26Z stays", &format!("{name} is kept beside"), "no answer", "--replace"]
    {
        assert!(msg.contains(part), "{part:?} is not in {msg:?}");
    }
    assert_eq!(baseline(&desk), stands);
    assert_eq!(document(&desk.verify(&host, &[]))["baseline"]["name"], stands.0.as_str());
    assert_eq!(document(&desk.verify(&host, &["--baseline", name]))["baseline"]["name"], name);
    // However many of them come, the baseline does not go.
    for _again in 0..3 {
        assert_eq!(desk.snapshot(&blind(&host), &["--keep", "1"]).status.code(), Some(5));
    }
    assert_eq!(desk.names().len(), 2);
    assert_eq!(desk.verify(&host, &[]).status.code(), Some(0));

    assert_eq!(desk.snapshot(&blind(&host), &["--replace"]).status.code(), Some(5));
    assert_ne!(baseline(&desk), stands);
    // Neither of two incomplete ones is worth more than the other.
    let stands = baseline(&desk);
    assert_eq!(document(&desk.snapshot(&blind(&host), &[]))["changed"], true);
    assert_ne!(baseline(&desk), stands);
}

#[test]
fn what_is_incomplete_takes_no_complete_baselines_name() {
    let (desk, host) = (Desk::new(), Host::healthy());
    assert_eq!(desk.snapshot(&host, &["--name", "before"]).status.code(), Some(0));
    let files = desk.files();
    let output = desk.snapshot(&blind(&host), &["--name", "before", "--replace"]);
    assert_eq!(output.status.code(), Some(5), "{}", stderr(&output));
    let msg = document(&output)["msg"].as_str().unwrap().to_owned();
    assert!(msg.contains("stays, and this one is not kept; incomplete"), "{msg}");
    assert_eq!(files, desk.files());
}

#[test]
fn a_host_that_cannot_be_judged_is_not_told_to_be_broken() {
    let (desk, host) = (Desk::new(), Host::healthy());
    desk.takes_over(&host);
    let msg = desk.stays_with(5, &blind(&host.rebooted(1)), &[])["msg"].as_str().unwrap().to_owned();
    for part in ["nobody can tell whether the host has come back whole", "rebooted", "no answer"] {
        assert!(msg.contains(part), "{part:?} is not in {msg:?}");
    }
}

#[test]
fn eight_at_once_are_eight() {
    let (desk, host) = (Desk::new(), Host::healthy());
    desk.takes_over(&host);
    let (recording, state) = (desk.file("host.json", serde_json::to_vec(&host.0).unwrap()), desk.state());
    let arguments =
        ["snapshot", "--json", "--from", recording.to_str().unwrap(), "--state-dir", state.to_str().unwrap()];
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| hostready(&arguments))).collect();
        for output in runs.into_iter().map(|run| run.join().unwrap()) {
            assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
            let said = document(&output);
            let kept = state.join(format!("snapshots/{}.json", said["name"].as_str().unwrap()));
            assert_eq!(
                document(&hostready(&["snapshot", "--list", "--json", arguments[4], arguments[5]]))[0]["error"],
                json!(null)
            );
            let kept: serde_json::Value = serde_json::from_slice(&fs::read(kept).unwrap()).unwrap();
            assert_eq!(kept, said, "what is printed is what is kept");
        }
    });
    assert_eq!(desk.names().len(), 9);
    let links = fs::read_dir(&state).unwrap().count();
    assert_eq!(links, 4, "baseline, console.txt, reserve, snapshots and nothing else");
}

#[test]
fn a_name_is_replaced_and_the_baseline_judged_all_the_same() {
    let (desk, host) = (Desk::new(), Host::healthy());
    let named = ["--name", "before", "--replace"];
    assert_eq!(desk.snapshot(&host, &named).status.code(), Some(0));
    assert_eq!(desk.snapshot(&host, &named).status.code(), Some(0));
    // A playbook that says both is run again.
    let broken = host.clone().rebooted(1).full();
    let said = desk.stays(&broken, &named);
    assert!(said["msg"].as_str().unwrap().contains("--replace without --name overrides"), "{}", said["msg"]);
    desk.stays(&broken, &["--name", "after", "--replace"]);
    fs::write(desk.state().join("snapshots/before.json"), "").unwrap();
    assert_usage_error(
        &desk.snapshot(&host, &named),
        &["state/baseline:1:1", "`hostready snapshot --replace`, without"],
    );
    assert_eq!(document(&desk.snapshot(&broken, &["--replace"]))["changed"], true);
    assert_eq!(desk.snapshot(&host, &named).status.code(), Some(0));
    assert_eq!(baseline(&desk).0, "before");
}

#[test]
fn a_name_that_looks_like_a_time_or_a_file_is_none() {
    let (desk, host) = (Desk::new(), Host::healthy());
    for (name, hint) in
        [("20200101T000000Z", "put a word before"), ("20200101T000000Z-2", "go: "), ("x.json", "`.json`")]
    {
        assert_usage_error(&desk.snapshot(&host, &["--name", name]), &[&format!("`{name}` is no name"), hint]);
    }
    assert!(!desk.state().exists());
    // What is not the program's own to name stays.
    for name in ["pre-20200101T000000Z", "before"] {
        assert_eq!(desk.snapshot(&host, &["--name", name, "--keep", "1"]).status.code(), Some(0));
    }
    desk.takes_over(&host);
    assert_eq!(desk.names().len(), 3);
    assert_eq!(document(&desk.verify(&host, &["--baseline", "before.json"]))["baseline"]["name"], "before");
}

#[test]
fn a_baseline_that_cannot_be_read_leads_to_others() {
    let (desk, host) = (Desk::new(), Host::healthy());
    let first = desk.takes_over(&host);
    let second = desk.takes_over(&host);
    let file = desk.state().join(format!("snapshots/{second}.json"));
    let others = format!("`hostready verify --baseline NAME` compares with another: {first}\n");
    type Damage = fn(&Path);
    let damages: [(Damage, &str); 2] =
        [(|file| fs::write(file, "{").unwrap(), ":1:1: EOF"), (|file| fs::remove_file(file).unwrap(), "which is gone")];
    for (damage, told) in damages {
        damage(&file);
        assert_usage_error(&desk.verify(&host, &[]), &["state/baseline:", told, &others]);
        let refused = desk.snapshot(&host, &[]);
        assert_usage_error(&refused, &["state/baseline:", told, "; `hostready snapshot --replace`, without --name, "]);
        for output in [refused, desk.verify(&host, &[])] {
            assert_eq!(stderr(&output).lines().count(), 2, "one error, one hint: {}", stderr(&output));
        }
    }
    assert_eq!(desk.verify(&host, &["--baseline", &first]).status.code(), Some(0));
    assert_eq!(document(&desk.snapshot(&host, &["--replace"]))["changed"], true);
    assert_eq!(desk.verify(&host, &[]).status.code(), Some(0));
}

#[test]
fn a_doubtful_baseline_is_said_and_compared_with() {
    let host = Host::healthy();
    let mut nameless = host.clone();
    nameless.0["answers"][MACHINE_ID]["reading"] = json!("absent");
    let early = host.clone().at("2026-11-20T09:00:00Z");
    let doubts = [
        (&host, &host, ""),
        (&host, &nameless, "is of this machine: this host tells no machine id"),
        (&nameless, &host, "is of this machine: the snapshot holds no machine id"),
        (&host, &early, "at 2026-11-21T10:05:26Z, and this host's clock says 2026-11-20T09:00:00Z: one of"),
    ];
    for (then, now, doubt) in doubts {
        let desk = Desk::new();
        desk.takes_over(then);
        for output in [desk.verify(now, &[]), desk.snapshot(now, &[])] {
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            assert!(stderr(&output).contains(doubt), "{doubt:?} is not in {:?}", stderr(&output));
            assert_eq!(stderr(&output).lines().count(), usize::from(!doubt.is_empty()), "{}", stderr(&output));
        }
    }
}

#[test]
fn what_is_accepted_does_not_block_in_a_snapshot_either() {
    let (desk, host) = (Desk::new(), Host::healthy().full());
    let waiver = "[[waiver]]\nid = \"disk.space\"\nsubject = \"/var\"\nreason = \"known\"\nexpires = 2100-01-01\n";
    let config = desk.file("config.toml", waiver);
    let accepted = ["--config", config.to_str().unwrap()];
    let words = |arguments: &[&str]| String::from_utf8(desk.run("snapshot", &host, arguments).stdout).unwrap();
    assert!(words(&[]).contains("\n  blocks at this moment: /var has "), "{}", words(&[]));
    assert!(!words(&accepted).contains("/var"), "{}", words(&accepted));
    let said = document(&desk.run("snapshot", &host, &[&accepted[..], &["--json"]].concat()));
    let rows = said["findings"].as_array().unwrap();
    let row = rows.iter().find(|row| row["id"] == "disk.space" && row["subject"] == "/var").unwrap();
    assert_eq!((&row["blocking"], &row["waiver"]["reason"]), (&false.into(), &"known".into()));
}

#[test]
fn a_snapshot_goes_where_a_report_goes() {
    let (desk, host) = (Desk::new(), Host::healthy());
    let output = desk.snapshot(&host, &["--output", desk.0.path().join("copy.json").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let copy = desk.0.path().join("copy.json");
    assert_eq!(fs::read(&copy).unwrap(), output.stdout);
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&copy.metadata().unwrap()) & 0o777, 0o600, "it is as private");
    assert_eq!(desk.verify(&host, &["--baseline", copy.to_str().unwrap()]).status.code(), Some(0));
    let full = desk.run("snapshot", &host, &["-q", "--output", "/dev/full"]);
    assert_eq!(full.status.code(), Some(1));
    let line = String::from_utf8(full.stdout).unwrap();
    assert!(line.lines().count() == 1 && line.contains(": printed and not kept"), "{line}");
}
