//! How a failed system call becomes a reading.

use std::io;
use std::path::Path;

use crate::model::{Reading, TroubleCause};

/// Missing is an answer, `Absent`; everything else is a look that failed. `doing` reads on with the
/// path: `cannot list` + `/var/log`.
pub fn reading<T>(doing: &str, path: &Path, error: &io::Error) -> Reading<T> {
    match error.kind() {
        io::ErrorKind::NotFound => Reading::Absent,
        _ => unreadable(doing, path, error),
    }
}

/// As `reading`, for what every host has: missing is a failure, too.
pub fn unreadable<T>(doing: &str, path: &Path, error: &io::Error) -> Reading<T> {
    let cause = match error.kind() {
        io::ErrorKind::PermissionDenied => TroubleCause::Denied,
        io::ErrorKind::TimedOut => TroubleCause::TimedOut,
        _ => TroubleCause::Failed,
    };
    Reading::unreadable(cause, format!("{doing} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(reading: Reading<()>) -> Option<TroubleCause> {
        match reading {
            Reading::Unreadable(trouble) => Some(trouble.cause),
            _ => None,
        }
    }

    #[test]
    fn only_missing_is_absent() {
        let path = Path::new("/x");
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(reading::<()>("cannot read", path, &missing), Reading::Absent);
        assert_eq!(cause(unreadable("cannot read", path, &missing)), Some(TroubleCause::Failed));
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        assert_eq!(cause(reading("cannot read", path, &denied)), Some(TroubleCause::Denied));
        assert_eq!(cause(reading("cannot read", path, &io::Error::other("no"))), Some(TroubleCause::Failed));
    }
}
