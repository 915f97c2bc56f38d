//! What /proc tells of processes: who they are, how old, in which unit, and which of them are guests.
//!
//! A process may end between any two reads. Helpers then say `None` and lists leave it out.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::unistd::{SysconfVar, sysconf};

use super::failure;
use crate::model::answer::GuestProcess;
use crate::model::gather::Arrange as _;
use crate::model::sorted::SortedMap;
use crate::model::{Reading, TroubleCause};

/// PF_KTHREAD of the kernel's sched.h, in field 9 of stat.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// The kernel keeps this much of a program's name in `comm`.
const COMM_LENGTH: usize = 15;

/// Every process, lowest first. One readdir.
pub fn pids(proc: &Path) -> Reading<Vec<u32>> {
    let entries = match std::fs::read_dir(proc) {
        Ok(entries) => entries,
        Err(error) => return failure::unreadable("cannot list", proc, &error),
    };
    let mut pids: Vec<u32> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok()))
        .collect();
    pids.arrange();
    Reading::Known(pids)
}

/// Every virtual machine, by the process that runs it.
///
/// Of its command line nothing but name and uuid is kept: the rest may hold secrets.
/// `program_deleted` is false where the link to the program may not be read.
pub fn guests(proc: &Path) -> Reading<SortedMap<u32, GuestProcess>> {
    pids(proc).and_then(|pids| {
        // Mounted with hidepid, /proc shows a user his own processes alone. That is no host without guests.
        if !pids.contains(&1) {
            return Reading::unreadable(
                TroubleCause::Denied,
                format!("{} hides other users' processes", proc.display()),
            );
        }
        let mut guests = SortedMap::new();
        for pid in pids {
            let process = proc.join(pid.to_string());
            match comm(&process) {
                Ok(comm) if is_emulator(comm.trim_ascii_end()) => {
                    guests.extend(guest(&process, pid).map(|guest| (pid, guest)));
                }
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    return failure::unreadable("cannot read", &process.join("comm"), &error);
                }
                Ok(_) | Err(_) => {}
            }
        }
        Reading::Known(guests)
    })
}

/// The processes of this name, as the kernel keeps it: its first 15 bytes.
pub fn named(proc: &Path, name: &str) -> Reading<Vec<u32>> {
    let wanted = &name.as_bytes()[..name.len().min(15)];
    let is_wanted = |pid: &u32| comm(&proc.join(pid.to_string())).is_ok_and(|comm| comm.trim_ascii_end() == wanted);
    pids(proc).map(|pids| pids.into_iter().filter(is_wanted).collect())
}

/// The name of a process, in one read: there are hundreds of processes.
fn comm(process: &Path) -> io::Result<Vec<u8>> {
    let mut name = vec![0; COMM_LENGTH + 1];
    let length = File::open(process.join("comm"))?.read(&mut name)?;
    name.truncate(length);
    Ok(name)
}

fn is_emulator(comm: &[u8]) -> bool {
    comm.starts_with(b"qemu-system") || comm == b"qemu-kvm" || comm == b"kvm"
}

fn guest(process: &Path, pid: u32) -> Option<GuestProcess> {
    let command_line = std::fs::read(process.join("cmdline")).ok()?;
    // A zombie keeps its comm and has no command line; it runs no guest any more.
    if command_line.is_empty() && Stat::of(process)?.has_no_memory() {
        return None;
    }
    let arguments: Vec<&[u8]> = command_line.split(|byte| *byte == 0).collect();
    // libvirt starts qemu without a machine to learn what it can do.
    if value_of(&arguments, b"machine").or(value_of(&arguments, b"M")).is_some_and(is_no_machine) {
        return None;
    }
    let name = value_of(&arguments, b"name").and_then(guest_name);
    let program = std::fs::read_link(process.join("exe"));
    Some(GuestProcess {
        name: name.unwrap_or_else(|| format!("pid {pid}")),
        uuid: value_of(&arguments, b"uuid").map(lossy),
        program_deleted: program.is_ok_and(|link| link.as_os_str().as_bytes().ends_with(b" (deleted)")),
    })
}

/// What follows `-option` or `--option`.
fn value_of<'a>(arguments: &[&'a [u8]], option: &[u8]) -> Option<&'a [u8]> {
    let at = arguments.iter().position(|argument| {
        let bare = argument.strip_prefix(b"--").or_else(|| argument.strip_prefix(b"-"));
        bare == Some(option)
    })?;
    arguments.get(at + 1).copied().filter(|value| !value.is_empty())
}

fn is_no_machine(value: &[u8]) -> bool {
    let machine = value.strip_prefix(b"type=").unwrap_or(value);
    machine == b"none" || machine.starts_with(b"none,")
}

/// `guest=web-1,debug-threads=on`, `web-1,process=x` or `web-1`; qemu doubles a comma that belongs to the name.
fn guest_name(value: &[u8]) -> Option<String> {
    let text = lossy(value).replace(",,", "\0");
    let mut parts = text.split(',');
    let first = parts.next().filter(|part| !part.contains('='));
    let named = text.split(',').find_map(|part| part.strip_prefix("guest="));
    named.or(first).filter(|name| !name.is_empty()).map(|name| name.replace('\0', ","))
}

/// The parts of `/proc/PID/stat` that anybody here needs.
#[derive(Debug)]
pub struct Stat {
    state: u8,
    flags: u64,
    /// Ticks after boot.
    started: u64,
}

impl Stat {
    pub fn of(process: &Path) -> Option<Self> {
        Self::parse(&std::fs::read(process.join("stat")).ok()?)
    }

    /// The second field is the name in parentheses and may itself hold blanks and parentheses.
    fn parse(text: &[u8]) -> Option<Self> {
        let end = text.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(text.get(end + 1..)?).ok()?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index - 3).and_then(|field| field.parse().ok());
        Some(Self { state: *fields.first()?.as_bytes().first()?, flags: number(9)?, started: number(22)? })
    }

    /// A kernel thread or a process that has ended: it holds no files and runs no program.
    pub fn has_no_memory(&self) -> bool {
        self.flags & KERNEL_THREAD != 0 || matches!(self.state, b'Z' | b'X')
    }
}

/// How long ago the process started.
pub fn age_seconds(proc: &Path, pid: u32) -> Option<u64> {
    let started = Stat::of(&proc.join(pid.to_string()))?.started;
    let uptime = std::fs::read_to_string(proc.join("uptime")).ok()?;
    let uptime: u64 = uptime.split('.').next()?.parse().ok()?;
    let ticks = u64::try_from(sysconf(SysconfVar::CLK_TCK).ok()??).ok().filter(|ticks| *ticks > 0)?;
    Some(uptime.saturating_sub(started / ticks))
}

/// The program's name: `comm`, completed where the kernel cut it, with the script that an interpreter runs.
///
/// Nothing else of the command line: the rest may hold secrets.
pub fn command(process: &Path) -> Option<String> {
    let comm = std::fs::read(process.join("comm")).ok()?;
    let comm = comm.trim_ascii_end();
    let command_line = std::fs::read(process.join("cmdline")).unwrap_or_default();
    let mut arguments = command_line.split(|byte| *byte == 0);
    let (program, script) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    // A script that is started by its `#!` line has its own name in comm and its path as second argument.
    let whole = [program, script].into_iter().map(base_name).find(|name| name.starts_with(comm));
    Some(match whole {
        Some(name) if comm.len() >= COMM_LENGTH => lossy(name),
        _ if is_interpreter(comm) && script.starts_with(b"/") => format!("{} {}", lossy(comm), lossy(script)),
        _ => lossy(comm),
    })
}

/// What the process runs, as the kernel knows it, also where it was replaced on disk since.
pub fn program(proc: &Path, pid: u32) -> Option<String> {
    let link = std::fs::read_link(proc.join(pid.to_string()).join("exe")).ok()?;
    let path = link.as_os_str().as_bytes();
    Some(lossy(path.strip_suffix(b" (deleted)").unwrap_or(path)))
}

fn is_interpreter(comm: &[u8]) -> bool {
    [&b"python"[..], b"perl", b"ruby"].iter().any(|name| comm.starts_with(name)) || matches!(comm, b"sh" | b"bash")
}

fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The unit of the host's own service manager that the process belongs to.
///
/// Below a user's manager or in a container there may be more units on the way; the first is the one
/// that `systemctl` on the host knows.
pub fn unit(process: &Path) -> Option<String> {
    let text = std::fs::read_to_string(process.join("cgroup")).ok()?;
    let path_of = |hierarchy: &str| text.lines().find_map(|line| line.split_once(hierarchy)).map(|(_, path)| path);
    // Where both hierarchies are mounted, systemd may keep its tree in either.
    [path_of("0::"), path_of(":name=systemd:")].into_iter().flatten().find_map(unit_in)
}

fn unit_in(cgroup: &str) -> Option<String> {
    const KINDS: [&str; 5] = ["service", "scope", "socket", "mount", "swap"];
    let is_unit = |part: &&str| part.rsplit_once('.').is_some_and(|(_, kind)| KINDS.contains(&kind));
    cgroup.split('/').find(is_unit).map(str::to_owned)
}

fn lossy(bytes: &[u8]) -> String {
    OsStr::from_bytes(bytes).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A staged process: its comm and its command line, blanks becoming NULs.
    fn stage(proc: &Path, pid: u32, comm: &str, command_line: &str) {
        let process = proc.join(pid.to_string());
        fs::create_dir(&process).unwrap();
        fs::write(process.join("comm"), format!("{comm}\n")).unwrap();
        fs::write(process.join("cmdline"), command_line.replace(' ', "\0")).unwrap();
    }

    fn staged() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        stage(dir.path(), 1, "systemd", "/sbin/init");
        fs::create_dir(dir.path().join("self")).unwrap();
        dir
    }

    fn known_guests(proc: &Path) -> SortedMap<u32, GuestProcess> {
        match guests(proc) {
            Reading::Known(guests) => guests,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn guests_have_names_and_nothing_else_of_their_command_line() {
        let dir = staged();
        let uuid = "6a2f8d1e-0000-4000-8000-000000000001";
        let line =
            format!("/usr/bin/qemu-system-x86_64 -name guest=web-1,debug-threads=on -uuid {uuid} -secret s3cr3t ");
        stage(dir.path(), 300, "qemu-system-x86", &line);
        symlink("/usr/bin/qemu-system-x86_64 (deleted)", dir.path().join("300/exe")).unwrap();
        stage(dir.path(), 301, "kvm", "/usr/bin/kvm --name db,,2,process=x ");
        symlink("/usr/bin/kvm", dir.path().join("301/exe")).unwrap();
        stage(dir.path(), 302, "qemu-kvm", "/usr/libexec/qemu-kvm -m 512 ");
        stage(dir.path(), 303, "kvm-nx-lpage-re", "");
        stage(dir.path(), 304, "qemu-system-x86", "qemu-system-x86_64 -M none,accel=kvm -S ");
        stage(dir.path(), 305, "qemu-ga", "/usr/sbin/qemu-ga -name no ");
        fs::create_dir(dir.path().join("306")).unwrap();

        let guests = known_guests(dir.path());
        assert_eq!(guests.keys().copied().collect::<Vec<_>>(), [300, 301, 302]);
        let names: Vec<_> = guests.values().map(|guest| guest.name.as_str()).collect();
        assert_eq!(names, ["web-1", "db,2", "pid 302"]);
        assert_eq!(guests[&300].uuid.as_deref(), Some(uuid));
        assert_eq!([guests[&300].program_deleted, guests[&301].program_deleted], [true, false]);
        assert!(!format!("{guests:?}").contains("s3cr3t"));
    }

    #[test]
    fn a_zombie_is_no_guest() {
        let dir = staged();
        for (pid, state) in [(7, 'Z'), (8, 'S')] {
            stage(dir.path(), pid, "qemu-system-x86", "");
            let stat = format!("{pid} (qemu-system-x86) {state} 1 1 1 0 -1 4194304 {} 99 0", "0 ".repeat(12));
            fs::write(dir.path().join(format!("{pid}/stat")), stat).unwrap();
        }
        assert_eq!(known_guests(dir.path()).keys().copied().collect::<Vec<_>>(), [8]);
    }

    #[test]
    fn a_proc_that_hides_processes_is_not_a_host_without_guests() {
        let dir = tempfile::tempdir().unwrap();
        stage(dir.path(), 500, "bash", "bash");
        assert!(matches!(guests(dir.path()), Reading::Unreadable(trouble) if trouble.cause == TroubleCause::Denied));
        let gone = dir.path().join("none");
        assert!(matches!(guests(&gone), Reading::Unreadable(trouble) if trouble.cause == TroubleCause::Failed));
    }

    #[test]
    fn commands_are_completed_and_scripts_are_named() {
        let dir = staged();
        stage(dir.path(), 10, "unattended-upgr", "/usr/bin/python3 /usr/bin/unattended-upgrade --token=x");
        stage(dir.path(), 11, "python3", "/usr/bin/python3 /root/AnsiballZ_apt.py secret");
        stage(dir.path(), 12, "bash", "bash -c /opt/secret");
        stage(dir.path(), 13, "apt-get", "apt-get install secret");
        let name = |pid: u32| command(&dir.path().join(pid.to_string()));
        assert_eq!(name(10).as_deref(), Some("unattended-upgrade"));
        assert_eq!(name(11).as_deref(), Some("python3 /root/AnsiballZ_apt.py"));
        assert_eq!(name(12).as_deref(), Some("bash"));
        assert_eq!(name(13).as_deref(), Some("apt-get"));
        assert_eq!(name(14), None);
    }

    #[test]
    fn stat_survives_a_name_with_parentheses() {
        let text = format!("42 (a) b (c)) S 1 1 1 0 -1 {KERNEL_THREAD} {}777 0 0\n", "0 ".repeat(12));
        let stat = Stat::parse(text.as_bytes()).unwrap();
        assert!(stat.has_no_memory());
        assert_eq!((stat.state, stat.started), (b'S', 777));
        assert!(Stat::parse(b"42 (cut").is_none());
    }

    #[test]
    fn our_own_age_is_young_and_that_of_the_first_process_is_not() {
        let proc = Path::new("/proc");
        let own = age_seconds(proc, std::process::id()).unwrap();
        assert!(own < 3600, "{own}");
        assert!(age_seconds(proc, 1).unwrap() >= own);
        assert!(!Stat::of(&proc.join("self")).unwrap().has_no_memory());
    }

    #[test]
    fn units_come_from_either_hierarchy() {
        let dir = tempfile::tempdir().unwrap();
        let unit_of = |text: &str| {
            fs::write(dir.path().join("cgroup"), text).unwrap();
            unit(dir.path())
        };
        assert_eq!(unit_of("0::/system.slice/rsyslog.service\n").as_deref(), Some("rsyslog.service"));
        assert_eq!(unit_of("0::/system.slice/docker.service/payload\n").as_deref(), Some("docker.service"));
        let user = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service\n";
        assert_eq!(unit_of(user).as_deref(), Some("user@1000.service"));
        let both = "9:name=systemd:/system.slice/cron.service\n4:memory:/x.service\n0::/\n";
        assert_eq!(unit_of(both).as_deref(), Some("cron.service"));
        assert_eq!(unit_of("0::/init\n"), None);
    }
}
