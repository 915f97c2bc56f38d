//! The document of what was just read.

use std::io::{self, Write};

use super::Stays;
use crate::catalog::Check;
use crate::catalog::kind::packages::STATUS;
use crate::commands::assemble::{tool, waive};
use crate::commands::load::Subject;
use crate::commands::look::Looked;
use crate::commands::masked::masked;
use crate::exit::Exit;
use crate::facts::packages;
use crate::judge::remember;
use crate::model::report::{Host, Verdict};
use crate::model::snapshot::{Remembered, SCHEMA, SCHEMA_VERSION, Unreadable};
use crate::model::{Answer, Query, Reading, Snapshot};

/// What was read, before it is kept anywhere.
pub fn of(name: String, looked: Looked, subject: &Subject) -> anyhow::Result<Snapshot> {
    let Looked { host, mut findings, answers, .. } = looked;
    waive(&mut findings, subject);
    let compared: Vec<&Check> = subject
        .catalog
        .checks
        .iter()
        .filter(|check| check.needs_baseline && host.profiles.contains(&check.profile))
        .collect();
    let needed = remember::needed(&compared, &subject.catalog.settings);
    let for_people = remember::questions(&compared, &subject.catalog.settings);
    let (mut kept, mut unreadable) = (Remembered::default(), Vec::new());
    for (query, asked) in answers.0 {
        let is_needed = remember::is_needed(&query, &needed);
        if let (true, Reading::Unreadable(trouble)) = (is_needed, &asked.reading) {
            unreadable.push(Unreadable { question: query.to_string(), detail: trouble.detail.clone() });
        }
        // By which way the agent was connected says later what explains that it no longer is.
        let is_way = matches!(query, Query::Connections(_));
        if is_needed || is_way || for_people.contains(&query) {
            let reading = masked(&query, thinned(&query, asked.reading))?;
            kept.0.insert(query, reading);
        }
    }
    let exit = if unreadable.is_empty() { Exit::Ready } else { Exit::Incomplete };
    let msg = format!("{name}: printed and not kept{}", incompleteness(&unreadable));
    Ok(Snapshot { name, unreadable, findings, answers: kept, ..bare(msg, exit, host, subject) })
}

/// What there is to say of what could not be read.
pub fn incompleteness(unreadable: &[Unreadable]) -> String {
    match unreadable {
        [] => String::new(),
        [first] => format!("; incomplete: {}", first.detail),
        [first, rest @ ..] => format!("; incomplete: {} (and {} more)", first.detail, rest.len()),
    }
}

/// An earlier baseline stays: what was just read is not kept, and not shown either, so that nobody keeps it elsewhere and
/// compares with it.
pub fn of_what_stays(stays: Stays, host: Host, subject: &Subject) -> Snapshot {
    let named = stays.baseline.named();
    let (exit, whole) = match stays.verdict {
        Verdict::Blocked => (Exit::Ready, "the host has not come back whole"),
        _ => (Exit::Incomplete, "nobody can tell whether the host has come back whole"),
    };
    let msg = format!(
        "the baseline of {} stays: {whole} since ({}): {}; --replace without --name overrides",
        named.taken_at,
        stays.since.join(", "),
        stays.message
    );
    let name = named.name.clone();
    Snapshot { name, findings: stays.findings, kept: Some(named), ..bare(msg, exit, host, subject) }
}

fn bare(msg: String, exit: Exit, host: Host, subject: &Subject) -> Snapshot {
    Snapshot {
        schema: SCHEMA.to_owned(),
        schema_version: SCHEMA_VERSION.to_owned(),
        tool: tool(subject),
        name: String::new(),
        taken_at: subject.asked_at.clone(),
        changed: false,
        exit_code: exit.code(),
        failed: exit.is_failure(),
        comment: msg.clone(),
        msg,
        kept: None,
        armed_until: None,
        host,
        unreadable: Vec::new(),
        findings: Vec::new(),
        answers: Remembered::default(),
    }
}

/// The text of it, as it is kept and as it is printed.
pub fn write(snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(out, snapshot).map_err(io::Error::from)
}

/// Of dpkg's database the few fields that are ever compared.
fn thinned(query: &Query, reading: Reading<Answer>) -> Reading<Answer> {
    match (query, reading) {
        (Query::File(path), Reading::Known(Answer::Text(bytes))) if path == STATUS => {
            Reading::Known(Answer::Text(packages::thinned(&bytes)))
        }
        (_, reading) => reading,
    }
}
