//! Tables of inputs with what the real tool made of them, recorded with `HOSTREADY_BLESS=1`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use super::{Lab, Tested, image};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Puts a table into a lab, in one go.
pub fn unpack(lab: &Lab, table: &str, directory: &str) -> Tested {
    let mut tar = Command::new("tar");
    let packed = tar.arg("--directory").arg(path(table)).args(["--create", "."]).output()?;
    ensure!(packed.status.success(), "cannot pack {table}: {}", String::from_utf8_lossy(&packed.stderr));
    lab.write_bytes("/tmp/table.tar", &packed.stdout)?;
    lab.sh(&format!("mkdir -p {directory} && tar --directory {directory} --extract --file /tmp/table.tar")).map(drop)
}

/// Holds what was said of a table against what was recorded of it with the same release, line by line.
pub fn compare(table: &str, said: &str) -> Tested {
    let path = path(table).join(format!("expected.{}.txt", image::suite()));
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
