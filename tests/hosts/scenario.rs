//! A recorded host, changed as a scenario says, and put before the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use libtest_mimic::Failed;
use serde::Deserialize;
use serde_json::Value;

use crate::recording::{self, Recording, here, parse};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hostready");

/// Another boot than that of any recording.
const NEXT_BOOT: &str = "0b007a6e-55ed-4a11-8c0d-7e57ab1e0002\n";
const BOOT_ID: &str = "file:/proc/sys/kernel/random/boot_id";

#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    pub folder: PathBuf,
}

/// What `scenario.json` may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// What it shows, for whoever reads it.
    #[serde(rename = "about")]
    _about: String,
    #[serde(default)]
    verb: Verb,
    /// A whole recording, of `bases/`.
    base: String,
    /// Scenarios whose faults this host has too.
    #[serde(default)]
    as_in: Vec<String>,
    /// An RFC 7396 merge patch over the recording.
    #[serde(default)]
    patch: Value,
    /// Question → pairs of an old text, which occurs exactly once, and a new one.
    #[serde(default)]
    edit: recording::Edits,
    /// The configuration of the host in place of the recorded one.
    configuration: Option<String>,
    /// What `verify` compares with; the untouched base where nothing is said.
    baseline: Option<Baseline>,
    /// `verify` finds no baseline.
    #[serde(default)]
    without_baseline: bool,
    /// `verify` finds the host in the boot of the baseline.
    #[serde(default)]
    not_rebooted: bool,
    #[serde(default)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Verb {
    #[default]
    Check,
    Verify,
}

/// The host when its snapshot was taken, said like the host of now.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Baseline {
    /// That of the scenario where none is named.
    base: Option<String>,
    as_in: Vec<String>,
    patch: Value,
    edit: recording::Edits,
    configuration: Option<String>,
    /// What `snapshot` exits with.
    exit: i32,
}

pub struct Outcome {
    pub report: Value,
    text: String,
    code: i32,
}

impl Scenario {
    pub fn all() -> Vec<Self> {
        let directory = here().join("scenarios");
        let mut all: Vec<Self> = fs::read_dir(&directory)
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("scenario.json").exists())
            .map(|folder| Self { name: folder.file_name().unwrap().to_string_lossy().into_owned(), folder })
            .collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        assert!(!all.is_empty(), "no scenario in {}", directory.display());
        all
    }

    pub fn run(&self) -> Result<Outcome, Failed> {
        let written: Written = parse(&self.folder.join("scenario.json"))?;
        let mut host = written.host().build()?;
        // Nothing that this machine has may count.
        let directory = tempfile::tempdir()?;
        let mut arguments = match written.verb {
            Verb::Check => vec!["check".to_owned()],
            Verb::Verify => written.verify(&mut host, directory.path())?,
        };
        let file = directory.path().join("host.json");
        fs::write(&file, serde_json::to_vec(&host)?)?;
        arguments.extend(["--from".to_owned(), file.display().to_string()]);
        arguments.extend_from_slice(&written.arguments);
        let run = |format: &str| program(arguments.iter().map(String::as_str).chain(["--format", format]));
        let (json, text) = (run("json")?, run("text")?);
        let code = json.status.code().ok_or("the program was killed")?;
        let report = serde_json::from_slice(&json.stdout)
            .map_err(|error| format!("no report: {error}\n{}", String::from_utf8_lossy(&json.stderr)))?;
        if text.status.code() != Some(code) {
            return Err(format!("exit {code} with JSON and {} with text", text.status).into());
        }
        Ok(Outcome { report, text: String::from_utf8(text.stdout)?, code })
    }
}

impl Written {
    fn host(&self) -> Recording<'_> {
        Recording {
            base: &self.base,
            as_in: &self.as_in,
            patch: &self.patch,
            edit: &self.edit,
            configuration: self.configuration.as_deref(),
        }
    }

    /// Takes the snapshot, and says how `verify` is told of it. `host` is in another boot then, unless it was not
    /// rebooted.
    fn verify(&self, host: &mut Value, directory: &Path) -> Result<Vec<String>, Failed> {
        let nothing = Baseline::default();
        let baseline = self.baseline.as_ref().unwrap_or(&nothing);
        let before = baseline.recording(&self.base).build()?;
        let boot_id = |recording: &Value| recording["answers"][BOOT_ID].clone();
        if !self.not_rebooted && boot_id(host) == boot_id(&before) {
            host["answers"][BOOT_ID]["reading"]["known"]["text"] = NEXT_BOOT.into();
        }
        let mut arguments = ["verify", "--state-dir"].map(str::to_owned).to_vec();
        arguments.push(directory.join("state").display().to_string());
        if !self.without_baseline {
            arguments.push("--baseline".to_owned());
            arguments.push(take_snapshot(&before, baseline.exit, directory)?);
        }
        Ok(arguments)
    }
}

impl Baseline {
    fn recording<'a>(&'a self, base: &'a str) -> Recording<'a> {
        Recording {
            base: self.base.as_deref().unwrap_or(base),
            as_in: &self.as_in,
            patch: &self.patch,
            edit: &self.edit,
            configuration: self.configuration.as_deref(),
        }
    }
}

/// The path of the snapshot of a recorded host.
fn take_snapshot(host: &Value, exit: i32, directory: &Path) -> Result<String, Failed> {
    let [from, file] = ["before.json", "baseline.json"].map(|name| directory.join(name).display().to_string());
    fs::write(&from, serde_json::to_vec(host)?)?;
    let output = program(["snapshot", "--name", "before", "--json", "--from", &from])?;
    let snapshot: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("no snapshot: {error}\n{}", String::from_utf8_lossy(&output.stderr)))?;
    if output.status.code() != Some(exit) {
        return Err(format!("snapshot: {}, not {exit}: {}", output.status, snapshot["unreadable"]).into());
    }
    validate(&snapshot, Document::Snapshot)?;
    holds_no_password(&snapshot.to_string())?;
    fs::write(&file, &output.stdout)?;
    Ok(file)
}

pub fn program<'a>(arguments: impl IntoIterator<Item = &'a str>) -> std::io::Result<Output> {
    Command::new(PROGRAM).args(arguments).env_remove("HOSTREADY_BLESS").output()
}

impl Outcome {
    /// The text that a person reads, then every row, without what differs from run to run.
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        // Where that line is broken depends on how many digits the time has.
        let mut is_open = false;
        for line in self.text.lines() {
            if is_open && !line.is_empty() {
                shown.truncate(shown.trim_end().len());
                shown.push_str(&format!(" {line}\n"));
                continue;
            }
            is_open = false;
            let timed = line.split_once(" in ").and_then(|(counts, rest)| Some((counts, rest.split_once(" ms")?)));
            match timed {
                Some((counts, (digits, rest))) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                    shown.push_str(&format!("{counts} in N ms{rest}\n"));
                    is_open = true;
                }
                _ => shown.push_str(&format!("{line}\n")),
            }
        }
        shown.push_str(&format!("\nexit {}\n\n", self.code));
        for finding in self.report["findings"].as_array().into_iter().flatten() {
            shown.push_str(&row(finding));
        }
        shown
    }
}

fn row(finding: &Value) -> String {
    let word = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
    let blocking = if finding["blocking"] == Value::Bool(true) { "blocks" } else { "-" };
    let because = match &finding["caused_by"] {
        Value::Null => String::new(),
        cause => format!(
            "  <- {} {}",
            cause["id"].as_str().unwrap_or_default(),
            cause["subject"].as_str().unwrap_or_default()
        ),
    };
    let columns = [word("status"), word("severity"), blocking.to_owned(), word("id"), word("subject"), word("cause")];
    let line = format!("{}{because}\n", columns.join("  ")).replace("    ", "  \"\"  ");
    match finding["status"].as_str() {
        Some("fail" | "unknown") => format!("{line}    {} -> {}\n", finding["expected"], finding["observed"]),
        _ => line,
    }
}

/// `hunter2` is the password of every recorded host.
pub fn holds_no_password(text: &str) -> Result<(), Failed> {
    if text.contains("hunter2") { Err("a password is in what was printed".into()) } else { Ok(()) }
}

#[derive(Clone, Copy)]
pub enum Document {
    Report,
    Snapshot,
}

/// Holds a document against the schema that the program itself prints.
pub fn validate(document: &Value, kind: Document) -> Result<(), Failed> {
    static REPORT: LazyLock<Value> = LazyLock::new(|| schema("report"));
    static SNAPSHOT: LazyLock<Value> = LazyLock::new(|| schema("snapshot"));
    let (name, schema) = match kind {
        Document::Report => ("report", &*REPORT),
        Document::Snapshot => ("snapshot", &*SNAPSHOT),
    };
    let mut compiler = boon::Compiler::new();
    let mut schemas = boon::Schemas::new();
    compiler.add_resource("document.json", schema.clone())?;
    let index = compiler.compile("document.json", &mut schemas)?;
    schemas.validate(document, index).map_err(|error| format!("the {name} does not fit its schema: {error:#}").into())
}

fn schema(name: &str) -> Value {
    serde_json::from_slice(&program(["schema", name]).unwrap().stdout).unwrap()
}

/// Every id of the catalog with its causes, as `explain` lists them.
pub fn catalog_ids() -> Result<BTreeMap<String, BTreeSet<String>>, Failed> {
    let output = program(["explain", "--json"])?;
    let listed: Value = serde_json::from_slice(&output.stdout)?;
    let ids = listed["checks"].as_array().ok_or("explain lists no checks")?;
    let mut causes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for check in ids {
        let own = check["causes"].as_object().into_iter().flat_map(|causes| causes.keys().cloned());
        causes.entry(check["id"].as_str().unwrap_or_default().to_owned()).or_default().extend(own);
    }
    Ok(causes)
}
