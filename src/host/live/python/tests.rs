//! Real environments are made in the lab (tests/lab/boot.rs); here is what must not be followed.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::*;

/// As `python3 -m venv` of Debian 12 writes it.
const WRITTEN: &str = "home = /usr/bin\ninclude-system-site-packages = false\nversion = 3.11.2\n\
    executable = /usr/bin/python3.11\ncommand = /usr/bin/python3 -m venv /opt/agent/venv\n";

fn stage(directory: &Path, interpreter: &Path) {
    fs::create_dir_all(directory.join("lib/python3.11/site-packages")).unwrap();
    fs::create_dir_all(directory.join("bin")).unwrap();
    fs::write(directory.join(CONFIGURATION), WRITTEN).unwrap();
    symlink("python3", directory.join("bin/python")).unwrap();
    symlink(interpreter, directory.join("bin/python3")).unwrap();
}

fn found(path: &Path) -> Vec<PythonEnvironment> {
    let mounts = Mounts::read().unwrap();
    match environments(path, &mounts, Instant::now() + Duration::from_secs(30)) {
        Reading::Known(found) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn environments_are_found_once_and_not_beyond_links_or_too_deep() {
    let top = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let interpreter = elsewhere.path().join("python3.11");
    fs::write(&interpreter, "").unwrap();
    stage(&elsewhere.path().join("venv"), &interpreter);
    stage(&top.path().join("a/b/c/d/venv"), &interpreter);
    stage(&top.path().join("1/2/3/4/5/venv"), &interpreter);
    stage(&top.path().join("here"), Path::new("/nowhere/python3.11"));
    // Within an environment no other is looked for.
    stage(&top.path().join("here/share/inner"), &interpreter);
    symlink(elsewhere.path(), top.path().join("link")).unwrap();
    symlink(top.path(), top.path().join("loop")).unwrap();
    let found = found(top.path());
    let real = fs::canonicalize(top.path()).unwrap();
    let paths: Vec<_> = found.iter().map(|it| Path::new(&it.path).strip_prefix(&real).unwrap().to_path_buf()).collect();
    assert_eq!(paths, [Path::new("a/b/c/d/venv"), Path::new("here")]);
    let real_interpreter = fs::canonicalize(&interpreter).unwrap().display().to_string();
    assert_eq!(found[0].interpreter, Some(real_interpreter));
    assert_eq!(found[1].interpreter, None, "it leads nowhere");
    assert_eq!((found[1].home.as_deref(), found[1].version.as_deref()), (Some("/usr/bin"), Some("3.11.2")));
    assert_eq!(found[0].libraries, ["python3.11"]);
}

#[test]
fn no_time_is_no_answer_and_no_directory_is_absent() {
    let top = tempfile::tempdir().unwrap();
    stage(&top.path().join("venv"), Path::new("/usr/bin/python3"));
    let mounts = Mounts::read().unwrap();
    let late = environments(top.path(), &mounts, Instant::now());
    assert!(matches!(late, Reading::Unreadable(trouble) if trouble.cause == TroubleCause::TimedOut));
    assert_eq!(environments(&top.path().join("none"), &mounts, Instant::now()), Reading::Absent);
}

/// Root may read everything; a name that is too long is refused to root as well.
#[test]
fn what_could_not_be_read_is_not_gone() {
    let top = tempfile::tempdir().unwrap();
    let interpreter = top.path().join("python3.11");
    fs::write(&interpreter, "").unwrap();
    let too_long = Path::new("/").join("x".repeat(300));
    let venv = |name: &str, interpreter: &Path| {
        let path = top.path().join(name);
        stage(&path, interpreter);
        path
    };
    venv("a", &too_long);
    let library = venv("b", &interpreter).join("lib");
    fs::remove_dir_all(&library).unwrap();
    fs::write(&library, "no directory").unwrap();
    let configuration = venv("c", &interpreter).join(CONFIGURATION);
    fs::remove_file(&configuration).unwrap();
    fs::create_dir(&configuration).unwrap();
    let round = venv("d", Path::new("python"));
    fs::remove_dir_all(round.join("lib")).unwrap();
    fs::write(round.join("lib"), "no directory").unwrap();
    venv("e", &interpreter);
    let other = venv("f", &too_long).join("bin/python");
    fs::remove_file(&other).unwrap();
    symlink(&interpreter, &other).unwrap();
    let told = found(top.path());
    let unread = |at: usize| told[at].unread.as_ref().map_or("", |trouble| trouble.detail.as_str());
    assert_eq!(told[0].interpreter, None);
    assert!(unread(0).starts_with("cannot follow ") && unread(0).contains("/a/bin/python3"), "{}", unread(0));
    assert!(unread(1).contains("/b/lib"), "{}", unread(1));
    assert!(unread(2).contains("/c/pyvenv.cfg"), "{}", unread(2));
    assert_eq!((told[3].interpreter.as_deref(), unread(3)), (None, ""), "links that go round lead nowhere");
    assert_eq!((told[4].interpreter.is_some(), unread(4)), (true, ""));
    assert_eq!((told[5].interpreter.is_some(), unread(5)), (true, ""), "one of them is enough");
}
