//! The `.link` files by which udev configures a network device: systemd.link(5).
//!
//! The first whose `[Match]` holds counts, wholly and alone. What it asks for may be something that cannot be known
//! beforehand: then nobody can tell whether it counts.

mod conditions;
mod ini;

use super::Files;
use super::nic_naming::LONGEST_NAME;
use crate::model::answer::{Content, Nic};
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Reading, Trouble};
use conditions::Conditions;

/// What a file may ask of a device at the next boot.
#[derive(Clone, Debug)]
pub struct Device<'a> {
    pub nic: &'a Nic,
    pub mac: Option<&'a str>,
    pub permanent_mac: Option<&'a str>,
    /// It may have any of these while the files are looked through: the kernel counts anew at every boot.
    pub possible_names: Vec<String>,
    pub command_line: Option<&'a str>,
}

/// Where a name is to come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// A name that somebody gave it before, in the same boot.
    Keep,
    /// The kernel's, where the driver says that it is the same at every boot.
    Kernel,
    Database,
    Onboard,
    Slot,
    Path,
    Mac,
}

#[derive(Clone, Debug, Default)]
pub struct LinkFile {
    pub path: String,
    pub name: Option<String>,
    pub policies: Vec<Policy>,
    /// What it sets beside the name.
    pub settings: Vec<(String, String)>,
    /// A section whose settings are not read: `SR-IOV`.
    pub other_section: Option<String>,
    conditions: Conditions,
    /// It, or what is added to it, could not be read.
    trouble: Option<Trouble>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Winner<'f> {
    None,
    File(&'f LinkFile),
    /// It depends on something that is not known whether this file counts; with what that is.
    Unclear(&'f LinkFile, String),
}

/// In the order in which udev looks through them.
#[derive(Clone, Debug, Default)]
pub struct LinkFiles(Vec<LinkFile>);

impl PartialEq for LinkFile {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

/// Directory → what is in it, the directory that counts most first.
pub type Directories<'a> = [(String, Reading<&'a Files>)];

impl LinkFiles {
    /// `additions` has the directories `NAME.link.d` that there are.
    pub fn read(directories: &Directories<'_>, additions: &Directories<'_>) -> Result<Self, Trouble> {
        let files = by_name(directories)?;
        let mut all = Vec::new();
        for (name, (path, content)) in files {
            let own: Vec<_> = additions
                .iter()
                .filter(|(directory, _)| directory.rsplit('/').next() == Some(format!("{name}.d").as_str()))
                .cloned()
                .collect();
            let mut file = LinkFile { path, ..LinkFile::default() };
            match content {
                Reading::Known(content) if is_empty(content) => continue, // masked, with all that is added
                Reading::Known(content) => file.apply(&content.0),
                Reading::Unreadable(trouble) => file.trouble = Some(trouble.clone()),
                Reading::Absent => continue,
            }
            for (_, content) in by_name(&own)?.into_values() {
                match content {
                    Reading::Known(content) => file.apply(&content.0),
                    Reading::Unreadable(trouble) => file.trouble = Some(trouble.clone()),
                    Reading::Absent => {}
                }
            }
            all.push(file);
        }
        Ok(Self(all))
    }

    pub fn winner(&self, device: &Device<'_>) -> Winner<'_> {
        self.in_force(device, None)
    }

    /// The same, or what udev `noted` where that comes first: it may have met the device under another name.
    pub fn in_force(&self, device: &Device<'_>, noted: Option<&str>) -> Winner<'_> {
        for file in &self.0 {
            if noted.is_some() && noted.and_then(|path| path.rsplit('/').next()) == file.path.rsplit('/').next() {
                return Winner::File(file);
            }
            match file.trouble.as_ref().map_or_else(|| file.conditions.hold(device), |it| Err(it.detail.clone())) {
                Ok(true) => return Winner::File(file),
                Ok(false) => {}
                Err(why) => return Winner::Unclear(file, why),
            }
        }
        Winner::None
    }

    /// The name of the first whose `[Match]` holds, or may.
    pub fn first_that_may_count(&self, device: &Device<'_>) -> Option<&str> {
        let first = self.0.iter().find(|file| file.trouble.is_some() || file.conditions.hold(device) != Ok(false))?;
        first.path.rsplit('/').next()
    }
}

/// Of two files with one name the earlier directory's counts.
fn by_name<'a>(directories: &Directories<'a>) -> Result<SortedMap<String, (String, &'a Reading<Content>)>, Trouble> {
    let mut files = SortedMap::new();
    for (directory, reading) in directories {
        match reading {
            Reading::Known(found) => {
                for (name, content) in found.iter() {
                    let path = format!("{directory}/{name}");
                    files.entry(name.clone()).or_insert((path, content));
                }
            }
            Reading::Absent => {}
            Reading::Unreadable(trouble) => return Err(trouble.clone()),
        }
    }
    Ok(files)
}

/// A file without content, or a link to /dev/null, hides all of its name.
fn is_empty(content: &Content) -> bool {
    content.0.is_empty()
}

impl LinkFile {
    /// It sets other things of a device.
    pub fn names_nothing(&self) -> bool {
        self.name.is_none() && self.policies.is_empty() && self.trouble.is_none()
    }

    fn apply(&mut self, content: &[u8]) {
        let text = String::from_utf8_lossy(content);
        for setting in ini::settings(&text) {
            match (setting.section.as_str(), setting.key.as_str()) {
                ("Match", key) => self.conditions.set(key, &setting.value),
                ("Link", "Name") if setting.value.is_empty() => self.name = None,
                ("Link", "Name") if is_valid_name(&setting.value) => self.name = Some(setting.value),
                ("Link", "NamePolicy") => self.policies = policies(&setting.value),
                ("Link", "Name") => {}
                ("Link", _) => self.settings.push((setting.key, setting.value)),
                // systemd passes these over itself.
                (section, _) if section.is_empty() || section.starts_with("X-") => {}
                _ => self.other_section = Some(setting.section),
            }
        }
    }
}

fn policies(value: &str) -> Vec<Policy> {
    let mut seen = SortedSet::new();
    let policy = |word: &str| match word {
        "keep" => Some(Policy::Keep),
        "kernel" => Some(Policy::Kernel),
        "database" => Some(Policy::Database),
        "onboard" => Some(Policy::Onboard),
        "slot" => Some(Policy::Slot),
        "path" => Some(Policy::Path),
        "mac" => Some(Policy::Mac),
        _ => None,
    };
    value.split_whitespace().filter(|word| seen.insert(word.to_string())).filter_map(policy).collect()
}

/// What Linux and systemd take as the name of a network device.
pub fn is_valid_name(name: &str) -> bool {
    let is_reserved = matches!(name, "" | "." | ".." | "all" | "default");
    let has_wrong = name.chars().any(|c| c.is_control() || !c.is_ascii() || matches!(c, ' ' | '/' | ':' | '%'));
    !is_reserved && !has_wrong && name.len() <= LONGEST_NAME && !name.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
