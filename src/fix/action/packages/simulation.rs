//! What apt says that it would do.

use crate::facts::versions;

/// One package, as it is and as it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    pub name: &'a str,
    /// None for what is new.
    pub old: Option<&'a str>,
    pub new: &'a str,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simulation<'a> {
    pub installs: Vec<Change<'a>>,
    pub removes: Vec<&'a str>,
}

impl<'a> Simulation<'a> {
    /// `Inst aa [1.0] (2.0 Debian:12/stable [all])`, `Remv bb [1.0]`; `Conf` says nothing more.
    pub fn parse(text: &'a [u8]) -> Self {
        let mut simulation = Self::default();
        for line in text.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok()) {
            let mut words = line.split(' ');
            match (words.next(), words.next()) {
                (Some("Inst"), Some(name)) => simulation.installs.extend(change(name, words)),
                (Some("Remv" | "Purg"), Some(name)) => simulation.removes.push(name),
                _ => {}
            }
        }
        simulation
    }

    /// Those that would get a lower version.
    pub fn downgrades(&self) -> Vec<&'a str> {
        let is_lower = |it: &&Change<'a>| it.old.is_some_and(|old| versions::compare(it.new, old).is_lt());
        self.installs.iter().filter(is_lower).map(|it| it.name).collect()
    }

    /// Why it must not be done, whatever it is for.
    pub fn forbidden(&self) -> Option<String> {
        let downgrades = self.downgrades();
        match (self.removes.is_empty(), downgrades.is_empty()) {
            (true, true) => None,
            (false, _) => Some(format!("apt would remove {}", super::listed(&self.removes))),
            (true, false) => Some(format!("apt would install a lower version of {}", super::listed(&downgrades))),
        }
    }
}

fn change<'a>(name: &'a str, words: impl Iterator<Item = &'a str>) -> Option<Change<'a>> {
    let mut old = None;
    for word in words {
        if let Some(version) = word.strip_prefix('[') {
            old = Some(version.trim_end_matches(']'));
        } else if let Some(new) = word.strip_prefix('(') {
            return Some(Change { name, old, new: new.trim_end_matches(')') });
        }
    }
    None
}
