//! The kernel's network: what goes with a link, and what with an address.

use std::net::IpAddr;

use serde_json::Value;

use crate::alterations::{Alteration, Expected, altered, known, list, word};
use crate::switch;

/// What a person sets up; guests' and the switch's own devices come and go.
fn configured(host: &Value) -> Vec<(String, Value)> {
    let links = host["answers"]["links"]["reading"]["known"]["links"].as_object().cloned().unwrap_or_default();
    let is_configured = |name: &str, link: &Value| match link["kind"].as_str() {
        None => name != "lo",
        Some("bond" | "vlan") => true,
        _ => false,
    };
    links.into_iter().filter(|(name, link)| is_configured(name, link)).collect()
}

pub fn links(host: &Value) -> Vec<Alteration> {
    let mut all = Vec::new();
    for (name, link) in configured(host) {
        let is_up = link["admin_up"] == true && link["carrier"] == true;
        all.push(altered(host, format!("link gone: {name}"), Expected::Headline, |answers| {
            for gone in with_those_above(answers, &name) {
                remove_link(answers, &gone);
            }
        }));
        if is_up {
            // A bond with a live member carries everything.
            let in_bond = link["bond_member"].is_object() || switch::is_in_a_bond(host, &name);
            let expected = if in_bond { Expected::Warning } else { Expected::Headline };
            all.push(altered(host, format!("link unplugged: {name}"), expected, |answers| {
                for name in with_those_above(answers, &name) {
                    let link = &mut known(answers, "links", "links")[&name];
                    link["carrier"] = false.into();
                    link["state"] = "down".into();
                    if link["bond_member"].is_object() {
                        link["bond_member"]["link_up"] = false.into();
                    }
                    switch::unplug(answers, &name);
                }
            }));
        }
        all.push(altered(host, format!("MTU lost: {name}"), Expected::Warning, |answers| {
            known(answers, "links", "links")[&name]["mtu"] = 1280.into();
        }));
        if link["kind"].is_null() {
            all.push(altered(host, format!("link renamed: {name}"), Expected::Headline, |answers| {
                rename(answers, &name)
            }));
        }
    }
    all
}

/// The link and the VLANs upon it: they go with it.
fn with_those_above(answers: &mut Value, name: &str) -> Vec<String> {
    let links = known(answers, "links", "links").as_object().cloned().unwrap_or_default();
    let above = links.iter().filter(|(_, link)| link["kind"] == "vlan" && link["lower"] == name);
    std::iter::once(name.to_owned()).chain(above.map(|(name, _)| name.clone())).collect()
}

pub fn remove_link(answers: &mut Value, name: &str) {
    let links = known(answers, "links", "links").as_object_mut().unwrap();
    links.remove(name);
    for link in links.values_mut().filter(|link| link["master"] == name) {
        link["master"] = Value::Null;
        link["member_kind"] = Value::Null;
        link["bond_member"] = Value::Null;
    }
    let addresses: Vec<String> =
        of(answers, "addresses", |row| row["link"] == name).iter().map(|row| word(row, "address").to_owned()).collect();
    for address in addresses {
        remove_address(answers, name, &address);
    }
    retain(answers, "routes", |route| !leads_by(route, name));
    answers.as_object_mut().unwrap().remove(&format!("nic:{name}"));
    switch::lose_device(answers, name);
}

/// As after a reboot: whatever was bound to the old name finds nothing.
fn rename(answers: &mut Value, name: &str) {
    let new = format!("{name}np0");
    let mut link = known(answers, "links", "links")[name].clone();
    let nic = answers.get(format!("nic:{name}")).cloned();
    let above = with_those_above(answers, name);
    for gone in above.iter().rev() {
        remove_link(answers, gone);
    }
    for key in ["master", "member_kind", "bond_member"] {
        link[key] = Value::Null;
    }
    known(answers, "links", "links")[&new] = link;
    if let Some(nic) = nic {
        answers[format!("nic:{new}")] = nic;
    }
}

fn leads_by(route: &Value, link: &str) -> bool {
    route["next_hops"].as_array().is_some_and(|hops| hops.iter().any(|hop| hop["link"] == link))
}

fn of(answers: &mut Value, question: &str, is_meant: impl Fn(&Value) -> bool) -> Vec<Value> {
    let rows = known(answers, question, question).as_array().cloned().unwrap_or_default();
    rows.into_iter().filter(|row| is_meant(row)).collect()
}

fn replace(answers: &mut Value, question: &str, old: &Value, new: &Value) {
    for row in known(answers, question, question).as_array_mut().into_iter().flatten().filter(|row| *row == old) {
        *row = new.clone();
    }
}

fn retain(answers: &mut Value, question: &str, stays: impl FnMut(&Value) -> bool) {
    if let Some(rows) = known(answers, question, question).as_array_mut() {
        rows.retain(stays);
    }
}

/// An address goes with the route to its network, what leads through a gateway there, and what starts from it.
fn remove_address(answers: &mut Value, link: &str, address: &str) {
    retain(answers, "addresses", |row| !(row["link"] == link && row["address"] == address));
    let (own, _) = address.split_once('/').unwrap_or((address, ""));
    let goes = |route: &Value| {
        let gateway = |hop: &Value| hop["gateway"].as_str().is_some_and(|gateway| is_within(gateway, address));
        let by_gateway = route["next_hops"].as_array().is_some_and(|hops| hops.iter().any(gateway));
        let is_its_network = route["protocol"] == "kernel" && is_within(own, word(route, "destination"));
        leads_by(route, link) && (route["preferred_source"] == own || by_gateway || is_its_network)
    };
    retain(answers, "routes", |route| !goes(route));
}

fn is_within(address: &str, network: &str) -> bool {
    let (network, length) = network.split_once('/').unwrap_or((network, "128"));
    let length: u32 = length.parse().unwrap_or(0);
    match (address.parse(), network.parse()) {
        (Ok(IpAddr::V4(one)), Ok(IpAddr::V4(other))) => {
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= length.min(32)
        }
        (Ok(IpAddr::V6(one)), Ok(IpAddr::V6(other))) => (one.to_bits() ^ other.to_bits()).leading_zeros() >= length,
        _ => false,
    }
}

pub fn addresses(host: &Value) -> Vec<Alteration> {
    let links = configured(host);
    let bridges = switch::names(host);
    let is_meant = |row: &&Value| {
        let link = word(row, "link");
        row["permanent"] == true
            && row["scope"] == "global"
            && (links.iter().any(|(name, _)| name == link) || bridges.iter().any(|name| name == link))
    };
    let both = |row: &Value| {
        let (link, address) = (word(row, "link"), word(row, "address"));
        let gone = altered(host, format!("address gone: {link} {address}"), Expected::Headline, |answers| {
            remove_address(answers, link, address)
        });
        // The same of another network, whose gateways and routes are those that it had.
        let mut other = row.clone();
        other["address"] = format!("{}/31", address.split('/').next().unwrap_or_default()).into();
        let altered = altered(host, format!("address altered: {link} {address}"), Expected::Headline, |answers| {
            replace(answers, "addresses", row, &other)
        });
        [gone, altered]
    };
    list(host, "addresses", "addresses").iter().filter(is_meant).flat_map(both).collect()
}

pub fn routes(host: &Value) -> Vec<Alteration> {
    let is_configured = |row: &&Value| matches!(word(row, "protocol"), "static" | "boot");
    let both = |row: &Value| {
        let gateway = word(&row["next_hops"][0], "gateway");
        let name = format!("{} table {} metric {} {gateway}", word(row, "destination"), row["table"], row["metric"]);
        let gone = altered(host, format!("route gone: {name}"), Expected::Headline, |answers| {
            retain(answers, "routes", |other| other != row)
        });
        // Another metric, and where it leads through a gateway another gateway.
        let mut other = row.clone();
        other["metric"] = (row["metric"].as_u64().unwrap_or(0) + 7).into();
        if let Some(hop) = other["next_hops"].get_mut(0).filter(|hop| hop["gateway"].is_string()) {
            hop["gateway"] = format!("{}9", word(hop, "gateway")).into();
        }
        let altered = altered(host, format!("route altered: {name}"), Expected::Headline, |answers| {
            replace(answers, "routes", row, &other)
        });
        [gone, altered]
    };
    list(host, "routes", "routes").iter().filter(is_configured).flat_map(both).collect()
}

pub fn rules(host: &Value) -> Vec<Alteration> {
    // The kernel's own are those of priority 0, 32766 and 32767.
    let is_configured = |row: &&Value| !matches!(row["priority"].as_u64(), Some(0 | 32766 | 32767));
    let both = |row: &Value| {
        let name = &row["priority"];
        let gone = altered(host, format!("rule gone: {name}"), Expected::Headline, |answers| {
            retain(answers, "rules", |other| other != row)
        });
        let mut other = row.clone();
        other["table"] = (row["table"].as_u64().unwrap_or(0) + 7).into();
        let altered = altered(host, format!("rule altered: {name}"), Expected::Headline, |answers| {
            replace(answers, "rules", row, &other)
        });
        [gone, altered]
    };
    list(host, "rules", "rules").iter().filter(is_configured).flat_map(both).collect()
}

pub fn resolver(host: &Value) -> Vec<Alteration> {
    let file = "file:/etc/resolv.conf";
    let Some(text) = host["answers"][file]["reading"]["known"]["text"].as_str() else { return Vec::new() };
    let counts = |line: &&str| ["nameserver", "search", "domain", "options"].iter().any(|word| line.starts_with(word));
    let both = |line: &str| {
        let set = |what: &str, new: &str| {
            let of = |other: &str| if other == line { new.to_owned() } else { format!("{other}\n") };
            let rest: String = text.lines().map(of).collect();
            altered(host, format!("resolver {what}: {line}"), Expected::Warning, |answers| {
                *known(answers, file, "text") = rest.into();
            })
        };
        [set("without", ""), set("altered", &format!("{line}9\n"))]
    };
    text.lines().filter(counts).flat_map(both).collect()
}
