//! hostready: may this virtualization host be upgraded, and did it come back whole?
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests stage files and processes"))]

mod catalog;
mod cli;
mod commands;
mod exit;
mod facts;
mod fix;
mod host;
mod judge;
mod model;
mod report;
mod texts;
mod units;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::Parser;

use crate::commands::{Ended, UsageError};
use crate::exit::Exit;

/// The C library's own gives pages back and takes them anew hundreds of times in a run.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

/// What the last panic said, and where.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

fn main() -> ExitCode {
    // A probe that panics is a row in the report; what ends the run is printed below, once, with its place.
    std::panic::set_hook(Box::new(|panic| {
        let words = panic.to_string().replace('\n', " ");
        *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = words;
    }));
    let cli = cli::Cli::parse();
    let error = match catch_unwind(AssertUnwindSafe(|| cli.run())) {
        Ok(Ok(code)) => return ExitCode::from(code),
        Ok(Err(error)) => error,
        Err(_) => {
            let words = LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner);
            anyhow::anyhow!(
                "a bug in hostready: {words}\nhint: report it, with the bundle that `hostready bundle` makes"
            )
        }
    };
    let exit = match error.downcast_ref::<Ended>() {
        Some(ended) => ended.exit,
        None if error.is::<UsageError>() => Exit::Usage,
        None => Exit::Internal,
    };
    report::error::print(&format!("{error:#}"), exit, cli.wants_json());
    ExitCode::from(exit.styled(cli.exit_style()))
}
