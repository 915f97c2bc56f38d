//! A recorded host, changed as a scenario says, and put before the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use libtest_mimic::Failed;
use serde::Deserialize;
use serde_json::{Map, Value};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hostready");

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
    edit: Map<String, Value>,
    /// The configuration of the host in place of the recorded one.
    configuration: Option<String>,
    #[serde(default)]
    arguments: Vec<String>,
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
        let recording = written.recording()?;
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("host.json");
        fs::write(&file, serde_json::to_vec(&recording)?)?;
        let run = |format: &str| {
            let mut command = Command::new(PROGRAM);
            command.arg("check").arg("--from").arg(&file).args(["--format", format]).args(&written.arguments);
            command.env_remove("HOSTREADY_BLESS").output()
        };
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
    fn recording(&self) -> Result<Value, Failed> {
        let mut recording: Value = parse(&here().join("bases").join(format!("{}.json", self.base)))?;
        for name in &self.as_in {
            let other: Written = parse(&here().join("scenarios").join(name).join("scenario.json"))?;
            merge(&mut recording, &other.patch);
            edit(&mut recording, &other.edit)?;
        }
        merge(&mut recording, &self.patch);
        edit(&mut recording, &self.edit)?;
        if let Some(configuration) = &self.configuration {
            recording["configuration"] =
                serde_json::json!([{"name": "/etc/hostready/config.toml", "text": configuration, "checks": false}]);
        }
        Ok(recording)
    }
}

/// Changes long texts in a few places. An edit that fits nowhere, or twice, is an error: the base has changed.
fn edit(recording: &mut Value, edits: &Map<String, Value>) -> Result<(), Failed> {
    for (question, pairs) in edits {
        let text = &mut recording["answers"][question]["reading"]["known"]["text"];
        let mut edited = text.as_str().ok_or_else(|| format!("`{question}` has no text to edit"))?.to_owned();
        for pair in pairs.as_array().into_iter().flatten() {
            let (Some(old), Some(new)) = (pair[0].as_str(), pair[1].as_str()) else {
                return Err(format!("the edits of `{question}` are pairs of texts").into());
            };
            if edited.matches(old).count() != 1 {
                return Err(format!("{old:?} occurs {} times in `{question}`", edited.matches(old).count()).into());
            }
            edited = edited.replace(old, new);
        }
        *text = Value::String(edited);
    }
    Ok(())
}

impl Outcome {
    /// The text that a person reads, then every row, without what differs from run to run.
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        for line in self.text.lines() {
            let line = match line.split_once(" in ").and_then(|(counts, rest)| Some((counts, rest.split_once(" ms")?)))
            {
                Some((counts, (digits, rest))) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                    format!("{counts} in N ms{rest}")
                }
                _ => line.to_owned(),
            };
            shown.push_str(&line);
            shown.push('\n');
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

/// Holds a report against the schema that the program itself prints.
pub fn validate(report: &Value) -> Result<(), Failed> {
    static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
        let output = Command::new(PROGRAM).args(["schema", "report"]).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    });
    let mut compiler = boon::Compiler::new();
    let mut schemas = boon::Schemas::new();
    compiler.add_resource("report.json", SCHEMA.clone())?;
    let index = compiler.compile("report.json", &mut schemas)?;
    schemas.validate(report, index).map_err(|error| format!("the report does not fit its schema: {error:#}").into())
}

/// Every id of the catalog with its causes, as `explain` lists them.
pub fn catalog_ids() -> Result<BTreeMap<String, BTreeSet<String>>, Failed> {
    let output = Command::new(PROGRAM).args(["explain", "--json"]).output()?;
    let listed: Value = serde_json::from_slice(&output.stdout)?;
    let ids = listed["checks"].as_array().ok_or("explain lists no checks")?;
    let mut causes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for check in ids {
        let own = check["causes"].as_object().into_iter().flat_map(|causes| causes.keys().cloned());
        causes.entry(check["id"].as_str().unwrap_or_default().to_owned()).or_default().extend(own);
    }
    Ok(causes)
}

/// RFC 7396
fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        if !patch.is_null() {
            *into = patch.clone();
        }
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Value::Object(target) = into else { return };
    for (key, value) in fields {
        match value {
            Value::Null => drop(target.remove(key)),
            value => merge(target.entry(key.clone()).or_insert(Value::Null), value),
        }
    }
}

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts")
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, Failed> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}
