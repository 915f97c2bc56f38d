//! What the machine must have for a test to run. What it lacks is the reason why a test is ignored.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// A lab of the usual kind; every test has it.
    Lab,
    /// Filesystems in user space.
    Fuse,
    /// Disk images as block devices.
    Loop,
    /// A client of sshd, and what makes its keys.
    Ssh,
    /// A program of this machine.
    Tool(&'static str),
    /// A program that watches the system calls of another and ends it at one of them.
    Strace,
}

/// The programs that build an image and boot it.
const TOOLS: &[&str] =
    &["cp", "find", "install", "ip", "mmdebstrap", "mount", "nsenter", "pivot_root", "sh", "unshare"];

impl Need {
    /// Why this machine does not have it, or nothing.
    pub fn missing(self) -> Option<String> {
        match self {
            Self::Lab => {
                static LAB: OnceLock<Option<String>> = OnceLock::new();
                LAB.get_or_init(missing_for_a_lab).clone()
            }
            Self::Fuse => missing_device("/dev/fuse"),
            Self::Ssh => missing_tool("ssh").or_else(|| missing_tool("ssh-keygen")),
            Self::Tool(tool) => missing_tool(tool),
            Self::Strace => missing_tool("strace"),
            Self::Loop => missing_device("/dev/loop-control").or_else(|| missing_tool("mkfs.ext4")),
        }
    }
}

fn missing_for_a_lab() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("needs root".to_owned());
    }
    if !cfg!(target_arch = "x86_64") {
        return Some("needs an x86_64 machine".to_owned());
    }
    TOOLS
        .iter()
        .find_map(|tool| missing_tool(tool))
        .or_else(|| missing_filesystem("overlay"))
        .or_else(|| missing_filesystem("cgroup2"))
        .or_else(|| missing_device("/dev/net/tun"))
        .or_else(missing_namespaces)
}

fn missing_tool(tool: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(tool).is_file());
    (!found).then(|| format!("needs the program `{tool}`"))
}

fn missing_device(path: &str) -> Option<String> {
    let there = Path::new(path).metadata().is_ok_and(|metadata| metadata.file_type().is_char_device());
    (!there).then(|| format!("needs the device {path}"))
}

fn missing_filesystem(name: &str) -> Option<String> {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    // A module that is not loaded yet is loaded by the first mount; asking for it is cheap where it is there.
    let there = known.split_whitespace().any(|word| word == name)
        || Command::new("modprobe").arg(name).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    (!there).then(|| format!("needs a kernel with {name}"))
}

fn missing_namespaces() -> Option<String> {
    let made = Command::new("unshare")
        .args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork"])
        .args(["sh", "-c", "mount -t tmpfs lab /mnt && ip link add lab0 type veth peer name lab1"])
        .output();
    match made {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(format!("needs namespaces: {}", said.lines().last().unwrap_or("refused")))
        }
        Err(error) => Some(format!("needs namespaces: {error}")),
    }
}
