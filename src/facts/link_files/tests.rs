//! Against what udev itself made of files and rules: tests/hosts/naming/record.

use serde::Deserialize;

use super::*;
use crate::catalog::kind::network::{LINK_DIRECTORIES, RULE_DIRECTORIES};
use crate::facts::udev_rules::{Named, Rules};
use crate::model::TroubleCause;
use crate::model::answer::Link;
use crate::model::sorted::{SortedMap, SortedSet};

#[derive(Deserialize)]
struct Recorded {
    command_line: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    about: String,
    files: SortedMap<String, String>,
    outcomes: SortedMap<String, Outcome>,
}

/// What udev named the NIC, by which rule, and which `.link` file it applied.
#[derive(Deserialize)]
struct Outcome {
    name: Option<String>,
    by: Option<String>,
    link_file: Option<String>,
}

#[derive(Deserialize)]
struct Machine {
    nic: Nic,
    link: Link,
}

fn files(case: &Case, directory: &str, end: &str) -> Files {
    let within = |path: &String| path.strip_prefix(directory)?.strip_prefix('/').map(str::to_owned);
    let content = |text: &String| Reading::Known(Content(text.as_bytes().to_vec()));
    let found = case.files.iter().filter_map(|(path, text)| Some((within(path)?, content(text))));
    found.filter(|(name, _)| name.ends_with(end) && !name.contains('/')).collect()
}

fn directories(all: &[(String, Files)]) -> Vec<(String, Reading<&Files>)> {
    all.iter().map(|(directory, files)| (directory.clone(), Reading::Known(files))).collect()
}

/// The files of a case, by directory.
fn staged(case: &Case) -> [Vec<(String, Files)>; 3] {
    let of = |directories: &[&str], end: &str| -> Vec<(String, Files)> {
        directories.iter().map(|directory| (directory.to_string(), files(case, directory, end))).collect()
    };
    let added: SortedSet<&str> = case.files.keys().filter_map(|path| Some(path.rsplit_once('/')?.0)).collect();
    let added: Vec<&str> = added.into_iter().filter(|directory| directory.ends_with(".link.d")).collect();
    // In the order in which directories count.
    let rank = |path: &&str| LINK_DIRECTORIES.iter().position(|directory| path.starts_with(directory));
    let mut added = added;
    added.sort_by_key(rank);
    [of(&LINK_DIRECTORIES, ".link"), of(&RULE_DIRECTORIES, ".rules"), of(&added, ".conf")]
}

#[test]
fn udev_itself_takes_the_same_files_and_names() {
    let recorded: Recorded = serde_json::from_str(include_str!("../../../tests/hosts/naming/cases.json")).unwrap();
    let machine: SortedMap<String, Machine> =
        serde_json::from_str(include_str!("../../../tests/hosts/naming/i440fx.json")).unwrap();
    assert!(recorded.cases.len() > 35);
    let mut differ = Vec::new();
    for case in &recorded.cases {
        let [links, rules, added] = staged(case);
        let read = LinkFiles::read(&directories(&links), &directories(&added)).unwrap();
        let rules = Rules::read(&directories(&rules)).unwrap();
        for (name, wanted) in &case.outcomes {
            let machine = &machine[name];
            let device = Device {
                nic: &machine.nic,
                mac: machine.link.mac.as_deref(),
                permanent_mac: machine.link.permanent_mac.as_deref(),
                possible_names: vec![name.clone()],
                command_line: Some(&recorded.command_line),
            };
            let file = match (rules.apply_link_files(), read.winner(&device)) {
                (Ok(true), Winner::File(file)) => Some(file),
                (Ok(_), Winner::None | Winner::File(_)) => None,
                other => panic!("{}: {other:?}", case.about),
            };
            let found = file.map(|file| file.path.clone());
            if wanted
                .link_file
                .as_deref()
                .map(|path| path.replacen("/lib/", "/usr/lib/", usize::from(path.starts_with("/lib/"))))
                != found
            {
                differ.push(format!("{}: {name} gets {found:?}, by udev {:?}", case.about, wanted.link_file));
            }
            let by_rule = match rules.name(&device) {
                Named::By { path, name } => Some((name, path)),
                Named::Not => None,
                Named::Unclear { .. } if case.about.ends_with("(not foreseen)") => continue,
                Named::Unclear { path, why, .. } => panic!("{}: {path}: {why}", case.about),
            };
            let wanted_rule =
                wanted.name.clone().zip(wanted.by.clone()).filter(|(_, by)| !by.ends_with("80-net-setup-link.rules"));
            if by_rule != wanted_rule {
                differ.push(format!("{}: {name} is named {by_rule:?}, by udev {wanted_rule:?}", case.about));
            }
            // What the file itself gives, where no rule was before it.
            if let (None, Some(file), Some(by_udev)) = (&wanted_rule, file, &wanted.name)
                && file.policies.is_empty()
                && file.name.as_ref() != Some(by_udev)
                && by_udev != name
            {
                differ.push(format!("{}: {name} gets the name {:?}, by udev {by_udev}", case.about, file.name));
            }
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

fn one_file(text: &str) -> Files {
    [("10-a.link".to_owned(), Reading::Known(Content(text.as_bytes().to_vec())))].into()
}

fn winner_of(text: &str, device: &Device<'_>) -> Option<bool> {
    let files = one_file(text);
    let read = LinkFiles::read(&[("/etc/systemd/network".to_owned(), Reading::Known(&files))], &[]).unwrap();
    match read.winner(device) {
        Winner::File(_) => Some(true),
        Winner::None => Some(false),
        Winner::Unclear(..) => None,
    }
}

#[test]
fn what_is_not_known_beforehand_is_not_guessed() {
    let nic = Nic { hardware_type: 1, driver: Some("igb".to_owned()), ..Nic::default() };
    let device = Device {
        nic: &nic,
        mac: None,
        permanent_mac: None,
        possible_names: ["eth0", "eth1", "ens3"].map(str::to_owned).to_vec(),
        command_line: None,
    };
    for (condition, told) in [
        ("OriginalName=*", Some(true)),
        ("OriginalName=e*", Some(true)),
        ("OriginalName=eth0", None),
        ("OriginalName=ens3", None),
        ("OriginalName=wlan*", Some(false)),
        ("Path=pci-*", None),
        ("Path=pci-*\nDriver=e1000e", Some(false)),
        ("Property=ID_BUS=pci", None),
        ("Host=hv-01", None),
        ("Virtualization=!container", None),
        ("KernelVersion=>=6.1", None),
        ("KernelCommandLine=quiet", None),
        ("Driver=igb\nHost=hv-01", None),
        ("PermanentMACAddress=52:54:00:a0:00:07", Some(false)),
        ("SSID=x", Some(false)),
    ] {
        assert_eq!(winner_of(&format!("[Match]\n{condition}\n[Link]\nName=x"), &device), told, "{condition}");
    }
}

#[test]
fn a_file_that_cannot_be_read_may_count() {
    let nic = Nic::default();
    let device = Device { nic: &nic, mac: None, permanent_mac: None, possible_names: Vec::new(), command_line: None };
    let denied = Reading::unreadable(TroubleCause::Denied, "no");
    let files: Files = [("10-a.link".to_owned(), denied)].into();
    let read = LinkFiles::read(&[("/etc".to_owned(), Reading::Known(&files))], &[]).unwrap();
    assert!(matches!(read.winner(&device), Winner::Unclear(file, why) if file.path == "/etc/10-a.link" && why == "no"));
    let no_directory = Reading::unreadable(TroubleCause::Denied, "no");
    assert!(LinkFiles::read(&[("/etc".to_owned(), no_directory)], &[]).is_err());
}

#[test]
fn damaged_files_never_panic() {
    let nic = Nic { hardware_type: 1, ..Nic::default() };
    let device = Device {
        nic: &nic,
        mac: None,
        permanent_mac: None,
        possible_names: vec!["eth0".to_owned()],
        command_line: Some("quiet"),
    };
    let text = "[Match]\nPath=\"pci-é\" [a-\nProperty=!A=b \\\nMACAddress=52:54:00:a0:00:07 é\n[Link]\nNamePolicy=mac\nName=é\n";
    for at in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 0x15;
        let _ = winner_of(&String::from_utf8_lossy(&bytes), &device);
        let _ = winner_of(&String::from_utf8_lossy(&text.as_bytes()[..at]), &device);
    }
}
