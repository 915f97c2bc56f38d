//! Checks of the dpkg database.

use super::Spec;
use crate::catalog::fields::table;
use crate::catalog::settings::Settings;
use crate::model::Query;
use crate::model::sorted::SortedMap;
use crate::units::AbsolutePath;

pub const STATUS: &str = "/var/lib/dpkg/status";
pub const UPDATES: &str = "/var/lib/dpkg/updates";

/// Every package is wholly there or wholly gone.
#[derive(Clone, Debug, Default)]
pub struct State;

impl Spec for State {
    const CAUSES: &'static [&'static str] =
        &["unpacked", "half-configured", "half-installed", "reinstreq", "triggers-awaited", "triggers-pending"];

    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::File(STATUS.to_owned())]
    }
}

/// dpkg left no journal behind.
#[derive(Clone, Debug, Default)]
pub struct Interrupted;

impl Spec for Interrupted {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::Directory(UPDATES.to_owned()), Query::Lock("/var/lib/dpkg/lock".to_owned())]
    }
}

/// Nobody has held a package manager's lock for long.
#[derive(Clone, Debug)]
pub struct Locks {
    pub files: Vec<AbsolutePath>,
    pub older_than_minutes: u64,
}

table!(Locks: files, older_than_minutes);

impl Spec for Locks {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        self.files.iter().map(|file| Query::Lock(file.to_string())).collect()
    }
}

#[derive(Clone, Debug, Default)]
pub struct Held;

impl Spec for Held {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::File(STATUS.to_owned())]
    }
}

/// Which release this is.
pub const OS_RELEASE: &str = "/etc/os-release";
pub const ONE_LINE_SOURCES: &str = "/etc/apt/sources.list";
pub const SOURCES: [&str; 2] = ["/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources"];

/// apt's sources are those of this release.
#[derive(Clone, Debug, Default)]
pub struct Repositories;

impl Spec for Repositories {
    const CAUSES: &'static [&'static str] = &["other-release", "moving-suite", "disabled", "malformed", "none"];

    fn questions(&self, _: &Settings) -> Vec<Query> {
        let files = SOURCES.into_iter().map(|pattern| Query::Files(pattern.to_owned()));
        let single = [ONE_LINE_SOURCES, OS_RELEASE].map(|file| Query::File(file.to_owned()));
        files.chain(single).collect()
    }
}

/// Packages that belong together have one version.
#[derive(Clone, Debug)]
pub struct Versions {
    /// Source packages: all that is built from one of them belongs together.
    pub sources: Vec<String>,
    /// Patterns of package names, `*` stands for anything: what one of them matches belongs together.
    pub packages: Vec<String>,
}

table!(Versions:; sources, packages);

impl Spec for Versions {
    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::File(STATUS.to_owned())]
    }
}

/// What was installed still is, at no lower version; what was held still is.
#[derive(Clone, Debug)]
pub struct Kept {
    /// What the host cannot do without: patterns of package names, by what they are for. In each list the best comes
    /// first: the best that the baseline had must be there, or a better one.
    pub packages: SortedMap<String, Vec<String>>,
}

table!(Kept: packages);

impl Spec for Kept {
    const CAUSES: &'static [&'static str] = &["removed", "downgraded", "hold-lost"];

    fn questions(&self, _: &Settings) -> Vec<Query> {
        vec![Query::File(STATUS.to_owned())]
    }

    fn remembered(&self, settings: &Settings) -> Vec<Query> {
        self.questions(settings)
    }
}
