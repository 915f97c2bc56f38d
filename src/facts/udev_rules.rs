//! Rules of udev that name a network device themselves: `NAME=` of udev(7). They count before every `.link` file.

mod rule;

use super::link_files::{Device, Directories, is_valid_name};
use crate::model::answer::Content;
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Reading, Trouble};
use rule::{Holds, Rule};

/// The rules that have the `.link` files applied. An administrator's file of this name replaces them.
const APPLIES_LINK_FILES: &str = "80-net-setup-link.rules";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// By no rule.
    Not,
    By {
        path: String,
        name: String,
    },
    /// A rule would, if something holds that is not known beforehand.
    Unclear {
        path: String,
        why: String,
        /// The names that it may come to, beside none at all; nothing where they cannot be told.
        names: Option<SortedSet<String>>,
    },
}

impl Named {
    /// The rules of `path` may also give this name.
    fn perhaps(&mut self, path: &str, why: String, name: Option<&str>) {
        let known = match std::mem::replace(self, Self::Not) {
            Self::Not => Some(SortedSet::new()),
            Self::By { path, name: own } if Some(own.as_str()) == name => {
                *self = Self::By { path, name: own };
                return;
            }
            Self::By { name, .. } => Some([name].into()),
            Self::Unclear { names, .. } => names,
        };
        let names = known.zip(name).map(|(mut names, name)| {
            names.insert(name.to_owned());
            names
        });
        *self = Self::Unclear { path: path.to_owned(), why, names };
    }
}

#[derive(Clone, Debug, Default)]
pub struct Rules(SortedMap<String, RuleFile>);

#[derive(Clone, Debug)]
struct RuleFile {
    path: String,
    content: Result<Vec<Rule>, Trouble>,
    is_empty: bool,
    calls_link_files: bool,
}

impl Rules {
    /// Of two files with one name the earlier directory's counts.
    pub fn read(directories: &Directories<'_>) -> Result<Self, Trouble> {
        let mut files = SortedMap::new();
        for (directory, reading) in directories {
            match reading {
                Reading::Known(found) => {
                    for (name, content) in found.iter() {
                        let file = || RuleFile::new(format!("{directory}/{name}"), content);
                        files.entry(name.clone()).or_insert_with(file);
                    }
                }
                Reading::Absent => {}
                Reading::Unreadable(trouble) => return Err(trouble.clone()),
            }
        }
        Ok(Self(files))
    }

    /// The last rule that holds counts.
    pub fn name(&self, device: &Device<'_>) -> Named {
        let mut named = Named::Not;
        for (name, file) in &self.0 {
            if name != APPLIES_LINK_FILES {
                file.name(device, &mut named);
            }
        }
        named
    }

    /// Whether `.link` files are applied at all; the path of what leaves it open where that cannot be told, and why.
    pub fn apply_link_files(&self) -> Result<bool, (String, String)> {
        match self.0.get(APPLIES_LINK_FILES) {
            None => Ok(true),
            Some(file) if file.is_empty => Ok(false),
            Some(file) if file.calls_link_files => Ok(true),
            Some(file) => {
                let why = file.content.as_ref().err().map_or("it replaces the rules of udev", |it| it.detail.as_str());
                Err((file.path.clone(), why.to_owned()))
            }
        }
    }
}

impl RuleFile {
    fn new(path: String, content: &Reading<Content>) -> Self {
        let bytes = match content {
            Reading::Known(content) => Ok(content.0.as_slice()),
            Reading::Absent => Ok(&[][..]),
            Reading::Unreadable(trouble) => Err(trouble.clone()),
        };
        let text = bytes.map(String::from_utf8_lossy);
        Self {
            path,
            is_empty: text.as_ref().is_ok_and(|text| text.is_empty()),
            calls_link_files: text.as_ref().is_ok_and(|text| text.contains("net_setup_link")),
            content: text.map(|text| rule::parse(&text)),
        }
    }

    fn name(&self, device: &Device<'_>, named: &mut Named) {
        let rules = match &self.content {
            Ok(rules) => rules,
            Err(trouble) => return named.perhaps(&self.path, trouble.detail.clone(), None),
        };
        let mut skip_to: Option<&str> = None;
        // Behind a jump that may or may not be made.
        let mut perhaps_to: Option<(&str, String)> = None;
        for rule in rules {
            if rule.label.is_some() && rule.label.as_deref() == skip_to {
                skip_to = None;
            }
            if rule.label.is_some() && rule.label.as_deref() == perhaps_to.as_ref().map(|it| it.0) {
                perhaps_to = None;
            }
            if skip_to.is_some() || (rule.name.is_none() && rule.goto.is_none()) {
                continue;
            }
            let holds = match (rule.holds(device, named), &perhaps_to) {
                (Holds::Yes, Some((_, why))) => Holds::Perhaps(why.clone()),
                (holds, _) => holds,
            };
            if let Some(name) = rule.name.as_deref() {
                let is_plain = is_valid_name(name) && !name.contains('$');
                match &holds {
                    Holds::Yes if is_plain => *named = Named::By { path: self.path.clone(), name: name.to_owned() },
                    Holds::Yes => {
                        named.perhaps(&self.path, format!("NAME=\"{name}\" is no name as it stands"), None);
                    }
                    Holds::Perhaps(why) => named.perhaps(&self.path, why.clone(), Some(name).filter(|_| is_plain)),
                    Holds::No => {}
                }
            }
            match (holds, rule.goto.as_deref()) {
                (Holds::Yes, Some(label)) => skip_to = Some(label),
                (Holds::Perhaps(why), Some(label)) => perhaps_to = perhaps_to.or(Some((label, why))),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
