//! A recorded host, changed as a scenario says.

use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Failed;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Question → pairs of an old text and a new one.
pub type Edits = Map<String, Value>;

/// How a recording is made from one of `bases/`.
pub struct Recording<'a> {
    pub base: &'a str,
    pub as_in: &'a [String],
    pub patch: &'a Value,
    pub edit: &'a Edits,
    pub configuration: Option<&'a str>,
}

/// What of another scenario counts where one is to be as in it.
#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    patch: Value,
    #[serde(default)]
    edit: Edits,
}

/// The names of the whole recordings.
pub fn bases() -> Vec<String> {
    let files = fs::read_dir(here().join("bases")).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

impl Recording<'_> {
    pub fn build(&self) -> Result<Value, Failed> {
        let mut recording: Value = parse(&here().join("bases").join(format!("{}.json", self.base)))?;
        for name in self.as_in {
            let other: Fault = parse(&here().join("scenarios").join(name).join("scenario.json"))?;
            merge(&mut recording, &other.patch);
            edit(&mut recording, &other.edit)?;
        }
        merge(&mut recording, self.patch);
        edit(&mut recording, self.edit)?;
        if let Some(configuration) = self.configuration {
            recording["configuration"] =
                serde_json::json!([{"name": "/etc/hostready/config.toml", "text": configuration, "checks": false}]);
        }
        Ok(recording)
    }
}

/// Changes long texts in a few places. An edit that fits nowhere, or twice, is an error: the base has changed.
fn edit(recording: &mut Value, edits: &Edits) -> Result<(), Failed> {
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

pub fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hosts")
}

pub fn parse<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T, Failed> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()).into())
}
