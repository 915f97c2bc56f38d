//! The way through a proxy, and which side of it a failure lies on.

use super::exchange::{Fault, Head, exchange, request};
use super::url::Url;
use crate::host::live::transport::Timed;

/// Opens a tunnel to `target`. The error is a whole sentence; `proxy` begins it.
pub fn tunnel(mut stream: Timed, target: &Url, proxy: &str) -> Result<Timed, String> {
    let asked = request(&format!("CONNECT {}", target.endpoint), &target.endpoint.to_string());
    match exchange(&mut stream, &asked) {
        Ok(Head { status: 200..300, rest, .. }) => {
            stream.give_back(&rest);
            Ok(stream)
        }
        Ok(Head { status, .. }) => Err(refused(status, target, proxy)),
        Err(fault) => Err(failed(&fault, proxy)),
    }
}

/// An answer that is the proxy's and not the target's. Where a proxy does not say so itself, its status may.
pub fn speaks_for_itself(head: &Head) -> bool {
    head.by_proxy || matches!(head.status, 407 | 502 | 504)
}

pub fn refused(status: u16, target: &Url, proxy: &str) -> String {
    match status {
        407 => format!("{proxy} wants a password (HTTP 407), and there is none to give"),
        403 => format!("{proxy} does not allow connections to {target} (HTTP 403)"),
        500..=599 => format!("{proxy} cannot reach {target} (HTTP {status})"),
        status => format!("{proxy} does not connect to {target} (HTTP {status})"),
    }
}

fn failed(fault: &Fault, proxy: &str) -> String {
    match fault {
        Fault::Closed => format!("{proxy} closed the connection without an answer"),
        Fault::NotHttp => format!("{proxy} does not answer as a proxy does"),
        Fault::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            format!("{proxy} accepts connections, but did not answer in time")
        }
        Fault::Io(error) => format!("{proxy} accepts connections, but then: {error}"),
    }
}
