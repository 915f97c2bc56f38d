use super::*;

fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    Store::hand_out().write(path, content, mode)
}

#[test]
fn a_file_is_replaced_whole_and_keeps_its_mode() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.json");
    write(&path, b"one", 0o600).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    write(&path, b"two", 0o600).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"two");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(directory.path().read_dir().unwrap().count(), 1);
}

#[test]
fn a_link_is_written_through_and_stays_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (directory.path().join("target"), directory.path().join("link"));
    std::fs::write(&target, "").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    write(&link, b"through", 0o600).unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(std::fs::read(&target).unwrap(), b"through");
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    assert!(write(&directory.path().join("no/such/report"), b"x", 0o600).is_err());
    assert_eq!(directory.path().read_dir().unwrap().count(), 0);
}

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        directory.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn stage(directory: &Path, staged: &mut Staged, name: &str, replaces: bool) -> io::Result<()> {
    staged.file(&directory.join(name), replaces, &mut |out| out.write_all(name.as_bytes()))
}

#[test]
fn what_is_staged_is_seen_once_all_of_it_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let (path, link) = (directory.path().join("one"), directory.path().join("link"));
    let mut staged = Store::hand_out().stage();
    stage(directory.path(), &mut staged, "one", false).unwrap();
    staged.link(&link, Path::new("one")).unwrap();
    assert!(!path.exists() && !link.exists());
    staged.commit().unwrap();
    assert_eq!(std::fs::read(&link).unwrap(), b"one");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(directory.path()), ["link", "one"]);
}

#[test]
fn what_cannot_be_written_whole_is_as_if_it_had_never_begun() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("one"), "old").unwrap();
    let mut staged = Store::hand_out().stage();
    stage(directory.path(), &mut staged, "one", true).unwrap();
    let full = staged.file(&directory.path().join("two"), false, &mut |_| Err(io::ErrorKind::StorageFull.into()));
    assert!(full.is_err());
    drop(staged);
    assert_eq!(names(directory.path()), ["one"]);
    let mut staged = Store::hand_out().stage();
    stage(directory.path(), &mut staged, "one", false).unwrap();
    assert_eq!(staged.commit().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read(directory.path().join("one")).unwrap(), b"old");
    assert_eq!(names(directory.path()), ["one"]);
}

#[test]
fn room_is_kept_for_real_and_only_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("reserve");
    let reserve = || Store::hand_out().reserve(&path, 1 << 20).unwrap();
    assert!(reserve());
    assert!(path.metadata().unwrap().blocks() * 512 >= 1 << 20);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!reserve());
    File::create(&path).unwrap().set_len(1 << 20).unwrap();
    assert!(reserve(), "a file of holes keeps nothing");
    std::fs::remove_file(&path).unwrap();
    assert!(reserve());
    assert_eq!(names(directory.path()), ["reserve"]);
}

#[test]
fn what_a_killed_run_left_is_swept_away_after_a_while() {
    let directory = tempfile::tempdir().unwrap();
    for (name, hours) in [(".hostready-old", 2), (".hostready-new", 0), ("other", 2)] {
        let file = File::create(directory.path().join(name)).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
    }
    Store::hand_out().sweep(directory.path()).unwrap();
    assert_eq!(names(directory.path()), [".hostready-new", "other"]);
}
