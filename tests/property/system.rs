//! Packages and guests: what dpkg and libvirt say of them.

use serde_json::Value;

use crate::alterations::{Alteration, Expected, altered, known, word};

const STATUS: &str = "file:/var/lib/dpkg/status";
/// Of those that matter, one that a person held.
const HELD: &str = "openssh-client";

/// The recorded host holds none.
pub fn hold(answers: &mut Value) {
    edit(answers, HELD, |stanza| stanza.replace("Status: install ", "Status: hold "));
}

fn edit(answers: &mut Value, package: &str, change: impl Fn(&str) -> String) {
    let text = known(answers, STATUS, "text");
    let first = format!("Package: {package}\n");
    let stanza = |stanza: &str| if stanza.starts_with(&first) { change(stanza) } else { stanza.to_owned() };
    let stanzas = text.as_str().unwrap().split_inclusive("\n\n").map(stanza);
    *text = stanzas.collect::<String>().into();
}

fn downgraded(stanza: &str) -> String {
    let line = |line: &str| if line.starts_with("Version: ") { "Version: 0\n".to_owned() } else { line.to_owned() };
    stanza.split_inclusive('\n').map(line).collect()
}

pub fn packages(host: &Value) -> Vec<Alteration> {
    let status = known(&mut host["answers"].clone(), STATUS, "text").clone();
    let is_there = |package: &&str| status.as_str().is_some_and(|text| text.contains(&format!("Package: {package}\n")));
    let mut all = Vec::new();
    for package in [HELD, "openssh-server", "openvswitch-switch", "qemu-system-x86"].into_iter().filter(is_there) {
        let mut add = |what: &str, change: fn(&str) -> String| {
            all.push(altered(host, format!("package {what}: {package}"), Expected::Warning, |answers| {
                edit(answers, package, change)
            }));
        };
        add("gone", |_| String::new());
        add("older", downgraded);
        if package == HELD {
            add("free", |stanza| stanza.replace("Status: hold ", "Status: install "));
        }
    }
    all
}

/// Those that start with the host.
pub fn guests(host: &Value) -> Vec<Alteration> {
    let mut answers = host["answers"].clone();
    let links = known(&mut answers, "directory:/etc/libvirt/qemu/autostart", "names").clone();
    let guests = known(&mut answers, "guests", "guests").as_object().cloned().unwrap_or_default();
    let starts =
        |guest: &Value| links.as_array().is_some_and(|it| it.contains(&format!("{}.xml", word(guest, "name")).into()));
    let stop = |(pid, guest): (&String, &Value)| {
        altered(host, format!("guest stopped: {}", word(guest, "name")), Expected::Warning, |answers| {
            known(answers, "guests", "guests").as_object_mut().unwrap().remove(pid);
        })
    };
    guests.iter().filter(|(_, guest)| starts(guest)).map(stop).collect()
}
