//! hostready: may this virtualization host be upgraded, and did it come back whole?

mod catalog;
mod cli;
mod commands;
mod exit;
mod facts;
mod host;
mod judge;
mod model;
mod report;
mod units;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use crate::commands::UsageError;
use crate::exit::Exit;

/// The C library's own gives pages back and takes them anew hundreds of times in a run.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    // A probe that panics is a row in the report; what ends the run is printed below, once.
    std::panic::set_hook(Box::new(|_| {}));
    let cli = cli::Cli::parse();
    let error = match catch_unwind(AssertUnwindSafe(|| cli.run())) {
        Ok(Ok(code)) => return ExitCode::from(code),
        Ok(Err(error)) => error,
        Err(panic) => anyhow::anyhow!("a bug in hostready: {}", words(panic.as_ref())),
    };
    let exit = if error.is::<UsageError>() { Exit::Usage } else { Exit::Internal };
    report::error::print(&format!("{error:#}"), exit, cli.wants_json());
    ExitCode::from(exit.styled(cli.exit_style()))
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    owned.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked")
}
