//! `hostready bundle`: everything that the host answers, in one file without secrets.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::Args;

use super::look::{Selection, look, look_at_all};
use super::options::{ConfigOptions, LookOptions, ScopeOptions};
use super::{check, load, write};
use crate::exit::{Exit, FailOn};
use crate::host::recorded::{Bundle as Document, SCHEMA, SCHEMA_VERSION, stored};
use crate::host::scrub;
use crate::model::Answers;

#[derive(Clone, Debug, Args)]
pub struct Bundle {
    /// The file to write, readable by its owner alone; `-` for stdout
    #[arg(long, value_name = "FILE", env = "HOSTREADY_OUTPUT", default_value = "-")]
    output: PathBuf,
    #[command(flatten)]
    scope: ScopeOptions,
    #[command(flatten)]
    look: LookOptions,
    #[command(flatten)]
    config: ConfigOptions,
}

impl Bundle {
    pub fn run(&self) -> anyhow::Result<u8> {
        let started = Instant::now();
        let subject = load::live(self.config.config.as_deref())?;
        let selection = Selection::new(&subject.catalog, &self.scope)?;
        let until = started + self.look.timeout;
        let mut answers = Answers::default();
        look_at_all(&subject.host, &subject.catalog, until, &mut answers);
        // The report is judged from what was recorded, so that file and report cannot disagree.
        let looked = look(&subject.host, &subject.catalog, &selection, until, &mut answers);
        let report = check::assemble(looked, &subject, &selection, FailOn::Block, started);
        let document = Document {
            schema: SCHEMA,
            schema_version: SCHEMA_VERSION,
            recorded_at: subject.asked_at.clone(),
            configuration: &subject.configuration,
            report: &report,
            answers: stored(&answers),
        };
        let mut json = serde_json::to_value(&document).context("the bundle")?;
        scrub::value(&mut json);
        let mut text = serde_json::to_string_pretty(&json).context("the bundle")?;
        text.push('\n');
        let written = if self.output.as_os_str() == "-" {
            write::print(&text)?;
            Exit::Ready
        } else {
            let written = write::file(&self.output, text.as_bytes(), 0o600)?;
            if written == Exit::Ready {
                write::say(&format!("{} answers are in {}", answers.0.len(), self.output.display()));
            }
            written
        };
        Ok(written.code())
    }
}
