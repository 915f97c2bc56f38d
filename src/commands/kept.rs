//! The report that lies beside a journal: what it says of the fixes stays true when they are kept or taken back later.

use std::io;

use crate::exit::Exit;
use crate::fix::standing::Standing;
use crate::fix::told;
use crate::host::runs::Runs;
use crate::model::Report;
use crate::model::plan::Planned;
use crate::report::json;

pub fn keep(runs: &Runs, run: &str, report: &Report) -> io::Result<()> {
    runs.keep_report(run, &|out| json::write(report, out))
}

/// Nothing hangs on it: the journal is what counts.
pub fn amend(runs: &Runs, run: &str) {
    let amended = || -> io::Result<()> {
        let Some(mut report) = runs.report(run)? else { return Ok(()) };
        let standing = Standing::of(&runs.read(run)?);
        let Some((exit_code, message)) = &standing.ended else { return Ok(()) };
        for action in &mut report.actions {
            let is_meant = |planned: &Planned| planned.fix == action.id && planned.subject == action.subject;
            if let Some(acted) = standing.actions.iter().find(|acted| is_meant(&acted.planned)) {
                let now = told::acted(acted);
                (action.state, action.changed, action.error) = (now.state, now.changed, now.error);
            }
        }
        report.pending = None;
        report.changed = standing.has_changed();
        if standing.reverting.is_some() {
            report.exit_code = *exit_code;
            report.failed = Exit::from_code(*exit_code).is_failure();
        }
        report.msg = format!("{}: {message}", report.verdict.as_str());
        report.comment.clone_from(&report.msg);
        keep(runs, run, &report)
    };
    if let Err(error) = amended() {
        super::write::say(&format!("warning: the report in {} is left as it was: {error}", runs.of(run).display()));
    }
}
