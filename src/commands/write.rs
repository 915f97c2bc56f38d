//! Where a report goes: stdout, and `--output` as a whole or not at all.

use std::io::{BufWriter, ErrorKind, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;

use super::load::Subject;
use super::options::{Color, Format, OutputOptions, Progress, ReportOptions};
use crate::exit::Exit;
use crate::host::store::Store;
use crate::model::Report;
use crate::report::{json, text};

/// Ends a run that judged: prints what it found, and says it with the exit code.
pub fn judged(subject: &Subject, found: &Report, options: &ReportOptions, store: &Store) -> anyhow::Result<u8> {
    warn(subject);
    ended(found, options, store)
}

/// Ends a run that somebody else has judged, with the exit code that it has.
pub fn ended(found: &Report, options: &ReportOptions, store: &Store) -> anyhow::Result<u8> {
    let written = report(found, options, store)?;
    Ok(Exit::from_code(found.exit_code).merge(written).styled(options.exit_style))
}

/// What a person should know of the host and of the baseline before reading the rest.
pub fn warn(subject: &Subject) {
    for notice in &subject.notices {
        say(&format!("warning: {notice}"));
    }
}

/// Prints the report and stores it where `--output` says. A file that cannot be written costs the exit
/// code, never the report on stdout.
fn report(report: &Report, options: &ReportOptions, store: &Store) -> anyhow::Result<Exit> {
    match (options.output.format.format(), options.output.quiet) {
        (Format::Json, _) => print_with(&mut |out| json::write(report, out))?,
        (Format::Text, true) => print(&text::line(&report.host, &report.msg))?,
        (Format::Text, false) => print(&text::render(report, &style(options)))?,
    }
    output(&options.output, 0o644, store, &|| match options.output.format.format() {
        Format::Json => {
            let mut kept = Vec::new();
            json::write(report, &mut kept)?;
            Ok(kept)
        }
        Format::Text => Ok(text::render(report, &text::Style { color: false, verbose: options.verbose }).into_bytes()),
    })
}

/// Stores where `--output` says what `content` gives.
pub fn output(
    options: &OutputOptions,
    mode: u32,
    store: &Store,
    content: &dyn Fn() -> anyhow::Result<Vec<u8>>,
) -> anyhow::Result<Exit> {
    match &options.output {
        Some(path) => file(path, &content()?, mode, store),
        None => Ok(Exit::Ready),
    }
}

/// Writes a file; where that fails, says so and lets the exit code say it too.
pub fn file(path: &Path, content: &[u8], mode: u32, store: &Store) -> anyhow::Result<Exit> {
    match store.write(path, content, mode) {
        Ok(()) => Ok(Exit::Ready),
        Err(error) => {
            say(&format!("error: {}: {error}\nhint: nothing of it is in the file", path.display()));
            Ok(Exit::Internal)
        }
    }
}

/// Data, on stdout. A reader that has heard enough is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    print_with(&mut |out| out.write_all(text.as_bytes()))
}

/// The same, as `write` gives it.
pub fn print_with(write: &mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("stdout"),
        _ => Ok(()),
    }
}

/// Words, on stderr. If nobody can hear them, nobody can hear that either.
pub fn say(words: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{words}");
}

/// The same where a person reads it as it comes.
pub fn say_on_terminal(words: &str, progress: Progress) {
    if progress == Progress::Auto && std::io::stderr().is_terminal() {
        say(words);
    }
}

/// A line on a terminal in the place of the last one. If nobody can see it, nobody can be told.
pub fn overwrite(line: &str) {
    let mut terminal = std::io::stderr().lock();
    let _ = write!(terminal, "\r\x1b[K{line}");
    let _ = terminal.flush();
}

fn style(options: &ReportOptions) -> text::Style {
    let color = match options.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            !is_unwanted && std::io::stdout().is_terminal()
        }
    };
    text::Style { color, verbose: options.verbose }
}
