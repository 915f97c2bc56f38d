use super::super::staged::{compared, words};
use super::*;
use crate::model::{Answer, TroubleCause};

fn spec() -> Spec {
    let groups = [
        ("openvswitch", vec!["openvswitch-switch", "openvswitch-common"]),
        ("qemu", vec!["qemu-system-x86", "qemu-kvm"]),
        ("agents", vec!["host-agent*"]),
    ];
    let own = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    Spec { packages: groups.into_iter().map(|(group, names)| (group.to_owned(), own(names))).collect() }
}

/// `openvswitch-switch 3.1.0-2`, `linux-image 6.1 hold`, `x 1 install config-files`
fn database(packages: &[&str]) -> Reading<Answer> {
    let stanza = |package: &&str| {
        let words: Vec<&str> = package.split(' ').collect();
        let (want, state) = (words.get(2).unwrap_or(&"install"), words.get(3).unwrap_or(&"installed"));
        format!("Package: {}\nStatus: {want} ok {state}\nVersion: {}\n\n", words[0], words[1])
    };
    let base = "Package: base-files\nStatus: install ok installed\nVersion: 12\n\n".to_owned();
    Reading::Known(Answer::Text((base + &packages.iter().map(stanza).collect::<String>()).into_bytes()))
}

fn read(then: Reading<Answer>, now: Reading<Answer>) -> Vec<Outcome> {
    let key = format!("file:{STATUS}");
    compared(&[(&key, then)], &[(&key, now)], |facts, before| judge(&spec(), facts, before))
}

fn told(then: &[&str], now: &[&str]) -> Vec<String> {
    words(&read(database(then), database(now)))
}

#[test]
fn what_matters_must_be_there_at_no_lower_version() {
    let then = ["openvswitch-switch 3.1.0-2", "openvswitch-common 3.1.0-2", "vim 9"];
    assert_eq!(told(&then, &["openvswitch-switch 3.5.0-1", "openvswitch-common 3.5.0-1"]), ["pass"]);
    assert_eq!(told(&then, &["openvswitch-common 3.1.0-2"]), ["fail removed openvswitch-switch"]);
    assert_eq!(
        told(&then, &["openvswitch-switch 3.1.0-2 deinstall config-files", "openvswitch-common 3.1.0-2"]),
        ["fail removed openvswitch-switch"]
    );
    assert_eq!(
        told(&then, &["openvswitch-switch 2.17.9-0ubuntu0.22.04.1", "openvswitch-common 3.1.0-2"]),
        ["fail downgraded openvswitch-switch"]
    );
    let unfinished = ["openvswitch-switch 3.5.0-1 install half-configured", "openvswitch-common 3.5.0-1"];
    assert_eq!(told(&then, &unfinished), ["pass"], "that is for packages.state");
}

#[test]
fn a_name_that_a_release_drops_is_no_loss() {
    assert_eq!(told(&["qemu-system-x86 1:7.2", "qemu-kvm 1:7.2"], &["qemu-system-x86 1:10.0"]), ["pass"]);
    assert_eq!(told(&["qemu-kvm 1:2.11"], &["qemu-system-x86 1:10.0"]), ["pass"], "something better took its place");
    assert_eq!(told(&["qemu-kvm 1:2.11"], &[]), ["fail removed qemu-kvm"]);
    assert_eq!(told(&["host-agent-9 1"], &["host-agent-10 1"]), ["pass"]);
    assert_eq!(told(&["host-agent-9 1"], &[]), ["fail removed host-agent-9"]);
}

#[test]
fn what_was_held_is_held() {
    let then = ["linux-image 6.1 hold", "openvswitch-switch 3.1.0-2 hold"];
    assert_eq!(told(&then, &then), ["pass"]);
    assert_eq!(told(&then, &["linux-image 6.1", then[1]]), ["fail hold-lost linux-image"]);
    assert_eq!(told(&then, &["linux-image 6.1 hold"]), ["fail removed openvswitch-switch"], "told once");
    assert_eq!(told(&then, &["linux-image 6.0 install", then[1]]), ["fail downgraded linux-image"]);
    assert_eq!(told(&["vim 9 hold config-files"], &[]), ["skip not-present"]);
}

#[test]
fn a_database_that_is_gone_or_damaged_never_passes() {
    let (denied, damaged) =
        (Reading::unreadable(TroubleCause::Denied, "no"), Reading::Known(Answer::Text(b"\0\0".to_vec())));
    let whole = || database(&["openvswitch-switch 3.1.0-2"]);
    assert_eq!(words(&read(whole(), Reading::Absent)), ["fail removed"]);
    assert_eq!(words(&read(Reading::Absent, Reading::Absent)), ["skip not-present"]);
    assert_eq!(words(&read(whole(), denied.clone())), ["unknown denied"]);
    assert_eq!(words(&read(denied.clone(), whole())), ["unknown denied"]);
    assert_eq!(read(whole(), denied.clone())[0].detail, "no");
    assert_eq!(read(denied, whole())[0].detail, "in the baseline: no");
    assert_eq!(words(&read(damaged.clone(), whole())), ["unknown malformed"]);
    assert_eq!(words(&read(whole(), damaged)), ["unknown malformed"]);
}

#[test]
fn the_details_name_both_versions() {
    let outcome = &read(database(&["qemu-kvm 1:7.2"]), database(&["qemu-kvm 1:6.2"]))[0];
    assert_eq!(outcome.detail, "qemu-kvm was 1:7.2 and is 1:6.2 now");
    assert_eq!((&outcome.expected["version"], &outcome.observed["version"]), (&"1:7.2".into(), &"1:6.2".into()));
}
