//! Tables of inputs with what the real tool made of them, recorded with `HOSTREADY_BLESS=1`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::Tested;

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// The files of a table that end in one of these, below it too, by name.
pub fn files(table: &str, ends: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![path(table)];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))? {
            let path = entry?.path();
            let is_wanted = path.extension().is_some_and(|end| ends.iter().any(|wanted| end == *wanted));
            match path.is_dir() {
                true => open.push(path),
                false if is_wanted => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Holds what was said against what was recorded, line by line.
pub fn compare(name: &str, said: &str) -> Tested {
    let path = path(name);
    if std::env::var_os("HOSTREADY_BLESS").is_some() {
        return fs::write(&path, said).with_context(|| format!("cannot write {}", path.display()));
    }
    let recorded = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let differs: Vec<String> = diff(&recorded, said);
    if !differs.is_empty() {
        bail!("{} differs:\n{}", path.display(), differs.join("\n"));
    }
    Ok(())
}

fn diff(recorded: &str, said: &str) -> Vec<String> {
    let lost =
        recorded.lines().filter(|line| !said.lines().any(|other| other == *line)).map(|line| format!("- {line}"));
    let new = said.lines().filter(|line| !recorded.lines().any(|other| other == *line)).map(|line| format!("+ {line}"));
    lost.chain(new).collect()
}
