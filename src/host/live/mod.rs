//! The running machine: its kernel, sockets and files, with no child process.

mod act;
mod banner;
mod bounded;
mod clock;
pub(in crate::host) mod connections;
mod dbus;
mod deleted;
pub mod detour;
pub mod exec;
mod failure;
mod files;
mod freeable;
mod hashes;
mod http;
mod initrd;
mod kernel;
mod largest;
mod link_attributes;
mod locks;
mod mounts;
mod netlink;
mod nic;
mod openflow;
mod ovn;
mod ovsdb;
mod packages;
mod ping;
pub(in crate::host) mod processes;
mod python;
mod reach;
mod resolve;
mod routes;
mod socket;
mod systemd;
mod taps;
mod transport;
mod unit_log;
mod units;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::Observe;
use crate::model::answer::{Unit, User};
use crate::model::sorted::SortedSet;
use crate::model::{Answer, Query, Reading, TroubleCause};
use crate::units::AbsolutePath;
use mounts::{Mount, Mounts, Place};
use units::Units;

/// A probe ends a little before it is written off, so that the row can say what it saw.
const MARGIN: Duration = Duration::from_millis(200);

/// This machine.
#[derive(Debug, Default)]
pub struct Live {
    mounts: OnceLock<Result<Mounts, String>>,
    /// Mounts that did not answer once in this run are not asked again.
    dead_mounts: Mutex<SortedSet<PathBuf>>,
    units: Units,
    authorities: http::HostAuthorities,
    /// We are the copy that may hang: touch what we are asked for.
    is_detour: bool,
}

impl Live {
    /// The copy of ourselves that asks where others might hang.
    pub fn detour() -> Self {
        Self { is_detour: true, ..Self::default() }
    }

    fn mounts(&self) -> Result<&Mounts, String> {
        self.mounts
            .get_or_init(|| Mounts::read().map_err(|error| format!("/proc/self/mountinfo: {error}")))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Runs `look` here when the path leads over local filesystems alone, and in an abandoned copy when not.
    fn with_path(
        &self,
        query: &Query,
        path: &str,
        deadline: Instant,
        look: impl FnOnce(&Path, &Mounts) -> Reading<Answer>,
    ) -> Reading<Answer> {
        let mounts = match self.mounts() {
            Ok(mounts) => mounts,
            Err(detail) => return Reading::unreadable(TroubleCause::Failed, detail),
        };
        let path = Path::new(path);
        match mounts.follow(path) {
            Ok(Place::Remote(mount)) => self.around(query, &mount, deadline).unwrap_or_else(|| look(path, mounts)),
            Ok(_) => look(path, mounts),
            Err(error) => failure::reading("cannot follow", path, &error),
        }
    }

    /// The answer of somebody else about what lies on `mount`; none where it is for us to touch it.
    fn around(&self, query: &Query, mount: &Mount, deadline: Instant) -> Option<Reading<Answer>> {
        if mount.filesystem_type == "autofs" {
            // Looking would mount it, and a look changes nothing.
            let detail = format!("{} is an automount that is not mounted", mount.point.display());
            return Some(Reading::unreadable(TroubleCause::Failed, detail));
        }
        (!self.is_detour).then(|| self.ask_remote(query, mount, deadline))
    }

    /// A file that a pattern names: as a link it may lead anywhere.
    fn matched(&self, path: &Path, deadline: Instant) -> Reading<Vec<u8>> {
        let name = path.to_string_lossy();
        let look = |path: &Path, mounts: &Mounts| files::content_unless_masked(path, mounts).map(Answer::Text);
        self.with_path(&Query::File(name.to_string()), &name, deadline, look).and_then(text)
    }

    fn ask_remote(&self, query: &Query, mount: &Mount, deadline: Instant) -> Reading<Answer> {
        let dead = || {
            let detail = format!("{} ({}) does not answer", mount.point.display(), mount.filesystem_type);
            Reading::unreadable(TroubleCause::TimedOut, detail)
        };
        let dead_mounts = || self.dead_mounts.lock().unwrap_or_else(PoisonError::into_inner);
        if dead_mounts().contains(&mount.point) {
            return dead();
        }
        match detour::ask(query, deadline) {
            Reading::Unreadable(trouble) if trouble.cause == TroubleCause::TimedOut => {
                dead_mounts().insert(mount.point.clone());
                dead()
            }
            reading => reading,
        }
    }
}

fn text(answer: Answer) -> Reading<Vec<u8>> {
    match answer {
        Answer::Text(bytes) => Reading::Known(bytes),
        _ => Reading::unreadable(TroubleCause::Malformed, "a file has an answer of another kind"),
    }
}

impl Observe for Live {
    fn ask(&self, query: &Query) -> Reading<Answer> {
        let deadline = Instant::now() + query.deadline().saturating_sub(MARGIN);
        let at =
            |path: &str, look: &dyn Fn(&Path, &Mounts) -> Reading<Answer>| self.with_path(query, path, deadline, look);
        let proc = Path::new("/proc");
        match query {
            Query::File(path) => at(path, &|path, _| files::content(path).map(Answer::Text)),
            Query::Exists(path) => at(path, &|path, _| files::exists(path).map(Answer::Exists)),
            Query::Directory(path) => at(path, &|path, _| files::names(path).map(Answer::Names)),
            Query::Space(path) => at(path, &|path, mounts| files::space(path, mounts).map(Answer::Space)),
            Query::Lock(path) => at(path, &|path, _| locks::holder(path).map(Answer::Lock)),
            Query::Freeable(family) => at(freeable::top(*family), &|_, mounts| {
                freeable::files(Path::new("/"), *family, deadline).map(|mut files| {
                    for file in &mut files {
                        let device = std::mem::take(&mut file.device);
                        file.device = mounts.space_device(Path::new(&file.path), device);
                    }
                    Answer::Freeable(files)
                })
            }),
            Query::Largest(path) => at(path, &|path, _| largest::under(path, deadline).map(Answer::Largest)),
            Query::DeletedOpen => match self.mounts() {
                Ok(mounts) => deleted::deleted_open(proc, &|path| mounts.is_local(path)).map(Answer::DeletedOpen),
                Err(detail) => Reading::unreadable(TroubleCause::Failed, detail),
            },
            Query::User => Reading::Known(Answer::User(User { effective_id: nix::unistd::geteuid().as_raw() })),
            Query::Links => netlink::links(deadline).map(Answer::Links),
            Query::Addresses => netlink::addresses(deadline).map(Answer::Addresses),
            Query::Routes => routes::routes(deadline).map(Answer::Routes),
            Query::Rules => routes::rules(deadline).map(Answer::Rules),
            Query::Units => self.units.ask(deadline, |systemd| systemd.units()).map(Answer::Units),
            Query::Unit(name) => {
                let unit = self.units.ask(deadline, |systemd| systemd.unit(name));
                let (program, since) = (processes::program, units::active_for_ms);
                unit.map(|unit| Unit { program: program(proc, unit.main_pid), active_for_ms: since(&unit), ..unit })
                    .map(Answer::Unit)
            }
            Query::Ovsdb(socket) => ovsdb::tables(Path::new(socket), deadline).map(Answer::Text),
            Query::OvsProgress(socket) => ovsdb::progress(Path::new(socket), deadline).map(Answer::OvsProgress),
            Query::Flows(socket) => openflow::flows(Path::new(socket), deadline).map(Answer::Flows),
            Query::Processes(name) => processes::named(proc, name).map(Answer::Processes),
            Query::OvsConfiguration(socket) => ovsdb::configuration(Path::new(socket), deadline).map(Answer::Text),
            Query::UnitFiles => self
                .units
                .ask(deadline, |systemd| systemd.unit_files(|unit| systemd::is_shipped(Path::new("/"), unit)))
                .map(Answer::UnitFiles),
            Query::Connections(unit) => connections::of_unit(proc, unit, deadline).map(Answer::Connections),
            Query::SshConnections => connections::of_sshd(proc, deadline).map(Answer::Connections),
            Query::GuestTaps => {
                processes::guests(proc).and_then(|guests| taps::taps(proc, &guests)).map(Answer::GuestTaps)
            }
            Query::Hashes(pattern) => at(pattern, &|pattern, _| {
                hashes::hashes(pattern, |path| self.matched(path, deadline)).map(Answer::Hashes)
            }),
            Query::Modified(path) => at(path, &|path, _| files::modified(path).map(Answer::Modified)),
            Query::Guests => processes::guests(proc).map(Answer::Guests),
            Query::Clock => clock::clock().map(Answer::Clock),
            Query::Listing(path) => at(path, &|path, mounts| {
                let around = files::leads_away(path, mounts).and_then(|mount| self.around(query, &mount, deadline));
                around.unwrap_or_else(|| files::listing(path).map(Answer::Listing))
            }),
            Query::Files(pattern) => at(pattern, &|pattern, _| {
                files::matching(pattern, |path| self.matched(path, deadline)).map(Answer::Files)
            }),
            Query::Tail(path) => at(path, &|path, _| files::tail(path).map(Answer::Text)),
            Query::Nic(name) => nic::nic(Path::new("/"), name).map(Answer::Nic),
            Query::Listens(unit) => self.units.ask(deadline, |systemd| systemd.listens(unit)).map(Answer::Names),
            Query::OvnController(directory) => {
                ovn::controller(Path::new(directory), deadline).map(Answer::OvnController)
            }
            Query::Ping(host) => ping::ping(host, deadline).map(Answer::Contact),
            Query::Banner(endpoint) => banner::banner(endpoint, deadline).map(Answer::Banner),
            Query::Initrd(path) => at(path, &|path, _| initrd::initrd(path, deadline).map(Answer::Initrd)),
            Query::Module(name) => {
                at(&format!("/lib/modules/{name}"), &|_, _| kernel::module(Path::new("/"), name).map(Answer::Module))
            }
            Query::PythonEnvironments(path) => {
                at(path, &|path, mounts| python::environments(path, mounts, deadline).map(Answer::PythonEnvironments))
            }
            Query::Simulated(what) => packages::simulated(what).map(Answer::Text),
            Query::Archives(name) => packages::archives(name, deadline).map(Answer::Archives),
            Query::UnitLog(name) => unit_log::last(name).map(Answer::Text),
            Query::Tcp(endpoint) => reach::tcp(endpoint, deadline).map(Answer::Contact),
            Query::Http(target) => {
                let read = |path: &AbsolutePath| self.ask(&Query::File(path.to_string())).and_then(text);
                let ca_file = target.ca_file.as_ref().map(read);
                http::http(target, ca_file, &self.authorities, deadline).map(Answer::Contact)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_on_an_automount_are_not_looked_at() {
        let own = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let library = Path::new("/lib").canonicalize().unwrap();
        let line = format!("999 1 0:99 / {} rw - autofs x rw\n", library.join("modules").display());
        let mounts = Mounts::parse(format!("{own}{line}").as_bytes());
        let live = Live { mounts: OnceLock::from(Ok(mounts)), ..Live::default() };
        match live.ask(&Query::Module("6.1.0-50-amd64/openvswitch".to_owned())) {
            Reading::Unreadable(trouble) => assert!(trouble.detail.contains("automount"), "{trouble:?}"),
            other => panic!("looked at: {other:?}"),
        }
    }
}
