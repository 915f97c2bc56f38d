//! Every single thing of a recorded host that can go, each as the system would show it.

use serde_json::Value;

use crate::{kernel, labels, switch, system};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// One that blocks; warnings beside it are no second headline.
    Headline,
    Warning,
}

pub struct Alteration {
    pub name: String,
    pub host: Value,
    pub expected: Expected,
}

pub fn all(host: &Value) -> Vec<Alteration> {
    [
        kernel::links,
        kernel::addresses,
        kernel::routes,
        kernel::rules,
        kernel::resolver,
        switch::bridges,
        switch::ports,
        switch::attributes,
        labels::all,
        services,
        system::packages,
        system::guests,
    ]
    .into_iter()
    .flat_map(|family| family(host))
    .collect()
}

/// A host with one thing altered by `alter`.
pub fn altered(
    host: &Value,
    name: impl Into<String>,
    expected: Expected,
    alter: impl FnOnce(&mut Value),
) -> Alteration {
    let mut host = host.clone();
    alter(&mut host["answers"]);
    Alteration { name: name.into(), host, expected }
}

/// What was known of a question.
pub fn known<'h>(answers: &'h mut Value, question: &str, kind: &str) -> &'h mut Value {
    &mut answers[question]["reading"]["known"][kind]
}

pub fn list<'h>(host: &'h Value, question: &str, kind: &str) -> &'h [Value] {
    host["answers"][question]["reading"]["known"][kind].as_array().map_or(&[], Vec::as_slice)
}

pub fn word<'h>(row: &'h Value, key: &str) -> &'h str {
    row[key].as_str().unwrap_or_default()
}

/// The services that a host cannot do without: switched off, and stopped.
fn services(host: &Value) -> Vec<Alteration> {
    let units = [
        "ssh.service",
        "systemd-networkd.service",
        "openvswitch-switch.service",
        "ovn-controller.service",
        "pf9-hostagent.service",
    ];
    let mut all = Vec::new();
    let is_there = |unit: &&str| host["answers"]["unit-files"]["reading"]["known"]["unit-files"][*unit] == "enabled";
    for unit in units.into_iter().filter(is_there) {
        for (what, state) in [("switched off", "disabled"), ("masked", "masked")] {
            all.push(altered(host, format!("service {what}: {unit}"), Expected::Headline, |answers| {
                known(answers, "unit-files", "unit-files")[unit] = state.into();
                if let Some(unit) = answers.get_mut(format!("unit:{unit}")) {
                    unit["reading"]["known"]["unit"]["file_state"] = state.into();
                }
            }));
        }
        if known(&mut host["answers"].clone(), "units", "units")[unit]["active"] != "active" {
            continue;
        }
        all.push(altered(host, format!("service stopped: {unit}"), Expected::Headline, |answers| {
            let states = [("active", "inactive"), ("sub", "dead")];
            for (key, state) in states {
                known(answers, "units", "units")[unit][key] = state.into();
                if let Some(unit) = answers.get_mut(format!("unit:{unit}")) {
                    unit["reading"]["known"]["unit"][key] = state.into();
                }
            }
        }));
    }
    all
}
