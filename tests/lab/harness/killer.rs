//! Starts the program under test, kills what it is told at the instant that it is told, and says what the journal had
//! come to by then. Runs inside a lab, next to its victim: from outside an instant would be long past.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const RUNS: &str = "/var/lib/hostready/runs";
/// Nothing that is killed here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);
const GLANCE: Duration = Duration::from_micros(300);

/// `WHOM FROM MICROSECONDS WORD...`: WHOM is `nobody`, the `worker` alone, `all` that the worker has started with it, or
/// the `front` that waits for it; the time counts from the `start`, or from the first line in a `journal`.
///
/// Prints whether it was killed, the last line of the journal then, how long after the start a journal was there, and
/// when all was over.
pub fn kill_at(words: &[&str]) -> Result<()> {
    let [whom, from, micros, words @ ..] = words else { bail!("kill whom, when, and which command?") };
    let pause = Duration::from_micros(micros.parse().context("a number of microseconds")?);
    let before = journals()?;
    let begun = Instant::now();
    let mut victim = Victim::start(words)?;
    let mut written_after = None;
    while victim.goes_on()? {
        ensure!(begun.elapsed() < PATIENCE, "`{}` does not end", words.join(" "));
        if written_after.is_none() && journals()? != before {
            written_after = Some(begun.elapsed());
        }
        let from = if *from == "start" { Some(Duration::ZERO) } else { written_after };
        let left = from.map(|from| (from + pause).saturating_sub(begun.elapsed()));
        match left {
            Some(Duration::ZERO) if *whom != "nobody" => break,
            left => thread::sleep(left.unwrap_or(GLANCE).min(GLANCE)),
        }
    }
    let was_killed = *whom != "nobody" && victim.kill(whom)?;
    let line = last_line()?;
    victim.end()?;
    let written_after = written_after.unwrap_or_default().as_micros();
    let end = if was_killed { "killed" } else { "late" };
    Ok(writeln!(std::io::stdout(), "{end} {line} {written_after} {}", begun.elapsed().as_micros())?)
}

struct Victim {
    front: Child,
    /// The process that carries it out, once it was seen, and when that was tried last: it takes longer than a glance.
    worker: Option<i32>,
    looked: Instant,
}

impl Victim {
    fn start(words: &[&str]) -> Result<Self> {
        let (program, arguments) = words.split_first().context("no command")?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let front = command.spawn().with_context(|| format!("cannot start {program}"))?;
        Ok(Self { front, worker: None, looked: Instant::now() })
    }

    fn goes_on(&mut self) -> Result<bool> {
        if self.worker.is_none() && self.looked.elapsed() > GLANCE * 30 {
            (self.worker, self.looked) = (worker()?, Instant::now());
        }
        Ok(self.front.try_wait()?.is_none())
    }

    /// False where it had ended by itself.
    fn kill(&mut self, whom: &str) -> Result<bool> {
        if whom == "front" {
            let goes_on = self.front.try_wait()?.is_none();
            self.front.kill()?;
            return Ok(goes_on);
        }
        let worker = self.worker.map_or_else(worker, |worker| Ok(Some(worker)))?;
        let Some(worker) = worker.filter(|worker| is_worker(*worker)) else { return Ok(false) };
        if whom == "all" {
            // As the kernel does it that has no memory left for them.
            let group = fs::read_to_string(format!("/proc/{worker}/cgroup")).unwrap_or_default();
            // One that has just ended is in none.
            let Some(group) = group.trim().strip_prefix("0::").filter(|group| group.contains("hostready-")) else {
                return Ok(false);
            };
            fs::write(format!("/sys/fs/cgroup{group}/cgroup.kill"), "1").with_context(|| format!("kill {group}"))?;
        } else if kill(Pid::from_raw(worker), Signal::SIGKILL).is_err() {
            return Ok(false);
        }
        until("the worker is gone", || Ok(!is_worker(worker)))?;
        Ok(true)
    }

    /// Whoever is left comes to the end.
    fn end(mut self) -> Result<()> {
        until("the front ends", || Ok(self.front.try_wait()?.is_some()))?;
        until("the worker ends", || Ok(worker()?.is_none()))
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !is_so()? {
        ensure!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(GLANCE * 10);
    }
    Ok(())
}

fn worker() -> Result<Option<i32>> {
    let processes = fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(processes.into_iter().find(|pid| is_worker(*pid)))
}

/// One that was killed has no command line any more.
fn is_worker(pid: i32) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let mut words = line.split(|byte| *byte == 0);
    words.next().is_some_and(|program| program.ends_with(b"/hostready")) && words.next() == Some(b"work")
}

/// Every journal with its length.
fn journals() -> Result<Vec<(PathBuf, u64)>> {
    let Ok(runs) = fs::read_dir(RUNS) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for run in runs {
        let path = run?.path().join("journal");
        // One that did nothing is gone again.
        if let Ok(journal) = path.metadata() {
            found.push((path, journal.len()));
        }
    }
    found.sort();
    Ok(found)
}

/// The kind of the last whole line of the journal that was written to last.
fn last_line() -> Result<String> {
    let written = |path: &Path| path.metadata().and_then(|journal| journal.modified()).ok();
    let journal = journals()?.into_iter().map(|(path, _)| path).max_by_key(|path| written(path));
    let text = journal.map_or_else(|| Ok(String::new()), fs::read_to_string)?;
    let Some(line) = text.split_inclusive('\n').rfind(|line| line.ends_with('\n')) else {
        return Ok("nothing".to_owned());
    };
    let line: Value = serde_json::from_str(line).with_context(|| format!("a journal with this line: {line}"))?;
    let kind = line["what"].as_object().and_then(|what| what.keys().next().cloned());
    kind.or_else(|| line["what"].as_str().map(str::to_owned)).context("a line of no kind")
}
