//! Checks of what the next boot needs.

use super::Spec;
use super::ovs::of_the_switch;
use super::packages::STATUS;
use crate::catalog::fields::table;
use crate::catalog::settings::Settings;
use crate::model::Query;

/// What the running kernel was told.
pub const COMMAND_LINE: &str = "/proc/cmdline";
pub const BOOT: &str = "/boot";
/// What the boot loader will do, as far as a file says it.
pub const GRUB: [&str; 3] = ["/boot/grub/grub.cfg", "/boot/grub/grubenv", "/boot/grub/custom.cfg"];

/// The link to the newest kernel, which menus that were written by hand name.
pub const ROOT_LINK: &str = "/vmlinuz";

/// Everything that says which kernel boots next.
pub(super) fn of_the_kernel() -> Vec<Query> {
    let grub = GRUB.into_iter().map(|file| Query::File(file.to_owned()));
    let links = [BOOT, ROOT_LINK].map(|path| Query::Listing(path.to_owned()));
    // Whether /boot is a filesystem of its own.
    grub.chain(links).chain([Query::Space(BOOT.to_owned())]).collect()
}

/// Room in /boot for the kernels of an upgrade.
#[derive(Clone, Debug)]
pub struct Space {
    /// How many kernels an upgrade installs.
    pub kernels: u64,
}

table!(Space: kernels);

impl Spec for Space {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::Space(BOOT.to_owned()), Query::Listing(BOOT.to_owned())]
    }
}

/// The kernel that boots next has the module.
#[derive(Clone, Debug)]
pub struct Module {
    pub module: String,
}

table!(Module: module);

impl Spec for Module {
    const CAUSES: &'static [&'static str] = &["missing", "no-modules"];

    fn questions(&self, settings: &Settings) -> Vec<Query> {
        // Which bridges need it.
        of_the_kernel().into_iter().chain(of_the_switch(settings)).collect()
    }
}

/// The initial ramdisk of the kernel that boots next is there, and whole.
#[derive(Clone, Debug, Default)]
pub struct Initrd;

impl Spec for Initrd {
    const CAUSES: &'static [&'static str] = &["missing", "empty", "truncated", "no-kernel"];

    fn questions(&self, _: &Settings) -> Vec<Query> {
        let mut asked = of_the_kernel();
        // Whether the kernel is one of the distribution's.
        asked.push(Query::File(STATUS.to_owned()));
        asked
    }
}
