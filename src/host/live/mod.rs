//! The running machine: its kernel, sockets and files, with no child process.

pub mod detour;
mod files;
mod mounts;

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::Observe;
use crate::model::answer::User;
use crate::model::{Answer, Query, Reading, TroubleCause};
use mounts::{Mounts, Place};

/// A probe ends a little before it is written off, so that the row can say what it saw.
const MARGIN: Duration = Duration::from_millis(200);

/// This machine.
#[derive(Debug, Default)]
pub struct Live {
    mounts: OnceLock<Result<Mounts, String>>,
    /// We are the copy that may hang: touch what we are asked for.
    is_detour: bool,
}

impl Live {
    /// The copy of ourselves that asks where others might hang.
    pub fn detour() -> Self {
        Self { is_detour: true, ..Self::default() }
    }

    fn mounts(&self) -> Result<&Mounts, String> {
        self.mounts
            .get_or_init(|| Mounts::read().map_err(|error| format!("/proc/self/mountinfo: {error}")))
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Runs `look` here when the path leads over local filesystems alone, and in an abandoned copy when not.
    fn with_path(
        &self,
        query: &Query,
        path: &str,
        deadline: Instant,
        look: impl FnOnce(&Path, &Mounts) -> Reading<Answer>,
    ) -> Reading<Answer> {
        let mounts = match self.mounts() {
            Ok(mounts) => mounts,
            Err(detail) => return Reading::unreadable(TroubleCause::Failed, detail),
        };
        let path = Path::new(path);
        match mounts.follow(path) {
            Ok(Place::Remote(mount)) if mount.filesystem_type == "autofs" => {
                // Looking would mount it, and a look changes nothing.
                let detail = format!("{} is an automount that is not mounted", mount.point.display());
                Reading::unreadable(TroubleCause::Failed, detail)
            }
            Ok(Place::Remote(mount)) if !self.is_detour => match detour::ask(query, deadline) {
                Reading::Unreadable(trouble) if trouble.cause == TroubleCause::TimedOut => {
                    let detail = format!("{} ({}) does not answer", mount.point.display(), mount.filesystem_type);
                    Reading::unreadable(TroubleCause::TimedOut, detail)
                }
                reading => reading,
            },
            Ok(_) => look(path, mounts),
            Err(error) => files::failed(path, &error),
        }
    }
}

impl Observe for Live {
    fn ask(&self, query: &Query) -> Reading<Answer> {
        let deadline = Instant::now() + query.deadline().saturating_sub(MARGIN);
        match query {
            Query::File(path) => self.with_path(query, path, deadline, |path, _| files::content(path).map(Answer::Text)),
            Query::Exists(path) => {
                self.with_path(query, path, deadline, |path, _| files::exists(path).map(Answer::Exists))
            }
            Query::Directory(path) => {
                self.with_path(query, path, deadline, |path, _| files::names(path).map(Answer::Names))
            }
            Query::Space(path) => {
                self.with_path(query, path, deadline, |path, mounts| files::space(path, mounts).map(Answer::Space))
            }
            Query::User => Reading::Known(Answer::User(User { effective_id: nix::unistd::geteuid().as_raw() })),
            other => Reading::unreadable(TroubleCause::Failed, format!("not yet: {other}")),
        }
    }
}
