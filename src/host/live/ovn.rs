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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Duration;

    use super::super::socket::fake;
    use super::*;

    fn asked(path: &Path) -> Reading<OvnController> {
        socket::reading(SERVICE, path, ask(path, fake::soon()))
    }

    #[test]
    fn a_controller_says_whether_it_is_connected() {
        // As ovn-controller 23.03.1 answers, which sends ids and results of its own order.
        let server = fake::service(|mut stream| {
            for reply in [
                r#"{"error":null,"id":1,"result":"not connected\n"}"#,
                r#"{"error":null,"id":2,"result":"ovn-controller 23.03.1\nOpen vSwitch Library 3.1.0\n"}"#,
            ] {
                assert_ne!(stream.read(&mut [0; 4096]).unwrap(), 0);
                stream.write_all(reply.as_bytes()).unwrap();
            }
        });
        let expected = OvnController { connection: "not connected".to_owned(), version: Some("23.03.1".to_owned()) };
        assert_eq!(asked(&server.path), Reading::Known(expected));
    }

    #[test]
    fn what_is_no_answer_is_told_as_such() {
        for (reply, cause) in [
            (r#"{"error":"\"connection-status\" is not a valid command","id":1,"result":null}"#, TroubleCause::Failed),
            (r#"{"error":null,"id":1,"result":{"connected":true}}"#, TroubleCause::Malformed),
            (r#"{"error":null,"id":1,"result":7}"#, TroubleCause::Malformed),
            ("connected", TroubleCause::Malformed),
        ] {
            let server = fake::saying(reply.as_bytes());
            fake::assert_trouble(cause, || asked(&server.path));
        }
        let hung = fake::hung();
        fake::assert_trouble(TroubleCause::TimedOut, || asked(&hung.path));
    }

    #[test]
    fn a_pid_file_that_nobody_locks_is_no_controller() {
        let directory = tempfile::tempdir().unwrap();
        let deadline = Instant::now() + Duration::from_secs(1);
        assert_eq!(controller(directory.path(), deadline), Reading::Absent);
        std::fs::write(directory.path().join("ovn-controller.pid"), format!("{}\n", std::process::id())).unwrap();
        assert_eq!(controller(directory.path(), deadline), Reading::Absent);
    }
}
