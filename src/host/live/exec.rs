//! The one door for programs that change the host: a closed list, absolute paths, nothing of our environment, no input.
//!
//! What a program says goes to a file in memory, not into a pipe. So neither our own end nor a daemon that a script
//! leaves behind can matter to it: a package manager whose reader is gone would die of SIGPIPE half-way, and a pipe that
//! a daemon has inherited never ends. It needs neither threads nor a crate.
#![allow(clippy::disallowed_methods)] // this is the home of the methods that are denied elsewhere

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::host::at_work;
use crate::host::change::NotDone;
use crate::host::session::PROXIES;
use crate::model::plan::Run;

/// What may be run.
const PROGRAMS: [&str; 14] = [
    "apt-cache",
    "apt-get",
    "apt-mark",
    "dpkg",
    "dpkg-query",
    "dracut",
    "ethtool",
    "ip",
    "journalctl",
    "systemctl",
    "systemd-run",
    "tar",
    "udevadm",
    "update-initramfs",
];

/// Where it is looked for, whatever our own PATH says.
const PATH: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Nobody answers a question: not debconf's, not needrestart's, which else restarts daemons of a hypervisor, not ucf's.
const FOR_PACKAGES: [(&str, &str); 4] = [
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("NEEDRESTART_MODE", "l"),
    ("UCF_FORCE_CONFFOLD", "1"),
    ("APT_LISTCHANGES_FRONTEND", "none"),
];

/// How much of the end of each stream is kept.
const KEPT: usize = 64 << 10;
/// A stream that grows beyond this is cut down to what is kept.
const MOST: u64 = 4 << 20;
/// What an error shows of each stream.
const LINES: usize = 12;

/// Between being asked to end and being ended.
const GRACE: Duration = Duration::from_secs(2);

/// What it printed, the last 64 KiB of each stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub out: String,
    pub err: String,
}

/// Runs it to its end, or to its deadline where it has one. An error names the command, how it ended and what it said.
pub fn run(run: &Run) -> Result<Said, NotDone> {
    let Some((name, arguments)) = run.argv.split_first() else { return Err(NotDone::new("an empty command line")) };
    if !PROGRAMS.contains(&name.as_str()) {
        return Err(NotDone::new(format!("`{name}` is none of the programs that may be run")));
    }
    if arguments.iter().any(|word| word.contains("***")) {
        return Err(NotDone::new(format!("a value is masked in the baseline and cannot be given to `{name}`")));
    }
    let Some(program) = PATH.iter().map(|directory| Path::new(directory).join(name)).find(|path| path.is_file()) else {
        return Err(NotDone::new(format!("`{name}` is not installed: it is not in {}", PATH.join(", "))));
    };
    execute(&program, arguments, run).map_err(|error| NotDone::new(format!("`{}` {error}", run.argv.join(" "))))
}

/// The error reads on behind the command line.
fn execute(program: &PathBuf, arguments: &[String], run: &Run) -> Result<Said, String> {
    let cannot = |error: io::Error| format!("cannot be started: {error}");
    let mut out = Stream::new().map_err(cannot)?;
    let mut err = Stream::new().map_err(cannot)?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("LC_ALL", "C").env("PATH", PATH.join(":")).current_dir("/");
    // A package manager has a lock of its own, and what its scripts leave behind are daemons.
    let is_of_packages = run.argv.first().is_some_and(|name| name.starts_with("apt") || name.starts_with("dpkg"));
    if is_of_packages {
        command.envs(FOR_PACKAGES);
        // Where apt's own configuration names no proxy, it goes the way of whoever asked.
        command.envs(PROXIES.iter().filter_map(|name| Some((name, env::var_os(name)?))));
    }
    let input =
        if is_of_packages { Stdio::null() } else { at_work::input().map_or_else(|_| Stdio::null(), Stdio::from) };
    command.stdin(input).stdout(out.writer().map_err(cannot)?).stderr(err.writer().map_err(cannot)?);
    // A signal from the terminal is for us to take, between two steps.
    command.process_group(0);
    let child = command.spawn().map_err(cannot)?;
    // Its copies of our files are its own.
    drop(command);
    let deadline = run.deadline_s.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let ended = wait(child, deadline, &mut [&mut out, &mut err]);
    let said = Said { out: out.text(), err: err.text() };
    let how = match ended {
        Ok(Ended::By(status)) if status.success() => return Ok(said),
        Ok(Ended::By(status)) => words(status),
        Ok(Ended::AtDeadline) => format!("did not end within {} s and was ended", run.deadline_s.unwrap_or_default()),
        Ok(Ended::Never) => "did not end, even killed: it hangs in the kernel".to_owned(),
        Err(error) => format!("cannot be waited for: {error}"),
    };
    Err(format!("{how}{}", said.in_words()))
}

enum Ended {
    By(ExitStatus),
    AtDeadline,
    Never,
}

fn wait(mut child: Child, deadline: Option<Instant>, streams: &mut [&mut Stream]) -> io::Result<Ended> {
    if let Some(status) = until(&mut child, deadline, streams)? {
        return Ok(Ended::By(status));
    }
    let group = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        match killpg(group, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
        if until(&mut child, Some(Instant::now() + GRACE), streams)?.is_some() {
            // What it has started goes with it.
            let _ = killpg(group, Signal::SIGKILL);
            return Ok(Ended::AtDeadline);
        }
    }
    Ok(Ended::Never)
}

/// None where it still runs at the deadline.
fn until(child: &mut Child, deadline: Option<Instant>, streams: &mut [&mut Stream]) -> io::Result<Option<ExitStatus>> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
        for stream in &mut *streams {
            stream.bound();
        }
    }
}

fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal().map(Signal::try_from)) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(Ok(signal))) => format!("was ended by {}", signal.as_str()),
        (None, _) => "was ended by a signal".to_owned(),
    }
}

/// One of its two streams: a file without a name.
struct Stream {
    file: File,
    /// The end of what was cut off.
    earlier: Vec<u8>,
}

impl Stream {
    fn new() -> io::Result<Self> {
        let file = File::from(memfd_create(c"output", MFdFlags::MFD_CLOEXEC)?);
        // Written at its end, also after it was cut down.
        fcntl(&file, FcntlArg::F_SETFL(OFlag::O_APPEND))?;
        Ok(Self { file, earlier: Vec::new() })
    }

    fn writer(&self) -> io::Result<Stdio> {
        self.file.try_clone().map(Stdio::from)
    }

    /// Cuts it down where it has grown too long. What is written meanwhile may be lost, and a reader of an error that is
    /// megabytes long will not miss it.
    fn bound(&mut self) {
        if self.file.metadata().is_ok_and(|file| file.len() > MOST) {
            self.earlier = self.tail();
            let _ = self.file.set_len(0);
        }
    }

    fn tail(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let length = self.file.metadata().map_or(0, |file| file.len());
        let from = SeekFrom::Start(length.saturating_sub(KEPT as u64));
        if self.file.seek(from).is_ok() {
            // Nothing is lost but words where it cannot be read.
            let _ = Read::by_ref(&mut self.file).take(KEPT as u64).read_to_end(&mut bytes);
        }
        bytes
    }

    fn text(&mut self) -> String {
        let mut bytes = std::mem::take(&mut self.earlier);
        bytes.extend(self.tail());
        let from = bytes.len().saturating_sub(KEPT);
        String::from_utf8_lossy(&bytes[from..]).into_owned()
    }
}

impl Said {
    fn in_words(&self) -> String {
        let mut words = String::new();
        for (stream, text) in [("", &self.err), (" on stdout", &self.out)] {
            let said: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
            let last = &said[said.len().saturating_sub(LINES)..];
            if !last.is_empty() {
                words.push_str(&format!("; it said{stream}: {}", last.join("\n  ")));
            }
        }
        words
    }
}

#[cfg(test)]
mod tests;
