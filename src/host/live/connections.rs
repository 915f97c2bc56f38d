//! Which TCP connections the processes of a unit hold, and through whom they speak with the outside.
//!
//! All of it comes from /proc: the kernel's table of sockets there names each by its inode, and so do the descriptors
//! of whoever holds it. A process in a network namespace of its own has a table of its own.

mod table;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::{bounded, failure, processes};
use crate::model::answer::Connection;
use crate::model::gather::Gather as _;
use crate::model::sorted::{SortedMap, SortedSet};
use crate::model::{Reading, TroubleCause};
use table::Table;

/// What breaks off and is made anew all the time does not last so long.
const BETWEEN_SAMPLES: Duration = Duration::from_secs(1);

/// The connections of `unit` that stand now and a second later, and those to the outside of the process that is at
/// the far end of one which the unit opened within this host. Empty where no process is in the unit.
pub fn of_unit(proc: &Path, unit: &str, deadline: Instant) -> Reading<Vec<Connection>> {
    let (proc, unit) = (proc.to_owned(), unit.to_owned());
    bounded::by(deadline, &format!("connections of {unit}"), move || {
        standing(|| sample(&proc, &unit), || thread::sleep(BETWEEN_SAMPLES.min(bounded::remaining(deadline) / 2)))
    })
}

/// What two samples have in common, as the second one saw it. Where nothing leads out, a second one would not change
/// that: it is not waited for.
fn standing(sample: impl Fn() -> Reading<Vec<Connection>>, pause: impl FnOnce()) -> Reading<Vec<Connection>> {
    let ends = |connection: &Connection| (connection.local.clone(), connection.peer.clone(), connection.relays);
    let first: SortedSet<_> = match sample() {
        Reading::Known(found) if found.iter().any(|it| !it.accepted && it.leads_out()) => {
            found.iter().map(ends).gather()
        }
        other => return other,
    };
    pause();
    sample().map(|again| again.into_iter().filter(|connection| first.contains(&ends(connection))).collect())
}

/// The connections that sshd has taken, whatever unit their sessions are in.
pub fn of_sshd(proc: &Path, deadline: Instant) -> Reading<Vec<Connection>> {
    let proc = proc.to_owned();
    bounded::by(deadline, "connections of sshd", move || {
        processes::pids(&proc).and_then(|pids| {
            let is_sshd = |pid: &u32| {
                let name = std::fs::read_to_string(proc.join(pid.to_string()).join("comm")).unwrap_or_default();
                name.starts_with("sshd") || name.starts_with("dropbear")
            };
            let own: Vec<u32> = pids.into_iter().filter(is_sshd).collect();
            let found = Host { proc: &proc }.connections(&own, &[]);
            found.map(|connections| connections.into_iter().filter(|connection| connection.accepted).collect())
        })
    })
}

fn sample(proc: &Path, unit: &str) -> Reading<Vec<Connection>> {
    processes::pids(proc).and_then(|pids| {
        // Mounted with hidepid, /proc shows a user his own processes alone.
        if !pids.contains(&1) {
            let detail = format!("{} hides other users' processes", proc.display());
            return Reading::unreadable(TroubleCause::Denied, detail);
        }
        let is_own = |pid: &u32| processes::unit(&proc.join(pid.to_string())).as_deref() == Some(unit);
        let (own, others): (Vec<u32>, Vec<u32>) = pids.into_iter().partition(is_own);
        Host { proc }.connections(&own, &others)
    })
}

/// Whether a connection of this host stands between these ends.
pub fn is_established(proc: &Path, local: SocketAddr, peer: SocketAddr) -> bool {
    let table = Table::of_process(&proc.join("self")).ok().flatten().unwrap_or_default();
    table.established.iter().any(|row| row.local == local && row.peer == peer)
}

/// The process that holds each socket, by its inode.
type Holders = SortedMap<u64, u32>;

/// What could not be read, and why.
type Failure = (PathBuf, io::Error);

struct Host<'a> {
    proc: &'a Path,
}

impl Host<'_> {
    fn connections(&self, own: &[u32], others: &[u32]) -> Reading<Vec<Connection>> {
        let found = self.by_namespace(own).and_then(|namespaces| {
            let mut connections = Vec::new();
            for members in namespaces.into_values() {
                connections.extend(self.of_namespace(&members, others)?);
            }
            Ok(connections)
        });
        match found {
            Ok(connections) => Reading::Known(connections),
            Err((path, error)) => failure::unreadable("cannot look at", &path, &error),
        }
    }

    /// Of processes that share a network namespace.
    fn of_namespace(&self, members: &[u32], others: &[u32]) -> Result<Vec<Connection>, Failure> {
        let holders = self.holders(members, |_| true)?;
        if holders.is_empty() {
            return Ok(Vec::new());
        }
        let Some(table) = members.iter().find_map(|pid| Table::of_process(&self.process(*pid)).transpose()) else {
            return Ok(Vec::new());
        };
        let table = table?;
        let mut connections: Vec<Connection> = self.held(&table, &holders, false).collect();
        let far_ends = table.far_ends(&holders);
        if !far_ends.is_empty() {
            let relays = self.holders(others, |sockets| sockets.iter().any(|inode| far_ends.contains(inode)))?;
            connections.extend(self.held(&table, &relays, true));
        }
        Ok(connections)
    }

    fn process(&self, pid: u32) -> PathBuf {
        self.proc.join(pid.to_string())
    }

    /// The processes that are still there, by their network namespace.
    fn by_namespace(&self, pids: &[u32]) -> Result<SortedMap<PathBuf, Vec<u32>>, Failure> {
        let mut members: SortedMap<PathBuf, Vec<u32>> = SortedMap::new();
        for pid in pids {
            let link = self.process(*pid).join("ns/net");
            match std::fs::read_link(&link) {
                Ok(namespace) => members.entry(namespace).or_default().push(*pid),
                Err(error) if self.has_nothing(*pid, &error) => {}
                Err(error) => return Err((link, error)),
            }
        }
        Ok(members)
    }

    /// It has ended, or is a thread of the kernel.
    fn has_nothing(&self, pid: u32, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::NotFound
            || processes::Stat::of(&self.process(pid)).is_none_or(|stat| stat.has_no_memory())
    }

    /// The sockets of those of `pids` whose sockets are `wanted`.
    fn holders(&self, pids: &[u32], wanted: impl Fn(&[u64]) -> bool) -> Result<Holders, Failure> {
        let mut holders = Holders::new();
        for pid in pids {
            let descriptors = self.process(*pid).join("fd");
            match sockets(&descriptors) {
                Ok(sockets) if wanted(&sockets) => {
                    for inode in sockets {
                        holders.entry(inode).or_insert(*pid);
                    }
                }
                Ok(_) => {}
                Err(error) if self.has_nothing(*pid, &error) => {}
                Err(error) => return Err((descriptors, error)),
            }
        }
        Ok(holders)
    }

    fn held<'t>(
        &self,
        table: &'t Table,
        holders: &'t Holders,
        relays: bool,
    ) -> impl Iterator<Item = Connection> + use<'t, '_> {
        let proc = self.proc;
        let rows = table.established.iter().filter(move |row| !relays || !table.stays_within(row));
        rows.filter_map(move |row| {
            let pid = *holders.get(&row.inode)?;
            let process = proc.join(pid.to_string());
            Some(Connection {
                local: row.local.to_string(),
                peer: row.peer.to_string(),
                accepted: table.is_accepted(row),
                unanswered: row.unanswered,
                pid,
                command: processes::command(&process).unwrap_or_else(|| format!("pid {pid}")),
                unit: processes::unit(&process),
                relays,
            })
        })
    }
}

/// The inodes of the sockets among these descriptors.
fn sockets(descriptors: &Path) -> io::Result<Vec<u64>> {
    let mut inodes = Vec::new();
    for entry in std::fs::read_dir(descriptors)? {
        match std::fs::read_link(entry?.path()) {
            Ok(target) => inodes.extend(socket_inode(&target)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(inodes)
}

/// `socket:[16184]`
fn socket_inode(target: &Path) -> Option<u64> {
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests;
