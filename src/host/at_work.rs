//! What a worker has started lives on when the worker is killed, and changes the host yet: a step that was taken back
//! before its program ended would be made after all. So each of them has a lock of the kernel for its standard input,
//! which is held until the last one ends, and whoever comes next waits for that.
#![allow(clippy::disallowed_methods)] // this is the home of the methods that are denied elsewhere

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::lock::{self, DIRECTORY};

const NAME: &str = "at-work";
const PAUSE: Duration = Duration::from_millis(20);

/// An empty file to read from: an input that is at its end, as that of /dev/null is.
pub fn input() -> io::Result<File> {
    input_in(Path::new(DIRECTORY))
}

fn input_in(directory: &Path) -> io::Result<File> {
    let file = lock::open(directory, NAME, true)?;
    file.lock_shared()?;
    Ok(file)
}

/// Until nothing is left at work of a run that was killed; a warning where something still is after so long.
pub fn wait(patience: Duration) -> Result<(), String> {
    wait_in(Path::new(DIRECTORY), patience)
}

fn wait_in(directory: &Path, patience: Duration) -> Result<(), String> {
    // Where it cannot be opened nobody was ever given it.
    let Ok(file) = lock::open(directory, NAME, false) else { return Ok(()) };
    let end = Instant::now() + patience;
    while file.try_lock().is_err() {
        if Instant::now() > end {
            let who = who(&directory.join(NAME));
            return Err(format!(
                "warning: {who} still runs, started by a run that was killed; what it does from here on is not taken back"
            ));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// In the words of an operator: `tar (pid 77)`.
fn who(path: &Path) -> String {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let has_it = |process: &PathBuf| std::fs::read_link(process.join("fd/0")).is_ok_and(|input| input == path);
    let told: Vec<String> = processes
        .filter(has_it)
        .map(|process| {
            let name = std::fs::read_to_string(process.join("comm")).unwrap_or_default();
            let pid = process.file_name().unwrap_or_default().display().to_string();
            format!("{} (pid {pid})", name.trim())
        })
        .collect();
    if told.is_empty() { "a program".to_owned() } else { told.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_was_left_is_waited_for_and_named() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(wait_in(home.path(), Duration::ZERO), Ok(()));
        let input = input_in(home.path()).unwrap();
        let mut left = Command::new("sleep").arg("600").stdin(Stdio::from(input)).spawn().unwrap();
        let name = format!("sleep (pid {})", left.id());
        assert!(wait_in(home.path(), Duration::from_millis(50)).unwrap_err().contains(&name));
        left.kill().unwrap();
        left.wait().unwrap();
        assert_eq!(wait_in(home.path(), Duration::ZERO), Ok(()));
    }
}
