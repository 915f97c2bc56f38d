//! From where we were called.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::live::{connections, processes};

const PROC: &str = "/proc";
const SESSION: &[u8] = b"SSH_CONNECTION=";
/// Below an sshd, and nobody has kept the variable: no console.
const UNKNOWN: &str = "an ssh connection of unknown ends";

/// `SSH_CONNECTION` of our own environment, else that of the nearest process above us that has it: sudo drops it. None at
/// a console, or in a service.
pub fn session() -> Option<String> {
    let own = std::env::var("SSH_CONNECTION").ok().filter(|session| !session.is_empty());
    own.or_else(|| of_ancestors(Path::new(PROC), std::process::id()))
}

/// The service that we are in, where we are in one: an agent that calls us lives by its connections.
pub fn service() -> Option<String> {
    let own = PathBuf::from(PROC).join(std::process::id().to_string());
    processes::unit(&own).filter(|unit| unit.ends_with(".service"))
}

fn of_ancestors(proc: &Path, mut pid: u32) -> Option<String> {
    // Nobody stands so deep; a table that changes while it is read must not keep us here.
    for _ in 0..64 {
        let stat = std::fs::read_to_string(proc.join(pid.to_string()).join("stat")).ok()?;
        // What stands in the brackets may hold brackets.
        let (name, rest) = stat.rsplit_once(')')?;
        if name.contains("(sshd") {
            return Some(UNKNOWN.to_owned());
        }
        pid = rest.split_ascii_whitespace().nth(1)?.parse().ok()?;
        if pid <= 1 {
            return None;
        }
        let environment = std::fs::read(proc.join(pid.to_string()).join("environ")).unwrap_or_default();
        let found = environment.split(|byte| *byte == 0).find_map(|line| line.strip_prefix(SESSION));
        if let Some(found) = found.filter(|found| !found.is_empty()) {
            return String::from_utf8(found.to_vec()).ok();
        }
    }
    None
}

/// Both ends of a session: `192.0.2.1 51000 192.0.2.10 22` is the peer's address and port, then ours.
pub fn ends(session: &str) -> Option<[SocketAddr; 2]> {
    let words: Vec<&str> = session.split_ascii_whitespace().collect();
    let [peer, peer_port, own, own_port] = words[..] else { return None };
    let end = |address: &str, port: &str| {
        // The zone of a link-local address is no part of it.
        let address = address.split('%').next()?.parse::<std::net::IpAddr>().ok()?;
        Some(SocketAddr::new(address.to_canonical(), port.parse().ok()?))
    };
    Some([end(peer, peer_port)?, end(own, own_port)?])
}

/// Whether its TCP connection stands, as far as the kernel knows: a terminal that outlives its connection keeps the
/// variable of one that is long gone.
pub fn stands(session: &str) -> bool {
    let Some([peer, own]) = ends(session) else { return false };
    connections::is_established(Path::new(PROC), own, peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_is_that_of_the_nearest_process_above_that_has_one() {
        let proc = tempfile::tempdir().unwrap();
        let process = |pid: &str, parent: &str, environment: &str| {
            let directory = proc.path().join(pid);
            std::fs::create_dir(&directory).unwrap();
            std::fs::write(directory.join("stat"), format!("{pid} (a) b) S {parent} 1 1 0")).unwrap();
            std::fs::write(directory.join("environ"), environment.replace(' ', "\0").replace('_', " ")).unwrap();
        };
        process("9", "8", "SSH_CONNECTION=own");
        process("8", "7", "PATH=/bin");
        let session = "192.0.2.1 51000 192.0.2.10 22";
        std::fs::create_dir(proc.path().join("7")).unwrap();
        std::fs::write(proc.path().join("7/stat"), "7 (sh) S 1 1 1 0").unwrap();
        std::fs::write(proc.path().join("7/environ"), format!("A=b\0SSH_CONNECTION={session}\0C=d")).unwrap();
        assert_eq!(of_ancestors(proc.path(), 9).as_deref(), Some(session));
        assert_eq!(of_ancestors(proc.path(), 7), None);
        std::fs::write(proc.path().join("7/stat"), "7 (sshd-session) S 1 1 1 0").unwrap();
        assert_eq!(of_ancestors(proc.path(), 7).as_deref(), Some(UNKNOWN));
        assert_eq!(ends(session).unwrap().map(|end| end.to_string()), ["192.0.2.1:51000", "192.0.2.10:22"]);
        assert_eq!(ends("192.0.2.1 51000"), None);
    }
}
