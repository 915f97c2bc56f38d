//! Gives a snapshot its place on the disk, as a whole or not at all, and lets the oldest go.

use std::io;
use std::path::Path;

use super::{SnapshotVerb, by_time, card, document};
use crate::commands::load::Subject;
use crate::commands::write;
use crate::exit::Exit;
use crate::host::snapshots::{self, RESERVE, Snapshots};
use crate::host::store::Store;
use crate::model::Snapshot;
use crate::model::report::Baseline;

impl SnapshotVerb {
    /// Makes it the baseline; where it is incomplete and a complete one stands, it is only kept. Where that fails
    /// everything is as it was, and the document says so.
    pub(super) fn keep(
        &self,
        snapshot: &mut Snapshot,
        complete: Option<Baseline>,
        subject: &Subject,
        snapshots: &Snapshots,
        store: &Store,
    ) {
        let card = card::of(snapshot, subject);
        let stands = complete.filter(|_| !snapshot.unreadable.is_empty());
        snapshot.changed = stands.is_none();
        let placed = loop {
            say_what_is_kept(snapshot, stands.as_ref());
            if stands.as_ref().is_some_and(|stands| stands.name == snapshot.name) {
                return;
            }
            let placed = place(snapshot, &card, snapshots, self.replace, store);
            let is_lost = matches!(&placed, Err(error) if error.kind() == io::ErrorKind::AlreadyExists);
            if !is_lost || self.given().is_some() || snapshots.path(&snapshot.name).symlink_metadata().is_err() {
                break placed;
            }
            // Another run of the same second was faster.
            let mut taken = snapshots.names().unwrap_or_default();
            taken.push(std::mem::take(&mut snapshot.name));
            snapshot.name = by_time(&subject.asked_at, taken);
        };
        if let Err(error) = placed {
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
            return;
        }
        self.tidy(snapshot, snapshots, store);
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
        let baseline = snapshots.baseline_name();
        let is_old = |name: &&String| **name != snapshot.name && Some(*name) != baseline.as_ref();
        for name in by_time.into_iter().rev().skip(self.keep.max(1)).filter(is_old) {
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
    if snapshot.changed {
        staged.file(&snapshots.console_card(), true, &mut |out| out.write_all(card.as_bytes()))?;
        // The link comes last: it makes the rest count.
        staged.link(&snapshots.baseline_link(), Path::new(&format!("snapshots/{}.json", snapshot.name)))?;
    }
    staged.commit()
}

fn say_what_is_kept(snapshot: &mut Snapshot, stands: Option<&Baseline>) {
    let (name, incomplete) = (&snapshot.name, document::incompleteness(&snapshot.unreadable));
    snapshot.msg = match stands {
        None => format!("{name} is the baseline{incomplete}"),
        Some(Baseline { name: stands, taken_at }) => {
            let kept =
                if name == stands { "this one is not kept".to_owned() } else { format!("{name} is kept beside it") };
            format!("the baseline of {taken_at} stays, and {kept}{incomplete}; --replace without --name overrides")
        }
    };
    snapshot.comment.clone_from(&snapshot.msg);
}
