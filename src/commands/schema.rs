//! `hostready schema`: the JSON schema of a document, from the types that print it.

use clap::{Args, ValueEnum};

use super::write;
use crate::model::{Report, Snapshot};

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Document {
    #[default]
    Report,
    Snapshot,
}

#[derive(Clone, Debug, Args)]
pub struct Schema {
    /// Which document
    #[arg(value_enum, default_value_t)]
    document: Document,
}

impl Schema {
    pub fn run(&self) -> anyhow::Result<u8> {
        let schema = match self.document {
            Document::Report => schemars::schema_for!(Report),
            Document::Snapshot => schemars::schema_for!(Snapshot),
        };
        let mut text = serde_json::to_string_pretty(&schema)?;
        text.push('\n');
        write::print(&text)?;
        Ok(0)
    }
}
