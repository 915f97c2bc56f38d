//! The least that a client of ovsdb-server can do: ask, and read the reply to its end.

#[path = "../../src/host/live/ovsdb/columns.rs"]
mod columns;

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use columns::TABLES;

/// Rows of one transaction.
const BATCH: usize = 500;

/// Asks for the same rows as `hostready check`, and throws them away.
pub fn select(socket: &str) -> Result<Vec<u8>> {
    let selects =
        TABLES.iter().map(|(table, columns)| json!({"op": "select", "table": table, "where": [], "columns": columns}));
    transact(socket, selects.collect())
}

/// Puts the ports of these numbers on bridge `br-int`: of guests where they are called `tap`, or else uplinks.
pub fn fill(socket: &str, prefix: &str, from: &str, to: &str) -> Result<()> {
    let numbers: Vec<usize> = (from.parse()?..to.parse()?).collect();
    for numbers in numbers.chunks(BATCH) {
        let mut operations = Vec::new();
        for number in numbers {
            operations.extend(insert(prefix, *number));
        }
        let named: Vec<Value> = numbers.iter().map(|number| json!(["named-uuid", format!("p{number}")])).collect();
        operations.push(json!({
            "op": "mutate", "table": "Bridge", "where": [["name", "==", "br-int"]],
            "mutations": [["ports", "insert", ["set", named]]],
        }));
        let reply = transact(socket, operations)?;
        ensure!(!reply.windows(9).any(|at| at == b"\"details\""), "{}", String::from_utf8_lossy(&reply));
    }
    Ok(())
}

fn insert(prefix: &str, number: usize) -> [Value; 2] {
    let [high, low] = [number >> 8, number & 0xff];
    let mac = format!("fa:16:3e:00:{high:02x}:{low:02x}");
    let id = format!("8e1f0c5a-7d3b-4c19-9a52-{number:012x}");
    let guest = json!([["attached-mac", mac], ["iface-id", id], ["iface-status", "active"], ["vm-id", id]]);
    let external_ids = if prefix == "tap" { guest } else { json!([]) };
    let interface = json!({
        "name": format!("{prefix}{number}"), "ofport": number + 1, "mac_in_use": mac, "link_state": "up",
        "admin_state": "up", "external_ids": ["map", external_ids],
    });
    let port = json!({"name": format!("{prefix}{number}"), "interfaces": ["named-uuid", format!("i{number}")]});
    [
        json!({"op": "insert", "table": "Interface", "uuid-name": format!("i{number}"), "row": interface}),
        json!({"op": "insert", "table": "Port", "uuid-name": format!("p{number}"), "row": port}),
    ]
}

fn transact(socket: &str, operations: Vec<Value>) -> Result<Vec<u8>> {
    let params: Vec<Value> = std::iter::once(json!("Open_vSwitch")).chain(operations).collect();
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(json!({"id": 1, "method": "transact", "params": params}).to_string().as_bytes())?;
    let (mut reply, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
    loop {
        let count = stream.read(&mut chunk)?;
        ensure!(count > 0, "ovsdb-server hung up");
        for byte in &chunk[..count] {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth -= 1,
                _ => {}
            }
        }
        reply.extend_from_slice(&chunk[..count]);
        if depth == 0 {
            return Ok(reply);
        }
    }
}
