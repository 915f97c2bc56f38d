//! Checks of the host as a whole.

use super::Spec;
use super::boot::COMMAND_LINE;
use super::packages::STATUS;
use crate::catalog::fields::table;
use crate::catalog::settings::Settings;
use crate::model::Query;
use crate::units::{AbsolutePath, UnitName};

/// Virtual machines that an upgrade or a reboot would disturb.
#[derive(Clone, Debug)]
pub struct Guests {
    /// Where libvirt keeps one XML file for each domain that runs.
    pub libvirt_state: AbsolutePath,
}

table!(Guests: libvirt_state);

impl Spec for Guests {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::Guests, Query::Directory(self.libvirt_state.to_string())]
    }
}

#[derive(Clone, Debug)]
pub struct RebootPending {
    /// A file whose existence asks for a reboot, and the one that lists for whom.
    pub marker: AbsolutePath,
    pub packages: AbsolutePath,
}

table!(RebootPending: marker, packages);

impl Spec for RebootPending {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::Exists(self.marker.to_string()), Query::File(self.packages.to_string())]
    }
}

#[derive(Clone, Debug, Default)]
pub struct Clock;

impl Spec for Clock {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::Clock]
    }
}

/// A way in that does not need the network of this host.
#[derive(Clone, Debug, Default)]
pub struct Console;

pub const CONSOLES: &str = "/sys/class/tty/console/active";
/// A management controller: its device, or what the firmware says of one whose driver is not loaded (ACPI, SMBIOS).
pub const CONTROLLERS: [&str; 5] = [
    "/dev/ipmi0",
    "/dev/ipmi/0",
    "/dev/ipmidev/0",
    "/sys/bus/acpi/devices/IPI0001:00",
    "/sys/firmware/dmi/entries/38-0",
];

impl Spec for Console {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        let files = [COMMAND_LINE, CONSOLES].into_iter().map(|file| Query::File(file.to_owned()));
        let devices = CONTROLLERS.into_iter().map(|device| Query::Exists(device.to_owned()));
        files.chain(devices).chain([Query::Units]).collect()
    }
}

/// What no program can read, and a person vouches for.
#[derive(Clone, Debug, Default)]
pub struct Attested;

impl Spec for Attested {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        Vec::new()
    }
}

/// Which boot this is.
pub const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The host was rebooted since the baseline.
#[derive(Clone, Debug, Default)]
pub struct Rebooted;

impl Spec for Rebooted {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::File(BOOT_ID.to_owned())]
    }

    fn remembered(&self, settings: &Settings) -> Vec<Query> {
        self.questions(settings)
    }
}

/// The guests that start with the host have started.
#[derive(Clone, Debug)]
pub struct GuestsKept {
    /// Where libvirt keeps one XML file for each domain that runs, and links to those that start with the host.
    pub libvirt_state: AbsolutePath,
    pub libvirt_autostart: AbsolutePath,
    /// Where one of these units is, a scheduler decides which guests run here.
    pub schedulers: Vec<UnitName>,
}

table!(GuestsKept: libvirt_state, libvirt_autostart, schedulers);

impl Spec for GuestsKept {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        let directories = [&self.libvirt_state, &self.libvirt_autostart].map(|path| Query::Directory(path.to_string()));
        directories.into_iter().chain([Query::Guests, Query::UnitFiles, Query::File(STATUS.to_owned())]).collect()
    }

    fn remembered(&self, settings: &Settings) -> Vec<Query> {
        self.questions(settings)
    }
}
