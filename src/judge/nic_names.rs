//! Will the NICs in use keep their names over the next boot?
//!
//! A name is pinned where a file that the next boot has names the NIC whatever its hardware says. Another name is what
//! the rules of udev make of the hardware, and they change from release to release.

mod in_use;
mod next_boot;
mod next_name;

use serde_json::Value;

use super::next_kernel::next_kernel_arguments;
use super::outcome::{NOT_PRESENT, Outcome};
use crate::catalog::kind::boot::COMMAND_LINE;
use crate::catalog::kind::network::{
    LINK_DIRECTORIES, NETPLAN_DIRECTORIES, OWN_LINKS, RULE_DIRECTORIES, RUN_LINKS, RUN_RULES,
};
use crate::facts::identity;
use crate::facts::link_files::{Device, LinkFiles};
use crate::facts::nic_naming::{Scheme, represented_function};
use crate::facts::udev_rules::Rules;
use crate::facts::{Facts, Files};
use crate::judge::ovs_uplink::Links;
use crate::model::answer::{Address, Link, Nic};
use crate::model::report::Intent;
use crate::model::{Query, Reading, Status, Trouble};
use in_use::{in_use, is_hardware};
use next_boot::next_boot;
use next_name::{Naming, NextName, RulesThen, argument, scheme_now};

/// What drivers call their devices before udev has named them; the kernel appends a number.
const KERNEL_NAMES: [&str; 5] = ["eth", "ib", "usb", "wlan", "wwan"];

pub fn judge(facts: &Facts<'_>) -> Vec<Outcome> {
    judge_with(facts, None)
}

/// The same where these `.link` files, and no others, were the administrator's own.
pub fn judge_with(facts: &Facts<'_>, own: Option<&Files>) -> Vec<Outcome> {
    let links = match facts.links() {
        Reading::Known(links) => links,
        Reading::Absent => return vec![Outcome::undetermined("", "failed", "the kernel lists no network devices")],
        Reading::Unreadable(trouble) => return vec![Outcome::unknown("", &trouble)],
    };
    let naming = match naming(facts, own) {
        Ok(naming) => naming,
        Err(trouble) => return vec![Outcome::unknown("", &trouble)],
    };
    let used = in_use(links, facts);
    let mut outcomes: Vec<Outcome> =
        used.into_iter().filter_map(|(name, link)| judge_nic(name, link, links, &naming, facts)).collect();
    contend(&mut outcomes);
    // Without these there may be more NICs in use than were found.
    match (facts.ovs(), facts.reading::<Vec<Address>>(&Query::Addresses)) {
        (_, Reading::Unreadable(trouble)) => outcomes.push(Outcome::unknown("", &trouble)),
        (Reading::Unreadable(trouble), _) => {
            outcomes.push(Outcome::unknown("", &trouble).because_of("ovs.daemons", ""));
        }
        _ => {}
    }
    if outcomes.is_empty() {
        outcomes.push(Outcome::skip("", NOT_PRESENT, "no hardware NIC is in use"));
    }
    outcomes
}

/// Of several NICs that are to have one name, one gets it: the one that has it today may lose it.
fn contend(outcomes: &mut [Outcome]) {
    let wanted: Vec<(String, String)> =
        outcomes.iter().filter_map(|it| Some((next_name_of(it)?.to_owned(), it.subject.clone()))).collect();
    for outcome in outcomes.iter_mut().filter(|it| next_name_of(it) == Some(it.subject.as_str())) {
        let rival = wanted.iter().find(|(name, nic)| *name == outcome.subject && *nic != outcome.subject);
        if let Some((name, rival)) = rival {
            outcome.status = Status::Fail;
            outcome.cause = Some("will-rename");
            outcome.detail = format!("{rival} becomes {name} at the next boot, too: only one of them can");
        }
    }
}

fn next_name_of(outcome: &Outcome) -> Option<&str> {
    outcome.observed.get("would_be").and_then(Value::as_str)
}

/// What must be read before it can be judged.
pub fn open_questions(facts: &Facts<'_>) -> Vec<Query> {
    let Reading::Known(links) = facts.links() else { return Vec::new() };
    let nics = in_use(links, facts).into_keys().map(|name| Query::Nic(name.to_owned()));
    nics.chain(additions(facts, lasting_directories()).into_iter().map(Query::Files)).collect()
}

/// The files that are added to `.link` files, as patterns: `/etc/systemd/network/99-default.link.d/*.conf`.
pub fn additions(facts: &Facts<'_>, directories: impl IntoIterator<Item = &'static str>) -> Vec<String> {
    let mut patterns = Vec::new();
    for directory in directories {
        if let Reading::Known(names) = facts.reading::<Vec<String>>(&Query::Directory(directory.to_owned())) {
            let added = names.iter().filter(|name| name.ends_with(".link.d"));
            patterns.extend(added.map(|name| format!("{directory}/{name}/*.conf")));
        }
    }
    patterns
}

/// What is in the others is gone after the next boot, and netplan adds to no file.
fn lasting_directories() -> impl Iterator<Item = &'static str> {
    LINK_DIRECTORIES.into_iter().filter(|directory| *directory != RUN_LINKS)
}

type Directories<'a> = Vec<(String, Reading<&'a Files>)>;

fn naming<'f>(facts: &'f Facts<'_>, own: Option<&'f Files>) -> Result<Naming, Trouble> {
    for directory in lasting_directories() {
        if let Reading::Unreadable(trouble) = facts.reading::<Vec<String>>(&Query::Directory(directory.to_owned())) {
            return Err(trouble);
        }
    }
    let additions: Directories<'f> = facts.files(additions(facts, lasting_directories()));
    let command_line = told_at_boot(facts)?;
    let next = next_boot(facts, command_line.as_deref())?;
    let files = |directory: &str, end: &str| match (directory, own) {
        (OWN_LINKS, Some(own)) if end == "link" => Reading::Known(own),
        (RUN_LINKS, _) => Reading::Known(&next.links),
        (RUN_RULES, _) => Reading::Known(&next.rules),
        _ => facts.reading(&Query::Files(format!("{directory}/*.{end}"))),
    };
    let links = LINK_DIRECTORIES.map(|directory| (directory.to_owned(), files(directory, "link")));
    let rules = RULE_DIRECTORIES.map(|directory| (directory.to_owned(), files(directory, "rules")));
    Ok(Naming {
        files: LinkFiles::read(&links, &additions)?,
        rules: Rules::read(&rules)?,
        made_of: next.made_of.clone(),
        rules_then: rules_then(facts, command_line.as_deref())?,
        command_line,
    })
}

/// What the next kernel will be told, as the boot menu has it; where no menu says, what the running one was told.
fn told_at_boot(facts: &Facts<'_>) -> Result<Option<String>, Trouble> {
    if let Reading::Known(words) = next_kernel_arguments(facts) {
        return Ok(Some(words.join(" ")));
    }
    match facts.reading::<Vec<u8>>(&Query::File(COMMAND_LINE.to_owned())) {
        Reading::Known(bytes) => Ok(String::from_utf8(bytes.clone()).ok()),
        Reading::Absent => Ok(None),
        Reading::Unreadable(trouble) => Err(trouble),
    }
}

/// Those that the command line asks for, or those of the udev that will be there.
fn rules_then(facts: &Facts<'_>, command_line: Option<&str>) -> Result<RulesThen, Trouble> {
    let known = |scheme: Option<Scheme>| scheme.map_or(RulesThen::Unknown, RulesThen::Of);
    match command_line.and_then(|line| argument(line, "net.naming-scheme")) {
        None | Some("latest") => {}
        Some(name) => return Ok(known(Scheme::named(name))),
    }
    let installed = match facts.packages() {
        Reading::Known(packages) => {
            let udev = ["udev", "systemd"].into_iter().find_map(|name| packages.find(name).filter(|it| it.is_there()));
            udev.and_then(|udev| Scheme::of_udev(udev.version))
        }
        Reading::Absent if facts.run.intent != Intent::Os => return Ok(RulesThen::AsNow),
        Reading::Absent => None,
        Reading::Unreadable(trouble) => return Err(trouble),
    };
    if facts.run.intent == Intent::Os {
        let os = identity::os(facts);
        return Ok(known(installed.max(Some(Scheme::after(os.id.as_deref(), os.version.as_deref())))));
    }
    Ok(known(installed))
}

fn judge_nic(name: &str, link: &Link, links: &Links, naming: &Naming, facts: &Facts<'_>) -> Option<Outcome> {
    let asked = Query::Nic(name.to_owned());
    let nic = match facts.reading::<Nic>(&asked) {
        Reading::Known(nic) => nic,
        Reading::Absent => {
            let detail = format!("{name} went away while it was looked at");
            return Some(Outcome::undetermined(name, "failed", detail).asking(asked));
        }
        Reading::Unreadable(trouble) => return Some(Outcome::unknown(name, &trouble).asking(asked)),
    };
    // It stands for a guest's card, and goes with the guest.
    if nic.physical_port.as_deref().and_then(represented_function).is_some() {
        return None;
    }
    let member = link.bond_member.as_ref().and_then(|member| member.permanent_mac.as_deref());
    // A bond lends its members its own address until the next boot.
    let permanent_mac = member.or(link.permanent_mac.as_deref());
    let device = Device {
        nic,
        mac: permanent_mac.or(link.mac.as_deref()),
        permanent_mac,
        possible_names: possible_names(name),
        command_line: naming.command_line.as_deref(),
    };
    let next = naming.next_name(&device, name);
    let others = links.iter().filter(|(other, link)| is_hardware(other, link) && *other != name).count();
    let then = match naming.rules_then {
        RulesThen::Of(scheme) => Some(scheme.to_string()),
        RulesThen::AsNow => scheme_now(nic).map(str::to_owned),
        RulesThen::Unknown => None,
    };
    let outcome = outcome(name, &next, facts.run.intent, others, then.as_deref(), scheme_now(nic));
    let (pinned_by, would_be) = match &next {
        NextName::Pinned { name, by } => (Some(by.as_str()), Some(name.as_str())),
        NextName::Foreseen { name, .. } => (None, Some(name.as_str())),
        _ => (None, None),
    };
    let path = nic.udev.as_ref().and_then(|noted| noted.get("ID_PATH")).map(String::as_str);
    Some(
        outcome
            .expecting("name", name)
            .observing("name", name)
            .observing("pinned_by", pinned_by)
            .observing("would_be", would_be)
            .observing("scheme_now", scheme_now(nic))
            .observing("scheme_then", then)
            .observing("permanent_mac", permanent_mac)
            .observing("path", path)
            .asking(asked),
    )
}

/// What it may be called while udev looks for its name: what the kernel counts, or what the ramdisk's udev gave it.
pub fn possible_names(today: &str) -> Vec<String> {
    let kernel = KERNEL_NAMES.into_iter().find(|prefix| is_counted(today, prefix)).unwrap_or("eth");
    let counted = ["0", "1", "7", "12"].into_iter().map(|number| format!("{kernel}{number}"));
    counted.chain([today.to_owned()]).collect()
}

fn is_counted(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn outcome(
    today: &str,
    next: &NextName,
    intent: Intent,
    others: usize,
    then: Option<&str>,
    now: Option<&str>,
) -> Outcome {
    let not_pinned = |detail: String| Outcome::fail(today, Some("not-pinned"), detail);
    let will_rename = |detail: String| Outcome::fail(today, Some("will-rename"), detail);
    let rules = then.map_or_else(|| "udev".to_owned(), |then| format!("udev's rules of {then}"));
    match next {
        NextName::Pinned { name, by } if name == today => {
            Outcome::pass(today, format!("{} pins the name", said_of(by)))
        }
        NextName::Pinned { name, by } => {
            will_rename(format!("{today} becomes {name} at the next boot: {} says so", said_of(by)))
        }
        NextName::Foreseen { name, port_is_new: true } if name != today => will_rename(format!(
            "{today} becomes {name} at the next boot: its driver now names the port, and nothing pins the name"
        )),
        NextName::Foreseen { name, .. } if name != today => {
            let same_rules = then == now;
            will_rename(match same_rules {
                true => format!(
                    "{today} becomes {name} at the next boot: udev gives it that name, and nothing that udev reads names it {today}"
                ),
                false => {
                    format!("{today} becomes {name} at the next boot: {rules} name it so, and nothing pins the name")
                }
            })
        }
        NextName::Foreseen { .. } if intent == Intent::Os => {
            not_pinned(format!("nothing pins the name of {today}: the new release or its kernel may give it another"))
        }
        NextName::Foreseen { .. } => Outcome::pass(today, format!("{rules} name it {today} again")),
        NextName::Counted => counted(today, intent, others),
        NextName::Unclear { by, why } => {
            not_pinned(format!("it cannot be foreseen whether {} names {today}: {why}", said_of(by)))
        }
        NextName::Unforeseen { why } => {
            not_pinned(format!("nothing pins the name of {today}, and its next name cannot be foreseen: {why}"))
        }
    }
}

/// No file and no policy names it.
fn counted(today: &str, intent: Intent, others: usize) -> Outcome {
    let kernel = KERNEL_NAMES.into_iter().find(|prefix| is_counted(today, prefix));
    match kernel {
        None => Outcome::fail(
            today,
            Some("will-rename"),
            format!("{today} gets the kernel's own name at the next boot: nothing that udev reads names it {today}"),
        ),
        // The only one is counted first.
        Some(kernel) if others == 0 && today == format!("{kernel}0") && intent != Intent::Os => {
            Outcome::pass(today, format!("the kernel names it {today} again: there is no other NIC"))
        }
        Some(_) => Outcome::fail(
            today,
            Some("not-pinned"),
            format!("nothing pins the name of {today}: the kernel counts NICs in the order in which it finds them"),
        ),
    }
}

fn said_of(path: &str) -> String {
    match NETPLAN_DIRECTORIES.iter().any(|directory| path.starts_with(&format!("{directory}/"))) {
        true => format!("set-name in {path}"),
        false => path.to_owned(),
    }
}

#[cfg(test)]
pub mod tests;
