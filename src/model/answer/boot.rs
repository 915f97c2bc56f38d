//! What the next boot needs.

use serde::{Deserialize, Serialize};

/// An initial ramdisk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Initrd {
    pub bytes: u64,
    /// What its parts are packed with: `cpio`, `zstd`, `gzip`, …; `unknown` for what we cannot read.
    pub formats: Vec<String>,
    /// Why it is not whole; none where it was followed to its end.
    pub fault: Option<String>,
}

/// A kernel module, for one kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Module {
    BuiltIn,
    /// As `modules.dep` lists it, and the file is there.
    File(String),
    /// `modules.dep` lists it, and the file is not there.
    Lost(String),
    /// This kernel's modules are there, and this one is not among them.
    Missing,
    /// There are no modules for this kernel at all.
    NoKernel,
}
