//! What units are like at one moment, and what they lost between two.

use crate::judge::unit_state;
use crate::model::answer::LoadedUnit;
use crate::model::sorted::SortedMap;

/// The units of one moment: their files, and what systemd has loaded of them.
#[derive(Debug)]
pub struct States<'f> {
    pub files: &'f SortedMap<String, String>,
    pub loaded: &'f SortedMap<String, LoadedUnit>,
}

impl<'f> States<'f> {
    /// `enabled`, `static`, …; empty where there is no such file.
    pub fn file(&self, name: &str) -> &'f str {
        self.files.get(name).map_or("", String::as_str)
    }

    /// `active`, `failed`, …
    pub fn active(&self, name: &str) -> &'f str {
        self.loaded.get(name).map_or("inactive", |unit| unit.active.as_str())
    }

    pub fn sub(&self, name: &str) -> &'f str {
        self.loaded.get(name).map_or("dead", |unit| unit.sub.as_str())
    }

    pub fn runs(&self, name: &str) -> bool {
        unit_state::is_active(self.active(name))
    }

    /// A boot starts it of itself; a unit that was made from an init script is one of these.
    pub fn starts(&self, name: &str) -> bool {
        matches!(self.file(name), "enabled" | "generated")
    }

    pub fn enabled(&self) -> impl Iterator<Item = &'f str> {
        self.files.iter().filter(|(_, state)| *state == "enabled").map(|(name, _)| name.as_str())
    }

    /// A unit of the same name and another type does the starting: a socket, a timer.
    pub fn is_provided_otherwise(&self, name: &str) -> bool {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let starters = ["socket", "timer", "path", "service"].map(|kind| format!("{stem}.{kind}"));
        starters.iter().any(|other| other != name && self.starts(other) && self.runs(other))
    }
}

/// What became of a unit that was enabled, or ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    Masked,
    Missing,
    Disabled,
    Failed,
    Stopped,
    /// It does not run, and systemd is about to start it.
    Starting,
}

impl Loss {
    /// What keeps it from running goes before that it does not run.
    pub fn of(name: &str, then: &States<'_>, now: &States<'_>) -> Option<Self> {
        let load = now.loaded.get(name).map_or("", |unit| unit.load.as_str());
        if now.file(name).starts_with("masked") {
            return Some(Self::Masked);
        }
        if now.file(name).is_empty() && !matches!(load, "loaded" | "error" | "bad-setting") {
            return Some(Self::Missing);
        }
        if then.starts(name) && unit_state::ends_with_this_boot(now.file(name)).is_some() {
            return Some(Self::Disabled);
        }
        match now.active(name) {
            _ if !then.runs(name) || now.runs(name) => None,
            "failed" => Some(Self::Failed),
            "activating" if now.sub(name) == "auto-restart" => Some(Self::Failed),
            "activating" => Some(Self::Starting),
            _ => Some(Self::Stopped),
        }
    }

    pub fn cause(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::Missing => "missing",
            Self::Disabled => "disabled",
            Self::Failed | Self::Stopped | Self::Starting => "stopped",
        }
    }

    pub fn detail(self, name: &str, now: &States<'_>) -> String {
        let (still, neither) = if now.runs(name) { ("; it still runs", "") } else { ("", "; it does not run") };
        match self {
            Self::Masked => format!("{name} was enabled and is masked, so that it cannot be started{still}"),
            Self::Missing => format!("{name} was enabled and there is no such unit any more{still}"),
            Self::Disabled => {
                let state = unit_state::ends_with_this_boot(now.file(name)).unwrap_or("not enabled");
                format!("{name} was enabled and is {state}, so that the next boot does not start it{neither}")
            }
            Self::Failed => format!("{name} ran and has failed"),
            Self::Stopped => format!("{name} ran and does not run now"),
            Self::Starting => format!("{name} ran and is about to start"),
        }
    }
}
