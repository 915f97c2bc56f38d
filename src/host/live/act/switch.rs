//! What is done to Open vSwitch: one transaction of its database, and the switch that has followed it.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::host::change::NotDone;
use crate::host::live::ovsdb::Database;
use crate::host::live::socket::Fault;
use crate::host::live::{locks, processes};
use crate::model::plan::Transaction;
use crate::model::{Reading, answer::Lock};

const VSWITCHD: &str = "ovs-vswitchd";

/// For a look at a switch that is at rest, on a host that is busy.
const LOOK: Duration = Duration::from_secs(15);
/// For the database to take it.
const COMMIT: Duration = Duration::from_secs(10);
/// For the switch to follow: it opens devices one after the other, and a bond of many takes its time.
const FOLLOW: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// Commits all operations or none, and is back once vswitchd has taken them up. A database that nobody follows is left
/// as it is: what is written into it would be made whenever vswitchd comes back, with nobody watching.
pub fn commit(transaction: &Transaction) -> Result<(), NotDone> {
    let socket = Path::new(&transaction.socket);
    // Until it is committed there is nothing to take back.
    let operations = ready(transaction, socket).map_err(|not_done| NotDone { outdated: true, ..not_done })?;
    let wanted = transact(socket, &operations)?;
    wait(socket, wanted, FOLLOW)
}

fn ready(transaction: &Transaction, socket: &Path) -> Result<Vec<Value>, NotDone> {
    let mut operations = operations(transaction)?;
    follows(socket)?;
    resolve(&mut operations, socket)?;
    Ok(operations)
}

/// The number of the configuration that the switch is to reach.
fn transact(socket: &Path, operations: &[Value]) -> Result<i64, NotDone> {
    let reply = converse(socket, operations).map_err(|fault| match fault {
        Fault::Failed(words) => refused(&words),
        // Asked and not answered: it may have been committed.
        fault => NotDone::new(format!("{}; whether it was committed is not known", fault_at(socket, &fault).why)),
    })?;
    wanted(&reply).ok_or_else(|| NotDone::new("committed, and the reply makes no sense"))
}

fn converse(socket: &Path, operations: &[Value]) -> Result<Vec<u8>, Fault> {
    Database::connect(socket, Instant::now() + COMMIT)?.transact(operations)
}

fn wait(socket: &Path, wanted: i64, patience: Duration) -> Result<(), NotDone> {
    let begun = Instant::now();
    let committed = |fault: &Fault| NotDone::new(format!("committed, and then {}", fault_at(socket, fault)));
    let mut database = Database::connect(socket, begun + patience + LOOK).map_err(|it| committed(&it))?;
    loop {
        match database.progress().map_err(|it| committed(&it))? {
            Some(seen) if seen.current >= wanted => return Ok(()),
            _ if begun.elapsed() < patience => thread::sleep(POLL),
            _ => return Err(NotDone::new(format!("committed, and {VSWITCHD} has not taken it up for {patience:?}"))),
        }
    }
}

fn fault_at(socket: &Path, fault: &Fault) -> NotDone {
    NotDone::new(format!("ovsdb-server at {}: {fault}", socket.display()))
}

/// Fails where no vswitchd runs, or one runs that hangs: it is asked to count to one more before anything is committed.
fn follows(socket: &Path) -> Result<(), NotDone> {
    // Nothing is to be taken back, which without a switch would fail as well.
    let refuse = |why: &str| Err(NotDone { why: format!("{why}; the switch is as it was"), outdated: true });
    if !is_running(socket) {
        return refuse(&format!("{VSWITCHD} does not run"));
    }
    let reply = match converse(socket, &counted()) {
        Ok(reply) => reply,
        Err(fault) => return refuse(&fault_at(socket, &fault).why),
    };
    // A database without its first row: to set it up may be what is to be done.
    let Some(wanted) = wanted(&reply) else { return Ok(()) };
    match wait(socket, wanted, LOOK) {
        Ok(()) => Ok(()),
        Err(_) => refuse(&format!("{VSWITCHD} runs and does not follow its database")),
    }
}

/// It holds a lock on its PID file, or a process of its name has our network: another's is of another host.
fn is_running(socket: &Path) -> bool {
    let pidfile = socket.with_file_name(format!("{VSWITCHD}.pid"));
    let network = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
    let is_ours = |pid: u32| network(&pid.to_string()).is_some_and(|its| Some(its) == network("self"));
    matches!(locks::holder(&pidfile), Reading::Known(Lock { holder: Some(_) }))
        || processes::named(Path::new("/proc"), VSWITCHD).known().is_some_and(|pids| pids.into_iter().any(is_ours))
}

/// The operations of the plan, and behind them what lets us see that the switch has followed.
fn operations(transaction: &Transaction) -> Result<Vec<Value>, NotDone> {
    let mut operations: Vec<Value> = transaction.operations.iter().cloned().map(Value::Object).collect();
    if Value::Array(operations.clone()).to_string().contains(r#""***""#) {
        return Err(NotDone::new("a value is masked in the baseline and cannot be written back"));
    }
    for operation in &mut operations {
        // Without this it would wait until it is true.
        if operation["op"] == "wait" && operation["timeout"].is_null() {
            operation["timeout"] = json!(0);
        }
    }
    operations.extend(counted());
    operations.push(json!({"op": "comment", "comment": format!("hostready: {}", transaction.words.join("; "))}));
    Ok(operations)
}

/// What makes vswitchd say that it has taken up all up to here.
fn counted() -> [Value; 2] {
    [
        json!({"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [["next_cfg", "+=", 1]]}),
        json!({"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}),
    ]
}

/// What stands for the uuid of a row that did not exist when the plan was made: `["row-of", "Port", "eno1"]`.
const ROW_OF: &str = "row-of";

fn row_of(value: &Value) -> Option<(&str, &str)> {
    match value.as_array()?.as_slice() {
        [tag, table, name] if tag == ROW_OF => Some((table.as_str()?, name.as_str()?)),
        _ => None,
    }
}

/// Puts the uuids of rows in the place of their names.
fn resolve(operations: &mut [Value], socket: &Path) -> Result<(), NotDone> {
    let connected = Database::connect(socket, Instant::now() + COMMIT);
    let mut database = connected.map_err(|fault| fault_at(socket, &fault))?;
    operations.iter_mut().try_for_each(|operation| resolve_in(operation, &mut database))
}

fn resolve_in(value: &mut Value, database: &mut Database) -> Result<(), NotDone> {
    if let Some((table, name)) = row_of(value) {
        let found = uuid(table, name, database)?;
        *value = found;
        return Ok(());
    }
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| resolve_in(item, database)),
        Value::Object(fields) => fields.values_mut().try_for_each(|item| resolve_in(item, database)),
        _ => Ok(()),
    }
}

fn uuid(table: &str, name: &str, database: &mut Database) -> Result<Value, NotDone> {
    let select = json!({"op": "select", "table": table, "where": [["name", "==", name]], "columns": ["_uuid"]});
    let reply = database.transact(&[select]).map_err(|fault| NotDone::new(format!("ovsdb-server: {fault}")))?;
    let found: Value = serde_json::from_slice(&reply).unwrap_or_default();
    match found.pointer("/0/rows/0/_uuid") {
        Some(uuid) => Ok(uuid.clone()),
        None => {
            let why = format!("the switch has changed since: it has no {table} {name} any more; nothing was changed");
            Err(NotDone::new(why))
        }
    }
}

/// The configuration that is to be reached: the last row that the transaction has selected.
fn wanted(reply: &[u8]) -> Option<i64> {
    #[derive(Deserialize)]
    struct Selected {
        #[serde(default)]
        rows: Vec<Row>,
    }
    #[derive(Deserialize)]
    struct Row {
        next_cfg: Option<i64>,
    }
    let results: Vec<Selected> = serde_json::from_slice(reply).ok()?;
    results.iter().rev().flat_map(|result| &result.rows).find_map(|row| row.next_cfg)
}

/// `timed out` is what a `wait` says whose condition does not hold.
fn refused(words: &str) -> NotDone {
    let why = match words.starts_with("timed out") {
        true => "the switch has changed since it was looked at; nothing was changed".to_owned(),
        false => format!("ovsdb-server refused it, and nothing was changed: {words}"),
    };
    NotDone { why, outdated: true }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::host::live::socket::fake;
    use crate::model::run::Holds;

    fn transaction(operations: Vec<Value>) -> Transaction {
        let until = Holds::Bridges { names: vec![], there: true };
        let object = |operation: Value| operation.as_object().cloned().unwrap();
        let operations = operations.into_iter().map(object).collect();
        Transaction { socket: "/none/db.sock".to_owned(), words: vec!["add it".to_owned()], operations, until }
    }

    #[test]
    fn no_wait_waits_and_each_transaction_can_be_followed() {
        let wait = json!({"op": "wait", "table": "Port", "where": [], "columns": [], "until": "==", "rows": []});
        let operations = operations(&transaction(vec![wait])).unwrap();
        assert_eq!(operations[0]["timeout"], 0);
        let ops: Vec<&str> = operations.iter().filter_map(|operation| operation["op"].as_str()).collect();
        assert_eq!(ops, ["wait", "mutate", "select", "comment"]);
        let reply = br#"[{},{"count":1},{"rows":[{"next_cfg":12}]},{}]"#;
        assert_eq!(wanted(reply), Some(12));
        assert_eq!(wanted(br#"[{"rows":[{"name":"x"}]},{"count":0},{"rows":[]},{}]"#), None);
    }

    #[test]
    fn what_is_masked_is_not_written_back() {
        let row = json!({"op": "insert", "table": "Interface", "row": {"options": ["map", [["psk", "***"]]]}});
        assert!(operations(&transaction(vec![row])).unwrap_err().why.contains("masked"));
    }

    #[test]
    fn a_switch_that_changed_meanwhile_is_told_from_one_that_refuses() {
        let [changed, refused] = ["timed out: where clause test", "constraint violation: x"].map(refused);
        assert!(changed.why.contains("has changed since") && refused.why.ends_with("constraint violation: x"));
        assert!(changed.outdated && refused.outdated, "neither left anything to take back");
    }

    /// Answers each request in turn, over however many connections.
    fn server(replies: Vec<Value>) -> fake::Fake {
        let server = fake::directory();
        let listener = UnixListener::bind(&server.path).unwrap();
        thread::spawn(move || {
            let mut replies = replies.into_iter();
            for stream in listener.incoming() {
                let (mut stream, mut id) = (stream.unwrap(), 0);
                while matches!(stream.read(&mut [0; 65536]), Ok(1..)) {
                    id += 1;
                    let result = replies.next().unwrap_or(json!([{"rows": [{"cur_cfg": 1, "next_cfg": 9}]}]));
                    let reply = json!({"id": id, "error": null, "result": result});
                    stream.write_all(reply.to_string().as_bytes()).unwrap();
                }
            }
        });
        server
    }

    #[test]
    fn done_is_what_the_switch_has_followed() {
        let at = |current: i64| json!([{"rows": [{"cur_cfg": current, "next_cfg": 9}]}]);
        let server = server(vec![json!([{"count": 1}, {"rows": [{"next_cfg": 7}]}, {}]), at(5), at(6), at(7)]);
        assert_eq!(transact(&server.path, &[]), Ok(7));
        assert_eq!(wait(&server.path, 7, FOLLOW), Ok(()));
        let error = wait(&server.path, 7, POLL).unwrap_err();
        assert!(error.why.starts_with("committed, and ovs-vswitchd has not taken it up"), "{error}");
    }

    #[test]
    fn a_wait_that_does_not_hold_is_told_as_a_change() {
        let failed = json!([{"error": "timed out", "details": "\"wait\" timed out"}, null, null, null]);
        assert!(transact(&server(vec![failed]).path, &[]).unwrap_err().outdated);
        let hung = fake::service(drop);
        let error = transact(&hung.path, &[]).unwrap_err();
        assert!(error.why.contains("whether it was committed is not known") && !error.outdated, "{error}");
    }

    #[test]
    fn without_a_server_nothing_is_done() {
        let error = commit(&transaction(vec![])).unwrap_err();
        assert!(error.why.contains("the switch is as it was") && error.outdated, "{error}");
    }
}
