//! What is checked: the entries under `checks/`, built in, and what `/etc/hostready` lays over them.
//!
//! This layer parses text and validates it. It reads no file and knows no host.

pub mod check;
pub mod fields;
pub mod fix;
pub mod kind;
pub mod passing;
pub mod profile;
mod promise;
pub mod settings;
pub mod source;

use ring::digest::{Context, SHA256};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use check::{Check, Level};
pub use fix::Fix;
pub use profile::Profile;
pub use settings::Settings;
pub use source::{Layer, Source, SourceError};

use check::Entry;
use fields::{Besides, Fields, Table};
use kind::Kind;

use crate::model::gather::{Arrange as _, Gather as _};
use crate::model::sorted::SortedMap;
use crate::texts;

/// Everything that is in force: validated, merged, ready to ask and to judge.
#[derive(Clone, Debug)]
pub struct Catalog {
    pub checks: Vec<Check>,
    pub fixes: Vec<Fix>,
    pub profiles: Vec<Profile>,
    pub settings: Settings,
    /// SHA-256 over all sources.
    pub digest: String,
}

impl Catalog {
    /// The built-in catalog with `extra` laid over it, in the order of their layers. What a profile overrides
    /// counts where it is among `profiles`, and less than what the operator says.
    pub fn load(extra: &[Source<'_>], profiles: &[String]) -> Result<Self, SourceError> {
        let mut sources: Vec<Source<'_>> =
            texts::checks().map(|(name, text)| Source { name, text, layer: Layer::BuiltIn }).collect();
        sources.extend_from_slice(extra);
        sources.arrange_by_key(|source| source.layer);

        let mut loading = Loading::default();
        // Profiles lie below the configuration, whatever file they stand in.
        for source in &sources {
            loading.take_profiles(source, profiles)?;
        }
        let (built_in, operators) = sources.split_at(sources.partition_point(|it| it.layer == Layer::BuiltIn));
        for source in built_in {
            loading.take(source)?;
        }
        for (source, overrides) in std::mem::take(&mut loading.of_profiles) {
            loading.take_overrides(&source, overrides)?;
        }
        for source in operators {
            loading.take(source)?;
        }
        loading.finish(&sources)
    }

    pub fn fix(&self, id: &str) -> Option<&Fix> {
        self.fixes.iter().find(|fix| fix.id == id)
    }
}

/// The catalog while its sources are laid one over the other.
#[derive(Default)]
struct Loading<'a> {
    checks: Vec<(Entry<'a>, Check)>,
    fixes: Vec<Fix>,
    profiles: Vec<Profile>,
    settings: Settings,
    /// What the profiles in force override, until their layer is whole.
    of_profiles: Vec<(Source<'a>, Spanned<DeValue<'a>>)>,
}

impl<'a> Loading<'a> {
    fn take(&mut self, source: &Source<'a>) -> Result<(), SourceError> {
        let mut rest = DeTable::new();
        let mut overrides = None;
        for (key, value) in source.table()? {
            let name = key.get_ref().to_string();
            let is_config = source.layer == Layer::Config;
            match (name.as_str(), is_config) {
                ("future", _) => {}
                ("override", _) => overrides = Some(value),
                ("check", false) => self.take_checks(source, value)?,
                ("fix", false) => self.take_fixes(source, value)?,
                ("profile", false) => {} // taken before
                (_, true) => drop(rest.insert(key, value)),
                (_, false) => {
                    let hint = "allowed here: [[check]], [[fix]], [[profile]], [override.\"ID\"], [future]".to_owned();
                    return Err(source.error(key.span(), format!("unknown table `{name}`"), Some(hint)));
                }
            }
        }
        if source.layer == Layer::Config {
            promise::are_whole(source, &rest)?;
            self.settings = whole(source, &rest, 0..0, (&["override", "future"], ""))?;
        }
        overrides.map_or(Ok(()), |value| self.take_overrides(source, value))
    }

    fn take_checks(&mut self, source: &Source<'a>, value: Spanned<DeValue<'a>>) -> Result<(), SourceError> {
        for (table, span) in tables(source, value, "[[check]]")? {
            let entry = Entry::new(source, table, span.clone());
            let check = entry.check(source)?;
            let twice = self.checks.iter().any(|(_, other)| other.id == check.id && other.profile == check.profile);
            if twice {
                let hint = format!("to change it, write [override.\"{}\"]", check.id);
                return Err(source.error(span, format!("`{}` is already a check", check.id), Some(hint)));
            }
            self.checks.push((entry, check));
        }
        Ok(())
    }

    fn take_profiles(&mut self, source: &Source<'a>, in_force: &[String]) -> Result<(), SourceError> {
        let Some(value) = source.table()?.remove("profile").filter(|_| source.layer != Layer::Config) else {
            return Ok(());
        };
        for (mut table, span) in tables(source, value, "[[profile]]")? {
            let overrides = table.remove("override");
            let mut profile: Profile = whole(source, &table, span, (&["override"], ""))?;
            profile.overrides = overrides.is_some();
            self.of_profiles.extend(overrides.filter(|_| in_force.contains(&profile.name)).map(|it| (*source, it)));
            self.profiles.push(profile);
        }
        Ok(())
    }

    fn take_fixes(&mut self, source: &Source<'a>, value: Spanned<DeValue<'a>>) -> Result<(), SourceError> {
        for (table, span) in tables(source, value, "[[fix]]")? {
            let fix: Fix = whole(source, &table, span.clone(), (&[], ""))?;
            if self.fixes.iter().any(|other| other.id == fix.id) {
                return Err(source.error(span, format!("`{}` is already a fix", fix.id), None));
            }
            self.fixes.push(fix);
        }
        Ok(())
    }

    fn take_overrides(&mut self, source: &Source<'a>, value: Spanned<DeValue<'a>>) -> Result<(), SourceError> {
        let span = value.span();
        let DeValue::Table(overrides) = value.into_inner() else {
            return Err(source.error(
                span,
                "`override` is no table",
                Some("write [override.\"disk.space\"]".to_owned()),
            ));
        };
        for (id, value) in overrides {
            let name = id.get_ref().to_string();
            let span = value.span();
            let DeValue::Table(mut table) = value.into_inner() else {
                return Err(source.error(span, format!("the override of `{name}` is no table"), None));
            };
            if let Some(fixed) = table.keys().find(|key| matches!(key.get_ref().as_ref(), "id" | "kind")) {
                return Err(source.error(fixed.span(), format!("`{}` cannot be overridden", fixed.get_ref()), None));
            }
            // Where profiles share an id, `profile` says whose entry is meant.
            let profile = table.remove("profile").and_then(|profile| profile.get_ref().as_str().map(str::to_owned));
            let is_meant = |check: &Check| check.id == name && profile.as_ref().is_none_or(|it| check.profile == *it);
            let of: Vec<&str> =
                self.checks.iter().filter(|(_, it)| is_meant(it)).map(|(_, it)| it.profile.as_str()).collect();
            let is_common = |key: &str| matches!(key, "level" | "severity" | "for" | "future");
            if of.len() > 1 && !table.keys().all(|key| is_common(key.get_ref())) {
                let hint = format!("say which: profile = one of {}", of.join(", "));
                return Err(source.error(span, format!("`{name}` is a check of several profiles"), Some(hint)));
            }
            let mut found = false;
            for (entry, check) in self.checks.iter_mut().filter(|(_, check)| is_meant(check)) {
                found = true;
                entry.span = span.clone();
                entry.lay_over(source, table.clone());
                *check = entry.check(source)?;
            }
            if !found {
                let hint = "`hostready explain` lists every check".to_owned();
                return Err(source.error(id.span(), format!("there is no check `{name}`"), Some(hint)));
            }
        }
        Ok(())
    }

    fn finish(mut self, sources: &[Source<'_>]) -> Result<Catalog, SourceError> {
        self.share_needs(sources)?;
        self.check_names(sources)?;
        Ok(Catalog {
            checks: self.checks.into_iter().map(|(_, check)| check).collect(),
            fixes: self.fixes,
            profiles: self.profiles,
            settings: self.settings,
            digest: digest(sources),
        })
    }

    /// Checks that speak of another check's paths take them from it, so that a threshold has one home.
    fn share_needs(&mut self, sources: &[Source<'_>]) -> Result<(), SourceError> {
        let needs: SortedMap<String, _> = self
            .checks
            .iter()
            .filter_map(|(_, check)| match &check.kind {
                Kind::FilesystemSpace(space) => Some((check.id.clone(), space.paths.clone())),
                _ => None,
            })
            .gather();
        for (_, check) in &mut self.checks {
            let (needs_of, paths) = match &mut check.kind {
                Kind::FilesystemSpaceShared(shared) => (&shared.needs_of, &mut shared.paths),
                Kind::DeletedOpenFiles(deleted) => (&deleted.needs_of, &mut deleted.paths),
                _ => continue,
            };
            match needs.get(needs_of) {
                Some(needed) => paths.clone_from(needed),
                None => return Err(name_error(sources, needs_of, "is no check of kind filesystem-space")),
            }
        }
        Ok(())
    }

    /// Names that point elsewhere in the catalog point at something.
    fn check_names(&self, sources: &[Source<'_>]) -> Result<(), SourceError> {
        for (_, check) in &self.checks {
            let known = |name: &String| self.fixes.iter().any(|fix| fix.id == *name);
            if let Some(unknown) = check.fixes.iter().find(|name| !known(name)) {
                return Err(name_error(sources, unknown, "is no fix"));
            }
            for other in check.passes_with.iter().chain(&check.explained_by) {
                if !self.checks.iter().any(|(_, check)| check.id == *other) {
                    return Err(name_error(sources, other, "is no check"));
                }
            }
            let known = check.profile == profile::LINUX || self.profiles.iter().any(|it| it.name == check.profile);
            if !known {
                return Err(name_error(sources, &check.profile, "is no profile"));
            }
        }
        let config = sources.iter().rfind(|source| source.layer == Layer::Config);
        let checks: Vec<&Check> = self.checks.iter().map(|(_, check)| check).collect();
        config.map_or(Ok(()), |config| promise::check(config, &self.settings, &checks))
    }
}

/// Points at the last place that wrote the name, in quotes.
fn name_error(sources: &[Source<'_>], name: &str, what: &str) -> SourceError {
    let quoted = format!("\"{name}\"");
    let found = sources.iter().rev().find_map(|source| source.text.rfind(&quoted).map(|at| (source, at)));
    let message = format!("`{name}` {what}");
    match found {
        Some((source, at)) => source.error(at..at, message, None),
        None => SourceError { file: "checks".to_owned(), line: 1, column: 1, message, hint: None },
    }
}

/// A table as what it stands for.
fn whole<T: Table>(
    source: &Source<'_>,
    table: &DeTable<'_>,
    span: std::ops::Range<usize>,
    besides: Besides,
) -> Result<T, SourceError> {
    Fields { source, table, span, besides }.whole()
}

/// A table and the bytes of its source that it was written in.
type Placed<'a> = (DeTable<'a>, std::ops::Range<usize>);

fn tables<'a>(source: &Source<'a>, value: Spanned<DeValue<'a>>, what: &str) -> Result<Vec<Placed<'a>>, SourceError> {
    let span = value.span();
    let DeValue::Array(items) = value.into_inner() else {
        return Err(source.error(span, format!("write {what}, with two brackets"), None));
    };
    let mut found = Vec::new();
    for item in items {
        let span = item.span();
        match item.into_inner() {
            DeValue::Table(table) => found.push((table, span)),
            _ => return Err(source.error(span, format!("write {what}, with two brackets"), None)),
        }
    }
    Ok(found)
}

fn digest(sources: &[Source<'_>]) -> String {
    let mut hash = Context::new(&SHA256);
    for source in sources {
        hash.update(source.name.as_bytes());
        hash.update(&[0]);
        hash.update(source.text.as_bytes());
        hash.update(&[0]);
    }
    hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
