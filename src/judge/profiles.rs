//! Which profiles fit this host.

use crate::catalog::Profile;
use crate::catalog::kind::packages::STATUS;
use crate::catalog::profile::LINUX;
use crate::facts::Facts;
use crate::facts::packages::Packages;
use crate::model::{Query, Reading};

/// `linux` and every profile whose package or file is there. A named profile replaces detection.
///
/// A file that could not be looked for counts: the profile's checks will then say `unknown`, and not be silent.
/// A package database that cannot be read tells nothing, and is a finding of its own.
pub fn detect(profiles: &[Profile], named: &[String], facts: &Facts<'_>) -> Vec<String> {
    let mut found = vec![LINUX.to_owned()];
    if named.is_empty() {
        found.extend(profiles.iter().filter(|profile| applies(profile, facts)).map(|profile| profile.name.clone()));
    } else {
        found.extend(named.iter().filter(|name| name.as_str() != LINUX).cloned());
    }
    found
}

fn applies(profile: &Profile, facts: &Facts<'_>) -> bool {
    let by_file = profile.files.iter().any(|file| match facts.reading::<bool>(&Query::Exists(file.clone())) {
        Reading::Known(exists) => *exists,
        Reading::Absent => false,
        Reading::Unreadable(_) => true,
    });
    let by_package = || match facts.reading::<Vec<u8>>(&Query::File(STATUS.to_owned())) {
        Reading::Known(text) => profile
            .packages
            .iter()
            .any(|name| Packages::look_up(text, name).is_some_and(|package| package.state != "not-installed")),
        _ => false,
    };
    by_file || (!profile.packages.is_empty() && by_package())
}
