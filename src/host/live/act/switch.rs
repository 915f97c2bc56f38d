//! What is done to Open vSwitch: one transaction of its database, and the switch that has followed it.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::host::change::NotDone;
use crate::host::live::ovsdb::{Database, progress};
use crate::host::live::socket::Fault;
use crate::host::live::{locks, processes};
use crate::model::plan::Transaction;
use crate::model::{Reading, answer::Lock};

const VSWITCHD: &str = "ovs-vswitchd";

/// For a look at a switch that is at rest.
const LOOK: Duration = Duration::from_secs(5);
/// For the database to take it.
const COMMIT: Duration = Duration::from_secs(10);
/// For the switch to follow: it opens devices one after the other, and a bond of many takes its time.
const FOLLOW: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// Commits all operations or none, and is back once vswitchd has taken them up. A database that nobody follows is left
/// as it is: what is written into it would be made whenever vswitchd comes back, with nobody watching.
pub fn commit(transaction: &Transaction) -> Result<(), NotDone> {
    let socket = Path::new(&transaction.socket);
    follows(socket)?;
    let mut operations = operations(transaction)?;
    let fault = |fault: &Fault| NotDone::new(format!("{} at {}: {fault}", "ovsdb-server", socket.display()));
    let mut database = Database::connect(socket, Instant::now() + COMMIT).map_err(|it| fault(&it))?;
    resolve(&mut operations, &mut database)?;
    let reply = match database.transact(&operations) {
        Ok(reply) => reply,
        Err(Fault::Failed(words)) => return Err(refused(&words)),
        // Asked and not answered: it may have been committed.
        Err(it) => return Err(NotDone::new(format!("{}; whether it was committed is not known", fault(&it)))),
    };
    let wanted = wanted(&reply).ok_or_else(|| NotDone::new("committed, and the reply makes no sense"))?;
    let begun = Instant::now();
    let mut database = Database::connect(socket, begun + FOLLOW + LOOK).map_err(|it| fault(&it))?;
    loop {
        let seen = database.progress().map_err(|it| fault(&it))?;
        match seen {
            Some(seen) if seen.current >= wanted => return Ok(()),
            _ if begun.elapsed() < FOLLOW => thread::sleep(POLL),
            _ => return Err(NotDone::new(format!("committed, and {VSWITCHD} has not taken it up for {FOLLOW:?}"))),
        }
    }
}

/// Fails where no vswitchd runs, or one runs that does not keep up.
fn follows(socket: &Path) -> Result<(), NotDone> {
    let refuse = |why: String| Err(NotDone::new(format!("{why}; nothing was changed in its database")));
    if !is_running(socket) {
        return refuse(format!("{VSWITCHD} does not run"));
    }
    match progress(socket, Instant::now() + LOOK) {
        Reading::Known(seen) if seen.current >= seen.next => Ok(()),
        Reading::Known(seen) => {
            refuse(format!("{VSWITCHD} does not keep up: it is at {} of {}", seen.current, seen.next))
        }
        // A database without its first row: to set it up may be what is to be done.
        Reading::Absent if socket.exists() => Ok(()),
        Reading::Absent => refuse(format!("{} is missing", socket.display())),
        Reading::Unreadable(trouble) => refuse(trouble.detail),
    }
}

/// It holds a lock on its PID file, or a process of its name is there.
fn is_running(socket: &Path) -> bool {
    let pidfile = socket.with_file_name(format!("{VSWITCHD}.pid"));
    matches!(locks::holder(&pidfile), Reading::Known(Lock { holder: Some(_) }))
        || processes::named(Path::new("/proc"), VSWITCHD).known().is_some_and(|pids| !pids.is_empty())
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
    operations.extend([
        json!({"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [["next_cfg", "+=", 1]]}),
        json!({"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}),
        json!({"op": "comment", "comment": format!("hostready: {}", transaction.words.join("; "))}),
    ]);
    Ok(operations)
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
fn resolve(operations: &mut [Value], database: &mut Database) -> Result<(), NotDone> {
    for operation in operations {
        resolve_in(operation, database)?;
    }
    Ok(())
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
            Err(NotDone { why, outdated: true })
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
    if words.starts_with("timed out") {
        let why = "the switch has changed since it was looked at; nothing was changed".to_owned();
        return NotDone { why, outdated: true };
    }
    NotDone::new(format!("ovsdb-server refused it, and nothing was changed: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert!(refused("timed out: where clause test").outdated);
        assert!(!refused("constraint violation: x").outdated);
    }

    #[test]
    fn without_a_server_nothing_is_done() {
        let error = commit(&transaction(vec![])).unwrap_err();
        assert!(error.why.contains("nothing was changed"), "{error}");
    }
}
