//! Which name a NIC will have after the next boot, and by what.

use crate::facts::link_files::{Device, LinkFile, LinkFiles, Policy, Winner, is_valid_name};
use crate::facts::nic_naming::{Candidates, Scheme};
use crate::facts::udev_rules::{Named, Rules};
use crate::model::answer::Nic;

/// What all NICs of a host share.
#[derive(Debug)]
pub struct Naming<'a> {
    pub files: LinkFiles,
    pub rules: Rules,
    pub command_line: Option<&'a str>,
    pub rules_then: RulesThen,
}

/// Which rules the next boot follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RulesThen {
    Of(Scheme),
    /// Those that udev followed last: nothing says that it is another by then.
    AsNow,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextName {
    /// This file says so, whatever the hardware says.
    Pinned {
        name: String,
        by: String,
    },
    /// The rules of udev say so.
    Foreseen {
        name: String,
        port_is_new: bool,
    },
    /// Nothing names it: it keeps what the kernel counts.
    Counted,
    /// It is not known whether this file names it.
    Unclear {
        by: String,
    },
    Unforeseen {
        why: String,
    },
}

impl Naming<'_> {
    pub fn next_name(&self, device: &Device<'_>, today: &str) -> NextName {
        match self.rules.name(device) {
            Named::By { path, name } => return NextName::Pinned { name, by: path },
            Named::Unclear { path } => return NextName::Unclear { by: path },
            Named::Not => {}
        }
        match self.rules.apply_link_files() {
            Ok(true) => {}
            Ok(false) => return NextName::Counted,
            Err(path) => return NextName::Unclear { by: path },
        }
        match self.files.winner(device) {
            Winner::None => NextName::Counted,
            Winner::Unclear(file) => NextName::Unclear { by: file.path.clone() },
            Winner::File(file) => self.by_file(file, device.nic, today),
        }
    }

    fn by_file(&self, file: &LinkFile, nic: &Nic, today: &str) -> NextName {
        if self.uses_policies() {
            for policy in &file.policies {
                match self.by_policy(*policy, nic, today) {
                    Some(NextName::Foreseen { name, .. }) if !is_valid_name(&name) => {}
                    Some(next) => return next,
                    None => {}
                }
            }
        }
        match &file.name {
            Some(name) => NextName::Pinned { name: name.clone(), by: file.path.clone() },
            None => NextName::Counted,
        }
    }

    /// `net.ifnames=0` leaves the policies out, and not the names that files give.
    fn uses_policies(&self) -> bool {
        let value = self.command_line.and_then(|line| argument(line, "net.ifnames"));
        !value.is_some_and(|value| {
            matches!(value.to_ascii_lowercase().as_str(), "0" | "no" | "n" | "false" | "f" | "off")
        })
    }

    /// What a policy comes to; none where it has no name for this NIC.
    fn by_policy(&self, policy: Policy, nic: &Nic, today: &str) -> Option<NextName> {
        let noted = |key: &str| nic.udev.as_ref().and_then(|noted| noted.get(key)).cloned();
        let certain = |name: String| NextName::Foreseen { name, port_is_new: false };
        match policy {
            // Nobody has named it yet when the next boot finds it.
            Policy::Keep => None,
            Policy::Kernel => (nic.name_kind == Some(2)).then(|| certain(today.to_owned())),
            Policy::Database => noted("ID_NET_NAME_FROM_DATABASE").map(certain),
            // Made of the address alone, in the same way by every release.
            Policy::Mac => noted("ID_NET_NAME_MAC").map(certain),
            Policy::Onboard | Policy::Slot | Policy::Path => match foresee(nic, self.rules_then) {
                Err(why) => Some(NextName::Unforeseen { why }),
                Ok((candidates, port_is_new)) => {
                    let name = match policy {
                        Policy::Onboard => candidates.onboard,
                        Policy::Slot => candidates.slot,
                        _ => candidates.path,
                    };
                    name.map(|name| NextName::Foreseen { name, port_is_new })
                }
            },
        }
    }
}

/// Under which rules udev last looked at the NIC.
pub fn scheme_now(nic: &Nic) -> Option<&str> {
    nic.udev.as_ref()?.get("ID_NET_NAMING_SCHEME").map(String::as_str)
}

/// What udev will find, and whether it will find a name of the port that it did not see last time.
///
/// We first do again what udev did last time. Only where that gives udev's own answer can we say what it will do.
fn foresee(nic: &Nic, then: RulesThen) -> Result<(Candidates, bool), String> {
    let noted = Candidates::noted(nic).ok_or("udev knows nothing of it")?;
    let now = scheme_now(nic).and_then(Scheme::named);
    let (now, then) = match (now, then) {
        (Some(now), RulesThen::Of(then)) => (now, then),
        (Some(now), RulesThen::AsNow) => (now, now),
        (None, RulesThen::AsNow) => return Ok((noted, false)),
        (_, RulesThen::Unknown) => return Err("the rules that udev will follow are not known".to_owned()),
        (None, RulesThen::Of(_)) => {
            let now = scheme_now(nic).unwrap_or("none that it notes");
            return Err(format!("the rules that udev follows now are not known: {now}"));
        }
    };
    let port = nic.physical_port.as_deref();
    if Candidates::under(now, nic, port) == noted {
        return match () {
            () if now == then => Ok((noted, false)),
            () if is_understood(nic) => Ok((Candidates::under(then, nic, port), false)),
            () => Err(format!("how {then} names such a device is not known")),
        };
    }
    if port.is_some() && Candidates::under(now, nic, None) == noted {
        return Ok((Candidates::under(then, nic, port), true));
    }
    match now == then {
        true => Ok((noted, false)), // in udev's own words
        false => Err("udev has named it by something else than what is seen of it now".to_owned()),
    }
}

/// Whether all rules for such a device are known.
fn is_understood(nic: &Nic) -> bool {
    let is_restricted = nic.udev.iter().flatten().any(|(key, _)| key.starts_with("ID_NET_NAME_ALLOW"));
    matches!(nic.bus.as_deref(), Some("pci" | "xen" | "vmbus")) && !nic.has_device_tree_node && !is_restricted
}

/// The last value of an argument on the kernel's command line, where `-` and `_` are the same.
pub fn argument<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let same = |key: &str| key.replace('-', "_") == name.replace('-', "_");
    line.split_whitespace().rev().filter_map(|word| word.split_once('=')).find(|(key, _)| same(key)).map(|it| it.1)
}
