//! What the next boot needs.

use crate::model::stored::{choice, row};

/// An initial ramdisk.
#[derive(Clone, Debug, PartialEq)]
pub struct Initrd {
    pub bytes: u64,
    /// What its parts are packed with, as they follow each other: `cpio`, `zstd`, `gzip`, …
    pub formats: Vec<String>,
    /// Why it is not whole; none where it was followed to its end, or as far as it can be.
    pub fault: Option<String>,
    /// From where on it cannot be followed, and why; none where it was followed to its end.
    pub not_followed: Option<String>,
    /// Its end was reached, and it holds only what the processor needs before there is a system: microcode.
    pub early_only: bool,
}

row!(Initrd, Required { bytes, formats, fault, not_followed: Sparse, early_only: Sparse });

/// A kernel module, for one kernel.
#[derive(Clone, Debug, PartialEq)]
pub enum Module {
    BuiltIn,
    /// As `modules.dep` lists it, and the file is there.
    File(String),
    /// `modules.dep` lists this file, of the module or of one that it needs, and it is not there or empty.
    Lost(String),
    /// This kernel's modules are there, and this one is not among them.
    Missing,
    /// There are no modules for this kernel at all.
    NoKernel,
}

choice! {
    Module: Self::BuiltIn;
    "built-in" => BuiltIn,
    "file" => File(content),
    "lost" => Lost(content),
    "missing" => Missing,
    "no-kernel" => NoKernel,
}
