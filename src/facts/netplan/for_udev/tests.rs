//! Written by netplan 0.106 and by 1.1, which agree: `generate --root-dir` over the two files.

use super::*;

const FILES: [(&str, &str); 2] = [
    ("/etc/netplan/50-first.yaml", include_str!("../../../../tests/fixtures/netplan-for-udev/50-first.yaml")),
    ("/etc/netplan/60-later.yaml", include_str!("../../../../tests/fixtures/netplan-for-udev/60-later.yaml")),
];
const WRITTEN: &str = include_str!("../../../../tests/fixtures/netplan-for-udev/written.txt");

/// What says nothing of names.
fn is_left_out(line: &str) -> bool {
    line.starts_with("WakeOnLan=") || line.starts_with("MTUBytes=") || line.contains("Offload=")
}

#[test]
fn what_netplan_writes_is_foreseen() {
    let written = for_udev(FILES.map(|(path, text)| (path, text.as_bytes()))).unwrap();
    let all = |files: &Written, directory: &str| -> Vec<(String, String)> {
        files.iter().map(|(name, file)| (format!("{directory}/{name}"), file.text.clone())).collect()
    };
    let mut ours = all(&written.rules, "/run/udev/rules.d");
    ours.extend(all(&written.links, "/run/systemd/network"));
    let by_netplan: Vec<(String, String)> = WRITTEN
        .split("== ")
        .skip(1)
        .map(|file| {
            let (path, text) = file.split_once('\n').unwrap();
            let lines = text.lines().filter(|line| !is_left_out(line)).map(|line| format!("{line}\n"));
            (path.to_owned(), lines.collect())
        })
        .collect();
    assert_eq!(ours.len(), by_netplan.len(), "{ours:#?}");
    for (ours, by_netplan) in ours.iter().zip(&by_netplan) {
        assert_eq!(ours, by_netplan);
    }
    assert_eq!(written.links["10-netplan-ens10.link"].by, "/etc/netplan/50-first.yaml");
    assert_eq!(written.links["10-netplan-macdrv.link"].by, "/etc/netplan/60-later.yaml");
}

#[test]
fn damaged_files_never_panic() {
    let text = FILES[0].1.as_bytes();
    for at in 0..text.len() {
        let mut bytes = text.to_vec();
        bytes[at] ^= 0x15;
        let _ = for_udev([("a.yaml", bytes.as_slice())]);
        let _ = for_udev([("a.yaml", &text[..at])]);
    }
    for text in ["", "network:", "network: []", "network: {ethernets: [a]}", "network: {ethernets: {a: {match: b}}}"] {
        assert!(for_udev([("a.yaml", text.as_bytes())]).unwrap().links.is_empty(), "{text}");
    }
}
