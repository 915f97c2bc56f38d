//! The host that is asked and the catalog that it is judged by: this machine's own, or a recording's.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use super::options::ConfigOptions;
use super::{Looking, UsageError};
use crate::catalog::{Catalog, Layer, Profile, Source};
use crate::facts::Run;
use crate::host::Observe;
use crate::host::configuration::{self, ConfigurationFile};
use crate::host::recorded::Recorded;
use crate::model::gather::Gather as _;
use crate::model::report::Intent;
use crate::model::sorted::SortedSet;

/// Whom to ask, and by what to judge.
pub struct Subject {
    pub host: Arc<dyn Observe>,
    pub catalog: Catalog,
    pub configuration: Vec<ConfigurationFile>,
    /// When the answers are from, RFC 3339.
    pub asked_at: String,
    /// What a person should know before reading the report.
    pub notices: SortedSet<String>,
}

impl Subject {
    /// This machine, whatever is written in /etc.
    pub fn built_in(host: Arc<dyn Observe>) -> anyhow::Result<Self> {
        Ok(Self {
            host,
            catalog: catalog(&[], &[])?,
            configuration: Vec::new(),
            asked_at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            notices: SortedSet::new(),
        })
    }

    pub fn run(&self, intent: Intent) -> Run<'_> {
        Run { intent, asked_at: &self.asked_at }
    }

    /// Lets the profiles that fit the host have their say.
    pub fn settle(&mut self, profiles: &[String]) -> anyhow::Result<()> {
        let overrides = |profile: &Profile| profile.overrides && profiles.contains(&profile.name);
        if self.catalog.profiles.iter().any(overrides) {
            self.catalog = catalog(&self.configuration, profiles)?;
        }
        Ok(())
    }
}

/// The host in the bundle that was named, or this machine.
pub fn subject(from: Option<&Path>, options: &ConfigOptions, looking: Looking) -> anyhow::Result<Subject> {
    match from {
        Some(file) => recorded(file, options.config.as_deref()),
        None => live(looking(), options.config.as_deref()),
    }
}

/// This machine, under the configuration in /etc or the one named.
pub fn live(host: Arc<dyn Observe>, config: Option<&Path>) -> anyhow::Result<Subject> {
    let configuration = configuration::read(config).map_err(|error| UsageError(error.to_string()))?;
    Ok(Subject {
        host,
        catalog: catalog(&configuration, &[])?,
        configuration,
        asked_at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        notices: SortedSet::new(),
    })
}

/// The host in a bundle, judged as it would have judged itself, unless another configuration is named.
fn recorded(file: &Path, config: Option<&Path>) -> anyhow::Result<Subject> {
    let name = file.display();
    let mut recorded = Recorded::read(file).map_err(|error| UsageError(error.to_string()))?;
    let configuration = match config {
        None => std::mem::take(&mut recorded.configuration),
        Some(_) => configuration::read(config).map_err(|error| UsageError(error.to_string()))?,
    };
    let cut_off = |place| format!("{name} is cut off at {place}: what is missing from it is unknown");
    Ok(Subject {
        catalog: catalog(&configuration, &[])?,
        configuration,
        asked_at: recorded.recorded_at.clone(),
        notices: recorded.truncated_at.as_ref().map(cut_off).into_iter().gather(),
        host: Arc::new(recorded),
    })
}

pub fn catalog(configuration: &[ConfigurationFile], profiles: &[String]) -> anyhow::Result<Catalog> {
    let sources: Vec<Source<'_>> = configuration
        .iter()
        .map(|file| Source {
            name: &file.name,
            text: &file.text,
            layer: if file.checks { Layer::ChecksDirectory } else { Layer::Config },
        })
        .collect();
    Catalog::load(&sources, profiles).map_err(|error| UsageError(error.to_string()).into())
}
