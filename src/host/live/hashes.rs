//! What files hold, as far as one wants to know whether it is still the same.

use std::path::Path;

use ring::digest::{SHA256, digest};

use super::files;
use crate::model::Reading;
use crate::model::gather::Gather as _;
use crate::model::sorted::SortedMap;

/// Path → SHA-256 of the files that `DIRECTORY/*END` names, or of the one that a path without `*` names, each as
/// `read` reads it. Directories among them are passed over.
pub fn hashes(pattern: &Path, read: impl Fn(&Path) -> Reading<Vec<u8>>) -> Reading<SortedMap<String, Reading<String>>> {
    let named = |path: &Path, hash: Reading<String>| (path.to_string_lossy().into_owned(), hash);
    let is_single = pattern.file_name().is_some_and(|name| !name.to_string_lossy().contains('*'));
    if is_single {
        return match read(pattern).map(|bytes| hash(&bytes)) {
            Reading::Absent => Reading::Absent,
            hash => Reading::Known([named(pattern, hash)].into()),
        };
    }
    let directory = pattern.parent().unwrap_or(pattern);
    files::matching(pattern, read).map(|found| {
        let is_file = |name: &String| !directory.join(name).symlink_metadata().is_ok_and(|own| own.is_dir());
        let files = found.into_iter().filter(|(name, _)| is_file(name));
        files.map(|(name, content)| named(&directory.join(name), content.map(|bytes| hash(&bytes.0)))).gather()
    })
}

fn hash(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What `sha256sum` says of `x`.
    const OF_X: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";

    #[test]
    fn each_file_has_its_own_reading_and_directories_have_none() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("50-site.yaml"), "x").unwrap();
        fs::create_dir(at("old.yaml")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("60-device.yaml")).unwrap();
        std::os::unix::fs::symlink("nowhere", at("70-dangling.yaml")).unwrap();
        let found = hashes(&at("*.yaml"), files::content).known().unwrap();
        let of = |name: &str| found[at(name).to_str().unwrap()].clone();
        assert_eq!(of("50-site.yaml"), Reading::Known(OF_X.to_owned()));
        assert!(matches!(of("60-device.yaml"), Reading::Unreadable(_)));
        assert_eq!(of("70-dangling.yaml"), Reading::Absent);
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn one_file_is_hashed_by_its_own_name_and_what_is_not_there_is_absent() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("interfaces");
        assert_eq!(hashes(&path, files::content), Reading::Absent);
        assert_eq!(hashes(&path.join("*"), files::content), Reading::Absent);
        fs::write(&path, "x").unwrap();
        let wanted = [(path.to_str().unwrap().to_owned(), Reading::Known(OF_X.to_owned()))];
        assert_eq!(hashes(&path, files::content), Reading::Known(wanted.into()));
    }
}
