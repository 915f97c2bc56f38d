//! Questions about filesystems that may not answer are asked through an abandoned copy of ourselves.
//!
//! A thread that hangs in a dead FUSE or NFS mount keeps its process from exiting, even killed. So the
//! one that hangs must not be us.
#![allow(clippy::disallowed_methods)] // the one child process that a look may have

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Instant;

use super::Live;
use crate::host::Observe;
use crate::model::{Answer, Query, Reading, TroubleCause};

/// The hidden verb under which the copy answers one question on stdout.
pub const VERB: &str = "__ask";

/// The copy's side. It does not outlive whoever asked, as far as the filesystem lets it die.
pub fn answer(query: &str) -> Reading<Answer> {
    // Refused, it costs no more than a process that stays until the filesystem answers.
    let _ = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
    match query.parse::<Query>() {
        Ok(query) => Live::detour().ask(&query),
        Err(error) => Reading::unreadable(TroubleCause::Malformed, error),
    }
}

/// Asks `query` in a copy of this program and leaves the copy behind when it does not answer in time.
pub fn ask(query: &Query, deadline: Instant) -> Reading<Answer> {
    let spawned = Command::new("/proc/self/exe")
        .arg(VERB)
        .arg(query.to_string())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return Reading::unreadable(TroubleCause::Failed, format!("cannot start a copy to ask: {error}")),
    };
    let Some(mut stdout) = child.stdout.take() else {
        return Reading::unreadable(TroubleCause::Failed, "the copy that asks has no output");
    };
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.read_to_end(&mut bytes).map(|_| bytes);
        // Nobody may be listening any more, and that is fine.
        let _ = sender.send(read);
    });
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(bytes)) => {
            let _ = child.wait();
            Reading::from_json(&String::from_utf8_lossy(&bytes)).unwrap_or_else(|error| {
                Reading::unreadable(TroubleCause::Malformed, format!("the copy that asked `{query}` said: {error}"))
            })
        }
        Ok(Err(error)) => Reading::unreadable(TroubleCause::Failed, format!("the copy that asks `{query}`: {error}")),
        Err(_) => {
            // It may not die of this, and is not waited for.
            let _ = child.kill();
            Reading::unreadable(TroubleCause::TimedOut, "the filesystem does not answer")
        }
    }
}
