//! Which profiles fit this host.

use crate::catalog::Profile;
use crate::catalog::kind::packages::STATUS;
use crate::catalog::profile::LINUX;
use crate::facts::Facts;
use crate::facts::packages::Packages;
use crate::model::{Query, Reading, TroubleCause};

/// `linux` and every profile whose package or file is there. A named profile replaces detection. The profiles of the
/// `baseline` stay in force: what it had and the host has lost is a fault, and must not go unasked.
///
/// A file that could not be looked for counts: the profile's checks will then say `unknown`, and not be silent. One
/// that a recording of before does not speak of counts only where its packages do not tell either.
/// A package database that cannot be read tells nothing, and is a finding of its own.
pub fn detect(profiles: &[Profile], named: &[String], baseline: &[String], facts: &Facts<'_>) -> Vec<String> {
    let fits = |profile: &&Profile| {
        if named.is_empty() { applies(profile, facts) } else { named.contains(&profile.name) }
    };
    let kept = |profile: &&Profile| fits(profile) || baseline.contains(&profile.name);
    let found = profiles.iter().filter(kept).map(|profile| profile.name.clone());
    std::iter::once(LINUX.to_owned()).chain(found).collect()
}

fn applies(profile: &Profile, facts: &Facts<'_>) -> bool {
    let status = facts.reading::<Vec<u8>>(&Query::File(STATUS.to_owned()));
    let packages_tell = !profile.packages.is_empty() && matches!(status, Reading::Known(_));
    let by_file = profile.files.iter().any(|file| match facts.reading::<bool>(&Query::Exists(file.clone())) {
        Reading::Known(exists) => *exists,
        Reading::Absent => false,
        Reading::Unreadable(trouble) => !(packages_tell && trouble.cause == TroubleCause::NotRecorded),
    });
    let by_package = || match status {
        Reading::Known(text) => profile
            .packages
            .iter()
            .any(|name| Packages::look_up(text, name).is_some_and(|package| package.state != "not-installed")),
        _ => false,
    };
    by_file || by_package()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Settings;
    use crate::facts::Run;
    use crate::model::answer::Asked;
    use crate::model::report::Intent;
    use crate::model::{Answer, Answers};

    const DPKG: &str = "Package: agent\nStatus: STATE\nArchitecture: all\nVersion: 1\n\n";

    fn profile(name: &str, packages: &[&str], files: &[&str]) -> Profile {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let (packages, files) = (owned(packages), owned(files));
        Profile { name: name.to_owned(), title: name.to_owned(), packages, files, overrides: false }
    }

    /// The profiles of a host where `agent` is in this state and what is asked of /etc/agent came to `file`.
    fn detected(state: &str, file: Reading<Answer>, named: &[&str], baseline: &[&str]) -> String {
        let profiles = [
            profile("by-package", &["agent"], &["/not/recorded"]),
            profile("by-file", &[], &["/etc/agent"]),
            profile("gone", &["never-heard-of"], &[]),
        ];
        let text = DPKG.replace("STATE", state).into_bytes();
        let asked = |reading| Asked { reading, micros: 0 };
        let answers = Answers(
            [
                (Query::File(STATUS.to_owned()), asked(Reading::Known(Answer::Text(text)))),
                (Query::Exists("/etc/agent".to_owned()), asked(file)),
                (Query::Exists("/not/recorded".to_owned()), asked(Reading::unreadable(TroubleCause::NotRecorded, ""))),
            ]
            .into(),
        );
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let settings = Settings::default();
        let facts = Facts::new(&answers, &settings, Run { intent: Intent::Agent, asked_at: "" });
        detect(&profiles, &owned(named), &owned(baseline), &facts).join(" ")
    }

    fn file(exists: bool) -> Reading<Answer> {
        Reading::Known(Answer::Exists(exists))
    }

    #[test]
    fn a_package_in_any_state_but_not_installed_or_a_file_tells_the_profile() {
        assert_eq!(detected("install ok installed", file(false), &[], &[]), "linux by-package");
        assert_eq!(detected("deinstall ok config-files", file(false), &[], &[]), "linux by-package");
        assert_eq!(detected("install reinstreq half-installed", file(false), &[], &[]), "linux by-package");
        assert_eq!(detected("purge ok not-installed", file(false), &[], &[]), "linux");
        assert_eq!(detected("purge ok not-installed", file(true), &[], &[]), "linux by-file");
    }

    #[test]
    fn a_file_that_could_not_be_looked_for_counts() {
        let denied = Reading::unreadable(TroubleCause::Denied, "");
        assert_eq!(detected("purge ok not-installed", denied, &[], &[]), "linux by-file");
    }

    #[test]
    fn named_profiles_replace_detection_and_those_of_the_baseline_stay() {
        assert_eq!(detected("install ok installed", file(true), &["by-file", "linux"], &[]), "linux by-file");
        assert_eq!(detected("install ok installed", file(false), &[], &["linux", "gone"]), "linux by-package gone");
        assert_eq!(detected("install ok installed", file(false), &["by-file"], &["gone"]), "linux by-file gone");
    }
}
