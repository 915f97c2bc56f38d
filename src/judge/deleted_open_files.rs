//! Deleted files that processes still hold, on the filesystems that an upgrade writes to.

use serde_json::json;

use super::outcome::{NOT_NEEDED, Outcome};
use crate::catalog::kind::filesystem::DeletedOpen as Spec;
use crate::facts::Facts;
use crate::model::answer::{DeletedFile, DeletedOpen, Space};
use crate::model::gather::Arrange as _;
use crate::model::sorted::SortedMap;
use crate::model::{Query, Reading, TroubleCause};
use crate::units::Bytes;

pub fn judge(spec: &Spec, facts: &Facts<'_>) -> Vec<Outcome> {
    let deleted = match facts.reading::<DeletedOpen>(&Query::DeletedOpen) {
        Reading::Known(deleted) => deleted,
        Reading::Unreadable(trouble) if trouble.cause == TroubleCause::NotAsked => {
            let detail = "no checked filesystem is short of space; `--only disk.deleted-open` looks anyway";
            return vec![Outcome::skip("", NOT_NEEDED, detail)];
        }
        Reading::Unreadable(trouble) => return vec![Outcome::unknown("", &trouble)],
        Reading::Absent => return vec![Outcome::skip("", NOT_NEEDED, "no process table")],
    };
    let mut filesystems: SortedMap<&str, &Space> = SortedMap::new();
    for space in spec.paths.keys().filter_map(|path| facts.space(path).known()) {
        filesystems.insert(&space.device, space);
    }
    filesystems.values().map(|space| judge_filesystem(spec, space, deleted).asking(Query::DeletedOpen)).collect()
}

fn judge_filesystem(spec: &Spec, space: &Space, deleted: &DeletedOpen) -> Outcome {
    let mut held: Vec<&DeletedFile> = deleted.files.iter().filter(|file| file.device == space.device).collect();
    held.arrange_by_key(|file| std::cmp::Reverse(file.bytes));
    let total: u64 = held.iter().map(|file| file.bytes).sum();
    let share = u64::try_from(u128::from(space.size) * u128::from(spec.from_percent) / 100).unwrap_or(u64::MAX);
    let from = spec.from.0.min(share);
    let is_much = total > 0 && total >= from;

    let mut detail = format!("deleted files that are still open take up {} of {}", Bytes(total), space.mount_point);
    if is_much {
        let holders: Vec<String> = held.iter().take(3).map(|file| holder(file)).collect();
        detail.push_str(&format!("; held by {}", holders.join(", ")));
    }
    let outcome = match (is_much, deleted.processes_denied) {
        (true, _) => Outcome::fail(&space.mount_point, None, detail),
        (false, 0) => Outcome::pass(&space.mount_point, detail),
        (false, denied) => {
            let processes = if denied == 1 { "process" } else { "processes" };
            let detail = format!("the descriptors of {denied} {processes} could not be read");
            Outcome::undetermined(&space.mount_point, TroubleCause::Denied.as_str(), detail)
        }
    };
    let rows: Vec<_> = held
        .iter()
        .take(20)
        .map(|file| {
            json!({
                "path": file.path, "bytes": file.bytes, "inode": file.inode,
                "pid": file.pid, "command": file.command, "unit": file.unit,
            })
        })
        .collect();
    outcome.expecting("bytes_below", from).observing("bytes", total).observing("files", rows)
}

fn holder(file: &DeletedFile) -> String {
    let unit = file.unit.as_ref().map_or_else(String::new, |unit| format!(" of {unit}"));
    format!("{} (pid {}{unit}): {} {}", file.command, file.pid, file.path, Bytes(file.bytes))
}
