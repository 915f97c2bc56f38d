//! What the program under test printed, and what it is expected to say.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Outcome, Tested};

/// One run of the program.
#[derive(Clone, Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
    /// Standard output, where it is JSON.
    pub json: Option<Value>,
}

impl Run {
    pub fn new(outcome: Outcome) -> Self {
        let Outcome { code, stdout, stderr, took, .. } = outcome;
        Self { code, json: serde_json::from_str(&stdout).ok(), stdout, stderr, took }
    }

    pub fn report(&self) -> Result<&Value> {
        self.json.as_ref().with_context(|| format!("no JSON: exit {}\n{}{}", self.code, self.stdout, self.stderr))
    }

    pub fn findings(&self) -> Result<&[Value]> {
        let findings = self.report()?["findings"].as_array();
        findings.map(Vec::as_slice).with_context(|| format!("no findings: exit {}\n{}", self.code, self.stdout))
    }

    /// The exit code, by the process and by the report. Whatever the code: nothing panicked.
    pub fn exits(&self, code: i32) -> Tested {
        for crash in ["panicked", "a bug in hostready"] {
            ensure!(!self.stderr.contains(crash), "it crashed\n{}", self.stderr);
        }
        ensure!(self.code == code, "exited {}, not {code}\n{}\n{}", self.code, self.told(), self.stderr);
        if let Some(said) = self.json.as_ref().and_then(|report| report.get("exit_code")) {
            ensure!(said == code, "the report says exit {said}, and it was {code}");
        }
        Ok(())
    }

    pub fn verdict(&self, verdict: &str) -> Tested {
        let said = &self.report()?["verdict"];
        ensure!(said == verdict, "the verdict is {said}, not {verdict}\n{}", self.told());
        Ok(())
    }

    /// The row of a check about a subject.
    pub fn row(&self, id: &str, subject: &str) -> Result<&Value> {
        let row = self.findings()?.iter().find(|row| row["id"] == id && row["subject"] == subject);
        row.with_context(|| format!("no row {id} {subject}\n{}", self.told()))
    }

    pub fn rows(&self, id: &str) -> Result<Vec<&Value>> {
        Ok(self.findings()?.iter().filter(|row| row["id"] == id).collect())
    }

    pub fn passes(&self, id: &str, subject: &str) -> Tested {
        self.says(id, subject, "pass").map(drop)
    }

    /// Fails so that the verdict is `blocked`.
    pub fn blocks(&self, id: &str, subject: &str, cause: Option<&str>) -> Result<&Value> {
        let row = self.says(id, subject, "fail")?;
        ensure!(row["blocking"] == true, "{id} {subject} does not block\n{row:#}");
        ensure!(row["cause"].as_str() == cause, "{id} {subject}: cause {}, not {cause:?}\n{row:#}", row["cause"]);
        Ok(row)
    }

    /// Fails, and only as a note.
    pub fn notes(&self, id: &str, subject: &str, cause: Option<&str>) -> Result<&Value> {
        let row = self.says(id, subject, "fail")?;
        ensure!(row["severity"] == "info" && row["blocking"] == false, "{id} {subject} is more than a note\n{row:#}");
        ensure!(row["cause"].as_str() == cause, "{id} {subject}: cause {}, not {cause:?}\n{row:#}", row["cause"]);
        Ok(row)
    }

    /// The row has this status.
    pub fn says(&self, id: &str, subject: &str, status: &str) -> Result<&Value> {
        let row = self.row(id, subject)?;
        ensure!(row["status"] == status, "{id} {subject} is not {status}\n{row:#}\n{}", self.told());
        Ok(row)
    }

    /// Nothing is said but passes, skips and notes.
    pub fn is_green(&self) -> Tested {
        let loud = self.loud()?;
        ensure!(loud.is_empty(), "a healthy host raises\n{}", loud.join("\n"));
        let passed = self.findings()?.iter().filter(|row| row["status"] == "pass").count();
        ensure!(passed >= 15, "only {passed} rows pass: nobody looked\n{}", self.told());
        self.verdict("ready")?;
        self.exits(0)
    }

    /// Blocked, and by these rows alone, each `id subject`.
    pub fn blocked_by(&self, expected: &[&str]) -> Tested {
        let name = |row: &Value| format!("{} {}", word(row, "id"), word(row, "subject")).trim().to_owned();
        let blocking = |row: &&Value| row["status"] == "fail" && row["blocking"] == true;
        let mut found: Vec<String> = self.findings()?.iter().filter(blocking).map(name).collect();
        found.sort();
        if found != expected {
            bail!("blocked by {found:?}, not by {expected:?}\n{}", self.told());
        }
        self.verdict("blocked")?;
        self.exits(3)
    }

    /// What fails above `info` or is unknown.
    pub fn loud(&self) -> Result<Vec<String>> {
        let loud = |row: &&Value| row["status"] == "unknown" || row["status"] == "fail" && row["severity"] != "info";
        Ok(self.findings()?.iter().filter(loud).map(line).collect())
    }

    /// What a person needs to see of a run that went otherwise than expected.
    fn told(&self) -> String {
        let Some(findings) = self.json.as_ref().and_then(|report| report["findings"].as_array()) else {
            return format!("{}{}", self.stdout, self.stderr);
        };
        let shown: Vec<String> = findings.iter().filter(|row| row["status"] != "pass").map(line).collect();
        format!("not passed:\n{}", shown.join("\n"))
    }
}

fn word<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

fn line(row: &Value) -> String {
    let words = ["status", "severity", "id", "subject", "cause", "detail"].map(|key| word(row, key));
    format!("  {}", words.join(" "))
}
