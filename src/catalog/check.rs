//! One catalog entry: what is checked, why, for which intent, and how much it counts.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::fields::{Fields, words};
use super::kind::Kind;
use super::passing::Passing;
use super::profile::LINUX;
use super::source::{Source, SourceError};
use crate::model::Severity;
use crate::model::gather::Gather as _;
use crate::model::report::Intent;
use crate::model::sorted::SortedMap;

/// How much a failed check counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Off,
    Info,
    Warn,
    Block,
}

words!(Level: "off" => Off, "info" => Info, "warn" => Warn, "block" => Block);
words!(Intent: "agent" => Agent, "os" => Os, "reboot" => Reboot, "after" => After);
words!(Severity: "info" => Info, "low" => Low, "medium" => Medium, "high" => High);

impl Level {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Block => "block",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Off, Self::Info, Self::Warn, Self::Block].into_iter().find(|level| level.as_str() == name)
    }
}

/// What the follow-up round reads for a finding that is not a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ThenRead {
    Freeable,
    Largest,
    DeletedOpen,
    Flows,
    OvsProgress,
    Vswitchd,
    /// The hardware and the udev properties of the NICs in use.
    Nics,
    /// Module and initial ramdisk of the kernel that boots next.
    NextKernel,
    /// What sshd's configuration includes, and the greeting of its listeners.
    Sshd,
    /// What every physical NIC is, and where it sits.
    Hardware,
    /// The log of ovn-controller, after it was woken by a question.
    OvnLog,
}

words! {
    ThenRead:
    "freeable" => Freeable,
    "largest" => Largest,
    "deleted-open" => DeletedOpen,
    "flows" => Flows,
    "ovs-progress" => OvsProgress,
    "vswitchd" => Vswitchd,
    "nics" => Nics,
    "next-kernel" => NextKernel,
    "sshd" => Sshd,
    "hardware" => Hardware,
    "ovn-log" => OvnLog,
}

/// A check as it is in force: entry, overrides and flags merged and validated.
#[derive(Clone, Debug)]
pub struct Check {
    pub id: String,
    pub profile: String,
    pub title: String,
    pub why: String,
    pub intents: Vec<Intent>,
    pub level: Level,
    /// Levels for single intents that differ from the check's own.
    pub level_for: SortedMap<Intent, Level>,
    pub severity: Severity,
    /// Levels of single causes that differ from the check's own.
    pub causes: SortedMap<String, Level>,
    pub fixes: Vec<String>,
    pub by_hand: Vec<Vec<String>>,
    pub source: String,
    pub then_read: Vec<ThenRead>,
    pub needs_baseline: bool,
    /// What may be gone by itself after a while: `--wait` waits for it.
    pub passes_by_itself: Passing,
    /// What may be gone, besides, once a host that was just booted is wholly up.
    pub passes_after_boot: Passing,
    /// The same, as long as this other check finds something.
    pub passes_with: Option<String>,
    /// The check whose failure says it all: this one's findings then hang below it.
    pub explained_by: Option<String>,
    pub kind: Kind,
    /// Each setting with its value and the place that set it, for `explain`.
    pub settings: Vec<Setting>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub key: String,
    pub value: String,
    pub origin: String,
}

impl Check {
    /// Lets the level for `intent` hold.
    pub fn settle(&mut self, intent: Intent) {
        if let Some(level) = self.level_for.get(&intent) {
            self.level = *level;
        }
    }

    /// For which intents a cause has another level than `level_of` says.
    pub fn levels_for(&self, cause: &str) -> Vec<(Intent, Level)> {
        let usual = self.level_of(Some(cause));
        let own = self.level_for.iter().filter(|_| !self.causes.contains_key(cause));
        own.map(|(intent, level)| (*intent, *level)).filter(|(_, level)| *level != usual).collect()
    }

    pub fn level_of(&self, cause: Option<&str>) -> Level {
        cause.and_then(|cause| self.causes.get(cause)).copied().unwrap_or(self.level)
    }
}

/// What every kind of check may say.
const COMMON: &[&str] = &[
    "id",
    "kind",
    "profile",
    "title",
    "why",
    "for",
    "level",
    "level_for",
    "severity",
    "causes",
    "fix",
    "by_hand",
    "source",
    "then_read",
    "needs_baseline",
    "passes_by_itself",
    "passes_after_boot",
    "passes_with",
    "explained_by",
    "future",
];

/// A check's table with the place of each value, before and after overrides are laid over it.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    pub table: DeTable<'a>,
    pub span: Range<usize>,
    /// `paths./var` → where that value was set.
    pub origins: SortedMap<String, String>,
}

impl<'a> Entry<'a> {
    pub fn new(source: &Source<'a>, table: DeTable<'a>, span: Range<usize>) -> Self {
        let mut entry = Self { table: DeTable::new(), span, origins: SortedMap::new() };
        entry.lay_over(source, table);
        entry
    }

    /// Lays the values of `table` over this entry: tables are merged by key, anything else is replaced.
    /// A new level counts for every intent and caps every cause, unless the new layer says otherwise itself.
    pub fn lay_over(&mut self, source: &Source<'a>, table: DeTable<'a>) {
        if let Some(level) = table.get("level") {
            self.table.remove("level_for");
            self.origins.retain(|key, _| !key.starts_with("level_for."));
            self.cap_causes(source, level);
        }
        merge(&mut self.table, table, source, "", &mut self.origins);
        self.table.remove("future");
    }

    fn cap_causes(&mut self, source: &Source<'a>, level: &Spanned<DeValue<'a>>) {
        let cap = level.get_ref().as_str().and_then(Level::named);
        let Some(DeValue::Table(causes)) = self.table.get_mut("causes").map(Spanned::get_mut) else { return };
        for (cause, now) in causes.iter_mut() {
            if now.get_ref().as_str().and_then(Level::named) > cap {
                *now = level.clone();
                self.origins.insert(format!("causes.{}", cause.get_ref()), source.origin(level.span().start));
            }
        }
    }

    /// The validated check. An error lies in `source`, the layer that was laid over last.
    pub fn check(&self, source: &Source<'_>) -> Result<Check, SourceError> {
        let kind_name = self.table.get("kind").ok_or_else(|| {
            source.error(self.span.clone(), "a check without `kind`", Some(format!("allowed kinds: {}", kind_names())))
        })?;
        let name = kind_name.get_ref().as_str().unwrap_or_default();
        let besides = (COMMON, "every check may have: ");
        let fields = Fields { source, table: &self.table, span: self.span.clone(), besides };
        let kind = Kind::parse(name, &fields).ok_or_else(|| {
            let hint = format!("allowed kinds: {}", kind_names());
            source.error(kind_name.span(), format!("`{name}` is no kind of check"), Some(hint))
        })??;
        let check = self.read(&fields, kind)?;
        if !check.id.contains('.') || check.id.contains(char::is_whitespace) {
            let hint = Some("ids are dotted, such as disk.images".to_owned());
            return Err(source.error(self.span.clone(), format!("`{}` is no id of a check", check.id), hint));
        }
        if check.intents.is_empty() {
            let hint = Some("allowed here: agent, os, reboot, after".to_owned());
            return Err(source.error(self.span.clone(), format!("`{}` is asked `for` nothing", check.id), hint));
        }
        Ok(check)
    }

    fn read(&self, fields: &Fields<'_>, kind: Kind) -> Result<Check, SourceError> {
        let causes: SortedMap<Spanned<String>, Level> = fields.optional("causes")?;
        for cause in causes.keys() {
            known_cause(fields.source, &kind, cause.get_ref(), cause.span())?;
        }
        let passing = |key| -> Result<Passing, SourceError> {
            let Some(passing): Option<Spanned<Passing>> = fields.optional(key)? else { return Ok(Passing::default()) };
            if let Passing::Causes(causes) = passing.get_ref() {
                causes.iter().try_for_each(|cause| known_cause(fields.source, &kind, cause, passing.span()))?;
            }
            Ok(passing.into_inner())
        };
        Ok(Check {
            id: fields.needed("id")?,
            profile: fields.optional::<Option<String>>("profile")?.unwrap_or_else(|| LINUX.to_owned()),
            title: fields.needed("title")?,
            why: fields.needed("why")?,
            intents: fields.needed("for")?,
            level: fields.needed("level")?,
            level_for: fields.optional("level_for")?,
            severity: fields.needed("severity")?,
            causes: causes.into_iter().map(|(cause, level)| (cause.into_inner(), level)).gather(),
            fixes: fields.optional("fix")?,
            by_hand: fields.optional("by_hand")?,
            source: fields.optional("source")?,
            then_read: fields.optional("then_read")?,
            needs_baseline: fields.optional("needs_baseline")?,
            passes_by_itself: passing("passes_by_itself")?,
            passes_after_boot: passing("passes_after_boot")?,
            passes_with: fields.optional("passes_with")?,
            explained_by: fields.optional("explained_by")?,
            kind,
            settings: self.settings(),
        })
    }

    /// What an operator can tune: the level and the kind's own values.
    fn settings(&self) -> Vec<Setting> {
        let mut found = Vec::new();
        for (key, value) in &self.table {
            let name = key.get_ref().as_ref();
            if matches!(name, "level" | "level_for" | "causes") || !COMMON.contains(&name) {
                list_settings(name, value.get_ref(), &self.origins, &mut found);
            }
        }
        found
    }
}

/// A cause that the kind of check can tell.
fn known_cause(source: &Source<'_>, kind: &Kind, cause: &str, span: Range<usize>) -> Result<(), SourceError> {
    if kind.causes().contains(&cause) {
        return Ok(());
    }
    let hint = match kind.causes() {
        [] => "a check of this kind has no causes".to_owned(),
        causes => format!("its causes: {}", causes.join(", ")),
    };
    Err(source.error(span, format!("`{cause}` is no cause of this kind of check"), Some(hint)))
}

fn kind_names() -> String {
    Kind::NAMES.join(", ")
}

fn child_path(path: &str, key: &Spanned<DeString<'_>>) -> String {
    if path.is_empty() { key.get_ref().to_string() } else { format!("{path}.{}", key.get_ref()) }
}

fn merge<'a>(
    into: &mut DeTable<'a>,
    from: DeTable<'a>,
    source: &Source<'_>,
    path: &str,
    origins: &mut SortedMap<String, String>,
) {
    for (key, value) in from {
        let path = child_path(path, &key);
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => {
                let mut below = match into.remove(&key).map(Spanned::into_inner) {
                    Some(DeValue::Table(below)) => below,
                    _ => DeTable::new(),
                };
                merge(&mut below, table, source, &path, origins);
                into.insert(key, Spanned::new(span, DeValue::Table(below)));
            }
            value => {
                origins.insert(path, source.origin(span.start));
                into.remove(&key);
                into.insert(key, Spanned::new(span, value));
            }
        }
    }
}

fn list_settings(path: &str, value: &DeValue<'_>, origins: &SortedMap<String, String>, found: &mut Vec<Setting>) {
    match value {
        DeValue::Table(table) => {
            for (key, value) in table {
                list_settings(&format!("{path}.{}", key.get_ref()), value.get_ref(), origins, found);
            }
        }
        value => found.push(Setting {
            key: path.to_owned(),
            value: plain(value),
            origin: origins.get(path).cloned().unwrap_or_default(),
        }),
    }
}

fn plain(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => items.iter().map(|item| plain(item.get_ref())).collect::<Vec<_>>().join(", "),
        DeValue::Table(_) => String::new(),
    }
}
