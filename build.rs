//! Packs the texts of the program: see src/texts.rs, which reads them.

#![expect(clippy::disallowed_methods, reason = "a build script writes where cargo says")]

use std::path::PathBuf;
use std::{env, fs, io};

/// The catalog, in the order of the report.
const CHECKS: [&str; 7] = [
    "checks/disk.toml",
    "checks/packages.toml",
    "checks/services.toml",
    "checks/network.toml",
    "checks/ovs.toml",
    "checks/host.toml",
    "checks/pcd-host.toml",
];

/// The pages of the manual and the words of the shells; the schemas.
const PRINTED: [&str; 2] = ["packaging/pages", "src/commands/schema"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=checks");
    let checks = CHECKS.map(|path| (path.to_owned(), PathBuf::from(path)));
    pack("checks", &checks)?;

    let mut printed = Vec::new();
    for directory in PRINTED {
        println!("cargo::rerun-if-changed={directory}");
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            printed.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
        }
    }
    // A directory has no order of its own.
    printed.sort();
    pack("printed", &printed)
}

fn pack(name: &str, texts: &[(String, PathBuf)]) -> io::Result<()> {
    let mut all = String::new();
    for (name, path) in texts {
        // A form feed begins a text, as on a printer.
        all.push_str(&format!("\u{c}{name}\n{}", fs::read_to_string(path)?));
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?);
    fs::write(out.join(name), miniz_oxide::deflate::compress_to_vec(all.as_bytes(), 10))
}
