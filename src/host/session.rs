//! A process of our own that goes on when the session ends from which it was started: a service of its own under systemd,
//! whose children would die with the session's unit, and a session of its own elsewhere.
#![allow(clippy::disallowed_methods)] // this is the home of the methods that are denied elsewhere

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

const BOOTED_WITH_SYSTEMD: &str = "/run/systemd/system";
const PLACES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
/// A systemd that does not start a unit by then does not answer.
const TO_START: Duration = Duration::from_secs(15);

/// What ending it by force would harm is not ended: a package manager among its children. It takes a request to stop
/// between two steps.
const PROPERTIES: [&str; 4] = [
    "--property=KillMode=mixed",
    "--property=SendSIGKILL=no",
    "--property=TimeoutStopSec=15min",
    "--service-type=exec",
];

/// A proxy that is reached with a password is left out: whoever asks systemd can read what a unit is given.
pub const PROXIES: [&str; 8] =
    ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

/// Starts `hostready ARGUMENTS…` so that it outlives us. What is to be said of how it was started, where that is not as
/// it should be.
pub fn start(unit: &str, arguments: &[&str]) -> io::Result<Option<String>> {
    begin(unit, arguments, &[])
}

/// The same for whoever takes a change back: killed, it is started again.
pub fn start_guardian(unit: &str, arguments: &[&str]) -> io::Result<Option<String>> {
    begin(
        unit,
        arguments,
        &["--property=Restart=on-failure", "--property=RestartSec=3", "--property=OOMScoreAdjust=-900"],
    )
}

/// Whether systemd runs here, and can start us anew with the next boot.
pub fn has_systemd() -> bool {
    Path::new(BOOTED_WITH_SYSTEMD).is_dir()
}

fn begin(unit: &str, arguments: &[&str], properties: &[&str]) -> io::Result<Option<String>> {
    let own = std::env::current_exe()?;
    if !has_systemd() {
        return detached(&own, arguments).map(|()| None);
    }
    match as_service(unit, &own, arguments, properties) {
        Ok(()) => Ok(None),
        Err(why) => {
            detached(&own, arguments)?;
            Ok(Some(format!("systemd does not start it as a service, so it may end with this session: {why}")))
        }
    }
}

fn as_service(unit: &str, own: &Path, arguments: &[&str], properties: &[&str]) -> io::Result<()> {
    let program = PLACES.iter().map(|place| Path::new(place).join("systemd-run")).find(|path| path.is_file());
    let Some(program) = program else { return Err(io::Error::other("there is no systemd-run")) };
    let mut command = Command::new(program);
    command
        .args(["--quiet", "--collect", "--description=hostready changes this host"])
        .args(PROPERTIES)
        .args(properties);
    for name in PROXIES {
        if let Ok(value) = std::env::var(name)
            && !value.contains('@')
        {
            command.arg(format!("--setenv={name}={value}"));
        }
    }
    command.arg(format!("--unit={unit}")).arg("--").arg(own).args(arguments);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    match ended(&mut child, TO_START)? {
        Some(true) => Ok(()),
        Some(false) => Err(io::Error::other("systemd-run failed")),
        None => {
            child.kill()?;
            child.wait()?;
            Err(io::Error::other(format!("no answer within {} s", TO_START.as_secs())))
        }
    }
}

/// Whether it ended well; none where it goes on.
fn ended(child: &mut Child, within: Duration) -> io::Result<Option<bool>> {
    let end = Instant::now() + within;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if Instant::now() > end {
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// It makes a session of its own as soon as it runs: see `settle`.
fn detached(own: &Path, arguments: &[&str]) -> io::Result<()> {
    let mut command = Command::new(own);
    command.args(arguments).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(drop)
}

/// Signals that ask us to stop: taken between two steps, never in the middle of one.
#[derive(Debug)]
pub struct Signals {
    waiting: SignalFd,
}

/// The side of the process that was started, before it starts any thread: nothing that happens to the session of
/// whoever asked reaches it any more. Programs that it starts get none of this: the standard library empties their mask.
pub fn settle() -> nix::Result<Signals> {
    // Refused where systemd has given us one of our own already.
    let _ = nix::unistd::setsid();
    let mut held = SigSet::empty();
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM, Signal::SIGQUIT] {
        held.add(signal);
    }
    held.thread_block()?;
    // A hangup stays where it is: it stops nothing.
    held.remove(Signal::SIGHUP);
    Ok(Signals { waiting: SignalFd::with_flags(&held, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)? })
}

impl Signals {
    /// Whether one has come, whenever that was: it is not taken off.
    pub fn is_asked_to_stop(&self) -> bool {
        let mut asked = [nix::poll::PollFd::new(self.waiting.as_fd(), nix::poll::PollFlags::POLLIN)];
        nix::poll::poll(&mut asked, nix::poll::PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_wait_for_us_and_what_we_start_has_none_blocked() {
        // Masks are those of a thread, and a test is one.
        let signals = settle().unwrap();
        assert!(!signals.is_asked_to_stop());
        let mask = || {
            let script = "grep SigBlk /proc/self/status";
            let said = Command::new("sh").args(["-c", script]).output().unwrap();
            String::from_utf8(said.stdout).unwrap().trim().to_owned()
        };
        assert_eq!(mask(), "SigBlk:\t0000000000000000");
        let own = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let blocked = own.lines().find(|line| line.starts_with("SigBlk")).unwrap();
        assert_eq!(blocked, "SigBlk:\t0000000000004007");
    }
}
