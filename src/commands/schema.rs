//! `hostready schema`: the JSON schema of a document, from the types that print it.

use clap::{Args, ValueEnum};

use super::manual;

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
        manual::show(match self.document {
            Document::Report => "report.json",
            Document::Snapshot => "snapshot.json",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::model::{Report, Snapshot};
    use crate::texts;

    /// `HOSTREADY_BLESS=1` writes them anew.
    #[test]
    fn the_schemas_are_those_of_the_types() {
        let schemas =
            [("report.json", schemars::schema_for!(Report)), ("snapshot.json", schemars::schema_for!(Snapshot))];
        for (name, schema) in schemas {
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            if std::env::var_os("HOSTREADY_BLESS").is_some() {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands/schema").join(name);
                std::fs::write(path, text).unwrap();
            } else {
                let kept = texts::printed(name);
                assert!(kept == Some(text), "{name} is an old one: HOSTREADY_BLESS=1 writes it anew");
            }
        }
    }
}
