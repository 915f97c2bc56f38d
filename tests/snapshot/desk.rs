//! A recorded host, and a directory to keep its snapshots in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

pub const BOOT_ID: &str = "file:/proc/sys/kernel/random/boot_id";
pub const MACHINE_ID: &str = "file:/etc/machine-id";
pub const STATUS: &str = "file:/var/lib/dpkg/status";

pub fn hostready(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hostready"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HOSTREADY_")) {
        command.env_remove(name);
    }
    command.args(arguments).output().unwrap()
}

pub fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

pub fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

/// Exit code 2, one message on stderr that holds all of `parts`, and nothing on stdout.
#[track_caller]
pub fn assert_usage_error(output: &Output, parts: &[&str]) {
    assert_eq!(output.status.code(), Some(2), "{}", stderr(output));
    assert!(output.stdout.is_empty());
    for part in parts {
        assert!(stderr(output).contains(part), "{part:?} is not in {:?}", stderr(output));
    }
    assert_eq!(stderr(output).matches("error: ").count(), 1, "{}", stderr(output));
}

/// A recorded host, to be changed.
#[derive(Clone)]
pub struct Host(pub Value);

impl Host {
    /// A healthy hypervisor. What this version asks and nobody recorded is said to be absent.
    pub fn healthy() -> Self {
        let path = format!("{}/tests/hosts/bases/hypervisor.json", env!("CARGO_MANIFEST_DIR"));
        let mut host = Self(serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap());
        let desk = Desk::new();
        for missing in document(&desk.run("snapshot", &host, &["--json"]))["unreadable"].as_array().unwrap() {
            host.0["answers"][missing["question"].as_str().unwrap()] = json!({"reading": "absent", "us": 0});
        }
        host
    }

    pub fn text(mut self, question: &str, text: &str) -> Self {
        self.0["answers"][question]["reading"] = json!({"known": {"text": text}});
        self
    }

    pub fn at(mut self, time: &str) -> Self {
        self.0["recorded_at"] = time.into();
        self
    }

    pub fn rebooted(self, times: u8) -> Self {
        self.text(BOOT_ID, &format!("00000000-0000-4000-8000-0000000000{times:02}\n"))
    }

    /// A fault that every version tells, whatever it compares.
    pub fn full(mut self) -> Self {
        self.0["answers"]["space:/var"]["reading"]["known"]["space"]["available"] = 0.into();
        self
    }

    pub fn edited(self, question: &str, old: &str, new: &str) -> Self {
        let text = self.0["answers"][question]["reading"]["known"]["text"].as_str().unwrap().to_owned();
        assert!(text.contains(old), "{old}");
        self.text(question, &text.replacen(old, new, 1))
    }
}

/// A directory with a state directory in it.
pub struct Desk(pub tempfile::TempDir);

impl Desk {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    pub fn run(&self, verb: &str, host: &Host, arguments: &[&str]) -> Output {
        let recording = self.file("host.json", serde_json::to_vec(&host.0).unwrap());
        hostready(&[&[verb, "--from", recording.to_str().unwrap()], arguments].concat())
    }

    pub fn snapshot(&self, host: &Host, arguments: &[&str]) -> Output {
        let state = self.state();
        self.run("snapshot", host, &[&["--json", "--state-dir", state.to_str().unwrap()], arguments].concat())
    }

    pub fn verify(&self, host: &Host, arguments: &[&str]) -> Output {
        let state = self.state();
        self.run("verify", host, &[&["--json", "--state-dir", state.to_str().unwrap()], arguments].concat())
    }

    pub fn takes_over(&self, host: &Host) -> String {
        let output = self.snapshot(host, &[]);
        let taken = document(&output);
        assert_eq!((output.status.code(), &taken["changed"]), (Some(0), &true.into()), "{}", taken["msg"]);
        assert!(taken["kept"].is_null());
        let name = taken["name"].as_str().unwrap().to_owned();
        let target = fs::read_link(self.state().join("baseline")).unwrap();
        assert_eq!(target, Path::new(&format!("snapshots/{name}.json")));
        name
    }

    /// The baseline stays, and nothing is written. What is said of it.
    pub fn stays(&self, host: &Host, arguments: &[&str]) -> Value {
        self.stays_with(0, host, arguments)
    }

    pub fn stays_with(&self, code: u8, host: &Host, arguments: &[&str]) -> Value {
        let before = self.files();
        let output = self.snapshot(host, arguments);
        let said = document(&output);
        assert_eq!(output.status.code(), Some(code.into()), "{} {}", said["msg"], stderr(&output));
        let told = (&said["changed"], &said["failed"], &said["exit_code"]);
        assert_eq!(told, (&false.into(), &(code != 0).into(), &code.into()));
        assert_eq!(said["answers"], json!({}), "what is not kept is not shown, so that nobody compares with it");
        assert!(said["kept"].is_object(), "{}", said["msg"]);
        assert_eq!(before, self.files());
        said
    }

    /// Every file with its content, every link with its target.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.state()];
        while let Some(directory) = open.pop() {
            for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
                match path.read_link() {
                    Ok(target) => drop(found.insert(path, target.into_os_string().into_encoded_bytes())),
                    Err(_) if path.is_dir() => open.push(path),
                    Err(_) => drop(found.insert(path.clone(), fs::read(path).unwrap())),
                }
            }
        }
        found
    }

    pub fn names(&self) -> Vec<String> {
        let files = self.files().into_keys().filter_map(|path| path.file_name()?.to_str().map(str::to_owned));
        files.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect()
    }
}
