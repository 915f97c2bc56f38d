//! Runs are kept for those who ask what was done to this host, and not for ever: on a full /var they must not be what
//! fills it.

use std::time::{Duration, SystemTime};

use anyhow::Context;

use super::Worker;
use super::back::{Past, last, past};
use crate::commands::follow::homes;
use crate::fix::standing::Left;
use crate::model::plan::Deed;

/// Whatever their age: a clock may be wrong.
const ALWAYS: usize = 10;
/// No more than these, and none of them longer than so.
const MOST: usize = 50;
const LONGEST: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// Goes before the run that is about to begin, so that this one finds room.
pub fn prune(worker: &mut Worker) {
    let (past, _) = past(&homes(&worker.state()));
    for old in outlived(&past, SystemTime::now()) {
        let gone = old.runs.forget(&old.run).with_context(|| format!("cannot remove the old run {}", old.run));
        worker.notices.extend(gone.err().map(|error| format!("warning: {error:#}")));
    }
}

/// Never what is open, what `undo` means without a name, or what alone knows where something was put.
fn outlived(past: &[Past], now: SystemTime) -> impl Iterator<Item = &Past> {
    let latest = last(past).map(|past| &past.run);
    past.iter()
        .rev()
        .enumerate()
        .filter(move |(number, past)| *number >= MOST || *number >= ALWAYS && is_old(past, now))
        .map(|(_, past)| past)
        .filter(move |past| past.standing.left() == Left::Nothing && Some(&past.run) != latest && !keeps(past))
}

fn is_old(past: &Past, now: SystemTime) -> bool {
    let begun = past.lines.first().and_then(|line| humantime::parse_rfc3339(&line.at).ok());
    begun.and_then(|begun| now.duration_since(begun).ok()).is_some_and(|age| age > LONGEST)
}

/// Logs in an archive, a file set aside in the state directory: `undo` puts back what lies there.
fn keeps(past: &Past) -> bool {
    past.standing.to_undo().flat_map(|(_, _, undoes)| undoes).any(|deed| match deed {
        Deed::Unpack { from } => std::path::Path::new(from).exists(),
        Deed::File { path, content: None } => {
            let path = std::path::Path::new(path);
            path.starts_with(&past.runs.state) && path.exists()
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fix::standing::Standing;
    use crate::fix::tests::planned;
    use crate::host::runs::Runs;
    use crate::model::plan::{Planned, Step};
    use crate::model::report::ActionState;
    use crate::model::run::{Entry, Line, Request};

    const NOW: &str = "2026-11-20T09:00:00Z";

    fn run(number: usize, at: &str, undoes: Vec<Deed>, is_ended: bool) -> Past {
        let step = Step { does: Deed::Remove(Vec::new()), undoes };
        let planned = Planned { steps: vec![step], ..planned("logs.archive", "/var") };
        let request: Request = serde_json::from_value(serde_json::json!({
            "run": "", "wanted": [], "accepted": [], "lock_timeout_s": 0, "timeout_s": 0, "profiles": [], "state": "",
            "fail_on": "block",
        }))
        .unwrap();
        let mut entries = vec![
            Entry::Begun { boot_id: None, request: Box::new(request) },
            Entry::Planned { actions: vec![planned] },
            Entry::Intent { action: 0, step: 0 },
        ];
        if is_ended {
            entries.push(Entry::Done { action: 0, step: 0, already: false });
            entries.push(Entry::Judged { action: 0, state: ActionState::Applied, error: None });
            entries.push(Entry::Ended { exit_code: 0, message: String::new() });
        }
        let lines: Vec<Line> = entries.into_iter().map(|what| Line { at: at.to_owned(), what }).collect();
        let standing = Standing::of(&lines);
        Past { runs: Runs { state: "/nowhere".into() }, run: format!("{number:04}"), lines, standing }
    }

    fn gone(past: &[Past]) -> Vec<&str> {
        let now = humantime::parse_rfc3339(NOW).unwrap();
        outlived(past, now).map(|past| past.run.as_str()).collect()
    }

    #[test]
    fn the_last_ones_stay_and_of_the_older_none_that_somebody_needs() {
        let recent = "2026-11-19T09:00:00Z";
        let mut past: Vec<Past> = (0..MOST + 3).map(|number| run(number, recent, Vec::new(), true)).collect();
        assert_eq!(gone(&past), ["0002", "0001", "0000"]);
        past[1] = run(1, recent, Vec::new(), false);
        let archive = tempfile::NamedTempFile::new().unwrap();
        let from = archive.path().to_str().unwrap().to_owned();
        past[2] = run(2, recent, vec![Deed::Unpack { from: from.clone() }], true);
        assert_eq!(gone(&past), ["0000"], "one is cut off, one knows an archive");
        archive.close().unwrap();
        assert_eq!(gone(&past), ["0002", "0000"], "the archive is gone");
    }

    #[test]
    fn what_is_old_goes_but_for_the_last_ones_and_the_one_that_undo_means() {
        let old = "2026-01-01T09:00:00Z";
        let mut past: Vec<Past> = (0..ALWAYS + 2).map(|number| run(number, old, Vec::new(), true)).collect();
        assert_eq!(gone(&past), ["0001", "0000"]);
        past[1] = run(1, "2026-11-01T09:00:00Z", Vec::new(), true);
        assert_eq!(gone(&past), ["0000"]);
        for past in &mut past[1..] {
            past.standing.actions.clear();
        }
        assert!(gone(&past).is_empty(), "the last one that did anything");
    }
}
