//! Runs that changed the host, as files that a person can read: `runs/ID/journal`, one line of JSON an entry, and the
//! report at its end.
#![allow(clippy::disallowed_methods)] // this is the home of the methods that are denied elsewhere

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::lock::DIRECTORY;
use super::snapshots::{RESERVE, Snapshots, UnsafeState, is_ours};
use super::store;
use crate::model::Report;
use crate::model::gather::Arrange as _;
use crate::model::run::{Entry, Line};

const JOURNAL: &str = "journal";
const REPORT: &str = "report.json";

/// A state directory.
#[derive(Clone, Debug)]
pub struct Runs {
    pub state: PathBuf,
}

/// Where what is about to be done is written down.
pub trait Log {
    /// On the disk when this returns.
    fn write(&mut self, what: Entry) -> io::Result<()>;

    /// Nobody else writes here, and so nobody else acts, until `release`. Every line that there is by then, where others
    /// may have written some.
    fn hold(&mut self) -> io::Result<Option<Vec<Line>>> {
        Ok(None)
    }

    fn release(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where a run writes down what it does. Dropped, it stays as it is.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    is_held: bool,
}

impl Runs {
    /// Where a run is kept when the state directory takes nothing: until the next boot.
    pub fn for_this_boot() -> Self {
        Self { state: PathBuf::from(DIRECTORY) }
    }

    pub fn is_of_this_boot(&self) -> bool {
        self.state == Path::new(DIRECTORY)
    }

    /// Nobody but us can change what is kept here: what a journal says is done to the host.
    pub fn is_safe(&self) -> Result<(), UnsafeState> {
        [&self.state, &self.directory()].into_iter().try_for_each(|directory| is_ours(directory))
    }

    fn directory(&self) -> PathBuf {
        self.state.join("runs")
    }

    pub fn of(&self, run: &str) -> PathBuf {
        self.directory().join(run)
    }

    /// A new run, whose name nobody has. On a full disk it takes the room that a snapshot has kept for it.
    pub fn begin(&self, run: &str) -> io::Result<Journal> {
        match self.make(run) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists && gives_way(&error, &self.state) => {
                // What was made of it is ours: its name was free.
                let _ = std::fs::remove_dir_all(self.of(run));
                self.make(run)
            }
            made => made,
        }
    }

    /// Keeps room for the next run again, where a snapshot has once and there is some.
    pub fn keep_room(&self) {
        let snapshots = Snapshots { state: self.state.clone() };
        if snapshots.directory().is_dir() {
            // Without it a run on a full disk is written down under /run, and says so.
            let _ = store::reserve(&snapshots.reserve(), RESERVE);
        }
    }

    fn make(&self, run: &str) -> io::Result<Journal> {
        let home = self.of(run);
        let make = |path: &Path, recursive| std::fs::DirBuilder::new().recursive(recursive).mode(0o700).create(path);
        make(&self.directory(), true)?;
        make(&home, false)?;
        let journal = Journal::open(&home.join(JOURNAL), true)?;
        sync(&home)?;
        sync(&self.directory())?;
        Ok(journal)
    }

    /// The report of a run that ended, beside its journal.
    pub fn keep_report(&self, run: &str, write: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let temporary = self.of(run).join(".report.json");
        let keep = || -> io::Result<()> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            write(&mut file)?;
            file.sync_all()
        };
        match keep() {
            Err(error) if gives_way(&error, &self.state) => keep()?,
            written => written?,
        }
        std::fs::rename(&temporary, self.of(run).join(REPORT))?;
        sync(&self.of(run))
    }

    /// None where the run has left none.
    pub fn report(&self, run: &str) -> io::Result<Option<Report>> {
        match std::fs::read(self.of(run).join(REPORT)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A run that did nothing leaves nothing, and one that is old enough. Without a journal it is none.
    pub fn forget(&self, run: &str) -> io::Result<()> {
        std::fs::remove_file(self.of(run).join(JOURNAL))?;
        std::fs::remove_dir_all(self.of(run))
    }

    pub fn exists(&self, run: &str) -> bool {
        self.of(run).join(JOURNAL).is_file()
    }

    /// How much was written; none where there is no such run.
    pub fn length(&self, run: &str) -> Option<u64> {
        self.of(run).join(JOURNAL).metadata().ok().map(|journal| journal.len())
    }

    /// One that exists, to go on with.
    pub fn resume(&self, run: &str) -> io::Result<Journal> {
        Journal::open(&self.of(run).join(JOURNAL), false)
    }

    /// Every line that is whole. One that was being written when the power went counts as not written.
    pub fn read(&self, run: &str) -> io::Result<Vec<Line>> {
        read(&self.of(run).join(JOURNAL))
    }

    /// The names of all runs, the oldest first: names sort by time.
    pub fn list(&self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(self.directory()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            // One that was killed before it had a journal did nothing.
            names.extend(entry?.file_name().into_string().ok().filter(|run| self.exists(run)));
        }
        // One that was cut off before it had a journal did nothing.
        names.retain(|run| self.exists(run));
        names.arrange();
        Ok(names)
    }
}

impl Journal {
    fn open(path: &Path, new: bool) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create_new(new).mode(0o600).open(path)?;
        let mut journal = Self { file, path: path.to_owned(), is_held: false };
        if !new {
            journal.file.lock()?;
            journal.end_torn_line()?;
            journal.file.unlock()?;
        }
        Ok(journal)
    }

    /// Cuts off what was half written when the power went.
    fn end_torn_line(&mut self) -> io::Result<()> {
        let text = std::fs::read(&self.path)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole < text.len() {
            OpenOptions::new().write(true).open(&self.path)?.set_len(whole as u64)?;
        }
        Ok(())
    }
}

impl Journal {
    fn append(&mut self, text: &[u8]) -> io::Result<()> {
        let before = self.file.metadata()?.len();
        self.file.write_all(text).and_then(|()| self.file.sync_data()).inspect_err(|_| {
            // Half a line on a full disk would end every line that comes after it; if this fails, reading cuts it off.
            let _ = self.file.set_len(before);
        })
    }

    fn put_down(&mut self, what: Entry) -> io::Result<()> {
        let line = Line { at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(), what };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        let state = self.path.ancestors().nth(3).unwrap_or(Path::new("/")).to_owned();
        let written = match self.append(&text) {
            Err(error) if gives_way(&error, &state) => self.append(&text),
            written => written,
        };
        written.map_err(|error| io::Error::new(error.kind(), format!("cannot write {}: {error}", self.path.display())))
    }
}

/// Gives the room back that was kept for this moment. False where it is no lack of room, or none was kept.
fn gives_way(error: &io::Error, state: &Path) -> bool {
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    is_full && std::fs::remove_file(Snapshots { state: state.to_owned() }.reserve()).is_ok()
}

impl Log for Journal {
    fn write(&mut self, what: Entry) -> io::Result<()> {
        if self.is_held {
            return self.put_down(what);
        }
        self.file.lock()?;
        let written = self.put_down(what);
        self.file.unlock()?;
        written
    }

    fn hold(&mut self) -> io::Result<Option<Vec<Line>>> {
        self.file.lock()?;
        let lines = self.end_torn_line().and_then(|()| read(&self.path));
        self.is_held = lines.is_ok();
        if lines.is_err() {
            self.file.unlock()?;
        }
        lines.map(Some)
    }

    fn release(&mut self) -> io::Result<()> {
        self.is_held = false;
        self.file.unlock()
    }
}

fn read(path: &Path) -> io::Result<Vec<Line>> {
    let text = std::fs::read_to_string(path)?;
    let mut lines = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if !line.ends_with('\n') {
            break;
        }
        lines.push(serde_json::from_str(line).map_err(|error| {
            let message = format!("{}:{}: {error}", path.display(), number + 1);
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?);
    }
    Ok(lines)
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_that_was_cut_off_was_never_written() {
        let home = tempfile::tempdir().unwrap();
        let runs = Runs { state: home.path().to_owned() };
        let mut journal = runs.begin("one").unwrap();
        journal.write(Entry::Intent { action: 0, step: 0 }).unwrap();
        journal.write(Entry::Done { action: 0, step: 0, already: false }).unwrap();
        let path = runs.of("one").join(JOURNAL);
        let whole = std::fs::read(&path).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for cut in first..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(runs.read("one").unwrap().len(), 1, "cut at {cut}");
            runs.resume("one").unwrap().write(Entry::Pending).unwrap();
            let lines = runs.read("one").unwrap();
            assert_eq!(lines.last().unwrap().what, Entry::Pending, "cut at {cut}");
            assert_eq!(lines.len(), 2, "cut at {cut}");
        }
        assert_eq!(runs.list().unwrap(), ["one"]);
        assert!(runs.begin("one").is_err(), "a name is used once");
    }

    #[test]
    fn run_without_a_journal_is_none() {
        let home = tempfile::tempdir().unwrap();
        let runs = Runs { state: home.path().to_owned() };
        drop(runs.begin("one").unwrap());
        std::fs::create_dir(runs.of("two")).unwrap();
        assert_eq!(runs.list().unwrap(), ["one"]);
    }

    #[test]
    fn nobody_else_writes_while_it_is_held_and_what_others_wrote_is_read() {
        let home = tempfile::tempdir().unwrap();
        let runs = Runs { state: home.path().to_owned() };
        let mut worker = runs.begin("one").unwrap();
        worker.write(Entry::Pending).unwrap();
        let mut guardian = runs.resume("one").unwrap();
        assert_eq!(worker.hold().unwrap().unwrap().len(), 1);
        let other = std::thread::spawn(move || guardian.write(Entry::Reverting { because: "late".to_owned() }));
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!other.is_finished(), "it was written while it was held");
        worker.write(Entry::Intent { action: 0, step: 0 }).unwrap();
        worker.release().unwrap();
        other.join().unwrap().unwrap();
        let lines = worker.hold().unwrap().unwrap();
        assert_eq!(lines.last().unwrap().what, Entry::Reverting { because: "late".to_owned() });
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn what_is_no_journal_is_told_with_its_line() {
        let home = tempfile::tempdir().unwrap();
        let runs = Runs { state: home.path().to_owned() };
        runs.begin("one").unwrap().write(Entry::Pending).unwrap();
        let path = runs.of("one").join(JOURNAL);
        std::fs::write(&path, [std::fs::read(&path).unwrap(), b"rubbish\n".to_vec()].concat()).unwrap();
        let error = runs.read("one").unwrap_err().to_string();
        assert!(error.contains("journal:2: "), "{error}");
    }
}
