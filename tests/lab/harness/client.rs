//! A person at the other end of the wire who comes in over ssh.

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::{Lab, Tested};

/// A key that the lab lets in as root.
#[derive(Debug)]
pub struct Client {
    directory: TempDir,
}

impl Client {
    pub fn of(lab: &Lab) -> Result<Self> {
        let client = Self { directory: TempDir::new()? };
        lab.sh("
            mkdir -m 700 -p /root/.ssh
            ssh-keygen -q -t ed25519 -N '' -f /root/key
            cat /root/key.pub >/root/.ssh/authorized_keys
        ")?;
        let key = lab.sh("cat /root/key")?;
        lab.sh("rm /root/key")?;
        std::fs::write(client.file("key"), key + "\n")?;
        lab.wire(&["chmod", "600", &client.file("key")])?;
        Ok(client)
    }

    pub fn file(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// What a command says that is run over ssh, and how it or its connection ended.
    pub fn run(&self, lab: &Lab, options: &str, address: &str, command: &str) -> Result<(String, i32)> {
        let (client, words) = (self.command(), self.file("stderr"));
        let script = format!("{client} {options} root@{address} '{command}' 2>{words}; code=$?; echo; echo $code");
        let said = lab.wire(&["sh", "-c", &script])?;
        let (said, code) = said.trim_end().rsplit_once('\n').context("no exit code")?;
        Ok((said.to_owned() + &std::fs::read_to_string(self.file("stderr"))?, code.parse()?))
    }

    /// A connection that others share, as ControlMaster makes them.
    pub fn share(&self, lab: &Lab, options: &str, socket: &str, address: &str) -> Tested {
        let script =
            format!("{} {options} -M -f -N {socket} root@{address} </dev/null >/dev/null 2>&1", self.command());
        lab.wire(&["sh", "-c", &script]).map(drop)
    }

    fn command(&self) -> String {
        format!(
            "ssh -F none -i {} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes \
             -o LogLevel=ERROR -o ConnectTimeout=5 -o ServerAliveInterval=1 -o ServerAliveCountMax=4",
            self.file("key")
        )
    }
}
