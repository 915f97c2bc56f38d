//! What came of a command.

use std::io::Read;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// A command that ended, with both streams as text.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub command: String,
    /// 128 and the signal for a command that a signal ended, as a shell has it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Outcome {
    /// Runs a command to its end. One that does not end within the deadline is an error; what it started may live
    /// on, until its lab ends.
    pub fn of(command: &mut Command, deadline: Duration) -> Result<Self> {
        let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
        let spelled = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
        let started = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `{spelled}`"))?;
        let stdout = drain(child.stdout.take());
        let stderr = drain(child.stderr.take());
        let Some(code) = wait(&mut child, deadline)? else {
            child.kill()?;
            bail!("`{spelled}` did not end within {deadline:?}");
        };
        let took = started.elapsed();
        // A daemon that it left behind may hold the pipes for ever.
        let rest = Duration::from_secs(1);
        let text =
            |pipe: Receiver<Vec<u8>>| pipe.recv_timeout(rest).map(|bytes| String::from_utf8_lossy(&bytes).into());
        let (Ok(stdout), Ok(stderr)) = (text(stdout), text(stderr)) else {
            bail!("`{spelled}` ended, and something that it started keeps its output open");
        };
        Ok(Self { command: spelled, code, stdout, stderr, took })
    }

    /// Standard output without its last line feed; an error with both streams unless the command exited 0.
    pub fn success(self) -> Result<String> {
        if self.code != 0 {
            bail!("`{}` exited {}\n{}{}", self.command, self.code, self.stdout, self.stderr);
        }
        Ok(self.stdout.trim_end_matches('\n').to_owned())
    }
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        let _ = send.send(bytes);
    });
    receive
}

/// The exit code of a child, or nothing when the deadline passed.
pub fn wait(child: &mut Child, deadline: Duration) -> Result<Option<i32>> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())));
        }
        if Instant::now() > end {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(2));
    }
}
