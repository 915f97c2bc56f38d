//! Flags that verbs share. Each has its `HOSTREADY_…` variable; none of these writes or consents.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};

use crate::exit::{ExitStyle, FailOn};
use crate::model::report::Intent;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a person
    #[default]
    Text,
    /// One document for a program
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Clone, Debug, Args)]
pub struct ConfigOptions {
    /// Read this configuration, and checks.d beside it [default: /etc/hostready/config.toml]
    #[arg(long, value_name = "FILE", env = "HOSTREADY_CONFIG", hide_env = true)]
    pub config: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct FormatOptions {
    /// How to print it
    #[arg(long, value_enum, default_value_t, env = "HOSTREADY_FORMAT", hide_env = true)]
    pub format: Format,
    /// Short for --format json
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HOSTREADY_JSON", hide_env = true)]
    pub json: bool,
}

impl FormatOptions {
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

#[derive(Clone, Debug, Args)]
pub struct OutputOptions {
    #[command(flatten)]
    pub format: FormatOptions,
    /// Write it to this file too, as a whole or not at all
    #[arg(long, value_name = "FILE", env = "HOSTREADY_OUTPUT", hide_env = true)]
    pub output: Option<PathBuf>,
    /// One line a host
    #[arg(short, long, value_parser = FalseyValueParser::new(), env = "HOSTREADY_QUIET", hide_env = true)]
    pub quiet: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ReportOptions {
    #[command(flatten)]
    pub output: OutputOptions,
    /// Show what passed and what was skipped, too
    #[arg(short, long, value_parser = FalseyValueParser::new(), env = "HOSTREADY_VERBOSE", hide_env = true)]
    pub verbose: bool,
    /// Colour the text
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", env = "HOSTREADY_COLOR", hide_env = true)]
    pub color: Color,
    /// From which verdict on the exit code is not 0
    #[arg(long, value_enum, default_value_t, value_name = "VERDICT", env = "HOSTREADY_FAIL_ON", hide_env = true)]
    pub fail_on: FailOn,
    /// Whose exit codes to use
    #[arg(long, value_enum, default_value_t, value_name = "STYLE", env = "HOSTREADY_EXIT_STYLE", hide_env = true)]
    pub exit_style: ExitStyle,
}

#[derive(Clone, Debug, Args)]
pub struct AimOptions {
    /// What the host is wanted fit for
    #[arg(long = "for", value_enum, default_value_t = Intent::Agent, value_name = "INTENT", env = "HOSTREADY_FOR", hide_env = true)]
    pub intent: Intent,
    /// No guest may be left running
    #[arg(long, value_parser = FalseyValueParser::new(), env = "HOSTREADY_DRAINED", hide_env = true)]
    pub drained: bool,
}

/// Where snapshots are kept, unless a person says otherwise.
pub const STATE: &str = "/var/lib/hostready";

#[derive(Clone, Debug, Args)]
pub struct StateOptions {
    /// Where snapshots are kept [default: /var/lib/hostready]
    #[arg(long, value_name = "DIR", env = "HOSTREADY_STATE_DIR", hide_env = true)]
    pub state_dir: Option<PathBuf>,
}

impl StateOptions {
    pub fn directory(&self) -> PathBuf {
        let named = self.state_dir.clone().filter(|directory| !directory.as_os_str().is_empty());
        named.unwrap_or_else(|| PathBuf::from(STATE))
    }
}

#[derive(Clone, Debug, Default, Args)]
pub struct ProfileOptions {
    /// Use this profile in place of detection; may be repeated
    #[arg(long, value_name = "NAME", env = "HOSTREADY_PROFILE", hide_env = true, value_delimiter = ',')]
    pub profile: Vec<String>,
}

#[derive(Clone, Debug, Args)]
pub struct ScopeOptions {
    #[command(flatten)]
    pub profiles: ProfileOptions,
    /// Ask only checks whose id matches, `*` stands for anything; may be repeated
    #[arg(long, value_name = "ID-GLOB", env = "HOSTREADY_ONLY", hide_env = true, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Leave out checks whose id matches; may be repeated
    #[arg(long, value_name = "ID-GLOB", env = "HOSTREADY_SKIP", hide_env = true, value_delimiter = ',')]
    pub skip: Vec<String>,
}

impl ScopeOptions {
    /// Every check of these profiles.
    pub fn of(profiles: ProfileOptions) -> Self {
        Self { profiles, only: Vec::new(), skip: Vec::new() }
    }
}

#[derive(Clone, Debug, Args)]
pub struct LookOptions {
    /// Time for looking: what has not answered by then is unknown
    #[arg(long, value_parser = duration, default_value = "30s", value_name = "DURATION", env = "HOSTREADY_TIMEOUT", hide_env = true)]
    pub timeout: Duration,
}

/// What every verb takes that looks at the host and reports.
#[derive(Clone, Debug, Args)]
pub struct ReportingOptions {
    #[command(flatten)]
    pub report: ReportOptions,
    #[command(flatten)]
    pub look: LookOptions,
    #[command(flatten)]
    pub config: ConfigOptions,
}

impl ReportingOptions {
    pub fn is_json(&self) -> bool {
        self.report.output.format.format() == Format::Json
    }

    pub fn exit_style(&self) -> ExitStyle {
        self.report.exit_style
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Progress {
    /// A line on stderr where that is a terminal
    #[default]
    Auto,
    /// One JSON object a line on stderr
    Json,
    None,
}

#[derive(Clone, Debug, Args)]
pub struct WaitOptions {
    /// Look again for so long while what is wrong may pass by itself
    #[arg(long, value_parser = duration, value_name = "DURATION", env = "HOSTREADY_WAIT", hide_env = true)]
    pub wait: Option<Duration>,
    /// How to show that it waits
    #[arg(long, value_enum, default_value_t, value_name = "HOW", env = "HOSTREADY_PROGRESS", hide_env = true)]
    pub progress: Progress,
}

pub fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse().map(Duration::from_secs).or_else(|_| humantime::parse_duration(text));
    match parsed {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) => Err("must be longer than nothing".to_owned()),
        Err(error) => Err(format!("{error}: write 30s, 2min or 500ms")),
    }
}
