//! `console.txt`: what a person types at a remote console to rebuild this host's network without us.

use crate::model::Snapshot;

pub fn render(snapshot: &Snapshot) -> String {
    format!("# {} as of {}\n", snapshot.host.hostname.as_deref().unwrap_or("this host"), snapshot.taken_at)
}
