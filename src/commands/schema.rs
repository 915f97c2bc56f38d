//! `hostready schema`: the JSON schema of a document, from the types that print it.

use clap::{Args, ValueEnum};

use super::write;

// Made by the test below: what makes them is a tenth of a megabyte.
const REPORT: &str = include_str!("schema/report.json");
const SNAPSHOT: &str = include_str!("schema/snapshot.json");

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
        write::print(match self.document {
            Document::Report => REPORT,
            Document::Snapshot => SNAPSHOT,
        })?;
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::{Report, Snapshot};

    /// `HOSTREADY_BLESS=1` writes them anew.
    #[test]
    fn the_schemas_are_those_of_the_types() {
        let schemas = [
            ("report", REPORT, schemars::schema_for!(Report)),
            ("snapshot", SNAPSHOT, schemars::schema_for!(Snapshot)),
        ];
        for (name, kept, schema) in schemas {
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            if std::env::var_os("HOSTREADY_BLESS").is_some() {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/commands/schema/{name}.json"));
                std::fs::write(path, text).unwrap();
            } else {
                assert!(kept == text, "the schema of the {name} is an old one: HOSTREADY_BLESS=1 writes it anew");
            }
        }
    }
}
