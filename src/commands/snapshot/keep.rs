//! Gives a snapshot its place on the disk, as a whole or not at all, and lets the oldest go.

use std::io;
use std::path::Path;

use super::{SnapshotVerb, card, document};
use crate::commands::load::Subject;
use crate::commands::write;
use crate::exit::Exit;
use crate::host::snapshots::{self, Snapshots};
use crate::host::store::Store;
use crate::model::Snapshot;

/// What the journal and the plan of a repair take on a host with thousands of ports.
const RESERVE: u64 = 4 << 20;

impl SnapshotVerb {
    /// Makes it the baseline. Where that fails everything is as it was, and the document says so.
    pub(super) fn keep(
        &self,
        snapshot: &mut Snapshot,
        subject: &Subject,
        snapshots: &Snapshots,
        store: &Store,
    ) -> Exit {
        let card = card::of(snapshot, subject);
        snapshot.changed = true;
        snapshot.msg = format!("{} is the baseline{}", snapshot.name, document::incompleteness(&snapshot.unreadable));
        snapshot.comment.clone_from(&snapshot.msg);
        if let Err(error) = place(snapshot, &card, snapshots, self.replace, store) {
            let path = snapshots.path(&snapshot.name);
            snapshot.changed = false;
            snapshot.exit_code = Exit::Internal.code();
            snapshot.failed = true;
            snapshot.msg = format!("not kept: {}: {error}", path.display());
            snapshot.comment.clone_from(&snapshot.msg);
            let stands = match snapshots.baseline_name() {
                Some(name) => format!("the baseline is {name}, as it was"),
                None => "there is no baseline".to_owned(),
            };
            write::say(&format!("error: {}: {error}\nhint: {stands}", path.display()));
            return Exit::Internal;
        }
        self.tidy(snapshot, snapshots, store);
        Exit::Ready
    }

    /// What may fail without costing the snapshot.
    fn tidy(&self, snapshot: &Snapshot, snapshots: &Snapshots, store: &Store) {
        let warn = |path: &Path, error: &io::Error| write::say(&format!("warning: {}: {error}", path.display()));
        for directory in [&snapshots.state, &snapshots.directory()] {
            if let Err(error) = store.sweep(directory) {
                warn(directory, &error);
            }
        }
        let names = snapshots.names().unwrap_or_default();
        let by_time: Vec<&String> = names.iter().filter(|name| snapshots::is_by_time(name)).collect();
        let old = by_time.into_iter().rev().skip(self.keep.max(1));
        for name in old.filter(|name| **name != snapshot.name) {
            if let Err(error) = store.remove(&snapshots.path(name)) {
                warn(&snapshots.path(name), &error);
            }
        }
        if let Err(error) = store.reserve(&snapshots.reserve(), RESERVE) {
            warn(&snapshots.reserve(), &error);
            write::say("hint: a repair would find no room for its journal there, and would keep it under /run");
        }
    }
}

fn place(snapshot: &Snapshot, card: &str, snapshots: &Snapshots, replaces: bool, store: &Store) -> io::Result<()> {
    store.make_directory(&snapshots.directory())?;
    let mut staged = store.stage();
    staged.file(&snapshots.path(&snapshot.name), replaces, &mut |out| document::write(snapshot, out))?;
    staged.file(&snapshots.console_card(), true, &mut |out| out.write_all(card.as_bytes()))?;
    // The link comes last: it makes the rest count.
    staged.link(&snapshots.baseline_link(), Path::new(&format!("snapshots/{}.json", snapshot.name)))?;
    staged.commit()
}
