//! `hostready explain`: what is checked, why, at which threshold, and what a person can do by hand.
//! All of it from the catalog, and nothing is asked of the host.

use clap::Args;

use super::look::known_profiles;
use super::options::{ConfigOptions, Format, FormatOptions};
use super::{load, usage, write};
use crate::catalog::{Catalog, Check};
use crate::host::configuration;
use crate::report::explain;

#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// The check or fix to explain, such as `disk.space`; without one, all checks are listed
    id: Option<String>,
    /// As it is in force on hosts of this profile; may be repeated
    #[arg(long, value_name = "NAME", env = "HOSTREADY_PROFILE", hide_env = true, value_delimiter = ',')]
    profile: Vec<String>,
    #[command(flatten)]
    format: FormatOptions,
    #[command(flatten)]
    config: ConfigOptions,
}

impl Explain {
    pub fn run(&self) -> anyhow::Result<u8> {
        let configuration =
            configuration::read(self.config.config.as_deref()).map_err(|error| super::UsageError(error.to_string()))?;
        let catalog = load::catalog(&configuration, &self.profile)?;
        known_profiles(&catalog, &self.profile)?;
        let text = match (&self.id, self.format.format()) {
            (None, Format::Text) => explain::list(&catalog.checks),
            (None, Format::Json) => explain::json(&catalog.checks.iter().collect::<Vec<_>>(), &catalog)?,
            (Some(id), Format::Text) => match catalog.fix(id) {
                Some(fix) => explain::fix(fix),
                None => explain::text(&named(&catalog, id)?, &catalog),
            },
            (Some(id), Format::Json) => explain::json(&named(&catalog, id)?, &catalog)?,
        };
        write::print(&text)?;
        Ok(0)
    }
}

/// Every entry of this id: profiles may add to a check.
fn named<'c>(catalog: &'c Catalog, id: &str) -> anyhow::Result<Vec<&'c Check>> {
    let checks: Vec<&Check> = catalog.checks.iter().filter(|check| check.id == id).collect();
    if checks.is_empty() {
        return Err(usage(format!("there is no check `{id}`"), "`hostready explain` lists every check"));
    }
    Ok(checks)
}
