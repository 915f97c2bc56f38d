//! ovn-controller, over its control socket.

use std::path::Path;
use std::time::Instant;

use super::ovsdb::Database;
use super::socket::{self, Fault};
use super::{files, locks};
use crate::model::answer::{Lock, OvnController};
use crate::model::{Reading, TroubleCause};

const SERVICE: &str = "ovn-controller";

/// What it says of itself; absent where none runs. A PID file that nobody holds a lock on was left behind, whoever
/// has that number now.
pub fn controller(run_directory: &Path, deadline: Instant) -> Reading<OvnController> {
    let pidfile = run_directory.join("ovn-controller.pid");
    let content = match (locks::holder(&pidfile), files::content(&pidfile)) {
        (Reading::Known(Lock { holder: Some(_) }), Reading::Known(content)) => content,
        (Reading::Unreadable(trouble), _) | (_, Reading::Unreadable(trouble)) => return Reading::Unreadable(trouble),
        _ => return Reading::Absent,
    };
    // The number in the file names the socket also where the process lives in another namespace of numbers.
    let Some(pid) = std::str::from_utf8(&content).ok().and_then(|text| text.trim().parse::<u32>().ok()) else {
        let detail = format!("{} holds no number of a process", pidfile.display());
        return Reading::unreadable(TroubleCause::Malformed, detail);
    };
    let path = run_directory.join(format!("ovn-controller.{pid}.ctl"));
    match socket::reading(SERVICE, &path, ask(&path, deadline)) {
        Reading::Absent => {
            let detail = format!("{SERVICE} runs, and its control socket {} is gone", path.display());
            Reading::unreadable(TroubleCause::Failed, detail)
        }
        reading => reading,
    }
}

fn ask(path: &Path, deadline: Instant) -> Result<OvnController, Fault> {
    let mut daemon = Database::connect(path, deadline)?;
    let connection = text(&daemon.call("connection-status", &[])?)?.trim().to_owned();
    // `ovn-controller 23.03.1` on the first line
    let version = text(&daemon.call("version", &[])?)?;
    let version = version.lines().next().and_then(|line| line.split_whitespace().nth(1)).map(str::to_owned);
    Ok(OvnController { connection, version })
}

fn text(result: &[u8]) -> Result<String, Fault> {
    serde_json::from_slice(result).map_err(|error| Fault::malformed(error.to_string()))
}
