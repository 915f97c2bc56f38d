//! The end of a run that has no report.

use std::io::Write;

use serde_json::json;

use crate::exit::Exit;

/// Words to stderr; for what is nobody's typing also a document to stdout, for the program that waits for one.
pub fn print(message: &str, exit: Exit, wants_json: bool) {
    let _ = writeln!(std::io::stderr().lock(), "error: {message}");
    if exit != Exit::Usage && wants_json {
        let document = json!({
            "schema": "hostready/error", "schema_version": "1.0", "exit_code": exit.code(), "failed": true,
            "changed": false, "msg": message, "comment": message,
        });
        let _ = writeln!(std::io::stdout().lock(), "{document}");
    }
}
