//! Which name a NIC will have after the next boot, and by what.

use crate::facts::link_files::{Device, LinkFile, LinkFiles, Policy, Winner, is_valid_name};
use crate::facts::nic_naming::{Candidates, Scheme};
use crate::facts::udev_rules::{Named, Rules};
use crate::model::answer::Nic;
use crate::model::sorted::SortedMap;

/// What all NICs of a host share.
#[derive(Debug)]
pub struct Naming {
    pub files: LinkFiles,
    pub rules: Rules,
    /// Name of a file → the one that it is made of at every boot.
    pub made_of: SortedMap<String, String>,
    pub command_line: Option<String>,
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
        why: String,
    },
    Unforeseen {
        why: String,
    },
}

impl NextName {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Pinned { name, .. } | Self::Foreseen { name, .. } => Some(name),
            Self::Counted | Self::Unclear { .. } | Self::Unforeseen { .. } => None,
        }
    }
}

impl Naming {
    pub fn next_name(&self, device: &Device<'_>, today: &str) -> NextName {
        let mut next = self.by_rule_or_file(device, today);
        if let NextName::Pinned { by, .. } | NextName::Unclear { by, .. } = &mut next
            && let Some(origin) = by.rsplit('/').next().and_then(|name| self.made_of.get(name))
        {
            *by = origin.clone();
        }
        next
    }

    fn by_rule_or_file(&self, device: &Device<'_>, today: &str) -> NextName {
        match self.rules.name(device) {
            Named::By { path, name } => NextName::Pinned { name, by: path },
            Named::Not => self.by_files(device, today),
            Named::Unclear { path, why, names } => {
                let next = self.by_files(device, today);
                // With the rule or without it, it comes to the same: this name, or another than today's.
                let is_same = |name: &String| {
                    next.name().is_some_and(|without| without == name || (without != today && name != today))
                };
                match names.is_some_and(|names| names.iter().all(is_same)) {
                    true => next,
                    false => NextName::Unclear { by: path, why },
                }
            }
        }
    }

    /// What comes of the `.link` files, where no rule is before them.
    fn by_files(&self, device: &Device<'_>, today: &str) -> NextName {
        match self.rules.apply_link_files() {
            Ok(true) => {}
            Ok(false) => return NextName::Counted,
            Err((path, why)) => return NextName::Unclear { by: path, why },
        }
        match self.files.winner(device) {
            Winner::None => NextName::Counted,
            Winner::Unclear(file, why) => {
                let whatever = file.names_nothing().then(|| self.whatever_it_is_called(device, today)).flatten();
                whatever.unwrap_or_else(|| NextName::Unclear { by: file.path.clone(), why })
            }
            Winner::File(file) => self.by_file(file, device.nic, today),
        }
    }

    /// Where a file that names nothing may come first, as one that only sets the MTU of `ens3`: the device then keeps
    /// the name that it has, which the ramdisk's udev gave it by what comes behind that file.
    fn whatever_it_is_called(&self, device: &Device<'_>, today: &str) -> Option<NextName> {
        let mut found = None;
        for name in &device.possible_names {
            let device = Device { possible_names: vec![name.clone()], ..device.clone() };
            match self.files.winner(&device) {
                Winner::File(file) if file.names_nothing() && name == today => {}
                Winner::File(file) => {
                    let next = self.by_file(file, device.nic, today);
                    if found.get_or_insert_with(|| next.clone()) != &next {
                        return None;
                    }
                }
                Winner::None | Winner::Unclear(..) => return None,
            }
        }
        found.filter(|next| matches!(next, NextName::Foreseen { name, .. } if name == today))
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
        let value = self.command_line.as_deref().and_then(|line| argument(line, "net.ifnames"));
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

/// The last value of an argument on the kernel's command line.
pub fn argument<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    arguments(line, name).last()
}

/// All values of an argument on the kernel's command line, where `-` and `_` are the same.
pub fn arguments<'l>(line: &'l str, name: &str) -> impl Iterator<Item = &'l str> + use<'l> {
    let wanted = name.replace('-', "_");
    let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.filter(move |(key, _)| key.replace('-', "_") == wanted).map(|(_, value)| value)
}
