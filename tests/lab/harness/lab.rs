//! A host in private namespaces, with systemd as its process 1.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use super::outcome::wait;
use super::{Outcome, Run, image};

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// No command of a test takes longer, whatever it hangs in.
const DEADLINE: Duration = Duration::from_secs(60);

/// What a lab is made of.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    disks: Vec<String>,
    nics: Vec<String>,
    files: Vec<(String, String)>,
}

impl Builder {
    /// A filesystem of its own at this path, with what the image has there: `tmpfs` or `ext4`.
    pub fn disk(mut self, path: &str, kind: &str, size: &str) -> Self {
        self.disks.retain(|disk| !disk.starts_with(&format!("{path}:")));
        self.disks.push(format!("{path}:{kind}:{size}"));
        self
    }

    /// A network card, plugged into the wire.
    pub fn nic(mut self, name: &str, mac: &str) -> Self {
        self.nics.push(format!("{name},{mac}"));
        self
    }

    /// A file that is there before the first boot.
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.push((path.to_owned(), content.to_owned()));
        self
    }

    /// Makes the host and waits until it is up.
    pub fn boot(self) -> Result<Lab> {
        let directory = TempDir::with_prefix("hostready-lab-")?;
        let mut keeper = Command::new("unshare")
            .args(["--mount", "--net", "sh", "-c", include_str!("keeper.sh"), "keeper.sh"])
            .arg(directory.path())
            .arg(image::root()?)
            .arg(binary())
            .arg(std::env::current_exe()?)
            .args(&self.disks)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().context("the keeper has no output")?).read_line(&mut line)?;
        let mut lab = Lab { directory, keeper, power: None, init: 0, nics: self.nics };
        ensure!(line == "ready\n", "the disks of the lab cannot be made");
        for (path, content) in &self.files {
            let path = lab.kept(&format!("root{path}"));
            fs::create_dir_all(path.parent().context("a file has a directory")?)?;
            fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        }
        lab.power_on()?;
        Ok(lab)
    }
}

/// The program under test: the one that cargo built, unless `HOSTREADY_LAB_BINARY` names another.
pub fn binary() -> PathBuf {
    std::env::var_os("HOSTREADY_LAB_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_hostready").into(), PathBuf::from)
}

/// A host that runs until this is dropped.
#[derive(Debug)]
pub struct Lab {
    directory: TempDir,
    keeper: Child,
    power: Option<Child>,
    /// Its process 1, as the machine numbers it.
    init: i32,
    nics: Vec<String>,
}

impl Lab {
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs a command as root inside.
    pub fn run<S: AsRef<OsStr>>(&self, argv: &[S]) -> Result<Outcome> {
        self.run_within(DEADLINE, argv)
    }

    pub fn run_within<S: AsRef<OsStr>>(&self, deadline: Duration, argv: &[S]) -> Result<Outcome> {
        Outcome::of(self.enter().args(argv).stdin(Stdio::null()), deadline)
    }

    /// The same under `strace`, which watches from outside.
    pub fn traced(&self, options: &[&str], argv: &[&str]) -> Result<Outcome> {
        let inside = self.enter();
        let mut command = Command::new("strace");
        command.args(options).arg(inside.get_program()).args(inside.get_args()).args(argv);
        Outcome::of(command.stdin(Stdio::null()), DEADLINE)
    }

    /// Runs a shell script as root inside; it must succeed. Standard output without its last line feed.
    pub fn sh(&self, script: &str) -> Result<String> {
        self.run(&["sh", "-euc", script])?.success()
    }

    /// Runs a command on the other end of the wire: with the network of the lab's switch and the machine's files.
    pub fn wire<S: AsRef<OsStr>>(&self, argv: &[S]) -> Result<String> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.keeper.id())).args(["--net", "--"]).args(argv);
        Outcome::of(command.stdin(Stdio::null()), DEADLINE)?.success()
    }

    /// Lets a stand-in play at the other end of the wire until the lab goes out; its process.
    pub fn wire_stand_in(&self, words: &[&str]) -> Result<String> {
        let name = self.directory.path().join("stand-in");
        if !name.exists() {
            std::os::unix::fs::symlink(std::env::current_exe()?, &name)?;
        }
        let group = self.kept(&format!("cgroup/hostready-lab-{}/cgroup.procs", self.keeper.id()));
        let script = "sh -c 'echo $$ >$0 && exec \"$@\"' \"$@\" >/dev/null 2>&1 </dev/null & echo $!";
        let own = [group.as_os_str(), name.as_os_str()].into_iter();
        let words = own.chain(words.iter().map(OsStr::new));
        self.wire(&["sh", "-c", script, "sh"].map(OsStr::new).into_iter().chain(words).collect::<Vec<_>>())
    }

    /// Writes a file of mode 644 inside, with the directories above it.
    pub fn write(&self, path: &str, content: &str) -> Result<()> {
        self.write_bytes(path, content.as_bytes())
    }

    pub fn write_bytes(&self, path: &str, content: &[u8]) -> Result<()> {
        let mut command = self.enter();
        let mut child =
            command.args(["install", "-D", "-m", "644", "/dev/stdin", path]).stdin(Stdio::piped()).spawn()?;
        child.stdin.take().context("no standard input")?.write_all(content)?;
        ensure!(child.wait()?.success(), "cannot write {path} in the lab");
        Ok(())
    }

    /// Installs a package that lies on the image's shelf, with what it needs.
    pub fn install(&self, package: &str) -> Result<()> {
        // apt sorts them, as dpkg alone would not.
        let script = format!(
            "DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends {}/{package}/*.deb",
            image::SHELF
        );
        self.sh(&script).map(drop)
    }

    /// Starts a daemon inside, as a unit of this name, and waits until it says that it is ready.
    pub fn start(&self, unit: &str, argv: &[&str]) -> Result<()> {
        let run = ["systemd-run", "--quiet", "--property=Type=notify", "--unit", unit, "--"];
        self.run(&[&run[..], argv].concat())?.success().map(drop)
    }

    /// Runs the program under test inside.
    pub fn hostready(&self, arguments: &[&str]) -> Result<Run> {
        Ok(Run::new(self.run(&[&["hostready"], arguments].concat())?))
    }

    /// `hostready check --json` and what else is wanted.
    pub fn check(&self, arguments: &[&str]) -> Result<Run> {
        self.hostready(&[&["check", "--json"], arguments].concat())
    }

    /// Asks again and again until the answer is yes.
    pub fn wait_until(&self, what: &str, mut asked: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(30);
        while !asked(self)? {
            ensure!(Instant::now() < end, "waited in vain: {what}");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Pulls the plug, as a power cut does, and boots again from the same disks.
    pub fn reboot(&mut self) -> Result<()> {
        self.power_off()?;
        self.power_on()
    }

    fn power_on(&mut self) -> Result<()> {
        fs::copy("/proc/sys/kernel/random/uuid", self.kept("boot_id"))?;
        let log = fs::File::create(self.kept("console"))?;
        let keeper = self.keeper.id().to_string();
        let join = format!(
            "echo $$ >{0}/cgroup/hostready-lab-{keeper}/cgroup.procs && exec \"$@\"",
            self.directory.path().display()
        );
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={keeper}"))
            .args(["--mount", "--", "sh", "-c", &join, "sh"])
            .args(["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork", "--kill-child"])
            .args(["sh", "-c", include_str!("boot.sh"), "boot.sh"])
            .arg(self.directory.path())
            .args([&keeper, "hv-01"])
            .args(&self.nics)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        self.power = Some(command.spawn()?);
        let up = self.wait_for_boot();
        let said = fs::read_to_string(self.kept("console")).unwrap_or_default();
        up.with_context(|| format!("the lab does not come up: {said}"))
    }

    fn wait_for_boot(&mut self) -> Result<()> {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Ok(init) = fs::read_to_string(self.kept("init.pid")) {
                self.init = init.trim().parse().unwrap_or_default();
            }
            if self.init != 0 {
                let state = self.run(&["systemctl", "is-system-running", "--wait"]);
                match state.as_ref().map(|outcome| outcome.stdout.trim()) {
                    Ok("running") => return Ok(()),
                    Ok("degraded") => bail!("a unit failed: {}", self.sh("systemctl --no-legend --failed")?),
                    _ => {}
                }
            }
            if let Some(power) = &mut self.power
                && let Some(status) = power.try_wait()?
            {
                bail!("it went out again: {status}");
            }
            ensure!(Instant::now() < end, "nothing after {DEADLINE:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn power_off(&mut self) -> Result<()> {
        let Some(mut power) = self.power.take() else { return Ok(()) };
        let group = self.kept(&format!("cgroup/hostready-lab-{}", self.keeper.id()));
        fs::write(group.join("cgroup.kill"), "1")?;
        wait(&mut power, DEADLINE)?.context("the lab does not go out")?;
        // Processes that were killed are not gone yet, and the next boot shall find nothing of this one.
        let end = Instant::now() + DEADLINE;
        while fs::read_to_string(group.join("cgroup.events"))?.contains("populated 1") {
            ensure!(Instant::now() < end, "the processes of the lab do not end");
            thread::sleep(Duration::from_millis(5));
        }
        let mut clear = Command::new("find");
        clear.arg(&group).args(["-mindepth", "1", "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"]);
        Outcome::of(&mut clear, DEADLINE)?.success()?;
        let _ = fs::remove_file(self.kept("init.pid"));
        self.init = 0;
        Ok(())
    }

    /// A path among what the keeper holds, through its own view of the mounts.
    fn kept(&self, path: &str) -> PathBuf {
        let directory = self.directory.path().display();
        PathBuf::from(format!("/proc/{}/root{directory}/{path}", self.keeper.id()))
    }

    /// The start of every command inside.
    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.init))
            .args(["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd", "--"])
            .args(["env", "-i", PATH, "HOME=/root", "LC_ALL=C.UTF-8"]);
        command
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The keeper ends the lab when its standard input does, and so it would if we were killed here.
        drop(self.keeper.stdin.take());
        if !matches!(wait(&mut self.keeper, Duration::from_secs(20)), Ok(Some(0))) {
            eprintln!("a lab was not taken down: process {}", self.keeper.id());
        }
        if let Some(power) = &mut self.power {
            let _ = wait(power, Duration::from_secs(20));
        }
    }
}
