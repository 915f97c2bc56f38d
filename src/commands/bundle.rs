//! `hostready bundle`: everything that the host answers, in one file without secrets.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;

use super::assemble::{Ends, report};
use super::look::{Aim, Selection, look, look_at_all};
use super::options::{AimOptions, ConfigOptions, LookOptions, ScopeOptions};
use super::{load, write};
use crate::exit::{Exit, FailOn};
use crate::host::Observe;
use crate::host::recorded::{Bundle as Document, Recorded};
use crate::host::store::Store;

#[derive(Clone, Debug, Args)]
pub struct Bundle {
    /// The file to write, readable by its owner alone; `-` for stdout
    #[arg(long, value_name = "FILE", env = "HOSTREADY_OUTPUT", hide_env = true, default_value = "-")]
    output: PathBuf,
    #[command(flatten)]
    aim: AimOptions,
    #[command(flatten)]
    scope: ScopeOptions,
    #[command(flatten)]
    look: LookOptions,
    #[command(flatten)]
    config: ConfigOptions,
}

impl Bundle {
    pub fn run(&self, host: Arc<dyn Observe>, store: &Store) -> anyhow::Result<u8> {
        let started = Instant::now();
        let mut subject = load::live(host, self.config.config.as_deref())?;
        let aim = Aim { drained: self.aim.drained, ..Aim::of(self.aim.intent) };
        let selection = Selection::new(&subject.catalog, &self.scope, aim)?;
        let until = started + self.look.timeout;
        let host = Arc::clone(&subject.host);
        let answers = look_at_all(&host, &mut subject, &selection, until)?;
        // The report is judged from what was recorded, so that file and report cannot disagree.
        let recorded: Arc<dyn Observe> = Arc::new(Recorded { answers: answers.clone(), ..Recorded::default() });
        let looked = look(&recorded, &mut subject, &selection, None, Instant::now() + self.look.timeout)?;
        let ends = Ends { verb: "check", fail_on: FailOn::Block, started };
        let report = report(looked, &subject, &selection, ends, None);
        let document = Document::new(&subject.asked_at, &subject.configuration, &report, &answers);
        let mut text = document.and_then(|document| serde_json::to_string_pretty(&document)).context("the bundle")?;
        text.push('\n');
        let written = if self.output.as_os_str() == "-" {
            write::print(&text)?;
            Exit::Ready
        } else {
            let written = write::file(&self.output, text.as_bytes(), 0o600, store)?;
            if written == Exit::Ready {
                write::say(&format!("{} answers are in {}", answers.0.len(), self.output.display()));
            }
            written
        };
        Ok(written.code())
    }
}
